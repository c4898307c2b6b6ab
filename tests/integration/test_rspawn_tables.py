"""qmail-rspawn and classic programs (contract queue.md 5.3, 5.6), row by
row."""
import os
import signal

import pytest

from remote_rig import Home, Rspawn
from test_rspawn_jobs import ID, program

RUN = b"Unable to run qmail-remote.\n"


@pytest.fixture(scope="module")
def rspawn(tmp_path_factory):
    home = Home(tmp_path_factory.mktemp("rspawn"))
    (home.path / "shelf").mkdir()
    path = program(home, 'eval "$2"', "shelf/stub")  # the sender says what
    with Rspawn(home, {"QMAILREMOTE": path, "MARKER": "passed on"}) as r:
        r.message(ID, b"text\n")
        yield r


def deliver(r, orders, rcpt="a@h"):
    [verdict] = r.deliver(ID, rcpt, sender=orders)
    return verdict


@pytest.mark.parametrize("code", [1, 2, 64, 71, 75, 99, 100, 110, 112, 120,
                                  126, 127, 255])
def test_any_other_exit(rspawn, code):
    assert deliver(rspawn, f"printf 'Kok\\0'; exit {code}") == ("D", RUN)


def test_exit_111(rspawn):
    assert deliver(rspawn, "printf 'Kok\\0'; exit 111") == ("Z", RUN)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL,
                                    signal.SIGSEGV, signal.SIGPIPE])
def test_signal(rspawn, number):
    assert deliver(rspawn, f"printf 'Kok\\0'; kill -{int(number)} $$") == (
        "Z", b"qmail-remote crashed.\n")


def test_no_output(rspawn):
    assert deliver(rspawn, "exit 0") == (
        "Z", b"qmail-remote produced no output.\n")


@pytest.mark.parametrize("output, verdict", [
    # the table
    (r"rone\0Kok\0", ("K", b"oneok")), (r"rone\0Zok\0", ("Z", b"oneok")),
    (r"rone\0Dok\0", ("D", b"oneok")), (r"hone\0Kok\0", ("D", b"one")),
    (r"hone\0Zok\0", ("D", b"one")), (r"hone\0Dok\0", ("D", b"oneok")),
    (r"sone\0Kok\0", ("Z", b"one")), (r"sone\0Dok\0", ("Z", b"oneok")),
    (r"sone\0Zok\0", ("Z", b"oneok")), (r"Zfoo\0", ("Z", b"foo")),
    (r"rone\0", ("D", b"one")),
    (r"rone\0rtwo\0Zlater\0", ("Z", b"one")),
    # a report that does not end is text, and no verdict
    (r"Kok", ("D", b"ok")), (r"rone\0Kok", ("D", b"oneok")),
    # empty reports
    (r"\0", ("D", b"")), (r"r\0K\0", ("K", b"")),
    (r"Kok\0and more\0", ("K", b"ok"))])
def test_reports(rspawn, output, verdict):
    assert deliver(rspawn, f"printf '{output}'") == verdict


def test_arguments(rspawn):
    """host behind the last @, sender, whole recipient; on 0 the message."""
    orders = 'printf "K%s|%s|%s|" $# "$1" "$3"; cat; printf "\\0"'
    assert deliver(rspawn, orders, "a@b@Host.Test") == (
        "K", b"3|Host.Test|a@b@Host.Test|text\n")


def test_environment_and_output(rspawn):
    assert deliver(rspawn, "printf \"K$MARKER \"; printf 'err\\0' >&2") == (
        "K", b"passed on err")


def test_found_in_path(rspawn):
    home = rspawn.home
    with Rspawn(home, {"QMAILREMOTE": "stub", "PATH":
                       f"{home.path}/shelf:{os.environ['PATH']}"}) as r:
        assert deliver(r, "printf 'Kfound\\0'") == ("K", b"found")


def test_recipient_without_host(rspawn):
    assert deliver(rspawn, "exit 0", "nohost") == (
        "D", b"Sorry, address must include host name. (#5.1.3)\n")


def test_no_message(rspawn):
    [verdict] = rspawn.deliver(ID + 1, "a@h", sender="exit 0")
    assert verdict == ("Z", b"qmail-spawn unable to open message. (#4.3.0)\n")


def test_sigpipe(rspawn):
    rspawn.p.send_signal(signal.SIGPIPE)
    assert deliver(rspawn, "printf 'Kok\\0'") == ("K", b"ok")
