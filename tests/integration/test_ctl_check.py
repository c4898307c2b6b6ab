"""qmailctl check-queue: what it finds, what it moves, what it leaves alone."""
import json
import os
import shutil
import subprocess
import threading
import time

import pytest

from accounts import QMAILQ, System, needs_accounts
from facteur import IS_ROOT, Instance, Sink, free_port, poll
from sendkit import seal

SPLIT = 23
DAY = 86400
FINE = "the queue is as it should be\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A queue with three deferred messages, made once."""
    with Sink() as later:
        later.rcpt = lambda address: "451 later"
        with Instance(tmp_path_factory.mktemp("check"),
                      control={"smtproutes": f":{later.route}\n"}) as box:
            for i in range(3):
                done = box.sendmail("-f", "joe@mail.test", f"r{i}@far.test",
                                    input=f"Subject: {i}\n\nbody {i}\n")
                assert done.returncode == 0, done.stderr
            box.wait_log("deferral:", n=3)
            box.stop()
            yield box


@pytest.fixture
def box(template):
    """The same before each test."""
    queue, kept = template.home / "queue", template.home.parent / "kept"
    subprocess.run(["cp", "-a", queue, kept], check=True)
    yield template
    template.ctl("stop")
    shutil.rmtree(queue)
    kept.rename(queue)


def ids(box):
    return sorted(int(p.name) for p in box.queued())


def file(box, kind, n):
    return box.home / "queue" / kind / str(n % SPLIT) / str(n)


def check(box, *words):
    return box.ctl("check-queue", *words)


def findings(box, code=100, *words):
    """Paths below queue/, without notes, and what is wrong."""
    done = check(box, "--json", *words)
    assert (done.returncode, done.stderr) == (code, "")
    return {d["path"].removeprefix("queue/"): d["problem"]
            for d in json.loads(done.stdout) if not d["note"]}


def aside(box):
    return sorted(p.name for p in (box.home / "queue/quarantine").iterdir())


def make(box, path, data=b"x", mode=0o640):
    path = box.home / "queue" / path
    path.write_bytes(data)
    path.chmod(mode)
    box.own(path)
    return path


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_nothing_wrong(box):
    done = check(box)
    assert (done.returncode, done.stdout, done.stderr) == (0, FINE, "")
    done = check(box, "--repair")
    assert (done.returncode, done.stdout, done.stderr) == (0, FINE, "")
    assert findings(box, 0) == {}
    assert len(ids(box)) == 3 and aside(box) == []


def test_damaged_envelope(box):
    n = ids(box)[1]
    flip(file(box, "todo", n))
    path = f"todo/{n % SPLIT}/{n}"
    done = check(box)
    assert done.returncode == 100
    assert done.stdout == (
        f"queue/{path}: does not fit its seal; qmailctl check-queue --repair "
        "sets it aside\nfound wrong: 1, still to be seen to: 1\n")
    assert aside(box) == []
    done = check(box, "--repair")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"queue/{path}: does not fit its seal; moved to queue/quarantine\n"
        "note: queue/quarantine: files that were set aside: 4\nfound wrong: 1, still to be seen to: 0\n")
    info, *rest = aside(box)
    assert info.startswith(f"{n}.info.")
    assert rest == [f"{n}.mess", f"{n}.reason", f"{n}.todo"]
    assert "does not fit its seal" in (
        box.home / f"queue/quarantine/{n}.reason").read_text()
    assert findings(box, 0) == {}
    assert len(ids(box)) == 2


@pytest.mark.parametrize("harm, told", [
    (flip, "not the bytes"),
    (lambda p: p.write_bytes(p.read_bytes() + b"x"), "not the size"),
    (lambda p: p.write_bytes(b""), "not the size"),
    (lambda p: (p.unlink(), p.symlink_to("/etc/passwd")), "not a regular"),
    (lambda p: (p.unlink(), os.mkfifo(p)), "not a regular"),
])
def test_damaged_message(box, harm, told):
    n = ids(box)[0]
    harm(file(box, "mess", n))
    found = findings(box)
    assert list(found) == [f"mess/{n % SPLIT}/{n}"]
    assert told in found[f"mess/{n % SPLIT}/{n}"]
    findings(box, 0, "--repair")
    assert {f"{n}.mess", f"{n}.todo"} < set(aside(box))
    assert findings(box, 0) == {}


