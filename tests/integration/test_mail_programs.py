"""What people have in their .qmail files and beside their Maildirs: Debian's
programs take delivery, and read while it goes on (contract local.md 9)."""
import contextlib
import json
import mailbox
import os
import pty
import select
import signal
import socket
import subprocess
import threading

import pytest

import debian
from debian import unpack
from facteur import IS_ROOT, Instance, poll, run

BODY = "hello\nFrom here\n\nend\n"


def text(subject, body=BODY):
    return f"From: s@elsewhere.test\nTo: alice@mail.test\nSubject: {subject}\n\n{body}"


def write(box, user, name, content, mode=0o644):
    """A file in the user's home."""
    path = box.home_of(user) / name
    path.write_text(content)
    os.chmod(path, mode)
    return box.own(path)


def maildir(box, user, name):
    for part in ("", "tmp", "new", "cur"):
        path = box.home_of(user) / name / part
        path.mkdir(mode=0o700)
        box.own(path)


def bodies(folder):
    """The subject and body of each message in a Maildir."""
    found = mailbox.Maildir(folder, create=False)
    return sorted((m["Subject"], m.get_payload()) for m in found)


def as_owner(box):
    """Become whoever the mail of a box belongs to."""
    def become():
        if IS_ROOT:
            os.setgroups([])
            os.setgid(box.gid)
            os.setuid(box.uid)
    return become


def preline(box, *options):
    return " ".join([f"{box.home}/bin/preline", *options])


# --- delivery ---

def test_procmail(instance):
    """Rules, a folder in Maildir format and an mbox; and its trouble is ours."""
    box = instance
    home = box.home_of("alice")
    write(box, "alice", "rules", f"""\
MAILDIR={home}
DEFAULT={home}/Maildir/
:0:
* ^Subject: spam
spam
:0
* ^Subject: full
/dev/full
:0
* ^Subject: never
{{ EXITCODE=77 HOST }}
""")
    box.dot_qmail("alice", f"|{preline(box)} procmail -m ./rules\n")
    for subject in ("ham", "spam", "never"):
        box.send("joe@elsewhere.test", ["alice@mail.test"], text(subject))
    [ham] = box.wait_mail("alice")
    box.wait_log(r"success: did_0\+0\+1/", n=2)
    box.wait_log("failure: ")
    head = ham.read_text().splitlines()
    assert head[:2] == ["Return-Path: <joe@elsewhere.test>", "Delivered-To: alice@mail.test"]
    assert bodies(home / "Maildir") == [("ham", BODY)]
    [spam] = mailbox.mbox(home / "spam", create=False)
    assert spam.get_from().startswith("joe@elsewhere.test ") and spam["Subject"] == "spam"
    assert ">From here" in spam.get_payload()


def test_procmail_in_trouble(instance):
    """It cannot write: 73 or 75, and the message waits."""
    box = instance
    write(box, "alice", "rules", "SUSPEND=1\nNORESRETRY=1\nLOCKSLEEP=1\nDEFAULT=/nowhere/at/all\nORGMAIL=/nowhere/at/all\n")
    box.dot_qmail("alice", f"|{preline(box)} procmail -t -m ./rules\n")
    box.send("joe@elsewhere.test", ["alice@mail.test"], text("x"))
    box.wait_log("deferral: ")
    assert len(box.queued()) == 1


def test_maildrop(instance):
    box, drop = instance, unpack("maildrop")
    maildir(box, "alice", "Maildir/.lists")
    home = box.home_of("alice")
    write(box, "alice", "filter", f"""\
if (/^Subject: list/)
{{
  to "{home}/Maildir/.lists"
}}
if (/^Subject: later/)
{{
  EXITCODE=75
  exit
}}
if (/^Subject: never/)
{{
  EXITCODE=100
  exit
}}
to "{home}/Maildir"
""", 0o600)
    box.dot_qmail("alice", f"|{preline(box, '-f')} {drop.shell('usr/bin/maildrop')} ./filter\n")
    for subject in ("ham", "list", "later", "never"):
        box.send("joe@elsewhere.test", ["alice@mail.test"], text(subject))
    box.wait_log(r"success: did_0\+0\+1/", n=2)
    box.wait_log("deferral: ")
    box.wait_log("failure: ")
    assert bodies(home / "Maildir") == [("ham", BODY)]
    assert bodies(home / "Maildir/.lists") == [("list", BODY)]
    [path] = box.mail("alice")
    assert path.read_text().startswith("Return-Path: <joe@elsewhere.test>\nDelivered-To: alice@mail.test\n")


def dovecot(box, folder):
    """Debian's Dovecot, and a configuration that belongs to this test."""
    where = debian.dovecot()
    conf = folder / "dovecot.conf"
    conf.write_text(f"""\
base_dir = {folder}/run
state_dir = {folder}/run
{debian.dovecot_settings(where)}mail_location = maildir:~/Maildir
first_valid_uid = 1
log_path = /dev/stderr
info_log_path = /dev/null
ssl = no
protocol lda {{
  mail_plugins = sieve
  postmaster_address = postmaster@mail.test
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
""")
    return where, conf


