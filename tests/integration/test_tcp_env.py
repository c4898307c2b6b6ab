"""tcp-env (contract local.md 4.3, oracle case 82; edges.md 2.1, 2.2)."""
import contextlib
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import threading

import pytest

from facteur import BIN, DEADLINE, IS_ROOT, has_ipv6

SHOW = ["sh", "-c", "env | grep -E '^(PROTO|TCP)' | sort"]


def tcp_env(*args, stdin=None, **env):
    """Code and output; descriptor 0 is one end of a connection."""
    done = subprocess.run([BIN / "tcp-env", *args], stdin=stdin if stdin is not None else subprocess.DEVNULL,
                          env={"PATH": os.environ["PATH"], **env}, capture_output=True, timeout=DEADLINE)
    assert done.stderr == b""
    return done.returncode, done.stdout.decode("latin-1")


@contextlib.contextmanager
def connection(host="127.0.0.1"):
    """Ours, and the other end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        with socket.create_connection(listener.getsockname()[:2]) as other, listener.accept()[0] as ours:
            yield ours, other


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_case82_variables(host):
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with connection(host) as (ours, other):
        code, text = tcp_env("-R", *SHOW, stdin=ours, TCPREMOTEINFO="old")
        got = variables(text)
        assert code == 0
        assert got["PROTO"] == "TCP" and got["TCPLOCALIP"] == got["TCPREMOTEIP"] == host
        assert got["TCPLOCALPORT"] == str(ours.getsockname()[1])
        assert got["TCPREMOTEPORT"] == str(other.getsockname()[1])
        assert "TCPREMOTEINFO" not in got
        # whatever this machine calls itself
        assert got.get("TCPREMOTEHOST", "") == got.get("TCPREMOTEHOST", "").lower()


def test_case82_known_already():
    assert tcp_env(*SHOW, PROTO="TCP") == (0, "PROTO=TCP\n")


@pytest.mark.parametrize("proto", ["", "TCP6", "tcp"])
def test_case82_no_connection(proto):
    assert tcp_env(*SHOW, PROTO=proto) == (111, "")
    with socket.socketpair()[0] as unix:
        assert tcp_env(*SHOW, stdin=unix, PROTO=proto) == (111, "")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect(("127.0.0.1", 9))
        assert tcp_env(*SHOW, stdin=udp, PROTO=proto) == (111, "")


def test_case82_no_program():
    assert tcp_env() == (111, "")
    assert tcp_env("-R") == (111, "")
    assert tcp_env("no-such-program", PROTO="TCP") == (111, "")


def test_options():
    """They end at the program; others are passed over."""
    assert tcp_env("-x", "-t1", "-R", "--", "echo", "-R", "x", PROTO="TCP") == (0, "-R x\n")


def test_a_program_does_not_ignore_sigpipe():
    code, text = tcp_env("sh", "-c", "grep ^SigIgn /proc/self/status", PROTO="TCP")
    assert code == 0 and int(text.split()[1], 16) & 1 << 12 == 0


def test_ipv4_inside_ipv6():
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", 0))
        listener.listen()
        with socket.create_connection(("127.0.0.1", listener.getsockname()[1])), listener.accept()[0] as ours:
            _, text = tcp_env("-R", *SHOW, stdin=ours)
    assert variables(text)["TCPREMOTEIP"] == "127.0.0.1"


# --- who is it ---

ANSWERS = [
    (b"%d, %d : USERID : UNIX : joe\r\n", "joe"), (b"%d,%d:USERID:UNIX:a:b \t c\r\n", "a:bc"),
    (b"%d, %d : ERROR : NO-USER\r\n", None), (b"%d, %d : USERID : UNIX : " + b"x" * 2000 + b"\r\n", "x" * 998),
    (b"", None), (b"%d, %d : USERID : UNIX : joe", None), (b"\n", None), (b"x" * 9000, None),
]


@pytest.mark.skipif(not IS_ROOT or not shutil.which("unshare"), reason="port 113 is root's")
@pytest.mark.parametrize("answer, info", ANSWERS, ids=[repr(a[:24]) for a, _ in ANSWERS])
def test_ident(answer, info, tmp_path):
    """The server is asked from our address, in a network of its own."""
    script = tmp_path / "ident.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(os.path.dirname(__file__))!r})\n"
                      f"import test_tcp_env\ntest_tcp_env.ident({answer!r})\n")
    done = subprocess.run(["unshare", "-n", "/usr/bin/python3", str(script)], capture_output=True, text=True, timeout=DEADLINE,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr
    assert variables(done.stdout).get("TCPREMOTEINFO") == info


def raise_loopback():
    """A new network has nothing that is up."""
    name, siocgifflags, siocsifflags, up = b"lo", 0x8913, 0x8914, 1
    with socket.socket() as s:
        flags = struct.unpack("16sH", fcntl.ioctl(s, siocgifflags, struct.pack("16sH14x", name, 0))[:18])[1]
        fcntl.ioctl(s, siocsifflags, struct.pack("16sH14x", name, flags | up))


def ident(answer):
    """In that network: answer on port 113, and show what tcp-env makes of it."""
    asked = []
    raise_loopback()

    def serve():
        peer = listener.accept()[0]
        with peer:
            asked.append(peer.recv(1000))
            ports = tuple(map(int, asked[0].split(b" , ")))
            peer.sendall(answer % ports if b"%d" in answer else answer)

    with socket.create_server(("127.0.0.1", 113)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        with connection() as (ours, other):
            code, text = tcp_env("-t", "20", *SHOW, stdin=ours)
            assert asked == [b"%d , %d\r\n" % (other.getsockname()[1], ours.getsockname()[1])]
        thread.join()
    assert code == 0
    print(text, end="")


@pytest.mark.skipif(not IS_ROOT or not shutil.which("unshare"), reason="port 113 is root's")
def test_ident_is_not_waited_for(tmp_path):
    """A server that says nothing: after the time that was given."""
    script = tmp_path / "mute.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(os.path.dirname(__file__))!r})\n"
                      "import test_tcp_env, socket\n"
                      "test_tcp_env.raise_loopback()\n"
                      "with socket.create_server(('127.0.0.1', 113)), test_tcp_env.connection() as (ours, _):\n"
                      "    print(test_tcp_env.tcp_env('-t1', *test_tcp_env.SHOW, stdin=ours)[1])\n")
    done = subprocess.run(["unshare", "-n", "/usr/bin/python3", str(script)], capture_output=True, text=True, timeout=DEADLINE,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0 and "TCPREMOTEINFO" not in done.stdout and "PROTO=TCP" in done.stdout
