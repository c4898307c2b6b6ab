"""qmailctl: making a home, starting, stopping, and what can go wrong."""
import os
import signal
import socket
import stat
import subprocess

import pytest

from facteur import IS_ROOT, Instance, Programs, poll, run, status_of


@pytest.fixture
def box(tmp_path):
    """A home in which nothing runs yet."""
    box = Instance(tmp_path)
    yield box
    box.close()


@pytest.fixture
def place(tmp_path):
    """Where to make a home by hand."""
    box = Instance(tmp_path)
    yield box.home.parent / "other"
    box.close()


def ctl(*words, **more):
    return run(Programs.folder() / "qmailctl", *words, **more)


def refused(done, code, *words):
    """One line on descriptor 2 that names the thing, and the exit code."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("qmailctl: ")
    for word in words:
        assert word in lines[0]
    assert done.returncode == code
    assert done.stdout == ""


def nothing_runs(box):
    # the processes of a failed start are gone when qmailctl is
    poll(lambda: not box.processes(), "nothing runs", 10)


# init

@pytest.mark.parametrize("me, domain, plus", [
    ("localhost", "localhost", "localhost"),
    ("example.org", "example.org", "example.org"),
    ("mail.example.org", "example.org", "example.org"),
    ("a.b.example.org", "b.example.org", "example.org"),
])
def test_init_writes_what_config_fast_does(place, me, domain, plus):
    """contract local.md 4.4"""
    done = ctl("-d", place, "init", "--me", me)
    assert done.returncode == 0, done.stderr
    assert me in done.stdout
    told = {p.name: p.read_text() for p in (place / "control").iterdir()}
    assert told == {
        "me": me + "\n", "defaultdomain": domain + "\n",
        "plusdomain": plus + "\n", "locals": me + "\n",
        "rcpthosts": me + "\n", "defaultdelivery": "./Maildir/\n"}


def test_init_makes_the_folders(place):
    """contract local.md 5.2"""
    ctl("-d", place, "init", "--me", "mail.test")
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in place.iterdir()}
    assert modes.pop("run") in (0o755, 0o1775)
    assert modes == {
        "alias": 0o2755, "bin": 0o755, "boot": 0o755, "control": 0o755,
        "doc": 0o755, "log": 0o755, "man": 0o755, "queue": 0o750,
        "supervise": 0o755, "users": 0o755}
    for program in Programs.folder().iterdir():
        assert os.path.samefile(place / "bin" / program.name, program)


def test_init_twice_is_harmless(place):
    ctl("-d", place, "init", "--me", "mail.test")
    (place / "control/locals").write_text("changed\n")
    (place / "bin/qmail-clean").unlink()
    done = ctl("-d", place, "init", "--me", "mail.test")
    assert done.returncode == 0
    assert (place / "control/locals").read_text() == "changed\n"
    assert (place / "bin/qmail-clean").is_symlink()


def test_init_takes_an_empty_folder(place):
    place.mkdir()
    assert ctl("-d", place, "init", "--me=mail.test").returncode == 0
    assert (place / "control/me").read_text() == "mail.test\n"


def test_init_finishes_what_was_begun(place):
    ctl("-d", place, "init", "--me", "mail.test")
    (place / "control/me").unlink()
    (place / "queue/lock/trigger").unlink()
    done = ctl("-d", place, "init", "--me", "mail.test")
    assert done.returncode == 0
    assert stat.S_ISFIFO(os.stat(place / "queue/lock/trigger").st_mode)


def test_init_refuses_another_name(place):
    ctl("-d", place, "init", "--me", "mail.test")
    refused(ctl("-d", place, "init", "--me", "other.test"), 100,
            str(place), "mail.test")
    assert (place / "control/me").read_text() == "mail.test\n"


def test_init_refuses_what_is_not_empty(place):
    place.mkdir()
    (place / "precious").write_text("x")
    refused(ctl("-d", place, "init", "--me", "mail.test"), 100,
            str(place), "precious")
    assert os.listdir(place) == ["precious"]


def test_init_refuses_a_file(place):
    place.write_text("x")
    done = ctl("-d", place, "init", "--me", "mail.test")
    refused(done, done.returncode, str(place))
    assert done.returncode in (100, 111)


@pytest.mark.parametrize("words, told", [
    ([], "--me"),
    (["--me"], "--me"),
    (["--me", ""], "host"),
    (["--me", "a b"], "a b"),
    (["--me", "a..b"], "a..b"),
    (["--me", ".a"], ".a"),
    (["--me", "x" * 256], "host"),
    (["--you", "a"], "--you"),
    (["mail.test"], "mail.test"),
])
def test_init_wants_a_host(place, words, told):
    refused(ctl("-d", place, "init", *words), 100, told)
    assert not place.exists()


# the command line

@pytest.mark.parametrize("words, told", [
    ([], "usage"),
    (["begin"], "begin"),
    (["-x", "start"], "x"),
    (["--home", "start"], "-"),
    (["-d"], "d"),
    (["start", "now"], "now"),
    (["stat", "-v"], "-v"),
])
def test_misuse(box, words, told):
    refused(run(box.bin / "qmailctl", *words, env=box.env), 100, told)
    nothing_runs(box)


def test_home_that_is_none(tmp_path):
    refused(ctl("-d", tmp_path / "none", "start"), 111, str(tmp_path / "none"))


def test_home_from_the_environment(box):
    done = run(box.bin / "qmailctl", "start", env=box.env)
    assert done.returncode == 0
    assert box.pid("send")


def test_relative_home(box):
    done = run(box.bin / "qmailctl", "-d", "home", "start",
               cwd=box.home.parent, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    assert box.pid("send") in box.processes()


def test_help():
    done = ctl("help")
    assert done.returncode == 0
    for verb in ("init", "start", "stop", "restart", "stat", "queue",
                 "doqueue", "flush", "reload", "help", "run", "show", "hold",
                 "release", "delete", "bounce", "route", "dest",
                 "check-queue", "why"):
        assert f"\n  {verb} " in done.stdout


# starting, and what is in its way

def test_start_says_what_is_up_and_stop_ends_it(box):
    done = box.ctl("start")
    assert done.returncode == 0
    assert done.stdout == f"up: queue, send, smtp-127.0.0.1:{box.port}\n"
    assert box.ctl("stop").stdout == "stopped\n"
    assert not box.processes()
    assert box.ctl("stop").stdout == "not running\n"


SLOW_DISK = r"""
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	if (strcmp(to, "supervise/ctl.state") == 0)
		(void)usleep(300 * 1000);
	return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}
