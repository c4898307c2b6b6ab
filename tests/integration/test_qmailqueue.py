"""A program in the place of qmail-queue, through all that hand in mail.

Contract queue.md 3.5 and 10: $QMAILQUEUE, its exit codes, its custom text.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from facteur import BIN, DEADLINE, Programs
from qmtprig import qmqp, qmtp, split
from sendkit import fresh_rig, message, note_of, poll

TEXT = b"Subject: x\n\nhi\n"
BIG = TEXT + b"0123456789abcde\n" * 20000  # no pipe has room for that

FILES = "Zqq trouble creating files in queue (#4.3.0)"
HARD = "Dqq permanent problem (#5.3.0)"
SOFT = "Zqq temporary problem (#4.3.0)"
NOEXEC = "Zunable to exec qq (#4.3.0)"

CODES = {
    11: "Denvelope address too long for qq (#5.1.3)",
    115: "Denvelope address too long for qq (#5.1.3)",
    31: "Dmail server permanently rejected message (#5.3.0)",
    51: "Zqq out of memory (#4.3.0)",
    52: "Zqq timeout (#4.3.0)",
    53: "Zqq write error or disk full (#4.3.0)",
    54: "Zqq read error (#4.3.0)",
    55: "Zqq unable to read configuration (#4.3.0)",
    56: "Zqq trouble making network connection (#4.3.0)",
    61: "Zqq trouble in home directory (#4.3.0)",
    62: FILES, 63: FILES, 64: FILES, 65: FILES, 66: FILES,
    71: "Zmail server temporarily rejected message (#4.3.0)",
    72: "Zconnection to mail server timed out (#4.4.1)",
    73: "Zconnection to mail server rejected (#4.4.1)",
    74: "Zcommunication with mail server failed (#4.4.2)",
    81: "Zqq internal bug (#4.3.0)",
    91: "Zqq internal bug (#4.3.0)",
    120: NOEXEC,
    12: HARD, 30: HARD, 32: HARD, 40: HARD,
    1: SOFT, 10: SOFT, 41: SOFT, 50: SOFT, 57: SOFT, 60: SOFT, 67: SOFT,
    70: SOFT, 75: SOFT, 80: SOFT, 82: SOFT, 88: SOFT, 90: SOFT, 99: SOFT,
    100: SOFT, 111: SOFT, 119: SOFT, 121: SOFT, 126: SOFT, 127: SOFT,
    255: SOFT,
}

# keeps what it gets, says the file "said" on descriptor $QQ_FD
QQ = """#!/bin/sh
cat >message
cat <&1 >envelope
if test -e said; then cat said >&${QQ_FD-6}; fi
echo $$ >pid
exit ${QQ_EXIT-0}
"""

Outcome = namedtuple("Outcome", "text qp")


class Box:
    """A home, a program for QMAILQUEUE, and all that can run it."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="facteur-qq-"))
        self.path.chmod(0o755)
        (self.path / "control").mkdir()
        (self.path / "control/me").write_text("me.test\n")
        (self.path / "bin").symlink_to(Programs.folder())
        (self.path / "user").mkdir()
        (self.path / "user/.qmail").write_text("&r@far.test\n")
        self.program("qq", QQ)
        self.env = {"PATH": os.environ["PATH"], "USER": "joe",
                    "QMAILHOME": str(self.path),
                    "QMAILQUEUE": str(self.path / "qq")}

    def program(self, name, text, mode=0o755):
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def say(self, text):
        (self.path / "said").write_bytes(text)

    def read(self, name):
        return (self.path / name).read_bytes()

    def run(self, argv, input, env, **more):
        env = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        return subprocess.run(
            [self.path / "bin" / argv[0], *argv[1:]], input=input, env=env,
            cwd=self.path / "user", capture_output=True, timeout=DEADLINE,
            **more)

    def close(self):
        shutil.rmtree(self.path)


@pytest.fixture
def box():
    b = Box()
    yield b
    b.close()


def letter(code):
    return {0: "K", 100: "D", 111: "Z"}[code]


def latin(text):
    return text.decode("latin-1")


# Each hands in a message and tells how that went: letter and words, and the
# number of the process, if it was told.

