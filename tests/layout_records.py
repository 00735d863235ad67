"""Genuine records of layouts, read as the exporter reads them."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prediction_exporter.config import Predictions, parse
from prediction_exporter.config.records import LayoutName
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.files.source import FilesSource
from prediction_exporter.sources.layouts.base import Options
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.log import LogSource
from prediction_exporter.sources.records.unfolding import Unfolding

#: Records, a folder for each layout.
DATA = Path(__file__).parent / "sources/records/data"

#: When records are read that have no time.
NOW = 1_750_000_000.0


@dataclass
class Found:
    """What was read of records.

    Attributes:
        events: each a prediction: time in seconds, id, version, failed, latency in seconds, and the columns' values.
        rejected: refused records by reason.
        skipped: records that are no predictions.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    skipped: int = 0


def layout_with(
    *,
    numbers: tuple[str, ...] = (),
    texts: tuple[str, ...] = (),
    prediction: Kind | None = Kind.NUMERIC,
    scores: tuple[str, ...] = (),
) -> Layout:
    """Return the columns of a model."""
    columns = [Column(name=name, role=Role.FEATURE, kind=Kind.NUMERIC, edges=(0.0,)) for name in numbers]
    columns += [Column(name=name, role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=("a",)) for name in texts]
    if prediction is not None:
        edges, categories = ((0.0,), ()) if prediction is Kind.NUMERIC else ((), ("a",))
        columns.append(Column(name="prediction", role=Role.PREDICTION, kind=prediction, edges=edges, categories=categories))
    return Layout([*columns, *(Column(name=name, role=Role.SCORE, kind=Kind.NUMERIC, edges=(0.5,)) for name in scores)])


def predictions_of(layout: LayoutName, place: dict[str, Any], **more: Any) -> Predictions:
    """Return a configuration that names a layout and nothing else, but for what is given."""
    model = {"name": "m", "owner": "o", "maturity": 0, "predictions": {**place, "layout": layout, **more}}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    return parse(text, name="exporter.yml", base=Path("/"), environ={}).models[0].predictions


def read(path: Path, layout: LayoutName, columns: Layout | None, **more: Any) -> Found:
    """Return what a log comes to, or a file of an object store, which stands in a folder of its own."""
    reader: LogSource | FilesSource
    if path.suffix in (".parquet", ".csv", ".json"):
        os.utime(path, (NOW - 60, NOW - 60))  # it has not changed for long
        place = {"files": {"path": str(path.parent), "settle": "0s"}}
        configured = predictions_of(layout, place, **more)
        reader = FilesSource(configured, columns, where="models[0]", clock=lambda: NOW, horizon_seconds=1e10)
        reader.restore(None)
    else:
        configured = predictions_of(layout, {"log": {"path": str(path), "start": "beginning"}}, **more)
        reader = LogSource(configured, columns, where="models[0]", clock=lambda: NOW)
    found = Found()
    with closing(reader):
        for batch in reader.poll():
            found.rejected.update(batch.rejected.counts)
            found.skipped += batch.skipped
            for events in batch.events:
                rows = len(events)
                values = {name: column.to_list() for name, column in events.columns.items()}
                found.events += [
                    {
                        "time": float(events.times[at]) / 1e6,
                        "id": None if events.ids is None else events.ids[at],
                        "version": events.versions[at],
                        "failed": bool(events.failed[at]),
                        "latency": None if events.latencies is None else round(float(events.latencies[at]), 9),
                        **{name: column[at] for name, column in values.items()},
                    }
                    for at in range(rows)
                ]
    return found


def unfolded(layout: LayoutName, *records: Any, **rows: Any) -> tuple[list[dict[str, Any]], dict[str, int], int]:
    """Return the flat events of records, the refused ones by reason, and how many were skipped; texts are lines as they are."""
    configured = predictions_of(layout, {"log": {"path": "/x"}}, **({"rows": rows} if rows else {}))
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    rejected = Rejected()
    unfolding = Unfolding(configured, None, None, clock=lambda: NOW)
    flat = unfolding.unfold("".join(line + "\n" for line in lines).encode("utf-8", "surrogatepass"), rejected)
    return [json.loads(line) for line in flat.data.splitlines()], rejected.counts, flat.skipped


def flat(layout: LayoutName, record: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return what a layout itself makes of a record."""
    return list(layout_of(layout).flat(record, Options(now=NOW, **options)))
