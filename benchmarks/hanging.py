"""A scrape while every source and 1,000 connections hang, against one of the same exporter before the connections came.

The real exporter, over real sockets, each scrape on a connection of its own. The connections hang in four ways, and are opened
again when the exporter closes them: they send nothing, half of a request, a byte now and then, or do not read their answer.
The sources: servers that accept and never answer, and a pipe in the place of a log.
"""

from __future__ import annotations

import http.client
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles

from data import lines, prepare

from prediction_exporter.demo.sinks import LOOPBACK, free_port

CONNECTIONS = 1_000
ROUNDS = 100
FLOOR_SECONDS = 0.1
LEAST_ANSWERED = 0.95  # of the scrapes
EVENTS = 20_000

HALF = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
TRICKLING = "a byte now and then"
#: What a connection sends before it hangs, by the way in which it does.
WAYS = {"idle": b"", "half of a request": HALF, TRICKLING: b"GET /x", "answers not read": (HALF + b"\r\n") * 20}
TRICKLE_SECONDS = 1.0
AGAIN_SECONDS = 5.0  # until a connection that was closed is opened again
PAUSE_SECONDS = 0.02

HANGING = """
  - name: {name}
    owner: me
    maturity: 0
    predictions: {source}
"""


@contextmanager
def silent_server() -> Iterator[int]:
    """Serve on a port that accepts and never answers."""
    with socket.create_server((LOOPBACK, 0), backlog=64) as listening:
        taken: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):  # the end
                while True:
                    taken.append(listening.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        for connection in taken:
            connection.close()


def configure(folder: Path, port: int) -> Path:
    """Write a configuration: a model with a log, and models whose sources never answer; return its path."""
    prepare(folder)
    (folder / "app.log").write_bytes(lines(EVENTS, seed=1, until=time.time(), seconds=80_000))
    sources = {
        "postgresql": f"{{table: {{url: 'postgresql://u:p@{LOOPBACK}:{port}/db', name: predictions}}}}",
        "mysql": f"{{table: {{url: 'mysql://u:p@{LOOPBACK}:{port}/db', name: predictions}}}}",
        "clickhouse": f"{{table: {{url: 'clickhouse://u:p@{LOOPBACK}:{port}/db', name: predictions}}}}",
    }
    file = folder / "exporter.yml"
    with file.open("a") as config:
        config.writelines(HANGING.format(name=name, source=source) for name, source in sources.items())
    return file


class Hanging(threading.Thread):
    """Connections that hang, each opened again where it was closed."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._poll = select.poll()
        self._open: dict[int, tuple[socket.socket, str]] = {}
        self._closed: deque[tuple[float, str]] = deque()
        self.opened = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Open them, and keep their number."""
        ways = list(WAYS)
        for number in range(CONNECTIONS):
            self._begin(ways[number % len(ways)])
        trickled = time.monotonic()
        while not self.stopping.is_set():
            for descriptor, _ in self._poll.poll(50):
                self._poll.unregister(descriptor)
                connection, way = self._open.pop(descriptor)
                connection.close()
                self._closed.append((time.monotonic() + AGAIN_SECONDS, way))
            while self._closed and self._closed[0][0] < time.monotonic():
                self._begin(self._closed.popleft()[1])
            if time.monotonic() - trickled > TRICKLE_SECONDS:
                trickled = time.monotonic()
                self._trickle()

    def _begin(self, way: str) -> None:
        connection = socket.create_connection((LOOPBACK, self._port), timeout=30)
        with suppress(OSError):  # closed at once, which is seen below
            connection.sendall(WAYS[way])
        self._open[connection.fileno()] = connection, way
        self._poll.register(connection, select.POLLRDHUP)
        self.opened += 1

    def _trickle(self) -> None:
        for connection, way in self._open.values():
            if way == TRICKLING:
                with suppress(OSError):
                    connection.sendall(b"x")


def scrape(port: int) -> float:
    """Return the seconds of a scrape on a connection of its own."""
    start = time.perf_counter()
    client = http.client.HTTPConnection(LOOPBACK, port, timeout=30)
    client.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    answer = client.getresponse()
    body = answer.read()
    client.close()
    if answer.status != http.client.OK:  # there is no place for it while all connections come at once
        raise http.client.HTTPException(f"{answer.status}: {body.decode().strip()}")
    return time.perf_counter() - start


def serves(port: int) -> bool:
    """Return whether the exporter has evaluated the model with the log."""
    with suppress(OSError, http.client.HTTPException):
        client = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
        client.request("GET", "/metrics")
        return b'model_window_predictions{model="bench"' in client.getresponse().read()
    return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"not {what} within a minute")
        time.sleep(0.1)  # another process brings it about, which needs the processor


def timed(port: int) -> list[float]:
    """Return the seconds of some scrapes, with a pause between them."""
    seconds = []
    for _ in range(ROUNDS):
        try:
            seconds.append(scrape(port))
        except (OSError, http.client.HTTPException) as error:
            print(f"  a scrape failed: {error}")
        time.sleep(PAUSE_SECONDS)  # scrapes come one by one, as Prometheus asks
    return seconds


def main() -> None:
    """Print both times, their ratio and the slowest; fail above the floor."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as name, silent_server() as silent:
        folder, port = Path(name), free_port()
        file = configure(folder, silent)
        command = [sys.executable, "-m", "prediction_exporter", "run", "--config.file", str(file)]
        with (folder / "exporter.log").open("wb") as log:
            exporter = subprocess.Popen(
                [*command, "--web.listen-address", f"{LOOPBACK}:{port}"], stdout=log, stderr=subprocess.STDOUT
            )
        try:
            wait_until(lambda: serves(port), "ready")
            (folder / "app.log").unlink()
            os.mkfifo(folder / "app.log")  # from here on this source gives nothing either
            idle = timed(port)
            hanging = Hanging(port)
            hanging.start()
            wait_until(lambda: hanging.opened >= CONNECTIONS, "so many connections")
            under = timed(port)
            hanging.stopping.set()
            hanging.join()
        finally:
            exporter.kill()
            exporter.wait()
    print(f"hanging: {CONNECTIONS:,} connections, opened {hanging.opened:,} times, and every source; {ROUNDS} scrapes")
    for what, seconds in (("before", idle), ("while they hang", under)):
        slow, slowest = quantiles(seconds, n=20)[-1] * 1e3, max(seconds) * 1e3
        print(f"  {what:24}{median(seconds) * 1e3:8.1f} ms   95 % within {slow:6.1f} ms   all within {slowest:6.1f} ms")
    print(f"  ratio                   {median(under) / median(idle):8.1f}")
    if len(under) < ROUNDS * LEAST_ANSWERED:
        raise SystemExit(f"{ROUNDS - len(under)} scrapes of {ROUNDS} were not answered")
    if median(under) > FLOOR_SECONDS:
        raise SystemExit(f"a scrape takes more than {FLOOR_SECONDS * 1e3:.0f} ms while all hangs")


if __name__ == "__main__":
    main()
