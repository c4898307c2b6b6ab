"""qmail-start (contract queue.md 1.2)."""
import ast
import os
import signal
import stat
import subprocess
import tempfile
import shutil
from pathlib import Path

import pytest

from rig import BIN, NOBODY, make_queue, poll

PARTNERS = ("qmail-lspawn", "qmail-rspawn", "qmail-clean")
ACCOUNTS = {"alias": 7790, "qmaild": 7791, "qmaill": 7792, "qmailp": 7793,
            "qmailq": 7794, "qmailr": 7795, "qmails": 7796}
GROUPS = {"qmail": 2107, "nofiles": 2108}

# Says what it is, then waits for its end as the real ones do.
STUB = """#!/usr/bin/python3 -IS
import os, sys
fds = {}
for fd in os.listdir("/proc/self/fd"):
	try:
		fds[int(fd)] = os.readlink("/proc/self/fd/" + fd)
	except OSError:
		pass  # that of the listing
status = open("/proc/self/status").read()
seen = os.environ["QMAILHOME"] + "/seen/NAME"
with open(seen + ".new", "w") as f:
	print(repr({
		"args": sys.argv[1:], "cwd": os.getcwd(), "umask": os.umask(0),
		"mark": os.environ.get("MARK"), "fds": fds, "pid": os.getpid(),
		"parent": os.getppid(), "uids": os.getresuid(),
		"gids": os.getresgid(), "groups": os.getgroups(),
		"blocked": int(status.split("SigBlk:")[1].split()[0], 16)}), file=f)
os.rename(seen + ".new", seen)
if "NAME" == "qmail-send":
	sys.exit(7)
while os.read(0, 4096):
	pass
"""


class Home:
    def __init__(self):
        self.top = Path(tempfile.mkdtemp(prefix="facteur-start-"))
        self.path = self.top / "home"
        make_queue(self.path)
        (self.path / "bin").mkdir()
        (self.path / "seen").mkdir()
        (self.path / "control/me").write_text("mail.example.org\n")
        shutil.copy(BIN / "qmail-start", self.path / "bin")
        for name in (*PARTNERS, "qmail-send", "logger"):
            self.stub(name)
        for p in (self.top, *self.top.rglob("*")):
            if not p.is_symlink():
                p.chmod(p.stat().st_mode | 0o755 if p.is_dir()
                        else p.stat().st_mode | 0o644)
        (self.path / "seen").chmod(0o777)
        self.env = {**os.environ, "QMAILHOME": str(self.path), "MARK": "x y"}

    def stub(self, name):
        path = self.path / "bin" / name
        path.write_text(STUB.replace("NAME", name))
        path.chmod(0o755)

    def start(self, *args, wrap=(), user=NOBODY, **more):
        if os.geteuid() == 0 and user is not None:
            more.update(user=user, group=user, extra_groups=[])
        return subprocess.Popen(
            [*wrap, str(self.path / "bin/qmail-start"), *args], env=self.env,
            cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, **more)

    def seen(self, name):
        """What a stub said of itself."""
        path = self.path / "seen" / name
        poll(path.exists, f"{name} ran")
        return ast.literal_eval(path.read_text())

    def gone(self):
        """No process of this home is left."""
        mark = f"QMAILHOME={self.path}".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if mark in Path("/proc", pid, "environ").read_bytes():
                    return False
            except OSError:
                pass
        return True


@pytest.fixture
def home():
    h = Home()
    yield h
    poll(h.gone, "nothing is left running")
    shutil.rmtree(h.top, ignore_errors=True)


def finish(p):
    out, err = p.communicate(timeout=60)
    return p.returncode, out, err


def test_the_picture(home):
    p = home.start("./Maildir/")
    assert finish(p) == (7, "", "")
    send, lspawn = home.seen("qmail-send"), home.seen("qmail-lspawn")
    rspawn, clean = home.seen("qmail-rspawn"), home.seen("qmail-clean")
    assert send["pid"] == p.pid
    assert lspawn["args"] == ["./Maildir/"]
    for who, out, back in ((lspawn, 1, 2), (rspawn, 3, 4), (clean, 5, 6)):
        assert who["fds"][0] == send["fds"][out]
        assert who["fds"][1] == send["fds"][back]
        assert set(who["fds"]) == {0, 1, 2}
        assert who is lspawn or who["args"] == []
    assert set(send["fds"]) == set(range(7))
    for who in (send, lspawn, rspawn, clean):
        assert (who["umask"], who["mark"], who["blocked"]) == (0o77, "x y", 0)


def test_default_delivery(home):
    finish(home.start())
    assert home.seen("qmail-lspawn")["args"] == ["./Mailbox"]


def test_logger(home):
    home.env["PATH"] = f"{home.path}/bin:{home.env['PATH']}"
    p = home.start("./Mailbox", "logger", "-t", "a b")
    assert finish(p)[0] == 7
    logger, send = home.seen("logger"), home.seen("qmail-send")
    assert logger["args"] == ["-t", "a b"]
    assert logger["cwd"] == "/"
    assert logger["fds"][0] == send["fds"][0]
    assert set(logger["fds"]) == {0, 1, 2}


def test_strange_descriptors_are_not_passed_on(home):
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
    for fd in fds:
        os.set_inheritable(fd, True)
    p = home.start(close_fds=False)
    finish(p)
    for name in PARTNERS:
        assert set(home.seen(name)["fds"]) == {0, 1, 2}
    assert set(home.seen("qmail-send")["fds"]) == set(range(7))
    for fd in fds:
        os.close(fd)


