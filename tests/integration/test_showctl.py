"""qmail-showctl (contract queue.md 8)."""
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from accounts import ALIAS, NOFILES, QMAIL, QMAILP, QMAILQ, System
from accounts import needs_accounts
from facteur import BIN, NOBODY, ROOT, Instance, run
from rig import become

ME = "me.test"
TROUBLE = "Oops! Trouble reading this file."

# name: what stands before and after a value, and the default value
LINES = {
    "bouncefrom": ("Bounce user name is ", ".", "MAILER-DAEMON"),
    "bouncehost": ("Bounce host name is ", ".", ME),
    "concurrencylocal": ("Local concurrency is ", ".", "10"),
    "concurrencyremote": ("Remote concurrency is ", ".", "20"),
    "databytes": ("SMTP DATA limit is ", " bytes.", "0"),
    "defaultdomain": ("Default domain name is ", ".", ME),
    "defaulthost": ("Default host name is ", ".", ME),
    "doublebouncehost": ("2B recipient host: ", ".", ME),
    "doublebounceto": ("2B recipient user: ", ".", "postmaster"),
    "envnoathost": ("Presumed domain name is ", ".", ME),
    "helohost": ("SMTP client HELO host name is ", ".", ME),
    "idhost": ("Message-ID host name is ", ".", ME),
    "localiphost": ("Local IP address becomes ", ".", ME),
    "plusdomain": ("Plus domain name is ", ".", ME),
    "queuelifetime": ("Message lifetime in the queue is ", " seconds.",
                      "604800"),
    "smtpgreeting": ("SMTP greeting: 220 ", ".", ME),
    "timeoutconnect": ("SMTP client connection timeout is ", " seconds.",
                       "60"),
    "timeoutremote": ("SMTP client data timeout is ", " seconds.", "1200"),
    "timeoutsmtpd": ("SMTP server data timeout is ", " seconds.", "1200"),
    "bounceformat": ("Bounce format is ", ".", "qsbmf"),
    "concurrencydest": ("Concurrency per destination is ", ".", "20"),
    "concurrencyincoming": ("SMTP server concurrency is ", ".", "100"),
    "eightbit": ("8-bit messages for servers without 8BITMIME: ", ".",
                 "asis"),
    "remotecommand": ("Remote deliveries are made by ", ".",
                      "qmail-remote"),
}
NUMBERS = [name for name, (_, _, value) in LINES.items() if value.isdigit()]
HOSTS = [name for name, (_, _, value) in LINES.items() if value == ME]

# name: what stands before and after each value, and the default sentence
LISTS = {
    "badmailfrom": ("", " not accepted in MAIL FROM.",
                    "Any MAIL FROM is allowed."),
    "locals": ("Messages for ", " are delivered locally.",
               "Messages for me are delivered locally."),
    "percenthack": ("The percent hack is allowed for user%host@", ".",
                    "The percent hack is not allowed."),
    "qmqpservers": ("QMQP server: ", ".", "No QMQP servers."),
    "rcpthosts": ("SMTP clients may send messages to recipients at ", ".",
                  "SMTP clients may send messages to any recipient."),
    "smtproutes": ("SMTP route: ", "", "No artificial SMTP routes."),
    "virtualdomains": ("Virtual domain: ", "", "No virtual domains."),
    "defaultdelivery": ("Default delivery: ", "",
                        "Default delivery: ./Mailbox"),
    "listeners": ("Listener: ", "", "No listeners."),
    "retryschedule": ("Retry schedule: ", "", "Retry schedule: quadratic."),
    "routeoverrides": ("Route override: ", "", "No route overrides."),
}

# the same with one value
TEXTS = {
    "bouncemaxbytes": ("Bounces quote at most ", " bytes of a message.",
                       "Bounces quote messages as bounceformat has it."),
    "delaywarn": ("Senders are warned of a delay after ", ".",
                  "Senders are not warned of delays."),
    "maildirquota": ("Quota of maildirs: ", ".",
                     "Maildirs have no quota but their own."),
    "queuemin": ("Free space the queue leaves: ", ".",
                 "Free space the queue leaves is up to qmail-queue."),
}

CLASSIC = """badmailfrom bouncefrom bouncehost concurrencylocal
concurrencyremote databytes defaultdomain defaulthost doublebouncehost
doublebounceto envnoathost helohost idhost localiphost locals me percenthack
plusdomain qmqpservers queuelifetime rcpthosts morercpthosts
morercpthosts.cdb smtpgreeting smtproutes timeoutconnect timeoutremote
timeoutsmtpd virtualdomains""".split()


