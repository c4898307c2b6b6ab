"""qmail-smtpd with a listening socket: the pool, and what it survives."""

import os
import signal
import smtplib
import threading

import pytest
from smtpdrig import Home, Resident


@pytest.fixture
def home():
    with Home(rcpthosts="example.org\n", concurrencyincoming="12") as h:
        yield h


def send(port, n=1):
    with smtplib.SMTP("127.0.0.1", port, "client.example", timeout=20) as s:
        for _ in range(n):
            s.sendmail("a@b.example", ["u@example.org"], "Subject: x\n\nhi\n")


def test_a_message(home):
    with Resident(home) as smtpd:
        send(smtpd.ports[0])
        [(received, stored, envelope)] = home.messages()
        assert received.startswith(
            b"Received: from unknown (HELO client.example) (127.0.0.1)\n"
            b"  by mx.example.org with SMTP; "
        )
        assert stored == b"Subject: x\n\nhi\n"
        assert envelope == [b"Fa@b.example", b"Tu@example.org"]
        log = smtpd.wait_for(
            lambda: [x for x in smtpd.log().splitlines() if "accepted" in x]
        )
        assert "from 127.0.0.1 pid " in log[0]
        assert log[0].endswith(
            "bytes 15 sender <a@b.example> recipients 1"
        )
    assert smtpd.proc.returncode == 0
    assert smtpd.log().splitlines()[-1] == "qmail-smtpd: stopped"


def test_one_process_for_each_connection(home):
    with Resident(home) as smtpd:
        pids = set()
        for _ in range(30):
            peer = smtpd.greeted()
            peer.mail()
            pids.add(peer.say("."))
            assert peer.say("QUIT").startswith("221 ")
            peer.close()
        qps = {p.split()[-1] for p in pids}
        assert len(qps) == 30


def test_spares_are_kept(home):
    with Resident(home) as smtpd:
        smtpd.wait_for(lambda: len(smtpd.children()) == 4)
        peers = [smtpd.greeted() for _ in range(3)]
        smtpd.wait_for(lambda: len(smtpd.children()) >= 7)
        for p in peers:
            p.close()
        smtpd.wait_for(lambda: len(smtpd.children()) <= 5)


def test_no_more_than_the_limit(home):
    with Resident(home) as smtpd:
        peers = [smtpd.greeted() for _ in range(12)]
        waiting = smtpd.connect()
        waiting.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            waiting.sock.recv(1)
        assert len(smtpd.children()) == 12
        smtpd.wait_for(lambda: "status: 12/12 " in smtpd.log())
        peers.pop().close()
        waiting.sock.settimeout(20)
        waiting.close()
        late = smtpd.greeted()
        assert late.say("QUIT").startswith("221 ")


def test_many_at_once(home):
    with Resident(home) as smtpd:
        threads = [
            threading.Thread(target=send, args=(smtpd.ports[0], 3))
            for _ in range(20)
        ]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert len(list(home.path.glob("msg.*"))) > 0
        accepted = smtpd.wait_for(
            lambda: smtpd.log().count(": accepted ") == 60
        )
        assert accepted
        smtpd.wait_for(lambda: len(smtpd.children()) <= 12)


def test_an_edit_is_in_force_at_the_next_connection(home):
    with Resident(home) as smtpd:

        def reply(rcpt):
            peer = smtpd.greeted()
            peer.say("MAIL FROM:<>")
            got = peer.say(f"RCPT TO:<{rcpt}>")[:3]
            peer.close()
            return got

        assert reply("u@new.example") == "553"
        for _ in range(5):
            home.control("rcpthosts", "new.example\n")
            assert reply("u@new.example") == "250"
            home.control("rcpthosts", None)
            assert reply("u@any.example") == "250"
            home.control("rcpthosts", "none.example\n")
            assert reply("u@new.example") == "553"
        home.control("badmailfrom", "spam@x\n")
        home.control("smtpgreeting", "changed\n")
        assert smtpd.connect().reply() == "220 changed ESMTP"


