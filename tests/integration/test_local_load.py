"""Twenty workers deliver at once: nothing is lost, doubled or torn.

FACTEUR_DELIVERIES=10000 is the full run; the default is a sample.
"""
import os
import re
import threading

import pytest

from localrig import LocalRig

WORKERS = 20
DELIVERIES = int(os.environ.get("FACTEUR_DELIVERIES", "2000"))
HEAD = rb"From s@x [^\n]+\nReturn-Path: <s@x>\nDelivered-To: u@h\n"


def message(i):
    """Each with its number in every line, some larger than a write."""
    line = b"%d From here\n" % i
    return b"N: %d\n\n" % i + line * (1 if i % 50 else 5000)


class Crew:
    """Workers of one account, each busy with its share of the messages."""

    def __init__(self, tmp_path):
        self.rigs = []
        for i in range(WORKERS):
            (tmp_path / str(i)).mkdir()
            self.rigs.append(LocalRig(tmp_path / str(i), "resident"))
        self.home = self.rigs[0].home
        self.bad = []

    def deliver(self, default):
        """default: what to do with message i, a function."""
        def work(w):
            for i in range(w, DELIVERIES, WORKERS):
                result = self.rigs[w].deliver(
                    message(i), home=self.home, default=default(i))
                if result != (0, "did 1+0+0\n"):
                    self.bad.append((i, result))

        threads = [threading.Thread(target=work, args=(w,))
                   for w in range(WORKERS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert self.bad == []

    def close(self):
        for rig in self.rigs:
            rig.close()


@pytest.fixture
def crew(tmp_path):
    crew = Crew(tmp_path)
    yield crew
    crew.close()


def numbers(messages):
    """The numbers of whole messages, in order."""
    found = []
    for m in messages:
        i = int(re.match(rb"N: (\d+)\n", m)[1])
        assert m == message(i)
        found.append(i)
    return sorted(found)


def stored(maildir):
    head = b"Return-Path: <s@x>\nDelivered-To: u@h\n"
    for path in (maildir / "new").iterdir():
        content = path.read_bytes()
        assert content.startswith(head)
        yield content[len(head):]
    assert os.listdir(maildir / "tmp") == []


def test_one_maildir(crew):
    maildir = crew.rigs[0].maildir()
    crew.deliver(lambda i: "./Maildir/")
    assert numbers(stored(maildir)) == list(range(DELIVERIES))


def test_one_mbox(crew):
    crew.deliver(lambda i: "./Mailbox")
    parts = re.split(HEAD, (crew.home / "Mailbox").read_bytes())
    assert parts.pop(0) == b""
    assert numbers(p.removesuffix(b"\n") for p in parts) == list(
        range(DELIVERIES))


def test_hundred_maildirs(crew):
    dirs = [crew.rigs[0].maildir(f"m{i}") for i in range(100)]
    crew.deliver(lambda i: f"./m{i % 100}/")
    for i, maildir in enumerate(dirs):
        assert numbers(stored(maildir)) == list(range(i, DELIVERIES, 100))


def test_quota_is_kept_roughly(crew):
    """Twenty that look at once may each find room for one more message."""
    maildir = crew.rigs[0].maildir()
    quota = DELIVERIES // 10
    (maildir / "maildirsize").write_text(f"{quota}C\n0 0\n")
    with pytest.raises(AssertionError):
        crew.deliver(lambda i: "./Maildir/")
    assert {r for _, r in crew.bad} == {
        (111, "Sorry, mailbox full. (#4.2.2)\n")}
    got = numbers(stored(maildir))
    assert len(got) + len(crew.bad) == DELIVERIES
    assert quota <= len(got) < quota + WORKERS
