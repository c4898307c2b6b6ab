"""qmail-remote --resident: one worker, many messages."""
import socket
import subprocess

import pytest

from remote_rig import (BIN, DROP, OFFERS, WAIT, Home, Server, Worker, poll,
                        replies)

OK = ("K", b"127.0.0.2 accepted message.\nRemote host said: 250 ok\n")
DIED = ("Z", b"Connected to 127.0.0.2 but connection died. (#4.4.2)\n")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def worker(home):
    with Worker(home) as w:
        yield w


def test_one_connection_for_many(home, worker):
    with Server() as server:
        home.route_to(server)
        for i in range(5):
            assert worker.deliver(message=b"%d\n" % i) == (1, [OK])
    assert len(server.sessions) == 1
    assert server.bodies() == [b"%d\r\n.\r\n" % i for i in range(5)]
    # nothing but the transaction itself from the second one on
    assert server.sessions[0].verbs() == \
        [b"EHLO"] + [b"MAIL", b"RCPT", b"DATA"] * 5
    assert len(server.sessions[0].chunks) == 1 + 2 * 5


def test_only_for_the_same_host(home, worker):
    with Server() as server:
        home.route("a.test:127.0.0.2:%d" % server.port,
                   "b.test:[127.0.0.2]:%d" % server.port)
        assert worker.deliver("r@a.test", host="a.test")[0] == 1
        assert worker.deliver("r@a.test", host="A.Test")[0] == 1
        assert len(server.sessions) == 1
        assert worker.deliver("r@b.test", host="b.test")[0] == 1
        assert len(server.sessions) == 2
        poll(lambda: server.sessions[0].is_over)
        assert server.sessions[0].verbs()[-1] == b"QUIT"


def test_one_relay_for_many_hosts(home, worker):
    with Server() as server:
        home.route_to(server)
        for host in ("a.test", "b.test", "c.test"):
            assert worker.deliver("r@" + host, host=host) == (1, [OK])
        assert len(server.sessions) == 1


def test_quits_when_told_to_go(home):
    with Server() as server:
        home.route_to(server)
        with Worker(home) as w:
            w.deliver()
        poll(lambda: server.sessions[0].is_over)
        assert server.sessions[0].verbs()[-1] == b"QUIT"


def test_a_hundred_messages_then_a_new_connection(home, worker):
    with Server() as server:
        home.route_to(server)
        for i in range(101):
            kept, verdicts = worker.deliver()
            assert verdicts == [OK]
            assert kept == (0 if i == 99 else 1)
        assert len(server.sessions) == 2


def test_changed_controls_mean_a_new_connection(home, worker):
    with Server() as server, Server() as other:
        home.route_to(server)
        worker.deliver()
        home.control("helohost", "new.test")
        worker.deliver()
        assert [s.commands[0] for s in server.sessions] == \
            [b"EHLO me.test", b"EHLO new.test"]
        home.route_to(other)
        worker.deliver()
        assert len(other.sessions) == 1


def test_server_hangs_up_between_messages(home, worker):
    with Server() as server:
        home.route_to(server)
        assert worker.deliver() == (1, [OK])
        server.drop_all()
        poll(lambda: server.sessions[0].is_over)
        assert worker.deliver() == (1, [OK])
        assert len(server.sessions) == 2


@pytest.mark.parametrize("offers", [OFFERS, ()])
@pytest.mark.parametrize("bad", [DROP, b"421 tired\r\n",
                                 b"451 tired of you\r\n"])
def test_cached_connection_fails_at_mail(home, worker, bad, offers):
    """Tried again over a fresh connection, once."""
    def reply(session, verb, line):
        if verb == b"MAIL" and session.verbs().count(b"MAIL") == 2:
            return bad
        return None
    with Server(reply, offers=offers) as server:
        home.route_to(server)
        assert worker.deliver() == (1, [OK])
        assert worker.deliver(message=b"two\n") == (1, [OK])
        assert len(server.sessions) == 2
        assert server.bodies() == [b"hello\r\n.\r\n", b"two\r\n.\r\n"]


def test_fresh_connection_fails_too(home, worker):
    def reply(session, verb, line):
        return DROP if verb == b"MAIL" and len(server.heard()) >= 5 else None
    with Server(reply) as server:
        home.route_to(server)
        assert worker.deliver() == (1, [OK])
        assert worker.deliver() == (0, [DIED])
        assert len(server.sessions) == 2


def test_never_again_after_the_dot(home, worker):
    def reply(session, verb, line):
        return DROP if verb == b"DOT" and len(session.bodies) == 2 else None
    with Server(reply) as server:
        home.route_to(server)
        assert worker.deliver() == (1, [OK])
        assert worker.deliver() == (0, [
            ("Z", b"Connected to 127.0.0.2 but connection died. "
             b"Possible duplicate! (#4.4.2)\n")])
        assert len(server.sessions) == 1