@pytest.fixture
def home():
    """Where every user can get at it; control/ has only me."""
    with tempfile.TemporaryDirectory(prefix="facteur-showctl-") as top:
        os.chmod(top, 0o755)
        (Path(top) / "control").mkdir(mode=0o755)
        put(top, "me", ME + "\n")
        yield Path(top)


def put(home, name, text):
    path = Path(home) / "control" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, 0o644)
    return path


def show(home, code=0, **more):
    done = subprocess.run([BIN / "qmail-showctl"], timeout=60,
                          env={**os.environ, "QMAILHOME": str(home)},
                          capture_output=True, **more)
    assert (done.returncode, done.stderr) == (code, b"")
    return done.stdout.decode("ascii")


def split(report):
    """The head, and the text of each file in order."""
    head, *parts = report.split("\n\n")
    rows = {}
    for part in parts:
        name, text = part.removesuffix("\n").split(": ", 1)
        assert name not in rows
        rows[name] = text
    return head, rows


def rows_of(home):
    return split(show(home))[1]


# the head

def head(home, users, groups):
    return (f"qmail home directory: {home}.\n"
            "user-ext delimiter: -.\n"
            "paternalism (in decimal): 2.\n"
            "silent concurrency limit: 1000.\n"
            "subdirectory split: 23.\n"
            f"user ids: {users}.\n"
            f"group ids: {groups}.")


@needs_accounts
def test_ids():
    """a d l o p q r s; n q."""
    system = System()
    try:
        for name, uid in [("qmaild", 30013), ("qmaill", 30014),
                          ("qmailr", 30015), ("qmails", 30016)]:
            system.account(name, uid, NOFILES, system.home, False)
        system.write()
        done = system.run(BIN / "qmail-showctl")
        assert (done.returncode, done.stderr) == (0, b"")
        assert split(done.stdout.decode())[0] == head(
            system.home, f"{ALIAS}, 30013, 30014, 0, {QMAILP}, {QMAILQ}, "
            "30015, 30016", f"{NOFILES}, {QMAIL}")
    finally:
        system.close()


@needs_accounts
def test_ids_of_no_account():
    system = System(alias=False, qmail=False)
    try:
        done = system.run(BIN / "qmail-showctl")
        assert split(done.stdout.decode())[0] == head(
            system.home, "none, none, none, 0, none, none, none, none",
            f"{NOFILES}, {QMAIL}")
    finally:
        system.close()


def test_ids_in_a_home_of_one_user(home):
    if os.geteuid() == 0:
        os.chown(home, NOBODY, NOBODY)
    owner = os.stat(home)
    assert split(show(home))[0] == head(
        home, ", ".join([str(owner.st_uid)] * 8),
        ", ".join([str(owner.st_gid)] * 2))


def test_the_limit_is_announced(tmp_path):
    """What qmail-send says when asked for more."""
    control = {"concurrencylocal": "5000\n", "concurrencyremote": "5000\n"}
    with Instance(tmp_path, control=control) as box:
        m = box.wait_log(r"^status: local 0/(\d+) remote 0/(\d+)$")
        limit = re.search(r"silent concurrency limit: (\d+)\.",
                          show(box.home))[1]
        assert (m[1], m[2]) == (limit, limit)
        assert rows_of(box.home)["concurrencylocal"] == \
            "Local concurrency is 5000."


# the files

def test_order(home):
    put(home, "zzz", "")
    rows = list(rows_of(home))
    assert rows[:len(CLASSIC)] == CLASSIC
    assert sorted(rows) == sorted(
        [*LINES, *LISTS, *TEXTS, "me", "morercpthosts", "morercpthosts.cdb",
         "zzz"])
    assert rows[-1] == "zzz"


def test_the_whole(home):
    """Byte for byte, as far as the classic goes."""
    put(home, "rcpthosts", "a.test\n.b.test\n")
    put(home, "badmailfrom", "")
    put(home, "databytes", "1000\n")
    report = show(home)
    assert "\n\nbadmailfrom: \n\nbouncefrom: (Default.) Bounce user name " \
        "is MAILER-DAEMON.\n\nbouncehost: (Default.) Bounce host name is " \
        "me.test.\n\n" in report
    assert "\n\ndatabytes: SMTP DATA limit is 1000 bytes.\n\n" in report
    assert "\n\nme: My name is me.test.\n\n" in report
    assert "\n\nrcpthosts: \nSMTP clients may send messages to recipients " \
        "at a.test.\nSMTP clients may send messages to recipients at " \
        ".b.test.\n\nmorercpthosts: (Default.) No effect.\n\n" \
        "morercpthosts.cdb: (Default.) No effect.\n\nsmtpgreeting: " in report


