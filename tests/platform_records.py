"""Records that a layout reads, as a log's source gives them: the values of each prediction, and what was refused or skipped."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prediction_exporter import config
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.sources.layouts.base import SIDES, Options
from prediction_exporter.sources.layouts.registry import layout_of
from prediction_exporter.sources.log import LogSource

RECORDS = Path(__file__).parent / "sources" / "records" / "data"


@dataclass
class Read:
    """What a source gave.

    Attributes:
        rows: of each prediction its time, id, version, whether it failed, its latency in milliseconds, and its columns.
        rejected: refused records by reason.
        skipped: records that are no predictions.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    skipped: int = 0


def columns(features: Mapping[str, Any], prediction: Any = None, **scores: float) -> Layout:
    """Return a layout of columns whose kind is that of an example of their values."""

    def column(name: str, role: Role, example: Any) -> Column:
        if isinstance(example, str):
            return Column(name=name, role=role, kind=Kind.CATEGORICAL, categories=(example,))
        return Column(name=name, role=role, kind=Kind.NUMERIC, edges=(0.0,))

    made = [column(name, Role.FEATURE, example) for name, example in features.items()]
    if prediction is not None:
        made.append(column("prediction", Role.PREDICTION, prediction))
    return Layout([*made, *(column(name, Role.SCORE, example) for name, example in scores.items())])


def read(lines: Path | Sequence[Mapping[str, Any] | str], of: Layout | None, *, folder: Path, **predictions: Any) -> Read:
    """Return what the source of a log with these lines gives.

    Args:
        lines: a file, or records.
        of: the model's columns.
        folder: where the log is written.
        predictions: what the configuration says of them.
    """
    path = folder / "records.log"
    if isinstance(lines, Path):
        path.write_bytes(lines.read_bytes())
    else:
        path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    model = {"name": "m", "owner": "o", "maturity": 0}
    model["predictions"] = {"log": {"path": path.name, "start": "beginning"}, **predictions}
    text = json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]})
    configured = config.parse(text, name="exporter.yml", base=folder, environ={}).models[0].predictions
    found = Read()
    with closing(LogSource(configured, of, where="models[0]", clock=lambda: 1_795_000_000.0)) as source:
        for batch in source.poll():
            found.skipped += batch.skipped
            for reason, count in batch.rejected.counts.items():
                found.rejected[reason] = found.rejected.get(reason, 0) + count
            for events in batch.events:
                for row in range(len(events)):
                    latency = None if events.latencies is None else float(events.latencies[row])
                    found.rows.append(
                        {
                            "time": datetime.fromtimestamp(events.times[row] / 1e6, UTC).isoformat(),
                            "id": None if events.ids is None else events.ids[row],
                            "version": events.versions[row],
                            "failed": bool(events.failed[row]),
                            "latency_ms": None if latency is None or math.isnan(latency) else round(latency * 1e3, 6),
                            **{name: values[row] for name, values in events.columns.items()},
                        }
                    )
    return found


def flat(name: Any, *records: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    """Return the flat events of a record, or of the two that are one, as the layout makes them."""
    known = layout_of(name)
    record = records[0] if len(records) == 1 else dict(zip(SIDES, records, strict=True))
    return list(known.flat(record, Options(**options)))


def records_of(path: str) -> list[dict[str, Any]]:
    """Return the records of a file among those of the tests."""
    return [json.loads(line) for line in (RECORDS / path).read_text().splitlines()]
