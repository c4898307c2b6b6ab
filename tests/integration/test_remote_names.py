"""qmail-remote and the DNS: contract edges.md 4.4, oracle cases R16-R23.

The system's resolver is asked, so each run sees a private /etc/resolv.conf,
and the mail servers listen on port 25 of loopback addresses.
"""
import os
import subprocess

import pytest

from remote_rig import (A, CNAME, MX, SERVFAIL, Home, Names, Server,
                        random_ip, replies)


def can_unshare():
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"],
                          stderr=subprocess.DEVNULL).returncode == 0


pytestmark = pytest.mark.skipif(
    not can_unshare(), reason="needs root: ports 25 and 53, a mount")


class World:
    def __init__(self, path):
        self.home = Home(path)
        self.zone = {}
        self.ip = random_ip()
        self.names = Names(self.zone, self.ip)
        self.servers = []
        conf = path / "resolv.conf"
        conf.write_text("nameserver %s\noptions timeout:2 attempts:2\n"
                        % self.ip)
        nss = path / "nsswitch.conf"
        nss.write_text("hosts: files dns\n")
        self.before = ["unshare", "-m", "sh", "-c",
                       'mount --bind "$0" /etc/resolv.conf && '
                       'mount --bind "$1" /etc/nsswitch.conf && '
                       'shift && exec "$@"', str(conf), str(nss)]

    def server(self, name, table=None, ip=None):
        """A mail server with an A record; its address."""
        server = Server(replies(table or {}), ip=ip or random_ip(), port=25)
        self.servers.append(server)
        if name:
            self.zone.setdefault(name, {}).setdefault(A, []).append(server.ip)
        return server

    def dead(self, name):
        """A name whose address refuses connections."""
        ip = random_ip()
        self.zone[name] = {A: [ip]}
        return ip

    def send(self, host, *rcpts, sender="s@x.test"):
        return self.home.remote(host, sender, *(rcpts or ("r@" + host,)),
                                before=self.before)


@pytest.fixture
def world(tmp_path):
    w = World(tmp_path)
    yield w
    w.names.close()
    for s in w.servers:
        s.close()


def accepted(out, server):
    return out == [b"r", b"K%s accepted message.\nRemote host said: 250 ok\n"
                   % server.ip.encode()]


AMBIGUOUS = [b"DSorry. Although I'm listed as a best-preference MX or A for "
             b"that host,\nit isn't in my control/locals file, so I don't "
             b"treat it as local. (#5.4.6)\n"]


def test_r16_routes(world):
    relay = world.server("relay.test")
    plain = world.server("mx.test")
    world.zone["relay.test"][MX] = [(5, "mx.test")]
    world.zone["example.org"] = {MX: [(10, "mx.test")]}
    world.home.route("sub.example.org:127.0.0.3", ".example.org:relay.test")
    assert accepted(world.send("a.sub.example.org"), relay)
    assert ("relay.test", MX) not in world.names.asked  # A lookup only
    assert accepted(world.send("example.org"), plain)


def test_r17_empty_relay_means_mx(world):
    mx = world.server("mx.test")
    world.zone["null.example.org"] = {MX: [(0, "mx.test")]}
    world.home.route("null.example.org:", ".example.org:127.0.0.3:1")
    assert accepted(world.send("null.example.org"), mx)


def test_r19_next_when_refused(world):
    a, b = world.server("a.test"), world.server("b.test")
    world.dead("dead.test")
    world.zone["h.test"] = {MX: [(10, "a.test"), (20, "b.test"),
                                 (5, "dead.test")]}
    assert accepted(world.send("h.test"), a)
    assert b.sessions == []


NEXT = [
    {b"CONNECT": b"421 busy\r\n"}, {b"CONNECT": b"554 no\r\n"},
    {b"CONNECT": b"hello\r\n"},
    {b"EHLO": b"550 no\r\n", b"HELO": b"550 no\r\n"},
    {b"MAIL": b"421 busy\r\n"}, {b"RCPT": b"421 busy\r\n"},
    {b"DATA": b"421 busy\r\n"},
]


@pytest.mark.parametrize("table", NEXT, ids=lambda t: str(list(t.items())[0]))
def test_r20_next_host(world, table):
    """Deviation (DECISIONS): classic qmail-remote stays with the first."""
    first = world.server("a.test", table)
    second = world.server("b.test")
    world.zone["h.test"] = {MX: [(10, "a.test"), (20, "b.test")]}
    assert accepted(world.send("h.test"), second)
    assert len(first.sessions) == 1


@pytest.mark.parametrize("table", [
    {b"MAIL": b"451 later\r\n"}, {b"RCPT": b"450 later\r\n"},
    {b"DATA": b"451 no\r\n"}, {b"DOT": b"421 no\r\n"},
    {b"MAIL": b"550 no\r\n"}], ids=lambda t: str(list(t.items())[0]))
def test_no_next_host(world, table):
    world.server("a.test", table)
    second = world.server("b.test")
    world.zone["h.test"] = {MX: [(10, "a.test"), (20, "b.test")]}
    assert world.send("h.test")[-1][:1] in b"ZD"
    assert second.sessions == []


