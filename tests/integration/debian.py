"""Programs of Debian's packages that are not to be installed for a test.

A mail server that is installed is started, and stays; a list manager wants a
mail server. So their packages are fetched and unpacked only, with what they
need and this machine has not, below build-debian. A package named here is
unpacked once, whoever asks.
"""
import fcntl
import os
import shutil
import subprocess
import tempfile

import pytest

from facteur import IS_ROOT, ROOT, reachable

FOREIGN = ("exim4", "postfix")  # what a package may want and we are
LIBRARIES = ("usr/lib/dovecot", "usr/lib/courier-authlib")


def shelf():
    """A folder for all, which the users that mail is delivered as can read."""
    kept = ROOT / "build-debian"
    if IS_ROOT and not reachable(ROOT):
        kept = os.path.join(tempfile.gettempdir(), f"facteur-debian.{os.stat(ROOT).st_ino}")
    os.makedirs(kept, exist_ok=True)
    os.chmod(kept, 0o755)
    return os.path.realpath(kept)


def wanted(packages):
    """These, and what they need that is not installed."""
    plan = subprocess.run(["apt-get", "-s", "install", "--no-install-recommends", *packages],
                          capture_output=True, text=True)
    named = [line.split()[1] for line in plan.stdout.splitlines() if line.startswith("Inst ")]
    return sorted({*packages, *(n for n in named if not n.startswith(FOREIGN))})


def fetch(packages, root):
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o777)  # apt fetches as a user of its own
        done = subprocess.run(["apt-get", "download", "-qq", *wanted(packages)], cwd=top,
                              capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot fetch {' '.join(packages)}: {done.stderr.strip()[-200:]}")
        for name in os.listdir(top):
            subprocess.run(["dpkg-deb", "-x", os.path.join(top, name), root], check=True)
    # whose libraries are where we say, if they are nobody else's programs
    subprocess.run(["chmod", "-R", "-s", root], check=True)


class Unpacked:
    def __init__(self, root):
        self.root = root

    def path(self, name):
        return os.path.join(self.root, name)

    @property
    def libraries(self):
        lib = os.path.join(self.root, "usr/lib")
        multi = [os.path.join(lib, n) for n in os.listdir(lib) if "-linux-" in n] if os.path.isdir(lib) else []
        return ":".join([*multi, lib, *(self.path(x) for x in LIBRARIES)])

    def shell(self, name):
        """A program as a line of a .qmail file names it."""
        return f"env LD_LIBRARY_PATH={self.libraries} {self.path(name)}"

    def installed(self, uid, gid, *argv):
        """The command that runs one as this user where these files are in
        their places, which only its processes see. For root."""
        return ["unshare", "-m", "sh", "-c",
                f"mount -t overlay none -o lowerdir={self.path('usr').replace(':', chr(92) + ':')}:/usr /usr && "
                f'exec setpriv --reuid {uid} --regid {gid} --clear-groups "$@"', "sh", *map(str, argv)]

    def env(self, **more):
        return {**os.environ, "LD_LIBRARY_PATH": self.libraries, **more}


def dovecot():
    """Debian's Dovecot, with IMAP, LMTP and Sieve."""
    return unpack("dovecot-imapd", "dovecot-lmtpd", "dovecot-sieve")


def dovecot_settings(where):
    """Where it is: to be put into its configuration."""
    return f"""\
libexec_dir = {where.path('usr/lib/dovecot')}
mail_plugin_dir = {where.path('usr/lib/dovecot/modules')}
"""


def dovecot_run(where, conf, service, program, *args):
    """The command that runs one of its programs, which would look for doveconf
    where the package has it."""
    return [where.path("usr/bin/doveconf"), "-f", f"service={service}", "-c", str(conf), "-m", service,
            "-e", where.path(program), *args]


def unpack(*packages):
    """Where the files of these packages are."""
    top = shelf()
    root = os.path.join(top, "+".join(packages))
    with open(os.path.join(top, ".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(root):
            new = tempfile.mkdtemp(dir=top)
            try:
                fetch(packages, new)
                os.chmod(new, 0o755)
                os.rename(new, root)
            finally:
                shutil.rmtree(new, ignore_errors=True)
    return Unpacked(root)
