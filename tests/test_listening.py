"""The sockets that systemd hands over: taken as they are, kept over a reload and a restart, and refused where they are none."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from prediction_exporter.demo.sinks import LOOPBACK
from processes import POLL_SECONDS, START_SECONDS
from watched import Watched

#: Does what systemd does between fork and exec. Its first argument is LISTEN_PID, or empty for its own.
ACTIVATE = """
import os, sys
owner, count, *command = sys.argv[1:]
os.environ |= {"LISTEN_FDS": count, "LISTEN_PID": owner or str(os.getpid()), "LISTEN_FDNAMES": "web"}
os.execv(command[0], command)
"""


class Activated:
    """An exporter that gets its sockets from this process, which keeps them as systemd does."""

    def __init__(self, watched: Watched, *sockets: socket.socket) -> None:
        self.watched = watched
        self.sockets = sockets
        self.log = watched.folder / "exporter.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, owner: str = "", count: str | None = None) -> subprocess.Popen[bytes]:
        """Start it with the sockets from descriptor 3 on."""
        exporter = [sys.executable, "-m", "prediction_exporter", "run", "--web.systemd-socket", "--log.format", "json"]
        exporter += ["--config.file", str(self.watched.file)]
        command = [sys.executable, "-c", ACTIVATE, owner, count or str(len(self.sockets)), *exporter]
        # Duplicates, of numbers that are free and far from those that stand in their place then.
        numbers = [fcntl.fcntl(listening, fcntl.F_DUPFD, 100) for listening in self.sockets]
        shell = "".join(f"{3 + at}<&{number} " for at, number in enumerate(numbers))
        line = ["bash", "-c", f'exec "$@" {shell}', "bash", *command]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(line, stdout=output, stderr=output, pass_fds=numbers)
        for number in numbers:
            os.close(number)
        return self.process

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until its log has a text."""
        deadline = time.monotonic() + START_SECONDS
        while self.log.read_text().count(text) < times:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(POLL_SECONDS)

    def stop(self) -> int:
        """End it politely."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for a model, in real time."""
    found = Watched.live(tmp_path)
    found.configure()
    found.log(10)
    return found


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A socket that listens before there is an exporter."""
    with socket.create_server((LOOPBACK, 0)) as found:
        yield found


def ask(path: str, family: socket.AddressFamily, address: str) -> bytes:
    """Send a request and return the answer."""
    with socket.socket(family) as connection:
        connection.settimeout(START_SECONDS)
        connection.connect(address)
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_sockets_of_systemd_are_served(watched: Watched, listening: socket.socket, tmp_path: Path) -> None:
    """Both kinds are, what came before the start too, through a reload and a restart; nothing is asked of the port itself."""
    with socket.create_server(str(tmp_path / "web.sock"), family=socket.AF_UNIX) as unix:
        exporter = Activated(watched, listening, unix)
        address = listening.getsockname()
        url = f"http://{LOOPBACK}:{address[1]}"
        for start in (1, 2):
            with socket.create_connection(address, timeout=START_SECONDS) as early, requests.Session() as session:
                early.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")  # nobody accepts it yet, and nobody refuses it
                exporter.start()
                assert early.recv(65536).startswith(b"HTTP/1.1 200 ")
                assert b" 200 " in ask("/-/healthy", socket.AF_UNIX, unix.getsockname()).partition(b"\r\n")[0]
                assert session.get(f"{url}/-/healthy", timeout=5).ok
                assert exporter.process is not None
                exporter.process.send_signal(signal.SIGHUP)
                exporter.wait_for_log("configuration reloaded", start)
                assert session.get(f"{url}/-/healthy", timeout=5).ok
                assert requests.get(f"{url}/-/healthy", timeout=5).ok
                assert exporter.stop() == 0
        entries = [json.loads(line) for line in exporter.log.read_text().splitlines()]
        told = [entry["addresses"] for entry in entries if entry["msg"] == "listening"]
        assert told == [f"{LOOPBACK}:{address[1]}, unix:{tmp_path / 'web.sock'}"] * 2
        assert {entry["level"] for entry in entries} == {"info"}


def test_nothing_is_left_for_other_processes(watched: Watched, listening: socket.socket) -> None:
    """A process that it would start gets neither the sockets nor the variables, which are for this one."""
    exporter = Activated(watched, listening)
    process = exporter.start()
    assert requests.get(f"http://{LOOPBACK}:{listening.getsockname()[1]}/-/healthy", timeout=START_SECONDS).ok
    flags = re.search(r"flags:\s*([0-7]+)", Path(f"/proc/{process.pid}/fdinfo/3").read_text())
    assert flags is not None
    assert int(flags[1], 8) & os.O_CLOEXEC
    assert exporter.stop() == 0


@pytest.mark.parametrize(
    ("owner", "count", "message"),
    [
        ("1", "1", "the sockets are for process 1 and this is {pid}; let a shell exec it"),
        ("", "0", "systemd handed over no socket; start the .socket unit, or give --web.listen-address instead"),
        ("", "x", "systemd handed over no socket; start the .socket unit, or give --web.listen-address instead"),
        ("x", "1", "systemd handed over no socket; start the .socket unit, or give --web.listen-address instead"),
        ("", "9", "descriptor 4 "),
    ],
)
def test_sockets_that_are_not_there(watched: Watched, listening: socket.socket, owner: str, count: str, message: str) -> None:
    """It exits with 2 and says what is missing."""
    exporter = Activated(watched, listening)
    process = exporter.start(owner=owner, count=count)
    assert process.wait(30) == 2
    [entry] = [json.loads(line) for line in exporter.log.read_text().splitlines()]
    assert entry["msg"].startswith("--web.systemd-socket: " + message.format(pid=process.pid))


def test_sockets_that_do_not_listen(watched: Watched, listening: socket.socket) -> None:
    """As with ``Accept=yes``, where systemd hands over a connection, or with datagrams."""
    with socket.create_connection(listening.getsockname()) as connection, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        for wrong in (connection, datagrams):
            exporter = Activated(watched, wrong)
            assert exporter.start().wait(30) == 2
        entries = [json.loads(line)["msg"] for line in exporter.log.read_text().splitlines()]
        expected = "descriptor 3 does not listen; the unit needs ListenStream and no Accept=yes"
        assert entries == [f"--web.systemd-socket: {expected}"] * 2
