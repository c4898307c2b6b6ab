"""qmail-remote and the table of hosts that did not answer (contract queue.md
9)."""
import fcntl
import os
import socket
import time

import pytest

from remote_rig import Home, Server
from test_remote_once import IP, OK, full_listener

SORRY = [b"ZSorry, I wasn't able to establish an SMTP connection. "
         b"(#4.4.1)\n"]


@pytest.fixture
def home(tmp_path):
    h = Home(tmp_path)
    h.control("timeoutconnect", "1")
    h.tcpto()
    return h


@pytest.fixture
def deaf(home):
    """Connecting to it hangs; its address and port are routed to."""
    listener, fill = full_listener()
    home.route(":%s:%d" % listener.getsockname())
    yield listener
    for s in (listener, *fill):
        s.close()


def send(home):
    return home.remote("h", "s@x", "r@h")


def record(home, ip=IP):
    """(count, time) of an address."""
    return home.read_tcpto().get(ip, (0, 0))


def test_case65_timeouts(home, deaf):
    for count in (1, 1):  # within 120 seconds the same trouble
        assert send(home) == SORRY
        assert record(home)[0] == count
    home.tcpto([(IP, 1, time.time() - 121)])
    assert send(home) == SORRY
    assert record(home)[0] == 2
    # the fourth, at once, does not even try
    port = deaf.getsockname()[1]
    deaf.close()
    with Server(port=port) as server:
        assert send(home) == SORRY
        assert server.sessions == []
    assert record(home)[0] == 2


@pytest.mark.parametrize("known", [False, True])
def test_refused(home, known):
    """Not a timeout: forgiven if it was known, and not remembered if not."""
    with socket.socket() as s:
        s.bind((IP, 0))
        home.route(":%s:%d" % s.getsockname())
        if known:
            home.tcpto([(IP, 1, time.time() - 500)])
        assert send(home) == SORRY
    assert record(home)[0] == 0
    assert home.read_tcpto().keys() == ({IP} if known else set())


@pytest.mark.parametrize("known", [False, True])
def test_connected(home, known):
    with Server() as server:
        home.route_to(server)
        if known:
            home.tcpto([("127.0.0.9", 5, 1700000000),
                        (IP, 1, time.time() - 500)])
        assert send(home) == [b"r", OK]
    assert record(home)[0] == 0
    assert record(home, "127.0.0.9")[0] == (5 if known else 0)


def test_the_first_of_a_kind_counts(home):
    """Two records of one address: the first."""
    with Server() as server:
        home.route_to(server)
        now = time.time()
        home.tcpto([("127.0.0.9", 1, now), (IP, 5, now), (IP, 0, 0)])
        assert send(home) == SORRY
        assert server.sessions == []


@pytest.mark.parametrize("harm", ["missing", "folder", "short", "locked"])
def test_feature_off(home, harm):
    """Without the file, or its lock, there is no table."""
    path = home.path / "queue/lock/tcpto"
    home.tcpto([(IP, 5, time.time())])
    if harm == "short":
        os.truncate(path, 16)
    elif harm != "locked":
        path.unlink()
    if harm == "folder":
        path.mkdir()
    with Server() as server:
        home.route_to(server)
        if harm == "locked":
            with open(path) as f:
                fcntl.flock(f, fcntl.LOCK_EX)
                assert send(home) == [b"r", OK]
            assert record(home)[0] == 5
        else:
            assert send(home) == [b"r", OK]
