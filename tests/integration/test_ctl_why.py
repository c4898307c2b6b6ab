"""qmailctl why: where a message to an address would go, step by step.

What it says must be what happens: routes, accounts and instructions are
asked of those who decide. Most rows run as one user in a private home; the
rest as root, among accounts.
"""
import json
import os
import re
import shutil
import subprocess

import pytest

from accounts import ALIAS, ANN, JOE, JOES, QMAIL, System, needs_accounts
from facteur import Instance, Programs, poll


class Why:
    """What both outputs say of an address."""

    def __init__(self, run, address):
        self.text = run("why", address)
        self.docs = json.loads(run("why", address, "--json"))
        assert self.docs[0]["address"] == address
        self.first = self.docs[0]
        # the same words in both, in the same order
        lines = [line.strip() for line in self.text.splitlines()]
        want = []
        for doc in self.docs:
            want.append(doc["address"])
            for step in doc["steps"]:
                place = step.get("file", "")
                if "line" in step:
                    place += f":{step['line']}"
                want.append((place + ": " if place else "") + step["text"])
            want.append("=> " + doc["text"])
        assert lines == [re.sub("[^ -~]", "_", x).strip() for x in want]

    def steps(self, kind, doc=None):
        return [s for s in (doc or self.first)["steps"] if s["step"] == kind]

    def step(self, kind, doc=None):
        [found] = self.steps(kind, doc)
        return found

    def line(self, kind):
        """FILE:LINE of the one step of this kind."""
        found = self.step(kind)
        return f"{found['file']}:{found['line']}"

    def doc(self, address):
        [found] = [d for d in self.docs if d["address"] == address]
        return found

    def outcome(self, address=None):
        doc = self.doc(address) if address else self.first
        return doc["outcome"], doc["text"]

    def does(self, doc=None):
        return [(s["does"], s["argument"]) for s in
                self.steps("instruction", doc)]

    def candidates(self, doc=None):
        """[(name in the home, what was found)]"""
        home = self.step("home", doc)["file"]
        return [(os.path.relpath(s["file"], home), s["text"])
                for s in self.steps("candidate", doc)]


@pytest.fixture
def box(tmp_path):
    """A private home; nothing has to run there."""
    it = Instance(tmp_path, users=("alice", "bob"))
    yield it
    if it.made:
        shutil.rmtree(it.made)


def good(done):
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def why(box, address):
    return Why(lambda *words: good(box.ctl(*words)), address)


def put(box, user, text, name=".qmail", mode=0o600):
    path = box.home_of(user) / name
    path.write_text(text)
    os.chmod(path, mode)
    box.own(path)
    return path


# --- local or remote ---

def test_locals(box):
    box.control("locals", "# ours\nother.test\nMail.Test\n")
    w = why(box, "alice@mail.test")
    assert w.line("locals") == "control/locals:3"
    assert w.step("locals")["text"] == "mail.test is local"
    assert w.first["final"] == "alice@mail.test"


def test_no_locals(box):
    (box.home / "control/locals").unlink()
    w = why(box, "alice@mail.test")
    assert w.line("locals") == "control/me:1"


VIRTUAL = """virt.test:alice
.end.test:bob-e
x@virt.test:bob
no@virt.test:
gone.test:
.gone.test:
"""


@pytest.mark.parametrize("address, line, final", [
    ("u@virt.test", 1, "alice-u@virt.test"),
    ("U@VIRT.test", 1, "alice-U@VIRT.test"),
    ("u@a.end.test", 2, "bob-e-u@a.end.test"),
    ("u@b.a.end.test", 2, "bob-e-u@b.a.end.test"),
    ("X@virt.test", 3, "bob-X@virt.test"),
    ("no@virt.test", 4, None), ("u@gone.test", 5, None),
    ("u@a.gone.test", 6, None)])
def test_virtualdomains(box, address, line, final):
    box.control("virtualdomains", VIRTUAL)
    w = why(box, address)
    assert w.line("virtualdomains") == f"control/virtualdomains:{line}"
    if final:
        assert w.first["final"] == final
        assert w.outcome()[0] != "remote"
        assert w.step("virtualdomains")["text"].endswith(
            f" is virtual: local, as {final}")
    else:
        assert w.first["final"] == address
        assert w.outcome()[0] == "remote"
        assert w.step("virtualdomains")["text"].endswith(
            " is an exception: remote")


