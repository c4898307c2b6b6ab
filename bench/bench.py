#!/usr/bin/python3
"""Facteur and Postfix side by side: make bench, as root.

Both run in private prefixes inside a mount namespace of their own, where
/etc/passwd has the accounts they need; nothing of the machine is changed.
Rounds are interleaved; figures are medians; ratios are of the same run.
"""
import argparse
import ctypes
import os
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(os.environ.get("FACTEUR_BIN", ROOT / "build/bin"))
USERS = 100
QMAIL = ["alias", "qmaild", "qmaill", "qmailp", "qmailq", "qmailr", "qmails"]
DOMAIN = "bench.example"
TICK = os.sysconf("SC_CLK_TCK")


def sh(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, **kw)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(fact, what, seconds=60, step=0.002):
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            sys.exit(f"bench: {what}: did not happen in {seconds} s")
        time.sleep(step)


def files_in(folder):
    """How many, in it and below: without looking at each of them."""
    with os.scandir(folder) as entries:
        return sum(files_in(e.path) if e.is_dir(follow_symlinks=False) else 1 for e in entries)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def own_namespace(top):
    """A private /etc/passwd and /etc/group; gone when we are."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) != 0:
        sys.exit("bench: cannot make a mount namespace: run as root")
    sh("mount", "--make-rprivate", "/")
    passwd, group = Path("/etc/passwd").read_text(), Path("/etc/group").read_text()
    group += "qmail:x:64010:\nnofiles:x:64011:\npostfix:x:64020:\npostdrop:x:64021:\n"
    for i, name in enumerate(QMAIL):
        gid = 64010 if name in ("qmailq", "qmailr", "qmails") else 64011
        home = top / "facteur" / "alias" if name == "alias" else top / "facteur"
        passwd += f"{name}:x:{64010 + i}:{gid}::{home}:/bin/false\n"
    passwd += f"postfix:x:64020:64020::{top}:/bin/false\n"
    for i in range(USERS):
        home = top / "home" / f"u{i}"
        passwd += f"u{i}:x:{65100 + i}:65100::{home}:/bin/sh\n"
        (home / "Maildir").mkdir(parents=True)
        for d in ("tmp", "new", "cur"):
            (home / "Maildir" / d).mkdir()
        sh("chown", "-R", f"{65100 + i}:65100", home)
    for name, text in (("passwd", passwd), ("group", group)):
        (top / name).write_text(text)
        sh("mount", "--bind", top / name, f"/etc/{name}")


class Load:
    """Postfix's smtp-source and smtp-sink."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(prefix / "usr/lib/postfix"),
                    "MAIL_CONFIG": str(prefix / "etc")}

    def source(self, port, rcpt, count, sessions, extra=()):
        return subprocess.Popen(
            [str(self.prefix / "usr/sbin/smtp-source"), *extra, "-s", str(sessions), "-l", "4096",
             "-m", str(count), "-f", f"sender@{DOMAIN}", "-t", rcpt, f"127.0.0.1:{port}"],
            env=self.env, stdout=subprocess.DEVNULL)

    def sink(self, port):
        p = subprocess.Popen([str(self.prefix / "usr/sbin/smtp-sink"), "-u", "nobody",
                              f"127.0.0.1:{port}", "1024"], env=self.env, start_new_session=True)
        wait_for(lambda: answers(port), "smtp-sink listens")
        return p