"""


def test_what_is_up_is_known_to_all_verbs(box, place):
    """However long the supervisor needs to note what it has started."""
    lib = place.parent / "slow.so"
    made = run("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", lib,
               input=SLOW_DISK)
    assert made.returncode == 0, made.stderr
    box.env["LD_PRELOAD"] = str(lib)
    box.start()
    assert "ctl: up" in box.ctl("stat").stdout
    assert box.ctl("stop").stdout == "stopped\n"


def test_second_start(box):
    box.start()
    before = box.pid("send")
    done = box.ctl("start")
    assert done.returncode == 0
    assert "already running" in done.stdout
    assert box.pid("send") == before


def test_missing_me(box):
    (box.home / "control/me").unlink()
    refused(box.ctl("start"), 100, "control/me", "file does not exist")
    nothing_runs(box)


def test_empty_me(box):
    box.control("me", "\n")
    refused(box.ctl("start"), 100, "control/me")
    nothing_runs(box)


@pytest.mark.parametrize("folder", ["mess/0", "todo/0", "info/0"])
def test_unwritable_queue(box, folder):
    path = box.home / "queue" / folder
    path.chmod(0o500)
    refused(box.ctl("start"), 111, f"queue/{folder}")
    nothing_runs(box)


def test_missing_queue(box):
    (box.home / "queue/todo").rename(box.home / "queue/gone")
    refused(box.ctl("start"), 111, "queue/todo")
    nothing_runs(box)


def test_missing_program(box):
    (box.home / "bin/qmail-clean").unlink()
    refused(box.ctl("start"), 100, "bin/qmail-clean")
    nothing_runs(box)


def test_port_in_use(box):
    with socket.create_server(("127.0.0.1", box.port)):
        refused(box.ctl("start"), 111, "control/listeners:1",
                f"127.0.0.1:{box.port}", "address already in use")
        nothing_runs(box)
    box.start()


@pytest.mark.parametrize("line, told", [
    ("smtp", "address"),
    ("smtp 127.0.0.1", "address"),
    ("smtp :25", "address"),
    ("smtp localhost:2525", "address"),
    ("smtp 127.0.0.1:0", "address"),
    ("smtp 127.0.0.1:65536", "address"),
    ("smtp 127.0.0.1:25x", "address"),
    ("smtp ::1:2525", "address"),
    ("smtp [::1:2525", "address"),
    ("smtp [127.0.0.1]:2525", "address"),
    ("smtp [" + "0" * 100 + "]:2525", "address"),
    ("smtp 127.0.0.1:2525 fast", "follows"),
    ("SMTP 127.0.0.1:2525", "protocol"),
    (" smtp 127.0.0.1:2525", "protocol"),
    ("gopher 127.0.0.1:70", "protocol"),
    ("\0smtp 127.0.0.1:2525", "protocol"),
])
def test_bad_listener(box, line, told):
    box.control("listeners",
                f"# mail\n\nsmtp 127.0.0.1:{box.port}  \n{line}\n")
    refused(box.ctl("start"), 100, "control/listeners:4", told)
    nothing_runs(box)


def test_too_many_listeners(box):
    box.control("listeners", "".join(
        f"smtp 127.0.0.1:{port}\n" for port in range(20000, 20065)))
    refused(box.ctl("start"), 100, "control/listeners:65", "too many")


def test_no_listeners(box):
    (box.home / "control/listeners").unlink()
    assert box.ctl("start").stdout == "up: queue, send\n"


def stub(box, program, text):
    path = box.home / "bin" / program
    path.unlink()
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)


def test_listener_that_dies(box):
    stub(box, "qmail-smtpd", "echo stub is sick >&2; exit 3\n")
    done = box.ctl("start")
    assert done.returncode == 111
    lines = done.stderr.splitlines()
    assert "smtp-127.0.0.1" in lines[0] and "exited 3" in lines[0]
    assert "stub is sick" in lines[1:]
    nothing_runs(box)


def test_tree_that_dies(box):
    """Sick control files are found by qmail-send itself."""
    (box.home / "control/locals").unlink()
    (box.home / "control/locals").mkdir()
    done = box.ctl("start")
    assert done.returncode == 111
    assert "qmailctl: fatal: send did not come up" in done.stderr
    assert "alert: cannot start: unable to read controls" in done.stderr
    nothing_runs(box)


def test_log_that_cannot_be_written(box):
    (box.home / "log").chmod(0o500)
    refused(box.ctl("start"), 111, "log/ctl")
    nothing_runs(box)


# running

def test_stat(box):
    box.start()
    done = box.ctl("stat")
    assert done.returncode == 0
    names = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert names[:3] == ["ctl", "queue", "send"]
    assert "messages in queue: 0" in done.stdout
    box.stop()
    done = box.ctl("stat")
    assert done.returncode == 100
    assert done.stdout.startswith("ctl: not running\n")
    assert "messages in queue: 0" in done.stdout


def test_restart(box):
    box.start()
    before = box.pid("send")
    done = box.ctl("restart")
    assert done.returncode == 0
    assert box.pid("send") not in (None, before)


def test_restart_of_nothing_starts(box):
    assert box.ctl("restart").returncode == 0
    assert box.pid("send")


@pytest.mark.parametrize("verb", ["doqueue", "flush", "alrm", "reload", "hup"])
def test_signals(box, verb):
    refused(box.ctl(verb), 111, "not running")
    box.start()
    before = box.pid("send")
    assert box.ctl(verb).returncode == 0
    assert box.pid("send") == before


def test_reload_reads_locals(box):
    box.start()
    box.control("rcpthosts", "new.test\n")
    box.control("locals", "new.test\n")
    assert box.ctl("reload").returncode == 0
    box.send("x@a.test", ["alice@new.test"], "Subject: x\n\nx\n")
    box.wait_mail("alice")


@pytest.mark.parametrize("which", ["queue", "send", "listener"])
def test_killed_service_is_replaced(box, which):
    box.start()
    name = f"smtp-127.0.0.1:{box.port}" if which == "listener" else which
    before = box.pid(name)
    os.kill(before, signal.SIGKILL)
    box.wait_log(f"{name}: pid {before} killed by signal 9, restarting$".
                 replace("[", r"\["), "ctl")
    poll(lambda: box.pid(name) not in (None, before), f"new {name}")
    assert f"{name}: up" in box.ctl("stat").stdout
    box.send("x@a.test", ["alice@mail.test"], "Subject: x\n\nx\n")
    box.wait_mail("alice")


def test_service_that_keeps_dying_is_restarted_ever_later(box):
    box.start()
    name = f"smtp-127.0.0.1:{box.port}"
    stub(box, "qmail-smtpd", "exit 3\n")
    os.kill(box.pid(name), signal.SIGKILL)
    box.wait_log(r"exited 3, restarting in 500 ms$", "ctl")
    box.wait_log(r"exited 3, restarting in 1000 ms$", "ctl")
    # neither does that disturb the others, nor does it delay a stop
    box.sendmail("alice@mail.test", input="Subject: x\n\nx\n")
    box.wait_mail("alice")
    box.stop()


def test_killed_supervisor_leaves_mail_running_until_start(box):
    box.start()
    old = {box.pid(n) for n in ("send", "queue", f"smtp-127.0.0.1:{box.port}")}
    os.kill(box.pid("ctl"), signal.SIGKILL)
    poll(lambda: "ctl: not running" in box.ctl("stat").stdout, "supervisor gone")
    assert "send: up" in box.ctl("stat").stdout
    assert box.ctl("start").returncode == 0
    new = {box.pid(n) for n in ("send", "queue", f"smtp-127.0.0.1:{box.port}")}
    assert None not in new and not old & new
    assert not old & set(box.processes())
    box.send("x@a.test", ["alice@mail.test"], "Subject: x\n\nx\n")
    box.wait_mail("alice")


def test_stop_without_supervisor(box):
    box.start()
    os.kill(box.pid("ctl"), signal.SIGKILL)
    poll(lambda: "ctl: not running" in box.ctl("stat").stdout, "supervisor gone")
    assert box.ctl("stop").returncode == 0
    nothing_runs(box)


def test_state_of_another_boot_names_nobody(box):
    state = box.home / "supervise/ctl.state"
    state.write_text(f"boot 0\nctl {os.getpid()} 1 1 0\n")
    assert box.ctl("stop").stdout == "not running\n"


def test_state_with_a_pid_that_is_somebody_else_now(box):
    with subprocess.Popen(["sleep", "1000"]) as other:
        boot = open("/proc/sys/kernel/random/boot_id").read()
        (box.home / "supervise/ctl.state").write_text(
            f"boot {boot}ctl {other.pid} 1 1 0\nsend {other.pid} 1 1 0\n")
        assert box.ctl("stop").stdout == "not running\n"
        assert box.ctl("flush").returncode == 111
        box.start()
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_foreground(box, number):
    with subprocess.Popen([box.bin / "qmailctl", "-d", box.home, "run"],
                          env=box.env, stderr=subprocess.PIPE,
                          text=True) as p:
        box.wait_log(r"^status: ")
        box.send("x@a.test", ["alice@mail.test"], "Subject: x\n\nx\n")
        box.wait_mail("alice")
        p.send_signal(number)
        said = p.communicate(timeout=60)[1]
        assert p.returncode == 0
    assert "stopped" in said
    nothing_runs(box)


def test_supervisor_keeps_nothing_of_its_caller(box):
    """A pipe the caller forgot to close sees its end."""
    here, there = os.pipe()
    run(box.bin / "qmailctl", "start", env=box.env, pass_fds=[there])
    os.close(there)
    assert os.read(here, 1) == b""
    os.close(here)
    assert box.pid("ctl")


def test_default_delivery(box):
    box.control("defaultdelivery", "./first/\n./second/\n")
    home = box.home_of("alice")
    for name in ("first", "second"):
        for path in (home / name, *(home / name / p
                                    for p in ("tmp", "new", "cur"))):
            path.mkdir()
            box.own(path)
    box.start()
    box.send("x@a.test", ["alice@mail.test"], "Subject: x\n\nx\n")
    poll(lambda: os.listdir(home / "first/new") and
         os.listdir(home / "second/new"), "both deliveries")


# as root

needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: several uids")


@needs_root
def test_root_runs_nothing_as_root_in_the_home_of_another(box):
    box.start()
    if box.uid != os.stat(box.home).st_uid:
        pytest.skip("qmail's accounts exist: see test_accounts.py")
    seen = [status_of(pid) for pid in box.processes()]
    seen = [status for status in seen if status]
    assert seen
    for status in seen:
        assert status["Uid"] == [str(box.uid)] * 4
        assert status["Groups"] == [str(box.gid)]


@needs_root
def test_root_hands_nothing_of_its_environment_on(box):
    box.env["SECRET"] = "x"
    box.start()
    environ = open(f"/proc/{box.pid('send')}/environ").read().split("\0")
    assert "SECRET=x" not in environ
    assert f"QMAILHOME={box.home}" in environ


@needs_root
def test_sudo_user_gets_the_home(place):
    # daemon: an account every system has
    done = ctl("-d", place, "init", "--me", "mail.test",
               env={"SUDO_UID": "1"})
    assert done.returncode == 0, done.stderr
    assert os.stat(place).st_uid in (0, 1)
    assert os.stat(place / "queue").st_uid == os.stat(place / "bin").st_uid \
        or os.stat(place).st_uid == 0


@needs_root
def test_root_gives_nothing_away_through_a_link(place):
    victim = place.parent / "victim"
    victim.mkdir()
    place.symlink_to(victim)
    done = ctl("-d", place, "init", "--me", "mail.test")
    assert os.stat(victim).st_uid == 0
    if done.returncode != 0:
        refused(done, done.returncode, str(place))


@needs_root
def test_root_owned_home_needs_the_accounts(box):
    import pwd
    try:
        pwd.getpwnam("qmailq")
        pytest.skip("the accounts are there")
    except KeyError:
        pass
    os.chown(box.home, 0, 0)
    refused(box.ctl("start"), 100, "belongs to root", "account")


@needs_root
def test_low_port(tmp_path):
    """Bound by root before it becomes the owner of the home."""
    for port in range(1023, 900, -1):
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                break
            except OSError:
                continue
    with Instance(tmp_path, listeners=[f"smtp 127.0.0.1:{port}"]) as box:
        box.send("x@a.test", ["alice@mail.test"], "Subject: x\n\nx\n", port)
        box.wait_mail("alice")
