"""100,000 deferred messages: little memory, a quick start."""
import os
import re
import subprocess
import time

from rig import ROOT, Rig, poll

COUNT = 100_000


def private_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(x) for x in re.findall(r"^Private_\w+:\s+(\d+) kB", f.read(), re.M))


def test_many_deferred(tmp_path):
    rig = Rig(tmp_path / "home")
    maker = tmp_path / "make-deferred"
    build = ROOT / "build"
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", "-iquote", str(ROOT / "lib"), "-o", str(maker),
         str(ROOT / "tests/integration/make-deferred.c"), str(build / "libqueue.a"), str(build / "libsys.a"),
         str(build / "libbase.a"), "-lxxhash"], check=True)
    due = int(time.time()) + 40000
    subprocess.run([str(maker), str(COUNT), str(due)], check=True, cwd=rig.home)
    rig.own()
    try:
        rig.start_queue()
        begun = time.monotonic()
        rig.start_send()
        rig.wait_log("status: local 0/")
        assert rig.inject(b"s@x", [b"now@local.example"]) == 0
        poll(lambda: rig.delivered, "new mail goes through")
        seconds = time.monotonic() - begun
        # all of them are known: a second look finds nothing new
        kib = poll(lambda: private_kib(rig.send.pid), "memory")
        print(f"{COUNT} deferred: {kib} KiB private, new mail delivered after {seconds:.1f} s")
        assert kib * 1024 < COUNT * 300 + 10 * 1024 * 1024
        assert len(rig.ids()) >= COUNT
        rig.stop_send()
    finally:
        rig.stop()
        rig.erase()