@pytest.mark.parametrize("name", [*PARTNERS, "qmail-send"])
def test_missing_program(home, name):
    (home.path / "bin" / name).unlink()
    assert finish(home.start()) == (
        111, "", f"qmail-start: fatal: unable to run bin/{name}: "
        "file does not exist\n")
    assert not list((home.path / "seen").iterdir())


@pytest.mark.parametrize("name", [*PARTNERS, "qmail-send"])
def test_program_that_is_none(home, name):
    path = home.path / "bin" / name
    path.write_bytes(b"\x7fELF nonsense")
    assert finish(home.start()) == (
        111, "", f"qmail-start: fatal: unable to run bin/{name}: "
        "exec format error\n")


def test_missing_logger(home):
    assert finish(home.start("./Mailbox", "/no/logger")) == (
        111, "", "qmail-start: fatal: unable to run /no/logger: "
        "file does not exist\n")


def test_no_home(home):
    home.env["QMAILHOME"] = "/no/home"
    assert finish(home.start()) == (
        111, "", "qmail-start: fatal: unable to enter /no/home: "
        "file does not exist\n")
    home.env["QMAILHOME"] = str(home.path)


def test_closed_descriptors(home):
    p = home.start(preexec_fn=lambda: (os.close(0), os.close(1)))
    p.wait(60)
    assert p.returncode == 7
    assert home.seen("qmail-send")["fds"][0] == "/dev/null"
    p.communicate()


def test_the_real_ones(home):
    """From start to TERM, with the programs themselves."""
    for name in (*PARTNERS, "qmail-send", "qmail-lsched"):
        if not (BIN / name).exists():
            pytest.skip(f"{name} is not built")
        (home.path / "bin" / name).unlink(missing_ok=True)
        shutil.copy(BIN / name, home.path / "bin")
    if os.geteuid() == 0:
        for q in home.path.rglob("*"):
            os.chown(q, NOBODY, NOBODY)
    p = home.start("./Mailbox")
    line = p.stdout.readline()
    assert line == "status: local 0/10 remote 0/20\n"
    title = Path("/proc", str(p.pid), "cmdline").read_bytes()
    assert title == b"qmail-send\0"
    children = Path("/proc", str(p.pid), "task", str(p.pid),
                    "children").read_text().split()
    titles = {Path("/proc", c, "cmdline").read_bytes().split(b"\0")[0]
              for c in children}
    assert titles >= {n.encode() for n in PARTNERS}
    p.send_signal(signal.SIGTERM)
    assert finish(p)[:2] == (0, "status: exiting\n")


# --- as root ---

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several uids")


def accounts(home, leave_out=()):
    """A command that runs qmail-start where only our accounts exist."""
    etc = home.top / "etc"
    etc.mkdir()
    lines = [f"{n}:x:{i}:{GROUPS['nofiles']}::/:/bin/sh\n"
             for n, i in ACCOUNTS.items() if n not in leave_out]
    (etc / "passwd").write_text("root:x:0:0::/root:/bin/sh\n" + "".join(lines))
    (etc / "group").write_text("root:x:0:\n" + "".join(
        f"{n}:x:{i}:\n" for n, i in GROUPS.items() if n not in leave_out))
    script = (f"mount --bind {etc}/passwd /etc/passwd && "
              f"mount --bind {etc}/group /etc/group && exec \"$@\"")
    wrap = ["unshare", "--mount", "sh", "-c", script, "sh"]
    if subprocess.run([*wrap, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs a mount name space of its own")
    return wrap


@root
def test_identities(home):
    home.env["PATH"] = f"{home.path}/bin:{home.env['PATH']}"
    wrap = accounts(home)
    p = home.start("./Mailbox", "logger", wrap=wrap, user=None)
    assert finish(p)[0] == 7
    qmail, nofiles = GROUPS["qmail"], GROUPS["nofiles"]

    q, r, s, lg = (ACCOUNTS[n] for n in
                   ("qmailq", "qmailr", "qmails", "qmaill"))

    def who(name):
        w = home.seen(name)
        return w["uids"], w["gids"], w["groups"]

    assert who("qmail-lspawn") == ((0,) * 3, (qmail,) * 3, [qmail])
    assert who("qmail-clean") == ((q,) * 3, (qmail,) * 3, [qmail])
    assert who("qmail-send") == ((s,) * 3, (qmail,) * 3, [qmail])
    assert who("logger") == ((lg,) * 3, (nofiles,) * 3, [nofiles])
    # exec makes the saved gid the effective one; what its workers need to
    # let go of group qmail for good is the real one
    assert who("qmail-rspawn") == \
        ((r,) * 3, (nofiles, qmail, qmail), [nofiles])


@root
@pytest.mark.parametrize("what, name", [
    ("user", "qmaill"), ("user", "qmailq"), ("user", "qmailr"),
    ("user", "qmails"), ("group", "qmail"), ("group", "nofiles")])
def test_missing_account(home, what, name):
    wrap = accounts(home, leave_out=(name,))
    p = home.start(wrap=wrap, user=None)
    assert finish(p) == (111, "", f"fatal: unable to find {what} {name}\n")
    assert not list((home.path / "seen").iterdir())
    assert stat.S_ISDIR(home.path.stat().st_mode)
