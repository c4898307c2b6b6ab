"""qmail-inject: senders, recipients, controls (contract edges.md 10.2)."""
import pytest

from injectkit import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def sender(home, *args, input="To: a@b.c\n", env=None):
    out = home.show(*args, input=input, env=env)
    return out.split("\n", 1)[0][len("Return-Path: "):]


RETURN_PATH = "Return-Path: <x@y.z>\n"

SENDERS = [
    ("I24", [], "", {"QMAILINJECT": "r", "QMAILSUSER": "su"},
     '<"su-@dh.dd.org-"@[]>'),
    ("I25", [], "", {"QMAILINJECT": "m"}, "<joe-T.P@dh.dd.org>"),
    ("I26", [], RETURN_PATH, {"QMAILINJECT": "rm"}, '<"x@y.z-"@[]>'),
    ("I27", ["-fs@h.x"], "", {"QMAILINJECT": "rm"}, "<s@h.x>"),
    ("both", [], "", {"QMAILINJECT": "rm"}, '<"joe-T.P-@dh.dd.org-"@[]>'),
    ("return path", [], RETURN_PATH, {}, "<x@y.z>"),
    ("return path completed", [], "Return-Path: <@r:x@y>\n", {},
     "<x@y.dd.org>"),
    ("rightmost address", [], "Return-Path: a, b <c>\n", {}, "<c@dh.dd.org>"),
    ("nobody", [], "Return-Path: <>\n", {}, "<>"),
    ("first return path", [], RETURN_PATH + "Return-Path: <b>\n", {},
     "<x@y.z>"),
    ("letter s", [], RETURN_PATH, {"QMAILINJECT": "s"}, "<joe@dh.dd.org>"),
    ("-f over return path", ["-f", "s"], RETURN_PATH, {}, "<s@dh.dd.org>"),
    ("last -f", ["-fs", "-ft"], "", {}, "<t@dh.dd.org>"),
    ("I31 nobody", ["-f", ""], "", {}, "<>"),
    ("I31 mailer", ["-f", "#@[]"], "", {}, "<#@[]>"),
    ("I31 blank", ["-f", "a b@c"], "", {}, '<"a b"@c.dd.org>'),
    ("I31 comma", ["-f", "a,b"], "", {}, '<"a,b"@dh.dd.org>'),
    ("I31 at", ["-f", "@"], "", {}, '<""@dh.dd.org>'),
    ("plus", ["-f", "a@h+"], "", {}, "<a@h.plus.org>"),
]


@pytest.mark.parametrize("args, fields, env, out", [s[1:] for s in SENDERS],
                         ids=[s[0] for s in SENDERS])
def test_sender(home, args, fields, env, out):
    assert sender(home, *args, input=fields + "To: a@b.c\n", env=env) == out


I32 = ("To: t1, t2@h (c)\nCc: g: c1, c2;\nBcc: b1\nApparently-To: ap\n"
       "Return-Path: <joe>\n")
LISTED = ["Tt2@h.dd.org", "Tt1@dh.dd.org", "Tc2@dh.dd.org", "Tc1@dh.dd.org",
          "Tb1@dh.dd.org", "Tap@dh.dd.org"]

RECIPIENTS = [
    ("I32", [], I32, LISTED),
    ("I33 -H", ["-H", "r1"], I32, ["Tr1@dh.dd.org", *LISTED]),
    ("I33 args", ["r1", "r2@h"], I32, ["Tr1@dh.dd.org", "Tr2@h.dd.org"]),
    ("I33 -a", ["-a"], I32, []),
    ("-a args", ["-a", "r1"], I32, ["Tr1@dh.dd.org"]),
    ("-h", ["-h", "r1"], I32, LISTED),
    ("-H alone", ["-H"], I32, LISTED),
    ("-A", ["-A"], I32, LISTED),
    ("the last wins", ["-ahA", "r1"], I32, ["Tr1@dh.dd.org"]),
    ("--", ["--", "-a"], I32, ["T-a@dh.dd.org"]),
    ("I34 comma", ["r1@x.y,r2"], "", ["Tr1@x.y,r2"]),
    ("I34 route", ["@r:a@b"], "", ["T@r:a@b.dd.org"]),
    ("I34 empty", [""], "", ["T"]),
    ("I35", [], "To: t1\nResent-To: rt\nResent-Cc: rc\nResent-Bcc: rb\n"
     "Bcc: b\n", ["Trt@dh.dd.org", "Trc@dh.dd.org", "Trb@dh.dd.org"]),
    ("I36", [], "To: <>, c\n", ["Tc@dh.dd.org", "T"]),
    ("nobody", [], "Subject: x\n", []),
    ("open group", [], "To: g:a,b\nCc: c\n", ["Tb@dh.dd.org",
                                             "Tc@dh.dd.org"]),
    ("repeated", [], "To: a\nTo: a\n", ["Ta@dh.dd.org", "Ta@dh.dd.org"]),
]


