"""The queue after a power loss."""
import os
import subprocess
from pathlib import Path

from rig import ROOT, SPLIT, Rig, poll


def build(source, folder):
    """A library to be preloaded."""
    out = folder / f"{source.stem}.so"
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1",
                    "-o", str(out), str(source), "-ldl"], check=True)
    return out


def test_own_names_that_were_left(tmp_path):
    """Without O_TMPFILE a message has another name for a moment: PID.tmp. A
    power loss may leave both, and the PID comes again. Then the next message
    is no part of the first."""
    rig = Rig(tmp_path / "home")
    faultlib = build(ROOT / "tests/fault/faultlib.c", tmp_path)
    os.chmod(tmp_path, 0o755)
    rig.preload["qmail-queue"] = {"LD_PRELOAD": str(faultlib), "FAULT_NO_TMPFILE": "1"}
    rig.verdict = lambda d: ("Z", b"later\n")
    with rig:
        assert rig.inject(b"s@x", [b"first@local.example"], b"first\n") == 0
        [first] = rig.ids()
        before = rig.file("mess", first).read_bytes()
        master = rig.queue.pid
        workers = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        for n in range(SPLIT):
            for pid in workers:
                for kind in ("mess", "todo"):
                    os.link(rig.file(kind, first), rig.home / f"queue/{kind}/{n}/{pid}.tmp")
        for i in range(20):
            assert rig.inject(b"s@x", [b"next@local.example"], b"next\n") == 0
        assert rig.file("mess", first).read_bytes() == before
        poll(lambda: len(rig.started) == 21, "all are tried")
        assert not rig.lines("alert: ")
