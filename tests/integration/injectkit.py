"""qmail-inject in a home of its own, with a stand-in for the queue.

A Home has control files and bin/; nothing runs in it. Messages go to a
script named by QMAILQUEUE, which keeps what it gets and exits as told.
"""
import os
import re
import subprocess

from facteur import BIN, DEADLINE

STUB = """#!/bin/sh
cat >"$STUB_DIR/message"
cat <&1 >"$STUB_DIR/envelope"
[ -z "$STUB_TEXT" ] || printf %s "$STUB_TEXT" >&6
exit ${STUB_EXIT:-0}
"""

CONTROLS = {"defaultdomain": "dd.org", "defaulthost": "dh",
            "plusdomain": "plus.org", "idhost": "id.dd.org"}


class Home:
    def __init__(self, path, controls=CONTROLS):
        self.path = path
        (path / "control").mkdir()
        for name, text in controls.items():
            (path / "control" / name).write_text(text + "\n")
        os.symlink(BIN, path / "bin")
        self.stub = path / "stub"
        self.stub.write_text(STUB)
        self.stub.chmod(0o755)
        self.cwd = path / "elsewhere"
        self.cwd.mkdir()

    def run(self, *argv, input="", env=None, executable=None):
        """The end of a program; text goes in and out as Latin-1."""
        env = {"PATH": os.environ["PATH"], "USER": "joe",
               "QMAILHOME": str(self.path), "QMAILQUEUE": str(self.stub),
               "STUB_DIR": str(self.path), **(env or {})}
        env = {k: v for k, v in env.items() if v is not None}
        program = self.path / "bin" / argv[0]
        done = subprocess.run(
            [str(executable or program), *argv[1:]],
            input=input.encode("latin-1"), env=env, cwd=self.cwd,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        done.stdout = done.stdout.decode("latin-1")
        done.stderr = done.stderr.decode("latin-1")
        return done

    def inject(self, *args, input="", env=None):
        return self.run("qmail-inject", *args, input=input, env=env)

    def show(self, *args, input, env=None):
        """What -n prints, times and numbers made plain."""
        done = self.inject("-n", *args, input=input, env=env)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return plain(done.stdout)

    def message(self):
        return plain((self.path / "message").read_bytes().decode("latin-1"))

    def envelope(self):
        """The fields of the envelope, its last empty one left out."""
        fields = (self.path / "envelope").read_bytes().decode().split("\0")
        assert fields[-2:] == ["", ""], fields
        return fields[:-2]


def plain(text):
    text = re.sub(r"\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000", "D",
                  text)
    text = re.sub(r"<\d{14}\.\d+\.qmail@", "<STAMP.P.qmail@", text)
    return re.sub(r"-\d{10}\.\d+(?=[-@])", "-T.P", text)
