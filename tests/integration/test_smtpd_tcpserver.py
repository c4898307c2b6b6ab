"""qmail-smtpd under tcpserver, spoken to by real clients."""

import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess

import pytest
from smtpdrig import BIN, Home, Resident, demote

TCPSERVER = shutil.which("tcpserver")
SWAKS = shutil.which("swaks")


class Tcpserver(Resident):
    """The one-shot form behind tcpserver's socket."""

    def __init__(self, home):
        # tcpserver makes its socket itself: a port that is free now
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.ports = [s.getsockname()[1]]
        self.log_path = home.path / "log"
        with open(self.log_path, "wb") as log:
            self.proc = subprocess.Popen(
                [TCPSERVER, "-vHR", "-l", "mx.example.org", "127.0.0.1",
                 str(self.ports[0]), str(BIN / "qmail-smtpd")],
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=home.env(),
                **demote(),
            )

    def __enter__(self):
        def is_up():
            try:
                self.connect().close()
                return True
            except ConnectionRefusedError:
                return False

        self.wait_for(is_up)
        return self


@pytest.fixture(params=["tcpserver", "resident"])
def server(request):
    if request.param == "tcpserver" and TCPSERVER is None:
        pytest.skip("no tcpserver here")
    with Home(rcpthosts="example.org\n") as home:
        make = Tcpserver if request.param == "tcpserver" else Resident
        with make(home) as s:
            s.home = home
            yield s


def test_smtplib(server):
    with smtplib.SMTP("127.0.0.1", server.ports[0], timeout=20) as s:
        s.ehlo("client.example")
        assert s.has_extn("pipelining")
        assert s.has_extn("size")
        assert s.has_extn("8bitmime")
        assert s.has_extn("enhancedstatuscodes")
        refused = s.sendmail(
            "a@b.example",
            ["u@example.org", "v@elsewhere.example"],
            b"Subject: x\r\n\r\n.dot\r\n..\r\n\xff\r\n",
            mail_options=["BODY=8BITMIME"],
        )
        assert list(refused) == ["v@elsewhere.example"]
        assert refused["v@elsewhere.example"][0] == 553
        s.sendmail("", ["u@example.org"], b"second\r\n")
    got = server.home.messages()
    assert got[0][1] == b"Subject: x\n\n.dot\n..\n\xff\n"
    assert got[0][2] == [b"Fa@b.example", b"Tu@example.org"]
    assert got[1][1:] == (b"second\n", [b"F", b"Tu@example.org"])
    assert re.search(
        rb"\(HELO client\.example\) \(127\.0\.0\.1\)\n"
        rb"  by mx\.example\.org with SMTP",
        got[0][0],
    )


@pytest.mark.skipif(SWAKS is None, reason="no swaks here")
@pytest.mark.parametrize("pipeline", [[], ["--pipeline"]])
def test_swaks(server, pipeline):
    p = subprocess.run(
        [SWAKS, "--server", f"127.0.0.1:{server.ports[0]}", "--helo",
         "client.example", "--from", "a@b.example", "--to", "u@example.org",
         *pipeline],
        stdout=subprocess.PIPE,
        timeout=60,
        check=False,
        text=True,
    )
    assert p.returncode == 0, p.stdout
    assert "250 2.6.0 ok " in p.stdout
    [(_, stored, envelope)] = server.home.messages()
    assert b"\nThis is a test mailing\n" in stored
    assert envelope == [b"Fa@b.example", b"Tu@example.org"]


@pytest.mark.skipif(TCPSERVER is None, reason="no tcpserver here")
def test_tcpserver_logs_our_status():
    with Home() as home, Tcpserver(home) as server:
        peer = server.greeted()
        peer.say("QUIT")
        peer.close()
        server.wait_for(lambda: "status 0" in server.log())
        peer = server.greeted()
        peer.close()
        server.wait_for(lambda: "status 256" in server.log())
        os.kill(server.proc.pid, signal.SIGTERM)