def test_dovecot_lda(instance):
    """With a Sieve script that files into a folder, which it makes."""
    box = instance
    home = box.home_of("alice")
    where, conf = dovecot(box, box.home)
    write(box, "alice", ".dovecot.sieve", """\
require ["fileinto", "mailbox", "reject"];
if header :contains "subject" "list" { fileinto :create "lists"; }
""")
    lda = " ".join(debian.dovecot_run(where, conf, "lda", "usr/lib/dovecot/dovecot-lda", "-f", '"$SENDER"'))
    box.dot_qmail("alice", f"|{preline(box, '-f')} env LD_LIBRARY_PATH={where.libraries} {lda}\n")
    for subject in ("ham", "list"):
        box.send("joe@elsewhere.test", ["alice@mail.test"], text(subject))
    box.wait_log(r"success: did_0\+0\+1/", n=2)
    assert bodies(home / "Maildir") == [("ham", BODY)]
    assert bodies(home / "Maildir/.lists") == [("list", BODY)]
    [path] = box.mail("alice")
    assert path.read_text().startswith("Return-Path: <joe@elsewhere.test>\n")


class Pop3:
    """A server with some messages, for those who fetch."""

    def __init__(self, *messages):
        self.messages = [m.replace("\n", "\r\n").encode() for m in messages]
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.deleted = set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer = self.socket.accept()[0]
                with peer, peer.makefile("rwb") as f:
                    self.talk(f)

    def talk(self, f):
        def say(*lines):
            f.write(b"".join(line + b"\r\n" for line in lines))
            f.flush()
        say(b"+OK")
        for line in f:
            verb, *args = line.split()
            verb, n = verb.upper(), int(args[0]) if args and args[0].isdigit() else 0
            if verb == b"QUIT":
                say(b"+OK")
                return
            if verb in (b"UIDL", b"LIST"):
                value = (lambda i, m: b"u%d" % i) if verb == b"UIDL" else (lambda i, m: b"%d" % len(m))
                rows = [b"%d %s" % (i, value(i, m)) for i, m in enumerate(self.messages, 1)]
                say(b"+OK " + rows[n - 1] if n else b"+OK", *([] if n else [*rows, b"."]))
            elif verb == b"STAT":
                say(b"+OK %d %d" % (len(self.messages), sum(map(len, self.messages))))
            elif verb == b"RETR":
                say(b"+OK", *self.messages[n - 1].removesuffix(b"\r\n").split(b"\r\n"), b".")
            elif verb == b"DELE":
                self.deleted.add(n)
                say(b"+OK")
            elif verb in (b"USER", b"PASS", b"NOOP"):
                say(b"+OK")
            else:
                say(b"-ERR")


