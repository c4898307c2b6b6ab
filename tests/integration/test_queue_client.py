"""What programs that inject make of the end of $QMAILQUEUE (contract
queue.md 3.5), seen through qmail-inject; and how that program is run."""
import ast
import os

import pytest

from injectkit import Home

FILES = "Zqq trouble creating files in queue (#4.3.0)"
TEMPORARY = "Zqq temporary problem (#4.3.0)"
PERMANENT = "Dqq permanent problem (#5.3.0)"

ENDS = {
    115: "Denvelope address too long for qq (#5.1.3)",
    11: "Denvelope address too long for qq (#5.1.3)",
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
    81: "Zqq internal bug (#4.3.0)", 91: "Zqq internal bug (#4.3.0)",
    120: "Zunable to exec qq (#4.3.0)",
    12: PERMANENT, 30: PERMANENT, 32: PERMANENT, 40: PERMANENT,
    1: TEMPORARY, 10: TEMPORARY, 41: TEMPORARY, 50: TEMPORARY,
    57: TEMPORARY, 60: TEMPORARY, 67: TEMPORARY, 80: TEMPORARY,
    100: TEMPORARY, 111: TEMPORARY, 255: TEMPORARY,
    # no text on descriptor 6
    82: TEMPORARY,
}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def program(home, text, name="qq"):
    path = home.path / name
    path.write_text("#!/bin/sh\n" + text + "\n")
    path.chmod(0o755)
    return str(path)


def verdict(home, **env):
    """D or Z and the text, "" for success."""
    message = env.pop("message", "\nx\n")
    done = home.inject("r@x", input=message, env=env)
    if done.returncode == 0:
        assert done.stderr == ""
        return ""
    head = "qmail-inject: fatal: "
    assert done.stderr.startswith(head) and done.stderr.endswith("\n")
    return {100: "D", 111: "Z"}[done.returncode] + done.stderr[len(head):-1]


@pytest.mark.parametrize("code", ENDS)
def test_end(home, code):
    assert verdict(home, STUB_EXIT=str(code)) == ENDS[code]


@pytest.mark.parametrize("said, heard", [
    ("Zmy own words (#4.9.9)", "Zmy own words (#4.9.9)"),
    ("Dmy own words", "Dmy own words"),
    ("D" + "y" * 300, "D" + "y" * 254),
    ("Dxy", "Dxy"), ("Dx", TEMPORARY), ("D", TEMPORARY)])
def test_own_words(home, said, heard):
    assert verdict(home, STUB_EXIT="82", STUB_TEXT=said) == heard


def test_words_without_82_are_ignored(home):
    assert verdict(home, STUB_EXIT="0", STUB_TEXT="Dno") == ""
    assert verdict(home, STUB_EXIT="31", STUB_TEXT="Zno") == ENDS[31]


def test_end_zero(home):
    assert verdict(home, STUB_EXIT="0") == ""


def test_end_zero_without_reading(home):
    """It cannot have the whole message: as 54."""
    lazy = program(home, "exit 0")
    assert verdict(home, QMAILQUEUE=lazy,
                   message="\n" + "x" * 1000000) == ENDS[54]


def test_killed(home):
    killed = program(home, "kill -9 $$")
    assert verdict(home, QMAILQUEUE=killed) == "Zqq crashed (#4.3.0)"


@pytest.mark.parametrize("what", ["missing", "not executable", "a folder"])
def test_cannot_be_run(home, what):
    path = home.path / "qq"
    if what == "not executable":
        path.write_text("#!/bin/sh\n")
    elif what == "a folder":
        path.mkdir()
    assert verdict(home, QMAILQUEUE=str(path)) == ENDS[120]


TELL = """#!/usr/bin/python3 -IS
import os, sys
fds = {}
for fd in os.listdir("/proc/self/fd"):
	try:
		fds[int(fd)] = os.readlink("/proc/self/fd/" + fd).split(":")[0]
	except OSError:
		pass  # that of the listing
told = repr((os.getcwd(), open("/proc/self/cmdline").read(), fds))
for fd in 0, 1:
	while os.read(fd, 4096):
		pass
with open(os.environ["STUB_DIR"] + "/told", "w") as f:
	f.write(told)
"""


def teller(home, name="qq"):
    path = home.path / name
    path.write_text(TELL)
    path.chmod(0o755)
    return path


def told(home):
    """Working directory, arguments as they were executed, descriptors."""
    cwd, argv, fds = ast.literal_eval((home.path / "told").read_text())
    return cwd, argv.split("\0")[2:-1], fds


def test_how_it_is_run(home):
    """Pipes on 0, 1 and 6, one argument, in the home directory."""
    assert verdict(home, QMAILQUEUE=str(teller(home))) == ""
    cwd, argv, fds = told(home)
    assert (cwd, argv) == (str(home.path), [f"{home.path}/qq"])
    assert {n: fds[n] for n in (0, 1, 6)} == {0: "pipe", 1: "pipe", 6: "pipe"}
    # descriptor 2 is the caller's, and there is nothing else
    assert set(fds) == {0, 1, 2, 6}


def test_relative_to_the_home_directory(home):
    teller(home)
    assert verdict(home, QMAILQUEUE="./qq") == ""
    assert told(home)[1] == ["./qq"]


def test_no_words_are_split(home):
    teller(home, "with some blanks")
    assert verdict(home, QMAILQUEUE="./with some blanks") == ""
    assert verdict(home, QMAILQUEUE=f"{home.path}/qq -x") == ENDS[120]


def test_its_words_are_read_to_their_end(home):
    """A child that keeps descriptor 6 keeps everybody waiting."""
    os.mkfifo(home.path / "fifo")
    slow = program(home, 'cat >/dev/null; cat <&1 >/dev/null\n'
                   '(read x <"$STUB_DIR/fifo"; printf " and then" >&6)&\n'
                   'printf Zfirst >&6; exit 82')
    pid = os.fork()
    if pid == 0:
        with open(home.path / "fifo", "w") as f:
            f.write("go\n")
        os._exit(0)
    assert verdict(home, QMAILQUEUE=slow) == "Zfirst and then"
    os.waitpid(pid, 0)


def test_the_environment_names_descriptor_6(home):
    """And 88 is as 82: another dialect."""
    other = program(home, 'cat >/dev/null; cat <&1 >/dev/null\n'
                    'printf "Zon $ERROR_FD" >&$ERROR_FD; exit 88')
    assert verdict(home, QMAILQUEUE=other) == "Zon 6"
