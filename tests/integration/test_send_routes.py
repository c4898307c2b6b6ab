"""Where qmail-send sends a recipient (contract queue.md 4.2): oracle cases
15 to 29, with the control files they were observed with."""
import re

import pytest

from sendkit import fresh_rig

CONTROLS = {
    "locals": "local.example\nMIXED.example\n  lead.example\n",
    "percenthack": "pct.example\nlocal.example\n",
    "envnoathost": "noat.example\n",
    "virtualdomains":
        "virt.example:joe-v\n.wild.example:alias-w\nsub.wild.example:\n"
        "user@vu.example:bob-vu\nvu.example:joe-all\nlocal.example:nope\n"
        ":alias-catch\nnocatch.example:\n.nocatch.example:\n"
        "nocolon.example\ncolon.example:a:b\nme@excl.example:\n"
        "excl.example:joe-excl\nsp.example: joe\ndup.example:first\n"
        "dup.example:second\n"}

LOCAL, REMOTE = "local", "remote"

CASES = [
    (15, "JOE@mixed.example", LOCAL, "JOE@mixed.example"),
    (16, "a@lead.example", LOCAL, "alias-catch-a@lead.example"),
    (17, "nobody", LOCAL, "alias-catch-nobody@noat.example"),
    (18, "x%y%pct.example@pct.example", LOCAL, "alias-catch-x@y"),
    (19, "x%a%local.example@local.example", LOCAL, "alias-catch-x@a"),
    (20, "u@VIRT.example", LOCAL, "joe-v-u@VIRT.example"),
    (21, "u@sub.virt.example", LOCAL, "alias-catch-u@sub.virt.example"),
    (22, "u@a.wild.example", LOCAL, "alias-w-u@a.wild.example"),
    (22, "u@x.sub.wild.example", LOCAL, "alias-w-u@x.sub.wild.example"),
    (23, "u@sub.wild.example", REMOTE, "u@sub.wild.example"),
    (23, "u@x.nocatch.example", REMOTE, "u@x.nocatch.example"),
    (23, "me@excl.example", REMOTE, "me@excl.example"),
    (24, "USER@VU.example", LOCAL, "bob-vu-USER@VU.example"),
    (24, "other@vu.example", LOCAL, "joe-all-other@vu.example"),
    (25, "u@nocolon.example", LOCAL, "alias-catch-u@nocolon.example"),
    (26, "u@colon.example", LOCAL, "a:b-u@colon.example"),
    (26, "u@sp.example", LOCAL, " joe-u@sp.example"),
    (26, "u@dup.example", LOCAL, "second-u@dup.example"),
    (27, "", LOCAL, "alias-catch-@noat.example"),
    (28, "@local.example", LOCAL, "@local.example"),
    (29, "x\ny@local.example", LOCAL, "x\ny@local.example"),
]

# each step of 4.2, and what comes before what
STEPS = [
    ("the last @", "a@far@local.example", LOCAL, "a@far@local.example"),
    ("not the first @", "a@local.example@b", LOCAL,
     "alias-catch-a@local.example@b"),
    ("no % in the local part", "a@pct.example", LOCAL,
     "alias-catch-a@pct.example"),
    ("% after the last @", "a@b%c", LOCAL, "alias-catch-a@b%c"),
    ("% elsewhere", "a%b@virt.example", LOCAL, "joe-v-a%b@virt.example"),
    ("the last %", "a%b%virt.example@pct.example", LOCAL,
     "joe-v-a%b@virt.example"),
    ("% again and again", "a%virt.example%pct.example%local.example@"
     "PCT.example", LOCAL, "joe-v-a@virt.example"),
    ("% at the beginning", "%virt.example@pct.example", LOCAL,
     "joe-v-@virt.example"),
    ("% at the end", "a%@pct.example", LOCAL, "alias-catch-a@"),
    ("locals before virtual", "a@local.example", LOCAL, "a@local.example"),
    ("no part of a name", "a@xvirt.example", LOCAL,
     "alias-catch-a@xvirt.example"),
    ("an ending is not the name", "a@wild.example", LOCAL,
     "alias-catch-a@wild.example"),
    ("empty domain", "a@", LOCAL, "alias-catch-a@"),
    ("other recipients of it", "you@excl.example", LOCAL,
     "joe-excl-you@excl.example"),
]


@pytest.fixture(scope="module")
def rig():
    with fresh_rig() as r:
        for name, text in CONTROLS.items():
            r.control(name, text)
        with r:
            yield r


def route(rig, rcpt):
    """Channel and address of its delivery, and its line in the log."""
    ends = rig.log.count("end msg")
    begun = len(rig.log)
    assert rig.inject(b"s@x", [rcpt.encode()]) == 0
    rig.wait_log("end msg", ends + 1)
    d = rig.started[-1]
    [line] = re.findall(r"starting delivery \d+: msg \d+ to (.*)\n",
                        rig.log[begun:])
    return d.channel, d.addr.decode(), line


@pytest.mark.parametrize("rcpt, channel, addr", [c[1:] for c in CASES], ids=[
    f"case{c[0]}-{i}" for i, c in enumerate(CASES)])
def test_oracle(rig, rcpt, channel, addr):
    got = route(rig, rcpt)
    assert got[:2] == (channel, addr)
    safe = addr.replace("\n", "/").replace(" ", "_").replace("%", "_")
    assert got[2] == f"{channel} {safe}"


@pytest.mark.parametrize("rcpt, channel, addr", [s[1:] for s in STEPS],
                         ids=[s[0].replace(" ", "-") for s in STEPS])
def test_steps(rig, rcpt, channel, addr):
    assert route(rig, rcpt)[:2] == (channel, addr)


def test_case27_without_envnoathost():
    with fresh_rig() as rig, rig:
        assert route(rig, "")[:2] == ("remote", "@mail.example.org")


def test_sender_is_not_rewritten(rig):
    ends = rig.log.count("end msg")
    for sender in (b"nohost", b"x%y@pct.example", b"u@virt.example", b""):
        assert rig.inject(sender, [b"a@local.example"]) == 0
        ends += 1
        rig.wait_log("end msg", ends)
        assert rig.started[-1].sender == sender
