"""Killed at random under load: nothing that was answered 250 is lost.

20 connections send 2,000 messages while processes of the system are killed
(SIGKILL), one after the other, all kinds alike, the supervisor included. A
message that was not answered 250 is sent again under another name, so that
each name says what the system owes us: answered names must arrive, whole;
none arrives more often than deliveries can have been in flight at a kill, or
were done and waited for qmail-clean, if that or all is killed.
"""
import collections
import hashlib
import os
import random
import re
import signal
import smtplib
import threading

from facteur import Instance, poll

MESSAGES = 2000
CONNECTIONS = 20
PER_CONNECTION = 10
CONCURRENCY = 10  # concurrencylocal
REMOVALS = 1000  # that qmail-clean may be behind
USERS = ("alice", "bob")
MESSAGES_PER_KILL = 50
AHEAD = 100  # of the kill that is due


def body_of(name):
    """Lines that only this name has; now and then many of them."""
    dice = random.Random(name)
    n = dice.choice([1, 5, 20, 400])
    return "".join(
        hashlib.sha256(f"{name}/{i}".encode()).hexdigest() + "\r\n"
        for i in range(n))


class Load:
    """The senders."""

    def __init__(self, box):
        self.box = box
        self.lock = threading.Lock()
        self.may_go_on = threading.Condition(self.lock)
        self.next, self.allowed = 0, AHEAD
        self.answered = set()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=[random.Random(i)],
                                         daemon=True)
                        for i in range(CONNECTIONS)]

    def take(self):
        """The next, once the kills have come so far."""
        with self.may_go_on:
            self.may_go_on.wait_for(lambda: self.next < self.allowed)
            if self.next == MESSAGES:
                return None
            self.next += 1
            return self.next

    def allow(self, n):
        with self.may_go_on:
            self.allowed = max(self.allowed, n)
            self.may_go_on.notify_all()

    def send(self, dice):
        number, attempt, smtp = self.take(), 0, None
        sent = 0
        while number is not None:
            name = f"{number}.{attempt}"
            user = USERS[number % len(USERS)]
            try:
                if smtp is None:
                    smtp, sent = self.box.smtp(), 0
                smtp.sendmail(f"load@{name}.test", [f"{user}@mail.test"],
                              f"Subject: {name}\r\n\r\n" + body_of(name))
            except (OSError, smtplib.SMTPException):
                # unknown fate: another name, another connection
                attempt += 1
                self.drop(smtp)
                smtp = None
                self.done.wait(dice.uniform(0.01, 0.1))
                continue
            with self.lock:
                self.answered.add(name)
            number, attempt, sent = self.take(), 0, sent + 1
            if sent == PER_CONNECTION:
                self.drop(smtp)
                smtp = None
        self.drop(smtp)

    @staticmethod
    def drop(smtp):
        if smtp is not None:
            try:
                smtp.close()
            except OSError:
                pass

    def run(self):
        for t in self.threads:
            t.start()

    def is_over(self):
        return not any(t.is_alive() for t in self.threads)


def kill_one(box, dice, killed):
    """SIGKILL a process: first the kind is drawn, then one of that kind."""
    kinds = collections.defaultdict(list)
    for pid, name in box.processes().items():
        # qmailctl may also be one that a test runs, in the foreground
        if name.startswith("qmail-"):
            kinds[name].append(pid)
    supervisor = box.pid("ctl")
    if supervisor:
        kinds["supervisor"].append(supervisor)
    if not kinds:
        return
    kind = dice.choice(sorted(kinds))
    try:
        os.kill(dice.choice(kinds[kind]), signal.SIGKILL)
    except ProcessLookupError:
        return
    killed[kind] += 1
    if kind == "supervisor":
        # the dying one may still hold its lock, and then "already" runs
        poll(lambda: box.ctl("start").returncode == 0 and
             box.pid("ctl") not in (None, supervisor), "start again")


def arrived(box):
    """How often each name arrived; every body is checked."""
    counts = collections.Counter()
    for user in USERS:
        for path in box.mail(user):
            head, body = path.read_bytes().decode().split("\n\n", 1)
            name = re.search(r"^Subject: (.*)$", head, re.M).group(1)
            assert body == body_of(name).replace("\r\n", "\n"), path
            assert f"Return-Path: <load@{name}.test>" in head
            assert USERS[int(name.split(".")[0]) % len(USERS)] == user
            counts[name] += 1
    return counts


def drain(box):
    """Let everything be delivered: what was deferred is due now."""
    def is_empty():
        if not box.queued():
            return True
        box.ctl("flush")
        return False
    poll(is_empty, "queue empty", 240)


def test_kill(tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    killed = collections.Counter()
    with Instance(tmp_path, users=USERS) as box:
        load = Load(box)
        load.run()
        # as often on a fast machine as on a slow one
        due = 0
        while not load.is_over():
            load.done.wait(0.01)
            if len(load.answered) >= due:
                kill_one(box, dice, killed)
                due += dice.randrange(2 * MESSAGES_PER_KILL)
                load.allow(due + AHEAD)
        poll(lambda: box.ctl("start").returncode == 0, "running")
        drain(box)
        counts = arrived(box)
        quarantine = os.listdir(box.home / "queue/quarantine")
        logs = box.log("send")
        again = sum(n - 1 for n in counts.values())
        kills = sum(killed.values())
        print(f"{kills} kills: {dict(killed)}; {len(load.answered)} answered, "
              f"{len(counts)} arrived, {again} again")
    assert len(load.answered) == MESSAGES
    lost = load.answered - set(counts)
    assert not lost, (sorted(lost), logs[-2000:])
    assert kills > MESSAGES / MESSAGES_PER_KILL / 4
    assert again <= kills * CONCURRENCY + REMOVALS * (killed["supervisor"] + killed["qmail-clean"])
    assert quarantine == []
