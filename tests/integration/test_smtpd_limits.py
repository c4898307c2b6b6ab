"""What a stranger can make qmail-smtpd do, at most."""

import pytest
from smtpdrig import Home, OneShot, lines, talk

TOO_MANY = "421 4.7.0 too many errors (#4.7.0)"
BARE_LF = (
    "500 5.5.2 see https://cr.yp.to/docs/smtplf.html: commands end in CR LF "
    "(#5.5.2)"
)
LONG = "500 5.5.2 line too long (#5.5.2)"
CONTROL = "500 5.5.2 control character in command (#5.5.2)"


@pytest.fixture
def home():
    with Home(rcpthosts="example.org\n") as h:
        yield h


@pytest.mark.parametrize(
    "command,count",
    [("FOO", 10), ("MAIL", 10), ("RCPT TO:<u>", 10), ("DATA", 10),
     ("NOOP", 50), ("RSET", 50), ("VRFY x", 50), ("HELP", 50),
     ("HELO x", 50)],
)
def test_too_many(home, command, count):
    got, status = talk(home, lines(*[command] * (count + 5)))
    assert len(got) == count + 2
    assert got[-1] == TOO_MANY
    assert TOO_MANY not in got[:-1]
    assert status == 1


def test_too_many_refused_recipients(home):
    got, status = talk(
        home, lines("MAIL FROM:<a>", *["RCPT TO:<a@elsewhere>"] * 30)
    )
    assert len(got) == 23
    assert got[-1] == TOO_MANY
    assert status == 1


def test_counts_start_over_with_each_message(home):
    message = lines("RSET", "NOOP", "MAIL FROM:<a>", "RCPT TO:<a@elsewhere>",
                    "RCPT TO:<u>", "DATA", ".")
    got, status = talk(home, message * 30 + lines("QUIT"))
    assert TOO_MANY not in got
    assert status == 0
    assert len(home.messages()) == 30


def test_recipients_of_one_message(home):
    rcpt = [f"RCPT TO:<u{i}@example.org>" for i in range(1002)]
    got, _ = talk(home, lines("MAIL FROM:<a>", *rcpt, "DATA", ".", "QUIT"))
    full = "452 4.5.3 too many recipients (#4.5.3)"
    assert got[2:1002] == ["250 2.1.5 ok"] * 1000
    assert got[1002:1004] == [full, full]
    assert got[-2].startswith("250 2.6.0 ok ")
    assert len(home.messages()[0][2]) == 1001


@pytest.mark.parametrize("extra", [0, 1])
def test_line_length(home, extra):
    command = "NOOP " + "x" * (4096 - 7 + extra)
    got, _ = talk(home, lines(command, "NOOP"))
    first = LONG if extra else "250 2.0.0 ok"
    assert got[1:] == [first, "250 2.0.0 ok"]


def test_a_long_line_is_skipped_whole(home):
    got, _ = talk(home, lines("x" * 40000, "NOOP"))
    assert got[1:] == [LONG, "250 2.0.0 ok"]


def test_an_endless_line_is_not_read_for_ever(home):
    got, status = talk(home, "x" * 100_000)
    assert got[1:] == ["500 5.5.2 line far too long (#5.5.2)"]
    assert status == 1


@pytest.mark.parametrize(
    "text", ["NOOP\n", "\n", "NOOP\r\nNOOP\nNOOP\r\n", "\n\r\n"]
)
def test_bare_lf_ends_the_session(home, text):
    got, status = talk(home, text)
    assert got[-1] == BARE_LF
    assert status == 1


def test_s5_bare_lf_for_testing_by_hand(home):
    got, status = talk(
        home, "HELO x\nMAIL FROM:<a>\nRCPT TO:<u>\nDATA\nx\r\n.\r\nQUIT\n",
        ALLOW_BARELF="",
    )
    assert got[-2].startswith("250 2.6.0 ok ")
    assert status == 0


def test_bare_lf_in_data_is_never_allowed(home):
    got, status = talk(
        home, "MAIL FROM:<a>\nRCPT TO:<u>\nDATA\nx\n.\r\n\r\n.\r\n", ALLOW_BARELF=""
    )
    assert got[-1].startswith("550 5.6.0 bare LF")
    assert status == 1
    assert home.messages() == []


@pytest.mark.parametrize("bad", ["NO\rOP", "NOOP \x07", "NOOP x\x7f"])
def test_controls_in_commands(home, bad):
    got, status = talk(home, lines(bad, "QUIT"))
    assert got[1:] == [CONTROL, "221 2.0.0 mx.example.org"]
    assert status == 0


def test_nul_in_a_command_ends_the_session(home):
    got, status = talk(home, lines("NOOP\0", "QUIT"))
    assert got[1:] == [CONTROL]
    assert status == 1


@pytest.mark.parametrize(
    "request_line",
    ["GET / HTTP/1.1", "POST /x HTTP/1.0", "CONNECT a:25 HTTP/1.1",
     "Host: mx.example.org", "get / HTTP/1.0"],
)
def test_browsers_are_sent_away(home, request_line):
    got, status = talk(
        home, lines(request_line, "", "MAIL FROM:<a>", "RCPT TO:<u>", "DATA")
    )
    assert got[1:] == ["421 4.7.0 this is no web server (#4.7.0)"]
    assert status == 1


def test_the_last_reply_survives_unread_input(home):
    """TCP would forget it if we closed at once: on loopback we see it."""
    with OneShot(home) as peer:
        peer.send("NOOP\n" + "NOOP\r\n" * 1000)
        assert peer.reply() == BARE_LF
        assert peer.reply() == ""
        assert peer.status() == 1
