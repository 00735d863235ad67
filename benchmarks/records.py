"""Records of many predictions against the same predictions as plain lines of a log, on one core.

What is measured is all that is done with the bytes of a log until its events are there: unfolding and parsing. Records are of
50 predictions with 40 features. Aim: at least 0.3 of the speed of plain lines, of CSV 0.2, and plain lines as fast as in
``ingest.py``, as none of this is on their way.
"""

from __future__ import annotations

import base64
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from data import lines, prepare  # first: it limits polars to one thread

from prediction_exporter.config import Predictions
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log_fields import recognise_log
from prediction_exporter.sources.records.unfolding import Unfolding

EVENTS = 20_000
ROWS = 50
ROUNDS = 5

Event = Mapping[str, Any]

#: Where the outputs of a record stand, in every form but the first.
_OUTPUTS = {"prediction": "predictions", "score": "scores"}
_FIELDS = {"features": "features", "prediction": "prediction", "score": "score"}


def _csv(events: Sequence[Event]) -> str:
    buffer = io.BytesIO()
    pl.DataFrame([event["features"] for event in events], infer_schema_length=None).write_csv(buffer, include_header=False)
    return buffer.getvalue().decode()


def _objects(events: Sequence[Event]) -> list[Any]:
    return [event["features"] for event in events]


def _split(events: Sequence[Event]) -> dict[str, Any]:
    names = list(events[0]["features"])
    return {"columns": names, "data": [[event["features"].get(name) for name in names] for event in events]}


def _columns(events: Sequence[Event]) -> dict[str, Any]:
    return {name: [event["features"].get(name) for event in events] for name in events[0]["features"]}


def _tensors(events: Sequence[Event]) -> list[Any]:
    return [
        {"name": name, "shape": [len(values), 1], "datatype": "FP64", "data": values}
        for name, values in _columns(events).items()
    ]


def _base64(events: Sequence[Event]) -> str:
    return base64.b64encode(json.dumps(_split(events)).encode()).decode()


#: Each form: how inputs are written, and what ``rows`` says.
FORMS: dict[str, tuple[Callable[[Sequence[Event]], Any], dict[str, Any]]] = {
    "lists of objects": (_objects, {}),
    "lists in step, in columns": (_columns, {}),
    "split frame": (_split, {}),
    "tensors (V2)": (_tensors, {}),
    "JSON in a text": (lambda events: json.dumps(_objects(events)), {}),
    "CSV in a text": (_csv, {"encoding": "csv"}),
    "base64": (_base64, {"encoding": "base64"}),
}


def main() -> None:
    """Print the speeds, of processor time, in predictions a second."""
    with tempfile.TemporaryDirectory() as folder:
        model = prepare(Path(folder)).models[0]
        baseline = load_baseline(model, "models[0]")
    assert baseline is not None
    plain = lines(EVENTS, seed=1, until=time.time(), seconds=3600)
    events = list(parse_lines(plain.split(b"\n"), Rejected()))
    names = list(events[0]["features"])
    flat = recognise_log(events[:100], model.predictions, baseline.layout, where="models[0]")
    parser = JsonLinesParser(flat)
    base = _speed(lambda: parser.parse(plain))
    print(
        f"records: {EVENTS:,} predictions of {len(plain) / EVENTS:.0f} bytes, {ROWS} a record, one core, predictions a second"
    )
    print(f"  plain lines                {base:10,.0f}")
    groups = [events[at : at + ROWS] for at in range(0, EVENTS, ROWS)]
    items = [_common(group) | {"items": list(group)} for group in groups]
    cases: dict[str, tuple[list[dict[str, Any]], Any]] = {"a list of predictions": (items, "items")}
    for form, (inputs, more) in FORMS.items():
        records = [_common(group) | {"inputs": inputs(group)} | _outputs(group) for group in groups]
        cases[form] = (
            records,
            {"features": "inputs", **_OUTPUTS, **({"names": names} if "csv" in more.values() else {}), **more},
        )
    for form, (records, rows) in cases.items():
        data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
        speed = _speed_of(data, rows, model.predictions, baseline.layout)
        print(f"  {form:26} {speed:10,.0f}   ratio {speed / base:5.2f}   {len(data) / EVENTS:5.0f} bytes each")


def _common(events: Sequence[Event]) -> dict[str, Any]:
    return {name: events[0][name] for name in ("ts", "request_id", "model_version", "latency_ms", "status")}


def _outputs(events: Sequence[Event]) -> dict[str, Any]:
    return {name: [event[key] for event in events] for key, name in _OUTPUTS.items()}


def _speed_of(data: bytes, rows: Any, predictions: Predictions, layout: Any) -> float:
    settings = Predictions.model_validate({"log": predictions.log, "rows": rows, "fields": _FIELDS})
    unfolding = Unfolding(settings, layout, None, clock=time.time)
    head = unfolding.unfold(data[: data.find(b"\n") + 1], Rejected()).data
    schema = recognise_log(list(parse_lines(head.split(b"\n"), Rejected())), settings, layout, where="models[0]")
    unfolding.id_at = schema.id
    parser = JsonLinesParser(schema)

    def read() -> None:
        rejected = Rejected()
        found = sum(len(events) for piece in unfolding.pieces(data, rejected) for events in parser.parse(piece.data).events)
        assert found == EVENTS, (found, rejected)

    return _speed(read)


def _speed(read: Callable[[], Any]) -> float:
    read()  # what is learned of the lines is known then
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        read()
        took.append(time.process_time() - began)
    return EVENTS / statistics.median(took)


if __name__ == "__main__":
    main()