class System:
    def __init__(self, top):
        self.top = top
        self.port = free_port()
        self.sinkport = free_port()
        self.procs = []

    def pids(self):
        """Every process below ours, dead parents included by session."""
        sessions = {p.pid for p in self.procs}
        found = []
        for d in Path("/proc").iterdir():
            if not d.name.isdigit():
                continue
            try:
                stat = (d / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(stat[3]) in sessions:
                found.append((int(d.name), stat))
        return found

    def hold(self, signal_):
        """Stop the scheduler, so that mail waits, or let it go on."""
        [pid] = [p for p, stat in self.pids() if Path(f"/proc/{p}/comm").read_text().strip() == self.scheduler]
        os.kill(pid, signal_)

    def cpu(self):
        """Seconds of all our processes, living and reaped."""
        return sum(sum(map(int, stat[11:15])) for _, stat in self.pids()) / TICK

    def start_program(self, argv, **kw):
        p = subprocess.Popen([str(a) for a in argv], start_new_session=True, **kw)
        self.procs.append(p)
        return p

    def stop(self):
        for p in reversed(self.procs):
            try:
                os.killpg(p.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        end = time.monotonic() + 10
        while self.pids() and time.monotonic() < end:
            for p in self.procs:
                p.poll()
            time.sleep(0.01)
        for pid, _ in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for p in self.procs:
            p.wait()
        self.procs = []


class Facteur(System):
    name = "facteur"
    scheduler = "qmail-send"

    def __init__(self, top):
        super().__init__(top)
        self.home = top / "facteur"
        self.env = {**os.environ, "QMAILHOME": str(self.home)}
        sh(BIN / "qmailctl", "-d", self.home, "init", "--me", f"mx.{DOMAIN}", stdout=subprocess.DEVNULL)
        c = self.home / "control"
        (c / "locals").write_text(f"{DOMAIN}\n")
        (c / "rcpthosts").unlink()
        (c / "smtproutes").write_text(f":127.0.0.1:{self.sinkport}\n")
        (c / "concurrencylocal").write_text("100\n")  # Postfix's default_process_limit
        (c / "defaultdelivery").write_text("./Maildir/\n")

    def start(self, deliver):
        log = {n: open(self.top / f"{n}.log", "ab") for n in ("queue", "send", "smtpd")}
        self.start_program([BIN / "qmail-queue", "--resident"], env=self.env, stderr=log["queue"])
        wait_for(lambda: (self.home / "run/queue").exists(), "the queue service listens")
        if deliver:
            # qmail-lspawn finds programs and users by PATH-free names in bin/
            self.start_program([BIN / "qmail-start", "./Maildir/"], env=self.env,
                               stdout=log["send"], stderr=log["send"])
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", self.port))
        s.listen(1024)
        self.start_program([BIN / "qmail-smtpd"], env=self.env, stdin=s, stderr=log["smtpd"])
        s.close()
        wait_for(lambda: answers(self.port), "qmail-smtpd listens")

    def waiting(self):
        return files_in(self.home / "queue/todo")

    def drop_queue(self):
        for kind in ("todo", "info", "mess"):
            for f in (self.home / "queue" / kind).glob("*/*"):
                f.unlink()


MASTER = """\
{smtp} inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
{qmgr}
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(System):
    name = "postfix"
    scheduler = "qmgr"

    def __init__(self, top, prefix):
        super().__init__(top)
        self.prefix = prefix
        self.etc = prefix / "etc"
        self.etc.mkdir(exist_ok=True)
        self.spool, self.data = top / "postfix-spool", top / "postfix-data"
        for d in (self.spool, self.data):
            d.mkdir()
        sh("chown", "64020:64020", self.data)
        self.env = {**os.environ, "LD_LIBRARY_PATH": str(prefix / "usr/lib/postfix"),
                    "MAIL_CONFIG": str(self.etc)}
        (self.etc / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {self.spool}
data_directory = {self.data}
command_directory = {prefix}/usr/sbin
daemon_directory = {prefix}/usr/lib/postfix/sbin
meta_directory = {self.etc}
shlib_directory = {prefix}/usr/lib/postfix
sendmail_path = {prefix}/usr/sbin/sendmail
newaliases_path = {prefix}/usr/sbin/sendmail
mailq_path = {prefix}/usr/sbin/sendmail
html_directory = no
manpage_directory = no
readme_directory = no
sample_directory = {self.etc}
mail_owner = postfix
setgid_group = postdrop
default_privs = nobody
import_environment = LD_LIBRARY_PATH MAIL_CONFIG TZ
export_environment = LD_LIBRARY_PATH MAIL_CONFIG TZ
maillog_file = {top}/postfix.log
maillog_file_prefixes = {top}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{DOMAIN}
mydestination = {DOMAIN}
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
home_mailbox = Maildir/
relayhost = [127.0.0.1]:{self.sinkport}
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtp_tls_security_level = none
smtpd_tls_security_level = none
""")

    def start(self, deliver):
        (self.etc / "master.cf").write_text(MASTER.format(
            smtp=f"127.0.0.1:{self.port}", qmgr="qmgr unix n - n 300 1 qmgr" if deliver else ""))
        for d in ("active bounce corrupt defer deferred flush hold incoming maildrop pid private "
                  "public saved trace").split():
            path = self.spool / d
            path.mkdir(exist_ok=True)
            sh("chown", "64020:64020" if d != "pid" else "0:0", path)
            if d == "maildrop":
                os.chown(path, 64020, 64021)
                os.chmod(path, 0o1730)
            elif d == "public":
                os.chown(path, 64020, 64021)
                os.chmod(path, 0o710)
            elif d == "pid":
                os.chmod(path, 0o755)
            else:
                os.chmod(path, 0o700)
        self.start_program([self.prefix / "usr/lib/postfix/sbin/master", "-d", "-c", self.etc],
                           env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers(self.port), "postfix listens")

    def waiting(self):
        return sum(files_in(self.spool / d) for d in ("incoming", "active", "deferred", "maildrop"))

    def drop_queue(self):
        for d in ("incoming", "active", "deferred"):
            for f in (self.spool / d).rglob("*"):
                if f.is_file():
                    f.unlink()


def in_maildirs(top):
    return sum(1 for _ in (top / "home").glob("*/Maildir/new/*"))


def kernel(name):
    return int(re.search(rf"^{name} (\d+)", Path("/proc/stat").read_text(), re.M)[1])


class Work:
    def __init__(self, name, deliver, rcpts, done, sink=False, extra=(), held=False):
        self.name, self.deliver, self.rcpts = name, deliver, rcpts
        self.done, self.sink, self.extra = done, sink, extra
        self.held = held  # all is accepted before the first is delivered


def send_all(load, system, work, count):
    if len(work.rcpts) == 1:
        p = load.source(system.port, work.rcpts[0], count, 20, work.extra)
        if p.wait() != 0:
            sys.exit("bench: smtp-source failed")
        return
    share = max(1, count // len(work.rcpts))

    def one(k):
        for rcpt in work.rcpts[k::20]:
            load.source(system.port, rcpt, share, 1, work.extra).wait()

    threads = [threading.Thread(target=one, args=(k,)) for k in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def measure(load, system, work, count):
    count -= count % len(work.rcpts)
    system.start(work.deliver)
    sink = load.sink(system.sinkport) if work.sink else None
    send_all(load, system, work, len(work.rcpts) * max(1, 100 // len(work.rcpts)))  # warm
    if work.deliver:
        wait_for(lambda: system.waiting() == 0, f"{system.name} has delivered")
    # what is there stays: deleting would make the next files dearer
    there = in_maildirs(system.top)
    if work.held:
        system.hold(signal.SIGSTOP)
        send_all(load, system, work, count)
    before = system.cpu(), kernel("ctxt"), kernel("processes"), time.monotonic()
    if work.held:
        system.hold(signal.SIGCONT)
    else:
        send_all(load, system, work, count)
    if work.deliver:
        # seldom: looking at the queue costs the processor that is measured
        wait_for(lambda: system.waiting() == 0, f"{system.name} has delivered", 300, 0.1)
    seconds = time.monotonic() - before[3]
    figures = {
        "msg/s": count / seconds,
        "cpu ms": (system.cpu() - before[0]) / count * 1000,
        "ctxsw": (kernel("ctxt") - before[1]) / count,
        "forks": (kernel("processes") - before[2]) / count,
    }
    came = in_maildirs(system.top) - there
    if work.done == "maildir" and came != count:
        sys.exit(f"bench: {system.name}: {came} of {count} in the Maildirs")
    figures["fsyncs"] = fsyncs(load, system, work)
    system.stop()
    system.drop_queue()
    if sink:
        os.killpg(sink.pid, signal.SIGKILL)
        sink.wait()
    return figures


def fsyncs(load, system, work):
    """Sync calls per message, traced on a short run of its own."""
    if not shutil.which("strace"):
        return float("nan")
    n = 200 - 200 % len(work.rcpts)
    out = system.top / "strace.out"
    pids = [x for pid, _ in system.pids() for x in ("-p", str(pid))]
    tracer = subprocess.Popen(["strace", "-qq", "-f", "-e", "trace=fsync,fdatasync,syncfs", "-o", str(out), *pids],
                              stderr=subprocess.DEVNULL)
    wait_for(out.exists, "strace is attached")
    time.sleep(0.5)
    send_all(load, system, work, n)
    if work.deliver:
        wait_for(lambda: system.waiting() == 0, "traced run is delivered", 120)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls = len(re.findall(r"(?:f(?:data)?sync|syncfs)\(", out.read_text()))
    out.unlink()
    return calls / n


def unpack_postfix(top):
    prefix = top / "postfix"
    debs = top / "debs"
    debs.mkdir()
    os.chmod(debs, 0o777)
    sh("apt-get", "download", "postfix", cwd=debs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for deb in debs.glob("*.deb"):
        sh("dpkg-deb", "-x", deb, prefix)
    return prefix


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("-n", type=int, default=4000, help="messages per round")
    ap.add_argument("-r", type=int, default=3, help="rounds")
    ap.add_argument("-w", action="append", help="only this work (accept, accept-d, one, hundred, local-one, local, relay)")
    ap.add_argument("--only", help="only this system (facteur, postfix)")
    args = ap.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: run as root: both systems use several accounts")
    top = Path(tempfile.mkdtemp(prefix="facteur-bench."))
    os.chmod(top, 0o755)
    try:
        prefix = unpack_postfix(top)
        own_namespace(top)
        load = Load(prefix)
        systems = [make() for name, make in (("facteur", lambda: Facteur(top)),
                                            ("postfix", lambda: Postfix(top, prefix)))
                   if args.only in (None, name)]
        works = {
            "accept": Work("SMTP accept, a connection each", False, [f"u0@{DOMAIN}"], "queue"),
            "accept-d": Work("SMTP accept, reused connections", False, [f"u0@{DOMAIN}"], "queue", extra=("-d",)),
            "one": Work("SMTP -> Maildir, one user", True, [f"u0@{DOMAIN}"], "maildir"),
            "hundred": Work("SMTP -> Maildir, 100 users", True,
                            [f"u{i}@{DOMAIN}" for i in range(USERS)], "maildir"),
            "local-one": Work("queue -> Maildir, one user", True, [f"u0@{DOMAIN}"], "maildir", held=True),
            "local": Work("queue -> Maildir, 100 users", True,
                          [f"u{i}@{DOMAIN}" for i in range(USERS)], "maildir", held=True),
            "relay": Work("SMTP -> relay to a sink", True, ["x@elsewhere.example"], "sink", sink=True),
        }
        for key, work in works.items():
            if args.w and key not in args.w:
                continue
            rounds = {s.name: [] for s in systems}
            for _ in range(args.r):
                for s in systems:
                    rounds[s.name].append(measure(load, s, work, args.n))
            print(f"\n{work.name}: {args.n} messages of 4 KiB, 20 connections, {args.r} rounds, medians")
            print(f"{'':10}" + "".join(f"{k:>10}" for k in rounds[systems[0].name][0]))
            med = {}
            for s in systems:
                med[s.name] = {k: statistics.median(r[k] for r in rounds[s.name]) for k in rounds[s.name][0]}
                print(f"{s.name:10}" + "".join(f"{v:10.2f}" for v in med[s.name].values()))
            if len(systems) == 2:
                f, p = med["facteur"], med["postfix"]
                print(f"facteur does {f['msg/s'] / p['msg/s']:.1f} times the messages/s "
                      f"for {p['cpu ms'] / max(f['cpu ms'], 1e-9):.1f} times less CPU per message")
            sys.stdout.flush()
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
