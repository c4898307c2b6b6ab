"""qmail-inject: what becomes of the header (contract edges.md 10.2)."""
import pytest

from injectkit import Home

HEAD = ("Return-Path: <s@dh.dd.org>\nDate: D\n"
        "Message-ID: <STAMP.P.qmail@id.dd.org>\nFrom: joe@dh.dd.org\n")
NO_LIST = "Cc: recipient list not shown: ;\n"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


FIELDS = [
    ("I1", "To: a b c", "To: a@dh.dd.org, b@dh.dd.org, c@dh.dd.org"),
    ("I2 plus", "To: a@h+", "To: a@h.plus.org"),
    ("I2 dotted plus", "To: a@h.x+", "To: a@h.x.plus.org"),
    ("I2 host", "To: a@h", "To: a@h.dd.org"),
    ("I2 complete", "To: a@x.y", "To: a@x.y"),
    ("I3", 'To: "Foo, B" <a@b>, c (cmt) d',
     'To: "Foo, B" <a@b.dd.org>, c@dh.dd.org, d@dh.dd.org (cmt)'),
    ("I4", "To: a(c)@(d)b(e)", "To: a@b.dd.org (c) (d) (e)"),
    ("I5 group", "To: g:a,b;", "To: g: a@dh.dd.org, b@dh.dd.org;"),
    ("I5 empty group", "To: g:;", "To: g: ;"),
    ("I6 open group", "To: g:a,b", "To: g:a,b"),
    ("I6 bare route", "To: @r:a@b", "To: @r:a@b"),
    ("I7", "To: <@r1,@r2:a@b>", "To: <a@b.dd.org>"),
    ("I8 at", "To: a@", "To: a@dh.dd.org"),
    ("I8 dot", "To: a@b.", "To: a@b.dd.org"),
    ("I8 no user", "To: @b", "To:"),
    ("I8 nobody", "To: <>", "To: <>"),
    ("I9", "To: a@[1.2.3.4]", "To: a@[1.2.3.4]"),
    ("I10", "To: \xe9@b", 'To: "\xe9"@b.dd.org'),
    ("I11 atom", "To: a]", r'To: "a\]"@dh.dd.org'),
    ("I11 literal", "To: [a]", "To: [a]@dh.dd.org"),
    ("I12", "To: ,,a,,b,,", "To: , , a@dh.dd.org, , b@dh.dd.org, ,"),
    ("I13", "To: Foo B. Bar <a@b.c>", "To: Foo B.Bar <a@b.c>"),
    ("I14", "TO : a", "TO: a@dh.dd.org"),
    ("I16", r"To: (c (nested) \) x) a@b", r"To: a@b.dd.org (c nested \) x)"),
    ("I17", "To: " + ", ".join(f"user{n}@host{n}.example.org"
                               for n in range(6)),
     "To: user0@host0.example.org, user1@host1.example.org, "
     "user2@host2.example.org,\n  user3@host3.example.org, "
     "user4@host4.example.org, user5@host5.example.org"),
    ("I19", "From foo bar\nTo: a", "MBOX-Line: From foo bar\nTo: a@dh.dd.org"),
    ("I20", "To: a\nbad line\nCc: b", "To: a@dh.dd.org\n\nbad line\nCc: b"),
    ("I22", "To: a@b.c\nContent-Length: 5\nReturn-Path: <a@b>\nX: y",
     "To: a@b.c\nX: y"),
    ("I23", "To: a@b\r", "To: a@b.dd.org"),
    ("I41", "To: a\r\nSubject: x\r\n\r\nbody\r",
     "To: a@dh.dd.org\nSubject: x\r\n\n\r\nbody\r"),
    ("continuation", "To: a,\n b,\n\tc", "To: a@dh.dd.org, b@dh.dd.org, "
     "c@dh.dd.org"),
    ("others are copied", "To: a@b.c\nSubject:  x , y\n more\nReceived: z",
     "To: a@b.c\nSubject:  x , y\n more\nReceived: z"),
    ("sender", "To: a@b.c\nSender: x\nReply-To: y z\nErrors-To: e\n"
     "Return-Receipt-To: r", "To: a@b.c\nSender: x@dh.dd.org\n"
     "Reply-To: y@dh.dd.org, z@dh.dd.org\nErrors-To: e@dh.dd.org\n"
     "Return-Receipt-To: r@dh.dd.org"),
    ("apparently", "To: a@b.c\nApparently-To: x", "To: a@b.c\n"
     "Apparently-To: x@dh.dd.org"),
    ("body", "To: a@b.c\n\nTo: d\n\n.\n", "To: a@b.c\n\nTo: d\n\n.\n"),
    ("unfolded", 'To: "Foo\n Bar" <a@b.c>', 'To: "Foo Bar" <a@b.c>'),
]