def test_virtualdomains_catch_all(box):
    box.control("virtualdomains", VIRTUAL + ":bob-all\n")
    w = why(box, "u@elsewhere.test")
    assert w.line("virtualdomains") == "control/virtualdomains:7"
    assert w.first["final"] == "bob-all-u@elsewhere.test"


def test_the_last_line_counts(box):
    box.control("virtualdomains", "virt.test:alice\nVIRT.test:bob\n")
    w = why(box, "u@virt.test")
    assert w.line("virtualdomains") == "control/virtualdomains:2"
    assert w.first["final"] == "bob-u@virt.test"


def test_nowhere(box):
    w = why(box, "u@far.test")
    assert "far.test: remote" in w.step("nowhere")["text"]
    assert w.outcome() == ("remote", "sent to the MX of far.test")


def test_percenthack(box):
    box.control("percenthack", "no.test\nmail.test\n")
    w = why(box, "u%far.test@mail.test")
    assert w.line("percenthack") == "control/percenthack:2"
    assert w.first["final"] == "u@far.test"
    assert w.outcome()[0] == "remote"
    w = why(box, "u%mail.test%no.test@mail.test")
    assert len(w.steps("percenthack")) == 2 and w.steps("locals")


def test_no_host(box):
    w = why(box, "alice")
    assert w.line("envnoathost") == "control/me:1"
    assert w.first["final"] == "alice@mail.test"
    box.control("envnoathost", "noat.test\n")
    w = why(box, "alice")
    assert w.line("envnoathost") == "control/envnoathost:1"
    assert w.first["final"] == "alice@noat.test"


def test_empty_local_part(box):
    assert why(box, "@mail.test").outcome() == (
        "bounced", "bounced: Sorry, no mailbox here by that name. (#5.1.1)")


# --- the way out ---

def test_smtproutes(box):
    box.control("smtproutes", "far.test:hub.test:2525|me|secret\n"
                              ".end.test:[10.0.0.1]\n!@:back.test\n")
    w = why(box, "u@Far.test")
    assert w.line("route") == "control/smtproutes:1"
    assert (w.step("route")["relay"], w.step("route")["port"]) == (
        "hub.test", 2525)
    assert w.outcome() == ("remote", "sent to hub.test, port 2525")
    assert "secret" not in w.text and "secret" not in json.dumps(w.docs)
    assert w.line("bounces") == "control/smtproutes:3"
    w = why(box, "u@a.end.test")
    assert w.line("route") == "control/smtproutes:2"
    assert w.outcome() == ("remote", "sent to 10.0.0.1, port 25")
    w = why(box, "u@other.test")
    assert "line" not in w.step("route")
    box.control("smtproutes", "x:y\n:hub.test\n")
    w = why(box, "u@other.test")
    assert w.line("route") == "control/smtproutes:2"
    assert w.step("route")["text"].startswith("everything else goes to hub")
    box.control("smtproutes", "far.test:\nother.test:hub:x\n")
    w = why(box, "u@far.test")
    assert w.line("route") == "control/smtproutes:1"
    assert "DNS" in w.outcome()[1]
    assert "makes no sense" in why(box, "u@other.test").outcome()[1]


def test_overrides(box):
    box.control("smtproutes", "far.test:hub.test\n")
    assert good(box.ctl("route", "other.test", "x.test", "--for", "2h"))
    assert good(box.ctl("route", "far.test", "relay.test:26", "--for", "2h"))
    w = why(box, "u@far.test")
    assert w.line("route") == "control/routeoverrides:2"
    assert w.line("until") == "control/routeoverrides:2"
    assert w.outcome() == ("remote", "sent to relay.test, port 26")
    # one that has ended, and one that makes no sense
    box.control("routeoverrides", "1 far.test:old.test\n")
    assert why(box, "u@far.test").line("route") == "control/smtproutes:1"
    box.control("routeoverrides", "2000000000 a:b\nrubbish\n")
    w = why(box, "u@far.test")
    assert w.line("warning") == "control/routeoverrides:2"
    assert w.line("route") == "control/smtproutes:1"


# --- whose ---

def test_assigned(box):
    lines = (box.home / "users/assign").read_text().splitlines()
    assert lines[2].startswith("=bob:")
    w = why(box, "BOB@mail.test")
    step = w.step("users/cdb")
    assert (step["file"], step["line"]) == ("users/assign", 3)
    assert step["account"] == {
        "user": box.owner_name(), "uid": box.uid, "gid": box.gid,
        "home": str(box.home_of("bob")), "dash": "", "ext": ""}
    w = why(box, "bob-Some.Thing@mail.test")
    step = w.step("users/cdb")
    assert step["line"] == 4 and "a wildcard" in step["text"]
    assert (step["account"]["dash"], step["account"]["ext"]) == (
        "-", "Some.Thing")


