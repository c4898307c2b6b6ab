"""qmail-pw2u: from passwd to users/assign.

Numbers are oracle cases of contract local.md 10; the rest is its 2.5.
"""
import os
import subprocess

import pytest

from facteur import BIN
from test_newu import run as run_here

UID = 30001 if os.geteuid() == 0 else os.geteuid()


class Box:
    def __init__(self, top):
        self.top = top
        (top / "users").mkdir()
        (top / "h").mkdir()
        for name in ("alias", "joe"):
            self.own_home(name)

    def own_home(self, name):
        path = self.top / "h" / name
        path.mkdir()
        os.chown(path, UID, -1)

    def file(self, name, text):
        (self.top / "users" / name).write_text(text)

    def line(self, name, home=None, uid=UID):
        return f"{name}:x:{uid}:78:{name} of us:{home or self.home(name)}:/sh\n"

    def home(self, name):
        return self.top / "h" / name

    def owner(self, name):
        return f"{name}:{UID}:78:{self.home(name)}"

    def pair(self, address, owner, brk="-", dash="-"):
        o = self.owner(owner)
        return [f"={address}:{o}:::", f"+{address}{brk}:{o}:{dash}::"]

    def alias(self, brk="-", dash="-"):
        return [f"+:{self.owner('alias')}:{dash}::",
                *self.pair("alias", "alias", brk, dash)]

    def run(self, *options, passwd=None, **more):
        if passwd is None:
            passwd = self.line("alias") + self.line("joe")
        if isinstance(passwd, str):
            passwd = passwd.encode()
        return subprocess.run(
            [BIN / "qmail-pw2u", *options], input=passwd, timeout=60,
            env={**os.environ, "QMAILHOME": str(self.top)},
            **({"capture_output": True} | more))

    def lines(self, *options, passwd=None):
        """What it assigns, without the dot."""
        done = self.run(*options, passwd=passwd)
        assert (done.returncode, done.stderr) == (0, b""), done
        assert done.stdout == b".\n" or done.stdout.endswith(b"\n.\n")
        return done.stdout.decode("latin-1").split("\n")[:-2]

    def fails(self, *options, passwd=None):
        """Why it does not; the dot is not there."""
        done = self.run(*options, passwd=passwd)
        assert done.returncode == 111
        assert not done.stdout.endswith(b"\n.\n") and done.stdout != b".\n"
        start = "qmail-pw2u: fatal: "
        words = done.stderr.decode()
        assert words.startswith(start) and words.endswith("\n")
        return words[len(start):-1]


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_62_alias_and_joe(box):
    assert box.lines() == [*box.alias(), *box.pair("joe", "joe")]


def test_62_newu_takes_it(box):
    (box.top / "users/assign").write_bytes(box.run().stdout)
    assert run_here("qmail-newu", box.top).returncode == 0


def test_order_is_that_of_the_accounts(box):
    assert box.lines(passwd=box.line("joe") + box.line("alias")) == [
        *box.pair("joe", "joe"), *box.alias()]


def test_63_no_extensions(box):
    assert box.lines("-C") == [
        f"+:{box.owner('alias')}:-::", f"=alias:{box.owner('alias')}:::",
        f"=joe:{box.owner('joe')}:::"]


@pytest.mark.parametrize("options", [["-c+"], ["-c", "+"], ["-Uoc+"],
                                     ["-c+more"], ["-c", "+", "operand"],
                                     ["-c+", "--", "-C"]])
def test_63_break_character(box, options):
    assert box.lines(*options) == [
        *box.alias("+"), *box.pair("joe", "joe", "+")]


def test_63_slash(box):
    assert box.lines("-/") == [
        *box.alias(dash="-/"), *box.pair("joe", "joe", dash="-/")]


@pytest.mark.parametrize("options, message", [
    (["-x"], b"qmail-pw2u: illegal option -- x\n"),
    (["-Cx"], b"qmail-pw2u: illegal option -- x\n"),
    (["-c"], b"qmail-pw2u: option requires an argument -- c\n")])
def test_misused(box, options, message):
    done = box.run(*options)
    assert (done.returncode, done.stdout) == (100, b"")
    assert done.stderr.startswith(message)


# --- homes ---

