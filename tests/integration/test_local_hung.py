"""A program of a .qmail file that hangs delays nobody else, and its own
delivery goes on when it does."""
import os

from facteur import poll

TEXT = "Subject: x\n\nhi\n"
SENDER = "joe@remote.test"


def test_hung_program(instance):
    box = instance
    ways = []
    for n in range(3):
        way = box.home_of("alice") / f"go.{n}"
        os.mkfifo(way, 0o600)
        ways.append(box.own(way))
    box.dot_qmail("alice", '|read x <"go.$DEFAULT"\n./Maildir/\n',
                  "-slow-default")
    for n in range(3):
        box.send(SENDER, [f"alice-slow-{n}@mail.test"], TEXT)
    box.wait_log("^starting delivery 3: ")
    # another user, and the same one at another address
    for _ in range(10):
        box.send(SENDER, ["alice@mail.test", "bob@mail.test"], TEXT)
    box.wait_mail("bob", 10)
    assert len(box.wait_mail("alice", 10)) == 10
    assert "did_1+0+1" not in box.log()
    poll(lambda: len(box.queued()) == 3, "three wait")
    for way in ways:
        way.write_text("go\n")
    box.wait_empty()
    assert box.log().count("success: did_1+0+1/") == 3
    assert len(box.mail("alice")) == 13
