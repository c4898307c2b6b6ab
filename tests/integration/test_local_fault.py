"""Each system call of a delivery fails once, in turn; or is the last.

Delivered is: the whole message, and exit code 0. Anything else is exit code
111 and nothing of it. A process that is killed leaves nothing in a maildir
that is not a whole message.
"""
import errno
import fcntl
import os
import socket
import subprocess
import threading

import pytest

from facteur import ROOT
from localrig import FORMS, SIGKILL, LocalRig, M

BIG = b"Subject: x\n\n" + b"0123456789abcde\n" * 10000


@pytest.fixture(scope="module")
def lib(tmp_path_factory):
    out = tmp_path_factory.mktemp("fault") / "locallib.so"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC",
         "-O1", "-o", out, ROOT / "tests/fault/locallib.c", "-ldl"],
        check=True)
    return out


class Fault:
    """A rig whose next process meets a fault."""

    def __init__(self, tmp_path, lib, form):
        self.rig = LocalRig(tmp_path, form, env={"LD_PRELOAD": str(lib)})
        self.count = tmp_path / "count"
        self.rig.maildir()

    def run(self, plan, message, default):
        self.rig.close()
        self.rig.env["LOCAL_FAULT"] = plan
        return self.rig.deliver(message, default=default)

    def calls(self, message, default):
        """How many calls a delivery takes."""
        self.rig.env["LOCAL_COUNT"] = str(self.count)
        assert self.run("0 0", message, default).code == 0
        del self.rig.env["LOCAL_COUNT"]
        return self.count.stat().st_size


@pytest.fixture(params=FORMS)
def fault(tmp_path, lib, request):
    fault = Fault(tmp_path, lib, request.param)
    yield fault
    fault.rig.close()


def take(rig):
    """The files in the maildir's tmp and new, which are removed."""
    found = []
    for part in ("tmp", "new"):
        content = []
        for path in (rig.home / "Maildir" / part).iterdir():
            content.append(path.read_bytes())
            path.unlink()
        found.append(content)
    return found


def whole(message):
    return b"Return-Path: <s@x>\nDelivered-To: u@h\n" + message


ERRORS = [errno.EIO, errno.ENOSPC, errno.EINTR, errno.EOPNOTSUPP,
          errno.EDQUOT, errno.ESTALE]


@pytest.mark.parametrize("message", [M, BIG], ids=["small", "big"])
def test_maildir(fault, message):
    calls = fault.calls(message, "./Maildir/")
    take(fault.rig)
    delivered = 0
    for error in ERRORS:
        for n in range(1, calls + 1):
            result = fault.run(f"{n} {error}", message, "./Maildir/")
            tmp, new = take(fault.rig)
            where = (errno.errorcode[error], n, result)
            assert tmp == [], where
            if result.code == 0:
                assert new == [whole(message)], where
                delivered += 1
            else:
                assert result.code == 111 and new == [], where
    # most failures are failures; what the kernel need not do, is not
    assert 0 < delivered < len(ERRORS) * calls


QUOTA = "10000000S,100C\n1 1\n"


def test_maildir_with_quota(fault):
    """Whatever fails, a message is delivered once or not at all, and
    maildirsize never counts one that is not there."""
    path = fault.rig.home / "Maildir/maildirsize"
    for text in (QUOTA, "10C\njunk\n"):
        path.write_text(text)
        calls = fault.calls(M, "./Maildir/")
        take(fault.rig)
        for error in (errno.EIO, errno.ESTALE, errno.EDQUOT, "kill"):
            for n in range(1, calls + 1):
                path.write_text(text)
                result = fault.run(f"{n} {error}", M, "./Maildir/")
                tmp, new = take(fault.rig)
                where = (error, n, result)
                assert result.code in (0, 111, SIGKILL), where
                assert new == [whole(M)] * len(new) and len(new) < 2, where
                if result.code == 0:
                    assert new, where
                elif error != "kill":
                    assert not new and not tmp, where
                counted = path.read_text().count(
                    f"{len(whole(M))} 1\n")
                assert counted <= len(new), where