def test_64_home_is_missing(box):
    passwd = box.line("alias") + box.line("joe", box.home("none"))
    assert box.lines(passwd=passwd) == box.alias()
    assert box.lines("-ho", passwd=passwd) == box.alias()
    assert box.fails("-h", passwd=passwd) == \
        f"unable to stat {box.home('none')}"
    [*_, exact, wild] = box.lines("-H", passwd=passwd)
    assert exact == f"=joe:joe:{UID}:78:{box.home('none')}:::"


def test_home_of_somebody_else(box):
    passwd = box.line("alias") + box.line("joe", uid=UID + 1)
    for option in "-o", "-h":
        assert box.lines(option, passwd=passwd) == box.alias()
    assert len(box.lines("-H", passwd=passwd)) == 5


def test_home_that_cannot_be_looked_at(box):
    (box.top / "loop").symlink_to("loop")
    for home in box.top / "loop", box.top / "users/file/x":
        (box.top / "users/file").touch()
        passwd = box.line("alias") + box.line("joe", home)
        for option in "-o", "-h":
            assert box.fails(option, passwd=passwd) == \
                f"unable to stat {home}"


def test_home_of_an_excluded_account_is_not_looked_at(box):
    box.file("exclude", "joe\n")
    passwd = box.line("alias") + box.line("joe", box.home("none"))
    assert box.lines("-h", passwd=passwd) == box.alias()


# --- lines that give nothing ---

@pytest.mark.parametrize("line", [
    b"\n", b"joe\n", b"joe:x:1:78:joe:/h\n", b"j\0oe:x:1:78::/:/sh\n",
    b"joe:x:0:78::/:/sh\n", b"joe:x::78::/:/sh\n", b"joe:x:no:78::/:/sh\n",
    b"joe:x:-1:78::/:/sh\n", b"joe:x:0x9:78::/:/sh\n", b"+::::::\n",
    b"joe:x:4294967295:78::/:/sh\n", b"Joe:x:1:78::/:/sh\n",
    b"jOE:x:1:78::/:/sh\n"])
def test_skipped(box, line):
    passwd = box.line("alias").encode() + line
    assert box.lines("-H", passwd=passwd) == box.alias()


def test_upper_case(box):
    box.own_home("Joe")
    passwd = box.line("alias") + box.line("Joe")
    assert box.lines("-uU", passwd=passwd) == box.alias()
    assert box.lines("-u", passwd=passwd) == [
        *box.alias(), *box.pair("Joe", "Joe")]


def test_last_line_without_end(box):
    passwd = (box.line("alias") + box.line("joe"))[:-1]
    assert box.lines(passwd=passwd) == [*box.alias(), *box.pair("joe", "joe")]


def test_more_colons(box):
    passwd = box.line("alias") + box.line("joe")[:-1] + ":and:more\n"
    assert len(box.lines(passwd=passwd)) == 5


def test_uid_as_it_is_written(box):
    passwd = box.line("alias") + box.line("joe", uid=f"0{UID}x")
    assert box.lines(passwd=passwd)[3] == \
        f"=joe:joe:0{UID}x:78:{box.home('joe')}:::"


@pytest.mark.parametrize("passwd", ["", "joe"])
def test_no_alias(box, passwd):
    assert box.fails(passwd=box.line("joe") if passwd else "") == \
        "unable to find alias user"


# --- users/ ---

def test_include(box):
    box.own_home("ann")
    passwd = box.line("alias") + box.line("joe") + box.line("ann")
    box.file("include", "# those\n\nALIAS \t\nann\n")
    assert box.lines(passwd=passwd) == [
        *box.alias(), *box.pair("ann", "ann")]
    box.file("exclude", "Ann")
    assert box.lines(passwd=passwd) == box.alias()
    box.file("include", "")
    assert box.fails(passwd=passwd) == "unable to find alias user"


def test_exclude(box):
    box.file("exclude", "#alias\njoe \n joe\n")
    assert box.lines() == box.alias()
    box.file("exclude", "alias\n")
    assert box.fails() == "unable to find alias user"


def test_67_mailnames(box):
    box.file("mailnames", "#joe:no\njoe:j:joey:joe.s\n")
    assert box.lines() == [*box.alias(), *box.pair("j", "joe"),
                           *box.pair("joey", "joe"), *box.pair("joe.s", "joe")]


