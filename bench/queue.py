#!/usr/bin/python3
"""What a large queue and a bad neighbour cost: part of make bench.

A private system delivers the same mail with an empty queue, with a million
deferred messages in it, and while a destination with ten thousand messages
hangs. qmail-send is stopped (SIGSTOP) while the mail comes in, so that only
delivering is measured. Needs about 13 GB of disk for the million.
"""
import argparse
import asyncio
import multiprocessing
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/integration"))
from facteur import Instance, free_port  # noqa: E402

DEADLINE = 600
CONNECTIONS = 8


async def serve_sink(port):
    async def talk(reader, writer):
        try:
            writer.write(b"220 sink\r\n")
            while line := await reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    writer.write(b"250-sink\r\n250 PIPELINING\r\n")
                elif verb == b"DATA":
                    writer.write(b"354 go\r\n")
                    while await reader.readline() != b".\r\n":
                        pass
                    writer.write(b"250 ok\r\n")
                elif verb == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 ok\r\n")
        except ConnectionError:
            pass
        writer.close()
    server = await asyncio.start_server(talk, "127.0.0.1", port)
    await server.serve_forever()


class Log:
    """How often a line of log/send begins with a word, read as it grows."""

    def __init__(self, box):
        self.file = open(box.home / "log/send", "rb")

    def count(self, word):
        return len(re.findall(rb"^" + word, self.file.read(), re.M))

    def wait(self, word, n, what):
        end = time.monotonic() + DEADLINE
        while n > 0:
            n -= self.count(word)
            if time.monotonic() > end:
                sys.exit(f"bench: {what}: {n} too few in {DEADLINE} s")
            time.sleep(0.01)


def send_pid(box):
    [pid] = [p for p, name in box.processes().items() if name == "qmail-send"]
    return pid


def accept(box, rcpt, count):
    def one(n):
        with box.smtp() as s:
            for _ in range(n):
                s.sendmail("sender@elsewhere.example", [rcpt], "Subject: x\n\n" + "x" * 4000 + "\n")
    threads = [threading.Thread(target=one, args=(count // CONNECTIONS,)) for _ in range(CONNECTIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return count // CONNECTIONS * CONNECTIONS


def speed(box, rcpt, count, what):
    """Messages delivered per second, the median of three."""
    pid, log, rates = send_pid(box), Log(box), []
    for _ in range(3):
        os.kill(pid, signal.SIGSTOP)
        try:
            n = accept(box, rcpt, count)
            log.count(b"")
        finally:
            begun = time.monotonic()
            os.kill(pid, signal.SIGCONT)
        log.wait(b"end msg ", n, what)
        rates.append(n / (time.monotonic() - begun))
    print(f"{what}: {statistics.median(rates):.0f} messages/s", flush=True)
    return statistics.median(rates)


def memory_mib(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(map(int, re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))) / 1024


def wait_read(box):
    """Until qmail-send has looked at every message."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(box.home / "run/send"))
            s.sendall(b"status\n")
            if b"unprocessed 0\n" in s.recv(65536):
                return
        time.sleep(0.2)
    sys.exit(f"bench: not all messages were read in {DEADLINE} s")


def make_deferred(box, count):
    with tempfile.TemporaryDirectory() as top:
        maker = Path(top) / "make-deferred"
        subprocess.run(
            [os.environ.get("CC", "cc"), "-O2", "-std=c11", "-D_GNU_SOURCE", "-iquote", str(ROOT / "lib"),
             "-o", str(maker), str(ROOT / "tests/integration/make-deferred.c"),
             *(str(ROOT / "build" / f"lib{n}.a") for n in ("queue", "sys", "base")), "-lxxhash"], check=True)
        subprocess.run([str(maker), str(count), str(int(time.time()) + 200000), "1000"], check=True,
                       cwd=box.home)
    for kind in ("mess", "todo", "info"):
        subprocess.run(["chown", "-R", f"{box.uid}:{box.gid}", box.home / "queue" / kind], check=True)


def large_queue(top, args):
    with Instance(top) as box:
        empty = speed(box, "alice@mail.test", args.n, "empty queue, to a Maildir")
        box.stop()
        print(f"making {args.deferred} deferred messages ...", flush=True)
        make_deferred(box, args.deferred)
        begun = time.monotonic()
        box.start()
        box.send("sender@elsewhere.example", ["bob@mail.test"], "Subject: first\n\nx\n")
        box.wait_mail("bob", seconds=DEADLINE)
        print(f"{args.deferred} deferred: the first new message delivered {time.monotonic() - begun:.1f} s "
              f"after the start, qmail-send has {memory_mib(send_pid(box)):.0f} MiB", flush=True)
        loading = speed(box, "alice@mail.test", args.n, f"{args.deferred} being read in, to a Maildir")
        print(f"ratio {loading / empty:.2f}", flush=True)
        wait_read(box)
        print(f"all read {time.monotonic() - begun:.1f} s after the start, "
              f"qmail-send has {memory_mib(send_pid(box)):.0f} MiB", flush=True)
        full = speed(box, "alice@mail.test", args.n, f"{args.deferred} deferred, to a Maildir")
        print(f"ratio {full / empty:.2f}", flush=True)


def bad_neighbour(top, args):
    port = free_port()
    sink = multiprocessing.Process(target=lambda: asyncio.run(serve_sink(port)), daemon=True)
    sink.start()
    hanging = socket.create_server(("127.0.0.1", 0), backlog=1024)  # never says a word
    routes = f"good.example:127.0.0.1:{port}\nhang.example:127.0.0.1:{hanging.getsockname()[1]}\n"
    with Instance(top, control={"smtproutes": routes, "rcpthosts": "good.example\nhang.example\n"}) as box:
        usual = speed(box, "x@good.example", args.n, "nobody else, relayed")
        accept(box, "x@hang.example", args.hanging)
        beside = speed(box, "x@good.example", args.n, f"{args.hanging} messages for a host that hangs, relayed")
        print(f"ratio {beside / usual:.2f}", flush=True)
    hanging.close()
    # closed: every connection is refused
    with Instance(top, control={"smtproutes": routes, "rcpthosts": "good.example\nhang.example\n"}) as box:
        accept(box, "x@hang.example", args.hanging)
        beside = speed(box, "x@good.example", args.n, f"{args.hanging} messages for a host that refuses, relayed")
        print(f"ratio {beside / usual:.2f}", flush=True)
    sink.terminate()


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("-n", type=int, default=4000, help="messages measured")
    ap.add_argument("--deferred", type=int, default=1_000_000)
    ap.add_argument("--hanging", type=int, default=10_000)
    ap.add_argument("-w", choices=["large", "bad"], help="only this work")
    args = ap.parse_args()
    top = Path(tempfile.mkdtemp(prefix="facteur-bench."))
    try:
        if args.w != "bad":
            large_queue(top, args)
        if args.w != "large":
            bad_neighbour(top, args)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