def test_controls_that_cannot_be_read(home):
    with Resident(home) as smtpd:
        (home.path / "control" / "badmailfrom").mkdir()
        reply = "421 4.3.0 unable to read controls (#4.3.0)"
        assert smtpd.connect().reply() == reply
        assert smtpd.connect().reply() == reply
        (home.path / "control" / "badmailfrom").rmdir()
        assert smtpd.connect().reply() == "220 mx.example.org ESMTP"


def test_timeout(home):
    home.control("timeoutsmtpd", "1")
    with Resident(home) as smtpd:
        peer = smtpd.greeted()
        assert peer.reply() == "451 4.4.2 timeout (#4.4.2)"
        home.control("timeoutsmtpd", "2")
        peer = smtpd.greeted()
        assert peer.reply() == "451 4.4.2 timeout (#4.4.2)"


def test_relayclient_of_the_parent_counts_for_all(home):
    with Resident(home, RELAYCLIENT="") as smtpd:
        peer = smtpd.greeted()
        peer.mail("u@elsewhere.example")
        peer.close()


def test_qmailqueue_sees_the_peer(home):
    """As below tcpserver."""
    env = home.path / "environment"
    program = home.path / "program"
    program.write_text(f"#!/bin/sh\nenv >{env}.tmp; mv {env}.tmp {env}\n"
                       "cat >/dev/null\ncat <&1 >/dev/null\n")
    program.chmod(0o755)
    with Resident(home, QMAILQUEUE=str(program), TCPREMOTEHOST="liar") as s:
        peer = s.greeted()
        peer.mail()
        assert peer.say(".").startswith("250 ")
        got = env.read_text().splitlines()
        port = peer.sock.getsockname()[1]
        assert "PROTO=TCP" in got
        assert "TCPREMOTEIP=127.0.0.1" in got
        assert f"TCPREMOTEPORT={port}" in got
        assert "TCPLOCALIP=127.0.0.1" in got
        assert f"TCPLOCALPORT={s.ports[0]}" in got
        assert not [e for e in got if e.startswith("TCPREMOTEHOST")]


def test_refusals_are_logged_safely(home):
    with Resident(home) as smtpd:
        peer = smtpd.greeted()
        peer.say('MAIL FROM:<"a b%"@x.example>')
        assert peer.say("RCPT TO:<u@elsewhere>").startswith("553 ")
        smtpd.wait_for(
            lambda: ": refused <u@elsewhere> sender <a_b_@x.example> helo "
            "unknown: 553 5.7.1 sorry" in smtpd.log()
        )


def test_term_lets_a_message_arrive(home):
    with Resident(home) as smtpd:
        port = smtpd.ports[0]
        idle = smtpd.greeted()
        started = smtpd.greeted()
        started.say("MAIL FROM:<>")
        busy = smtpd.greeted()
        busy.mail()
        busy.send("Subject: x\r\n")
        smtpd.proc.send_signal(signal.SIGTERM)
        assert idle.reply() == "421 4.3.2 closing down, try again (#4.3.2)"
        assert started.reply().startswith("421 4.3.2 ")
        smtpd.wait_for(lambda: len(smtpd.children()) == 1)

        # the port is free for a successor while the session goes on
        def is_refused():
            try:
                smtpd.connect().close()
                return False
            except ConnectionRefusedError:
                return True

        smtpd.wait_for(is_refused)
        assert smtpd.proc.poll() is None
        assert port
        assert busy.say("\r\nhi\r\n.").startswith("250 2.6.0 ok ")
        assert busy.reply() == "421 4.3.2 closing down, try again (#4.3.2)"
        assert smtpd.proc.wait(20) == 0
    assert home.messages()[0][1] == b"Subject: x\n\nhi\n"


def test_a_second_term_waits_for_nobody(home):
    with Resident(home) as smtpd:
        busy = smtpd.greeted()
        busy.mail()
        smtpd.proc.send_signal(signal.SIGTERM)
        smtpd.wait_for(lambda: len(smtpd.children()) == 1)
        smtpd.proc.send_signal(signal.SIGTERM)
        assert smtpd.proc.wait(20) == 0
        assert busy.reply() == ""


