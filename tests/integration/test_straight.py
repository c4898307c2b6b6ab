"""The straight path, end to end: in by SMTP and sendmail, out to a mailbox,
to another host, or back to the sender."""
import smtplib
import subprocess

import pytest

from facteur import Instance, Sink, free_port, has_ipv6, poll, run

MESSAGE = "Subject: a test\n\nOne line.\n.\n..two dots\nFrom here.\n"


def head_and_body(path):
    head, body = path.read_bytes().split(b"\n\n", 1)
    return head.decode().splitlines(), body


def test_smtp_to_maildir(instance):
    instance.send("joe@remote.test", ["alice@mail.test"], MESSAGE)
    [path] = instance.wait_mail("alice")
    head, body = head_and_body(path)
    assert head[0] == "Return-Path: <joe@remote.test>"
    assert head[1] == "Delivered-To: alice@mail.test"
    assert head[2].startswith("Received: (qmail ")
    assert head[3].startswith("Received: from unknown (HELO ")
    assert head[-1] == "Subject: a test"
    assert body == MESSAGE.split("\n\n", 1)[1].encode()
    assert path.stat().st_uid == instance.uid
    instance.wait_empty()


def test_classic_log(instance):
    instance.send("joe@remote.test", ["alice@mail.test"], MESSAGE)
    end = instance.wait_log(r"^end msg (\d+)$")
    number = end.group(1)
    lines = [x for x in instance.log().splitlines()]
    size = len(instance.wait_mail("alice")[0].read_bytes()) - len(
        "Return-Path: <joe@remote.test>\nDelivered-To: alice@mail.test\n")
    info = lines[2].split(" qp ")[0]
    assert len(number) == 16
    assert lines[0] == "status: local 0/10 remote 0/20"
    assert lines[1] == f"new msg {number}"
    assert info == f"info msg {number}: bytes {size} from <joe@remote.test>"
    assert lines[3:] == [
        f"starting delivery 1: msg {number} to local alice@mail.test",
        "status: local 1/10 remote 0/20",
        "delivery 1: success: did_1+0+0/",
        "status: local 0/10 remote 0/20",
        f"end msg {number}"]


def test_one_message_to_both_users(instance):
    instance.send("joe@remote.test", ["alice@mail.test", "bob@mail.test"],
                  MESSAGE)
    for user in ("alice", "bob"):
        [path] = instance.wait_mail(user)
        assert head_and_body(path)[1] == MESSAGE.split("\n\n", 1)[1].encode()


def test_sendmail_to_maildir(instance):
    done = instance.sendmail("-f", "bob@mail.test", "alice",
                             input="Subject: from a shell\n\nhello\n")
    assert done.returncode == 0, done.stderr
    [path] = instance.wait_mail("alice")
    head, body = head_and_body(path)
    assert head[0] == "Return-Path: <bob@mail.test>"
    assert head[1] == "Delivered-To: alice@mail.test"
    assert body == b"hello\n"
    assert any(line.startswith("Message-I") for line in head)


def test_extension_address_and_dot_qmail(instance):
    instance.dot_qmail("alice", "&bob@mail.test\n./Maildir/\n", "-list")
    instance.send("joe@remote.test", ["alice-list@mail.test"], MESSAGE)
    instance.wait_mail("alice")
    [path] = instance.wait_mail("bob")
    head = head_and_body(path)[0]
    assert head[:2] == ["Return-Path: <joe@remote.test>",
                        "Delivered-To: bob@mail.test"]
    assert "Delivered-To: alice-list@mail.test" in head


def test_program_delivery(instance):
    out = instance.home_of("alice") / "out"
    instance.dot_qmail("alice", f"|cat > {out}.tmp; mv {out}.tmp {out}\n")
    instance.send("joe@remote.test", ["alice@mail.test"], MESSAGE)
    poll(out.exists, "output of the program")
    assert out.read_bytes().endswith(MESSAGE.split("\n\n", 1)[1].encode())


def test_unknown_user_bounces_to_a_local_sender(instance):
    instance.send("bob@mail.test", ["nobody-here@mail.test"], MESSAGE)
    [path] = instance.wait_mail("bob")
    head, body = head_and_body(path)
    assert head[0] == "Return-Path: <>"
    assert "Subject: failure notice" in head
    assert b"<nobody-here@mail.test>:\n" in body
    assert b"Sorry, no mailbox here by that name. (#5.1.1)" in body
    assert b"Subject: a test" in body
    instance.wait_empty()


