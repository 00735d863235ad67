"""The real Alertmanager on this machine, for as long as a test needs it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from prediction_exporter.demo.sinks import free_port


@contextmanager
def alertmanager_of(file: Path, folder: Path, *flags: str) -> Iterator[str]:
    """Run Alertmanager with a configuration, and further flags; give its address. What it keeps and logs is in the folder."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus-alertmanager",
        f"--config.file={file}",
        f"--storage.path={folder}/data",
        f"--web.listen-address={address}",
        "--web.external-url=http://alertmanager.example.com",
        "--cluster.listen-address=",
        *flags,
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            # Behind TLS or a password it is ready as soon as it listens.
            wait(lambda: _listens(address) if flags else _ready(address), f"Alertmanager: {folder}/log")
            yield f"http://{address}"
        finally:
            process.terminate()


def _ready(address: str) -> bool:
    try:
        return requests.get(f"http://{address}/-/ready", timeout=1).ok
    except requests.ConnectionError:
        return False


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def wait(condition: Callable[[], object], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)  # between two looks at another process
