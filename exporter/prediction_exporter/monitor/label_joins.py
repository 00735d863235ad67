"""Label joins: where the labels of a model are joined with its predictions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from prediction_exporter.collectors.base import Subject
from prediction_exporter.counting.windows import Span
from prediction_exporter.monitor.labelling import Labelling, VersionsOf
from prediction_exporter.monitor.unlabelled import Unlabelled

logger = logging.getLogger(__name__)


def open_labelling(
    subject: Subject,
    spans: Sequence[Span],
    *,
    shown: Collection[str],
    place: str,
    clock: Callable[[], float],
    versions_of: VersionsOf,
) -> Unlabelled:
    """Return what joins a model's labels, where it has some and something tells what to count."""
    model, baseline = subject.model, subject.baseline
    if model.labels is None:
        return Unlabelled()
    if baseline is None or subject.performance is None:
        logger.warning("%s.labels: are not read: the model has no baseline, which tells what is counted of them", place)
        return Unlabelled()
    kind: type[Labelling] = Labelling
    if model.joins_in_engine:
        # Imported here: it needs SQLAlchemy, which takes a fifth of a start, and most models have no database.
        from prediction_exporter.monitor.engine_labelling import EngineLabelling

        kind = EngineLabelling
    return kind(
        subject,
        model.labels,
        baseline.layout,
        subject.performance,
        spans,
        shown=shown,
        place=place,
        clock=clock,
        versions_of=versions_of,
    )
