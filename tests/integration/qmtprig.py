"""What the tests of qmail-qmtpd, qmail-qmqpd and qmail-qmqpc share."""
import re
import subprocess

from smtpdrig import BIN, PEER, WAIT

RCPTHOSTS = b"Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"
TOO_LARGE = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)"
BAD_RECIPIENT = b"Dsorry, I can't handle that recipient (#5.1.3)"
BAD_SENDER = b"Dunacceptable sender (#5.1.7)"
BAD_ADDRESS = b"Dsorry, I can't accept addresses like that (#5.1.3)"
K = re.compile(rb"Kok \d{10,} qp \d+")


def net(data):
    return b"%d:%s," % (len(data), data)


def split(data):
    """The netstrings in data, all of it."""
    found = []
    while data:
        m = re.match(rb"(\d+):", data)
        end = m.end() + int(m[1])
        assert data[end:end + 1] == b",", data
        found.append(data[m.end():end])
        data = data[end + 1:]
    return found


def qmtp(text, sender, *rcpts):
    return net(text) + net(sender) + net(b"".join(map(net, rcpts)))


def qmqp(text, sender, *rcpts):
    return net(b"".join(map(net, [text, sender, *rcpts])))


def talk(program, home, data, **env):
    """Everything in at once: what comes out, and the exit status."""
    p = subprocess.run([BIN / program], input=data, capture_output=True,
                       env=home.env(**{**PEER, **env}), timeout=WAIT,
                       check=False)
    assert p.stderr == b""
    return p.stdout, p.returncode


def is_k(answer):
    return K.fullmatch(answer) is not None
