"""What follows 354: conformance/smtp/data-streams.json, hops, size."""

import json
import re

import pytest
from smtpdrig import CONFORMANCE, Home, OneShot, lines, talk

STREAMS = json.loads((CONFORMANCE / "data-streams.json").read_text())["receive"]
URL = "https://cr.yp.to/docs/smtplf.html"
FAULTS = {
    "bare-lf": f"550 5.6.0 bare LF in message, see {URL} (#5.6.0)",
    "bare-cr": f"550 5.6.0 bare CR in message, see {URL} (#5.6.0)",
    "nul": f"550 5.6.0 NUL in message, see {URL} (#5.6.0)",
}
START = lines("MAIL FROM:<a@b.example>", "RCPT TO:<u>", "DATA").encode()
HOPS = "554 5.4.6 too many hops, this message is looping (#5.4.6)"
SIZE = (
    "552 5.3.4 sorry, that message size exceeds my databytes limit (#5.3.4)"
)


@pytest.fixture
def home():
    with Home() as h:
        yield h


def is_ok(reply):
    return re.fullmatch(r"250 2\.6\.0 ok \d+ qp \d+", reply) is not None


@pytest.mark.parametrize("row", STREAMS, ids=[s["name"] for s in STREAMS])
def test_stream(home, row):
    got, status = talk(home, START + bytes.fromhex(row["stream_hex"]))
    replies = got[4:]
    assert status == (0 if row["rest_hex"] else 1)
    if not row["ended"]:
        assert replies == []
        assert home.messages() == []
    elif row["reject"]:
        assert replies == [FAULTS[row["reject"]]]
        assert home.messages() == []
    else:
        assert is_ok(replies[0])
        stored = home.messages()[0][1]
        assert stored == bytes.fromhex(row["stored_hex"])
        assert len(replies) == (2 if row["rest_hex"] else 1)


@pytest.mark.parametrize(
    "row",
    [s for s in STREAMS if s["ended"]],
    ids=[s["name"] for s in STREAMS if s["ended"]],
)
def test_stream_split_at_every_octet(home, row):
    stream = bytes.fromhex(row["stream_hex"])
    end = len(stream) - len(bytes.fromhex(row["rest_hex"]))
    for cut in range(1, end):
        with OneShot(home) as peer:
            peer.mail("u")
            peer.send(stream[:cut])
            peer.drained()
            peer.send(stream[cut:end])
            reply = peer.reply()
            if row["reject"]:
                assert reply == FAULTS[row["reject"]], cut
                assert peer.reply() == ""
            else:
                assert is_ok(reply), cut
    stored = {m[1] for m in home.messages()}
    if row["reject"]:
        assert stored == set()
    else:
        assert stored == {bytes.fromhex(row["stored_hex"])}


def test_nothing_hides_behind_a_false_end(home):
    """What follows a refused message is not obeyed."""
    got, status = talk(
        home, START + b"x\r\n.\nMAIL FROM:<evil>\r\n.\r\n" + START + b".\r\n"
    )
    assert got[4:] == [FAULTS["bare-lf"]]
    assert status == 1
    assert home.messages() == []


@pytest.mark.parametrize(
    "header,verdict",
    [
        ("Received: x\r\n" * 99, None),  # S19
        ("Received: x\r\n" * 100, HOPS),  # S19
        ("rEcEIVED-foo\r\n" * 60 + "delivered-to: z\r\n" * 40, HOPS),  # S20
        ("Received: x\r\n" * 99 + "\r\n" + "Received: y\r\n", None),
        ("Received: x\r\n" * 99 + " folded\r\n received: y\r\n", None),
        ("Received: x\r\n" * 99 + ".Received: y\r\n", None),
        ("Received: x\r\n" * 99 + "Receive: y\r\n", None),
        ("Received: x\r\n" * 99 + "DELIVERED\r\n", HOPS),
    ],
)
@pytest.mark.parametrize("code", ["0", "53"])
def test_hops(home, header, verdict, code):
    got, _ = talk(
        home, START + header.encode() + lines("", "z", ".").encode(),
        QQ_EXIT=code,
    )
    if verdict:
        assert got[-1] == verdict
    elif code == "0":
        assert is_ok(got[-1])
    else:
        assert got[-1].startswith("451 4.3.0 qq write error")


def test_hops_cut_anywhere(home):
    text = ("Received: x\r\n" * 100 + "\r\n.\r\n").encode()
    with OneShot(home) as peer:
        peer.mail("u")
        for i in range(0, len(text), 7):
            peer.send(text[i : i + 7])
            peer.drained()
        assert peer.reply() == HOPS


@pytest.mark.parametrize("limit,taken", [("11", True), ("10", False)])
def test_s21_databytes(home, limit, taken):
    got, _ = talk(home, START + b"xxxxxxxxxx\r\n.\r\n", DATABYTES=limit)
    assert is_ok(got[-1]) if taken else got[-1] == SIZE
    home.control("databytes", limit)
    got, _ = talk(home, START + b"xxxxxxxxxx\r\n.\r\n")
    assert is_ok(got[-1]) if taken else got[-1] == SIZE
    got, _ = talk(home, START + b"xxxxxxxxxx\r\n.\r\n", DATABYTES="0")
    assert is_ok(got[-1])


def test_size_is_offered_and_believed(home):
    got, _ = talk(
        home,
        lines(
            "EHLO x",
            "MAIL FROM:<a> SIZE=1001",
            "MAIL FROM:<a> SIZE=99999999999999999999",
            "MAIL FROM:<a> SIZE=1000 BODY=8BITMIME",
        ),
        DATABYTES="1000",
    )
    assert "250-SIZE 1000" in got
    assert got[-3:] == [SIZE, SIZE, "250 2.1.0 ok"]


@pytest.mark.parametrize("size", [16383, 16384, 16385, 300_000, 3_000_000])
def test_large_messages_arrive_as_they_were(home, size):
    """In memory, and from the spool's file."""
    line = b"." + bytes(range(1, 10)) + bytes(range(14, 256)) + b"\n"
    stored = (line * (size // len(line) + 1))[: size - 1] + b"\n"
    wire = stored.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")
    got, _ = talk(home, START + b"." + wire + b".\r\n")
    assert is_ok(got[-1])
    assert home.messages()[0][1] == stored


def test_a_message_needs_neither_header_nor_line_end(home):
    got, _ = talk(home, START + b".\r\n")
    assert is_ok(got[-1])
    assert home.messages()[0][1] == b""
