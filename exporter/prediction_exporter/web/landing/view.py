"""What the page shows of each model: its versions, the window to look at first, and its state in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.collectors.report import ModelReport, WindowReport
from prediction_exporter.config import Config, Model
from prediction_exporter.counting.layout import Role
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.web.landing.columns import Window
from prediction_exporter.web.landing.words import counted

#: An evaluation is late after so many intervals, and after so many seconds.
LATE_INTERVALS, LATE_SECONDS = 3, 60.0


@dataclass(frozen=True, slots=True)
class State:
    """How a model is doing, in a few words; ``mark`` is the class of its sign."""

    words: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """What is shown of a version: its windows, shortest first, the one to look at first, and its segments in that one."""

    name: str
    windows: tuple[Window, ...]
    main: Window
    segments: tuple[WindowReport, ...]


@dataclass(frozen=True, slots=True)
class View:
    """A model as the page shows it; ``report`` is None before its first evaluation."""

    anchor: str
    model: Model
    report: ModelReport | None
    versions: tuple[Version, ...]
    state: State


def view_of(anchor: str, model: Model, report: ModelReport | None, config: Config, now: float) -> View:
    """Return what the page shows of a model."""
    versions = () if report is None else _versions(report, config)
    return View(anchor, model, report, versions, _state(report, versions, config, now))


def _versions(report: ModelReport, config: Config) -> tuple[Version, ...]:
    """Return the versions, the one with most predictions first."""
    if report.baseline is None:
        return ()
    fewest = report.model.min_predictions
    seconds = {str(window): window.seconds for window in config.windows}
    by_version: dict[str, list[WindowReport]] = {}
    for window in sorted(report.windows, key=lambda window: seconds.get(window.window, 0.0)):
        by_version.setdefault(window.version, []).append(window)
    versions = []
    for name, of_version in by_version.items():
        windows = tuple(Window(window, report.baseline, fewest) for window in of_version if window.segment == ALL)
        if windows:
            main = _main(windows, fewest)
            segments = [w for w in of_version if w.segment != ALL and w.window == main.report.window and w.profile.rows]
            segments.sort(key=lambda w: (-(drifted(w) or 0), -w.profile.rows, w.segment))
            versions.append(Version(name, windows, main, tuple(segments)))
    return tuple(sorted(versions, key=lambda version: (-version.windows[-1].report.profile.rows, version.name)))


def _main(windows: Sequence[Window], fewest: int) -> Window:
    """Return the shortest window with enough predictions to be compared, else the one with most."""
    enough = [window for window in windows if window.report.profile.rows >= fewest]
    return enough[0] if enough else max(windows, key=lambda window: window.report.profile.rows)


def drifted(window: WindowReport) -> int | None:
    """Return the number of a window's drifted features, None where none could be compared.

    The column that a segment is cut by is left out: within the segment it has one value, which is no drift.
    """
    psi = window.results[PSI.key]
    if psi.threshold is None:
        return None
    columns = window.profile.layout.columns
    features = np.array([c.role is Role.FEATURE and not window.segment.startswith(f"{c.name}=") for c in columns])
    compared = features & np.isfinite(psi.values)
    return int((psi.values > psi.threshold)[compared].sum()) if compared.any() else None


def _state(report: ModelReport | None, versions: Sequence[Version], config: Config, now: float) -> State:
    """Return the first thing that a person needs to know of a model."""
    if report is None:
        return State("not evaluated yet")
    if not report.source.up:
        return State("source down", "bad")
    if late(report, config, now):
        return State("evaluation late", "bad")
    return _state_of_windows(report, versions)


def _state_of_windows(report: ModelReport, versions: Sequence[Version]) -> State:
    alarmed = {version.main.columns[index].name for version in versions for index in version.main.alarmed}
    if alarmed:
        return State(f"{counted(len(alarmed), 'column')} above a threshold", "bad")
    most = max((version.main.report.profile.rows for version in versions), default=0)
    waiting = {
        "waiting for events": not report.source.events,
        "service and traffic only": report.baseline is None,
        "no recent predictions": not most,
        "too few predictions": most < report.model.min_predictions,
    }
    words = next((words for words, holds in waiting.items() if holds), None)
    return State("within its thresholds", "good") if words is None else State(words)


def late(report: ModelReport, config: Config, now: float) -> bool:
    """Whether the last evaluation is older than it should be."""
    return now - report.created > max(LATE_INTERVALS * config.interval.seconds, LATE_SECONDS)