def test_relaying_is_refused(instance):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        instance.send("joe@remote.test", ["x@elsewhere.test"], MESSAGE)
    assert refused.value.recipients["x@elsewhere.test"][0] == 553


def to_sink(box, sink):
    box.control("smtproutes", f"remote.test:{sink.route}\n")


def test_remote(instance):
    with Sink() as sink:
        to_sink(instance, sink)
        done = instance.sendmail("-f", "alice@mail.test", "joe@remote.test",
                                 input=MESSAGE)
        assert done.returncode == 0, done.stderr
        [(sender, rcpts, data)] = sink.wait()
        instance.wait_log(r"^delivery 1: success: .*Remote_host_said:_250_ok")
    assert (sender, rcpts) == ("alice@mail.test", ["joe@remote.test"])
    assert data.endswith(b"\r\n\r\nOne line.\r\n.\r\n..two dots\r\n"
                         b"From here.\r\n")
    assert b"Subject: a test\r\n" in data
    instance.wait_empty()


def test_remote_refuses_for_good(instance):
    with Sink() as sink:
        sink.rcpt = lambda address: "550 never heard of"
        to_sink(instance, sink)
        instance.sendmail("-f", "alice@mail.test", "joe@remote.test",
                          input=MESSAGE)
        [path] = instance.wait_mail("alice")
    body = head_and_body(path)[1]
    assert b"<joe@remote.test>:\n127.0.0.1 does not like recipient.\n" in body
    assert b"Remote host said: 550 never heard of\n" in body
    assert sink.messages == []
    instance.wait_empty()


def test_retry_after_a_temporary_refusal(instance):
    with Sink() as sink:
        sink.rcpt = lambda address: "451 come back later"
        to_sink(instance, sink)
        instance.sendmail("-f", "alice@mail.test", "joe@remote.test",
                          input=MESSAGE)
        instance.wait_log(r"^delivery 1: deferral: .*451_come_back_later")
        assert "joe@remote.test" in poll(
            lambda: (lambda out: "#" in out and out)(
                instance.ctl("queue").stdout), "message in the queue")
        sink.rcpt = lambda address: "250 ok"
        assert instance.ctl("flush").returncode == 0
        sink.wait()
        instance.wait_empty()
    assert len(sink.messages) == 1


def test_some_recipients_are_deferred_and_only_they_tried_again(instance):
    with Sink() as sink:
        sink.rcpt = lambda a: "451 later" if a == "b@remote.test" else "250 ok"
        to_sink(instance, sink)
        instance.sendmail("-f", "alice@mail.test", "a@remote.test",
                          "b@remote.test", "c@remote.test", input=MESSAGE)
        instance.wait_log(r": deferral: ")
        instance.wait_log(r": success: ", n=2)
        sink.rcpt = lambda a: "250 ok"
        instance.ctl("flush")
        instance.wait_empty()
        got = sorted(r for _, rcpts, _ in sink.messages for r in rcpts)
    assert got == ["a@remote.test", "b@remote.test", "c@remote.test"]


def test_restart_keeps_the_queue(instance):
    port = free_port()
    instance.control("smtproutes", f"remote.test:127.0.0.1:{port}\n")
    instance.sendmail("-f", "alice@mail.test", "joe@remote.test",
                      input=MESSAGE)
    instance.wait_log(r"^delivery 1: deferral: ")
    instance.restart()
    assert len(instance.queued()) == 1
    with Sink() as sink:
        to_sink(instance, sink)
        # where nobody answered, nobody is asked again for a while: the
        # sink has another port and is not concerned
        instance.ctl("flush")
        sink.wait()
        instance.wait_empty()


def test_mail_is_accepted_while_sending_is_stopped(instance):
    """The queue service does not need qmail-send."""
    instance.stop()
    home = {"cwd": instance.home, "env": instance.env}
    with subprocess.Popen([instance.home / "bin/qmail-queue", "--resident"],
                          user=instance.uid if instance.made else None,
                          stderr=subprocess.PIPE, text=True, **home) as q:
        poll((instance.home / "run/queue").exists, "the queue's socket")
        for n in range(3):
            done = run(instance.home / "bin/qmail-inject", "alice@mail.test",
                       input=f"Subject: {n}\n\n", **home)
            assert done.returncode == 0, done.stderr
        q.terminate()
        q.communicate(timeout=60)
    assert len(instance.queued()) == 3
    instance.start()
    instance.wait_mail("alice", 3)


