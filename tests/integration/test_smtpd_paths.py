"""Every row of conformance/smtp/paths.json, said to qmail-smtpd."""

import json

import pytest
from smtpdrig import CONFORMANCE, Home, lines, talk

VECTORS = json.loads((CONFORMANCE / "paths.json").read_text())

# rows we answer otherwise, and why; see also path_test.c
PATHS = {
    ("mail", "a@b.example"): "DECISIONS: a plain dot-atom needs no brackets",
    ("rcpt", "a@b.example"): "DECISIONS: a plain dot-atom needs no brackets",
    ("mail", "<a>"): "contract, oracle S3",
    ("rcpt", '<""@b.example>'): "DECISIONS: empty local part",
    ("mail", f"<{'a' * 65}@b.example>"): "VERP",
    ("rcpt", f"<{'a' * 65}@b.example>"): "VERP: bounces come back to it",
}
ARGUMENT = "contract edges 1.3: the argument is ignored"
DSN = "no DSN yet"
COMMANDS = {
    "MAIL  FROM:<a@b.example>": "contract edges 0.2: any run of spaces",
    "MAIL FROM:<a@b.example> RET=FULL ENVID=a+3Db": DSN,
    "RCPT TO:<a@b.example> NOTIFY=NEVER": DSN,
    "RCPT TO:<a@b.example> NOTIFY=success,DELAY "
    "ORCPT=rfc822;a+2Bx@b.example": DSN,
    "BDAT 10": "no CHUNKING yet",
    "BDAT 10 LAST": "no CHUNKING yet",
    "BDAT 10 last": "no CHUNKING yet",
    "DATA x": ARGUMENT,
    "RSET x": ARGUMENT,
    "QUIT x": ARGUMENT,
}


@pytest.fixture(scope="module")
def home():
    with Home() as h:
        yield h


def is_taken(reply):
    return reply[0] in "23"


@pytest.mark.parametrize("where", ["mail", "rcpt"])
def test_paths(home, where):
    for row in VECTORS["paths"]:
        if row["where"] not in (where, "both"):
            continue
        path = row["path"]
        if where == "mail":
            commands = [f"MAIL FROM:{path}", "QUIT"]
        else:
            commands = ["MAIL FROM:<>", f"RCPT TO:{path}", "QUIT"]
        got, _ = talk(home, lines(*commands))
        want = row["valid"] != ((where, path) in PATHS)
        assert is_taken(got[-2]) == want, (where, path, got)


def canonical(address):
    """The inner form with minimal quotes and a lower-case domain."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address
    atoms = local.split(".")
    text = "!#$%&'*+-/=?^_`{|}~"
    if not all(a and all(c.isalnum() or c in text for c in a) for a in atoms):
        local = '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'
    domain = domain.lower().replace("[ipv6:", "[IPv6:")
    return f"{local}@{domain}"


def test_paths_in_the_envelope(home):
    rows = [
        r
        for r in VECTORS["paths"]
        if r["valid"]
        and r["where"] in ("rcpt", "both")
        and ("rcpt", r["path"]) not in PATHS
    ]
    home.forget()
    got, _ = talk(
        home,
        lines(
            "MAIL FROM:<>",
            *(f"RCPT TO:{r['path']}" for r in rows),
            "DATA",
            ".",
            "QUIT",
        ),
    )
    assert all(is_taken(r) for r in got), got
    [(_, _, envelope)] = home.messages()
    assert [canonical(t[1:].decode()) for t in envelope[1:]] == [
        r["canonical"] for r in rows
    ]


def test_commands(home):
    for row in VECTORS["commands"]:
        line = row["line"]
        before = ["MAIL FROM:<>"] if line.startswith("RCPT") else []
        if line.startswith("DATA"):
            before = ["MAIL FROM:<>", "RCPT TO:<u>"]
        got, _ = talk(home, lines(*before, line))
        want = row["ok"] != (line in COMMANDS)
        assert is_taken(got[len(before) + 1]) == want, (line, got)