def test_children_die_with_a_killed_parent(home):
    with Resident(home) as smtpd:
        spares = smtpd.wait_for(
            lambda: len(smtpd.children()) >= 4 and smtpd.children()
        )
        smtpd.proc.kill()
        smtpd.proc.wait()
        smtpd.wait_for(
            lambda: not [p for p in spares if is_running(p)]
        )


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def text_base(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        return next(x for x in f if "qmail-smtpd" in x).split("-")[0]


def test_a_crash_starts_the_program_anew(home):
    """And sessions that are open go on."""
    with Resident(home) as smtpd:
        pid = smtpd.proc.pid
        session = smtpd.greeted()
        smtpd.wait_for(lambda: len(smtpd.children()) >= 4)
        layout = text_base(pid)
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            children = {int(c) for c in f.read().split()}
        os.kill(max(children), signal.SIGKILL)
        smtpd.wait_for(lambda: smtpd.log().count(": ready: ") == 2)
        assert "killed by signal 9" in smtpd.log()
        assert text_base(pid) != layout
        send(smtpd.ports[0])
        assert session.say("NOOP").startswith("250 ")
        assert session.say("QUIT").startswith("221 ")
        smtpd.wait_for(
            lambda: not children & {p for p in children if is_running(p)}
        )
        # its place is counted, and free again: all twelve can be had
        peers = [smtpd.greeted() for _ in range(12)]
        assert len(peers) == 12


def test_crashes_do_not_make_a_storm(home):
    """The first second of an image has no second new one."""
    with Resident(home) as smtpd:
        for _ in range(3):
            for c in smtpd.children():
                try:
                    os.kill(c, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        smtpd.wait_for(lambda: smtpd.log().count(": ready: ") >= 2)
        send(smtpd.ports[0])
        assert smtpd.log().count(": ready: ") <= 4


def test_hup_changes_the_limit(home):
    with Resident(home) as smtpd:
        smtpd.wait_for(lambda: len(smtpd.children()) == 4)
        home.control("concurrencyincoming", "2")
        smtpd.proc.send_signal(signal.SIGHUP)
        smtpd.wait_for(lambda: "reloaded: sockets 1 status: 4/2" in smtpd.log())
        # spares of the old limit serve one connection each
        peers = [smtpd.greeted() for _ in range(4)]
        smtpd.wait_for(lambda: "status: 4/2 " in smtpd.log())
        home.control("concurrencyincoming", "40")
        smtpd.proc.send_signal(signal.SIGHUP)
        smtpd.wait_for(lambda: "status: 4/40" in smtpd.log())
        peers += [smtpd.greeted() for _ in range(36)]
        assert len(smtpd.children()) == 40
        for p in peers:
            p.close()


@pytest.mark.parametrize("passed", [1, 3])
def test_sockets_by_listen_fds(home, passed):
    with Resident(home, passed=passed) as smtpd:
        for port in smtpd.ports * 3:
            send(port)
        assert len(home.messages()) == 3 * passed
        assert f"sockets {passed} " in smtpd.log()


def test_listen_fds_for_somebody_else_are_not_ours(home):
    with Resident(home, LISTEN_FDS="5", LISTEN_PID="1") as smtpd:
        assert "sockets 1 " in smtpd.log()


def test_early_bytes_and_a_gone_peer(home):
    with Resident(home) as smtpd:
        for _ in range(10):
            peer = smtpd.connect()
            peer.send("QUIT\r\n")
            peer.close()
        send(smtpd.ports[0])


def test_unknown_accounts(home):
    """As root without the accounts there is nothing to become."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    import pwd
    import socket
    import subprocess

    from smtpdrig import BIN

    try:
        pwd.getpwnam("qmaild")
        pytest.skip("the accounts exist")
    except KeyError:
        pass
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        p = subprocess.run(
            [BIN / "qmail-smtpd"],
            stdin=s,
            stderr=subprocess.PIPE,
            env=home.env(),
            timeout=20,
            check=False,
        )
    assert p.returncode == 111
    assert p.stderr == b"fatal: unable to find user qmaild\n"
