"""Programs of .qmail files: what they are told, and what their end means.

Numbers are those of the oracle cases, contract local.md 10.
"""
import os
import re

import pytest

from localrig import FORMS, LocalRig, M, ext_of

LINES = {"RPLINE", "DTLINE", "UFLINE"}


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


def environment(rig, **who):
    """What a program sees, as a dictionary."""
    result = rig.deliver(default="|env -0 >env", **who)
    assert result == (0, "did 0+0+1\n")
    entries = rig.read("env").decode("latin-1").rstrip("\0").split("\0")
    assert len({e.split("=")[0] for e in entries}) == len(entries)
    return dict(e.split("=", 1) for e in entries)


def test_variables(rig):  # 27
    rig.file(".qmail-list-default", "|env -0 >env\n")
    assert rig.deliver(local="bob-List-A-b.C-d", dash="-", ext="List-A-b.C-d",
                       domain="a.b.c.d.e", sender="Se nder@x.y") == (
        0, "did 0+0+1\n")
    entries = rig.read("env").decode().rstrip("\0").split("\0")
    env = dict(e.split("=", 1) for e in entries)
    assert re.fullmatch(r"From Se-nder@x\.y \w{3} \w{3} \d\d \d\d:\d\d:\d\d "
                        r"\d{4}\n", env.pop("UFLINE"))
    for name in ("PATH", "PWD", "QMAILHOME", "QMAILQUEUE", "_", "SHLVL",
                 "OLDPWD"):
        env.pop(name, None)
    assert env == {
        "USER": "u", "HOME": str(rig.home), "LOCAL": "bob-List-A-b.C-d",
        "HOST": "a.b.c.d.e", "RECIPIENT": "bob-List-A-b.C-d@a.b.c.d.e",
        "SENDER": "Se nder@x.y", "NEWSENDER": "Se nder@x.y",
        "DEFAULT": "A-b.C-d", "EXT": "List-A-b.C-d", "EXT2": "A-b.C-d",
        "EXT3": "b.C-d", "EXT4": "d", "HOST2": "a.b.c.d", "HOST3": "a.b.c",
        "HOST4": "a.b", "RPLINE": 'Return-Path: <"Se nder"@x.y>\n',
        "DTLINE": "Delivered-To: bob-List-A-b.C-d@a.b.c.d.e\n"}


@pytest.mark.parametrize("sender, rpline, ufline", [
    ("", "<>", "MAILER-DAEMON"),
    ('a"b\\c d@x', '<"a\\"b\\\\c d"@x>', 'a"b\\c-d@x'),
    ("a@b@c", '<"a@b"@c>', "a@b@c"),
    (".a..b.@x", '<".a..b."@x>', ".a..b.@x"),
    ("@x", '<""@x>', "@x"),
    ("noat", "<noat>", "noat"),
    ("#@[]", "<#@[]>", "#@[]"),
])
def test_senders(rig, sender, rpline, ufline):  # 28
    env = environment(rig, sender=sender)
    assert env["RPLINE"] == f"Return-Path: {rpline}\n"
    assert env["UFLINE"].startswith(f"From {ufline} ")
    assert env["SENDER"] == sender


@pytest.mark.parametrize("ext, parts", [
    ("a", ("", "", "")),
    ("a-b-c-d-e", ("b-c-d-e", "c-d-e", "d-e")),
    ("a--b", ("-b", "b", "")),
    ("-b", ("b", "", "")),
])
def test_extensions(rig, ext, parts):  # 29
    env = environment(rig, ext=ext)
    assert (env["EXT2"], env["EXT3"], env["EXT4"]) == parts


@pytest.mark.parametrize("host, parts", [
    ("localhost", ("localhost", "localhost", "localhost")),
    ("a.b", ("a", "a", "a")),
])
def test_hosts(rig, host, parts):
    env = environment(rig, domain=host)
    assert (env["HOST2"], env["HOST3"], env["HOST4"]) == parts


@pytest.mark.parametrize("name, ext, default", [
    (".qmail-default", "X.y-z", "X.y-z"),
    (".qmail-x-default", "X-", ""),
    (".qmail-xdefault", "xDeFault", "DeFault"),
    (".qmail-x", "x", None),
])
def test_default_variable(tmp_path, rig, name, ext, default):
    rig.env["DEFAULT"] = "inherited"
    rig.file(name, "|env -0 >env\n")
    assert rig.deliver(**ext_of(ext)).code == 0
    env = dict(e.split("=", 1) for e in
               rig.read("env").decode().rstrip("\0").split("\0"))
    assert env.get("DEFAULT") == default


def test_lf_in_names(rig):
    env = environment(rig, local="a\nb", domain="c\n", sender="x\ny@z")
    assert env["DTLINE"] == "Delivered-To: a_b@c_\n"
    assert env["RPLINE"] == 'Return-Path: <"x\\_y"@z>\n'
    assert env["RECIPIENT"] == "a\nb@c\n"
    assert env["UFLINE"].startswith("From x-y@z ")


