"""What a collector is: a group of series, declared with its families, its rendering, and the most that it can render.

There are three kinds, by what their series come from:

- :class:`ModelCollector`: from what was counted of a model. It renders in the model's thread after each evaluation.
- :class:`LiveCollector`: from what is true only at the moment of publishing, such as the age of the newest event.
- :class:`PollingCollector`: from what is no prediction and has to be asked for: a process, a bill, a pipeline. Each of its
  polls has a thread, an interval and a time-out of its own, and hands over finished series; nothing waits for it.

One wrapper times and isolates all of them (:mod:`prediction_exporter.collectors.running`): nothing here catches an exception.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prediction_exporter.baseline import Baseline
from prediction_exporter.collectors.report import LabelsReport, ModelReport, NotesReport, ReferenceReport, WindowReport
from prediction_exporter.config import Config, Model
from prediction_exporter.cost.rates import RateCosts
from prediction_exporter.cost.usage import Metered
from prediction_exporter.counting.exemplars import Exemplars
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.evidence.detector import Detector, Evidence
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family
from prediction_exporter.performance import Performance, PerformanceLayout
from prediction_exporter.statistics import Reference

#: Under this name stands what belongs to no model.
NO_MODEL = ""


@dataclass(frozen=True, slots=True)
class Most:
    """The most series that a collector renders, by family.

    Attributes:
        fixed: of a model without any version, or of the exporter itself.
        per_version: for each version of the model; what cannot be computed is absent.
    """

    fixed: Mapping[str, int]
    per_version: Mapping[str, int]

    def series(self, versions: int) -> int:
        """Return the number of series with so many versions.

        >>> Most({"a": 2}, {"b": 10}).series(3)
        32
        """
        return sum(self.fixed.values()) + versions * sum(self.per_version.values())

    def without(self, names: Collection[str]) -> Most:
        """Return what is left without the families of these names.

        >>> Most({"a": 2, "b": 1}, {"c": 3}).without({"b", "c"})
        Most(fixed={'a': 2}, per_version={})
        """
        return Most(*({n: count for n, count in of.items() if n not in names} for of in (self.fixed, self.per_version)))

    @classmethod
    def of(cls, fixed: Samples | None = None, per_version: Samples | None = None) -> Most:
        """Count samples that were rendered as if nothing were absent."""
        return cls(
            *({name: len(lines) for name, lines in s.lines.items()} if s is not None else {} for s in (fixed, per_version))
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """A model as a collector sees it before anything is counted.

    Attributes:
        baseline: None where the model has none, or where it cannot be read: its series must do without it then.
        references: what each window is compared with, by the window's name; empty without a baseline.
        detector: the rule that decides what moved; None without a baseline.
        performance: what is counted of predictions with labels; None where the configuration has no labels.
        labelled: how good the model was on the baseline's data; None where these had no labels.
    """

    config: Config
    model: Model
    baseline: Baseline | None
    references: Mapping[str, Reference]
    detector: Detector | None = None
    performance: PerformanceLayout | None = None
    labelled: Performance | None = None

    def labels(self, family: Family, *values: str) -> str:
        """Return the labels of one of the model's series, whose first is the model."""
        return label_text(family.labels, (self.model.name, *values))


@dataclass(frozen=True, slots=True)
class Moment:
    """What was counted of a model until now.

    Attributes:
        windows: its windows, evaluated.
        traffic: its counters.
        exemplars: where they are wanted.
        evidence: by version, what moved surely.
        late: predictions that came too late to give evidence.
        since: event time of the first events, as Unix time; None where it is not known.
        references: its windows seen from others, where that is configured.
        labels: its labels and performance, where that is configured.
    """

    windows: Sequence[WindowReport]
    traffic: Traffic
    exemplars: Exemplars | None = None
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    late: int = 0
    since: float | None = None
    references: Sequence[ReferenceReport] = ()
    labels: LabelsReport | None = None


class ModelSeries(ABC):
    """The series of one model that one collector renders. One thread uses it at a time."""

    @abstractmethod
    def render(self, moment: Moment) -> Samples:
        """Return the series of this moment."""

    @abstractmethod
    def most(self) -> Most:
        """Return the most series that ``render`` gives."""

    def forget(self, version: str) -> None:  # noqa: B027 - most collectors keep nothing of a version
        """Drop what is kept of a version that has no series any more."""


@dataclass(frozen=True, slots=True)
class Published:
    """What is known when a snapshot is made.

    Attributes:
        reports: the last report of each model that has one.
        reload_succeeded: whether the last load of the configuration succeeded.
        loaded: when the configuration in use was loaded, as Unix time.
        others: the number of series that everything but the exporter's own collector shows.
        now: Unix time.
        notes: what was said of alarms; None before that was read.
        costs: what models cost by their rates; of a model that nothing is counted of yet there is none. None where it cannot be
            counted.
    """

    reports: Mapping[str, ModelReport]
    reload_succeeded: bool
    loaded: float
    others: int
    now: float
    notes: NotesReport | None = None
    costs: Mapping[str, RateCosts] | None = field(default_factory=dict)


class LiveSeries(ABC):
    """Series that are rendered whenever a snapshot is made."""

    @abstractmethod
    def render(self, published: Published) -> Samples:
        """Return the series of this moment; a model without a report is not asked for."""

    @abstractmethod
    def most(self) -> Most:
        """Return the most series that ``render`` gives."""


class Poll(ABC):
    """Series of something that has to be asked for.

    Attributes:
        interval: seconds from the begin of one poll to that of the next.
        timeout: seconds after which a poll counts as failed; its answer is discarded when it comes.
    """

    interval: float
    timeout: float

    @abstractmethod
    def poll(self) -> Samples:
        """Ask, and return the series. It runs in a thread of its own and may wait."""

    @abstractmethod
    def most(self) -> Most:
        """Return the most series that ``poll`` gives."""

    def metered(self) -> Metered | None:
        """Return what the last poll saw that may have a price, see :class:`Metered`; most see nothing of that kind."""
        return None

    def close(self) -> None:  # noqa: B027 - most polls hold nothing between two of them
        """Release what is held between polls."""


@dataclass(frozen=True, kw_only=True)
class Collector:
    """The declaration of a collector; flags, docs, budget, golden list and HELP are derived from it.

    Attributes:
        name: its key everywhere: the module, the flag, ``collect[]``, the label.
        summary: one sentence for people on what its series are about.
        families: what it renders, in the order of exposition.
        maturity: the least maturity of a model that it runs for: 0 for service, traffic and cost, 1 for data, drift and
            pipelines, 2 for everything else.
        of_predictions: whether it is about what is read of a model, and does not run where nothing is.
    """

    name: str
    summary: str
    families: tuple[Family, ...]
    maturity: Literal[0, 1, 2]
    of_predictions: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelCollector(Collector):
    """Renders what was counted of a model. ``open`` may raise a ConfigError where the configuration cannot be used."""

    open: Callable[[Subject], ModelSeries]


@dataclass(frozen=True, kw_only=True)
class LiveCollector(Collector):
    """Renders what is true at publishing; ``open`` gives the series by model, those of no model under :data:`NO_MODEL`."""

    open: Callable[[Config], Mapping[str, LiveSeries]]


@dataclass(frozen=True, kw_only=True)
class PollingCollector(Collector):
    """Polls something of its own.

    ``open`` gives a poll for each model that asks for one in its section of the configuration, and under :data:`NO_MODEL` what
    belongs to no model.
    """

    open: Callable[[Config], Mapping[str, Poll]]