def test_assign_that_is_not_compiled(box):
    path = box.home / "users/assign"
    path.write_text(path.read_text().replace("=bob", "=rob"))
    w = why(box, "bob@mail.test")
    assert w.step("users/cdb")["file"] == "users/cdb"
    assert "qmail-newu" in w.step("warning")["text"]
    path.write_text(path.read_text().replace("=rob", "=bob").replace(
        str(box.home_of("bob")), "/elsewhere"))
    assert "qmail-newu" in why(box, "bob@mail.test").step("warning")["text"]


def test_not_assigned(box):
    w = why(box, "Nobody-x@mail.test")
    assert "nothing is assigned" in w.step("users/cdb")["text"]
    account = w.step("getpw")["account"]
    assert account["home"] == str(box.home / "alias")
    assert account["ext"] == "Nobody-x"
    (box.home / "users/cdb").unlink()
    w = why(box, "alice@mail.test")
    assert "there is none" in w.step("users/cdb")["text"]


def test_users_cdb_is_junk(box):
    (box.home / "users/cdb").write_bytes(b"junk")
    outcome, text = why(box, "alice@mail.test").outcome()
    assert outcome == "deferred" and "Trouble reading users/cdb" in text


@pytest.mark.parametrize("uid, words", [
    ("0", "Not allowed to perform deliveries as root."),
    ("x", "Not allowed to perform deliveries as root."),
    ("12345", "cannot deliver as uid 12345.")])
def test_not_ours_to_deliver(box, uid, words):
    (box.home / "users/assign").write_text(f"=x:x:{uid}:1:/h:::\n.\n")
    assert subprocess.run([box.home / "bin/qmail-newu"],
                          env=box.env).returncode == 0
    outcome, text = why(box, "x@mail.test").outcome()
    assert outcome == "deferred" and text.endswith(words)


def test_getpw_does_not_work(box):
    (box.home / "bin/qmail-getpw").unlink()
    assert why(box, "nobody@mail.test").outcome() == (
        "deferred", "deferred: Unable to run qmail-getpw.")


# --- .qmail ---

def test_candidates(box):
    put(box, "alice", "#\n", ".qmail-default")
    w = why(box, "alice-A.b-c@mail.test")
    assert w.candidates() == [
        (".qmail-a:b-c", "is not there"), (".qmail-a:b-default",
                                           "is not there"),
        (".qmail-default", "is used")]
    assert w.outcome() == (
        "discarded", "thrown away: no line says where to put it")


def test_what_is_no_file_is_passed_over(box):
    os.mkfifo(box.home_of("alice") / ".qmail-a")
    (box.home_of("alice") / ".qmail-a-default").mkdir()
    os.symlink(".qmail-default", box.home_of("alice") / ".qmail-default")
    w = why(box, "alice-a@mail.test")
    assert w.candidates() == [
        (".qmail-a", "is no regular file: passed over"),
        (".qmail-default", "is not there: symbolic link loop")]
    assert w.outcome()[0] == "bounced"
    assert "no mailbox here by that name" in w.outcome()[1]


def test_instructions(box):
    put(box, "alice", "# c\n|cmd x\n&a@far.test\nb@far.test\n./Mailbox\n"
                      "./Maildir/\n\n+list\nc@far.test\n")
    w = why(box, "alice@mail.test")
    assert w.candidates() == [(".qmail", "is used")]
    assert w.does() == [
        ("program", "cmd x"), ("forward", "a@far.test"),
        ("forward", "b@far.test"), ("mbox", "./Mailbox"),
        ("maildir", "./Maildir/"), ("forward", "c@far.test")]
    texts = [s["text"] for s in w.steps("instruction")]
    assert texts[0] == "runs the program: cmd x"
    assert texts[3] == "appends to the mailbox ./Mailbox"
    assert w.outcome() == ("local", "delivered here, and forwarded")
    assert [d["address"] for d in w.docs[1:]] == [
        "a@far.test", "b@far.test", "c@far.test"]
    assert all((d["via"], d["depth"]) == ("alice@mail.test", 1)
               for d in w.docs[1:])
    assert not (box.home_of("alice") / "Mailbox").exists()


