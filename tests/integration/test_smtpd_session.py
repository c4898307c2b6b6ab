"""qmail-smtpd, one-shot: the oracle cases of the contract (edges 10.1), as
DECISIONS changed them: enhanced codes first, stricter arguments."""

import re

import pytest
from smtpdrig import Home, OneShot, lines, talk

GREETING = "220 mx.example.org ESMTP"
BYE = "221 2.0.0 mx.example.org"
OK = "250 2.1.0 ok"
RCPT_OK = "250 2.1.5 ok"
NOT_OURS = (
    "553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts "
    "(#5.7.1)"
)
BAD_FROM = (
    "553 5.7.1 sorry, your envelope sender is in my badmailfrom list (#5.7.1)"
)
BAD_SENDER = "501 5.1.7 sender address syntax error (#5.1.7)"
BAD_RCPT = "501 5.1.3 recipient address syntax error (#5.1.3)"
SYNTAX = "501 5.5.4 syntax error (#5.5.4)"
HOSTS = "example.org\n.sub.example.org\n"


@pytest.fixture
def home():
    with Home(rcpthosts=HOSTS) as h:
        yield h


def replies(home, *commands, **env):
    """The replies between greeting and goodbye."""
    got, status = talk(home, lines(*commands, "QUIT"), **env)
    assert got[0] == GREETING
    assert got[-1] == BYE
    assert status == 0
    return got[1:-1]


def deliver(home, *commands, body="x\r\n", **env):
    """Send one message; the envelope that arrived."""
    got, status = talk(
        home, lines(*commands, "DATA") + body + ".\r\n" + lines("QUIT"), **env
    )
    assert status == 0
    assert re.fullmatch(r"250 2\.6\.0 ok \d+ qp \d+", got[-2]), got
    return home.messages()[-1]


def test_s1_whole_conversation(home):
    got, status = talk(
        home,
        lines(
            "EHLO foo",
            "MAIL FROM:<a@b>",
            "RCPT TO:<u@example.org>",
            "RCPT TO:<u@other>",
            "RCPT TO:<u@x.sub.example.org>",
            "RCPT TO:<u@sub.example.org>",
            "RCPT TO:<u>",
            "DATA",
            "Subject: x",
            "",
            "..hi",
            ".",
            "QUIT",
        ),
    )
    assert got[:13] == [
        GREETING,
        "250-mx.example.org",
        "250-PIPELINING",
        "250-SIZE 0",
        "250-8BITMIME",
        "250 ENHANCEDSTATUSCODES",
        OK,
        RCPT_OK,
        NOT_OURS,
        RCPT_OK,
        NOT_OURS,
        RCPT_OK,
        "354 go ahead",
    ]
    assert re.fullmatch(r"250 2\.6\.0 ok \d+ qp \d+", got[13])
    assert got[14:] == [BYE]
    assert status == 0
    [(received, stored, envelope)] = home.messages()
    assert re.fullmatch(
        rb"Received: from client\.example\.net \(HELO foo\) \(192\.0\.2\.7\)\n"
        rb"  by mx\.example\.org with SMTP; "
        rb"\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000",
        received,
    )
    assert stored == b"Subject: x\n\n.hi\n"
    assert envelope == [
        b"Fa@b",
        b"Tu@example.org",
        b"Tu@x.sub.example.org",
        b"Tu",
    ]


def test_s2_small_commands(home):
    assert replies(
        home,
        "helo",
        "NOOP x",
        "VRFY a",
        "expn a",
        "rset",
        "DATA",
        "RCPT TO:<a>",
        "MAIL",
        "HELP",
    ) == [
        "250 mx.example.org",
        "250 2.0.0 ok",
        "252 2.1.5 send some mail, i'll try my best",
        "502 5.5.1 unimplemented (#5.5.1)",
        "250 2.0.0 flushed",
        "503 5.5.1 MAIL first (#5.5.1)",
        "503 5.5.1 MAIL first (#5.5.1)",
        SYNTAX,
        "214 2.0.0 see qmail-smtpd(8)",
    ]


def test_s3_data_without_recipient(home):
    assert replies(home, "MAIL FROM:<x>", "DATA") == [
        OK,
        "503 5.5.1 RCPT first (#5.5.1)",
    ]


# row, MAIL argument, RCPT argument, sender, recipient; None: refused
ARGUMENTS = [
    ("S6", "FROM:a@b.c SIZE=100", "TO:   u@example.org", "a@b.c",
     "u@example.org"),
    ("S7", "FROM:<@r1,@r2:a@b.c>", "TO:<@x:u@example.org>", "a@b.c",
     "u@example.org"),
    ("S8", 'FROM:<"a b"@b.c>', 'TO:<"x\\"y"@example.org>', "a b@b.c",
     'x"y@example.org'),
    ("S3", "FROM:<>", "TO:<u>", "", "u"),
    ("S13, stripped", "FROM:<a@b.c.>", "TO:<u@example.org.>", "a@b.c",
     "u@example.org"),
    ("S14", "FROM:<a@b>", "TO:<u%other@example.org>", "a@b",
     "u%other@example.org"),
    ("case is kept", "FROM:<A@B.C>", "TO:<U@EXAMPLE.org>", "A@B.C",
     "U@EXAMPLE.org"),
]


