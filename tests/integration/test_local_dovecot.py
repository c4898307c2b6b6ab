"""Dovecot's LMTP server, with Sieve, takes what qmail-local hands over."""
import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import debian
from facteur import poll
from localrig import FORMS, M, LocalRig, ext_of
from rig import NOBODY

CONF = """base_dir = {run}
state_dir = {run}
protocols = lmtp
listen = 127.0.0.1
ssl = no
log_path = {base}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
mail_location = maildir:{base}/mail/%n
postmaster_address = postmaster@h
auth_username_format = %n
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = passwd-file
  args = {base}/users
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service lmtp {{
  user = {user}
  unix_listener {base}/lmtp {{
    mode = 0666
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:{base}/rules.sieve
}}
"""
RULES = """require ["fileinto", "mailbox", "reject"];
if header :contains "subject" "file me" { fileinto :create "Lists"; }
elsif header :contains "subject" "go away" { discard; }
"""


@pytest.fixture(scope="module")
def dovecot():
    if os.getuid() != 0:
        pytest.skip("only root can show Dovecot its files in their places")
    where = debian.dovecot()
    # where another account may enter; its socket has a short name
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    uid = gid = NOBODY
    os.chown(base, uid, gid)
    user, group = pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name
    (base / "users").write_text(f"u:::{uid}:{gid}::{base}/mail/u\n")
    (base / "rules.sieve").write_text(RULES)
    conf = base / "conf"
    conf.write_text(CONF.format(base=base,
                                run=base / "run", user=user, group=group))
    errors = open(base / "errors", "w+")
    process = subprocess.Popen(
        where.installed(uid, gid, "/usr/sbin/dovecot", "-F", "-c", conf),
        stdout=errors, stderr=errors)
    try:
        poll(lambda: (base / "lmtp").exists() or process.poll() is not None,
             "dovecot listens")
        assert process.poll() is None, (base / "errors").read_text()
        yield base
    finally:
        process.terminate()
        process.wait(60)
        errors.close()
        shutil.rmtree(base)


@pytest.fixture(params=FORMS)
def rig(tmp_path, request):
    rig = LocalRig(tmp_path, request.param)
    yield rig
    rig.close()


@pytest.fixture
def mail(dovecot):
    yield dovecot / "mail/u"
    shutil.rmtree(dovecot / "mail/u", ignore_errors=True)


def messages(folder):
    return [p.read_bytes() for p in sorted(folder.glob("new/*"))]


def test_inbox(rig, dovecot, mail):
    assert rig.deliver(default=f"lmtp:{dovecot}/lmtp") == (
        0, "did 1+0+0\n"), (dovecot / "log").read_text()
    [stored] = messages(mail)
    assert stored.startswith(b"Return-Path: <s@x>\n")
    assert b"\nDelivered-To: u@h\n" in stored
    assert stored.endswith(b"\n" + M + b"\n")


def test_sieve(rig, dovecot, mail):
    rig.file(".qmail", f"lmtp:{dovecot}/lmtp\n")
    for subject in (b"file me", b"go away"):
        assert rig.deliver(b"Subject: %s\n\nx\n" % subject) == (
            0, "did 1+0+0\n")
    assert messages(mail) == []
    assert len(messages(mail / ".Lists")) == 1


def test_nobody(rig, dovecot):
    result = rig.deliver(default=f"lmtp:{dovecot}/lmtp", **ext_of("none"))
    assert result.code == 100  # no .qmail-none at all
    rig.file(".qmail-none", f"lmtp:{dovecot}/lmtp\n")
    result = rig.deliver(**ext_of("none"))
    assert result.code == 100
    assert "said: 550 5.1.1 <u-none@h> User doesn't exist" in result.text


def test_big_and_8_bit(rig, dovecot, mail):
    text = b"Subject: \xc3\xa4\n\n" + b".x\n..\n\xff\n" * 100000
    assert rig.deliver(text, default=f"lmtp:{dovecot}/lmtp u@h").code == 0
    [stored] = messages(mail)
    assert stored.endswith(text)
