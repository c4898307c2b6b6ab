"""Each system call of acceptance and removal fails once, in turn.

Accepted is never lost: qmail-queue says 0 and the message is delivered, or it
says something else. The daemons live on, and the next message goes through.
"""
import errno
import mmap
import os
import struct
import subprocess

import pytest

from rig import Rig, ROOT, poll

CALLS = {"open": 1, "write": 2, "fsync": 3, "link": 4, "rename": 5, "unlink": 6}


@pytest.fixture(scope="module")
def faultlib(tmp_path_factory):
    out = tmp_path_factory.mktemp("fault") / "faultlib.so"
    os.chmod(out.parent, 0o755)
    subprocess.run(
        [os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", str(out),
         str(ROOT / "tests/fault/faultlib.c"), "-ldl"], check=True)
    return out


class Plan:
    def __init__(self, path):
        path.write_bytes(bytes(24))
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), 24)

    def arm(self, call, nth, error, kill=False):
        self.map[4:24] = struct.pack("<IIIII", nth, error, 0, 0, int(kill))
        self.map[0:4] = struct.pack("<I", CALLS[call])

    def disarm(self):
        """Whether it fired."""
        self.map[0:4] = bytes(4)
        return struct.unpack("<I", self.map[16:20])[0] == 1


def rig_with(tmp_path, faultlib, programs):
    rig = Rig(tmp_path / "home")
    plan = Plan(tmp_path / "home/plan")
    for p in programs:
        rig.preload[p] = {"LD_PRELOAD": str(faultlib), "FAULT_PLAN": str(tmp_path / "home/plan")}
    return rig, plan


def addresses(rig):
    return [d.addr for d in rig.delivered]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "link", "unlink"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_acceptance(tmp_path, faultlib, call, error):
    rig, plan = rig_with(tmp_path, faultlib, ["qmail-queue"])
    fired = 0
    with rig:
        for nth in range(1, 20):
            addr = f"r{nth}@local.example".encode()
            plan.arm(call, nth, error)
            code = rig.inject(b"s@x", [addr])
            hit = plan.disarm()
            if code == 0:
                poll(lambda: addr in addresses(rig), f"{addr} was accepted and is delivered")
            else:
                assert hit and code in (51, 53, 62, 63), f"{call} {nth}: exit {code}"
            assert rig.queue.poll() is None and rig.send.poll() is None
            if not hit:
                break
            fired += 1
        assert rig.inject(b"s@x", [b"last@local.example"]) == 0
        poll(lambda: b"last@local.example" in addresses(rig), "life goes on")
        rig.wait_empty()
    # unlinking is no part of accepting when nothing else fails
    assert fired > 0 or call == "unlink"


@pytest.mark.parametrize("call", ["open", "write", "fsync", "link"])
def test_acceptance_killed(tmp_path, faultlib, call):
    """The worker dies at that call instead."""
    rig, plan = rig_with(tmp_path, faultlib, ["qmail-queue"])
    with rig:
        for nth in range(1, 20):
            addr = f"r{nth}@local.example".encode()
            plan.arm(call, nth, 0, kill=True)
            code = rig.inject(b"s@x", [addr])
            hit = plan.disarm()
            if code == 0:
                poll(lambda: addr in addresses(rig), f"{addr} was accepted and is delivered")
            if not hit:
                break
            poll(lambda: rig.inject(b"s@x", [b"next@local.example"]) == 0, "the service is back")
        assert nth > 1


@pytest.mark.parametrize("call", ["open", "fsync", "rename", "unlink"])
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
def test_removal(tmp_path, faultlib, call, error):
    rig, plan = rig_with(tmp_path, faultlib, ["qmail-clean"])
    with rig:
        for nth in range(1, 8):
            addr = f"r{nth}@local.example".encode()
            plan.arm(call, nth, error)
            assert rig.inject(b"s@x", [addr]) == 0
            poll(lambda: addr in addresses(rig), f"{addr} is delivered")
            plan_hit = plan.disarm()
            assert rig.clean.poll() is None and rig.send.poll() is None
            if not plan_hit and call != "fsync":
                break
        assert rig.inject(b"s@x", [b"last@local.example"]) == 0
        poll(lambda: b"last@local.example" in addresses(rig), "life goes on")
        assert rig.stop_send() == 0
    # nothing was delivered a second time, and a restart drains what stayed
    assert len(addresses(rig)) == len(set(addresses(rig)))
    rig.start_queue()
    rig.start_send()
    # a message whose envelope is gone is garbage, swept after 36 hours
    poll(lambda: not rig.ids("todo"), "no message waits")
    rig.stop()


@pytest.mark.parametrize("call", ["open", "write", "rename"])
def test_note(tmp_path, faultlib, call):
    """qmail-send cannot write its note: nothing is lost or done twice."""
    rig, plan = rig_with(tmp_path, faultlib, ["qmail-send"])
    with rig:
        rig.verdict = lambda d: ("Z", b"later\n") if d.addr.startswith(b"later") else ("K", b"")
        for nth in range(1, 6):
            a, b = f"a{nth}@local.example".encode(), f"later{nth}@local.example".encode()
            plan.arm(call, nth, errno.EIO)
            assert rig.inject(b"s@x", [a, b]) == 0
            poll(lambda: any(d.addr == b for d in rig.started) or rig.send.poll() is not None or
                 "warning" in rig.log, "an attempt at both")
            plan.disarm()
            assert rig.send.poll() is None
        assert rig.inject(b"s@x", [b"last@local.example"]) == 0
        poll(lambda: b"last@local.example" in addresses(rig), "life goes on")
    assert len(addresses(rig)) == len(set(addresses(rig)))


@pytest.mark.parametrize("call", [None, "write", "fsync", "link"])
def test_without_unnamed_files(tmp_path, faultlib, call):
    """A file system without O_TMPFILE: each message is a file of its own,
    and no temporary name stays."""
    rig, plan = rig_with(tmp_path, faultlib, ["qmail-queue"])
    rig.preload["qmail-queue"]["FAULT_NO_TMPFILE"] = "1"
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        bodies = {}
        for i in range(40):
            if call and i % 3 == 1:
                plan.arm(call, 1 + i % 2, errno.EIO)
            text = f"Subject: {i}\n\n{'x' * i}\n".encode()
            if rig.inject(b"s@x", [f"r{i}@local.example".encode()], text) == 0:
                bodies[i] = text
            plan.disarm()
        assert len(bodies) >= 26
        kept = {rig.file("mess", i).read_bytes().split(b"\n", 1)[1] for i in rig.ids()}
        assert kept == set(bodies.values())
        assert not list((rig.home / "queue").glob("*/*/*.tmp"))
        assert not rig.lines("alert: ")