@pytest.mark.parametrize("field, out", [f[1:] for f in FIELDS],
                         ids=[f[0] for f in FIELDS])
def test_field(home, field, out):
    end = "" if out.endswith("\n") else "\n"
    assert home.show("-fs", input=field + end) == HEAD + out + end


def test_bcc(home):  # I15
    assert home.show("-fs", input="Bcc: a\n") == HEAD + NO_LIST


def test_nothing_at_all(home):
    assert home.show("-fs", input="") == HEAD + NO_LIST


def test_body_only(home):
    assert home.show("-fs", input="\nhi\n") == HEAD + NO_LIST + "\nhi\n"


def test_first_line_is_no_field(home):
    assert home.show("-fs", input=" hi\n") == HEAD + NO_LIST + "\n hi\n"


def test_resent(home):  # I18
    assert home.show("-fs", input="Resent-Bcc: a\n") == (
        "Return-Path: <s@dh.dd.org>\nResent-Date: D\n"
        "Resent-Message-ID: <STAMP.P.qmail@id.dd.org>\n"
        "Resent-From: joe@dh.dd.org\n"
        "Resent-Cc: recipient list not shown: ;\n")


@pytest.mark.parametrize("field", [
    "Resent-Sender: a@b.c", "Resent-From: a@b.c", "Resent-Reply-To: a@b.c",
    "Resent-To: a@b.c", "Resent-Cc: a@b.c", "Resent-Date: x",
    "Resent-Message-ID: x"])
def test_each_of_these_means_resent(home, field):
    out = home.show("-fs", input=field + "\n")
    assert field + "\n" in out
    assert "\nDate:" not in out and "\nFrom:" not in out


def test_resent_subject_does_not(home):
    assert home.show("-fs", input="Resent-Subject: x\n") == (
        HEAD + NO_LIST + "Resent-Subject: x\n")


def test_kept_fields_are_not_added(home):
    fields = ("Date: x\nMessage-ID: <y>\nFrom: z@b.c\nCc: a@b.c\n")
    assert home.show("-fs", input=fields) == (
        "Return-Path: <s@dh.dd.org>\n" + fields)


FATAL = ["From: (x", "Sender: a>", "Reply-To: )", "Return-Receipt-To: \"",
         "Errors-To: [", "Resent-From: (x", "Resent-Sender: :",
         "Resent-Reply-To: ;;", "Return-Path: (", "From: a,\n (x"]


@pytest.mark.parametrize("field", FATAL)
def test_fatal(home, field):  # I21
    done = home.inject(input=field + "\n")
    assert done.returncode == 100
    assert done.stderr == ("qmail-inject: fatal: unable to parse this line:\n"
                           + field + "\n")


@pytest.mark.parametrize("name", ["To", "Cc", "Apparently-To", "Resent-To",
                                  "Resent-Cc"])
def test_recipients_are_tolerated(home, name):
    out = home.show("-fs", input=f"{name} : (x\nX: y\n")
    assert out.endswith(f"{name} : (x\nX: y\n")


@pytest.mark.parametrize("name", ["Bcc", "Resent-Bcc"])
def test_hidden_even_if_bad(home, name):
    assert name not in home.show("-fs", input=f"{name}: (x\n")


def test_final_newline(home):  # I42
    assert home.show("-fs", input="To: a@b.c\n\nx").endswith("\n\nx\n")
    assert home.show("-fs", input="To: a@b.c").endswith("To: a@b.c\n")
    assert home.show("-fs", input="To: a@b.c\n\n").endswith("To: a@b.c\n\n")


def test_large(home):
    """Header and body each longer than any buffer."""
    names = ",\n ".join(f"user{n}@host.example" for n in range(30000))
    body = "0123456789abcde\n" * 100000
    done = home.inject("-fs", input=f"X: {'y' * 300000}\nTo: {names}\n\n{body}")
    assert done.returncode == 0, done.stderr
    assert len(home.envelope()) == 30001
    assert home.message().endswith("\n\n" + body)
    assert "X: " + "y" * 300000 + "\n" in home.message()


def test_nul(home):
    """No address carries a NUL, or the envelope could be forged."""
    done = home.inject(input="To: a\0Tb@c.d, e\nX: \0\n\n\0\n")
    assert done.returncode == 0
    assert home.envelope() == ["Fjoe@dh.dd.org"]
    assert home.message().endswith("To: a\0Tb@c.d, e\nX: \0\n\n\0\n")