@pytest.mark.parametrize("name", LINES)
def test_line(home, name):
    before, after, standard = LINES[name]
    assert rows_of(home)[name] == f"(Default.) {before}{standard}{after}"
    value = "7" if name in NUMBERS else "some value"
    put(home, name, value + " \t\nrest\n")
    assert rows_of(home)[name] == before + value + after
    put(home, name, value)
    assert rows_of(home)[name] == before + value + after
    put(home, name, "")
    if name in NUMBERS:
        assert rows_of(home)[name] == f"(Default.) {before}{standard}{after}"
    else:
        assert rows_of(home)[name] == before + after


@pytest.mark.parametrize("name", LISTS)
def test_list(home, name):
    before, after, standard = LISTS[name]
    assert rows_of(home)[name] == f"(Default.) {standard}"
    put(home, name, "# comment\none\n\n two \t\n#\n \t\nthree")
    assert rows_of(home)[name] == "\n" + "\n".join(
        before + value + after for value in ("one", " two", "three"))
    put(home, name, "\n#\n")
    assert rows_of(home)[name] == ""


@pytest.mark.parametrize("name", TEXTS)
def test_text(home, name):
    before, after, standard = TEXTS[name]
    assert rows_of(home)[name] == f"(Default.) {standard}"
    put(home, name, "12h \n5\n")
    value = "12" if name == "bouncemaxbytes" else "12h"
    assert rows_of(home)[name] == before + value + after


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text, value", [
    ("7 8", "7"), ("0x10", "0"), ("0012", "12"), ("5x", "5"),
    ("4294967296", "4294967296"), ("9" * 30, str(2 ** 64 - 1)),
    ("abc", None), ("-5", None), (" 7", None), ("\n7", None)])
def test_number(home, name, text, value):
    """A number that is none is the default, as for the programs."""
    before, after, standard = LINES[name]
    put(home, name, text + "\n")
    assert rows_of(home)[name] == (
        before + value + after if value is not None
        else f"(Default.) {before}{standard}{after}")


def test_me(home):
    assert rows_of(home)["me"] == "My name is me.test."
    put(home, "me", " a b  \n")
    rows = rows_of(home)
    assert rows["me"] == "My name is  a b."
    assert rows["helohost"] == \
        "(Default.) SMTP client HELO host name is  a b."
    put(home, "me", "")
    rows = rows_of(home)
    assert rows["me"] == "My name is ."
    assert rows["idhost"] == "(Default.) Message-ID host name is ."


def test_no_me(home):
    """The hosts then have the names programs use (queue.md 11, 47)."""
    (home / "control/me").unlink()
    rows = rows_of(home)
    assert rows["me"] == "(Default.) My name is undefined! Uh-oh."
    assert rows["locals"] == \
        "(Default.) Messages for me are delivered locally."
    for name in HOSTS:
        before, after, _ = LINES[name]
        assert rows[name] == f"(Default.) {before}{name}{after}"
    assert rows["bouncefrom"] == \
        "(Default.) Bounce user name is MAILER-DAEMON."


@pytest.mark.parametrize("name", [*LINES, *LISTS, "smtproutes", "me"])
def test_odd_bytes(home, name):
    put(home, name, b"1\xe9\x00\x1b\x7f~ \r\n")
    row = rows_of(home)[name]
    assert "1" in row if name in NUMBERS else "1????~ ?" in row


# morercpthosts

def more(home):
    rows = rows_of(home)
    return rows["morercpthosts"], rows["morercpthosts.cdb"]


def test_morercpthosts_without_rcpthosts(home):
    assert more(home) == (
        "(Default.) No rcpthosts; morercpthosts is irrelevant.",
        "(Default.) No effect.")
    put(home, "morercpthosts", "a.test\n#\n.b.test\n")
    assert more(home) == (
        "\nNo rcpthosts; doesn't matter that morercpthosts has a.test.\n"
        "No rcpthosts; doesn't matter that morercpthosts has .b.test.",
        "Oops! morercpthosts exists but morercpthosts.cdb doesn't.")


def test_morercpthosts(home):
    put(home, "rcpthosts", "")
    assert more(home) == ("(Default.) No effect.", "(Default.) No effect.")
    text = put(home, "morercpthosts", "a.test\n.b.test\n")
    hosts = ("\nSMTP clients may send messages to recipients at a.test.\n"
             "SMTP clients may send messages to recipients at .b.test.")
    assert more(home) == (
        hosts, "Oops! morercpthosts exists but morercpthosts.cdb doesn't.")
    cdb = home / "control/morercpthosts.cdb"
    done = run(BIN / "qmail-newmrh",
               env={**os.environ, "QMAILHOME": str(home)})
    assert done.returncode == 0, done.stderr
    good = "Modified recently enough; hopefully up to date."
    assert more(home) == (hosts, good)
    at = time.time_ns()
    os.utime(text, ns=(at, at))
    os.utime(cdb, ns=(at, at))
    assert more(home) == (hosts, good)
    os.utime(cdb, ns=(at, at - 1))
    assert more(home) == (
        hosts, "Oops! morercpthosts.cdb is older than morercpthosts.")
    text.unlink()
    assert more(home) == (
        "(Default.) No effect.",
        "Oops! morercpthosts.cdb exists but morercpthosts doesn't.")


