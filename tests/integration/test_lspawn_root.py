"""qmail-lspawn as root: each delivery with the rights of its owner.

Numbers are oracle cases: q of contract queue.md 11, l of local.md 10.
"""
import os
import signal
import subprocess

import pytest

from accounts import ALIAS, ANN, JOE, JOES, NOFILES, QMAIL, QMAILP, System, \
    needs_accounts
from facteur import poll
from lspawn_rig import Lspawn
from test_lspawn import is_stopped

pytestmark = needs_accounts


@pytest.fixture
def system():
    box = System(accounts=[("ann", ANN)])
    yield box
    box.close()


@pytest.fixture
def box(system):
    it = Lspawn(system)
    yield it
    it.close()


def ids(f):
    return f["uid"].split(), f["gid"].split(), f["groups"]


@pytest.mark.parametrize("who, name", [
    ("user qmailp", "qmailp"), ("group nofiles", "nofiles")])
def test_missing_accounts(system, who, name):
    if name == "nofiles":
        group = system.top / "group"
        group.write_text(group.read_text().replace("nofiles", "other"))
    else:
        system.passwd = [x for x in system.passwd if not x.startswith(name)]
        (system.top / "passwd").write_text("\n".join(system.passwd) + "\n")
    done = system.run(system.home / "bin/qmail-lspawn", "./Mailbox")
    assert (done.returncode, done.stdout) == (111, b"")
    assert done.stderr.decode() == f"fatal: unable to find {who}\n"


def test_q58_l53_accounts(box, system):
    f = box.facts("Joe-Ext@H")
    assert [f[k] for k in ("user", "home", "local", "dash", "ext",
                           "domain")] == [
        "joe", str(system.top / "joe"), "Joe-Ext", "-", "Ext", "H"]
    assert ids(f) == ([str(JOE)] * 4, [str(JOES)] * 4, [str(JOES)])


def test_q60_alias(box):
    for local in ("nobody-here", "root", "qmailp"):
        f = box.facts(f"{local}@h")
        assert (f["user"], f["dash"], f["ext"]) == ("alias", "-", local)
        assert ids(f) == ([str(ALIAS)] * 4, [str(NOFILES)] * 4,
                          [str(NOFILES)])


def test_assigned_numbers_need_no_account(box):
    box.assign("=x:whoever:12345:54321:/h:::\n.\n")
    f = box.facts("x@h")
    assert ids(f) == (["12345"] * 4, ["54321"] * 4, ["54321"])


def test_a_worker_for_each_account(box):
    box.assign("=a:a:12345:1:/a:::\n=b:b:12346:1:/b:::\n"
               "=c:c:12345:2:/c:::\n+a-:a:12345:1:/a:-::\n.\n")
    seen = {n: box.facts(f"{n}@h") for n in ("a", "b", "c")}
    assert len({f["pid"] for f in seen.values()}) == 3
    assert ids(seen["c"]) == (["12345"] * 4, ["2"] * 4, ["2"])
    again = {n: box.facts(f"{n}@h") for n in ("a", "b", "c", "a-x")}
    for n in ("a", "b", "c"):
        assert again[n]["pid"] == seen[n]["pid"] and again[n]["served"] >= 1
    assert again["a-x"]["pid"] == seen["a"]["pid"]


def test_never_as_root(box):
    box.assign("=r:root:0:1:/root:::\n=x:x::1:/x:::\n=g:g:1:y:/x:::\n.\n")
    for local in ("r", "x", "g"):
        assert box.deliver(f"{local}@h") == \
            "ZNot allowed to perform deliveries as root.\n"
    assert box.workers() == []


