"""What a program of one user's .qmail can reach: its own, and no more.

The real qmail-local, as root, among accounts; the queue is closed to all
but its own group, as qmailctl init makes it.
"""
import os
import stat

import pytest

from accounts import ANN, JOE, JOES, QMAIL, QMAILQ, System, needs_accounts
from lspawn_rig import ID, Lspawn

pytestmark = needs_accounts
SECRET = "only ann may know\n"
# prints the pid of qmail-local, which runs a shell, which runs the script
WORKER = "awk '{print $4}' /proc/$PPID/stat"


def close_queue(box):
    for top, _, names in os.walk(box.home / "queue"):
        os.chown(top, QMAILQ, QMAIL)
        os.chmod(top, 0o750)
        for name in names:
            os.chown(os.path.join(top, name), QMAILQ, QMAIL)
            os.chmod(os.path.join(top, name), 0o640)


@pytest.fixture
def box():
    system = System(accounts=[("ann", ANN)])
    it = Lspawn(system, stub=None, default="./Mailbox", prepare=close_queue)
    yield it
    it.close()
    system.close()


def own(path, uid, mode=0o600):
    os.chown(path, uid, JOES)
    os.chmod(path, mode)
    return path


def dotqmail(box, user, text, name=".qmail"):
    path = box.top / user / name
    path.write_text(text)
    own(path, {"joe": JOE, "ann": ANN}[user])


def program(box, user, script):
    """|script, of which everything is in a file."""
    path = box.top / user / "script"
    path.write_text("#!/bin/sh\n" + script)
    own(path, {"joe": JOE, "ann": ANN}[user], 0o700)
    dotqmail(box, user, f"|{path}\n")


def says(box, rcpt, **more):
    """What the program said."""
    verdict = box.deliver(rcpt, **more)
    assert verdict.startswith("K") and verdict.endswith("did 0+0+1\n"), verdict
    return verdict[1:-len("did 0+0+1\n")].split("\n")[:-1]


def test_who_it_is(box):
    for user, uid in (("joe", JOE), ("ann", ANN)):
        program(box, user,
                'grep -E "^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|NoNew)" '
                '/proc/self/status\numask; pwd\n')
        said = dict(line.split(":\t") for line in says(box, f"{user}@h")
                    if ":\t" in line)
        assert said["Uid"].split() == [str(uid)] * 4
        assert said["Gid"].split() == [str(JOES)] * 4
        assert said["Groups"].split() == [str(JOES)]
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
        assert says(box, f"{user}@h")[-2:] == ["0077", str(box.top / user)]


def test_no_supplementary_group_of_the_account(box):
    """joe may be in group qmail, for other things; not for mail."""
    group = box.system.top / "group"
    group.write_text(group.read_text().replace(
        f"qmail:x:{QMAIL}:", f"qmail:x:{QMAIL}:joe"))
    program(box, "joe", "id -G\n")
    assert says(box, "joe@h") == [str(JOES)]


@pytest.mark.parametrize("assigned", ["0:1", "1:0", "0:0", ":1", "1:", "x:y"])
def test_never_root(box, assigned):
    box.assign(f"=joe:joe:{assigned}:{box.top}/joe:::\n.\n")
    assert box.deliver("joe@h") == \
        "ZNot allowed to perform deliveries as root.\n"
    assert box.workers() == []


def test_files_of_others(box):
    secret = box.top / "ann" / "secret"
    secret.write_text(SECRET)
    own(secret, ANN)
    dotqmail(box, "ann", "./Mailbox\n")
    assert box.deliver("ann@h").startswith("Kdid 1+0+0")
    home, queue = box.home, box.home / "queue"
    program(box, "joe", f"""
try() {{ "$@" >/dev/null 2>&1 && echo "can $*"; }}
try cat {secret}
try cat {box.top}/ann/Mailbox
try sh -c 'echo x >>{box.top}/ann/Mailbox'
try rm -f {box.top}/ann/Mailbox
try ls {queue}
try ls {queue}/mess
try cat {queue}/mess/{ID % 23}/{ID}
try touch {queue}/mess/{ID % 23}/x
try sh -c ': >{queue}/lock/trigger'
try touch {home}/users/x
try touch {home}/control/x
try touch {home}/bin/x
# the message it was given is open for reading only, once and for all
try sh -c 'echo x >&0'
try sh -c 'echo x >/proc/self/fd/0'
echo done
""")
    assert says(box, "joe@h") == ["done"]
    assert secret.read_text() == SECRET
    path = box.top / "ann/Mailbox"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().count(b"\nhello\n") == 1


def test_what_is_open(box):
    """The message, and a pipe for what it says; nothing of ours."""
    program(box, "joe", "ls -l /proc/$$/fd\n")
    box.deliver("ann@h")
    for _ in range(2):  # a second job finds no more than the first
        found = dict(line.split()[-3::2] for line in says(box, "joe@h")
                     if "->" in line)
        found.pop("10", None)  # how a shell reads its script
        assert found.pop("0") == str(
            box.home / "queue/mess" / str(ID % 23) / str(ID))
        assert found["1"] == found["2"] and found["1"].startswith("pipe:")
        assert sorted(found) == ["1", "2"]


def test_environment_of_the_delivery_before(box):
    program(box, "joe", f"env; {WORKER}\n")
    dotqmail(box, "joe", f"|{box.top}/joe/script\n", ".qmail-list-default")
    first = says(box, "joe-list-Secret.Word@One.Host", sender="first@sender")
    second = says(box, "joe@two", sender="")
    assert first[-1] == second[-1], "the same process has done both"
    one, two = (dict(line.split("=", 1) for line in x if "=" in line)
                for x in (first, second))
    assert one["DEFAULT"] == "Secret.Word" and one["EXT"] == "list-Secret.Word"
    assert "DEFAULT" not in two
    assert not any("ecret" in v or "first" in v or "One" in v
                   for v in two.values())
    assert (two["SENDER"], two["EXT"], two["HOST"]) == ("", "", "two")


def test_processes_of_others(box):
    """It can end its own worker, and nobody else's."""
    dotqmail(box, "ann", "./Mailbox\n")
    assert box.deliver("ann@h")[0] == "K"
    [ann] = box.workers()
    pids = [box.process.pid, box.scheduler(), ann, *box.getpw()]
    program(box, "joe", "".join(
        f'kill -9 {pid} 2>/dev/null && echo "can kill {pid}"\n'
        f'cat /proc/{pid}/environ 2>/dev/null | grep -q . && echo "can see {pid}"\n'
        for pid in pids) + "echo done\n")
    assert says(box, "joe@h") == ["done"]
    program(box, "joe", f"kill -9 $({WORKER})\n")
    assert box.deliver("joe@h") == "Zqmail-local crashed.\n"
    assert box.deliver("ann@h")[0] == "K"
    assert ann in box.workers()
