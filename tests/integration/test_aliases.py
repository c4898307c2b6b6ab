"""/etc/aliases and .forward: Debian's fastforward and dot-forward, as people
have them (contract local.md 8).

These look for the mail system in /var/lib/qmail, where Debian's layout has
it, and for their list in /etc: the system under test runs where a home of its
own is there, which nobody else sees. That takes root.
"""
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from debian import unpack
from facteur import IS_ROOT, Instance, run

pytestmark = pytest.mark.skipif(not IS_ROOT, reason="only root can put a home into its place")

SHOW = """set -e
mount -t overlay none -o lowerdir=$USR:/usr /usr
mount -t overlay none -o lowerdir=$VAR:/var/lib /var/lib
mount -t overlay none -o lowerdir=$ETC:/etc,upperdir=$UPPER,workdir=$WORK /etc
mount --bind $QMAILHOME /var/lib/qmail
exec "$@"
"""


class Installed(Instance):
    """A system that has its home in /var/lib/qmail, a package in /usr, and
    files of its own in /etc."""

    def __init__(self, tmp_path, package, etc, **more):
        # an upper layer has to be on a real file system
        self.layers = tempfile.TemporaryDirectory(prefix="facteur-", dir="/var/tmp")
        top = Path(self.layers.name)
        os.chmod(top, 0o755)
        for name in ("var/qmail", "etc", "upper", "work"):
            (top / name).mkdir(parents=True)
        for name, text in etc.items():
            (top / "etc" / name).write_text(text)
        self.there = {"USR": unpack(package).path("usr"), "VAR": str(top / "var"), "ETC": str(top / "etc"),
                      "UPPER": str(top / "upper"), "WORK": str(top / "work")}
        super().__init__(tmp_path, **more)

    def inside(self, *argv, **more):
        """Run a program where all that is so; what it runs sees it too."""
        return run("unshare", "-m", "sh", "-c", SHOW, "sh", *argv,
                   env={**self.env, **self.there, "QMAILHOME": str(self.home)}, **more)

    def ctl(self, *words, timeout=120):
        argv = (self.bin / "qmailctl", "-d", self.home, *words)
        return self.inside(*argv, timeout=timeout) if words[0] == "start" else super().ctl(*words, timeout=timeout)

    def alias(self, name, text):
        path = self.home / "alias" / name
        path.write_text(text)
        os.chmod(path, 0o644)
        self.own(path)

    def close(self):
        super().close()
        self.layers.cleanup()


ALIASES = """\
# a comment
postmaster: alice
team: alice, bob,
  far@remote.test
Staff: team
keeper: "|cat > kept"
all: :include:/etc/all
@virtual.test: bob
info@virtual.test: alice
"""


@pytest.fixture
def box(tmp_path):
    etc = {"aliases": ALIASES, "all": "# who\nalice, bob\n"}
    with Installed(tmp_path, "fastforward", etc, control={
            "locals": "mail.test\n", "virtualdomains": "virtual.test:alias-virtual\n",
            "rcpthosts": "mail.test\nvirtual.test\n", "smtproutes": ":127.0.0.1:9\n"}) as box:
        box.alias(".qmail-default", "|fastforward -p /etc/aliases.cdb\n|echo 'nobody here'; exit 100\n")
        box.alias(".qmail-alias-virtual-default", "|fastforward -d /etc/aliases.cdb\n")
        done = box.inside("newinclude", "/etc/all")
        assert done.returncode == 0, done.stderr
        done = box.inside("qmail-newaliases")
        assert done.returncode == 0, done.stdout + done.stderr
        yield box


def subjects(box, user, n=1):
    return sorted(re.search("^Subject: (.*)$", p.read_text(), re.M)[1] for p in box.wait_mail(user, n))


def send(box, to, subject="x"):
    box.send("joe@elsewhere.test", [to], f"Subject: {subject}\n\nhi\n")


@pytest.mark.parametrize("to, who", [
    ("postmaster@mail.test", ["alice"]), ("PostMaster@mail.test", ["alice"]), ("all@mail.test", ["alice", "bob"]),
    ("anybody@virtual.test", ["bob"]), ("info@virtual.test", ["alice"])])
def test_alias(box, to, who):
    send(box, to)
    for user in who:
        [path] = box.wait_mail(user)
        head = path.read_text().splitlines()
        assert head[0] == "Return-Path: <joe@elsewhere.test>" and head[1] == f"Delivered-To: {user}@mail.test"
        assert any(line.startswith("Delivered-To: ") for line in head[2:5])


def test_list_of_lists(box):
    """staff is team; one member is elsewhere."""
    send(box, "staff@mail.test", "s")
    assert subjects(box, "alice") == subjects(box, "bob") == ["s"]
    box.wait_log("to remote far@remote.test")


def test_program_of_an_alias(box):
    send(box, "keeper@mail.test")
    box.wait_log("success: ")
    assert (box.home / "alias/kept").read_text().endswith("Subject: x\n\nhi\n")


def test_nobody(box):
    send(box, "stranger@mail.test")
    box.wait_log("failure: nobody_here/")


def test_own_file_comes_first(box):
    box.alias(".qmail-team", "&bob@mail.test\n")
    send(box, "team@mail.test", "t")
    assert subjects(box, "bob") == ["t"]
    box.wait_empty()
    assert box.mail("alice") == []


# --- .forward ---

@pytest.fixture
def forward(tmp_path):
    with Installed(tmp_path, "dot-forward", {}, control={
            "defaultdelivery": "|dot-forward .forward\n./Maildir/\n", "locals": "mail.test\n"}) as box:
        yield box


def dot_forward(box, user, text):
    path = box.home_of(user) / ".forward"
    path.write_text(text)
    os.chmod(path, 0o644)
    box.own(path)


def test_no_forward_file(forward):
    send(forward, "alice@mail.test")
    assert subjects(forward, "alice") == ["x"]
    forward.wait_log(r"success: did_1\+0\+1/")


def test_forward_elsewhere(forward):
    dot_forward(forward, "alice", "bob@mail.test\n")
    send(forward, "alice@mail.test")
    assert subjects(forward, "bob") == ["x"]
    forward.wait_empty()
    assert forward.mail("alice") == []


def test_forward_and_keep(forward):
    """There is nothing like \\user; another name of the account does."""
    dot_forward(forward, "alice", "# both\nalice-direct@mail.test, bob@mail.test\n")
    forward.dot_qmail("alice", "./Maildir/\n", "-direct")
    send(forward, "alice@mail.test")
    assert subjects(forward, "alice") == subjects(forward, "bob") == ["x"]


def test_forward_to_a_program(forward):
    dot_forward(forward, "alice", '"|cat > seen"\n')
    send(forward, "alice@mail.test")
    forward.wait_log("success: ")
    seen = (forward.home_of("alice") / "seen").read_text()
    assert seen.endswith("Subject: x\n\nhi\n")


def test_qmail_file_overrules_it(forward):
    dot_forward(forward, "alice", "bob@mail.test\n")
    forward.dot_qmail("alice", "./Maildir/\n")
    send(forward, "alice@mail.test")
    assert subjects(forward, "alice") == ["x"]
    forward.wait_empty()
    assert forward.mail("bob") == []


def test_nothing_of_it_is_seen(forward):
    """What stands in /var/lib/qmail is there for this system only."""
    assert not os.path.exists("/var/lib/qmail/control/me") or not os.path.samefile(
        "/var/lib/qmail/control/me", forward.home / "control/me")
    assert subprocess.run(["findmnt", "/var/lib/qmail"], capture_output=True).returncode != 0
