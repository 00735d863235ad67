"""The demo's story: what breaks, mends and drifts when, and which messages must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from prediction_exporter.demo.credit_risk import Drift
from prediction_exporter.demo.pace import Pace
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.kit.alert import Alert
from prediction_exporter.kit.alerts.feature_drift import FEATURE_DRIFT
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.alerts.performance_drop import PERFORMANCE_DROP

#: The break: so large a share of the applications comes without income, as when one of the producers fails.
MISSING_RATIO = 0.8

#: Seconds that reading, evaluating and sending add to the rules' own times, about.
LAG_SECONDS = 10.0

#: Performance is counted by whole minutes.
MINUTE_SECONDS = 60.0

#: The drift: applicants ask for so many times the former amount.
LOAN_FACTOR = 1.6

#: The model degrades: of so many applicants nothing that it sees tells any more whether they repay.
SURPRISING_RATIO = 0.6


@dataclass(frozen=True, slots=True, order=True)
class Notice:
    """What a message is about: an alert that fires or has ended, and where the message went."""

    channel: str
    alert: str
    resolved: bool

    def __str__(self) -> str:
        return f"{'RESOLVED ' if self.resolved else ''}{self.alert} to {self.channel}"


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens, what is said of it, the message that it leads to, and about when that comes."""

    at: float
    text: str
    notice: Notice
    due: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens when, in seconds after the start; None for never.

    Attributes:
        breaks: income begins to be missing from most applications.
        mends: income is there again.
        drifts: the amounts asked for begin to be larger, and stay so.
        worsens: applicants begin to default of whom the model does not expect it.
    """

    breaks: float | None = None
    mends: float | None = None
    drifts: float | None = None
    worsens: float | None = None

    @classmethod
    def at_pace(
        cls,
        pace: Pace,
        *,
        breaks: float | None = None,
        mends: float | None = None,
        drifts: float | None = None,
        worsens: float | None = None,
    ) -> Self:
        """Return the whole story: an hour of health, an hour of missing values, soon after it the drift, and worse decisions.

        Raises:
            PredictionExporterError: income is back before it goes missing.
        """
        breaks = pace.hour if breaks is None else breaks
        mends = breaks + pace.hour if mends is None else mends
        if mends <= breaks:
            raise PredictionExporterError(f"income cannot be back after {mends:g} s: it goes missing after {breaks:g} s")
        drifts = breaks + 1.5 * pace.hour if drifts is None else drifts
        return cls(breaks=breaks, mends=mends, drifts=drifts, worsens=drifts if worsens is None else worsens)

    def at(self, seconds: float) -> Drift:
        """Return what differs at a time."""
        broken = _passed(self.breaks, seconds) and not _passed(self.mends, seconds)
        return Drift(
            income_missing=MISSING_RATIO if broken else 0.0,
            loan_factor=LOAN_FACTOR if _passed(self.drifts, seconds) else 1.0,
            surprising=SURPRISING_RATIO if _passed(self.worsens, seconds) else 0.0,
        )

    def acts(self, pace: Pace) -> list[Act]:
        """Return what happens, in its order."""
        missing, drift = MISSING_VALUES.conditions[-1], FEATURE_DRIFT.conditions[-1]
        found = []
        if self.breaks is not None:
            text = f"income goes missing from {MISSING_RATIO:.0%} of the applications"
            due = self.breaks + pace.scale.seconds(missing.hold)
            found.append(_act(self.breaks, text, due, "#data-eng", MISSING_VALUES))
            if self.mends is not None:
                due = self.mends + pace.window + pace.scale.seconds(missing.keep or missing.hold)
                found.append(_act(self.mends, "income is back", due, "#data-eng", MISSING_VALUES, resolved=True))
        if self.drifts is not None:
            text = f"applicants ask for {LOAN_FACTOR:g} times the amount, and go on so"
            due = self.drifts + pace.window / 2 + pace.scale.seconds(drift.hold)
            found.append(_act(self.drifts, text, due, "#risk-models", FEATURE_DRIFT))
        if self.worsens is not None:
            text = f"of {SURPRISING_RATIO:.0%} of the applicants nothing that the model sees tells whether they repay"
            hold = pace.scale.seconds(PERFORMANCE_DROP.conditions[-1].hold)
            due = self.worsens + MINUTE_SECONDS + pace.maturity + hold
            found.append(_act(self.worsens, text, due, "#risk-models", PERFORMANCE_DROP))
        return sorted(found, key=lambda act: act.at)


def _passed(at: float | None, seconds: float) -> bool:
    return at is not None and seconds >= at


def _act(at: float, text: str, due: float, channel: str, alert: Alert, *, resolved: bool = False) -> Act:
    return Act(at, text, Notice(channel, alert.name, resolved), due + LAG_SECONDS)