@pytest.mark.parametrize("text, names", [
    ("joe::j::k: \n", ["j", "k"]), ("joe:\n", []), ("joe\n", ["joe"]),
    ("JOE:J\n", ["J"]), ("joe:a\njoe:b\n", ["b"]), ("ann:a", ["joe"])])
def test_mailnames(box, text, names):
    box.file("mailnames", text)
    assert box.lines()[3:] == [
        line for n in names for line in box.pair(n, "joe")]


def test_mailnames_of_alias(box):
    """What nobody else has stays its own."""
    box.file("mailnames", "alias:\n")
    assert box.lines() == [f"+:{box.owner('alias')}:-::",
                           *box.pair("joe", "joe")]


def test_65_subusers(box):
    box.file("subusers", "sales:joe:s:\n")
    o = box.owner("joe")
    assert box.lines()[5:] == [
        f"=sales:{o}:-:s:", f"+sales-:{o}:-:s-:"]
    assert box.lines("-C")[3:] == [f"=sales:{o}:-:s:"]
    assert box.lines("-/c+")[5:] == [
        f"=sales:{o}:-/:s:", f"+sales+:{o}:-/:s-:"]


def test_subusers_lines(box):
    """No comments there; the order is the file's."""
    box.file("subusers", "#a:joe:x:more\n\nno\nno:ghost\nno:ghost:x\n"
                         "b:JOE::")
    o = box.owner("joe")
    assert box.lines()[5:] == [
        f"=#a:{o}:-:x:", f"+#a-:{o}:-:x-:", f"=b:{o}:-::", f"+b-:{o}:-:-:"]


def test_66_subuser_of_nobody(box):
    box.file("subusers", "a:joe:s:\nsales:ghost:s:\n")
    assert box.fails() == "unable to find ghost user for subuser"


def test_66_subuser_of_a_skipped_account(box):
    box.file("subusers", "sales:joe:s:\n")
    box.file("exclude", "joe\n")
    assert box.fails() == "unable to find joe user for subuser"


@pytest.mark.parametrize("text", ["+x:y\n=z\n", "\n"])
def test_append(box, text):
    box.file("append", text)
    assert box.run().stdout.endswith(b":-::\n" + text.encode() + b".\n")


def test_append_without_its_last_line_feed(box):
    """Deviation (contract Appendix C 3): it gets one."""
    box.file("append", "=x:y")
    assert box.run().stdout.endswith(b"\n=x:y\n.\n")


@pytest.mark.parametrize("name", ["include", "exclude", "mailnames",
                                  "subusers", "append"])
def test_controls_that_cannot_be_read(box, name):
    (box.top / "users" / name).mkdir()
    assert box.fails() == "unable to read controls: is a directory"


# --- troubles ---

def test_no_home(box):
    done = subprocess.run(
        [BIN / "qmail-pw2u"], input=b"", capture_output=True,
        env={**os.environ, "QMAILHOME": str(box.top / "none")})
    assert (done.returncode, done.stdout, done.stderr) == (
        111, b"", b"qmail-pw2u: fatal: unable to chdir: file does not exist\n")


def test_input_that_cannot_be_read(box):
    folder = os.open(box.top, os.O_RDONLY)
    try:
        done = subprocess.run(
            [BIN / "qmail-pw2u"], stdin=folder, capture_output=True,
            env={**os.environ, "QMAILHOME": str(box.top)})
    finally:
        os.close(folder)
    assert (done.returncode, done.stderr) == (
        111, b"qmail-pw2u: fatal: unable to read input: is a directory\n")


def test_output_that_cannot_be_written(box):
    with open("/dev/full", "w") as full:
        done = box.run(capture_output=False, stdout=full,
                       stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (
        111, b"qmail-pw2u: fatal: unable to write output: "
        b"out of disk space\n")


def test_many(box):
    names = [f"u{i}" for i in range(20000)]
    passwd = box.line("alias") + "".join(box.line(n) for n in names)
    lines = box.lines("-H", passwd=passwd)
    assert lines == [*box.alias(), *(
        line for n in names for line in box.pair(n, n))]
