"""Sources of labels for tests: their configuration, and all that they have to say."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from prediction_exporter.config import parse
from prediction_exporter.config.labels import Labels as Section
from prediction_exporter.counting.events import Events
from prediction_exporter.labels.keys import hash_ids
from prediction_exporter.performance import PerformanceLayout
from prediction_exporter.sources.base import Rejected, Source
from prediction_exporter.sources.labels import Parts, kind_of, labels_of, open_labels

#: Files are told by their real times.
NOW = float(int(time.time()))

#: A label as it is compared: the key of its id, its label, its time in microseconds, and its weight; None for what is missing.
Read = tuple[int | None, str | float | None, int, float | None]


def section(folder: Path, **labels: Any) -> Section:
    """Return the section of a configuration in a folder, as a file would have it."""
    model = {
        "name": "m",
        "owner": "me",
        "baseline": "b.json",
        "predictions": {"log": {"path": "p.jsonl"}},
        "labels": {"fields": {"id": "id", "label": "label"}, "matures_after": "1d", **labels},
    }
    text = json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [model]})
    found = parse(text, name="exporter.yml", base=folder, environ={}).models[0].labels
    assert found is not None
    return found


def opened(labels: Section, performance: PerformanceLayout, *, now: float = NOW, position: str | None = None) -> Source:
    """Return a source that goes on from a position, or begins."""
    source = open_labels(labels, kind_of(performance), where="models[0]", clock=lambda: now)
    source.restore(position)
    return source


def read(source: Source) -> tuple[list[Events], Rejected]:
    """Return what a source yields now."""
    events: list[Events] = []
    rejected = Rejected()
    for batch in source.poll():
        events += batch.events
        rejected.merge(batch.rejected)
    return events, rejected


def taken(events: Sequence[Events], performance: PerformanceLayout, parts: Parts = None) -> list[Read]:
    """Return the labels of events, sorted."""
    found: list[Read] = []
    for part in events:
        labels = labels_of(part, performance, parts)
        keys = [None if text is None else int(key) for text, key in zip(labels.ids, _keys(labels.ids), strict=True)]
        weights = [None] * len(labels) if labels.weights is None else labels.weights.tolist()
        assert labels.times is not None
        rows = zip(keys, labels.actual.to_list(), labels.times.tolist(), weights, strict=True)
        found += [(key, actual, at, None if weight is None or np.isnan(weight) else weight) for key, actual, at, weight in rows]
    return sorted(found, key=repr)


def _keys(ids: pl.Series) -> Any:
    return hash_ids(ids.fill_null("")).keys


def labels_in(labels: Section, performance: PerformanceLayout) -> tuple[list[Read], dict[str, int]]:
    """Return the labels that a source has, and how many of its lines were refused, by reason."""
    with closing(opened(labels, performance)) as source:
        events, rejected = read(source)
    return taken(events, performance), rejected.counts