def smtpd(box, text=TEXT, env={}, **more):
    dialog = (b"HELO h\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<r@far.test>\r\n"
              b"DATA\r\n" + text.replace(b"\n", b"\r\n") + b".\r\nQUIT\r\n")
    done = box.run(["qmail-smtpd"], dialog, {"TCPREMOTEIP": "192.0.2.7",
                                             **env}, **more)
    assert done.returncode == 0
    reply = latin(done.stdout).split("\r\n")[-3]
    if reply.startswith("250 "):
        m = re.fullmatch(r"250 2\.6\.0 ok \d+ qp (\d+)", reply)
        return Outcome("K", m[1])
    m = re.fullmatch(r"(451 4|554 5)\.\d{1,3}\.\d{1,3} (.*)", reply)
    return Outcome({"451 4": "Z", "554 5": "D"}[m[1]] + m[2], None)


def complaint(done, name):
    words = latin(done.stderr).removesuffix("\n")
    assert "\n" not in words
    return letter(done.returncode) + words.removeprefix(f"{name}: fatal: ")


def inject(box, text=TEXT, env={}, program="qmail-inject", **more):
    done = box.run([program, "r@far.test"], text, env, **more)
    return Outcome(complaint(done, "qmail-inject"), None)


def sendmail(box, text=TEXT, env={}, **more):
    return inject(box, text, env, program="sendmail", **more)


def local(box, text=TEXT, env={}, **more):
    with tempfile.TemporaryFile() as f:
        f.write(text)
        f.seek(0)
        done = box.run(
            ["qmail-local", "--", "u", box.path / "user", "u", "", "",
             "me.test", "s@x.test", "./Mailbox"], None, env, stdin=f, **more)
    said = latin(done.stdout) + latin(done.stderr)
    if done.returncode == 0:
        return Outcome("K", re.fullmatch(r"did 0\+1\+0\nqp (\d+)\n",
                                         said)[1])
    m = re.fullmatch(r"Unable to forward message: ([^\n]*)\.\n", said)
    return Outcome(letter(done.returncode) + m[1], None)


def forward(box, text=TEXT, env={}, **more):
    done = box.run(["forward", "r@far.test"], text, {
        "NEWSENDER": "s@x.test", "DTLINE": "Delivered-To: u@me.test\n",
        **env}, **more)
    if done.returncode == 0:
        return Outcome("K", re.fullmatch(rb"forward: qp (\d+)\n",
                                         done.stderr)[1].decode())
    return Outcome(complaint(done, "forward"), None)


def netstrings(box, program, data, env, **more):
    done = box.run([program], data, {"TCPREMOTEIP": "192.0.2.7", **env},
                   **more)
    assert (done.returncode, done.stderr) == (0, b"")
    [answer] = map(latin, split(done.stdout))
    if answer.startswith("K"):
        return Outcome("K", re.fullmatch(r"Kok \d+ qp (\d+)", answer)[1])
    return Outcome(answer, None)


def qmtpd(box, text=TEXT, env={}, **more):
    return netstrings(box, "qmail-qmtpd", qmtp(b"\n" + text, b"s@x.test",
                                               b"r@far.test"), env, **more)


def qmqpd(box, text=TEXT, env={}, **more):
    return netstrings(box, "qmail-qmqpd", qmqp(text, b"s@x.test",
                                               b"r@far.test"), env, **more)


INJECTORS = [smtpd, qmtpd, qmqpd, inject, sendmail, local, forward]
every_injector = pytest.mark.parametrize("hand_in", INJECTORS)
TELL_QP = [smtpd, qmtpd, qmqpd, local, forward]


@every_injector
@pytest.mark.parametrize("code", CODES)
def test_exit_code(box, hand_in, code):
    assert hand_in(box, env={"QQ_EXIT": str(code)}).text == CODES[code]


@every_injector
@pytest.mark.parametrize("text", [TEXT, BIG], ids=["small", "big"])
def test_taken(box, hand_in, text):
    outcome = hand_in(box, text)
    assert outcome.text == "K"
    if hand_in in TELL_QP:
        assert outcome.qp == box.read("pid").decode().strip()
    assert box.read("message").endswith(text)
    sender, rcpt, *rest = box.read("envelope").split(b"\0")
    assert sender.startswith(b"F") and rcpt == b"Tr@far.test"
    assert rest == [b"", b""]


