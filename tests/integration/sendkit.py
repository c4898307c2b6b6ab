"""What the tests of qmail-send share: queues made by hand, tidy logs."""
import contextlib
import ctypes
import ctypes.util
import functools
import os
import re
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from rig import BIN, HELLO, NOBODY, RESULT, SPLIT, Rig, frame, poll

__all__ = ["BIN", "Rig", "fresh_rig", "poll", "tidy", "message", "note", "ident", "result",
           "HELLO", "frame", "mail_of", "note_of", "denying"]


@contextlib.contextmanager
def fresh_rig():
    """A Rig in a folder of its own, which every user can get at."""
    with tempfile.TemporaryDirectory(
            prefix="facteur-send-", ignore_cleanup_errors=True) as top:
        os.chmod(top, 0o755)
        here = os.getcwd()
        rig = Rig(Path(top) / "home")
        try:
            yield rig
        finally:
            rig.stop()
            os.chdir(here)  # a Rig works in its home


@functools.cache
def library():
    lib = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    lib.XXH3_64bits.restype = ctypes.c_uint64
    lib.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return lib


def xxh3(data):
    return library().XXH3_64bits(data, len(data))


def seal(records):
    data = b"".join(k + v + b"\0" for k, v in records)
    return data + b"X%016x\0" % xxh3(data)


def ident(age=0):
    """The ID of a message accepted age seconds ago."""
    return int((time.time() - age) * 1000000)


def put(rig, kind, n, data):
    path = rig.file(kind, n)
    path.write_bytes(data)
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


def message(rig, sender, rcpts, body=b"Subject: t\n\nhi\n", n=None, age=0):
    """Put a message into the queue, as the queue service would; its ID."""
    n = n or ident(age)
    put(rig, "mess", n, body)
    records = [(b"V", b"1"), (b"I", b"%d" % n), (b"u", b"1001"),
               (b"p", b"7113"), (b"n", b"host"), (b"s", b"%d" % len(body)),
               (b"h", b"%016x" % xxh3(body)), (b"F", sender)]
    put(rig, "todo", n, seal(records + [(b"T", r) for r in rcpts]))
    return n


def note(rig, n, done, local=0, remote=0, bounce=b""):
    """Write a note; done has a truth for each recipient."""
    bits = bytearray((len(done) + 7) // 8)
    for i, is_done in enumerate(done):
        bits[i // 8] |= bool(is_done) << i % 8
    put(rig, "info", n, seal([
        (b"V", b"1"), (b"I", b"%d" % n), (b"r", b"%d" % len(done)),
        (b"a", b"1"), (b"l", b"%d" % local), (b"m", b"%d" % remote),
        (b"d", bits.hex().encode()), (b"B", bounce)]))


def note_of(rig, n):
    """The fields of a note."""
    data = rig.file("info", n).read_bytes()
    return {r[:1].decode(): r[1:] for r in data.split(b"\0") if r}


def tidy(log):
    """A log with A, B, ... for the IDs in the order they come; P, U and B
    for what depends on process numbers and users."""
    names = {}
    log = re.sub(r"\b(1\d{15})\b", lambda m: names.setdefault(
        m.group(1), chr(ord("A") + len(names))), log)
    log = re.sub(r": bytes \d+ ", ": bytes B ", log)
    return re.sub(r" qp \d+", " qp P", re.sub(r" uid \d+", " uid U", log))


def result(number, *verdicts):
    """A RESULT frame: verdicts are (index, letter, text)."""
    body = struct.pack("<II", number, len(verdicts))
    for index, letter, text in verdicts:
        body += struct.pack("<III", index, ord(letter), len(text)) + text
    return frame(RESULT, body)


def mail_of(rig, d):
    """The message of a delivery: our Received line, and the rest."""
    head, _, rest = rig.file("mess", d.id).read_bytes().partition(b"\n")
    return head, rest


def denying(folder):
    """The environment in which poll(2), pipe2(2) or stat(2) fail while a
    file poll, pipe or stat is in folder: deny.c."""
    library = folder / "deny.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library,
                    Path(__file__).with_name("deny.c")], check=True)
    return {"LD_PRELOAD": str(library), "DENY": str(folder)}


assert SPLIT == 23
