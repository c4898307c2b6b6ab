"""What the system owes at a moment, and whether a state kept it."""
import re

from drain import bounces
from model import World

LOST, CORRUPT, UNCLEAN, REPEATED = KINDS = "lost", "corrupt", "unclean", "repeated"
NEVER = float("inf")


def certain_notes(world):
    """(id, index) of the recipients that are done in a note on disk."""
    for folder, (names, _) in world.folders.items():
        for name, ino in names.items():
            if folder.startswith("info/") and name.isdigit():
                content = world.files.get(ino, (b"", ()))[0]
                bits = re.search(rb"\0d([0-9a-f]*)\0", content)
                done = int.from_bytes(bytes.fromhex(bits[1].decode()), "little") if bits else 0
                for index in range(done.bit_length()):
                    if done >> index & 1:
                        yield int(name), index


class Debts:
    """What was promised and done, and when, in a recording; and at that
    moment of an earlier one, whose power loss it begins with."""

    def __init__(self, image, events, earlier=None, cut=0):
        self.taken = {}  # id -> (moment, Taken)
        self.done = {}  # (id, index, letter) -> moment
        self.bounced = {}  # (to whom, which address failed) -> moment
        self.noted = {}  # (id, index) -> moment
        self.messages = {}  # id -> (sender, recipients, content of mess/)
        if earlier:
            self.taken = {k: (0, m) for k, (when, m) in earlier.taken.items() if when <= cut}
            self.done = {k: 0 for k, when in earlier.done.items() if when <= cut}
            self.bounced = {k: 0 for k, when in earlier.bounced.items() if when <= cut}
            self.messages = dict(earlier.messages)
        world, linked = World(image), {}  # name in mess/ -> ino
        for moment, event in enumerate(events, 1):
            world.step(moment, event)
            if event[0] == "names" and event[1].startswith("mess/"):
                linked.update((name, ino) for name, ino in event[2].items() if ino is not None)
            elif event[0] == "taken":
                self.take(moment, event[1], world.content(linked[str(event[1].id)]))
            elif event[0] == "done":
                self.done.setdefault(event[1:], moment)
            elif event[0] == "end":
                for recipient in certain_notes(world):
                    self.noted.setdefault(recipient, moment)

    def take(self, moment, message, content):
        self.taken[message.id] = moment, message
        if not message.sender:
            for failure in bounces(message.rcpts, message.message):
                self.bounced.setdefault(failure, moment)
        received, _, rest = content.partition(b"\n")
        assert received.startswith(b"Received: (qmail ") and rest == message.message
        self.messages[message.id] = message.sender, message.rcpts, content

    def is_paid(self, ident, index, message, moment, drained):
        """Delivered, or failed and bounced; before the power loss or after."""
        def was(letter):
            return self.done.get((ident, index, letter), NEVER) <= moment

        if was("K") or (ident, index) in drained.delivered:
            return True
        failure = message.sender, message.rcpts[index]
        return (was("D") or (ident, index) in drained.failed) and (
            failure in drained.bounced or self.bounced.get(failure, NEVER) <= moment)

    def judge(self, moment, drained):
        """(kind, words) for each way in which a state of that moment, once
        drained, breaks what was promised."""
        bad = [(CORRUPT, what) for what in drained.corrupt]
        bad += [(UNCLEAN, what) for what in drained.unclean]
        bad += [(REPEATED, f"{ident} to recipient {index}, which was noted")
                for ident, index in drained.delivered
                if self.noted.get((ident, index), NEVER) <= moment and ident not in drained.notes]
        for ident, (when, message) in self.taken.items():
            if when > moment:
                continue
            unpaid = [addr for i, addr in enumerate(message.rcpts)
                      if not self.is_paid(ident, i, message, moment, drained)]
            if unpaid:
                bad.append((LOST, f"{ident} to {unpaid[:3]}"))
            if ident in drained.aside:
                bad.append((UNCLEAN, f"{ident} was accepted and is in quarantine"))
        return bad