@pytest.mark.parametrize(
    "mail,rcpt,sender,recipient",
    [a[1:] for a in ARGUMENTS],
    ids=[a[0] for a in ARGUMENTS],
)
def test_arguments_taken(home, mail, rcpt, sender, recipient):
    envelope = deliver(home, f"MAIL {mail}", f"RCPT {rcpt}")[2]
    assert envelope == [b"F" + sender.encode(), b"T" + recipient.encode()]


@pytest.mark.parametrize(
    "command,reply",
    [
        ("MAIL FROM:<a@b.c", BAD_SENDER),  # S9
        ("MAIL FROM:Foo <a@b.c>", BAD_SENDER),  # S10
        ("MAIL FROM:a@b.c <x>", SYNTAX),
        ("MAIL a@b.c", SYNTAX),  # S12
        ("MAIL FROM :<a@b>", SYNTAX),
        ("MAIL TO:<a@b>", SYNTAX),
        ("MAIL FROM:<a@b>x", BAD_SENDER),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=1", SYNTAX),
        ("MAIL FROM:<a@b> SIZE", SYNTAX),
        ("MAIL FROM:<a@b> SIZE=x", SYNTAX),
        ("MAIL FROM:<a@b> SIZE=123456789012345678901", SYNTAX),
        ("MAIL FROM:<a@b> BODY=9BIT", SYNTAX),
        ("MAIL FROM:<a@b> FOO=1", "555 5.5.4 unknown parameter (#5.5.4)"),
        ("MAIL FROM:<\xe9@b>", "553 5.6.7 address needs SMTPUTF8 (#5.6.7)"),
        (f"MAIL FROM:<{'a' * 253}@b>", "555 5.5.4 syntax error (#5.5.4)"),
        ("MAIL FROM:<a@[1.2.3]>", BAD_SENDER),
        ("MAIL FROM:<a\x01@b>",
         "500 5.5.2 control character in command (#5.5.2)"),
    ],
)
def test_senders_refused(home, command, reply):
    assert replies(home, command, "DATA") == [
        reply,
        "503 5.5.1 MAIL first (#5.5.1)",
    ]


@pytest.mark.parametrize(
    "command,reply",
    [
        ("RCPT TO:<u@example.org", BAD_RCPT),  # S9
        ("RCPT TO:junk<u@[127.0.0.1]>more", BAD_RCPT),  # S10
        ("RCPT u@example.org", SYNTAX),  # S12
        ("RCPT TO:<>", BAD_RCPT),
        ("RCPT TO:<@host>", BAD_RCPT),
        ('RCPT TO:<""@example.org>', BAD_RCPT),
        ("RCPT TO:<u@evil@example.org>", BAD_RCPT),  # S14
        ("RCPT TO:<u@example.org@evil>", BAD_RCPT),  # S14
        ("RCPT TO:<u@example.org> foo", "555 5.5.4 unknown parameter (#5.5.4)"),
        ("RCPT TO:<\xe9@b>", "553 5.6.7 address needs SMTPUTF8 (#5.6.7)"),
    ],
)
def test_recipients_refused(home, command, reply):
    assert replies(home, "MAIL FROM:<a@b>", command, "DATA") == [
        OK,
        reply,
        "503 5.5.1 RCPT first (#5.5.1)",
    ]


def test_second_mail_is_refused_and_the_first_stays(home):
    got = deliver(
        home,
        "MAIL FROM:<first@b>",
        "MAIL FROM:<second@b>",
        "RCPT TO:<u>",
    )
    assert got[2] == [b"Ffirst@b", b"Tu"]


def test_s10_s11_own_address(home):
    home.control("localiphost", "liphost.example.org\n")
    envelope = deliver(
        home,
        "MAIL FROM:<a@[0.0.0.0]>",
        "RCPT TO:<u@[127.0.0.1]>",
        "RCPT TO:<u@[10.9.8.7]>",
        RELAYCLIENT="",
    )[2]
    assert envelope == [
        b"Fa@liphost.example.org",
        b"Tu@liphost.example.org",
        b"Tu@[10.9.8.7]",
    ]


def test_own_address_is_me_without_localiphost(home):
    home.control("rcpthosts", "mx.example.org\n")
    envelope = deliver(
        home, "MAIL FROM:<>", "RCPT TO:<u@[127.0.0.1]>", "RCPT TO:<u@[::1]>"
    )[2]
    assert envelope == [b"F", b"Tu@mx.example.org"]


def test_s15_relayclient_is_appended(home):
    envelope = deliver(
        home, "MAIL FROM:<>", "RCPT TO:<u@h>", RELAYCLIENT="@fixme.example"
    )[2]
    assert envelope == [b"F", b"Tu@h@fixme.example"]


