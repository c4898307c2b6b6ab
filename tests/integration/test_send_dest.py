"""qmail-send: destinations, suspensions and routes (qmail-send(8))."""
import re
import signal
import time

import pytest

from sendkit import answer, ask, mail_of, message, note_of, poll, replace, whys
from worldkit import (GONE, OK, UNREACHED, attempts, delivered, dest, held, inject, let_go, place, queue, read_dest,
                      suspend, wait_dest, world)

SAID = "Sorry,_I_wasn't_able_to_establish_an_SMTP_connection._(#4.4.1)/"
TOO_LONG = "I'm_not_going_to_try_again;_this_message_has_been_in_the_queue_too_long./"


@pytest.fixture
def rig():
    with world() as r:
        yield r


# --- windows ---

def test_one_that_hangs_holds_its_window(rig):
    """Everybody else's mail flows, however much waits for it."""
    rig.world["far.example"] = None
    queue(rig, 60, "far.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a window")
        inject(rig, 40, "near.example")
        rig.wait_log("success", 40)
        assert len(delivered(rig, "near.example")) == 40
        assert len(attempts(rig, "far.example")) == 5
        assert wait_dest(rig, "far.example", waiting=55) == (
            "remote", 5, 5, 55, 0, 0, "far.example", "")
        rig.world.clear()
        let_go(rig, "far.example")
        rig.wait_empty()
    assert len(attempts(rig, "far.example")) == 60


def test_window_grows_with_success(rig):
    rig.world["far.example"] = None
    queue(rig, 60, "far.example")
    with rig:
        for window in (5, 10, 20):
            poll(lambda: len(rig.held) == window, f"{window} at once")
            assert dest(rig, "far.example").limit == window
            let_go(rig, "far.example")
        rig.world.clear()
        let_go(rig, "far.example")
        rig.wait_empty()


