"""Real processes that tests start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import requests
from prometheus_client.parser import text_string_to_metric_families

from prediction_exporter.demo.sinks import LOOPBACK, free_port

START_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass
class Exporter:
    """A real exporter process."""

    config: Path
    port: int = field(default_factory=free_port)
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ("-m", "prediction_exporter")
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address of its pages."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.config.with_suffix(".log")

    def start(self, *, ready: bool = True) -> None:
        """Start it, and wait until it has evaluated every model."""
        command = [sys.executable, *self.command, "run", "--config.file", str(self.config)]
        command += ["--web.listen-address", f"{LOOPBACK}:{self.port}", *self.arguments]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        if ready:
            self.wait_for(self.is_ready, "ready")

    def is_ready(self) -> bool:
        """Return whether it serves metrics of every model."""
        try:
            return requests.get(f"{self.url}/-/ready", timeout=5).text == "ready\n"
        except requests.ConnectionError:
            return False

    def wait_for(self, condition: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
        """Wait until a condition holds; fail with the exporter's log where it does not."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, f"the exporter ended with {self.process.returncode}:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"not {what} within {seconds} s:\n{self.log.read_text()[-3000:]}"
            time.sleep(POLL_SECONDS)

    def metrics(self, collect: tuple[str, ...] = ()) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        """Scrape it, or some of its collectors."""
        return samples(requests.get(f"{self.url}/metrics", params={"collect[]": collect}, timeout=10).text)

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        return sum(v for (n, found), v in self.metrics().items() if n == name and labels.items() <= dict(found).items())

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self.process is not None
        os.kill(self.process.pid, number)

    def stop(self) -> int:
        """End it politely; return its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@lru_cache(maxsize=2)  # what waits looks many times at what is published once a second
def samples(text: str) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return the value of each series of an exposition, by name and labels."""
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return MappingProxyType(found)