def test_s16_badmailfrom(home):
    home.control("badmailfrom", "spam@bad.example\n@worse.example\n")
    rcpt = "RCPT TO:<u@example.org>"
    assert replies(
        home,
        "MAIL FROM:<SPAM@Bad.Example>",
        rcpt,
        "RSET",
        "MAIL FROM:<x@WORSE.example>",
        rcpt,
        "RSET",
        "MAIL FROM:<x@sub.worse.example>",
        rcpt,
        "RSET",
        "MAIL FROM:<>",
        rcpt,
    ) == [
        OK, BAD_FROM, "250 2.0.0 flushed",
        OK, BAD_FROM, "250 2.0.0 flushed",
        OK, RCPT_OK, "250 2.0.0 flushed",
        OK, RCPT_OK,
    ]


def test_s17_length(home):
    fits = "a" * 252 + "@b"
    assert replies(home, f"MAIL FROM:<{fits}>", "RSET",
                   f"MAIL FROM:<a{fits}>") == [
        OK,
        "250 2.0.0 flushed",
        "555 5.5.4 syntax error (#5.5.4)",
    ]


def test_s27_no_environment(home):
    received = deliver(
        home, "HELO h", "MAIL FROM:<>", "RCPT TO:<u>",
        TCPREMOTEIP=None, TCPREMOTEHOST=None, TCPLOCALHOST=None,
    )[0]
    assert received.startswith(
        b"Received: from unknown (HELO h) (unknown)\n  by unknown with SMTP; "
    )


def test_s28_info_and_the_same_name(home):
    received = deliver(
        home, "HELO client.EXAMPLE.net", "MAIL FROM:<>", "RCPT TO:<u>",
        TCPREMOTEINFO="jo e(x)",
    )[0]
    assert received.startswith(
        b"Received: from client.example.net (jo?e?x?@192.0.2.7)\n"
    )


@pytest.mark.parametrize(
    "helo,shown",
    [
        ('HELO [1.2.3.4] x<y>"\xe9_z', b"(HELO [1.2.3.4]?x?y????z)"),
        ("HELO", b"(HELO )"),
        ("EHLO  two  blanks", b"(HELO two??blanks)"),
    ],
)
def test_s29_helo_name(home, helo, shown):
    received = deliver(home, helo, "MAIL FROM:<>", "RCPT TO:<u>")[0]
    assert shown in received


def test_local_name_may_be_the_address(home):
    received = deliver(
        home, "MAIL FROM:<>", "RCPT TO:<u>",
        TCPLOCALHOST=None, TCPLOCALIP="192.0.2.1",
    )[0]
    assert b"\n  by 192.0.2.1 with SMTP" in received


def test_s30_blanks_around_verbs(home):
    assert replies(home, "  NOOP", "noop\tx", "") == [
        "502 5.5.1 unimplemented (#5.5.1)"
    ] * 3


def test_s35_helo_ends_the_transaction(home):
    assert replies(
        home, "MAIL FROM:<a>", "RCPT TO:<u>", "HELO h", "DATA"
    )[-1] == "503 5.5.1 MAIL first (#5.5.1)"


def test_eof_is_status_1_and_nothing_is_done(home):
    got, status = talk(home, "NOOP\r\nMAIL FROM:<a@b>")
    assert got == [GREETING, "250 2.0.0 ok"]
    assert status == 1


def test_eof_in_data_leaves_nothing(home):
    got, status = talk(
        home, lines("MAIL FROM:<a>", "RCPT TO:<u>", "DATA", "x")
    )
    assert got[-1] == "354 go ahead"
    assert status == 1
    assert home.messages() == []


def test_two_messages_in_a_session(home):
    one = lines("MAIL FROM:<a>", "RCPT TO:<u>", "DATA", "1", ".")
    two = lines("MAIL FROM:<b>", "RCPT TO:<v>", "DATA", "2", ".")
    _, status = talk(home, one + two + lines("QUIT"))
    assert status == 0
    assert [(m[1], m[2]) for m in home.messages()] == [
        (b"1\n", [b"Fa", b"Tu"]),
        (b"2\n", [b"Fb", b"Tv"]),
    ]


def test_pipelined_replies_leave_in_one_write(home):
    with OneShot(home) as peer:
        peer.send(lines("MAIL FROM:<a>", "RCPT TO:<u>", "RCPT TO:<v>",
                        "RSET", "MAIL FROM:<b>"))
        got = peer.sock.recv(65536)
        assert got.count(b"\r\n") == 5


def test_commands_cut_anywhere(home):
    text = lines("MAIL FROM:<a@b>", "RCPT TO:<u>", "RSET", "NOOP")
    with OneShot(home) as peer:
        for c in text:
            peer.send(c)
            peer.drained()
        assert [peer.reply() for _ in range(4)] == [
            OK, RCPT_OK, "250 2.0.0 flushed", "250 2.0.0 ok",
        ]
