"""What the tests of qmail-send share: queues made by hand, tidy logs."""
import contextlib
import ctypes
import ctypes.util
import functools
import os
import re
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from rig import BIN, HELLO, NOBODY, RESULT, SPLIT, Rig, frame, poll

__all__ = ["BIN", "NOBODY", "Rig", "fresh_rig", "poll", "tidy", "message", "note", "ident", "result",
           "HELLO", "frame", "mail_of", "note_of", "denying", "whys", "say", "ask", "connect",
           "answer", "replace"]


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


def dsn(rcpt):
    """The records of a recipient: an address, or with NOTIFY and ORCPT."""
    addr, notify, orcpt = (rcpt, b"", b"") if isinstance(rcpt, bytes) else rcpt
    asked = [(b"N", notify), (b"O", orcpt)]
    return [(k, v) for k, v in asked if v] + [(b"T", addr)]


def message(rig, sender, rcpts, body=b"Subject: t\n\nhi\n", n=None, age=0, ret=b"", envid=b"", like=None):
    """Put a message into the queue, as the queue service would; its ID. Its
    file is that of another one which is like it, if there is one."""
    n = n or ident(age)
    if like:
        os.link(rig.file("mess", like), rig.file("mess", n))
    else:
        put(rig, "mess", n, body)
    records = [(b"V", b"1"), (b"I", b"%d" % n), (b"u", b"1001"),
               (b"p", b"7113"), (b"n", b"host"), (b"s", b"%d" % len(body)),
               (b"h", b"%016x" % xxh3(body)), (b"F", sender)]
    records += [(k, v) for k, v in ((b"R", ret), (b"E", envid)) if v]
    put(rig, "todo", n, seal(records + [r for rcpt in rcpts for r in dsn(rcpt)]))
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


def whys(rig, n):
    """The last trouble of each recipient, as a note has it."""
    data = rig.file("info", n).read_bytes()
    return {int(i): text for i, _, text in
            (r[1:].partition(b" ") for r in data.split(b"\0") if r[:1] == b"z")}


def connect(rig):
    """A conversation with qmail-send."""
    # a path of any length: sun_path has room for 107 bytes only
    home = os.open(rig.home, os.O_RDONLY | os.O_DIRECTORY)
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(f"/proc/self/fd/{home}/run/send")
    finally:
        os.close(home)
    s.settimeout(60)
    return s


def say(rig, words):
    """The answer to one command, or to words that are none."""
    with connect(rig) as s:
        s.sendall(words)
        data = b""
        try:
            while data != b"\n" and not data.endswith(b"\n\n") and (got := s.recv(65536)):
                data += got
        except ConnectionResetError:
            pass  # it hung up on what we said
        return data.decode()


def ask(rig, command):
    """The lines of an answer, without the empty one; one line: as it is."""
    lines = say(rig, command.encode() + b"\n").splitlines()
    assert lines.pop() == ""
    return lines[0] if len(lines) == 1 else lines


def answer(rig, held, letter="K", text=b"ok\n"):
    """Let a job that is held end; all its recipients fare alike."""
    rig.held.remove(held)
    rig.spawners[held[0].channel].answer(held[0].number, [(d, (letter, text)) for d in held])


def replace(rig, name, text):
    """Change a control file under the eyes of its readers."""
    new = rig.home / "control" / f"{name}.new"
    new.write_text(text)
    new.rename(rig.home / "control" / name)


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