def test_lost_message(box):
    n = ids(box)[0]
    file(box, "mess", n).unlink()
    assert findings(box) == {
        f"todo/{n % SPLIT}/{n}": "an envelope without its message"}
    findings(box, 0, "--repair")
    assert f"{n}.todo" in aside(box)
    assert findings(box, 0) == {}


@pytest.mark.parametrize("harm", [
    flip, lambda p: p.write_bytes(b""),
    lambda p: p.write_bytes(seal([(b"V", b"1"), (b"r", b"2"), (b"d", b"00")])),
])
def test_damaged_note(box, harm):
    n = ids(box)[2]
    harm(file(box, "info", n))
    assert list(findings(box)) == [f"info/{n % SPLIT}/{n}"]
    findings(box, 0, "--repair")
    # the message stays
    names = aside(box)
    assert names[0].startswith(f"{n}.info.") and len(names) == 2
    assert f"{n}.info.reason" in names
    assert len(ids(box)) == 3
    assert findings(box, 0) == {}


def test_note_without_message(box):
    n = ids(box)[2]
    file(box, "todo", n).unlink()
    file(box, "mess", n).unlink()
    assert findings(box) == {
        f"info/{n % SPLIT}/{n}": "a note without an envelope"}
    findings(box, 0, "--repair")
    assert findings(box, 0) == {}


def test_message_without_envelope(box):
    """Young, it may be on its way in; old, nothing has swept it."""
    n = ids(box)[0]
    file(box, "todo", n).unlink()
    file(box, "info", n).unlink()
    old = int((time.time() - 2 * DAY) * 1000000)
    make(box, f"mess/{old % SPLIT}/{old}")
    done = check(box, "--repair")
    assert done.returncode == 0
    assert f"note: queue/mess/{n % SPLIT}/{n}: a message without" in \
        done.stdout
    assert aside(box) == [f"{old}.mess", f"{old}.reason"]
    assert file(box, "mess", n).exists()


def test_what_is_no_message(box):
    n = ids(box)[0]
    wrong = (n + 1) % SPLIT
    file(box, "todo", n).rename(box.home / f"queue/todo/{wrong}/{n}")
    for path in ("mess/5/core", "todo/7/007", "info/1/x y\x1b"):
        make(box, path)
    (box.home / "queue/mess/3/26").mkdir()
    box.own(box.home / "queue/mess/3/26")
    young = make(box, "info/2/25.tmp")
    old = make(box, "info/2/48.tmp")
    os.utime(old, (0, time.time() - 2 * DAY))
    found = findings(box)
    assert found.pop("mess/3/26") == "not a regular file"
    assert found.pop("info/2/48.tmp") == "left behind by a crash"
    assert found.pop(f"todo/{wrong}/{n}") == "in the wrong folder"
    assert found.pop(f"info/{n % SPLIT}/{n}") == "a note without an envelope"
    assert set(found) == {"mess/5/core", "todo/7/007", "info/1/x y\x1b"}
    assert set(found.values()) == {"not the name of a message"}
    assert "info/1/x y_: not the name" in check(box).stdout
    findings(box, 0, "--repair")
    assert findings(box, 0) == {}
    assert young.exists()
    reasons = [p.read_text() for p in
               (box.home / "queue/quarantine").glob("*.reason")]
    assert "queue/mess/5/core: not the name of a message\n" in reasons
    assert len([x for x in aside(box) if x.endswith(".foreign")]) == 5


def test_modes_and_types(box):
    queue, n = box.home / "queue", ids(box)[0]
    file(box, "mess", n).chmod(0o666)
    (queue / "todo/4").chmod(0o777)
    (queue / "lock/sendmutex").chmod(0o644)
    (queue / "lock/trigger").unlink()
    make(box, "lock/trigger")
    (queue / "lock/tcpto").unlink()
    link = file(box, "todo", n)
    os.link(link, box.home / "other")
    want = {f"mess/{n % SPLIT}/{n}": "mode 0666, not 0640",
            f"todo/{n % SPLIT}/{n}":
                "has other names, by which it can be changed",
            "todo/4": "mode 0777, not 0750",
            "lock/sendmutex": "mode 0644, not 0600",
            "lock/trigger": "a file of the wrong type",
            "lock/tcpto": "unable to look at it: file does not exist"}
    assert findings(box) == want
    # nothing of this is moved
    assert findings(box, 100, "--repair") == want
    (queue / "lock/trigger").unlink()
    file(box, "mess", n).chmod(0o640)
    (box.home / "other").unlink()
    assert box.ctl("init", "--me", "mail.test").returncode == 0
    assert check(box).stdout == FINE


