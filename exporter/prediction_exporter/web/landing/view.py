"""What the page shows of each model: its versions, the window to look at first, and its state in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prediction_exporter.baseline.importance import importance_of
from prediction_exporter.collectors.identity import AREAS
from prediction_exporter.collectors.report import ModelReport, ReferenceReport, WindowReport
from prediction_exporter.collectors.switches import NO_PREDICTIONS
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.statistics.evaluation import NOT_WATCHED, TOO_FEW
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.web.landing.columns import Window, drifted
from prediction_exporter.web.landing.operation import Block
from prediction_exporter.web.landing.performance import Shown, performance_of
from prediction_exporter.web.landing.words import counted, reason

#: An evaluation is late after so many intervals, and after so many seconds.
LATE_INTERVALS, LATE_SECONDS = 3, 60.0


@dataclass(frozen=True, slots=True)
class State:
    """How a model is doing, in a few words; ``mark`` is the class of its sign."""

    words: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """What is shown of a segment: how many of its features have drifted, or why that is not known."""

    name: str
    rows: int
    drifted: int | None
    absent: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Which columns surely moved, and in how many hours that can be told, where it cannot yet."""

    count: int
    names: tuple[str, ...]
    known_in: float


@dataclass(frozen=True, slots=True)
class Version:
    """What is shown of a version: its windows, shortest first, the one to look at first, its segments there, and what moved."""

    name: str
    windows: tuple[Window, ...]
    main: Window
    segments: tuple[Segment, ...]
    moved: Moved | None


@dataclass(frozen=True, slots=True)
class View:
    """A model as the page shows it; ``report`` is None before its first evaluation."""

    anchor: str
    model: Model
    report: ModelReport | None
    versions: tuple[Version, ...]
    state: State
    late: bool
    unwatched: Mapping[str, str]
    blocks: Sequence[Block]
    performance: Shown | None
    contacts: tuple[str, ...]
    other_owners: tuple[tuple[str, str], ...]

    @property
    def newest(self) -> float | None:
        """The newest event, where there is one."""
        return None if self.report is None else self.report.source.newest


def view_of(
    anchor: str,
    model: Model,
    report: ModelReport | None,
    config: Config,
    now: float,
    unwatched: Mapping[str, str],
    *,
    blocks: Sequence[Block],
    down: bool,
) -> View:
    """Return what the page shows of a model.

    Args:
        anchor: where its section is.
        model: the model.
        report: its last report, if it has one.
        config: the configuration.
        now: Unix time.
        unwatched: what of it is not watched, and why.
        blocks: what runs it and what it costs.
        down: whether its server's process is not there.
    """
    versions = () if report is None else _versions(report, config)
    unwatched = {name: why for name, why in unwatched.items() if why != NO_PREDICTIONS}  # said once, below its facts
    performance = None if report is None else _performance(report, versions, config, now)
    late = report is not None and now - report.created > max(LATE_INTERVALS * config.interval.seconds, LATE_SECONDS)
    owner = config.owners.get(model.owner)
    return View(
        anchor=anchor,
        model=model,
        report=report,
        versions=versions,
        state=_state(report, versions, performance, late=late, whole=not unwatched, down=down),
        late=late,
        unwatched=unwatched,
        blocks=blocks,
        performance=performance,
        contacts=() if owner is None else tuple(contact for contact in (owner.slack, owner.email) if contact),
        other_owners=tuple((area, model.owner_of(area)) for area in AREAS if model.owner_of(area) != model.owner),
    )


def _performance(report: ModelReport, versions: Sequence[Version], config: Config, now: float) -> Shown | None:
    windows = [str(window) for window in sorted(config.windows, key=lambda window: window.seconds)]
    main = versions[0].name if versions else None
    return performance_of(report.model, report.labels, version=main, windows=windows, now=now)


