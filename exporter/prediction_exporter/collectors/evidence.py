"""Evidence: which columns surely moved, and how small a change can be seen in each."""

from __future__ import annotations

import math

import numpy as np

from prediction_exporter.baseline.importance import Floats, importance_of
from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.collectors.prefixes import Prefixes
from prediction_exporter.evidence.detector import Evidence
from prediction_exporter.exposition import Samples
from prediction_exporter.families import BASELINE_COLUMN, MODEL, VERSION, Family

EVIDENCE = Family(
    name="model_column_drift_evidence",
    type="gauge",
    labels=(*VERSION, "column", "role"),
    group="drift",
    help=(
        "Decimal logarithm of the evidence that the column moved away from the baseline, from 0; at least the threshold until "
        "it is back. Absent while it is learnt how much hours differ."
    ),
)

EVIDENCE_THRESHOLD = Family(
    name="model_column_drift_evidence_threshold",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="drift",
    help="Evidence from which on the column surely moved: the looks of a month over its part of the false-alarm budget.",
)

IMPORTANCE = Family(
    name="model_column_importance_ratio",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="drift",
    help=(
        "What part of the model's output the feature carries, as configured or as the baseline taught; features add up to 1, "
        "and what a feature has is divided among the columns that are made of it. Absent where it is not known."
    ),
)

TOLERANCE = Family(
    name="model_column_drift_tolerance",
    type="gauge",
    labels=BASELINE_COLUMN,
    group="drift",
    help="Change of the column up to which no evidence is gathered, in standard deviations: what it varies by without drift.",
)

MOVED_COLUMNS = Family(
    name="model_moved_columns",
    type="gauge",
    labels=VERSION,
    group="drift",
    help="Columns that surely moved, all taken together, however little each did.",
)

WATCHED_RATIO = Family(
    name="model_watched_columns_ratio",
    type="gauge",
    labels=MODEL,
    group="drift",
    help="Share of the columns in which a change of half a standard deviation can be seen.",
)

LEARNING = Family(
    name="model_drift_learning_seconds",
    type="gauge",
    labels=VERSION,
    group="drift",
    help="Event time until evidence is gathered, while it is learnt how much hours differ; 0 from then on.",
)

EFFECTIVE = Family(
    name="model_effective_predictions_ratio",
    type="gauge",
    labels=VERSION,
    group="drift",
    help=(
        "Share of the predictions of the running day and the last one before it that are independent if those of an entity are "
        "all alike (Kish); absent where none names one. It does not add up: replicas that share entities see a part of each."
    ),
)

LATE = Family(
    name="model_drift_late_predictions_total",
    type="counter",
    labels=MODEL,
    group="drift",
    help=(
        "Predictions that came more than an hour after others of their time and later ones; they are in the windows, and give "
        "no evidence."
    ),
)

#: The change that a column has to show to count as watched, in standard deviations.
HALF = 0.5


class EvidenceSeries(ModelSeries):
    """The evidence of one model."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._prefixes = Prefixes(subject.model.name)
        self._fixed = Samples()
        if subject.detector is not None and subject.baseline is not None:
            detector = subject.detector
            tolerance = detector.visible
            self._add_columns(EVIDENCE_THRESHOLD, np.where(detector.watched, np.log10(detector.limits), np.nan))
            self._add_columns(TOLERANCE, tolerance)
            importance = importance_of(subject.model.importance, subject.baseline)
            if importance is not None:
                self._add_columns(IMPORTANCE, importance)
            self._fixed.add(WATCHED_RATIO, subject.labels(WATCHED_RATIO), float(np.mean(tolerance < HALF)))

    def _add_columns(self, family: Family, values: Floats) -> None:
        """Add what does not change; where it is not known, there is no series."""
        for (name, role), value in zip(self._columns(), values.tolist(), strict=True):
            if not math.isnan(value):
                self._fixed.add(family, self._subject.labels(family, name, role), value)

    def render(self, moment: Moment) -> Samples:
        """Return the evidence of each version, and what can be seen."""
        samples = self._fixed.copy()
        if self._subject.detector is None:
            return samples
        samples.add(LATE, self._subject.labels(LATE), moment.late, created=moment.since)
        for version, evidence in moment.evidence.items():
            self._render_version(samples, version, evidence)
        return samples

    def _render_version(self, samples: Samples, version: str, evidence: Evidence) -> None:
        prefixes = self._prefixes.of(EVIDENCE, (version,), self._columns)
        samples.extend(EVIDENCE, prefixes, evidence.log10)
        samples.add(LEARNING, self._subject.labels(LEARNING, version), evidence.learning)
        if not evidence.learning:
            samples.add(MOVED_COLUMNS, self._subject.labels(MOVED_COLUMNS, version), evidence.moved)
        if evidence.effective is not None:
            samples.add(EFFECTIVE, self._subject.labels(EFFECTIVE, version), evidence.effective)

    def _columns(self) -> list[tuple[str, str]]:
        baseline = self._subject.baseline
        return [] if baseline is None else [(column.name, column.role) for column in baseline.layout.columns]

    def most(self) -> Most:
        """Count all columns of each version."""
        if self._subject.detector is None:
            return Most.of(self._fixed)
        fixed = {**Most.of(self._fixed).fixed, LATE.name: 1}
        entities = {EFFECTIVE.name: 1} if self._subject.model.predictions.fields.entity is not None else {}
        return Most(fixed, {EVIDENCE.name: len(self._columns()), LEARNING.name: 1, MOVED_COLUMNS.name: 1, **entities})

    def forget(self, version: str) -> None:
        """Drop the version's prefixes."""
        self._prefixes.forget(version)


COLLECTOR = ModelCollector(
    name="evidence",
    summary="Which columns surely moved, within the false-alarm budget, and how small a change can be seen in each.",
    families=(
        EVIDENCE,
        EVIDENCE_THRESHOLD,
        TOLERANCE,
        IMPORTANCE,
        MOVED_COLUMNS,
        WATCHED_RATIO,
        LEARNING,
        EFFECTIVE,
        LATE,
    ),
    maturity=1,
    of_predictions=True,
    open=EvidenceSeries,
)
