"""qmail-smtpd and its control files (edges 1.2, 1.5)."""

import subprocess

import pytest
from smtpdrig import Home, OneShot, lines, talk

CONTROLS = "421 4.3.0 unable to read controls (#4.3.0)"
NOT_OURS = (
    "553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts "
    "(#5.7.1)"
)
OK = "250 2.1.5 ok"


def rcpts(home, *addresses, **env):
    commands = ["MAIL FROM:<>", *(f"RCPT TO:<{a}>" for a in addresses)]
    got, _ = talk(home, lines(*commands), **env)
    return got[2:]


def test_s31_neither_me_nor_greeting():
    with Home(me=None) as home:
        assert talk(home, "") == ([CONTROLS], 1)


def test_s31_empty_me():
    with Home(me="") as home:
        assert talk(home, lines("QUIT")) == (["220  ESMTP", "221 2.0.0 "], 0)


def test_greeting_is_everywhere():
    with Home(smtpgreeting="hello there  \nx\n") as home:
        got, _ = talk(home, lines("HELO x", "EHLO x", "QUIT"))
        assert got[0] == "220 hello there ESMTP"
        assert got[1:3] == ["250 hello there", "250-hello there"]
        assert got[-1] == "221 2.0.0 hello there"


@pytest.mark.parametrize(
    "name",
    ["smtpgreeting", "localiphost", "timeoutsmtpd", "databytes",
     "badmailfrom", "rcpthosts"],
)
def test_unreadable_control(name):
    with Home(rcpthosts="") as home:
        home.control(name, None)
        (home.path / "control" / name).mkdir()
        assert talk(home, lines("QUIT")) == ([CONTROLS], 1)


def test_no_home():
    with Home() as home:
        assert talk(home, "", QMAILHOME="/nonexistent") == ([CONTROLS], 1)


def test_damaged_cdb():
    with Home(rcpthosts="x\n") as home:
        home.control("morercpthosts.cdb", b"short")
        assert talk(home, lines("QUIT")) == ([CONTROLS], 1)


def test_s33_empty_and_absent_rcpthosts():
    with Home(rcpthosts="") as home:
        assert rcpts(home, "a@b", "a") == [NOT_OURS, OK]
        home.control("rcpthosts", None)
        assert rcpts(home, "a@b") == [OK]


def cdb(path, *keys):
    """A constant database, from its published description."""
    def number(*ns):
        return b"".join(n.to_bytes(4, "little") for n in ns)

    def digest(key):
        h = 5381
        for c in key:
            h = ((h << 5) + h ^ c) & 0xFFFFFFFF
        return h

    records, tables, at = b"", [[] for _ in range(256)], 2048
    for k in keys:
        h = digest(k)
        tables[h % 256].append((h, at))
        records += number(len(k), 0) + k
        at += 8 + len(k)
    head, tail = b"", b""
    for t in tables:
        slots = [(0, 0)] * (2 * len(t))
        for h, pos in t:
            i = (h >> 8) % len(slots)
            while slots[i][1]:
                i = (i + 1) % len(slots)
            slots[i] = (h, pos)
        head += number(at + len(tail), len(slots))
        tail += b"".join(number(*s) for s in slots)
    path.write_bytes(head + records + tail)


def test_s34_morercpthosts():
    with Home(rcpthosts="Ex.org  \n") as home:
        cdb(home.path / "control" / "morercpthosts.cdb",
            b"more.org", b".wild.org")
        assert rcpts(
            home, "a@more.ORG", "a@x.wild.org", "a@wild.org", "a@ex.org"
        ) == [OK, OK, NOT_OURS, OK]


def test_morercpthosts_alone_means_nothing():
    with Home() as home:
        cdb(home.path / "control" / "morercpthosts.cdb", b"more.org")
        assert rcpts(home, "a@elsewhere.org") == [OK]


@pytest.mark.parametrize("value", ["1", "0", "1x"])
def test_s32_timeout(value):
    with Home(timeoutsmtpd=value) as home:
        with OneShot(home) as peer:
            assert peer.reply() == "451 4.4.2 timeout (#4.4.2)"
            assert peer.reply() == ""
            assert peer.status() == 1


def test_timeout_on_pipes():
    with Home(timeoutsmtpd="1") as home:
        with subprocess.Popen(
            [__import__("smtpdrig").BIN / "qmail-smtpd"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=home.env(),
        ) as p:
            got = p.stdout.read()
            assert got.endswith(b"451 4.4.2 timeout (#4.4.2)\r\n")
            assert p.wait() == 1


def test_a_line_that_trickles_in_times_out():
    """Each byte is in time, the line is not."""
    with Home(timeoutsmtpd="1") as home:
        with OneShot(home) as peer:
            peer.sock.settimeout(0.2)
            for _ in range(100):
                peer.send("x")
                try:
                    got = peer.sock.recv(100)
                    break
                except TimeoutError:
                    continue
            assert got == b"451 4.4.2 timeout (#4.4.2)\r\n"


def test_timeout_in_data():
    with Home(timeoutsmtpd="1") as home:
        with OneShot(home) as peer:
            peer.mail()
            peer.send("x\r\n")
            assert peer.reply() == "451 4.4.2 timeout (#4.4.2)"
            assert peer.status() == 1
        assert home.messages() == []


def test_relayclient_beats_rcpthosts():
    with Home(rcpthosts="") as home:
        assert rcpts(home, "a@b", RELAYCLIENT="") == [OK]