def _versions(report: ModelReport, config: Config) -> tuple[Version, ...]:
    """Return the versions, the one with most predictions first."""
    if report.baseline is None:
        return ()
    fewest = report.model.min_predictions
    seconds = {str(window): window.seconds for window in config.windows}
    by_version: dict[str, list[WindowReport]] = {}
    for window in sorted(report.windows, key=lambda window: seconds.get(window.window, 0.0)):
        by_version.setdefault(window.version, []).append(window)
    known = importance_of(report.model.importance, report.baseline)
    importance = None if known is None else known.tolist()
    versions = []
    for name, of_version in by_version.items():
        windows = tuple(
            Window(
                window,
                report.baseline,
                fewest,
                _references(report, window),
                hours=seconds.get(window.window, 0.0) / 3600,
                importance=importance,
            )
            for window in of_version
            if window.segment == ALL
        )
        if windows:
            main = _main(windows, fewest)
            segments = [w for w in of_version if w.segment != ALL and w.window == main.report.window and w.profile.rows]
            segments.sort(key=lambda w: (-(drifted(w) or 0), -w.profile.rows, w.segment))
            versions.append(Version(name, windows, main, tuple(_segment(w, fewest) for w in segments), _moved(report, name)))
    return tuple(sorted(versions, key=lambda version: (-version.windows[-1].report.profile.rows, version.name)))


def _moved(report: ModelReport, version: str) -> Moved | None:
    evidence = report.evidence.get(version)
    if evidence is None or report.baseline is None:
        return None
    columns = zip(report.baseline.layout.columns, evidence.alarmed.tolist(), strict=True)
    return Moved(evidence.moved, tuple(column.name for column, moved in columns if moved), evidence.learning / 3600)


def _references(report: ModelReport, window: WindowReport) -> list[ReferenceReport]:
    """Return how a window of all events is seen from others."""
    return [of for of in report.references if (of.version, of.window) == (window.version, window.window)]


def _main(windows: Sequence[Window], fewest: int) -> Window:
    """Return the shortest window with enough predictions to be compared, else the one with most."""
    enough = [window for window in windows if window.report.profile.rows >= fewest]
    return enough[0] if enough else max(windows, key=lambda window: window.report.profile.rows)


def _segment(window: WindowReport, fewest: int) -> Segment:
    why = NOT_WATCHED if NOT_WATCHED in window.results[PSI.key].statuses else TOO_FEW
    return Segment(window.segment, window.profile.rows, drifted(window), reason(why, fewest=fewest))


def _state(
    report: ModelReport | None,
    versions: Sequence[Version],
    performance: Shown | None,
    *,
    late: bool,
    whole: bool,
    down: bool,
) -> State:
    """Return the first thing that a person needs to know of a model."""
    if down:
        return State("process down", "bad")
    if report is None:
        return State("not evaluated yet")
    if not report.source.up:
        return State("source down", "bad")
    if late:
        return State("evaluation late", "bad")
    if not report.model.predictions.are_read:
        return State("watched by its server")
    return _state_of_windows(report, versions, performance, whole=whole)


def _state_of_windows(report: ModelReport, versions: Sequence[Version], performance: Shown | None, *, whole: bool) -> State:
    if performance is not None and performance.worse:
        return State(f"{counted(performance.worse, 'measure')} worse than allowed", "bad")
    if performance is not None and performance.problem is not None:
        return State("labels down", "bad")
    alarmed = {version.main.columns[index].name for version in versions for index in version.main.alarmed}
    if alarmed:
        return State(f"{counted(len(alarmed), 'column')} above a threshold", "bad")
    moved = max((version.moved.count for version in versions if version.moved is not None), default=0)
    if moved:
        return State(f"{counted(moved, 'column')} surely moved")
    most = max((version.main.report.profile.rows for version in versions), default=0)
    waiting = {
        "waiting for events": not report.source.events,
        "service and traffic only": report.baseline is None,
        "no recent predictions": not most,
        "too few predictions": most < report.model.min_predictions,
        "partly watched": not whole,
        "no column is compared": not any(version.main.is_compared for version in versions),
    }
    words = next((words for words, holds in waiting.items() if holds), None)
    return State("within its thresholds", "good") if words is None else State(words)