AUTHORS = [
    ("I28", {"QMAILHOST": "qh", "QMAILUSER": "qu", "QMAILSUSER": "su",
             "QMAILSHOST": "sh"}, "su@sh.dd.org", "qu@qh.dd.org"),
    ("I30 blank", {"USER": "a b"}, '"a b"@dh.dd.org', '"a b"@dh.dd.org'),
    ("I30 dot", {"USER": ".ab"}, '".ab"@dh.dd.org', '".ab"@dh.dd.org'),
    ("I30 at", {"USER": "a@b"}, '"a@b"@dh.dd.org', '"a@b"@dh.dd.org'),
    ("none", {"USER": None}, "anonymous@dh.dd.org", "anonymous@dh.dd.org"),
    ("logname", {"USER": None, "LOGNAME": "l"}, "l@dh.dd.org", "l@dh.dd.org"),
    ("mailuser", {"MAILUSER": "m", "MAILHOST": "mh", "LOGNAME": "l"},
     "m@mh.dd.org", "m@mh.dd.org"),
    ("order", {"QMAILUSER": "q", "QMAILHOST": "qh.x", "MAILUSER": "m",
               "MAILHOST": "mh"}, "q@qh.x", "q@qh.x"),
    ("name", {"NAME": "Joe User"}, "joe@dh.dd.org",
     '"Joe User" <joe@dh.dd.org>'),
    ("names", {"NAME": "n", "MAILNAME": "m", "QMAILNAME": "q"},
     "joe@dh.dd.org", '"q" <joe@dh.dd.org>'),
    ("empty name", {"NAME": ""}, "joe@dh.dd.org", '"" <joe@dh.dd.org>'),
    ("odd name", {"NAME": 'Joe "Q" (x) \\ User'}, "joe@dh.dd.org",
     '"Joe \\"Q\\" \\(x\\) \\\\ User" <joe@dh.dd.org>'),
    ("I29", {"NAME": 'Joe "Q" (x) User', "QMAILINJECT": "c"}, "joe@dh.dd.org",
     'joe@dh.dd.org (Joe \\"Q\\" \\(x\\) User)'),
    ("forged name", {"NAME": "x\nBcc: y"}, "joe@dh.dd.org",
     '"x Bcc: y" <joe@dh.dd.org>'),
    ("forged user", {"USER": "x\nBcc: y"}, '"x?Bcc: y"@dh.dd.org',
     '"x?Bcc: y"@dh.dd.org'),
    ("empty user", {"QMAILUSER": ""}, '""@dh.dd.org', '""@dh.dd.org'),
    ("empty host", {"QMAILHOST": ""}, "joe@dh.dd.org", "joe@dh.dd.org"),
]


@pytest.mark.parametrize("env, sender, author", [a[1:] for a in AUTHORS],
                         ids=[a[0] for a in AUTHORS])
def test_author(home, env, sender, author):
    out = home.show(input="To: a@b.c\n", env=env)
    assert f"Return-Path: <{sender}>\n" in out
    assert f"\nFrom: {author}\n" in out


def test_line_ends_in_addresses(home):
    """They reach the envelope, never a line of the header."""
    (home.cwd / "lists").write_text("list@x.org\n")
    out = home.show("-f", "a\nBcc: b@c.d", input='To: list@x.org, "x\\\n y"@b.c\n',
                    env={"QMAILMFTFILE": "lists"})
    assert out == ('Return-Path: <"a?Bcc: b"@c.d>\n' + HEAD.split("\n", 1)[1] +
                   'Mail-Followup-To: list@x.org,\n  "x? y"@b.c\n'
                   'To: list@x.org, "x  y"@b.c\n')


def test_letters_f_i(home):
    fields = "From: (x\nMessage-ID: <y>\nTo: a@b.c\n"
    out = home.show("-fs", input=fields, env={"QMAILINJECT": "zfi"})
    assert out == HEAD + "To: a@b.c\n"


def test_followup(home):  # I37; the path is relative to the caller's folder
    (home.cwd / "lists").write_text("# mine\nother@x\nList@X.org  \n")
    env = {"QMAILMFTFILE": "lists"}
    message = 'To: list@x.org, Joe <j@k>\nCc: "a b"@c.d\n'
    out = home.show("-fs", input=message, env=env)
    followup = ('Mail-Followup-To: "a b"@c.d,\n  list@x.org,\n'
                "  j@k.dd.org\n")
    assert out == HEAD + followup + (
        'To: list@x.org, Joe <j@k.dd.org>\nCc: "a b"@c.d\n')
    for other in ("To: x@y.z\n", "Apparently-To: list@x.org\n",
                  message + "Mail-Followup-To: me\n",
                  message + "Resent-To: a\n"):
        out = home.show("-fs", input=other, env=env)
        assert out.count("Mail-Followup-To") == other.count("Mail-Followup")


def test_followup_files(home):
    message = "To: list@x.org\n"
    env = {"QMAILMFTFILE": "absent"}
    assert home.show("-fs", input=message, env=env) == HEAD + message
    done = home.inject("-n", input=message, env={"QMAILMFTFILE": "."})
    assert done.returncode == 111
    assert done.stderr == "qmail-inject: fatal: read error\n"