def test_instruction_of_a_newer_qmail_local(box):
    """It has words of its own that we do not know."""
    (box.home / "bin/qmail-local").unlink()
    (box.home / "bin/qmail-local").write_text(
        "#!/bin/sh\necho 'teleport moon base'\necho 'forward x@far.test'\n"
        "echo 'did 1+1+0'\n")
    (box.home / "bin/qmail-local").chmod(0o755)
    w = why(box, "alice@mail.test")
    assert w.does()[0] == ("teleport", "moon base")
    assert w.steps("instruction")[0]["text"] == "does: teleport moon base"
    assert w.outcome()[0] == "local" and len(w.docs) == 2


@pytest.mark.parametrize("text", ["./Maildir/\n", None])
def test_default_delivery(box, text):
    if text:
        box.control("defaultdelivery", text)
    else:
        (box.home / "control/defaultdelivery").unlink(missing_ok=True)
    for empty in False, True:
        if empty:
            put(box, "bob", "")
        w = why(box, "bob@mail.test")
        assert w.does() == [("maildir", "./Maildir/") if text else
                            ("mbox", "./Mailbox")]
        step = w.step("default")
        assert step.get("file") == ("control/defaultdelivery" if text
                                    else None)
        assert w.candidates()[0] == (
            ".qmail", "is empty" if empty else "is not there")


@pytest.mark.parametrize("harm, candidate, outcome", [
    ("writable", "everybody may write to this file: not used",
     "Uh-oh: .qmail file is writable. (#4.7.0)"),
    ("closed", "cannot be opened: access denied",
     "Unable to open .qmail: access denied. (#4.3.0)"),
    ("x bit", "is used; its x bit is set: it may only forward",
     "Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)"),
    ("blank", "is used",
     "Uh-oh: first line of .qmail file is blank. (#4.2.1)")])
def test_file_that_cannot_be_used(box, harm, candidate, outcome):
    put(box, "alice", "\n" if harm == "blank" else
        "a@far.test\n./Mailbox\n", mode={"writable": 0o602, "closed": 0,
                                         "x bit": 0o700}.get(harm, 0o600))
    w = why(box, "alice@mail.test")
    assert w.candidates() == [(".qmail", candidate)]
    assert w.outcome() == ("deferred", f"deferred: {outcome}")
    # nothing is forwarded then
    assert len(w.docs) == 1


@pytest.mark.parametrize("mode, found, outcome", [
    (0o757, "everybody may write to this home: not used",
     "Uh-oh: home directory is writable. (#4.7.0)"),
    (0o1755, "the home is sticky: its user is editing",
     "Home directory is sticky: user is editing his .qmail file. (#4.2.1)"),
    (0o000, "the home cannot be entered: access denied", "Unable to switch"),
    (None, "the home cannot be entered: file does not exist",
     "Unable to switch")])
def test_home_that_cannot_be_used(box, mode, found, outcome):
    home = box.home_of("alice")
    put(box, "alice", "a@far.test\n")
    home.rename(home.parent / "gone") if mode is None else home.chmod(mode)
    w = why(box, "alice@mail.test")
    assert w.step("home")["text"] == found
    assert w.outcome()[0] == "deferred"
    assert w.outcome()[1].startswith(f"deferred: {outcome}")
    assert len(w.docs) == 1
    if mode is not None:
        home.chmod(0o755)


# --- forwards of forwards ---

def test_followed(box):
    put(box, "alice", "bob@mail.test\nu@far.test\n")
    put(box, "bob", "./Maildir/\nv@far.test\n")
    w = why(box, "alice@mail.test")
    assert [(d["address"], d["depth"], d["via"]) for d in w.docs] == [
        ("alice@mail.test", 0, None), ("bob@mail.test", 1, "alice@mail.test"),
        ("v@far.test", 2, "bob@mail.test"),
        ("u@far.test", 1, "alice@mail.test")]
    assert re.findall("^ *(?=[^ =]*@)", w.text, re.M)[:4] == [
        "", "    ", "        ", "    "]


def test_loop(box):
    put(box, "alice", "bob@mail.test\n")
    put(box, "bob", "ALICE@mail.test\n")
    w = why(box, "alice@mail.test")
    assert [d["outcome"] for d in w.docs] == ["forwarded", "forwarded",
                                              "loop"]
    assert "loop" in w.docs[2]["text"]


