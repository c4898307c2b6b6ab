"""The system as root runs it: a home of root's, an account per program."""
import os
import stat

import pytest

from accounts import ALIAS, JOE, JOES, NOFILES, QMAIL, QMAILP, QMAILQ, System
from accounts import needs_accounts
from facteur import Programs, free_port, poll, processes, status_of

QMAILD, QMAILL, QMAILR, QMAILS = range(30013, 30017)

pytestmark = needs_accounts


@pytest.fixture
def system():
    s = System()
    for name, uid, gid in [("qmaild", QMAILD, NOFILES),
                           ("qmaill", QMAILL, NOFILES),
                           ("qmailr", QMAILR, QMAIL),
                           ("qmails", QMAILS, QMAIL)]:
        s.account(name, uid, gid, s.home, False)
    s.write()
    yield s
    s.run(Programs.folder() / "qmailctl", "-d", s.home, "stop")
    poll(lambda: not processes(s.home), "all processes gone")
    s.close()


def ctl(system, *words, home=None):
    return system.run(Programs.folder() / "qmailctl", "-d",
                      home or system.home, *words)


def owner(path):
    st = os.lstat(path)
    return st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)


def test_init(system):
    """contract local.md 5.2"""
    home = system.top / "fresh"
    done = ctl(system, "init", "--me", "mail.test", home=home)
    assert done.returncode == 0, done.stderr
    assert b"as root and qmail's accounts" in done.stdout
    for name in ("bin", "boot", "control", "doc", "log", "man", "supervise",
                 "users"):
        assert owner(home / name) == (0, QMAIL, 0o755), name
    assert owner(home)[0] == 0
    assert owner(home / "alias") == (ALIAS, QMAIL, 0o2755)
    assert owner(home / "run") == (0, QMAIL, 0o1775)
    assert owner(home / "queue") == (QMAILQ, QMAIL, 0o750)
    assert owner(home / "queue/mess/0") == (QMAILQ, QMAIL, 0o750)
    assert owner(home / "queue/info/22")[0] == QMAILS
    assert owner(home / "queue/lock/sendmutex") == (QMAILS, QMAIL, 0o600)
    assert owner(home / "queue/lock/tcpto") == (QMAILR, QMAIL, 0o644)
    assert owner(home / "control/me")[0] == 0


def test_each_program_has_its_account(system):
    port = free_port()
    assert ctl(system, "init", "--me", "mail.test").returncode == 0
    (system.home / "control/listeners").write_text(f"smtp 127.0.0.1:{port}\n")
    for part in ("", "tmp", "new", "cur"):
        path = system.top / "joe/Maildir" / part
        path.mkdir()
        os.chown(path, JOE, JOES)
    done = ctl(system, "start")
    assert done.returncode == 0, done.stderr

    done = system.run(system.home / "bin/sendmail", "joe@mail.test",
                      input=b"Subject: x\n\nx\n")
    assert done.returncode == 0, done.stderr
    new = system.top / "joe/Maildir/new"
    poll(lambda: os.listdir(new), "mail for joe")
    assert owner(new / os.listdir(new)[0])[0] == JOE

    uids = {}
    for pid, name in processes(system.home).items():
        status = status_of(pid)
        if status:
            uids.setdefault(name, set()).add(tuple(map(int, status["Uid"])))
    # each uid in all its four forms: nobody can go back
    assert uids.pop("qmailctl") == {(0,) * 4}
    assert uids.pop("qmail-lspawn") == {(0,) * 4}
    assert uids.pop("qmail-local", {(JOE,) * 4}) == {(JOE,) * 4}
    assert uids.pop("qmail-getpw", {(QMAILP,) * 4}) == {(QMAILP,) * 4}
    assert uids == {
        "qmail-lsched": {(QMAILP,) * 4},
        "qmail-queue": {(QMAILQ,) * 4}, "qmail-clean": {(QMAILQ,) * 4},
        "qmail-send": {(QMAILS,) * 4}, "qmail-rspawn": {(QMAILR,) * 4},
        "qmail-smtpd": {(QMAILD,) * 4}}
    log = (system.home / "log/send").read_text()
    assert "unable to listen" not in log
    assert ctl(system, "stop").returncode == 0


def test_queue_of_somebody_else(system):
    ctl(system, "init", "--me", "mail.test")
    os.chown(system.home / "queue/todo/0", JOE, JOES)
    done = ctl(system, "start")
    assert done.returncode == 100
    assert done.stderr == (b"qmailctl: fatal: queue/todo/0 does not belong to "
                           b"qmailq\n")


def test_missing_account(system):
    ctl(system, "init", "--me", "mail.test")
    system.passwd = [x for x in system.passwd if not x.startswith("qmailr:")]
    system.write()
    done = ctl(system, "start")
    assert done.returncode == 100
    assert b"qmailr" in done.stderr