@pytest.mark.parametrize("args, message, rcpts", [r[1:] for r in RECIPIENTS],
                         ids=[r[0] for r in RECIPIENTS])
def test_recipients(home, args, message, rcpts):
    done = home.inject(*args, input=message)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert home.envelope() == ["Fjoe@dh.dd.org", *rcpts]
    assert "Bcc" not in home.message()
    assert "Return-Path" not in home.message()


def test_resent_leaves_to_alone(home):  # I35
    home.inject(input="To: t1\nResent-To: rt\n")
    assert home.message().endswith(
        "To: t1@dh.dd.org\nResent-To: rt@dh.dd.org\n")


ENDS = [
    ("I38 31", "31", "", 100,
     "mail server permanently rejected message (#5.3.0)"),
    ("I38 53", "53", "", 111, "qq write error or disk full (#4.3.0)"),
    ("I38 82", "82", "Dcustom", 100, "custom"),
    ("custom, later", "82", "Zcustom", 111, "custom"),
    ("unknown", "99", "", 111, "qq temporary problem (#4.3.0)"),
]


@pytest.mark.parametrize("code, text, exit, says", [e[1:] for e in ENDS],
                         ids=[e[0] for e in ENDS])
def test_queue_ends(home, code, text, exit, says):
    done = home.inject("r", input="\nx\n",
                       env={"STUB_EXIT": code, "STUB_TEXT": text})
    assert done.returncode == exit
    assert done.stderr == f"qmail-inject: fatal: {says}\n"


def test_no_queue_service(home):
    done = home.inject("r", input="\nx\n", env={"QMAILQUEUE": None})
    assert done.returncode == 111
    assert done.stderr == (
        "qmail-inject: fatal: qq trouble creating files in queue (#4.3.0)\n")


def test_bad_options(home):
    done = home.inject("-x")
    assert done.returncode == 100
    assert done.stderr == "qmail-inject: illegal option -- x\n"
    done = home.inject("-f")
    assert done.returncode == 100
    assert done.stderr == (
        "qmail-inject: option requires an argument -- f\n")


@pytest.mark.parametrize("arg", ["a@)", "a@(b", 'a@"b', "a@[b"])
def test_bad_arguments(home, arg):
    says = f"qmail-inject: fatal: unable to parse address: {arg}\n"
    done = home.inject(arg)
    assert (done.returncode, done.stderr) == (100, says)
    done = home.inject("-f", arg)
    assert (done.returncode, done.stderr) == (100, says)


def test_home_is_gone(home):
    done = home.inject("-n", env={"QMAILHOME": "/nonexistent"})
    assert done.returncode == 111
    assert done.stderr == "qmail-inject: fatal: internal bug\n"


# controls

def test_only_me(tmp_path):  # I39
    home = Home(tmp_path, {"me": "mx.example.org"})
    out = home.show("-fs", input="To: a, b@h, c@d+\n")
    assert out.endswith("To: a@mx.example.org, b@h.mx.example.org, "
                        "c@d.mx.example.org\n")
    assert "<STAMP.P.qmail@mx.example.org>" in out


def test_no_controls(tmp_path):  # I40
    home = Home(tmp_path, {})
    out = home.show(input="To: a@b.c\n")
    assert out == ("Return-Path: <joe@defaulthost.defaultdomain>\nDate: D\n"
                   "Message-ID: <STAMP.P.qmail@idhost>\n"
                   "From: joe@defaulthost.defaultdomain\nTo: a@b.c\n")


def test_variables_override(home):
    out = home.show(input="To: a, b@h, c@d+\n", env={
        "QMAILDEFAULTDOMAIN": "vd.org", "QMAILDEFAULTHOST": "vh",
        "QMAILPLUSDOMAIN": "vp.org", "QMAILIDHOST": "vi.org"})
    assert out.endswith("To: a@vh.vd.org, b@h.vd.org, c@d.vp.org\n")
    assert "<STAMP.P.qmail@vi.org>" in out


def test_bad_control(home):
    (home.path / "control/plusdomain").write_text("(x\n")
    done = home.inject("-n", input="")
    assert done.returncode == 100
    assert done.stderr == "qmail-inject: fatal: unable to parse address: (x\n"


def test_unreadable_control(home):
    (home.path / "control/idhost").unlink()
    (home.path / "control/idhost").mkdir()
    done = home.inject("-n", input="")
    assert done.returncode == 111
    assert done.stderr == "qmail-inject: fatal: read error\n"


def test_into_the_queue(instance):
    """The whole way, through the queue service, to a Maildir."""
    done = instance.sendmail("-t", input="To: Alice <alice>\nSubject: x\n\nhi\n")
    assert done.returncode == 0, done.stderr
    [path] = instance.wait_mail("alice")
    text = path.read_text()
    assert "\nTo: Alice <alice@mail.test>\n" in text
    assert text.endswith("\n\nhi\n")