def test_sendmail_without_a_queue_service(instance):
    instance.stop()
    done = instance.sendmail("alice@mail.test", input=MESSAGE)
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert instance.queued() == []


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
def test_ipv6_in_and_out(tmp_path):
    port = free_port("::1")
    with Sink("::1") as sink, Instance(
            tmp_path, listeners=[f"smtp [::1]:{port}"],
            control={"smtproutes": f"remote.test:{sink.route}\n"}) as box:
        with box.smtp(port, "::1") as s:
            s.sendmail("joe@a.test", ["alice@mail.test"], MESSAGE)
        [path] = box.wait_mail("alice")
        assert any("(::1)" in line for line in head_and_body(path)[0])
        box.sendmail("-f", "alice@mail.test", "joe@remote.test", input=MESSAGE)
        sink.wait()
        assert box.log(f"smtp-[::1]:{port}")


def test_two_listeners(tmp_path):
    ports = [free_port(), free_port()]
    with Instance(tmp_path, listeners=[
            f"smtp 127.0.0.1:{p}" for p in ports]) as box:
        for port in ports:
            box.send("joe@a.test", ["alice@mail.test"], MESSAGE, port)
        box.wait_mail("alice", 2)


def test_large_message(instance):
    """More than any buffer on the way."""
    line = b"0123456789" * 7 + b"\r\n"
    text = b"Subject: large\r\n\r\n" + line * 100_000
    with instance.smtp() as s:
        s.sendmail("joe@a.test", ["alice@mail.test"], text)
    [path] = instance.wait_mail("alice")
    assert head_and_body(path)[1] == line.replace(b"\r", b"") * 100_000


def test_many_messages_in_one_session(instance):
    with instance.smtp() as s:
        for n in range(100):
            s.sendmail("joe@a.test", ["alice@mail.test"],
                       f"Subject: {n}\r\n\r\nbody {n}\r\n")
    bodies = {head_and_body(p)[1] for p in instance.wait_mail("alice", 100)}
    assert bodies == {f"body {n}\n".encode() for n in range(100)}
    instance.wait_empty()


def test_locals_and_virtual_domains(tmp_path):
    with Instance(tmp_path, control={
            "rcpthosts": "mail.test\nvirtual.test\n",
            "virtualdomains": "virtual.test:alice-v\n"}) as box:
        box.dot_qmail("alice", "./Maildir/\n", "-v-default")
        box.send("joe@a.test", ["any.body@virtual.test"], MESSAGE)
        [path] = box.wait_mail("alice")
        assert head_and_body(path)[0][1] == \
            "Delivered-To: alice-v-any.body@virtual.test"


def test_remotecommand(tmp_path):
    """control/remotecommand: a program with qmail-remote's interface."""
    with Instance(tmp_path) as box:
        out = box.home_of("alice") / "out"
        program = box.home / "remote.sh"
        program.write_text(
            f"#!/bin/sh\n(echo \"$@\"; cat) > {out}.tmp\nmv {out}.tmp {out}\n"
            "printf 'r\\0Ktaken.\\n\\0'\n")
        program.chmod(0o755)
        box.control("remotecommand", f"{program}\n")
        box.restart()
        box.sendmail("-f", "alice@mail.test", "joe@remote.test", input=MESSAGE)
        poll(out.exists, "output of the program")
        assert out.read_text().startswith(
            "remote.test alice@mail.test joe@remote.test\n")
        box.wait_log(r"^delivery 1: success: taken")


def test_qmailqueue(instance, tmp_path):
    """QMAILQUEUE: a program with qmail-queue's interface."""
    program = instance.home / "queue.sh"
    program.write_text("#!/bin/sh\ncat >/dev/null\nexit 31\n")
    program.chmod(0o755)
    instance.env["QMAILQUEUE"] = str(program)
    done = instance.sendmail("alice@mail.test", input=MESSAGE)
    assert done.returncode == 100
    instance.restart()
    with pytest.raises(smtplib.SMTPDataError) as refused:
        instance.send("joe@a.test", ["alice@mail.test"], MESSAGE)
    assert refused.value.smtp_code == 554
