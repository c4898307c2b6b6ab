"""sendmail, mailq, newaliases, mailsubj (contract edges.md 10.3)."""
import os
import re

import pytest

from facteur import BIN
from injectkit import Home

USAGE = ("sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] "
         "[ -bs ] [ arg ... ]\n")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, {"me": "mx.example.org"})


def send(home, *args, input="To: x\n\nhi\n", env=None):
    done = home.run("sendmail", *args, input=input, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return home.envelope()


def author(home):
    return re.search(r"^From: (.*)$", home.message(), re.M).group(1)


def test_arguments_only(home):  # M1
    assert send(home, "r1", "r2") == [
        "Fjoe@mx.example.org", "Tr1@mx.example.org", "Tr2@mx.example.org"]
    assert "To: x@mx.example.org\n" in home.message()


def test_header_too(home):  # M2
    assert send(home, "-t", "r1") == [
        "Fjoe@mx.example.org", "Tr1@mx.example.org", "Tx@mx.example.org"]


def test_to_nobody(home):
    assert send(home) == ["Fjoe@mx.example.org"]


@pytest.mark.parametrize("args", [
    ["-F", "Full Name", "-f", "s@x"], ["-fs@x", "-FFull Name"]])
def test_sender_wins_over_name(home, args):  # M3
    env = {"NAME": "a", "MAILNAME": "b", "QMAILNAME": "c", "MAILHOST": "d",
           "QMAILHOST": "e"}
    assert send(home, *args, "r", env=env)[0] == "Fs@x.mx.example.org"
    assert author(home) == "s@x.mx.example.org"


def test_sender_without_host(home):
    assert send(home, "-f", "s", "r", env={"QMAILHOST": "e"})[0] == (
        "Fs@mx.example.org")
    assert author(home) == "s@mx.example.org"


def test_sender_with_two_ats(home):
    assert send(home, "-f", "a@b@c.d", "r")[0] == "Fa@b@c.d"
    assert author(home) == '"a@b"@c.d'


def test_no_sender(home):  # M4
    assert send(home, "-f", "", "r")[0] == "F"
    assert author(home) == '""@mx.example.org'


def test_name(home):
    send(home, "-F", "Full Name", "r", env={"NAME": "other"})
    assert author(home) == '"Full Name" <joe@mx.example.org>'


IGNORED = [
    "-oi -om -odb -oem -i -v -m -eq -x",  # M5
    "-bm", "-B 8BITMIME", "-p x", "-e m", "-o i", "-Eall", "-Jx", "-E -J",
    "-N never -R hdrs -V x -O a=b -G -U -n -s",
]


@pytest.mark.parametrize("options", IGNORED)
def test_ignored(home, options):
    assert send(home, *options.split(), "r") == [
        "Fjoe@mx.example.org", "Tr@mx.example.org"]


def test_operands_that_look_like_options(home):
    assert send(home, "--", "-t")[1:] == ["T-t@mx.example.org"]
    assert send(home, "r", "-t")[1:] == [
        "Tr@mx.example.org", "T-t@mx.example.org"]


@pytest.mark.parametrize("option", ["q", "r", "L"])
def test_unknown(home, option):  # M6
    done = home.run("sendmail", "-" + option)
    assert done.returncode == 100
    assert done.stderr == f"sendmail: illegal option -- {option}\n" + USAGE


@pytest.mark.parametrize("mode", ["d", "i", "pp", ""])
def test_unknown_mode(home, mode):
    done = home.run("sendmail", "-b", mode)
    assert (done.returncode, done.stderr) == (100, USAGE)


def test_missing_argument(home):
    done = home.run("sendmail", "-f")
    assert done.returncode == 100
    assert done.stderr == (
        "sendmail: option requires an argument -- f\n" + USAGE)


def test_exit_codes_pass(home):
    for code, ends in (("31", 100), ("71", 111)):
        done = home.run("sendmail", "r", env={"STUB_EXIT": code})
        assert done.returncode == ends


def test_nothing_to_run(home):
    (home.path / "bin").unlink()
    done = home.run("sendmail", "r", executable=BIN / "sendmail")
    assert done.returncode == 111
    assert done.stderr == ("sendmail: fatal: unable to run qmail-inject: "
                           "file does not exist\n")


def dialogue(home, *lines, env=None):
    return home.run("sendmail", "-bs", env=env,
                    input="".join(x + "\r\n" for x in lines))


MESSAGE = ["HELO x", "MAIL FROM:<a@b.example>", "RCPT TO:<c@d.example>"]


def test_smtp(home):  # M7
    (home.path / "control/rcpthosts").write_text("mx.example.org\n")
    done = dialogue(home, *MESSAGE, "DATA", "Subject: x", "", "hi", ".", "QUIT")
    assert done.returncode == 0, done.stderr
    codes = [line[:3] for line in done.stdout.splitlines()]
    assert codes == ["220", "250", "250", "250", "354", "250", "221"]
    assert home.envelope() == ["Fa@b.example", "Tc@d.example"]
    assert home.message() == (
        "Received: from localhost (HELO x) (sendmail-bs@127.0.0.1)\n"
        "  by localhost with SMTP; D\nSubject: x\n\nhi\n")


def test_smtp_of_somebody_else(home):  # M7
    (home.path / "control/rcpthosts").write_text("mx.example.org\n")
    done = dialogue(home, *MESSAGE, "QUIT", env={"PROTO": "TCP"})
    codes = [line[:3] for line in done.stdout.splitlines()]
    assert codes == ["220", "250", "250", "553", "221"]


def called(home, name, *args, env=None):
    link = home.path / name
    os.symlink(BIN / "sendmail", link)
    return home.run(name, *args, executable=link, env=env)


def test_newaliases(home):
    done = called(home, "newaliases")
    assert (done.returncode, done.stderr) == (
        100, "sendmail: fatal: please use fastforward/newaliases instead\n")


def test_newaliases_reads_options_first(home):
    assert called(home, "newaliases", "-q").stderr.endswith(USAGE)


def test_mailsubj(home):  # M8
    done = home.run("mailsubj", "Hello  w", "a@b", "c", input="text\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert home.envelope() == ["Fjoe@mx.example.org", "Tc@mx.example.org",
                               "Ta@b.mx.example.org"]
    assert home.message().endswith(
        "Subject: Hello  w\nTo: a@b.mx.example.org, c@mx.example.org\n"
        "\ntext\n")


def test_mailsubj_percent_and_backslash(home):
    done = home.run("mailsubj", r"100%s \n", "a@b.c", input="%d\\n")
    assert done.returncode == 0
    assert "\nSubject: 100%s \\n\n" in "\n" + home.message()
    assert home.message().endswith("\n\n%d\\n\n")


def test_mailsubj_usage(home):
    done = home.run("mailsubj")
    assert done.returncode == 100
    assert done.stderr == "mailsubj: usage: mailsubj subject [recip ...]\n"
