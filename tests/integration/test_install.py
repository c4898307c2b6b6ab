"""make install, into a folder: every room's program and manual."""
import os
import re
import stat
import subprocess

import pytest

from facteur import BIN, ROOT, run

ROOMS = []
for path in sorted(ROOT.glob("src/*/*/room.mk")):
    words = dict(re.findall(r"^(\w+) *= *(.*?) *$", path.read_text(), re.M))
    ROOMS.append(words)

pytestmark = pytest.mark.skipif(
    BIN != ROOT / "build/bin", reason="programs from elsewhere are installed "
    "by whoever built them")


def install(image, layout):
    # the build is up to date: a test must not depend on a rebuild
    done = subprocess.run(
        ["make", "-s", "-C", ROOT, "install", f"DESTDIR={image}",
         f"LAYOUT={layout}"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return image


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    return install(tmp_path_factory.mktemp("classic"), "qmail")


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    return install(tmp_path_factory.mktemp("debian"), "debian")


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r["program"])
def test_room(classic, debian, room):
    name = room["program"]
    home = classic / "var/qmail"
    assert mode(home / "bin" / name) == int(room["mode"], 8)
    for page in room["man"].split():
        section = page.rsplit(".", 1)[1]
        assert mode(home / f"man/man{section}" / page) == 0o644
        assert (debian / f"usr/share/man/man{section}" / page).is_file()
    link = os.readlink(debian / "var/lib/qmail/bin" / name)
    assert link in (f"/usr/bin/{name}", f"/usr/sbin/{name}")
    assert mode(debian / link[1:]) == int(room["mode"], 8)
    for other in room.get("links", "").split():
        assert os.readlink(home / "bin" / other) == f"/var/qmail/bin/{name}"
        assert os.readlink(debian / "usr/bin" / other) == link


def test_nothing_is_set_id(classic, debian):
    for image in (classic, debian):
        for top, _, names in os.walk(image):
            for name in names:
                st = os.lstat(os.path.join(top, name))
                assert not st.st_mode & (stat.S_ISUID | stat.S_ISGID), name


@pytest.mark.parametrize("link, target", [
    ("var/qmail", "lib/qmail"),
    ("var/lib/qmail/control", "/etc/qmail"),
    ("var/lib/qmail/users", "/etc/qmail/users"),
    ("var/lib/qmail/run", "/run/qmail"),
    ("var/lib/qmail/man", "/usr/share/man"),
    ("var/spool/qmail", "/var/lib/qmail/queue"),
])
def test_old_names_in_the_debian_layout(debian, link, target):
    assert os.readlink(debian / link) == target


def test_again(classic):
    install(classic, "qmail")


def test_unknown_layout():
    done = run("make", "-s", "-C", ROOT, "install", "LAYOUT=other",
               "DESTDIR=/nonexistent")
    assert done.returncode != 0
    assert "LAYOUT" in done.stderr
