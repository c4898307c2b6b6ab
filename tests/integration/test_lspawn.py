"""qmail-lspawn, driven by frames, with a script as qmail-local.

Numbers are oracle cases: q of contract queue.md 11, l of local.md 10.
"""
import os
import shutil
import signal
import struct
import subprocess
import tempfile
from pathlib import Path

import pytest

from facteur import BIN, poll
from lspawn_rig import ID, STUB, Lspawn, clock_library
from rig import JOB, frame


@pytest.fixture
def box():
    it = Lspawn()
    yield it
    it.close()


def mine(box, *names):
    """users/assign for names, all of them accounts with our uid."""
    box.assign("".join(f"={n}:{n}:{box.uid}:{box.uid}:/h/{n}:::\n"
                       f"+{n}-:{n}:{box.uid}:{box.uid}:/h/{n}:-::\n"
                       for n in names) + ".\n")


def test_no_argument():
    done = subprocess.run([BIN / "qmail-lspawn"], capture_output=True)
    assert (done.returncode, done.stdout) == (100, b"")


def test_no_home(tmp_path):
    done = subprocess.run(
        [BIN / "qmail-lspawn", "./Mailbox"], capture_output=True,
        env={**os.environ, "QMAILHOME": str(tmp_path / "nowhere")})
    assert (done.returncode, done.stdout) == (111, b"")


def test_what_a_worker_gets(box):
    mine(box, "joe")
    f = box.facts("Joe-Ext@Some.Host", sender="me@here")
    assert [f[k] for k in ("user", "home", "local", "dash", "ext", "domain",
                           "sender", "default")] == [
        "joe", "/h/joe", "Joe-Ext", "-", "Ext", "Some.Host", "me@here",
        "./Mailbox"]
    assert f["message"] == "Subject: x\n\nhello\n" and f["offset"] == 0
    assert f["cwd"] == str(box.home) and f["marker"] == "passed on"
    assert f["uid"].split() == [str(box.uid)] * 4
    assert f["fds"].pop("0").startswith("socket:")
    assert f["fds"].pop("1") == f["fds"].pop("2") == "/dev/null"
    # the message, and nothing of ours
    assert [v for v in f["fds"].values()] == [
        str(box.home / "queue/mess" / str(ID % 23) / str(ID))]
    assert int(f["blocked"], 16) == 0
    assert int(f["ignored"], 16) & (1 << (signal.SIGCHLD - 1)) == 0


def test_a_worker_is_kept(box):
    mine(box, "joe", "ann")
    seen = [box.facts(f"{n}@h") for n in ("joe", "joe-x", "ann", "joe")]
    # all have our uid, so all are one worker's
    assert len({f["pid"] for f in seen}) == 1
    assert [f["served"] for f in seen] == [0, 1, 2, 3]
    assert len(box.workers()) == 1


def test_private_system_has_alias_only(box):
    f = box.facts("Anybody-At-All@h")
    assert [f[k] for k in ("home", "dash", "ext")] == [
        str(box.home / "alias"), "-", "Anybody-At-All"]


@pytest.mark.parametrize("local, want", [
    ("joe", "joe//"), ("joe-", "joe/-/"), ("joe-A", "joe/-/A"),
    ("Joe-List-FoO", "joe/-/L-FoO"), ("joe-list", "joe/-/list"),
    ("joe-LIST-X", "joe-exact//"), ("bill", "alias/-/bill"),
    ("joe-list-A", "joe/-/L-A")])
def test_l59_q59_assignments(box, local, want):
    u = f"{box.uid}:{box.uid}"
    box.assign(f"+joe-:joe:{u}:/j:-::\n=joe:joe:{u}:/j:::\n"
               f"+joe-list-:joe:{u}:/j:-:L-:\n"
               f"=joe-list-x:joe-exact:{u}:/j:::\n"
               f"+:alias:{u}:/a:-::\n.\n")
    f = box.facts(f"{local}@h")
    assert "/".join((f["user"], f["dash"], f["ext"])) == want


@pytest.mark.parametrize("content", [b"", b"junk", b"\xee" * 5000],
                         ids=["empty", "short", "long"])
def test_l60_junk_for_users_cdb(box, content):
    (box.home / "users/cdb").write_bytes(content)
    assert box.deliver("joe@h") == \
        "ZTrouble reading users/cdb in qmail-lspawn.\n"
    # and it is looked at again
    mine(box, "joe")
    assert box.facts("joe@h")["user"] == "joe"


