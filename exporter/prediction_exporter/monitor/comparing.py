"""Comparing: windows seen from other windows: of the same hours last week, and of the version before.

No alert reads this. The baseline stays what windows are judged by: what is renewed by itself learns a slow drift along.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prediction_exporter.collectors.report import ReferenceReport, WindowReport
from prediction_exporter.counting.layout import Layout
from prediction_exporter.counting.ledger import Ledger
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.counting.traffic import Traffic
from prediction_exporter.counting.windows import Span
from prediction_exporter.statistics import DISTANCES, Reference
from prediction_exporter.statistics.evaluation import NO_BASELINE, NO_PREDICTIONS, Result, absent, evaluate

WEEK = "week"
VERSION = "version"

# Why there is nothing to compare, beside the reasons of every statistic.
NO_PREVIOUS_VERSION = "no_previous_version"
NO_REFERENCE_PREDICTIONS = "no_reference_predictions"
NO_REFERENCE_VALUES = "no_reference_values"
WEEK_NOT_SEEN = "week_not_seen"
WINDOW_LENGTH = "window_length"

Results = Mapping[str, Result]
Profiles = Mapping[tuple[str, str], Profile]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What was found the last time; whole quarters, and versions that are not served any more, mostly stay as they are."""

    window: Profile
    reference: Profile
    results: Results


class Comparing:
    """Compares one model's windows of all events.

    Args:
        kinds: what they are compared with: :data:`WEEK`, :data:`VERSION`, or both.
        spans: the windows.
        references: what each is compared with otherwise, by its name: chance of a false alarm and effects hold here too.
    """

    def __init__(self, kinds: Sequence[str], spans: Sequence[Span], references: Mapping[str, Reference]) -> None:
        self._kinds = kinds
        self._spans = {span.name: span for span in spans}
        self._references = references
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    def compare(
        self, windows: Sequence[WindowReport], ledger: Ledger, traffic: Traffic, *, now: float
    ) -> tuple[ReferenceReport, ...]:
        """Return each window of all events, seen from each reference.

        Args:
            windows: the windows, evaluated.
            ledger: what was counted.
            traffic: tells in which order versions were seen.
            now: Unix time.
        """
        profiles = {(window.version, window.window): window.profile for window in windows if window.segment == ALL}
        former, self._kept = self._kept, {}
        found: list[ReferenceReport] = []
        if WEEK in self._kinds:
            found += self._with_last_week(profiles, ledger, former, now)
        if VERSION in self._kinds:
            found += self._with_previous(profiles, traffic, former)
        return tuple(found)

    def _with_last_week(
        self, profiles: Profiles, ledger: Ledger, former: Mapping[tuple[str, str, str], _Kept], now: float
    ) -> Iterator[ReferenceReport]:
        """Yield each window, seen from the same one of all versions a week before."""
        for (version, name), profile in profiles.items():
            week = ledger.week(version, self._spans[name], now)
            if week is not None and week.is_whole:
                yield self._seen((WEEK, version, name), week.window, week.before, former)
                continue
            reason = WINDOW_LENGTH if week is None else WEEK_NOT_SEEN if week.window.rows else NO_PREDICTIONS
            yield ReferenceReport(version, name, WEEK, None, _absent(profile.layout, reason))

    def _with_previous(
        self, profiles: Profiles, traffic: Traffic, former: Mapping[tuple[str, str, str], _Kept]
    ) -> Iterator[ReferenceReport]:
        """Yield each window, seen from that of the version before over the same hours."""
        for (version, name), profile in profiles.items():
            previous = traffic.previous(version)
            if previous is not None:
                before = profiles.get((previous, name)) or Profile.empty(profile.layout)
                yield self._seen((VERSION, version, name), profile, before, former)
                continue
            reason = NO_PREVIOUS_VERSION if profile.rows else NO_PREDICTIONS
            yield ReferenceReport(version, name, VERSION, None, _absent(profile.layout, reason))

    def _seen(
        self,
        key: tuple[str, str, str],
        window: Profile,
        before: Profile,
        former: Mapping[tuple[str, str, str], _Kept],
    ) -> ReferenceReport:
        kind, version, name = key
        kept = former.get(key)
        if kept is None or not (_equal(kept.window, window) and _equal(kept.reference, before)):
            kept = _Kept(window, before, _results(self._reference(name, before), window))
        self._kept[key] = kept
        return ReferenceReport(version, name, kind, before.rows, kept.results)

    def _reference(self, window: str, profile: Profile) -> Reference:
        usual = self._references[window]
        return Reference(profile, alpha=usual.alpha, min_predictions=usual.min_predictions, effects=usual.effects)


def _equal(one: Profile, other: Profile) -> bool:
    return bool(np.array_equal(one.counts, other.counts))


def _absent(layout: Layout, reason: str) -> Results:
    return {statistic.key: absent(statistic, layout, reason) for statistic in DISTANCES}


def _results(reference: Reference, window: Profile) -> Results:
    """Return the distances of a window from another one that takes the baseline's place."""
    if not window.rows:
        return _absent(window.layout, NO_PREDICTIONS)
    if not reference.baseline.rows:
        return _absent(window.layout, NO_REFERENCE_PREDICTIONS)
    return {key: _renamed(result) for key, result in evaluate(reference, window, statistics=DISTANCES).items()}


def _renamed(result: Result) -> Result:
    if NO_BASELINE not in result.statuses:
        return result
    statuses = {NO_REFERENCE_VALUES if reason == NO_BASELINE else reason: n for reason, n in result.statuses.items()}
    return Result(result.values, result.noise_floor, result.threshold, statuses, result.companion)