def test_exit_codes(rig):  # 30
    codes = {0: 0, 1: 111, 63: 111, 64: 100, 65: 100, 66: 111, 67: 111,
             68: 111, 69: 111, 70: 100, 71: 111, 72: 111, 73: 111, 74: 111,
             75: 111, 76: 100, 77: 100, 78: 100, 79: 111, 99: 0, 100: 100,
             101: 111, 111: 111, 112: 100, 126: 111, 127: 111, 255: 111}
    for code, expected in codes.items():
        text = "did 0+0+1\n" if expected == 0 else ""
        assert rig.deliver(default=f"|exit {code}") == (expected, text), code


def test_killed(rig):  # 31
    assert rig.deliver(default="|kill -9 $$") == (
        111, "Aack, child crashed. (#4.3.0)\n")


def test_failure_ends_it(rig):  # 34
    rig.file(".qmail", "./Mbox\n|exit 100\n|touch later\n")
    assert rig.deliver() == (100, "")
    assert (rig.home / "Mbox").exists()
    assert not (rig.home / "later").exists()


def test_99_ends_it(rig):
    rig.file(".qmail", "|echo x\n|exit 99\n|exit 1\n./Mbox\n")
    assert rig.deliver() == (0, "x\ndid 0+0+2\n")
    assert not (rig.home / "Mbox").exists()


def test_message_is_rewound(rig):  # 35
    rig.file(".qmail", "|cat | wc -c\n|head -1\n|cat | wc -c\n")
    assert rig.deliver() == (0, "72\nFrom: a@b\n72\ndid 0+0+3\n")


def test_message_is_what_came(rig):
    rig.deliver(M + b"\0\r\n", default="|cat >copy")
    assert rig.read("copy") == M + b"\0\r\n"


def test_text_of_a_failure(rig):
    rig.file(".qmail", "|echo out; echo err >&2; exit 100\n")
    assert rig.deliver() == (100, "out\nerr\n")
    rig.file(".qmail", "|printf 'no LF'; exit 77\n")
    assert rig.deliver() == (100, "no LF")


def test_place(rig):
    rig.file(".qmail", "|pwd; umask; touch made\n|ls /proc/self/fd | wc -l\n")
    # the three, and what ls itself opens
    assert rig.deliver() == (0, f"{rig.home}\n0077\n4\ndid 0+0+2\n")
    assert (rig.home / "made").stat().st_mode & 0o777 == 0o600


def test_signals(rig):
    rig.file(".qmail", "|grep -E '^Sig(Blk|Ign)' /proc/self/status\n")
    text = rig.deliver().text
    masks = dict(re.findall(r"(Sig\w+):\s*(\w+)", text))
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & 1 << 12 == 0  # SIGPIPE
    assert int(masks["SigIgn"], 16) & 1 << 24 == 0  # SIGXFSZ


def test_nul_ends_a_command(rig):
    rig.file(".qmail", b"|echo a\0b\n")
    assert rig.deliver() == (0, "a\ndid 0+0+1\n")


def test_empty_command(rig):
    assert rig.deliver(default="|") == (0, "did 0+0+1\n")


def test_comments_discard(rig):
    rig.file(".qmail", "# nothing\n")
    assert rig.deliver() == (0, "did 0+0+0\n")
    assert rig.runs() == 0 and os.listdir(rig.home) == [".qmail"]


def test_default_of_many_lines(rig):
    assert rig.deliver(default="|echo 1\n./Mailbox\n|exit 99\n|echo 3") == (
        0, "1\ndid 1+0+2\n")
    rig.file(".qmail", "")
    assert rig.deliver(default="|echo 1\n\n|echo 2") == (
        0, "1\n2\ndid 0+0+2\n")


def test_sticky_home(rig):  # 16
    rig.file(".qmail", "|p\n")
    rig.home.chmod(0o1755)
    assert rig.deliver() == (
        111, "Home directory is sticky: user is editing his .qmail file. "
        "(#4.2.1)\n")


def test_choice_when_delivering(rig):  # 2, 18, 19, 22
    for name in (".qmail-a-b", ".qmail-a-default", ".qmail-x:y"):
        rig.file(name, f"|echo {name}\n")
    for ext, name in [("a-b", ".qmail-a-b"), ("A-B-c", ".qmail-a-default"),
                      ("X.Y", ".qmail-x:y")]:
        assert rig.deliver(**ext_of(ext)) == (0, f"{name}\ndid 0+0+1\n")
    assert rig.deliver(**ext_of("none")) == (
        100, "Sorry, no mailbox here by that name. (#5.1.1)\n")


def test_x_bit_stops_at_its_line(rig):  # 9, 11
    rig.file(".qmail", "|echo done\n+list\n./Mbox\n")
    assert rig.deliver() == (
        111, "done\nUh-oh: .qmail has file delivery but has x bit set. "
        "(#4.7.0)\n")
    rig.file(".qmail", "|echo done\n", 0o700)
    assert rig.deliver() == (
        111, "Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)\n")


def test_program_that_does_not_read(rig):
    assert rig.deliver(b"x" * 300000, default="|true") == (0, "did 0+0+1\n")


def test_very_long_command(rig):
    # what does not fit is no crash, and no silence
    result = rig.deliver(default="|: " + "x" * 131000)
    assert result == (111, "Unable to run /bin/sh: argument list too long. "
                      "(#4.3.0)\n") or result == (0, "did 0+0+1\n")