def test_users_cdb_comes_changes_and_goes(box):
    assert box.facts("joe@h")["dash"] == "-"
    mine(box, "joe")
    assert box.facts("joe@h")["home"] == "/h/joe"
    mine(box, "ann")
    assert box.facts("joe@h")["dash"] == "-"
    assert box.facts("ann@h")["home"] == "/h/ann"
    (box.home / "users/cdb").unlink()
    assert box.facts("ann@h")["dash"] == "-"


def test_l58_nothing_assigned(box):
    box.assign(".\n")
    assert box.facts("joe@h")["ext"] == "joe"


@pytest.mark.parametrize("uid", ["0", "", "x", "4294967295", "4294967296"])
def test_never_as_root(box, uid):
    box.assign(f"=joe:joe:{uid}:1:/h:::\n.\n")
    assert box.deliver("joe@h") == \
        "ZNot allowed to perform deliveries as root.\n"
    assert box.workers() == []


def test_not_root_and_another_uid(box):
    box.assign(f"=joe:joe:{box.uid + 1}:1:/h:::\n.\n")
    verdict = box.deliver("joe@h")
    assert verdict[0] == "Z" and f" {box.uid + 1}." in verdict
    assert box.workers() == []


def test_too_few_fields(box):
    """A database somebody else made."""
    dump = b"+5,9:!joe\0->joe\x001\x001\0h\n+0,0:->\n\n"
    subprocess.run(["cdb", "-c", box.home / "users/cdb"], input=dump,
                   check=True)
    assert box.deliver("joe@h") == "ZInternal qmail-lspawn bug.\n"


@pytest.mark.parametrize("rcpt, want", [
    ("nohost", "DSorry, address must include host name. (#5.1.3)\n"),
    ("", "DSorry, address must include host name. (#5.1.3)\n"),
    ("@h", "DSorry, no mailbox here by that name. (#5.1.1)\n"),
])
def test_addresses_without_a_mailbox(box, rcpt, want):
    assert box.deliver(rcpt) == want
    assert box.workers() == []


def test_the_last_at_divides(box):
    f = box.facts("a@b@c")
    assert (f["local"], f["domain"]) == ("a@b", "c")
    f = box.facts("a@")
    assert (f["local"], f["domain"]) == ("a", "")


def test_several_recipients(box):
    mine(box, "joe")
    number = box.send("joe@h", "nohost", "joe-x@h", "@h", "joe-y@h")
    got = box.result(number)
    assert [letter for letter, _ in got] == ["K", "D", "K", "D", "K"]
    assert len(box.results[number]) == 1


@pytest.mark.parametrize("code, letter, text", [
    (0, "K", None), (111, "Z", None), (71, "Z", None), (74, "Z", None),
    (75, "Z", None), (100, "D", None), (1, "D", None), (2, "D", None),
    (64, "D", None), (70, "D", None), (76, "D", None), (99, "D", None),
    (101, "D", None), (127, "D", None), (255, "D", None),
    (112, "Z", "Internal qmail-lspawn bug.\n"),
    (113, "Z", "Not allowed to perform deliveries as root.\n"),
    (115, "Z", "NFS failure in qmail-local.\n"),
    (116, "Z", "Unable to find alias user!\n"),
    (117, "Z", "Trouble reading users/cdb in qmail-lspawn.\n"),
    (118, "Z", "Temporary failure in qmail-lspawn.\n"),
    (119, "Z", "Out of memory in qmail-lspawn.\n"),
    (120, "Z", "Unable to run qmail-local.\n"),
    (126, "D", "Unable to run qmail-local.\n"),
    (121, "Z", "Unable to run qmail-getpw.\n"),
    (256 + 9, "Z", "qmail-local crashed.\n"),
])
def test_l61_exit_codes(box, code, letter, text):
    said = "did 1+0+0\nand more"
    assert box.deliver("joe@h", sender=f"exit {code} {said}") == \
        letter + (said if text is None else text)


@pytest.mark.parametrize("n, is_cut", [
    (0, False), (2999, False), (3000, False), (3001, True), (6000, True)])
def test_long_reports(box, n, is_cut):
    verdict = box.deliver("joe@h", sender=f"long {n}")
    want = "x" * n
    if is_cut:
        end = "\nError report too long, sorry.\n"
        want = "x" * (2997 - len(end)) + end
        assert len(want) == 2997
    assert verdict == "K" + want


def test_a_report_ends_at_a_nul(box):
    assert box.deliver("joe@h", sender="exit 0 abc\0def") == "Kabc"