@pytest.mark.parametrize("most", [1, 3])
def test_concurrencydest(rig, most):
    rig.control("concurrencydest", f"{most}\n")
    rig.world["far.example"] = None
    queue(rig, 12, "far.example")
    with rig:
        for i in range(12 // most):
            poll(lambda: len(rig.held) == most, "as many as may be")
            wait_dest(rig, "far.example", jobs=most, limit=most, waiting=12 - (i + 1) * most)
            let_go(rig, "far.example")
        rig.wait_empty()
    assert f"remote {most}/20\n" in rig.log
    assert f"remote {most + 1}/20\n" not in rig.log


def test_no_destinations(rig):
    """concurrencydest 0: mail is handed out as it becomes due."""
    rig.control("concurrencydest", "0\n")
    rig.world["far.example"] = None
    queue(rig, 25, "far.example")
    with rig:
        poll(lambda: len(rig.held) == 20, "all slots")
        let_go(rig, "far.example", *GONE)
        poll(lambda: len(rig.held) == 5, "the others")
        let_go(rig, "far.example", *GONE)
        rig.wait_log("deferral", 25)
        inject(rig, 1, "far.example")
        poll(lambda: len(rig.held) == 1, "it is tried at once")
        let_go(rig, "far.example")
    assert "suspended" not in rig.log


def test_a_quarter_is_kept_from_any(rig):
    rig.control("concurrencyremote", "8\n")
    with rig:
        # it was reached often enough to have all slots
        inject(rig, 10, "far.example")
        rig.wait_log("success", 10)
        rig.world.update({"far.example": None, "slow.example": None})
        inject(rig, 1, "slow.example")
        poll(lambda: held(rig, "slow.example"), "another one")
        inject(rig, 20, "far.example")
        poll(lambda: len(held(rig, "far.example")) == 6, "three quarters")
        inject(rig, 5, "near.example")
        rig.wait_log("success", 15)
        assert len(held(rig, "far.example")) == 6
        # alone it may have all
        let_go(rig, "slow.example")
        let_go(rig, "far.example")
        poll(lambda: len(held(rig, "far.example")) == 8, "all slots")


def test_a_quarter_is_kept_from_the_unknown(rig):
    """Many that hang, of which none was ever reached."""
    rig.control("concurrencyremote", "8\n")
    with rig:
        inject(rig, 1, "near.example")
        rig.wait_log("success")
        rig.world.update({f"d{i}.example": None for i in range(20)})
        for i in range(20):
            inject(rig, 1, f"d{i}.example")
        poll(lambda: len(rig.held) == 6, "three quarters")
        inject(rig, 5, "near.example")
        rig.wait_log("success", 6)
        assert len(rig.held) == 6
        rig.world.clear()
        for job in list(rig.held):
            answer(rig, job)
        rig.wait_empty()


def test_users(rig):
    """The same for local users, whatever their extensions."""
    with rig:
        for i in range(10):
            rig.inject(b"s@x", [b"joe-%d@local.example" % i])
        rig.wait_log("success", 10)
        rig.world.update({"joe": None, "ann": None})
        rig.inject(b"s@x", [b"ann@local.example"])
        poll(lambda: held(rig, "ann"), "hers")
        for i in range(20):
            rig.inject(b"s@x", [b"Joe-%d@local.example" % i])
        poll(lambda: len(held(rig, "joe")) == 8, "three quarters, rounded up")
        rig.inject(b"s@x", [b"bob@local.example", b"joe@local.example"])
        rig.wait_log("success", 11)
        assert len(held(rig, "joe")) == 8
        assert dest(rig, "joe", "local")[:5] == ("local", 8, 8, 13, 0)
        # nobody is suspended here, whatever is said
        let_go(rig, "joe", *GONE)
        poll(lambda: len(held(rig, "joe")) == 8, "the next ones")
        rig.world.clear()
        let_go(rig, "joe")
        let_go(rig, "ann")
        poll(lambda: dest(rig, "joe", "local").waiting == 0, "all tried")
    assert "suspended" not in rig.log


def test_order(rig):
    """The oldest first, also after a while in line."""
    rig.control("concurrencydest", "1\n")
    ids = [message(rig, b"s@x", [b"r@far.example"], age=5000 - 37 * (i * 7 % 20)) for i in range(20)]
    rig.world["far.example"] = None
    with rig:
        wait_dest(rig, "far.example", waiting=19)
        rig.world.clear()
        let_go(rig, "far.example")
        rig.wait_empty()
    assert [d.id for d in attempts(rig, "far.example")] == sorted(ids)


# --- suspensions ---

def test_suspension(rig):
    """The first failure of one never reached is enough."""
    rig.world["far.example"] = None
    ids = queue(rig, 20, "far.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a window")
        wait_dest(rig, "far.example", waiting=15)
        before = int(time.time())
        answer(rig, rig.held[2], *GONE)
        rig.wait_log("suspended ")
        # the other four tell nothing new
        let_go(rig, "far.example", *GONE)
        rig.wait_log("deferral", 5)
        inject(rig, 1, "near.example")
        rig.wait_log("success")
        got = dest(rig, "far.example")
        assert got[:5] == ("remote", 0, 2, 15, 1)  # half of 5
        assert before + 59 <= got.until <= time.time() + 61
        assert got[6:] == ("far.example", SAID)
        assert read_dest(ask(rig, "dests")) == got
        waits = ask(rig, f"info {ids[10]}").split(" ")
        assert waits[:3] == ["waiting", "0", "0"] and int(waits[3]) > before
        assert waits[4:] == ["0", "remote", "far.example"]
        # one that was tried waits for its own time
        assert ask(rig, f"info {ids[0]}").endswith(" 0 - -")
        assert whys(rig, ids[0]) == {0: UNREACHED.strip()}
    [line] = rig.lines("suspended")
    seconds = re.fullmatch(r"suspended remote far\.example for (\d+) seconds: " + re.escape(SAID), line)
    assert 50 <= int(seconds[1]) <= 61
    assert len(attempts(rig, "far.example")) == 5


def test_accident(rig):
    """One that was there a moment ago is left alone the second time."""
    with rig:
        inject(rig, 1, "far.example")
        rig.wait_log("success")
        rig.world["far.example"] = GONE
        inject(rig, 1, "far.example")
        rig.wait_log("deferral")
        assert dest(rig, "far.example")[1:6] == (0, 3, 0, 1, 0)
        assert "suspended" not in rig.log
        inject(rig, 1, "far.example")
        rig.wait_log("suspended remote far.example for ")
        assert dest(rig, "far.example").failures == 2
    seconds = int(re.search(r"suspended remote far.example for (\d+) seconds", rig.log)[1])
    assert 50 <= seconds <= 61


@pytest.mark.parametrize("how", ["alarm", "flush"])
def test_flush_ends_suspensions(rig, how):
    ids = suspend(rig)
    rig.world.clear()
    if how == "alarm":
        rig.send.send_signal(signal.SIGALRM)
    else:
        assert ask(rig, "flush") == "ok"
    rig.wait_empty()
    assert sorted(d.id for d in delivered(rig, "far.example")) == sorted(ids)
    assert dest(rig, "far.example")[1:6] == (0, 5, 0, 0, 0)


def test_flush_of_one_message(rig):
    """Its destination may be tried, and so all mail in line there."""
    ids = suspend(rig, waiting=4)
    # what is for others stays as it is
    rig.world["other.example"] = GONE
    inject(rig, 1, "other.example")
    rig.wait_log("suspended remote other.example")
    rig.world.clear()
    assert ask(rig, f"flush {ids[-1]}") == "ok"
    poll(lambda: len(delivered(rig, "far.example")) == 4, "those in line")
    assert dest(rig, "other.example").until > 0
    assert rig.lines("resumed") == ["resumed remote far.example"]
    # the one that had been tried is due later; but not if asked for
    assert ask(rig, f"flush {ids[0]}") == "ok"
    poll(lambda: len(delivered(rig, "far.example")) == 5, "that one too")
    assert len(attempts(rig, "other.example")) == 1


def test_still_gone_after_a_flush(rig):
    """One attempt finds out, and the rest goes on waiting."""
    suspend(rig, waiting=8)
    assert ask(rig, "flush") == "ok"
    rig.wait_log("suspended ", 2)
    inject(rig, 1, "near.example")
    rig.wait_log("success")
    assert len(attempts(rig, "far.example")) == 2
    # the one that was tried first is due now, and stands in line again
    assert dest(rig, "far.example").waiting == 8


def test_success_ends_a_suspension(rig):
    """What began before it was suspended may still go through."""
    rig.world["far.example"] = None
    queue(rig, 20, "far.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a window")
        answer(rig, rig.held[0], *GONE)
        rig.wait_log("suspended ")
        rig.world.clear()
        answer(rig, rig.held[0])
        wait_dest(rig, "far.example", until=0, failures=0, jobs=3, limit=3)
        let_go(rig, "far.example")
        rig.wait_log("end msg", 19)
    assert rig.log.count("suspended") == 1
    assert rig.lines("resumed") == ["resumed remote far.example"]


@pytest.mark.parametrize("text", [
    b"1.2.3.4 does not like recipient.\nRemote host said: 452 mailbox full (#4.2.2)\n",
    b"1.2.3.4 failed after I sent the message.\nRemote host said: 451 (#4.4.1) my own trouble\n",
    b"mailbox full (#4.2.2)\n",
    b"",
])
def test_trouble_of_a_recipient_does_not_count(rig, text):
    rig.world["far.example"] = ("Z", text)
    queue(rig, 12, "far.example")
    with rig:
        rig.wait_log("deferral", 12)
        rig.wait_log("status: local 0/10 remote 0/20\n")
        assert dest(rig, "far.example")[1:6] == (0, 17, 0, 0, 0)
    assert "suspended" not in rig.log


def test_one_recipient_tells_that_it_is_there(rig):
    rig.verdict = lambda d: GONE if d.index == 0 else ("D", b"no\n")
    message(rig, b"", [b"a@far.example", b"b@far.example"])
    with rig:
        rig.wait_log("failure")
        assert dest(rig, "far.example").failures == 0
    assert "suspended" not in rig.log


def test_several_destinations(rig):
    """Whoever can be reached gets it now, the others later, nobody twice."""
    suspend(rig, waiting=0)
    rcpts = [b"a@far.example", b"b@near.example", b"c@far.example", b"d@other.example", b"e@local.example"]
    rig.inject(b"s@x", rcpts)
    rig.wait_log("success", 3)
    n = poll(lambda: len(rig.ids("info")) == 2 and rig.ids()[-1], "a note")
    assert whys(rig, n) == {0: UNREACHED.strip(), 2: UNREACHED.strip()}
    assert note_of(rig, n)["d"] == b"1a"
    assert ask(rig, f"info {n}").endswith(" 0 - -")
    rig.world.clear()
    assert ask(rig, "flush") == "ok"
    rig.wait_empty()
    mine = [d.addr for d in rig.started if d.id == n]
    assert sorted(mine) == sorted(rcpts)
    assert set(mine[-2:]) == {b"a@far.example", b"c@far.example"}


def keep_bounces(rig):
    """Bounces go to near.example; all that comes there, without our line."""
    mails = []

    def verdict(d):
        if place(d) == "near.example":
            mails.append(mail_of(rig, d)[1])
        return rig.world.get(place(d), OK)

    rig.verdict = verdict
    return mails


def expired(rig, mails, count):
    """So many failed for what was known, and their sender heard of it."""
    rig.wait_log(f"failure: {SAID}{TOO_LONG}\n", count)
    bounces = poll(lambda: (found := [m for m in mails if b"failure notice" in m]) and
                   len(found) == count and found, "bounces")
    for text in bounces:
        assert (b"@far.example>:\n" + UNREACHED + b"I'm not going to try again; this message has been "
                b"in the queue too long.\n\n---") in text
    assert len(attempts(rig, "far.example")) == 1
    rig.wait_log("status: local 0/10 remote 0/20\n")


def test_expiry_in_line(rig):
    """It fails with what is known, and nobody tries for it."""
    mails = keep_bounces(rig)
    rig.control("queuelifetime", "5\n")
    rig.control("retryschedule", "remote 1\n")
    suspend(rig, waiting=0)
    inject(rig, 2, "far.example")
    inject(rig, 1, "near.example", "far.example")
    expired(rig, mails, 4)
    rig.wait_empty()


def test_expired_already(rig):
    mails = keep_bounces(rig)
    rig.control("queuelifetime", "1000\n")
    suspend(rig, waiting=0)
    n = message(rig, b"s@near.example", [b"old@far.example", b"old@near.example"], age=2000)
    (rig.home / "queue/lock/trigger").write_text(f"{n}\n")
    expired(rig, mails, 1)
    rig.wait_log(f"bounce msg {n} ")
    poll(lambda: len(mails) == 2, "the other recipient's")


# --- routes ---

def routes(rig, name, text):
    """Change a file of routes and have it read; the answer."""
    replace(rig, name, text)
    return ask(rig, "routes")


THREE = ("one.example", "two.example", "three.example")


def test_recipients_behind_one_relay_share_a_job(rig):
    rig.control("smtproutes", "".join(f"{d}:relay.example:26\n" for d in THREE) + "near.example:\n")
    rig.verdict = lambda d: None
    with rig:
        inject(rig, 1, *THREE, "near.example", "far.example")
        poll(lambda: len(rig.held) == 3, "three jobs")
        assert [[(place(d), d.route) for d in job] for job in rig.held] == [
            [(d, b"relay.example:26") for d in THREE],
            [("near.example", b"")], [("far.example", b"")]]
        assert dest(rig, "via relay.example:26").jobs == 1
        assert ask(rig, "dest remote one.example") == "error no such destination"


def test_the_relay_is_the_destination(rig):
    """It is suspended with all that goes through it."""
    rig.control("smtproutes", ":relay.example\nnear.example:\n")
    rig.world.update({d: GONE for d in THREE})
    with rig:
        inject(rig, 1, "one.example")
        rig.wait_log("suspended remote via_relay.example for ")
        inject(rig, 1, "two.example", "near.example", "three.example")
        rig.wait_log("success")
        [n] = [d.id for d in delivered(rig, "near.example")]
        poll(lambda: len(rig.ids("info")) == 2, "notes")
        assert whys(rig, n) == {0: UNREACHED.strip(), 2: UNREACHED.strip()}
    assert [place(d) for d in rig.started] == ["one.example", "near.example"]


def test_routes_change_for_mail_in_line(rig):
    rig.control("smtproutes", "far.example:relay.example\n")
    rig.world["far.example"] = None
    queue(rig, 20, "far.example")
    queue(rig, 5, "far.example", "near.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a window")
        wait_dest(rig, "via relay.example", waiting=20)
        rig.wait_log("success", 5)
        rig.verdict = lambda d: OK
        assert routes(rig, "smtproutes", "far.example:other.example:2525\n") == "ok 0"
        rig.wait_log("success", 25)
        assert {d.route for d in delivered(rig, "far.example")} == {b"other.example:2525"}
        assert len(rig.held) == 5
        # where a job went is where it went
        let_go(rig, "far.example")
        rig.wait_empty()
    assert len(rig.started) == 30


def test_routes_are_read_when_they_change(rig):
    with rig:
        inject(rig, 1, "far.example")
        rig.wait_log("success", 1)
        replace(rig, "smtproutes", "far.example:relay.example\n")
        inject(rig, 1, "far.example")
        rig.wait_log("success", 2)
        (rig.home / "control/smtproutes").unlink()
        inject(rig, 1, "far.example")
        rig.wait_log("success", 3)
    assert [d.route for d in rig.delivered] == [b"", b"relay.example", b""]


def test_override(rig):
    """It beats smtproutes while it lasts, also for what waits in line."""
    rig.control("smtproutes", "far.example:relay.example\n")
    suspend_behind_relay(rig)
    end = int(time.time()) + 3000
    rig.world.clear()
    assert routes(rig, "routeoverrides", f"# in need\n{end} far.example:other.example\n"
                  f"1 near.example:long.ago.example\n") == "ok 1"
    rig.wait_log("success", 3)
    assert {d.route for d in delivered(rig, "far.example")} == {b"other.example"}
    assert dest(rig, "via relay.example").waiting == 0
    # an empty one means the MX
    assert routes(rig, "routeoverrides", f"{end} far.example:\n") == "ok 1"
    inject(rig, 1, "far.example")
    rig.wait_log("success", 4)
    assert rig.delivered[-1].route == b""
    (rig.home / "control/routeoverrides").unlink()
    assert ask(rig, "routes") == "ok 0"
    inject(rig, 1, "far.example")
    wait_dest(rig, "via relay.example", waiting=1)


def suspend_behind_relay(rig):
    """Nobody is there: one attempt knows it, three messages wait."""
    rig.world["far.example"] = GONE
    rig.start()
    inject(rig, 1, "far.example")
    rig.wait_log("suspended remote via_relay.example for ")
    inject(rig, 3, "far.example")
    wait_dest(rig, "via relay.example", waiting=3)


def test_override_ends(rig):
    """By itself, also for what waits in line."""
    end = int(time.time()) + 4
    rig.control("routeoverrides", f"{end} far.example:relay.example\n")
    suspend_behind_relay(rig)
    rig.world.clear()
    rig.wait_log("success", 3)
    assert time.time() >= end
    assert {d.route for d in delivered(rig, "far.example")} == {b""}
    assert ask(rig, "routes") == "ok 0"


def test_override_that_makes_no_sense(rig):
    """It is named; what was read before stays in force, to its end."""
    end = int(time.time()) + 5
    rig.control("routeoverrides", f"{end} far.example:relay.example\n")
    wrong = "control/routeoverrides:2: not understood"
    with rig:
        assert routes(rig, "routeoverrides", f"{end + 3000} far.example:other.example\nnonsense\n") == \
            f"error {wrong}"
        inject(rig, 1, "far.example")
        rig.wait_log("success", 1)
        told = rig.log.count(f"alert: unable to reread {wrong}\n")
        assert rig.delivered[-1].route == b"relay.example"
        poll(lambda: time.time() > end, "its end")
        inject(rig, 1, "far.example")
        rig.wait_log("success", 2)
        assert rig.delivered[-1].route == b""
        for i in range(5):
            inject(rig, 1, "far.example")
        rig.wait_log("success", 7)
        # when it changed, and when asked
        assert rig.log.count(f"alert: unable to reread {wrong}\n") == told <= 2
        assert ask(rig, "routes") == f"error {wrong}"
        assert routes(rig, "routeoverrides", f"{end + 3000} far.example:other.example\n") == "ok 1"
        inject(rig, 1, "far.example")
        rig.wait_log("success", 8)
    assert rig.delivered[-1].route == b"other.example"


def test_wrong_override_at_start(rig):
    rig.control("routeoverrides", "99999999999 far.example:relay.example\n1 a:b:c\n")
    with rig:
        inject(rig, 1, "far.example")
        rig.wait_log("success")
    assert rig.log.startswith("alert: unable to reread control/routeoverrides:2: not understood\n")
    assert rig.delivered[0].route == b""


# --- the end, and a beginning ---

@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGKILL])
def test_restart(rig, sig):
    """In line, suspended, with several destinations: nothing is lost, and
    only what was under way is done again."""
    rig.world["slow.example"] = None
    suspend(rig, waiting=10)
    inject(rig, 10, "slow.example")
    inject(rig, 5, "slow.example", "far.example", "near.example")
    wait_dest(rig, "slow.example", jobs=5, waiting=10)
    rig.wait_log("success", 5)
    ids = rig.ids()
    assert len(ids) == 26
    rig.send.send_signal(sig)
    if sig == signal.SIGTERM:
        poll(lambda: "exitasap" in ask(rig, "status"), "it stops")
        let_go(rig, "slow.example")
    assert rig.send.wait(60) == (0 if sig == signal.SIGTERM else -sig)
    rig.reap_send()
    again = len(rig.held)
    rig.world.clear()
    rig.start_send()
    poll(lambda: len(rig.ids()) == 1, "what was not tried is tried")
    assert rig.ids() == ids[:1]
    rig.send.send_signal(signal.SIGALRM)
    rig.wait_empty()
    assert len(delivered(rig, "near.example")) == 5
    assert len(delivered(rig, "far.example")) == 16
    assert len(attempts(rig, "slow.example")) == 15 + again