@every_injector
@pytest.mark.parametrize("number", [9, 15, 11])
def test_signal(box, hand_in, number):
    box.program("qq", f"#!/bin/sh\ncat >/dev/null\nkill -{number} $$\n")
    assert hand_in(box).text == "Zqq crashed (#4.3.0)"


# what it says

SAYINGS = {
    "temporary": (b"Zcustom temp (#4.9.9)", "Zcustom temp (#4.9.9)"),
    "permanent": (b"Dcustom perm (#5.7.1)", "Dcustom perm (#5.7.1)"),
    "no letter of ours": (b"Xother", "Zother"),
    "not a success": (b"Kthank you", "Zthank you"),
    "three bytes": (b"Dab", "Dab"),
    "two bytes": (b"Da", SOFT),
    "one byte": (b"D", SOFT),
    "255 bytes": (b"D" + b"y" * 254, "D" + "y" * 254),
    "more": (b"Z" + b"y" * 300, "Z" + "y" * 254),
    "much more": (b"Z" + b"y" * 300000, "Z" + "y" * 254),
    "8-bit": (b"Dcaf\xe9 \xc3\xa9\x80\xff", "Dcaf\xe9 \xc3\xa9\x80\xff"),
    "odd": (b"D %s  \\n\"'$(id)` ", "D %s  \\n\"'$(id)` "),
    "a line": (b"Dtwo words\n", "Dtwo words"),
    "lines": (b"Done\ntwo\r\n", "Done?two?"),
    "controls": (b"D\0\x01\t\x1b[1m\x7f.", "D????[1m?."),
}


@every_injector
@pytest.mark.parametrize("name", SAYINGS)
def test_custom_text(box, hand_in, name):
    said, text = SAYINGS[name]
    box.say(said)
    assert hand_in(box, env={"QQ_EXIT": "82"}).text == text


@every_injector
def test_custom_text_of_another_dialect(box, hand_in):
    box.say(b"Dcustom perm (#5.7.1)")
    assert hand_in(box, env={"QQ_EXIT": "88"}).text == \
        "Dcustom perm (#5.7.1)"


@every_injector
def test_custom_text_without_its_code(box, hand_in):
    box.say(b"Dcustom perm (#5.7.1)")
    for code in (0, 31, 53):
        assert hand_in(box, env={"QQ_EXIT": str(code)}).text == \
            CODES.get(code, "K")


@every_injector
@pytest.mark.parametrize("given, fd", [
    (None, 6), (None, 4), ("5", 5), ("9", 9), ("9", 6), ("9", 4), ("6", 6),
    ("2", 2), ("", 6), ("x", 6), ("1", 6), ("-3", 6), ("64", 6)])
def test_descriptors(box, hand_in, given, fd):
    """6; 4, as others have it; and what ERROR_FD says."""
    box.say(b"Dcustom perm (#5.7.1)")
    env = {"QQ_EXIT": "82", "QQ_FD": str(fd), "ERROR_FD": given}
    assert hand_in(box, env=env).text == "Dcustom perm (#5.7.1)"


@every_injector
@pytest.mark.parametrize("given, told", [(None, "6"), ("9", "9"), ("x", "6")])
def test_is_told_the_descriptor(box, hand_in, given, told):
    box.program("qq", '#!/bin/sh\ncat >/dev/null\neval '
                '"printf %s \\"Zsaid on $ERROR_FD\\" >&$ERROR_FD"\nexit 82\n')
    assert hand_in(box, env={"ERROR_FD": given}).text == f"Zsaid on {told}"


@every_injector
def test_written_in_pieces_and_by_others(box, hand_in):
    box.program("qq", """#!/bin/sh
cat >/dev/null
printf D >&6
(printf 'so ' >&4)
printf 'it is' >&6
exit 82
""")
    assert hand_in(box).text == "Dso it is"


# when it reads and writes as it likes

@every_injector
def test_speaks_before_it_reads(box, hand_in):
    """More than a pipe holds, while we are writing more than one holds."""
    box.say(b"D" + b"y" * 200000)
    box.program("qq", "#!/bin/sh\ncat said >&6\ncat >message\nexit 82\n")
    assert hand_in(box, BIG).text == "D" + "y" * 254
    assert box.read("message").endswith(BIG)