def test_getpw_is_qmailp(box):
    box.facts("joe@h")
    [pid] = box.getpw()
    status = open(f"/proc/{pid}/status").read()
    assert f"Uid:\t{QMAILP}\t{QMAILP}\t{QMAILP}\t{QMAILP}\n" in status
    assert f"Gid:\t{NOFILES}\t{NOFILES}\t{NOFILES}\t{NOFILES}\n" in status
    assert f"Groups:\t{NOFILES} \n" in status
    fds = {n: os.readlink(f"/proc/{pid}/fd/{n}")
           for n in os.listdir(f"/proc/{pid}/fd")}
    assert sorted(fds) == ["0", "1", "2"]


def test_users_cdb_is_read_by_qmailp(box):
    """Who has the rights of its group as well; root is not asked."""
    box.assign(f"=x:x:{JOE}:{JOES}:/h:::\n.\n")
    path = box.home / "users/cdb"
    os.chmod(path, 0o600)
    assert box.deliver("x@h") == "ZTrouble reading users/cdb in qmail-lspawn.\n"
    os.chown(path, -1, QMAIL)
    os.chmod(path, 0o640)
    assert box.facts("x@h")["user"] == "x"


def test_a_busy_user_delays_nobody(box):
    held = [box.send("joe@h", sender="hold go") for _ in range(40)]
    poll(lambda: len(box.workers()) == 20)
    f = box.facts("ann@h")
    assert f["uid"].split()[0] == str(ANN)
    assert not any(n in box.results for n in held)
    box.release("go")
    for n in held:
        assert box.result(n)[0][0] == "K"


# a worker that is cheaper to have two hundred of
SMALL = "#!/bin/sh\nexec %s/small\n"
SMALL_C = r'''
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void)
{
	static char in[200000], passed[64];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = passed, .msg_controllen = sizeof(passed) };
	while (recvmsg(0, &h, 0) > 0) {
		if (send(0, "\12\0\0\0\1\7\0\0\0\0\0\0\0\0", 14, 0) < 0)
			return 1;
		close(3);
		h.msg_controllen = sizeof(passed);
	}
	return 0;
}
'''


@pytest.fixture
def small(system):
    (system.top / "small.c").write_text(SMALL_C)
    subprocess.run(["cc", "-o", system.top / "small",
                    system.top / "small.c"], check=True)
    it = Lspawn(system, stub=SMALL % system.top)
    yield it
    it.close()


def test_two_hundred_in_all(small):
    """More users than workers: the idle go, and all is delivered."""
    small.assign("".join(f"=u{i}:u:{20000 + i}:1:/h:::\n"
                         for i in range(260)) + ".\n")
    numbers = [small.send(f"u{i}@h") for i in range(260)]
    for n in numbers:
        assert small.result(n) == [("K", b"")]
    assert len(small.workers()) <= 200
    # and once more, with a full house
    numbers = [small.send(f"u{259 - i}@h") for i in range(260)]
    for n in numbers:
        assert small.result(n) == [("K", b"")]
    assert len(small.children()) <= 201


def test_a_worker_that_stands_still(box):
    """Work for others goes on; what it never looked at another one does."""
    pid = box.facts("joe@h")["pid"]
    os.kill(pid, signal.SIGSTOP)
    poll(lambda: is_stopped(pid))
    n = box.send("joe@h")
    assert box.facts("ann@h")["uid"].split()[0] == str(ANN)
    assert n not in box.results
    os.kill(pid, signal.SIGKILL)
    assert box.result(n)[0][0] == "K"


def test_with_the_real_qmail_local(system):
    """Down to the file: it is joe's."""
    box = Lspawn(system, stub=None, default="./Mailbox")
    try:
        for i in range(3):
            assert box.deliver("joe@h").startswith("Kdid 1+0+0")
        path = system.top / "joe" / "Mailbox"
        assert path.read_bytes().count(b"\nhello\n") == 3
        assert (path.stat().st_uid, path.stat().st_gid) == (JOE, JOES)
        assert len(box.workers()) == 1
        assert box.deliver("joe-nobody@h") == \
            "DSorry, no mailbox here by that name. (#5.1.1)\n"
    finally:
        box.close()
