"""What happens to messages while one thing goes wrong: see sweep.py."""
import signal
import time

from box import TROUBLE
from sendkit import message, note

SWEEP = 40 * 3600  # seconds: older is what has no envelope removed


class Story:
    name, victims = "", ()
    environment = {}  # more of it for the traced program

    def prepare(self, box):
        """Before anything may go wrong."""

    def tell(self, box):
        raise NotImplementedError

    def is_over(self, box):
        """Whether all that was to happen has, besides what is owed."""
        return True


class Accept(Story):
    name, victims = "accept", ("client", "qmail-queue")

    def tell(self, box):
        box.submit("ok")


class AcceptNamed(Accept):
    """Where the file system has no O_TMPFILE."""
    name, victims = "accept-named", ("qmail-queue",)
    environment = {"FAULT_NO_TMPFILE": "1"}


class Large(Story):
    """More than is kept in memory, or read at once."""
    name, victims = "large", ("client", "qmail-queue", "qmail-send", "qmail-lspawn", "qmail-rspawn")

    def tell(self, box):
        box.submit("ok", size=150000)


class Deliver(Story):
    name, victims = "deliver", ("qmail-send", "qmail-clean", "qmail-lspawn", "qmail-rspawn")

    def tell(self, box):
        box.submit("ok")


class Defer(Story):
    name, victims = "defer", ("qmail-send", "qmail-clean", "qmail-rspawn")

    def tell(self, box):
        box.submit("ok", "later")


class Bounce(Story):
    name, victims = "bounce", ("qmail-send", "qmail-clean", "qmail-lspawn", "qmail-rspawn")

    def tell(self, box):
        box.submit("ok", "fail")


class DoubleBounce(Story):
    name, victims = "double-bounce", ("qmail-queue", "qmail-send", "qmail-clean")

    def tell(self, box):
        box.submit("fail", sender="fail")


class Quarantine(Story):
    """Three damaged messages, and one that is not."""
    name, victims = "quarantine", ("qmail-send", "qmail-clean")

    def tell(self, box):
        self.ids = [box.queued("ok", barred=True) for _ in range(3)]
        box.file("mess", self.ids[0]).write_bytes(b"Received: x\nSubject: other\n")
        box.file("mess", self.ids[1]).unlink()
        box.file("todo", self.ids[2]).write_bytes(b"V1\0")
        for n in self.ids:
            box.trigger(n)
        box.submit("ok")

    def is_over(self, box):
        aside = box.quarantine()
        return all(f"{n}.todo" in aside and f"{n}.reason" in aside for n in self.ids)


class Restart(Story):
    """qmail-send and its partners start, and find all a queue may hold."""
    name, victims = "restart", ("qmail-send", "qmail-clean")

    def prepare(self, box):
        box.stop_send()
        past, soon = box.clock() - 1000, box.clock() + TROUBLE // 2
        box.queued("ok")
        note(box, box.queued("ok", "ok", age=1), [False, False], local=past)
        note(box, box.queued("ok", age=2), [False], local=soon)
        note(box, box.queued("ok", "ok", age=3, barred=True), [True, True])
        m = box.mail("fail", "fail")
        n = message(box, m.sender, m.rcpts, b"Received: x\n" + m.body, n=box.ident(4))
        note(box, n, [True, True], bounce=b"".join(b"<%s>:\nno\n\n" % r for r in m.rcpts))
        n = box.queued("ok", age=5)
        note(box, n, [True])
        box.file("info", n).write_bytes(b"V1\0")
        self.bad = box.queued("ok", age=6, barred=True)
        box.file("mess", self.bad).write_bytes(b"other")
        orphan, old = box.ident(7), box.ident(SWEEP)
        note(box, orphan, [False])
        box.file("mess", old).write_bytes(b"what a crash left")
        box.litter |= {f"info/{orphan % 23}/{orphan}", f"mess/{old % 23}/{old}"}
        box.own()

    def tell(self, box):
        box.start_send()

    def is_over(self, box):
        return f"{self.bad}.todo" in box.quarantine()


class RestartService(Story):
    name, victims = "restart", ("qmail-queue",)

    def prepare(self, box):
        box.stop_queue()

    def tell(self, box):
        box.start_queue()
        box.submit("ok")


class Stop(Story):
    """The system is told to stop while deliveries are under way."""
    name, victims = "stop", ("qmail-send", "qmail-clean")

    def prepare(self, box):
        box.gate.clear()
        box.submit("ok", "later")
        while not box.started:
            box.revive()
            time.sleep(0.002)

    def tell(self, box):
        box.send.send_signal(signal.SIGTERM)
        box.gate.set()
        box.bury_send()
        box.plan.disarm()  # the start is another story
        box.start_send()


class StopService(Story):
    name, victims = "stop", ("qmail-queue",)

    def tell(self, box):
        box.submit("ok")
        box.stop_queue()
        box.plan.disarm()
        box.revive()


PAIRS = {f"{victim}/{story.name}": (victim, story)
         for story in (kind() for kind in (Accept, AcceptNamed, Large, Deliver, Defer, Bounce, DoubleBounce,
                                           Quarantine, Restart, RestartService, Stop, StopService))
         for victim in story.victims}
