"""The syslog of tests: a socket dev/log of ours, which takes the place of
/dev in a mount namespace of splogger's own."""
import os
import shutil
import socket
import subprocess
import threading

from facteur import BIN, DEADLINE

UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
WHERE = 'mount --bind "$1" /dev && shift && exec "$@"'


def within(dev):
    return [*UNSHARE, "sh", "-c", WHERE, "sh", str(dev)]


def can_unshare(dev):
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*within(dev), "true"], timeout=DEADLINE,
                          stderr=subprocess.DEVNULL).returncode == 0


class Syslog:
    """Takes what is sent to dev/log."""

    def __init__(self, dev):
        self.dev, self.messages = dev, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        cwd = os.getcwd()
        os.chdir(dev)  # the whole path may be too long for a socket
        self.socket.bind("log")
        os.chdir(cwd)

    def close(self):
        self.socket.close()

    def splogger(self, text, *args):
        """The messages that splogger makes of its input."""
        self.messages, end = [], threading.Event()
        reader = threading.Thread(target=self.read, args=[end])
        reader.start()
        done = subprocess.run([*within(self.dev), BIN / "splogger", *args],
                              input=text, stderr=subprocess.PIPE,
                              timeout=DEADLINE)
        end.set()
        reader.join()
        assert (done.returncode, done.stderr) == (0, b"")
        return self.messages

    def read(self, end):
        """Until splogger has ended and nothing is left of it."""
        while True:
            is_last = end.is_set()
            self.socket.settimeout(0.05)
            try:
                while True:
                    self.messages.append(self.socket.recv(65536))
            except TimeoutError:
                if is_last:
                    return