def test_getmail(instance, tmp_path):
    """Fetched mail is delivered by qmail-local itself."""
    box, get = instance, unpack("getmail6")
    home = box.home_of("alice")
    folder = home / "getmail"
    folder.mkdir(mode=0o700)
    box.own(folder)
    server = Pop3(*("X-Envelope-To: alice@mail.test\n" + text(subject) for subject in ("one", "two")))
    write(box, "alice", "getmail/getmailrc", f"""\
[retriever]
type = MultidropPOP3Retriever
envelope_recipient = x-envelope-to:1
server = 127.0.0.1
port = {server.port}
username = alice
password = x
[destination]
type = MDA_qmaillocal
qmaillocal = {box.home}/bin/qmail-local
user = {box.owner_name()}
homedir = {home}
localdomain = mail.test
defaultdelivery = ./Maildir/
strip_delivered_to = true
allow_root_commands = true
[options]
delete = true
read_all = true
""", 0o600)
    done = run("/usr/bin/python3", get.path("usr/bin/getmail"), "--getmaildir", folder, "--rcfile", "getmailrc",
               env=get.env(PYTHONPATH=get.path("usr/lib/python3/dist-packages"), HOME=str(home)),
               preexec_fn=as_owner(box), stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bodies(home / "Maildir") == [("one", BODY), ("two", BODY)], done.stdout
    assert server.deleted == {1, 2}


def test_mlmmj(instance, tmp_path):
    """A list: who subscribes gets what is sent, with a sender that names him."""
    box, lists = instance, unpack("mlmmj")
    spool = box.home_of("alice") / "list"
    for name in ("", "incoming", "queue", "queue/discarded", "archive", "text", "subconf", "unsubconf", "bounce",
                 "control", "moderation", "subscribers.d", "digesters.d", "requeue", "nomailsubs.d"):
        (spool / name).mkdir()
        box.own(spool / name)
    for name, content in (("index", "0\n"), ("control/listaddress", "alice-list@mail.test\n"),
                          ("control/delimiter", "-\n"), ("control/relayhost", "127.0.0.1\n"),
                          ("control/smtpport", f"{box.port}\n"), ("control/owner", "alice@mail.test\n"),
                          ("subscribers.d/b", "bob@mail.test\n")):
        write(box, "alice", f"list/{name}", content)
    for ext in ("-list", "-list-default"):
        box.dot_qmail("alice", f"|{preline(box, '-f')} {lists.path('usr/bin/mlmmj-receive')} -F -L {spool}\n", ext)
    box.send("bob@mail.test", ["alice-list@mail.test"],
             "From: bob@mail.test\nTo: alice-list@mail.test\nSubject: to all\n\nhi\n")
    [path] = box.wait_mail("bob")
    head = path.read_text()
    assert head.startswith("Return-Path: <alice-list-bounces-1-bob=mail.test@mail.test>\n")
    assert "\nSubject: to all\n" in head and head.rstrip().endswith("\n\nhi")


# --- reading while it is written ---

READ = 200


@contextlib.contextmanager
def arriving(box, user, n=READ):
    """n messages come in meanwhile."""
    failed = []

    def send(part):
        try:
            with box.smtp() as s:
                for i in range(part, n, 4):
                    s.sendmail("joe@elsewhere.test", [f"{user}@mail.test"], text(f"n{i}", body_of(i)))
        except Exception as e:
            failed.append(e)

    threads = [threading.Thread(target=send, args=[k]) for k in range(4)]
    for t in threads:
        t.start()
    yield lambda: any(t.is_alive() for t in threads)
    for t in threads:
        t.join()
    assert not failed, failed


def body_of(i):
    """Large enough not to be written at once, and known by its number."""
    return "".join(f"{i}: {line}\n" for line in range(i * 37 % 2000 + 1))


def check_whole(subject, body):
    assert body.replace("\r\n", "\n").rstrip("\n") == body_of(int(subject.removeprefix("n"))).rstrip("\n"), subject


def test_dovecot_reads(instance, tmp_path):
    box = instance
    where, conf = dovecot(box, box.home)
    home = box.home_of("alice")

    def fetch():
        done = subprocess.run(debian.dovecot_run(where, conf, "doveadm", "usr/bin/doveadm", "-f", "json", "fetch",
                                                 "hdr.subject body", "mailbox", "INBOX"),
                              capture_output=True, text=True,
                              env=where.env(HOME=str(home), USER="alice"), cwd=home, preexec_fn=as_owner(box))
        assert done.returncode == 0, done.stderr
        return [(m["hdr.subject"], m["body"]) for m in json.loads(done.stdout or "[]")]

    seen = 0
    with arriving(box, "alice") as is_busy:
        while is_busy():
            found = fetch()
            for subject, body in found:
                check_whole(subject, body)
            assert len(found) >= seen  # what was there stays
            seen = len(found)
    poll(lambda: not box.queued(), "all is delivered")
    assert sorted(s for s, _ in fetch()) == sorted(f"n{i}" for i in range(READ))


def in_terminal(argv, env, cwd, become):
    """Run a program that wants a terminal; its exit code."""
    master, slave = pty.openpty()
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd,
                               preexec_fn=become, start_new_session=True)
    os.close(slave)
    said = b""
    try:
        while process.poll() is None:
            if select.select([master], [], [], 0.05)[0]:
                said += os.read(master, 65536)
    except OSError:
        pass  # it closed its terminal
    try:
        code = process.wait(60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise AssertionError(said[-2000:])
    os.close(master)
    return code


def test_mutt_reads(instance, tmp_path):
    """It copies all it finds into an mbox, again and again."""
    box, mutt = instance, unpack("mutt")
    home = box.home_of("alice")
    rc = write(box, "alice", "muttrc", f"""\
set folder={home} spoolfile={home}/Maildir record="" move=no confirmappend=no confirmcreate=no
set mbox_type=mbox header_cache="" sleep_time=0 wait_key=no quit=yes delete=no mark_old=no
set copy=no beep=no check_new=no dotlock_program={mutt.path('usr/bin/mutt_dotlock')}
""")

    def copy(name):
        out = home / name
        assert in_terminal(
            [mutt.path("usr/bin/mutt"), "-n", "-F", str(home / "muttrc"), "-f", str(home / "Maildir"), "-e",
             f'push "<tag-pattern>~A<enter><tag-prefix-cond><copy-message>{out}<enter><end-cond><exit>"'],
            mutt.env(HOME=str(home), TERM="vt100", LC_ALL="C"), home, as_owner(box)) == 0
        if not out.exists():
            return []
        found = [(m["Subject"], m.get_payload()) for m in mailbox.mbox(out, create=False)]
        out.unlink()
        return found

    assert rc
    with arriving(box, "alice") as is_busy:
        while is_busy():
            for subject, body in copy("copied"):
                check_whole(subject, body)
    poll(lambda: not box.queued(), "all is delivered")
    assert sorted(s for s, _ in copy("last")) == sorted(f"n{i}" for i in range(READ))


@pytest.mark.parametrize("package", ["maildrop", "getmail6", "mlmmj", "mutt"])
def test_nothing_is_installed(package):
    """What was unpacked stays where it is."""
    where = unpack(package)
    assert os.listdir(where.path("usr/bin")) and str(where.root) != "/"