@pytest.mark.parametrize("how", ["reload", "routes", "hold"])
def test_lines_while_stopping(rig, how):
    """Nobody stands in them any more, whatever is done to them."""
    rig.preload["qmail-send"] = {"MALLOC_PERTURB_": "170"}
    rig.world["slow.example"] = None
    queue(rig, 5, "slow.example")
    with rig:
        poll(lambda: len(rig.held) == 5, "a full window")
        # so many that their storage is not kept
        assert rig.inject(b"s@x", [b"%d@slow.example" % i for i in range(1100)] + [b"r@near.example"]) == 0
        rig.inject(b"s@x", [b"r@slow.example", b"r@near.example"])
        wait_dest(rig, "slow.example", waiting=2)
        rig.wait_log("success", 2)
        n = rig.ids()[0]
        rig.send.send_signal(signal.SIGTERM)
        poll(lambda: "exitasap" in ask(rig, "status"), "it stops")
        assert dest(rig, "slow.example").waiting == 0
        if how == "routes":
            assert routes(rig, "smtproutes", "slow.example:relay.example\n") == "ok 0"
        else:
            assert ask(rig, how if how == "reload" else f"hold {n}") == "ok"
        let_go(rig, "slow.example", *GONE)
        assert rig.send.wait(60) == 0
        rig.reap_send()
    assert len(rig.ids()) == 7
    assert note_of(rig, rig.ids()[-1])["d"] == b"02"