@pytest.mark.parametrize("message", [M, BIG], ids=["small", "big"])
def test_maildir_killed(fault, message):
    calls = fault.calls(message, "./Maildir/")
    take(fault.rig)
    left = 0
    for n in range(1, calls + 1):
        result = fault.run(f"{n} kill", message, "./Maildir/")
        assert result.code == SIGKILL
        tmp, new = take(fault.rig)
        assert tmp == [] and new in ([], [whole(message)]), n
        left += len(new)
    assert 0 < left < calls


def test_mbox(fault):
    rig = fault.rig
    old = b"From old\n\n\n"
    rig.file("Mailbox", old)
    calls = fault.calls(BIG, "./Mailbox")
    for error in (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE):
        for n in range(1, calls + 1):
            rig.file("Mailbox", old)
            result = fault.run(f"{n} {error}", BIG, "./Mailbox")
            content = rig.read("Mailbox")
            assert content.startswith(old)
            if result.code == 0:
                assert content.endswith(BIG + b"\n"), (error, n)
            else:
                assert result.code == 111, (error, n)
                # without its lock it must not take anything away
                assert content == old or "lock" in result.text, (error, n)


def test_mbox_killed(fault):
    """What was there stays; of the message there is a beginning at most."""
    rig = fault.rig
    old = b"From old\n\n\n"
    rig.file("Mailbox", old)
    calls = fault.calls(BIG, "./Mailbox")
    full = rig.read("Mailbox")[len(old):]
    head = full.index(b"\n")
    for n in range(1, calls + 1):
        rig.file("Mailbox", old)
        assert fault.run(f"{n} kill", BIG, "./Mailbox").code == SIGKILL
        content = rig.read("Mailbox")
        assert content.startswith(old), n
        part = content[len(old):]
        # the first line has the time
        assert part == b"" or full[head:].startswith(
            part[part.index(b"\n"):]), n


def test_next_job_is_well(tmp_path, lib):
    fault = Fault(tmp_path, lib, "resident")
    calls = fault.calls(M, "./Maildir/")
    take(fault.rig)
    for n in range(1, calls + 1):
        fault.run(f"{n} {errno.EIO}", M, "./Maildir/")
        take(fault.rig)
        assert fault.rig.deliver(default="./Maildir/") == (0, "did 1+0+0\n")
        assert take(fault.rig) == [[], [whole(M)]]
    fault.rig.close()


def test_cost(tmp_path, lib):
    """The way of most mail takes few system calls, and no process."""
    fault = Fault(tmp_path, lib, "resident")
    rig = fault.rig
    rig.env["LOCAL_COUNT"] = str(fault.count)
    assert fault.run("0 0", M, "./Maildir/").code == 0
    first = fault.count.stat().st_size
    assert rig.deliver(default="./Maildir/").code == 0
    # no quota costs one open() that fails, and another one once
    assert fault.count.stat().st_size - first == first - 1 <= 14
    rig.close()


def test_locked_for_long(fault):  # oracle 49, its thirty seconds made short
    path = fault.rig.file("Mailbox", "old\n")
    fault.rig.env["LOCAL_HASTE"] = "50"
    with open(path, "rb") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert fault.run("0 0", M, "./Mailbox") == (
            111, "File has been locked for 30 seconds straight. (#4.3.0)\n")
    assert path.read_bytes() == b"old\n"


def test_program_for_ever(fault):
    """A day, made short, is enough for any program."""
    fault.rig.env["LOCAL_HASTE"] = "200000"
    assert fault.run("0 0", M, "|exec sleep 1000") == (
        111, "Aack, child crashed. (#4.3.0)\n")


@pytest.mark.parametrize("says", [b"", b"220 x\r\n",
                                  b"220 x\r\n250 x\r\n250 ok\r\n25"])
def test_lmtp_server_hangs(fault, says):
    """Five minutes for each reply, made short."""
    fault.rig.env["LOCAL_HASTE"] = "3000"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = f"127.0.0.1:{listener.getsockname()[1]}"

        def accept():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(says)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=accept)
        thread.start()
        assert fault.run("0 0", M, f"lmtp:{server}") == (
            111, f"lmtp: connection to {server} timed out. (#4.4.2)\n")
        thread.join(60)
    assert not thread.is_alive()
