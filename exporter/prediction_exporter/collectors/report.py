"""Reports: what is known of one model after an evaluation, immutable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.baseline import Baseline
from prediction_exporter.config import Model
from prediction_exporter.counting.profile import Profile
from prediction_exporter.evidence.detector import Evidence
from prediction_exporter.exposition import Samples
from prediction_exporter.labels.tallies import Tallies
from prediction_exporter.notes.verdicts import Verdicts
from prediction_exporter.performance import Measured, Performance
from prediction_exporter.performance.label_drift import LabelDrift
from prediction_exporter.sources.base import Waiting
from prediction_exporter.statistics.comparison import Expected
from prediction_exporter.statistics.evaluation import Result


@dataclass(frozen=True, slots=True)
class Collected:
    """What one run of a collector gave.

    Attributes:
        samples: its series; none where it failed, for the last ones would pass for those of now.
        success: whether it gave what it should.
        seconds: how long it took.
    """

    samples: Samples = field(repr=False)
    success: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class WindowReport:
    """One window of one version and segment, evaluated.

    Attributes:
        expected: what it was compared with; None where that was all of the baseline.
    """

    version: str
    segment: str
    window: str
    profile: Profile
    results: Mapping[str, Result]
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class ReferenceReport:
    """One window of one version, seen from another one in the place of the baseline.

    Attributes:
        reference: what it is seen from: week or version.
        predictions: rows of that; None where it is not known.
        results: the distances, by key.
    """

    version: str
    window: str
    reference: str
    predictions: int | None
    results: Mapping[str, Result]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How the source of a model is doing.

    Attributes:
        name: what is read.
        up: whether the last read succeeded.
        problem: why not, for people; None where it did.
        newest: the newest event time read, as Unix time; None before the first event.
        last_success: when everything last succeeded, as Unix time; None where it never did.
        unread: bytes known and not yet read; None where a source cannot tell.
        events: events used.
        rejected: lines refused, by reason.
        skipped: lines that are in order and not counted, by reason.
        recognised: which field was taken for what, a line each.
        damaged: what was damaged in the state and dropped, by part.
        fields_seen: share of the newest records that have each field which is looked for by its name.
        unseen: a sentence for each field that none of them has.
        since: event time of the first events used; None before, and where an earlier release counted them.
        waiting: requests and responses that wait for each other; None where each record is whole.
    """

    name: str
    up: bool
    problem: str | None
    newest: float | None
    last_success: float | None
    unread: int | None
    events: int
    rejected: Mapping[str, int]
    recognised: Sequence[str]
    damaged: Mapping[str, int] = field(default_factory=dict)
    fields_seen: Mapping[str, float] = field(default_factory=dict)
    unseen: Sequence[str] = ()
    since: float | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    waiting: Waiting | None = None

    @classmethod
    def whole(cls, fields: Collection[str] = ()) -> Self:
        """Return what a source reports that tells everything, and those fields, for counting its series."""
        return cls(
            "",
            up=True,
            problem=None,
            newest=0.0,
            last_success=0.0,
            unread=0,
            events=0,
            rejected={},
            recognised=(),
            fields_seen=dict.fromkeys(fields, 0.0),
        )


#: Whether a window has the labels that it will get, or those that have come until now; a label of its series.
MATURE: Literal["mature"] = "mature"
PRELIMINARY: Literal["preliminary"] = "preliminary"


@dataclass(frozen=True, slots=True)
class PerformanceReport:
    """Performance of one window of one version, stage and segment.

    Attributes:
        stage: champion, challenger, shadow, other or none; "" where no field says so.
        labels: :data:`MATURE`, of a window that ends where maturity begins, or :data:`PRELIMINARY`, of one that ends now.
        pairs: the counts.
        measured: the measures, by key. Of preliminary windows no threshold is made.
        drift: its labels beside the baseline's; None of preliminary windows, and where the baseline's data had no labels.
    """

    version: str
    stage: str
    segment: str
    window: str
    labels: Literal["mature", "preliminary"]
    pairs: Performance = field(repr=False)
    measured: Mapping[str, Measured] = field(repr=False)
    drift: LabelDrift | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """How many predictions of a window of a version and stage have their label.

    Attributes:
        classes: the predicted classes that the predictions are told apart by; one text "" where numbers are predicted.
        predictions: those that are followed, int64 (C,).
        labelled: those of them that have a label, int64 (C,).
    """

    version: str
    stage: str
    window: str
    labels: Literal["mature", "preliminary"]
    classes: tuple[str, ...]
    predictions: NDArray[np.int64]
    labelled: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelsReport:
    """What is known of a model's labels, and of its performance by them.

    Attributes:
        source: how the source of the labels is doing.
        tallies: what became of predictions and labels so far, as counters. Not to be changed.
        waiting: predictions that are kept, labelled or not, and labels that have found none.
        untold: which of the tallies nothing tells: they are not zero.
        windows: performance by version, stage, segment, window and kind of labels.
        coverage: the same of how many predictions have a label.
        ends: where the mature window of each name ends, as Unix time; those of which nothing is mature are left out.
        duplicates: of the predictions read in the last window of each name, those that were there already, and all of them.
    """

    source: SourceReport
    tallies: Tallies
    waiting: tuple[int, int]
    windows: Sequence[PerformanceReport] = ()
    coverage: Sequence[CoverageReport] = ()
    ends: Mapping[str, float] = field(default_factory=dict)
    duplicates: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    untold: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelReport:
    """A model after an evaluation.

    Attributes:
        created: when it was made, as Unix time.
        evaluation_seconds: how long the statistics took; None where they never ran.
        windows: the windows, by version, segment and length.
        collected: what each collector gave, by its name.
        evidence: by version, what surely moved.
        references: its windows seen from others, where that is configured.
        requests: by version, how many there were and how many of them failed, as counters; None while nothing is counted.
        labels: its labels and performance; None where the configuration has none.
    """

    model: Model
    baseline: Baseline | None
    source: SourceReport
    windows: tuple[WindowReport, ...]
    created: float
    evaluation_seconds: float | None
    collected: Mapping[str, Collected] = field(repr=False)
    evidence: Mapping[str, Evidence] = field(default_factory=dict, repr=False)
    references: Sequence[ReferenceReport] = field(default=(), repr=False)
    requests: Mapping[str, tuple[int, int]] | None = None
    labels: LabelsReport | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


@dataclass(frozen=True, slots=True)
class NotesReport:
    """What was said of alarms; ``since`` is when counting began, as Unix time."""

    verdicts: Verdicts
    since: float