@every_injector
@pytest.mark.parametrize("text", [TEXT, BIG], ids=["small", "big"])
def test_refuses_without_reading(box, hand_in, text):
    box.say(b"Dnot from you")
    box.program("qq", "#!/bin/sh\ncat said >&6\nexit 82\n")
    assert hand_in(box, text).text == "Dnot from you"


@every_injector
def test_takes_without_reading(box, hand_in):
    """It says it has it, and cannot have it."""
    box.program("qq", "#!/bin/sh\nexit 0\n")
    assert hand_in(box, BIG).text == CODES[54]
    box.program("qq", "#!/bin/sh\nhead -c 1000 >/dev/null\nexit 0\n")
    assert hand_in(box, BIG).text == CODES[54]


@every_injector
@pytest.mark.parametrize("code, text", [(0, "K"), (82, "Dleft alone"),
                                        (53, CODES[53])])
def test_somebody_keeps_the_descriptor(box, hand_in, code, text):
    """A process it leaves behind keeps nobody waiting."""
    box.say(b"Dleft alone")
    box.program("qq", f"""#!/bin/sh
cat >message
cat <&1 >envelope
sleep 1000 <&- >&- 2>&- &
echo $! >sleeper
cat said >&6
exit {code}
""")
    try:
        assert hand_in(box).text == text
    finally:
        sleeper = int(box.read("sleeper"))
        held = {os.path.realpath(p)
                for p in Path(f"/proc/{sleeper}/fd").iterdir()}
        os.kill(sleeper, signal.SIGKILL)
    assert any("complaint" in p for p in held)  # it had it all the while


@every_injector
def test_children_are_ignored(box, hand_in):
    """Who started us may have wanted nothing to do with children."""
    ignore = {"preexec_fn":
              lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)}
    assert hand_in(box, **ignore).text == "K"
    assert hand_in(box, env={"QQ_EXIT": "31"}, **ignore).text == CODES[31]


# which program

@every_injector
@pytest.mark.parametrize("name", ["qq", "./qq", "user/../qq", "sub/qq"])
def test_relative_to_the_home(box, hand_in, name):
    """Never by PATH, nor below where we are."""
    box.program("sub/qq", QQ)
    box.program("decoys/qq", "#!/bin/sh\nexit 31\n")
    box.program("user/qq", "#!/bin/sh\nexit 31\n")
    env = {"QMAILQUEUE": name,
           "PATH": f"{box.path}/decoys:{os.environ['PATH']}"}
    assert hand_in(box, env=env).text == "K"
    assert box.read("message").endswith(TEXT)


@every_injector
def test_how_it_is_run(box, hand_in):
    """In the home, alone, with descriptors 0, 1, 2, 4 and 6."""
    box.program("qq", """#!/bin/sh
echo "$# $PWD" >how
ls /proc/self/fd >fds
readlink /proc/self/fd/0 | tr -d '0-9' >>how
cat >/dev/null
cat <&1 >/dev/null
""")
    assert hand_in(box).text == "K"
    assert box.read("how").decode() == f"0 {box.path}\npipe:[]\n"
    # and ls has the folder open
    fds = set(map(int, box.read("fds").split()))
    assert {0, 1, 2, 4, 6} <= fds and len(fds) == 6


@every_injector
def test_environment(box, hand_in):
    box.program("qq", "#!/bin/sh\nenv >env\ncat >/dev/null\n"
                      "cat <&1 >/dev/null\n")
    assert hand_in(box, env={"HELLO": "a b\nc"}).text == "K"
    seen = box.read("env").decode()
    assert "\nHELLO=a b\nc\n" in "\n" + seen
    assert f"QMAILQUEUE={box.path}/qq\n" in seen
    assert "ERROR_FD=6\n" in seen


@every_injector
@pytest.mark.parametrize("name", ["nonexistent", "./nonexistent",
                                  "/nonexistent/qq", "qq arg", "user",
                                  "unexecutable", "uninterpreted",
                                  "unmagical", ""])
