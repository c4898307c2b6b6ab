"""Accounts that exist for one command only.

As root a command runs in a mount namespace of its own, where /etc/passwd and
/etc/group are files of the test: nothing of the real system changes.
"""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from facteur import Programs

JOE, ANN, ALIAS, QMAILP, QMAILQ = 30001, 30002, 30010, 30011, 30012
JOES, NOFILES, QMAIL = 30101, 30110, 30111


def has_namespaces():
    return os.geteuid() == 0 and os.path.exists(
        "/etc/nsswitch.conf") and subprocess.run(
        ["unshare", "-m", "true"], capture_output=True).returncode == 0


needs_accounts = pytest.mark.skipif(
    not has_namespaces(), reason="needs root: several uids")


class System:
    """A home, owned by root, and accounts; removed at the end."""

    def __init__(self, accounts=(), alias=True, qmail=True):
        self.top = Path(tempfile.mkdtemp(prefix="facteur-"))
        os.chmod(self.top, 0o755)
        self.home = self.top / "qmail"
        for name in ("users", "control", "alias"):
            (self.home / name).mkdir(mode=0o755, parents=True)
        (self.home / "bin").symlink_to(Programs.folder())
        self.passwd = ["root:x:0:0:root:/root:/bin/sh"]
        if alias:
            self.account("alias", ALIAS, NOFILES, self.home / "alias", False)
            os.chown(self.home / "alias", ALIAS, NOFILES)
        if qmail:
            self.account("qmailp", QMAILP, NOFILES, self.home, False)
            self.account("qmailq", QMAILQ, QMAIL, self.home, False)
        self.account("joe", JOE, JOES)
        for args in accounts:
            self.account(*args)
        self.write()
        self.env = {**os.environ, "QMAILHOME": str(self.home)}

    def account(self, name, uid, gid=JOES, home=None, make=True):
        home = home or self.top / name
        self.passwd.append(f"{name}:x:{uid}:{gid}::{home}:/bin/sh")
        if make:
            home.mkdir()
            os.chown(home, uid, gid)

    def write(self):
        (self.top / "passwd").write_text("\n".join(self.passwd) + "\n")
        (self.top / "group").write_text(
            f"root:x:0:\nqmail:x:{QMAIL}:\nnofiles:x:{NOFILES}:\n"
            f"joes:x:{JOES}:\n")
        (self.top / "nsswitch.conf").write_text(
            "passwd: files\ngroup: files\n")

    def command(self, *argv):
        script = ('mount --bind "$0/passwd" /etc/passwd && '
                  'mount --bind "$0/group" /etc/group && '
                  'mount --bind "$0/nsswitch.conf" /etc/nsswitch.conf && '
                  'exec "$@"')
        return ["unshare", "-m", "sh", "-c", script, str(self.top),
                *map(str, argv)]

    def run(self, *argv, **more):
        return subprocess.run(self.command(*argv), env=self.env, timeout=60,
                              capture_output=True, **more)

    def assign(self, text):
        (self.home / "users/assign").write_text(text)
        done = self.run(self.home / "bin/qmail-newu")
        assert done.returncode == 0, done.stderr

    def close(self):
        shutil.rmtree(self.top)
