"""preline, except, bouncesaying, condredirect, predate, datemail: programs
that run another one (contract local.md 4.1, 4.3)."""
import os
import re
import subprocess
import tempfile

import pytest

from facteur import BIN, DEADLINE
from localrig import LocalRig, M

LINES = {"UFLINE": "From s@x Sun Nov 22 14:37:10 2026\n", "RPLINE": "Return-Path: <s@x>\n",
         "DTLINE": "Delivered-To: u@h\n", "SENDER": "s@x", "NEWSENDER": "new@x"}
UF, RP, DT = (LINES[x].encode() for x in ("UFLINE", "RPLINE", "DTLINE"))
LARGE = b"Subject: x\n\n" + b"0123456789abcdef\0\n" * 200000  # no pipe holds it

KILLED = ["sh", "-c", "kill -9 $$"]


def exits(code):
    return ["sh", "-c", f"exit {code}"]


@pytest.fixture
def box(tmp_path):
    return LocalRig(tmp_path)


def run(program, *args, stdin=M, missing=(), env=None, **more):
    """As from a .qmail file: the message is a file. Code, stdout, stderr."""
    environment = {"PATH": os.environ["PATH"], **LINES, **(env or {})}
    for name in missing:
        del environment[name]
    with tempfile.TemporaryFile() as f:
        f.write(stdin)
        f.seek(0)
        done = subprocess.run([BIN / program, *args], stdin=f, env=environment, capture_output=True,
                              timeout=DEADLINE, **more)
    return done.returncode, done.stdout, done.stderr.decode()


# --- preline ---