def test_cannot_be_executed(box, hand_in, name):
    box.program("unexecutable", QQ, 0o644)
    box.program("uninterpreted", "#!/nonexistent\n")
    box.program("unmagical", "exit 0\n")  # no shell runs that for us
    assert hand_in(box, env={"QMAILQUEUE": name}).text == NOEXEC


@every_injector
def test_none(box, hand_in):
    """And no queue service."""
    assert hand_in(box, env={"QMAILQUEUE": None}).text == FILES


# qmail-send, which puts bounces into the queue

@pytest.fixture
def rig():
    with fresh_rig() as r:
        r.verdict = lambda d: ("D", b"Sorry, no. (#5.1.1)\n") \
            if d.addr == b"a@far.example" else ("K", b"ok\n")
        yield r


BOUNCE_TROUBLE = {
    **{f"exit {code}": f"#!/bin/sh\ncat >/dev/null\nexit {code}\n"
       for code in (1, 11, 31, 53, 120)},
    "custom": "#!/bin/sh\ncat >/dev/null\nprintf Dno >&6\nexit 82\n",
    "success of its own": "#!/bin/sh\ncat >/dev/null\n"
                          "printf Kyes >&6\nexit 82\n",
    "killed": "#!/bin/sh\nkill -9 $$\n",
    "no interpreter": "#!/nonexistent\n",
}


@pytest.mark.parametrize("name", BOUNCE_TROUBLE)
def test_bounce_refused(rig, name):
    """Whatever it says: later. The failure stays on disk, with its words."""
    program = rig.home / "qq"
    program.write_text(BOUNCE_TROUBLE[name])
    program.chmod(0o755)
    rig.env["QMAILQUEUE"] = "qq"
    n = message(rig, b"s@x", [b"a@far.example"])
    with rig:
        rig.wait_log("warning: trouble injecting bounce message, "
                     "will try later\n")
        assert rig.stop_send() == 0
    assert "bounce msg" not in rig.log and "end msg" not in rig.log
    assert note_of(rig, n)["B"] == \
        b"<a@far.example>:\nSorry, no. (#5.1.1)\n\n"


def test_bounce_taken(rig):
    program = rig.home / "qq"
    program.write_text(QQ)
    program.chmod(0o755)
    rig.env["QMAILQUEUE"] = "./qq"
    n = message(rig, b"s@x", [b"a@far.example"])
    with rig:
        rig.wait_log(f"end msg {n}")
        rig.wait_empty()
    pid = (rig.home / "pid").read_text().strip()
    assert f"\nbounce msg {n} qp {pid}\n" in rig.log
    assert (rig.home / "envelope").read_bytes() == b"F\0Ts@x\0\0"
    assert b"\n<a@far.example>:\nSorry, no. (#5.1.1)\n" in \
        (rig.home / "message").read_bytes()


def test_bounces_do_not_wait_for_those_left_behind(rig):
    program = rig.home / "qq"
    program.write_text("#!/bin/sh\ncat >/dev/null\ncat <&1 >/dev/null\n"
                       "sleep 1000 <&- >&- 2>&- &\necho $! >>sleepers\n")
    program.chmod(0o755)
    rig.env["QMAILQUEUE"] = "./qq"
    try:
        n = message(rig, b"s@x", [b"a@far.example"])
        with rig:
            rig.wait_log(f"end msg {n}")
    finally:
        path = rig.home / "sleepers"
        poll(path.exists, "the program ran")
        for pid in path.read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def test_filter(rig):
    """It hands on to qmail-queue, which is not the filter again."""
    program = rig.home / "filter"
    program.write_text("#!/bin/sh\n{ echo 'X-Filtered: yes'; cat; } |\n"
                       f"    {BIN}/qmail-queue\n")
    program.chmod(0o755)
    kept = []

    def keep(d):
        kept.append(rig.file("mess", d.id).read_bytes())
        return "K", b"ok\n"
    rig.verdict = keep
    with rig:
        done = subprocess.run(
            [BIN / "qmail-inject", "-a", "joe@local.example"], input=TEXT,
            env={**rig.env, "QMAILQUEUE": "filter"}, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        rig.wait_empty()
    assert kept[0].splitlines()[1] == b"X-Filtered: yes"
    assert len(kept) == 1
