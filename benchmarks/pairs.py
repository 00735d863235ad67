"""Pairs: requests and responses as records of their own, joined, against the same predictions as flat lines, on one core.

What is measured is a model's way from its log to its last commit, the state file included. Of each half the id and the side are
read, and both are put into one line, which is read as that of a flat log. Aims: 0.25 of the speed of flat lines where a
response follows its request, 0.15 in whatever order halves come, and at most 100 MB of anonymous memory beside that, as
it is between two reads. Fields are recognised before.
"""

from __future__ import annotations

import random
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import orjson
from data import CONFIG, lines, prepare  # first: it limits polars to one thread

from labels import anonymous
from prediction_exporter import config
from prediction_exporter.allocator import give_back
from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor

EVENTS = 60_000

#: Predictions that come first, by which fields are recognised.
FIRST = 200

JOIN = "join: {id: request_id, request: \"kind = 'request'\", response: \"kind = 'response'\"}"
FIELDS = (
    "fields: {time: request.ts, id: request.request_id, version: request.model_version, features: request.features, "
    "prediction: response.prediction, score: response.score, latency: response.latency_ms, status: response.status}"
)

FLAT, WHOLE = "flat lines", "request and response in one line"

#: What is configured of those that are not joined.
MORE = {FLAT: "", WHOLE: FIELDS}

#: Shares of the speed of flat lines: where halves come in any order, and other ones.
AIM, AIMS = 0.15, {FLAT: 1.0, WHOLE: 0.5, "one after the other": 0.25}

#: What a response has of a flat line.
OF_RESPONSE = ("latency_ms", "status", "prediction", "score")


def main() -> None:
    """Print the speeds, of processor time, in predictions a second."""
    flat = lines(EVENTS, seed=1, until=time.time(), seconds=3600)
    first = lines(FIRST, seed=2, until=time.time(), seconds=3600)
    cases = dict(zip(_cases(flat), zip(_cases(first).values(), _cases(flat).values(), strict=True), strict=True))
    print(f"pairs: {EVENTS:,} predictions of {len(flat) / EVENTS:.0f} bytes, one core, predictions a second")
    base = 0.0
    for name, (begin, logs) in cases.items():
        seconds, memory = _measured(begin, logs, MORE.get(name, f"{JOIN}, {FIELDS}"))
        speed = EVENTS / seconds
        base = base or speed
        print(f"  {name:34} {speed:9,.0f}   ratio {speed / base:5.2f}   aim {AIMS.get(name, AIM):4.2f}   {memory:4.0f} MB")


def _cases(flat: bytes) -> dict[str, dict[str, bytes]]:
    """Return the logs of each case, by their names."""
    pairs = [_halves(line) for line in flat.splitlines()]
    requests, responses = (b"".join(pair[side] for pair in pairs) for side in (0, 1))
    shuffled = [half for pair in pairs for half in pair]
    random.Random(1).shuffle(shuffled)
    whole = b"".join(b'{"request":%s,"response":%s}\n' % (request.rstrip(), response.rstrip()) for request, response in pairs)
    return {
        FLAT: {"a.jsonl": flat},
        WHOLE: {"a.jsonl": whole},
        "one after the other": {"a.jsonl": b"".join(half for pair in pairs for half in pair)},
        "in logs of their own": {"a.jsonl": requests, "b.jsonl": responses},
        "all requests, then all responses": {"a.jsonl": requests + responses},
        "in no order": {"a.jsonl": b"".join(shuffled)},
    }


def _halves(line: bytes) -> tuple[bytes, bytes]:
    event = orjson.loads(line)
    name = event["request_id"]
    response = {"kind": "response", "request_id": name, **{key: event.pop(key) for key in OF_RESPONSE}}
    about = {"kind": "request", "request_id": name, "ts": event.pop("ts"), "model_version": event.pop("model_version")}
    features = event.get("features", {key: value for key, value in event.items() if key != "request_id"})
    return orjson.dumps({**about, "features": features}) + b"\n", orjson.dumps(response) + b"\n"


def _measured(begin: dict[str, bytes], logs: dict[str, bytes], more: str) -> tuple[float, float]:
    """Return the seconds that a process of its own takes to read some logs, and the MB of anonymous memory that it grows by."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_read, Path(folder), begin, logs, more).result()


def _read(folder: Path, begin: dict[str, bytes], logs: dict[str, bytes], more: str) -> tuple[float, float]:
    prepare(folder)
    _append(folder, begin)
    file = folder / "exporter.yml"
    text = f"{{log: {{path: '{folder}/*.jsonl', start: beginning}}{', ' * bool(more)}{more}}}"
    file.write_text(CONFIG.format(folder=folder, source=text))
    loaded = config.load(file)
    state = State(folder / "state", models=["bench"])
    monitor = ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=8)
    monitor.read(until=lambda: False)
    _append(folder, logs)
    give_back()
    before = most = anonymous()
    began = time.process_time()
    while monitor.read(until=lambda: False):
        most = max(most, anonymous())
    seconds = time.process_time() - began
    report = monitor.evaluate().source
    if report.events != FIRST + EVENTS or any(report.rejected.values()):
        raise AssertionError(f"{report.events} of {EVENTS} predictions were counted: {report.rejected}")
    return seconds, max(most, anonymous()) - before


def _append(folder: Path, logs: dict[str, bytes]) -> None:
    for name, data in logs.items():
        with (folder / name).open("ab") as file:
            file.write(data)


if __name__ == "__main__":
    main()
