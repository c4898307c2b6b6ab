"""The whole way to an LMTP server: by SMTP into the queue, by qmail-lspawn to
qmail-local; what the server says is in the log and in the bounce."""
import re

from facteur import Instance, poll
from test_local_lmtp import Peer

TEXT = "Subject: x\n\nhi\n"
SENDER = "bob@mail.test"


def test_verdicts(instance, tmp_path):
    box = instance
    peers = {name: Peer(tmp_path, says, tcp=True) for name, says in [
        ("ok", {}), ("later", {"end": b"452 4.2.2 over quota"}),
        ("never", {"rcpt": b"550 5.1.1 nobody"})]}
    try:
        for name, peer in peers.items():
            box.dot_qmail("alice", peer.line + "\n", f"-{name}")
            box.send(SENDER, [f"alice-{name}@mail.test"], TEXT)
        box.wait_log(r"success: did_1\+0\+0/")
        box.wait_log(r"deferral: lmtp:_127\.0\.0\.1:\d+_said:_"
                     r"452_4\.2\.2_over_quota/")
        box.wait_log(r"failure: lmtp:_127\.0\.0\.1:\d+_said:_"
                     r"550_5\.1\.1_nobody/")
        [bounce] = box.wait_mail("bob")
        assert re.search(r"^lmtp: 127\.0\.0\.1:\d+ said: 550 5\.1\.1 nobody$",
                         bounce.read_text(), re.M)
        assert peers["ok"].commands[1:3] == [
            b"MAIL FROM:<bob@mail.test>", b"RCPT TO:<alice-ok@mail.test>"]
        head = peers["ok"].message.split(b"\r\n")
        assert head[0] == b"Delivered-To: alice-ok@mail.test"
        assert head[1].startswith(b"Received: (qmail ")
        poll(lambda: len(box.queued()) == 1, "one waits")
    finally:
        for peer in peers.values():
            peer.close()


def test_default_delivery(tmp_path):
    peer = Peer(tmp_path, {}, tcp=True)
    try:
        with Instance(tmp_path, control={
                "defaultdelivery": peer.line + "\n"}) as box:
            box.send(SENDER, ["alice@mail.test"], TEXT)
            box.wait_log(r"success: did_1\+0\+0/")
            assert box.mail("alice") == []
        assert peer.message.endswith(b"Subject: x\r\n\r\nhi\r\n")
    finally:
        peer.close()
