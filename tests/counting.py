"""What a source comes to when all of it is counted, bin by bin, for comparing sources with each other."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from prediction_exporter import config
from prediction_exporter.counting.entities import Entities
from prediction_exporter.counting.events import Events
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.profiler import UNVERSIONED, Profiler
from prediction_exporter.counting.tally import Tally, tallies_of
from prediction_exporter.counting.traffic import Histogram, Traffic, VersionTraffic
from prediction_exporter.counting.windows import Span
from prediction_exporter.sources.base import Source
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.registry import open_source

SLOW_AFTER = 0.03


@dataclass
class Counted:
    """What was counted of a source: profiles by version, segment and slice, traffic, and refusals."""

    tally: Tally = field(default_factory=Tally)
    rejected: Counter[str] = field(default_factory=Counter)


def context_of(
    folder: Path,
    predictions: Mapping[str, Any],
    layout: Layout | None,
    *,
    clock: Callable[[], float],
    segments: Sequence[str] = (),
    windows: Sequence[str] = ("1h", "1d"),
) -> SourceContext:
    """Return what a source is opened with, where a configuration says this of its predictions."""
    model = {"name": "m", "owner": "me", "baseline": "baseline.json", "predictions": predictions}
    # As it is: YAML knows no pairs of surrogates.
    text = json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [model], "windows": list(windows)}, ensure_ascii=False)
    loaded = config.parse(text, name="exporter.yml", base=folder, environ={})
    return SourceContext(
        predictions=loaded.models[0].predictions,
        layout=layout,
        spans=sorted((Span.of(str(window), window.seconds) for window in loaded.windows), key=lambda span: span.seconds),
        segments=segments,
        traffic=Traffic(layout, slow_after=SLOW_AFTER),
        labels_of=lambda versions: {version: (version or UNVERSIONED)[:64] for version in versions},
        where="models[0]",
        clock=clock,
    )


def tally_of(events: Events, profiler: Profiler | None, traffic: Traffic, *, has_status: bool) -> Tally:
    """Return what is counted of events, as one tally."""
    total = Tally()
    for part in tallies_of(events, profiler, traffic, has_status=has_status):
        total.add(part)
    return total


def count(context: SourceContext) -> Counted:
    """Open a source, count all that it gives at its first poll, and close it."""
    source = open_source(context)
    try:
        source.restore(None)
        return count_poll(source, context)
    finally:
        source.close()


def count_poll(source: Source, context: SourceContext) -> Counted:
    """Count all that a source gives in a poll."""
    counted = Counted()
    profiler = Profiler(context.layout, bucket_seconds=60, segments=context.segments) if context.layout is not None else None
    for batch in source.poll():
        counted.rejected.update(batch.rejected.counts)
        for events in batch.events:
            labels = context.labels_of(events.versions.unique().to_list())
            versions = pl.Series([labels[version] for version in events.versions.to_list()], dtype=pl.String)
            has_status = source.schema is None or source.schema.status is not None
            counted.tally.add(tally_of(replace(events, versions=versions), profiler, context.traffic, has_status=has_status))
        if batch.tally is not None:
            counted.tally.add(batch.tally)
    return counted


def assert_equal(one: Counted, other: Counted) -> None:
    """Check that two sources came to the same: counts and extremes exactly, sums to rounding."""
    assert one.rejected == other.rejected
    assert one.tally.events == other.tally.events
    assert one.tally.newest == other.tally.newest
    assert one.tally.traffic.keys() == other.tally.traffic.keys()
    for version, traffic in one.tally.traffic.items():
        assert _rounded(traffic) == _rounded(other.tally.traffic[version]), version
    assert {key: plain(of) for key, of in one.tally.entities.items()} == {
        key: plain(of) for key, of in other.tally.entities.items()
    }
    assert one.tally.profiles.keys() == other.tally.profiles.keys()
    for key, profile in one.tally.profiles.items():
        same = other.tally.profiles[key]
        names = [column.name for column in profile.layout.columns]
        for name in names:
            mine, others = profile.column_values(name), same.column_values(name)
            np.testing.assert_array_equal(mine, others, err_msg=f"bins of {name} in {key}")
        for index, name in enumerate(names):
            np.testing.assert_array_equal(profile.states[index], same.states[index], err_msg=f"states of {name} in {key}")
        np.testing.assert_array_equal(profile.counts, same.counts, err_msg=str(key))
        np.testing.assert_array_equal(profile.extremes, same.extremes, err_msg=str(key))
        np.testing.assert_allclose(profile.sums[1], same.sums[1], rtol=1e-9, atol=1e-9, err_msg=str(key))
        with np.errstate(invalid="ignore"):  # large numbers of both signs leave the rounding of the largest
            scales = np.sqrt(np.maximum(profile.sums[1], 1.0))
            mine, others = profile.sums[0] / scales, same.sums[0] / scales
            # Where squares overflow, an engine has not added up what is so large.
            overflown = np.isinf(profile.sums[1])
            mine[overflown] = others[overflown] = 0.0
        np.testing.assert_allclose(mine, others, rtol=1e-9, atol=1e-12, err_msg=str(key))


def plain(entities: Entities) -> tuple[list[int], list[int], int, int]:
    """Return all that a sketch holds."""
    return entities.hashes.tolist(), entities.counts.tolist(), entities.rows, entities.alone


def _rounded(traffic: VersionTraffic) -> dict[str, Any]:
    """Return counters for comparison, sums with the digits that do not depend on the order of adding."""

    def histogram(found: Histogram | None) -> Any:
        return None if found is None else (found.counts, format(round(found.total, 12), ".9g"))

    return traffic.to_json() | {
        "durations": histogram(traffic.durations),
        "values": histogram(traffic.values),
        "scores": {name: histogram(found) for name, found in traffic.scores.items()},
        "timings": {name: histogram(found) for name, found in traffic.timings.items()},
        "sums": {name: (format(of.total, ".9g"), of.valid, of.missing, of.invalid) for name, of in traffic.sums.items()},
    }