def test_verdicts_of_several(home, worker):
    with Server(replies({
            b"RCPT TO:<b@h>": b"550 no b\r\n",
            b"RCPT TO:<c@h>": b"450 no c\r\n"})) as server:
        home.route_to(server)
        kept, got = worker.deliver("a@h", "b@h", "c@h", "d@h")
        assert (kept, got) == (1, [
            OK,
            ("D", b"127.0.0.2 does not like recipient.\n"
             b"Remote host said: 550 no b\n"),
            ("Z", b"127.0.0.2 does not like recipient.\n"
             b"Remote host said: 450 no c\n"), OK])


def test_all_refused_folds_as_the_classic_does(home, worker):
    with Server(replies({b"RCPT TO:<b@h>": b"550 no\r\n",
                         b"RCPT TO:<c@h>": b"450 no\r\n"})) as server:
        home.route_to(server)
        no = b"127.0.0.2 does not like recipient.\nRemote host said: %s no\n"
        gone = b"Giving up on 127.0.0.2.\n"
        assert worker.deliver("b@h")[1] == [("D", no % b"550" + gone)]
        assert worker.deliver("c@h")[1] == [("Z", no % b"450" + gone)]
        assert worker.deliver("b@h", "c@h")[1] == [
            ("D", no % b"550"), ("Z", no % b"450" + gone)]


def test_fifty_with_long_texts_fit(home, worker):
    long = b"".join(b"550-%s\r\n" % (b"x" * 400) for _ in range(20)) + \
        b"550 end\r\n"
    with Server(replies({b"RCPT": long})) as server:
        home.route_to(server)
        kept, got = worker.deliver(*["r%d@h" % i for i in range(50)])
        assert len(got) == 50
        assert all(letter == "D" and len(text) >= 3000
                   for letter, text in got)


def test_too_many_go_in_the_next_transaction(home, worker):
    count = {"n": 0}

    def reply(session, verb, line):
        if verb == b"MAIL":
            count["n"] = 0
        if verb == b"RCPT":
            count["n"] += 1
            if count["n"] > 10:
                return b"452 4.5.3 enough\r\n"
        return None
    with Server(reply) as server:
        home.route_to(server)
        kept, got = worker.deliver(*["r%d@h" % i for i in range(50)])
        assert got == [OK] * 50 and kept == 1
        assert len(server.sessions) == 1 and len(server.bodies()) == 5


def test_second_transaction_fails(home, worker):
    def reply(session, verb, line):
        if verb == b"RCPT" and line == b"RCPT TO:<b@h>" and \
                not session.bodies:
            return b"452 4.5.3 enough\r\n"
        if verb == b"DOT" and len(session.bodies) == 2:
            return b"554 no more\r\n"
        return None
    with Server(reply) as server:
        home.route_to(server)
        kept, got = worker.deliver("a@h", "b@h")
        assert got == [OK, ("D", b"127.0.0.2 failed after I sent the message."
                            b"\nRemote host said: 554 no more\n")]


def test_failure_then_success(home, worker):
    with Server(replies({b"DOT": [b"554 no\r\n", b"250 ok\r\n"]})) as server:
        home.route_to(server)
        assert worker.deliver()[0] == 0
        assert worker.deliver() == (1, [OK])
        assert server.sessions[0].verbs()[-1] == b"QUIT"


def test_unasked_reply_ends_the_connection(home, worker):
    with Server(replies({b"DOT": b"250 ok\r\n250 more\r\n"})) as server:
        home.route_to(server)
        kept, got = worker.deliver()
        assert got == [OK]
        # seen at once, or before the next message: never used again
        assert worker.deliver()[1] == [OK]
        assert len(server.sessions) == 2


def test_unreadable_controls_then_readable(home, worker):
    (home.path / "control" / "me").unlink()
    assert worker.deliver() == (
        0, [("Z", b"Unable to read control files. (#4.3.0)\n")])
    home.control("me", "me.test")
    with Server() as server:
        home.route_to(server)
        assert worker.deliver() == (1, [OK])


@pytest.mark.parametrize("data", [b"", b"x", b"\x02\0\0\0\x01\x06",
                                  b"\x02\0\0\0\x01\x01", b"\xff" * 100])
def test_nonsense_on_the_socket(home, data):
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, its:
        p = subprocess.Popen([BIN / "qmail-remote", "--resident"], stdin=its,
                             env=home.env)
        ours.send(data)
        ours.shutdown(socket.SHUT_WR)
        assert p.wait(WAIT) == (111 if data else 0)