def test_loop_through_a_virtual_domain(box):
    box.control("virtualdomains", "virt.test:alice\n")
    put(box, "alice", "me@virt.test\n", ".qmail-me")
    w = why(box, "me@virt.test")
    assert [d["outcome"] for d in w.docs] == ["forwarded", "loop"]


def test_twice_is_no_loop(box):
    put(box, "alice", "bob@mail.test\nbob@mail.test\n")
    w = why(box, "alice@mail.test")
    assert [(d["outcome"], d["text"]) for d in w.docs[1:]] == [
        ("local", "delivered here"), ("known", "as above")]


def test_a_long_way(box):
    for i in range(20):
        put(box, "alice", f"alice-{i + 1}@mail.test\n", f".qmail-{i}")
    w = why(box, "alice-0@mail.test")
    assert [d["depth"] for d in w.docs] == list(range(12))
    assert w.docs[-1]["outcome"] == "unknown"
    assert "not followed" in w.docs[-1]["text"]


def test_many_forwards(box):
    put(box, "alice", "".join(f"u{i}@far.test\n" for i in range(3000)))
    docs = json.loads(good(box.ctl("why", "alice@mail.test", "--json")))
    assert len(docs) == 1000
    assert len(docs[0]["steps"]) > 3000
    assert "more than are shown" in good(box.ctl("why", "alice@mail.test"))


def test_strange_bytes(box):
    """No terminal obeys a user's .qmail."""
    put(box, "alice", "|echo \33]0;x\7 \344\n")
    done = good(box.ctl("why", "alice@mail.test"))
    assert "\33" not in done and "\7" not in done
    assert "runs the program: echo _]0;x_" in done


# --- the verb ---

@pytest.mark.parametrize("words", [[], ["a", "b"], ["--what", "a"]])
def test_misused(box, words):
    done = box.ctl("why", *words)
    assert done.returncode == 100 and done.stdout == ""


def test_no_controls(box):
    for name in ("me", "locals"):
        (box.home / "control" / name).unlink()
    done = box.ctl("why", "a@b")
    assert done.returncode == 111 and "unable to read controls" in done.stderr


def test_it_changes_nothing(box):
    def state():
        return sorted((str(p), p.lstat().st_mtime_ns)
                      for p in box.home.rglob("*"))
    put(box, "alice", "|touch ran\n./Maildir/\nbob@mail.test\n")
    before = state()
    why(box, "alice@mail.test")
    assert state() == before


def test_it_is_what_happens(tmp_path):
    """Address by address: the same as what the log says."""
    with Instance(tmp_path, users=("alice", "bob"), control={
            "virtualdomains": "virt.test:alice\n",
            "rcpthosts": "mail.test\nvirt.test\n"}) as box:
        put(box, "alice", "./Maildir/\n", ".qmail-v")
        for address in ("bob@mail.test", "v@virt.test",
                        "alice-none@mail.test"):
            w = why(box, address)
            box.send("joe@mail.test", [address], "Subject: x\n\nx\n")
            start = rf"starting delivery (\d+): .* to local " \
                rf"{re.escape(w.first['final'])}$"
            n = poll(lambda: re.search(start, box.log("send"), re.M)).group(1)
            end = rf"^delivery {n}: (\w+)"
            verdict = poll(lambda: re.search(end, box.log("send"), re.M))
            assert verdict.group(1) == {
                "local": "success", "bounced": "failure"}[w.outcome()[0]]


# --- as root, among accounts ---

@pytest.fixture
def system():
    it = System(accounts=[("ann", ANN)])
    (it.home / "control/me").write_text("mail.test\n")
    yield it
    it.close()


def among(system, address, *before):
    def run(*words):
        done = system.run(*before, system.home / "bin/qmailctl", "-d",
                          system.home, *words, text=True)
        return good(done)
    return Why(run, address)


def dotqmail(system, user, text, name=".qmail", mode=0o600):
    path = system.top / user / name
    path.write_text(text)
    os.chown(path, {"joe": JOE, "ann": ANN}[user], JOES)
    os.chmod(path, mode)
    return path


