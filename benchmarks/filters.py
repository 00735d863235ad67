"""Filters: the log's parse with ``predictions.where`` against the same lines without it, on one core.

Where all lines pass, reading the filter's field beside the others costs next to nothing. Where few do, the others are left out
before the fields of events are read. Aim: at least 0.85 of the speed where every line passes, and more where one in ten does.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from data import lines, prepare  # first: it limits polars to one thread

from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.log_fields import recognise_log

EVENTS = 20_000
ROUNDS = 5

#: Another line of a service, which has something else under the names of a prediction's fields.
OTHER = b'{"event": "access", "ts": "2026-01-01T00:00:00Z", "status": "ok", "features": "none", "message": "%s"}' % (b"x" * 700)

#: One line of how many passes which expression.
CASES = (
    (1, "event = 'prediction'"),
    (1, "event = 'prediction' AND status < 500"),
    (2, "event = 'prediction'"),
    (10, "event = 'prediction'"),
)


def main() -> None:
    """Print the speeds, of processor time, in lines a second."""
    with tempfile.TemporaryDirectory() as folder:
        model = prepare(Path(folder)).models[0]
        baseline = load_baseline(model, "models[0]")
    assert baseline is not None
    plain = [line for line in lines(EVENTS, seed=1, until=time.time(), seconds=3600).split(b"\n") if line]
    marked = [b'{"event": "prediction", ' + line[1:] for line in plain]
    sample = list(parse_lines(marked[:100], Rejected()))
    schema = recognise_log(sample, model.predictions, baseline.layout, where="models[0]")
    print(f"filters: {EVENTS:,} lines of {sum(map(len, marked)) / EVENTS:.0f} bytes, one core, lines a second")
    base = _speed(JsonLinesParser(schema), marked)
    print(f"  without a filter              {base:10,.0f}")
    for share, expression in CASES:
        mixed = [line if at % share == 0 else OTHER for at, line in enumerate(marked)]
        speed = _speed(JsonLinesParser(schema, chosen=Filter(parse_where(expression))), mixed)
        print(f"  1 line of {share:2} passes           {speed:10,.0f}   ratio {speed / base:5.2f}   {expression}")


def _speed(parser: JsonLinesParser, found: list[bytes]) -> float:
    data = b"\n".join([*found, b""])
    parser.parse(data)  # what it learns of the lines is known then
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        parser.parse(data)
        took.append(time.process_time() - began)
    return len(found) / statistics.median(took)


if __name__ == "__main__":
    main()
