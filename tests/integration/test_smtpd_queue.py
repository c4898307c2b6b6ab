"""qmail-smtpd and $QMAILQUEUE: every exit becomes its reply (edges 1.7)."""

import pytest
from smtpdrig import Home, lines, talk

MESSAGE = lines("MAIL FROM:<a>", "RCPT TO:<u>", "DATA", "x", ".", "QUIT")
TEMPORARY = "451 4.3.0 qq temporary problem (#4.3.0)"
FILES = "451 4.3.0 qq trouble creating files in queue (#4.3.0)"

EXITS = {
    11: "554 5.1.3 envelope address too long for qq (#5.1.3)",
    115: "554 5.1.3 envelope address too long for qq (#5.1.3)",
    31: "554 5.3.0 mail server permanently rejected message (#5.3.0)",
    51: "451 4.3.0 qq out of memory (#4.3.0)",
    52: "451 4.3.0 qq timeout (#4.3.0)",
    53: "451 4.3.0 qq write error or disk full (#4.3.0)",
    54: "451 4.3.0 qq read error (#4.3.0)",
    55: "451 4.3.0 qq unable to read configuration (#4.3.0)",
    56: "451 4.3.0 qq trouble making network connection (#4.3.0)",
    61: "451 4.3.0 qq trouble in home directory (#4.3.0)",
    62: FILES,
    66: FILES,
    71: "451 4.3.0 mail server temporarily rejected message (#4.3.0)",
    72: "451 4.4.1 connection to mail server timed out (#4.4.1)",
    73: "451 4.4.1 connection to mail server rejected (#4.4.1)",
    74: "451 4.4.2 communication with mail server failed (#4.4.2)",
    81: "451 4.3.0 qq internal bug (#4.3.0)",
    91: "451 4.3.0 qq internal bug (#4.3.0)",
    120: "451 4.3.0 unable to exec qq (#4.3.0)",
    12: "554 5.3.0 qq permanent problem (#5.3.0)",  # S22
    40: "554 5.3.0 qq permanent problem (#5.3.0)",
    41: TEMPORARY,  # S22
    57: TEMPORARY,  # S22
    88: TEMPORARY,  # S22: no text
    99: TEMPORARY,  # S22
    82: TEMPORARY,
}


@pytest.fixture(scope="module")
def home():
    with Home() as h:
        yield h


def outcome(home, **env):
    got, status = talk(home, MESSAGE, **env)
    assert status == 0
    return got[-2]


@pytest.mark.parametrize("code", EXITS)
def test_exit(home, code):
    assert outcome(home, QQ_EXIT=str(code)) == EXITS[code]


@pytest.mark.parametrize(
    "text,reply",
    [
        ("Zcustom temp (#4.9.9)", "451 4.9.9 custom temp (#4.9.9)"),  # S23
        ("Dcustom perm", "554 5.3.0 custom perm"),  # S23
        ("Dx", TEMPORARY),  # S23
        ("Xother", "451 4.3.0 other"),  # S23
        ("D" + "y" * 300, "554 5.3.0 " + "y" * 254),  # S25
        ("D5.7.1 has its own", "554 5.7.1 has its own"),
        ("D4.7.1 is of another class", "554 5.3.0 4.7.1 is of another class"),
        ("Dtwo\nlines\r", "554 5.3.0 two?lines?"),
        ("D(#5.7.1) early", "554 5.7.1 (#5.7.1) early"),
        ("D#", TEMPORARY),
        ("Dbad #5.7", "554 5.3.0 bad #5.7"),
        ("Dbad #5.7.1234567", "554 5.7.123 bad #5.7.1234567"),
    ],
)
@pytest.mark.parametrize("code", ["82", "88"])
def test_custom_text(home, text, reply, code):
    assert outcome(home, QQ_EXIT=code, QQ_TEXT=text) == reply


def test_s24_text_without_82_is_ignored(home):
    assert outcome(home, QQ_EXIT="31", QQ_TEXT="Dcustom") == EXITS[31]
    assert outcome(home, QQ_EXIT="0", QQ_TEXT="Dcustom").startswith("250 ")


def test_s26_no_such_program(home):
    reply = outcome(home, QMAILQUEUE="/nonexistent")
    assert reply == "451 4.3.0 unable to exec qq (#4.3.0)"


def test_no_queue_service(home):
    assert outcome(home, QMAILQUEUE=None) == FILES


def test_killed(home):
    killer = home.path / "killer"
    killer.write_text("#!/bin/sh\nkill -9 $$\n")
    killer.chmod(0o755)
    reply = outcome(home, QMAILQUEUE=str(killer))
    assert reply == "451 4.3.0 qq crashed (#4.3.0)"


def test_relative_path_is_below_home(home):
    assert outcome(home, QMAILQUEUE="./qq").startswith("250 2.6.0 ok ")