@pytest.mark.skipif(not IS_ROOT, reason="needs root: several uids")
def test_owners(box):
    n = ids(box)[0]
    told = f"belongs to uid 1, not to {box.uid}"
    want = {f"{kind}/{n % SPLIT}/{n}": told for kind in ("todo", "mess")}
    for path in want:
        os.chown(box.home / "queue" / path, 1, box.gid)
    assert findings(box) == want
    # the message is whole
    assert findings(box, 100, "--repair") == want
    os.chown(box.home / "queue/lock", 1, box.gid)
    assert findings(box) == {**want, "lock": told}


def test_strangers_are_noted(box):
    make(box, "pid")
    make(box, "lock/old")
    for path in ("mess/23", "lost+found", "bounce"):
        (box.home / "queue" / path).mkdir()
    done = check(box, "--repair")
    assert done.returncode == 0
    noted = {line.split(": ")[1] for line in done.stdout.splitlines()
             if line.startswith("note: ")}
    assert noted == {"queue/pid", "queue/lock/old", "queue/mess/23",
                     "queue/bounce"}
    assert done.stdout.endswith(FINE)


def test_folder_nobody_can_read(box):
    (box.home / "queue/mess/1").chmod(0)
    found = findings(box)
    assert found["mess/1"] == "mode 0000, not 0750"


def test_no_queue(box):
    (box.home / "queue").rename(box.home / "gone")
    done = check(box)
    (box.home / "gone").rename(box.home / "queue")
    assert done.returncode == 111 and done.stdout == ""


def test_no_repair_while_qmail_send_runs(box):
    n = ids(box)[0]
    flip(file(box, "mess", n))
    box.start()
    done = check(box, "--repair")
    assert done.returncode == 111 and done.stdout == ""
    assert "qmail-send is running" in done.stderr
    assert file(box, "mess", n).exists() or f"{n}.mess" in aside(box)


def test_nothing_is_wrong_with_a_system_at_work(box):
    """Messages come and go under the eyes of the check."""
    box.start()
    stop = threading.Event()

    def load():
        while not stop.is_set():
            box.send("joe@mail.test", ["alice@mail.test", "x@far.test"],
                     "Subject: x\n\nx\n")
    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        poll(lambda: len(box.mail("alice")) > 20)
        for _ in range(5):
            assert findings(box, 0) == {}
    finally:
        stop.set()
        for t in threads:
            t.join()
    box.stop()
    assert findings(box, 0) == {}


@needs_accounts
def test_with_accounts():
    """Root looks as qmails, and knows whose everything has to be."""
    s = System()
    for name, uid, gid in [("qmaild", 30013, 30110), ("qmaill", 30014, 30110),
                           ("qmailr", 30015, 30111),
                           ("qmails", 30016, 30111)]:
        s.account(name, uid, gid, s.home, False)
    s.write()
    ctl = s.home / "bin/qmailctl"
    try:
        def run(*words):
            return s.run(ctl, "-d", s.home, *words)
        assert run("init", "--me", "mail.test").returncode == 0
        (s.home / "control/smtproutes").write_text(
            f":127.0.0.1:{free_port()}\n")
        assert run("start").returncode == 0
        done = s.run(s.home / "bin/sendmail", "a@far.test", input=b"\nx\n")
        assert done.returncode == 0, done.stderr
        log = s.home / "log/send"
        poll(lambda: "deferral:" in log.read_text())
        assert run("check-queue").stdout.decode() == FINE
        out = run("queue", "--all")
        assert out.returncode == 0, out.stderr
        assert b"a@far.test" in out.stdout
        # what only root could read, it does not
        [path] = (s.home / "queue/todo").glob("*/*")
        os.chown(path, 0, 0)
        out = run("check-queue", "--json")
        assert out.returncode == 100
        assert any("access denied" in d["problem"]
                   for d in json.loads(out.stdout))
        assert run("stop").returncode == 0
        os.chown(path, QMAILQ, 30111)
        mess = s.home / "queue/mess" / path.parent.name / path.name
        flip(mess)
        assert run("check-queue").returncode == 100
        done = run("check-queue", "--repair")
        assert done.returncode == 0, done.stderr
        assert (s.home / f"queue/quarantine/{path.name}.mess").exists()
    finally:
        run("stop")
        s.close()