@needs_accounts
def test_accounts(system):
    dotqmail(system, "joe", "ann-x@mail.test\n./Mailbox\n")
    dotqmail(system, "ann", "|true\n", ".qmail-x")
    w = among(system, "Joe@mail.test")
    assert w.step("getpw")["account"] == {
        "user": "joe", "uid": JOE, "gid": JOES,
        "home": str(system.top / "joe"), "dash": "", "ext": ""}
    assert w.outcome() == ("local", "delivered here, and forwarded")
    assert w.does(w.doc("ann-x@mail.test")) == [("program", "true")]
    w = among(system, "nobody@mail.test")
    assert w.step("getpw")["account"]["uid"] == ALIAS
    assert w.outcome()[0] == "bounced"


@needs_accounts
def test_nothing_of_roots_is_shown(system):
    """joe's .qmail leads to a file that only root may read."""
    secret = system.top / "secret"
    secret.write_text("|the secret of root\n")
    secret.chmod(0o600)
    os.symlink(secret, system.top / "joe/.qmail")
    w = among(system, "joe@mail.test")
    assert w.candidates() == [(".qmail", "cannot be opened: access denied")]
    assert w.outcome() == (
        "deferred",
        "deferred: Unable to open .qmail: access denied. (#4.3.0)")
    assert "secret of root" not in w.text + json.dumps(w.docs)
    # nor is a closed home entered
    (system.top / "joe/.qmail").unlink()
    os.chown(system.top / "joe", ANN, JOES)
    system.assign(f"=joe:joe:{JOE}:{JOES}:{system.top}/joe:::\n.\n")
    os.chmod(system.top / "joe", 0o700)
    dotqmail(system, "joe", "|x\n")
    w = among(system, "joe@mail.test")
    assert w.step("home")["text"] == "the home cannot be entered: access denied"


@needs_accounts
def test_environment_of_root_is_kept_from_users(system):
    (system.home / "bin").unlink()
    (system.home / "bin").mkdir()
    for program in Programs.folder().iterdir():
        (system.home / "bin" / program.name).symlink_to(program)
    (system.home / "bin/qmail-local").unlink()
    script = system.home / "bin/qmail-local"
    script.write_text("#!/bin/sh\nenv | sed 's/^/program /'\n"
                      "id -u | sed 's/^/program uid=/'\n")
    script.chmod(0o755)
    system.env["SECRET_OF_ROOT"] = "x"
    w = among(system, "joe@mail.test")
    said = dict(text.split("=", 1) for _, text in w.does())
    assert said["uid"] == str(JOE) and said["QMAILHOME"] == str(system.home)
    assert "SECRET_OF_ROOT" not in said


@needs_accounts
@pytest.mark.parametrize("ids", ["0:1", "1:0", "x:1"])
def test_root_gets_no_mail(system, ids):
    system.assign(f"=r:root:{ids}:/root:::\n.\n")
    assert among(system, "r@mail.test").outcome() == (
        "deferred", "deferred: Not allowed to perform deliveries as root.")


@needs_accounts
def test_by_a_user_who_is_not_root(system):
    """What it may not see it says; its own it does see."""
    dotqmail(system, "joe", "|x\n")
    dotqmail(system, "ann", "|y\n")
    as_joe = ("setpriv", "--clear-groups", f"--reuid={JOE}", f"--regid={JOES}")
    w = among(system, "joe@mail.test", *as_joe)
    assert w.does() == [("program", "x")]
    w = among(system, "ann@mail.test", *as_joe)
    assert w.outcome() == (
        "unknown", "unknown: only root and ann may see what happens there")


@needs_accounts
def test_users_cdb_that_not_all_may_read(system):
    """Root may, but qmail-lsched, which counts, may not."""
    system.assign(f"=joe:joe:{JOE}:{JOES}:{system.top}/joe:::\n.\n")
    os.chmod(system.home / "users/cdb", 0o600)
    outcome, text = among(system, "joe@mail.test").outcome()
    assert outcome == "deferred"
    assert text.endswith("users/cdb in qmail-lspawn: access denied")
    os.chown(system.home / "users/cdb", -1, QMAIL)
    os.chmod(system.home / "users/cdb", 0o640)
    assert among(system, "joe@mail.test").outcome()[0] == "local"
    w = among(system, "joe@mail.test", "setpriv", "--clear-groups",
              f"--reuid={JOE}", f"--regid={JOES}")
    assert w.outcome() == ("unknown",
                           "unknown: users/cdb may be read by root")


@needs_accounts
def test_no_alias():
    it = System(alias=False)
    try:
        (it.home / "control/me").write_text("mail.test\n")
        assert among(it, "nobody@mail.test").outcome() == (
            "deferred", "deferred: Unable to find alias user!")
    finally:
        it.close()
