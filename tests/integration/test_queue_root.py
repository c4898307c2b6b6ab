"""qmail-queue among qmail's accounts (contract queue.md 1.1, 3.2, oracle
cases 2 and 14)."""
import os
import re
import signal
import subprocess

import pytest

from accounts import ALIAS, JOE, JOES, NOFILES, QMAIL, QMAILQ, System
from accounts import needs_accounts
from facteur import poll
from rig import make_queue

QMAILD, QMAILS = 30013, 30016

pytestmark = needs_accounts


class Service:
    """The queue service as root starts it, as qmailq."""

    def __init__(self, leave_out=()):
        self.system = System(alias="alias" not in leave_out, qmail=False)
        for name, uid, gid in [("qmailq", QMAILQ, QMAIL),
                               ("qmaild", QMAILD, NOFILES),
                               ("qmails", QMAILS, QMAIL)]:
            if name not in leave_out:
                self.system.account(name, uid, gid, self.system.home, False)
        self.system.write()
        if "qmail" in leave_out:
            group = self.system.top / "group"
            group.write_text(group.read_text().replace("qmail:", "other:"))
        self.home = self.system.home
        make_queue(self.home)
        for top, _, names in os.walk(self.home / "queue"):
            for path in (top, *(os.path.join(top, n) for n in names)):
                os.chown(path, QMAILQ, QMAIL)
        self.p = subprocess.Popen(
            self.system.command(self.home / "bin/qmail-queue", "--resident"),
            env=self.system.env, stderr=subprocess.PIPE)

    def queue(self, uid, gid):
        """Run qmail-queue as an account."""
        with open(self.system.top / "envelope", "w+b") as f:
            f.write(b"Fs@a\0Tr@b\0\0")
            f.seek(0)
            return subprocess.run(
                [self.home / "bin/qmail-queue"], input=b"Subject: x\n\n",
                stdout=f, stderr=subprocess.PIPE, env=self.system.env,
                user=uid, group=gid, extra_groups=[])

    def first_line(self):
        """Of the newest message."""
        newest = max((self.home / "queue/mess").glob("*/*"),
                     key=lambda p: int(p.name))
        assert newest.stat().st_uid == QMAILQ
        return newest.read_bytes().split(b"\n")[0].decode()

    def close(self):
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGTERM)
        self.p.communicate(timeout=60)
        self.system.close()


@pytest.fixture(scope="module")
def service():
    s = Service()
    poll((s.home / "run/queue").exists, "the socket")
    yield s
    s.close()


@pytest.mark.parametrize("uid, gid, who", [
    (ALIAS, NOFILES, "by alias"), (QMAILD, NOFILES, "from network"),
    (QMAILS, QMAIL, "for bounce"), (0, 0, "by uid 0"),
    (JOE, JOES, f"by uid {JOE}"), (QMAILQ, QMAIL, f"by uid {QMAILQ}"),
])
def test_case2_who_it_was(service, uid, gid, who):
    done = service.queue(uid, gid)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(
        rf"Received: \(qmail [1-9]\d* invoked {who}\); "
        r"[1-9]\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000",
        service.first_line())


@pytest.mark.parametrize("what, name", [
    ("user", "alias"), ("user", "qmaild"), ("user", "qmails"),
    ("user", "qmailq"), ("group", "qmail")])
def test_case14_missing_account(what, name):
    """Here it is the service that looks for them: its callers see 62."""
    s = Service(leave_out=[name])
    try:
        assert s.p.communicate(timeout=60)[1].decode() == \
            f"fatal: unable to find {what} {name}\n"
        assert s.p.returncode == 111
        assert s.queue(JOE, JOES).returncode == 62
    finally:
        s.system.close()