def test_morercpthosts_trouble(home):
    (home / "control/morercpthosts").mkdir()
    (home / "control/rcpthosts").mkdir()  # it is there all the same
    assert more(home)[0] == TROUBLE
    shutil.rmtree(home / "control/morercpthosts")
    assert more(home)[0] == "(Default.) No effect."
    (home / "control/morercpthosts.cdb").symlink_to("morercpthosts.cdb")
    assert more(home)[1] == TROUBLE


# trouble

@pytest.mark.parametrize("name", [*LINES, *LISTS, *TEXTS])
def test_trouble(home, name):
    """One file's trouble is not another's."""
    good = rows_of(home)
    (home / "control" / name).mkdir()
    assert rows_of(home) == {**good, name: TROUBLE, **(
        {"morercpthosts": "(Default.) No effect."}
        if name == "rcpthosts" else {})}


def test_unreadable(home):
    names = [*LINES, *LISTS, *TEXTS, "morercpthosts"]
    for name in names:
        put(home, name, "1\n").chmod(0)
    rows = split(show(home, preexec_fn=become))[1]
    assert {name: rows[name] for name in names} == dict.fromkeys(
        names, TROUBLE)
    assert rows["me"] == "My name is me.test."
    assert rows["morercpthosts.cdb"] == \
        "Oops! morercpthosts exists but morercpthosts.cdb doesn't."


def oops(report):
    first, last = report.rstrip("\n").split("\nOops! ")
    assert first.startswith("qmail home directory: ")
    return last


def test_no_home(tmp_path):
    home = tmp_path / "none"
    assert oops(show(home, 111)) == \
        f"Unable to chdir to {home}: file does not exist."


def test_no_control(home):
    shutil.rmtree(home / "control")
    assert oops(show(home, 111)) == \
        "Unable to open directory control: file does not exist."


def test_closed_control(home):
    (home / "control").chmod(0o700)
    if os.geteuid() != 0:
        (home / "control").chmod(0o300)
    assert oops(show(home, 111, preexec_fn=become)) == \
        "Unable to open directory control: access denied."
    (home / "control").chmod(0o700)


def test_me_unreadable(home):
    put(home, "me", ME).unlink()
    (home / "control/me").mkdir()
    assert oops(show(home, 111)) == \
        "Trouble reading control/me: is a directory."


def test_nobody_reads_the_report(home):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "qmail-showctl"], stdout=full,
                              env={**os.environ, "QMAILHOME": str(home)})
    assert done.returncode == 111


# what else is there

def test_other_files(home):
    names = ["me~", ".hidden", "morercpthosts.tmp", "Locals", "badhelo"]
    for name in names:
        put(home, name, "secret\n")
    (home / "control/folder").mkdir()
    (home / "control/dangling").symlink_to("nowhere")
    rows = rows_of(home)
    assert {name: text for name, text in rows.items()
            if "idea" in text} == dict.fromkeys(
        [*names, "folder", "dangling"],
        "I have no idea what this file does.")


def test_none_is_forgotten():
    """Every control file that a program reads is in these tables."""
    names = set()
    for path in [*ROOT.glob("src/*/*/*.[ch]"), *ROOT.glob("lib/*/*.[ch]")]:
        names |= set(re.findall(
            r'"control/([\w.]+)[":]|\b(?:control|read)_\w+\(\s*"(\w+)"',
            path.read_text()))
    names = {a or b for a, b in names}
    assert "locals" in names and "queuelifetime" in names
    assert names <= {*LINES, *LISTS, *TEXTS, *CLASSIC, "morercpthosts.tmp"}


def test_odd_name(home):
    with open(os.fsencode(home) + b"/control/a\n\xe9b", "w"):
        pass
    assert show(home).endswith(
        "\n\na??b: I have no idea what this file does.\n")


def test_a_new_home(tmp_path):
    """qmailctl init makes no file that its own report does not know."""
    box = Instance(tmp_path)
    try:
        report = show(box.home)
        assert "no idea" not in report and "Oops" not in report
        rows = split(report)[1]
        assert rows["me"] == "My name is mail.test."
        assert rows["listeners"] == f"\nListener: smtp 127.0.0.1:{box.port}"
    finally:
        box.close()
