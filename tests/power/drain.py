"""What becomes of a state: qmail-send starts on it and works until all is
quiet, 37 hours later. It is the same whatever was promised before."""
import re
from dataclasses import dataclass, field
from pathlib import Path

from core import Core, Stuck
from rig import SPLIT
from record import SANITIZERS, lay, look, make_home
from scenarios import at_last


@dataclass
class Drained:
    delivered: set = field(default_factory=set)  # (id, index)
    failed: set = field(default_factory=set)
    bounced: set = field(default_factory=set)  # (to whom, which address failed)
    aside: set = field(default_factory=set)  # IDs of messages in quarantine/
    notes: set = field(default_factory=set)  # IDs whose note is there
    corrupt: list = field(default_factory=list)
    unclean: list = field(default_factory=list)


def path_of(kind, ident):
    return f"{kind}/{ident % SPLIT}/{ident}"


class Drain:
    """A home in which one state after the other is drained. messages: of
    each ID (sender, recipients, content), as they should arrive."""

    def __init__(self, home, messages, later):
        self.home, self.messages = Path(home), messages
        self.env = {**SANITIZERS, "LD_PRELOAD": str(later)}
        self.found = None
        make_home(self.home)

    def deliver(self, ident, index, sender, addr):
        known = self.messages.get(ident)
        try:
            content = (self.home / "queue" / path_of("mess", ident)).read_bytes()
        except FileNotFoundError:
            content = None
        if known != (sender, known and known[1], content) or known[1][index:index + 1] != [addr]:
            self.found.corrupt.append(f"{ident} to {addr}")
        verdict = at_last(addr)
        {"K": self.found.delivered, "D": self.found.failed}[verdict[0]].add((ident, index))
        return verdict

    def bounce(self, sender, rcpts, text):
        self.found.bounced.update(bounces(rcpts, text))
        if not any(known[0] == rcpts[0] and known[2] in text for known in self.messages.values()):
            self.found.corrupt.append(f"a bounce to {rcpts}")

    def run(self, image):
        self.found = Drained()
        lay(self.home, image)
        core = Core(self.home, self.deliver, self.env, self.bounce)
        try:
            core.start()
            core.until_quiet(0)
        except (Stuck, OSError) as trouble:
            self.found.unclean.append(str(trouble))
        try:
            codes = core.stop()
            if codes != (0, 0):
                self.found.unclean.append(f"exit codes {codes}")
            self.sort_out(look(self.home))
        finally:
            (self.home / "run/queue").unlink()
        return self.found

    def sort_out(self, left):
        """Nothing may be left but what is in quarantine/; remove it."""
        for _, paths in left:
            for path in paths:
                (self.home / "queue" / path).unlink()
                name = re.fullmatch(r"quarantine/(\d+)\.(\w+)(\.\d+)?", path)
                if not name:
                    self.found.unclean.append(f"{path} is left")
                elif name[2] in ("mess", "todo"):
                    self.found.aside.add(int(name[1]))
                elif name[2] == "info":
                    self.found.notes.add(int(name[1]))


def bounces(rcpts, text):
    """(to whom, address) of the failures that a bounce speaks of."""
    return {(to, addr) for to in rcpts for addr in re.findall(rb"<([^<>\s]+)>", text)}
