"""Records of several predictions: what they unfold to, whatever their payloads hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzing.target import Target
from prediction_exporter import config
from prediction_exporter.sources.base import EXAMPLE_BYTES, Rejected
from prediction_exporter.sources.fields.made import ROW
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.records.unfolding import Unfolding

_MOST = 20

_NAMED = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}]
_SPLIT = {"columns": ["a", "b"], "data": [[1, "x"], [2.5, None]]}
_TENSORS = [{"name": "a", "shape": [2, 1], "datatype": "FP32", "data": [1, 2]}, {"name": "b", "shape": [2], "data": ["x", "y"]}]

#: Sections that records are unfolded by, all of them the same records.
_SECTIONS: tuple[Any, ...] = (
    {"features": "in", "prediction": "out", "score": "p", "id": "ids"},
    {"features": "in", "prediction": "out", "names": ["a", "b"], "encoding": "csv"},
    {"features": "in.inputs", "prediction": "out", "names": ["a"], "encoding": "base64"},
    {"each": "in"},
    {"features": "in", "attributions": "p", "prediction": "out"},
    {"features": "in.instances[0]", "score": "p", "status": "status"},
)

_TOKENS = (
    *(b'"in"', b'"out"', b'"ids"', b'"p"', b'"shape"', b'"data"', b'"columns"', b'"names"', b'"instances"', b'"inputs"'),
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b'\\"', b"\\n", b"\\u003a", b"\\ud800", b"\n", b"\xff", b"-1", b"[[", b"null"),
    *(b"NaN", b"-Infinity", b"1e400", b"123456789012345678901234567890", b'"a,b\\n1,2"', b'"WzEsMl0="', b'"[1]"', b'"{}"'),
)


def _samples(_: Path) -> list[bytes]:
    text = json.dumps({"instances": _NAMED})
    inputs: tuple[Any, ...] = (_NAMED, _SPLIT, _TENSORS, {"instances": _NAMED}, {"a": [1, 2], "b": ["x", "y"]}, text)
    inputs += ("a,b\n1,x\n2,y\n", '"x, y",1\n"",2', "WzEsIDJd", {"data": {"names": ["a"], "ndarray": [[1], [2]]}}, [[1], 2])
    outputs: tuple[Any, ...] = ([0, 1], [[0.5], [0.25]], "0.5\n0.25\n", {"predictions": [{"x": 1}, {"x": 2}]})
    records = [
        {"ts": 1, "in": inputs[at], "out": outputs[at % len(outputs)], "p": [0.5, 0.25], "ids": ["a", "b"], "status": 200}
        for at in range(len(inputs))
    ]
    return ["".join(json.dumps(record) + "\n" for record in some).encode() for some in (records, records[:1], records[6:8])]


def _unfolding(folder: Path) -> Callable[[bytes], None]:
    unfoldings = []
    for section in _SECTIONS:
        rows = {**section, "max": _MOST}
        predictions: dict[str, Any] = {"log": {"path": "app.log"}, "rows": rows}
        if "attributions" in section:
            predictions["fields"] = {"attributions": "attributions"}
        model = {"name": "m", "owner": "me", "maturity": 1, "baseline": "baseline.json", "predictions": predictions}
        text = json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [model]})
        loaded = config.parse(text, name="exporter.yml", base=folder, environ={})
        unfoldings.append(Unfolding(loaded.models[0].predictions, None, None, clock=lambda: 0.0))

    def check(data: bytes) -> None:
        for unfolding in unfoldings:
            before = unfolding.records
            rejected = Rejected()
            lines = unfolding.unfold(data, rejected).data.split(b"\n")
            malformed = Rejected()
            records = list(parse_lines(data.split(b"\n"), malformed))
            events = list(parse_lines(lines, written := Rejected()))
            assert not written.total, "what was written is no JSON"
            assert len(events) == len(lines) - 1, "an event is not one line"
            refused = rejected.total - malformed.total
            found = unfolding.records - before
            assert found + refused <= len(records), "records are made up"
            empty = len(records) - found - refused  # such as batches without a row
            assert empty >= 0, "a record is counted twice"
            assert all(0 <= event[ROW] < _MOST for event in events), "more predictions than a record may have"
            for reason, count in malformed.counts.items():
                assert rejected.counts.get(reason, 0) == count, f"{reason}: a line is refused for what stands beside it"
            alone = b"".join(unfolding.unfold(line, Rejected()).data for line in data.split(b"\n"))
            assert alone == b"\n".join(lines), "a record is read otherwise for what stands beside it"
            for reason in ("payload", "uneven_rows", "too_many_rows"):
                assert len(rejected.examples.get(reason, "")) <= EXAMPLE_BYTES

    return check


RECORDS = Target(
    name="records",
    what="records of several predictions: each unfolds to lines of JSON or is refused, alike alone and among others",
    samples=_samples,
    open=_unfolding,
    tokens=_TOKENS,
)