@pytest.mark.parametrize("order", ["crash", "leave 0", "leave 100",
                                   "rubbish", "close"])
def test_a_worker_dies(box, order):
    assert box.deliver("joe@h", sender=order) == "Zqmail-local crashed.\n"
    # the next one does not notice, and gets a fresh process
    assert box.facts("joe@h")["served"] == 0
    poll(lambda: len(box.workers()) == 1)


def test_last_words_count(box):
    for _ in range(5):
        assert box.deliver("joe@h", sender="last-words") == "Klast words\n"


def is_stopped(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


def test_an_idle_worker_is_killed(box):
    """Stopped before, so that it cannot take the next job with it."""
    for _ in range(5):
        pid = box.facts("joe@h")["pid"]
        os.kill(pid, signal.SIGSTOP)
        poll(lambda: is_stopped(pid))
        os.kill(pid, signal.SIGKILL)
        assert box.facts("joe@h")["pid"] != pid


def test_l61_no_qmail_local(box):
    (box.home / "bin/qmail-local").unlink()
    assert box.deliver("joe@h") == "DUnable to run qmail-local.\n"
    box.program("qmail-local", STUB)
    assert box.facts("joe@h")["served"] == 0


def test_no_zombies(box):
    for _ in range(3):
        box.deliver("joe@h", sender="crash")
    poll(lambda: box.children().keys() == set(box.getpw()))


# getpw

def test_getpw_starts_when_needed_and_stays(box):
    mine(box, "joe")
    box.facts("joe@h")
    assert box.getpw() == []
    box.facts("other@h")
    [pid] = box.getpw()
    box.facts("another@h")
    assert box.getpw() == [pid]


def test_getpw_dies(box):
    box.facts("one@h")
    os.kill(box.getpw()[0], signal.SIGKILL)
    # asked before we know: this one is lost, and the next is not
    box.deliver("two@h")
    assert box.facts("three@h")["ext"] == "three"


@pytest.mark.parametrize("text", [
    None, "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho rubbish\nsleep 600\n",
    "#!/bin/sh\nprintf '\\6\\0\\0\\0\\1\\11\\0\\0\\0\\0'\nsleep 600\n"],
    ids=["missing", "exits", "rubbish", "no fields"])
def test_getpw_cannot_answer(box, text):
    (box.home / "bin/qmail-getpw").unlink()
    if text:
        box.program("qmail-getpw", text)
    numbers = [box.send(f"u{i}@h") for i in range(20)]
    for n in numbers:
        assert box.result(n) == [("Z", b"Unable to run qmail-getpw.\n")]
    (box.home / "bin/qmail-getpw").unlink(missing_ok=True)
    (box.home / "bin/qmail-getpw").symlink_to(BIN / "qmail-getpw")
    assert box.facts("joe@h")["ext"] == "joe"


SLOW = r'''#!/usr/bin/python3 -u
import os, struct, sys, time
TOP = os.environ["STUB_TOP"]
while True:
    head = os.read(0, 4)
    if not head:
        sys.exit(0)
    body = os.read(0, struct.unpack("<I", head)[0])
    local = body[6:]
    with open(os.path.join(TOP, "asked"), "ab") as f:
        f.write(local + b"\n")
    while not os.path.exists(os.path.join(TOP, "answer")):
        time.sleep(0.01)
    if local.startswith(b"die"):
        sys.exit(1)
    code, record = 0, b"u\0%d\0%d\0/h\0-\0%s\0" % (os.getuid(), os.getgid(),
                                                  local[1:])
    if local.startswith(b"code"):
        code, record = int(local[4:]), b""
    out = struct.pack("<II", code, len(record)) + record
    os.write(1, struct.pack("<IBB", len(out) + 2, 1, 9) + out)
'''


def test_a_slow_getpw_stops_nobody(box):
    box.program("qmail-getpw", SLOW)
    mine(box, "joe")
    slow = [box.send(f"x{i}@h") for i in range(50)]
    for _ in range(5):
        assert box.facts("joe@h")["user"] == "joe"
    assert not any(n in box.results for n in slow)
    box.release("answer")
    for n in slow:
        [(letter, _)] = box.result(n)
        assert letter == "K"


@pytest.mark.parametrize("code, want", [
    (115, "ZNFS failure in qmail-local.\n"),
    (116, "ZUnable to find alias user!\n"),
    (118, "ZTemporary failure in qmail-lspawn.\n"), (100, "D"), (111, "Z")])
def test_codes_of_getpw(box, code, want):
    box.program("qmail-getpw", SLOW)
    box.release("answer")
    assert box.deliver(f"code{code}@h") == want


def test_one_question_kills_getpw(box):
    """The one that does is deferred; the others are asked again."""
    box.program("qmail-getpw", SLOW)
    box.release("answer")
    assert box.deliver("good@h")[0] == "K"
    (box.top / "answer").unlink()
    bad = box.send("die1@h")
    good = [box.send(f"good{i}@h") for i in range(20)]
    box.release("answer")
    assert box.result(bad) == [("Z", b"Unable to run qmail-getpw.\n")]
    for n in good:
        assert box.result(n)[0][0] == "K"


def test_answers_are_remembered(box):
    """A burst for one user asks once or, when it takes long, a few times;
    the case of an extension is each message's own."""
    box.program("qmail-getpw", SLOW)
    box.release("answer")
    box.facts("joe-Ext@h")
    exts = {box.facts(x)["ext"] for x in
            ["joe-Ext@h", "JOE-eXT@h", "joe-ext@h"]}
    assert exts == {"oe-Ext", "OE-eXT", "oe-ext"}
    for _ in range(30):
        box.facts("joe@h")
    asked = (box.top / "asked").read_text().split()
    assert len(asked) < 30 and asked[0] == "joe-Ext"


# the pool

def test_at_most_twenty_for_one_uid(box):
    numbers = [box.send("joe@h", sender="hold go") for _ in range(30)]
    poll(lambda: len(box.workers()) == 20)
    poll(lambda: all(  # they are all at it
        os.readlink(f"/proc/{p}/exe").find("python") >= 0
        for p in box.workers()))
    assert not any(n in box.results for n in numbers)
    box.release("go")
    for n in numbers:
        assert box.result(n)[0][0] == "K"
    assert len(box.workers()) <= 20


def test_twenty_crash_and_the_rest_is_delivered(box):
    numbers = [box.send("joe@h", sender="crash" if i < 25 else "s@x")
               for i in range(35)]
    for i, n in enumerate(numbers):
        assert box.result(n)[0][0] == ("Z" if i < 25 else "K")


# time


@pytest.fixture
def timed():
    """A box whose clock box.pass_time(seconds) puts forward."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    if b"__asan_init" in (BIN / "qmail-lsched").read_bytes():
        pytest.skip("sanitizers want to be loaded first")
    folder = Path(tempfile.mkdtemp(prefix="facteur-clock-"))
    os.chmod(folder, 0o755)
    library, late = clock_library(folder)
    it = Lspawn(env={"LD_PRELOAD": str(library), "CLOCK_LATE": str(late)})

    def pass_time(seconds):
        with open(late, "ab") as f:
            f.write(b"x" * seconds)
        # poll(2) knows nothing of it: something has to happen
        it.deliver("nohost")
    it.pass_time = pass_time
    yield it
    it.close()
    shutil.rmtree(folder)


def test_idle_workers_go(timed):
    pid = timed.facts("joe@h")["pid"]
    timed.pass_time(50)
    assert timed.facts("joe@h")["pid"] == pid
    timed.pass_time(70)
    poll(lambda: timed.workers() == [])
    assert timed.facts("joe@h")["pid"] != pid


def test_an_idle_worker_that_will_not_go(timed):
    pid = timed.facts("joe@h")["pid"]
    os.kill(pid, signal.SIGSTOP)
    poll(lambda: is_stopped(pid))
    timed.pass_time(70)
    assert timed.workers() == [pid]
    timed.pass_time(70)
    poll(lambda: timed.workers() == [])


def test_getpw_hangs(timed):
    timed.program("qmail-getpw", SLOW)
    mine(timed, "joe")
    old = [timed.send(f"u{i}@h") for i in range(10)]
    poll(timed.getpw)
    poll((timed.top / "asked").exists)
    [pid] = timed.getpw()
    timed.pass_time(40)
    new = [timed.send(f"n{i}@h") for i in range(10)]
    assert timed.facts("joe@h")["user"] == "joe"
    timed.pass_time(25)
    for n in old:
        assert timed.result(n) == [("Z", b"Unable to run qmail-getpw.\n")]
    timed.release("answer")  # the new one does better
    for n in new:
        assert timed.result(n)[0][0] == "K"
    assert timed.getpw() != [pid]


def test_answers_are_forgotten(timed):
    timed.program("qmail-getpw", SLOW)
    timed.release("answer")
    for _ in range(5):
        timed.facts("joe@h")
        timed.pass_time(3)
    assert (timed.top / "asked").read_text().split() == ["joe"] * 5


def test_a_long_delivery_is_waited_for(timed):
    n = timed.send("joe@h", sender="hold go")
    poll(timed.workers)
    timed.pass_time(100000)
    assert n not in timed.results
    timed.release("go")
    assert timed.result(n)[0][0] == "K"


# the frames

def test_q56_a_message_that_is_not_one(box):
    assert box.deliver("joe@h", ident=ID + 1) == \
        "Zqmail-spawn unable to open message. (#4.3.0)\n"
    folder = box.home / "queue/mess" / str((ID + 2) % 23) / str(ID + 2)
    folder.mkdir()
    assert box.deliver("joe@h", ident=ID + 2) == \
        "ZSorry, message has wrong type. (#4.3.5)\n"
    box.message(ID + 3, b"").unlink()
    os.symlink("/etc/passwd",
               box.home / "queue/mess" / str((ID + 3) % 23) / str(ID + 3))
    assert box.deliver("joe@h", ident=ID + 3) == \
        "ZSorry, message has wrong type. (#4.3.5)\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: several uids")
def test_q56_a_message_of_somebody_else(box):
    os.chown(box.message(ID + 1, b"x\n"), 1, 1)
    assert box.deliver("joe@h", ident=ID + 1) == \
        "ZSorry, message has wrong type. (#4.3.5)\n"


def test_q57_more_than_announced(box):
    box.program("qmail-getpw", SLOW)  # holds them all
    numbers = [box.send(f"u{i}@h") for i in range(1000)]
    assert box.result(box.send("joe@h")) == \
        [("Z", b"Internal error: delnum too big. (#4.3.5)\n")]
    assert not any(n in box.results for n in numbers)


def test_number_in_use(box):
    n = box.send("joe@h", sender="hold go")
    box.raw(box.frame(n, ["joe@h"]))
    assert box.result(n) == [("Z", b"Internal error: delnum in use. (#4.3.5)\n")]
    box.release("go")
    box.wait(lambda: len(box.results[n]) == 2)
    # and free again
    box.raw(box.frame(n, ["joe@h"]))
    box.wait(lambda: len(box.results[n]) == 3)


def test_frames_in_pieces(box):
    data = box.frame(1, ["joe@h"]) + box.frame(2, ["joe@h", "ann@h"])
    for i in range(0, len(data), 7):
        box.raw(data[i:i + 7])
    assert box.result(1)[0][0] == "K"
    assert [v[0] for v in box.result(2)] == ["K", "K"]


def test_fifty_recipients(box):
    mine(box, "joe")
    got = box.result(box.send(*[f"joe-{i}@h" for i in range(50)]))
    assert len(got) == 50 and {v[0] for v in got} == {"K"}


def test_end_of_file_finishes_what_runs(box):
    n = box.send("joe@h", sender="hold go")
    poll(box.workers)
    box.process.stdin.close()
    assert box.process.poll() is None
    box.release("go")
    assert box.result(n)[0][0] == "K"
    assert box.process.wait(60) == 0


def test_qmail_send_is_gone_altogether(box):
    """Nobody reads the result: what runs is finished all the same."""
    p = box.popen()
    assert len(os.read(p.stdout.fileno(), 10)) == 10
    os.write(p.stdin.fileno(), box.frame(1, ["joe@h"], sender="hold go"))
    poll(lambda: Path(f"/proc/{p.pid}/task/{p.pid}/children").read_text())
    p.stdout.close()
    box.release("go")
    assert p.wait(60) == 0
    p.stdin.close()


@pytest.mark.parametrize("data", [
    b"\xff\xff\xff\x7f", struct.pack("<IBB", 2, 9, JOB), frame(3, b""),
    frame(JOB, b"\1\0\0"), frame(JOB, struct.pack("<IQIII", 1, ID, 0, 0, 0)),
    frame(JOB, struct.pack("<IQIII", 1, ID, 0, 0, 51)),
    struct.pack("<I", 128 * 1024 + 1)],
    ids=["length", "version", "type", "short", "no recipient", "51", "long"])
def test_rubbish_from_qmail_send(box, data):
    box.raw(data)
    assert box.process.wait(60) == 111
    assert "unable to talk to qmail-send" in box.text()


def test_half_a_frame(box):
    box.raw(box.frame(1, ["joe@h"])[:-1])
    assert box.finish() == 111


def test_nothing_to_do(box):
    assert box.finish() == 0
