"""Model servers that do what a test tells them, and what a collector says of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_exporter import config
from prediction_exporter.collectors.base import Poll
from prediction_exporter.collectors.model_process import COLLECTOR
from processes import samples
from watched import Series, total

PROGRAM = """
import os, signal, socket, sys, threading, time

def burn(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass

kept = []
for line in sys.stdin:
    word, *rest = line.split()
    answer = "done"
    if word == "burn":
        burn(float(rest[0]))
    elif word == "hold":
        held = bytearray(int(rest[0]))
        for place in range(0, len(held), 4096):
            held[place] = 1
        kept.append(held)
    elif word == "open":
        kept += [open(os.devnull) for _ in range(int(rest[0]))]
    elif word == "write":
        with open(rest[0], "wb") as file:
            file.write(bytes(int(rest[1])))
            file.flush()
            os.fsync(file.fileno())
    elif word == "listen":
        listening = socket.create_server(("127.0.0.1", 0))
        kept.append(listening)
        answer = str(listening.getsockname()[1])
    elif word == "threads":
        for _ in range(int(rest[0])):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    elif word == "fork":  # a child that burns, says so, and ends or stays
        heard, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            burn(float(rest[0]))
            os.write(told, b"!")
            if rest[1] == "ends":
                os._exit(0)
            signal.pause()
        os.read(heard, 1)
        answer = str(pid)
    elif word == "end":  # a child
        os.kill(int(rest[0]), signal.SIGKILL)
        os.waitpid(int(rest[0]), 0)
    elif word == "wait":
        os.waitpid(int(rest[0]), 0)
    elif word == "ignore":  # children are not waited for, and leave no zombies
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    elif word == "spent":
        answer = str(sum(os.times()[:4]))
    print(answer, flush=True)
"""


@dataclass
class Server:
    """A model server."""

    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """Its number."""
        return self.process.pid

    def tell(self, *words: object) -> str:
        """Let it do something, and return what it answers when it is done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    @property
    def spent(self) -> float:
        """CPU seconds of its own and of the children that it has waited for, as it knows them itself."""
        return float(self.tell("spent"))


@contextmanager
def serving(name: str = "model-server", *, before: tuple[str, ...] = ()) -> Iterator[Server]:
    """Run a server; ``name`` is in its command line, ``before`` are a command and arguments that start it."""
    command = [*before, sys.executable, "-c", PROGRAM, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        server = Server(process)
        try:
            server.tell("burn", 0)
            yield server
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too


def configured(folder: Path, process: Mapping[str, Any]) -> config.Config:
    """Return a configuration with a model whose server is found so."""
    text = json.dumps(
        {
            "state_dir": "state",
            "owners": {"me": {"slack": "#me"}},
            "models": [
                {
                    "name": "m",
                    "owner": "me",
                    "maturity": 0,
                    "predictions": {"log": {"path": "app.jsonl"}},
                    "process": dict(process),
                }
            ],
        }
    )
    (folder / "state").mkdir(exist_ok=True)
    return config.parse(text, name="exporter.yml", base=folder, environ={})


def poll_of(folder: Path, **process: Any) -> Poll:
    """Return what polls a server that is found so; its state is kept in the folder."""
    return COLLECTOR.open(configured(folder, process))["m"]


def look(poll: Poll) -> Series:
    """Return what a scrape shows after a poll."""
    return samples("".join(f"{line}\n" for lines in poll.poll().lines.values() for line in lines))


def value(series: Series, name: str) -> float:
    """Return a series of ``model_process_`` that must be there."""
    found = total(series, f"model_process_{name}")
    assert found is not None, name
    return found


def reason(series: Series, part: str) -> str:
    """Return why a part of the series is not there, or ok."""
    (found,) = [dict(of)["reason"] for (name, of) in series if name == "model_process_status" and dict(of)["part"] == part]
    return found
