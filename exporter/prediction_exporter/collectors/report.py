"""Reports: what is known of one model after an evaluation, immutable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prediction_exporter.baseline import Baseline
from prediction_exporter.config import Model
from prediction_exporter.counting.profile import Profile
from prediction_exporter.evidence.detector import Evidence
from prediction_exporter.exposition import Samples
from prediction_exporter.notes.verdicts import Verdicts
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

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name


@dataclass(frozen=True, slots=True)
class NotesReport:
    """What was said of alarms; ``since`` is when counting began, as Unix time."""

    verdicts: Verdicts
    since: float