@pytest.mark.parametrize("first,second,letter,who", [
    (b"554 a", b"554 b", b"D", 0), (b"554 a", b"421 b", b"Z", 1),
    (b"421 a", b"554 b", b"Z", 0), (b"421 a", b"421 b", b"Z", 0),
    (b"554 a", None, b"D", 0), (None, b"421 b", b"Z", 1)])
def test_permanent_only_when_all_who_answer_say_so(world, first, second,
                                                   letter, who):
    ips = []
    for name, said in (("a.test", first), ("b.test", second)):
        ips.append(world.server(name, {b"CONNECT": said + b"\r\n"}).ip
                   if said else world.dead(name))
    world.zone["h.test"] = {MX: [(10, "a.test"), (20, "b.test")]}
    said = (first, second)[who]
    assert world.send("h.test") == [
        letter + b"Connected to %s but greeting failed.\nRemote host said: "
        b"%s\n" % (ips[who].encode(), said)]


def test_all_addresses_of_a_host(world):
    world.zone["h.test"] = {A: [random_ip(), random_ip()]}
    live = world.server("h.test")
    assert accepted(world.send("h.test"), live)


SOFT = [b"ZSorry, I couldn't find any host by that name. (#4.1.2)\n"]
NO_MX = [b"DSorry, I couldn't find a mail exchanger or IP address. "
         b"(#5.4.4)\n"]


def test_r21_failures(world):
    assert world.send("nx.test") == [
        b"DSorry, I couldn't find any host named nx.test. (#5.1.2)\n"]
    world.zone["nodata.test"] = {}
    assert world.send("nodata.test") == [
        b"DSorry, I couldn't find any host named nodata.test. (#5.1.2)\n"]
    world.zone["sf.test"] = SERVFAIL
    assert world.send("sf.test") == SOFT
    world.zone["lost.test"] = {MX: [(1, "nx.test")]}
    assert world.send("lost.test") == NO_MX
    world.zone["half.test"] = {MX: [(1, "nx.test"), (2, "sf.test")]}
    assert world.send("half.test") == SOFT
    world.zone["null.test"] = {MX: [(0, ".")], A: [random_ip()]}
    assert world.send("null.test") == [  # deviation: RFC 7505 has a code
        b"DSorry, mail for null.test is not accepted anywhere: its MX is "
        b"null. (#5.1.10)\n"]


def test_r22_ourselves(world):
    a = world.server("a.test")
    world.zone["self.test"] = {A: ["127.0.0.1"]}
    world.zone["same.test"] = {MX: [(10, "a.test"), (10, "self.test")]}
    assert world.send("same.test") == AMBIGUOUS
    world.zone["better.test"] = {MX: [(10, "a.test"), (20, "self.test")]}
    assert accepted(world.send("better.test"), a)
    world.zone["worse.test"] = {MX: [(30, "a.test"), (20, "self.test")]}
    assert world.send("worse.test") == AMBIGUOUS
    world.zone["any.test"] = {A: ["0.0.0.0"]}
    assert world.send("any.test") == AMBIGUOUS


def test_r23_cname(world):
    a = world.server("a.test")
    world.zone["m.test"] = {MX: [(1, "a.test")]}
    world.zone["alias.test"] = {CNAME: ["a.test"]}
    world.zone["mxalias.test"] = {CNAME: ["m.test"]}
    assert accepted(world.send("alias.test"), a)
    assert accepted(world.send("mxalias.test"), a)
    assert [c for c in a.heard() if c.startswith(b"RCPT")] == [
        b"RCPT TO:<r@alias.test>", b"RCPT TO:<r@mxalias.test>"]


def test_literal_as_mx_comes_first(world):
    a, b = world.server("a.test"), world.server(None)
    world.zone["h.test"] = {MX: [(1, "a.test"), (90, b.ip)]}
    assert accepted(world.send("h.test"), b)
    assert a.sessions == []


def test_literal_needs_no_dns(world):
    a = world.server(None)
    assert accepted(world.send("[%s]" % a.ip), a)
    assert accepted(world.send(a.ip), a)
    assert world.names.asked == []


def test_large_answers(world):
    live = world.server("z-last.test")
    world.zone["big.test"] = {MX: [
        (100 + i, "a-rather-long-name-for-a-mail-exchanger-%d.test" % i)
        for i in range(25)] + [(1, "z-last.test")]}
    assert accepted(world.send("big.test"), live)


def test_equal_preferences_share(world):
    servers = [world.server("s%d.test" % i) for i in range(2)]
    world.zone["h.test"] = {MX: [(7, "s0.test"), (7, "s1.test")]}
    for _ in range(60):  # all to one: once in 2**59
        world.send("h.test")
        if all(s.sessions for s in servers):
            return
    assert False, "always the same of two equals"


def test_names_are_absolute(world):
    world.zone["alone"] = {}
    conf = world.home.path / "resolv.conf"
    conf.write_text("search test\n" + conf.read_text())
    world.server("alone.test")
    assert world.send("alone") == [
        b"DSorry, I couldn't find any host named alone. (#5.1.2)\n"]