@pytest.mark.parametrize("options, head", [
    ([], UF + RP + DT),
    (["-f"], RP + DT),
    (["-r"], UF + DT),
    (["-d"], UF + RP),
    (["-frd"], b""),
    (["-frdFRD"], UF + RP + DT),
    (["-f", "-F", "-d"], UF + RP),
    (["--"], UF + RP + DT),
], ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_case73_preline(options, head):
    assert run("preline", *options, "cat") == (0, head + M, "")


@pytest.mark.parametrize("code", [0, 1, 37, 99, 100, 111])
def test_case73_exit_code(code):
    assert run("preline", *exits(code)) == (code, b"", "")


def test_preline_operands():
    """What follows the program belongs to it, options too."""
    assert run("preline", "echo", "-f", "a b") == (0, b"-f a b\n", "")


@pytest.mark.parametrize("stdin", [b"", b"x", b"\0\xff\r\n.\n", LARGE], ids=["empty", "no LF", "any byte", "large"])
def test_preline_passes_every_byte(stdin):
    code, out, err = run("preline", "-frd", "cat", stdin=stdin)
    assert (code, err) == (0, "") and out == stdin


@pytest.mark.parametrize("name", ["UFLINE", "RPLINE", "DTLINE"])
@pytest.mark.parametrize("options", [[], ["-frd"]], ids=["", "-frd"])
def test_preline_wants_all_variables(name, options):
    assert run("preline", *options, "cat", missing=[name]) == (
        100, b"", "preline: usage: preline cmd [ arg ... ]\n")


@pytest.mark.parametrize("args, complaint", [
    ([], ""), (["-f"], ""), (["-x", "cat"], "preline: illegal option -- x\n")])
def test_preline_usage(args, complaint):
    assert run("preline", *args) == (100, b"", complaint + "preline: usage: preline cmd [ arg ... ]\n")


def test_preline_not_there():
    assert run("preline", "no-such-program") == (
        100, b"", "preline: fatal: unable to run no-such-program: file does not exist\n")


def test_preline_not_executable(tmp_path):
    path = tmp_path / "x"
    path.write_text("#!/bin/sh\n")
    assert run("preline", path) == (100, b"", f"preline: fatal: unable to run {path}: access denied\n")


def test_case74_does_not_read():
    assert run("preline", "true", stdin=LARGE) == (111, b"", "preline: fatal: unable to copy input: broken pipe\n")


def test_preline_reads_no_more_than_it_wants():
    assert run("preline", "-frd", "head", "-c", "4") == (0, M[:4], "")


def test_preline_killed():
    assert run("preline", *KILLED) == (111, b"", "preline: fatal: child crashed\n")


def test_preline_cannot_read(tmp_path):
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        done = subprocess.run([BIN / "preline", "cat"], stdin=folder, env={**os.environ, **LINES},
                              capture_output=True, timeout=DEADLINE)
    finally:
        os.close(folder)
    assert done.returncode == 111
    assert done.stderr == b"preline: fatal: unable to read input: is a directory\n"


def test_signals_are_as_ever():
    """The program does not ignore SIGPIPE because we do."""
    code, out, _ = run("preline", "-frd", "sh", "-c", "grep ^SigIgn /proc/self/status")
    assert code == 0 and int(out.split()[1], 16) & 1 << 12 == 0


# --- except, bouncesaying, condredirect: what the program says ---

OUTCOMES = [
    ("0", exits(0), "yes"), ("1", exits(1), "no"), ("99", exits(99), "no"), ("100", exits(100), "no"),
    ("255", exits(255), "no"), ("111", exits(111), "temporary child error"), ("killed", KILLED, "child crashed"),
    ("missing", ["no-such-program"], "no"),
]


@pytest.fixture(params=OUTCOMES, ids=[x[0] for x in OUTCOMES])
def outcome(request):
    return request.param[1:]


def test_case72_except(outcome):
    argv, says = outcome
    if says in ("yes", "no"):
        assert run("except", *argv) == (100 if says == "yes" else 0, b"", "")
    else:
        assert run("except", *argv) == (111, b"", f"except: fatal: {says}\n")


def test_case71_bouncesaying(outcome):
    argv, says = outcome
    want = {"yes": (100, b"", "No way\n"), "no": (0, b"", "")}
    assert run("bouncesaying", "No way", *argv) == want.get(says, (111, b"", f"bouncesaying: fatal: {says}\n"))


def test_case71_always():
    assert run("bouncesaying", "No way") == (100, b"", "No way\n")
    assert run("bouncesaying", "") == (100, b"", "\n")
    assert run("bouncesaying", "x" * 100000) == (100, b"", "x" * 100000 + "\n")


def test_case70_condredirect(box, outcome):
    argv, says = outcome
    code, out, err = run("condredirect", "new@y", *argv, env=box.env)
    assert out == b""
    if says == "yes":
        assert code == 99 and re.fullmatch(r"condredirect: qp \d+\n", err)
        assert box.queued() == (DT + M, b"Fs@x\0Tnew@y\0\0")
    else:
        assert (code, err) == ((0, "") if says == "no" else (111, f"condredirect: fatal: {says}\n"))
        assert box.runs() == 0


def test_condredirect_rewinds(box):
    """The program has read the message; all of it is sent on."""
    assert run("condredirect", "new@y", "grep", "-q", "^hello$", env=box.env)[0] == 99
    assert box.queued().message == DT + M


@pytest.mark.parametrize("name", ["SENDER", "DTLINE"])
def test_condredirect_without_variable(box, name):
    assert run("condredirect", "new@y", "true", env=box.env, missing=[name]) == (
        100, b"", f"condredirect: fatal: {name} not set\n")
    # nobody asks for it before
    assert run("condredirect", "new@y", "false", env=box.env, missing=[name]) == (0, b"", "")


def test_condredirect_from_a_pipe(box):
    done = subprocess.run([BIN / "condredirect", "new@y", "true"], input=M, env={**box.env, **LINES},
                          capture_output=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (
        111, b"condredirect: fatal: unable to rewind: unseekable descriptor\n")


@pytest.mark.parametrize("stub, code, why", [
    (31, 100, "mail server permanently rejected message (#5.3.0)"),
    (53, 111, "qq write error or disk full (#4.3.0)")])
def test_condredirect_refused(box, stub, code, why):
    (box.stub / "code").write_text(f"{stub}\n")
    assert run("condredirect", "new@y", "true", env=box.env) == (code, b"", f"condredirect: fatal: {why}\n")


@pytest.mark.parametrize("program, args, usage", [
    ("except", [], "program [ arg ... ]"),
    ("bouncesaying", [], "error [ program [ arg ... ] ]"),
    ("condredirect", [], "newaddress program [ arg ... ]"),
    ("condredirect", ["new@y"], "newaddress program [ arg ... ]"),
    ("predate", [], "child"),
])
def test_usage(program, args, usage):
    assert run(program, *args) == (100, b"", f"{program}: usage: {program} {usage}\n")


def test_in_a_qmail_file(box):
    """One after the other: each sees the whole message."""
    box.file(".qmail", f"|{BIN}/except grep -q nothing\n|{BIN}/bouncesaying 'No way' grep -q ^nothing\n"
             f"|{BIN}/preline -f cat >copy\n|{BIN}/condredirect new@y grep -q ^hello\n./Mailbox\n")
    result = box.deliver()
    assert result.code == 0
    assert re.fullmatch(r"condredirect: qp \d+\ndid 0\+0\+4\n", result.text)
    assert box.read("copy") == b"Return-Path: <s@x>\nDelivered-To: u@h\n" + M
    assert not (box.home / "Mailbox").exists()


# --- predate, datemail ---

@pytest.mark.parametrize("zone, offset", [
    ("UTC0", b"+0000"), ("XXX3:30", b"-0330"), ("America/St_Johns", b"-0330|-0230"), ("XXX-13:45", b"+1345"),
    ("XXX-0:20:45", b"+0021"), ("XXX0:20:45", b"-0021"), ("nonsense", b"+0000")])
def test_case81_predate(zone, offset):
    code, out, err = run("predate", "cat", env={"TZ": zone})
    field, _, rest = out.partition(b"\n")
    assert (code, err, rest) == (0, "", M)
    assert re.fullmatch(rb"Date: [1-9]\d? (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20\d\d "
                        rb"\d\d:\d\d:\d\d (" + offset.replace(b"+", rb"\+") + rb")", field)


def test_predate_ends_as_the_program():
    assert run("predate", *exits(37))[0] == 37
    assert run("predate", *KILLED) == (111, b"", "predate: fatal: child crashed\n")
    assert run("predate", "no-such-program") == (
        111, b"", "predate: fatal: unable to run no-such-program: file does not exist\n")


def test_datemail(instance):
    """Through sendmail, as a mail program would run it."""
    box = instance
    done = subprocess.run([box.home / "bin/datemail", "-f", "joe@far.test", "-t"],
                          input=b"To: alice@mail.test\nSubject: x\n\nhi\n", timeout=DEADLINE,
                          env={**box.env, "TZ": "XXX3:30"}, capture_output=True)
    assert done.returncode == 0, done.stderr
    [path] = box.wait_mail("alice")
    dates = re.findall(r"^Date: (.*)$", path.read_text(), re.M)
    assert len(dates) == 1 and dates[0].endswith(" -0330")


def test_case80_mailsubj(tmp_path):
    """What qmail-inject gets, without an argument."""
    bin = tmp_path / "bin"
    bin.mkdir()
    (bin / "qmail-inject").write_text('#!/bin/sh\necho "$# arguments"\ncat\nexit 37\n')
    (bin / "qmail-inject").chmod(0o755)
    code, out, err = run("mailsubj", "My subj", "a@b", "c d@e", stdin=b"the text", env={"QMAILHOME": str(tmp_path)})
    assert (code, err) == (37, "")
    assert out == b"0 arguments\nSubject: My subj\nTo: a@b c d@e\n\nthe text"
    assert run("mailsubj") == (100, b"", "mailsubj: usage: mailsubj subject [recip ...]\n")


# --- qsmhook ---

HOOK = {**LINES, "LOCAL": "list-joe", "HOST": "h"}


@pytest.mark.parametrize("options, head", [
    ([], UF), (["-n"], b""), (["-P"], UF + RP), (["-lP"], UF + RP + DT), (["-nl"], DT), (["-DFMms"], UF),
    (["-xlist-"], UF), (["--"], UF)])
def test_qsmhook_lines(options, head):
    assert run("qsmhook", *options, "cat", env=HOOK) == (0, head + M, "")


def test_qsmhook_arguments():
    show = ["sh", "-c", 'for x in "$@"; do echo "$x"; done', "-"]
    assert run("qsmhook", *show, "%g", "%u@%h", "100%%", "%", "%x", "a b", env=HOOK) == (
        0, b"s@x\nlist-joe@h\n100%\n%\nx\na b\n", "")
    assert run("qsmhook", "-x", "list-", *show, "%u", env=HOOK)[1] == b"joe\n"
    assert run("qsmhook", "-x", "other-", *show, "%u", env=HOOK)[1] == b"list-joe\n"
    # no shell looks at what a stranger wrote
    assert run("qsmhook", *show, "%g", env={**HOOK, "SENDER": "$(id) `id`;@x"})[1] == b"$(id) `id`;@x\n"


@pytest.mark.parametrize("name", ["DTLINE", "RPLINE", "UFLINE", "LOCAL", "HOST", "SENDER"])
def test_qsmhook_wants_all_variables(name):
    assert run("qsmhook", "cat", env=HOOK, missing=[name]) == (100, b"", f"qsmhook: fatal: {name} not set\n")


def test_qsmhook_ends_as_the_program():
    assert run("qsmhook", *exits(37), env=HOOK) == (37, b"", "")
    assert run("qsmhook", *KILLED, env=HOOK) == (111, b"", "qsmhook: fatal: child crashed\n")
    assert run("qsmhook", "no-such-program", env=HOOK)[0] == 100
    for args in ([], ["-n"], ["-y", "cat"], ["-x"]):
        code, out, err = run("qsmhook", *args, env=HOOK)
        assert (code, out) == (100, b"") and err.endswith(
            "qsmhook: usage: qsmhook [ -DFlMmnPs ] [ -x prefix ] program [ arg ... ]\n")
