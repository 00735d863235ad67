"""Records of known servers against the same predictions as plain lines of a log, on one core.

What is measured is all that is done with the bytes of a log until its events are there: unfolding and parsing. The records are
those of the tests, which are genuine or printed in documentation, again and again with other ids. Plain lines are the flat
events that these unfold to, so that a ratio tells what the form of the records costs, and nothing of how much they hold: of
records whose answers are long, few fields are read.

Aims: each layout has its own share of their speed, and none reads fewer than 8,000 predictions a second. Plain lines are as
fast as in ``ingest.py``, as no layout is on their way.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import prediction_exporter  # noqa: F401 - first: it limits polars to one thread
from layout_records import DATA, NOW, predictions_of
from prediction_exporter.config import Predictions
from prediction_exporter.config.records import LayoutName
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.layouts.registry import NAMES
from prediction_exporter.sources.log_fields import recognise_log
from prediction_exporter.sources.records.unfolding import Unfolding

#: Predictions of a log, at least.
EVENTS = 4000
ROUNDS = 5

#: The file of each layout's tests that is most like what its server writes, where there are several or it is called otherwise.
FILES: Mapping[str, str] = {
    "azureml": "iris.jsonl",
    "bentoml": "data.jsonl",
    "databricks": "serving.jsonl",
    "ecs": "stdlib.jsonl",
    "kserve": "binary.jsonl",
    "loguru": "service.jsonl",
    "mlflow": "scoring.jsonl",
    "mlserver": "cloudevents.jsonl",
    "nginx": "access.jsonl",
    "open-inference": "apart.jsonl",
    "openai": "litellm_written.jsonl",
    "otel": "python_sdk.jsonl",
    "sagemaker": "capture.jsonl",
    "seldon": "events.jsonl",
    "structlog": "service.jsonl",
    "tfserving": "rest.jsonl",
    "torchserve": "ts_log.log",
    "triton": "simple.jsonl",
    "uvicorn": "server.jsonl",
    "vertex": "custom.jsonl",
}


#: Shares of the speed of plain lines, which are read without Python looking at any of them.
AIMS: Mapping[LayoutName, float] = {
    "azureml": 0.10,
    "bentoml": 0.07,
    "databricks": 0.08,
    "ecs": 0.04,
    "kserve": 0.03,
    "loguru": 0.08,
    "mlflow": 0.05,
    "mlserver": 0.02,
    "nginx": 0.03,
    "open-inference": 0.02,
    "openai": 0.05,
    "otel": 0.04,
    "sagemaker": 0.14,
    "seldon": 0.03,
    "structlog": 0.06,
    "tfserving": 0.06,
    "torchserve": 0.03,
    "triton": 0.03,
    "uvicorn": 0.03,
    "vertex": 0.05,
}


class Case(NamedTuple):
    """A log of a layout, and how it is read.

    Attributes:
        configured: how the configuration has it read.
        columns: those of a model whose features are those of the records.
        data: the log.
        flat: the lines of flat events that it unfolds to.
        events: how many these are.
        schema: where they have what.
    """

    configured: Predictions
    columns: Layout
    data: bytes
    flat: bytes
    events: int
    schema: EventSchema


def main() -> None:
    """Print the speeds, of processor time, in predictions a second."""
    print(
        f"layouts: at least {EVENTS:,} predictions, one core, predictions a second, ratio to their flat events as plain lines"
    )
    for name in NAMES:
        case = _case(name)
        parser = JsonLinesParser(case.schema)
        plain = case.events / _seconds(partial(parser.parse, case.flat))
        speed = case.events / _seconds(_reading(case, parser))
        print(
            f"  {name:15} {speed:9,.0f}   plain {plain:9,.0f}   ratio {speed / plain:4.2f}   aim {AIMS[name]:4.2f}"
            f"   {len(case.data) / case.events:6,.0f} bytes each, plain {len(case.flat) / case.events:5,.0f}"
        )


def _case(name: LayoutName) -> Case:
    file = (DATA / name / FILES[name]).read_bytes().strip() + b"\n"
    place = {"log": {"path": "/x"}}
    found = _events(_unfolded(Unfolding(predictions_of(name, place), None, None, clock=_clock), file))
    most = max((len(event["features"]) for event in found if isinstance(event.get("features"), list)), default=0)
    more = {"rows": {"names": [f"f{number}" for number in range(most)]}} if most else {}
    configured = predictions_of(name, place, **more)
    data = b"".join(_copies(file, found))
    columns = _columns(_events(_unfolded(Unfolding(configured, None, None, clock=_clock), file)))
    flat = _unfolded(Unfolding(configured, columns, None, clock=_clock), data)
    events = _events(flat)
    schema = recognise_log(events[:200], configured, columns, where="models[0]")
    return Case(configured, columns, data, flat, len(events), schema)


def _clock() -> float:
    return NOW


def _copies(file: bytes, found: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield a file again and again, each time with ids that are longer by a number, until there are enough predictions."""
    ids = sorted({str(event["id"]).encode() for event in found if event.get("id") is not None})
    for number in range(-(-EVENTS // len(found))):
        copy = file
        for at in ids:
            copy = copy.replace(b'"%b"' % at, b'"%b-%d"' % (at, number))
        yield copy


def _columns(events: Sequence[Mapping[str, Any]]) -> Layout:
    """Return the columns of a model whose features, predictions and scores are those of some events."""
    known: dict[tuple[Role, str], Kind] = {}
    for event in events:
        features = event.get("features")
        values: dict[tuple[Role, str], Any] = {(Role.PREDICTION, "prediction"): event.get("prediction")}
        if isinstance(features, Mapping):
            values |= {(Role.FEATURE, key): value for key, value in features.items()}
        for key, value in values.items():
            if isinstance(value, str | int | float):
                known.setdefault(key, Kind.CATEGORICAL if isinstance(value, str) else Kind.NUMERIC)
    return Layout(
        [
            Column(name=name, role=role, kind=kind, edges=(0.0,))
            if kind is Kind.NUMERIC
            else Column(name=name, role=role, kind=kind, categories=("a",))
            for (role, name), kind in known.items()
        ]
    )


def _reading(case: Case, parser: JsonLinesParser) -> Callable[[], None]:
    """Return what reads a log once, as for the first time: halves that met are not told of those of the round before."""

    def read() -> None:
        unfolding = Unfolding(case.configured, case.columns, None, clock=_clock)
        unfolding.id_at = case.schema.id
        rejected = Rejected()
        pieces = unfolding.pieces(case.data, rejected)
        found = sum(len(events) for piece in pieces for events in parser.parse(piece.data).events)
        if found != case.events:
            raise AssertionError(f"{found} of {case.events} predictions were read: {rejected}")

    return read


def _unfolded(unfolding: Unfolding, data: bytes) -> bytes:
    return b"".join(piece.data for piece in unfolding.pieces(data, Rejected()))


def _events(flat: bytes) -> list[Mapping[str, Any]]:
    return list(parse_lines(flat.split(b"\n"), Rejected()))


def _seconds(read: Callable[[], Any]) -> float:
    read()  # what is learned of the lines is known then
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        read()
        took.append(time.process_time() - began)
    return statistics.median(took)


if __name__ == "__main__":
    main()
