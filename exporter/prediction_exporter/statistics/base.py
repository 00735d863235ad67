"""What a statistic is: a function of a window, or of a baseline and a window, for all columns at once; and its declaration.

A statistic measures and does not judge: it returns a number for each column, NaN where it is undefined. Thresholds and noise
floors stand beside it as data, and the evaluation turns NaN into an absent series with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prediction_exporter.counting.layout import Column, Kind, Layout
from prediction_exporter.counting.profile import Profile
from prediction_exporter.families import COLUMN, REFERENCE_COLUMN, WINDOW, Family
from prediction_exporter.statistics.comparison import SMOOTHING, Comparison, Floats, Reference, divide
from prediction_exporter.statistics.seasons import Season, Seasons

__all__ = [
    "ALL_KINDS",
    "BOTH_KINDS",
    "CATEGORICAL",
    "NUMERIC",
    "SHARE_REFERENCE",
    "Companion",
    "Comparison",
    "Constant",
    "Floats",
    "Noise",
    "Reference",
    "Share",
    "Statistic",
    "Threshold",
    "column_family",
    "finite",
    "rows",
    "window_family",
]

ALL_KINDS = frozenset(Kind)
BOTH_KINDS = frozenset({Kind.NUMERIC, Kind.CATEGORICAL})
NUMERIC = frozenset({Kind.NUMERIC})
CATEGORICAL = frozenset({Kind.CATEGORICAL})


@dataclass(frozen=True, kw_only=True)
class Noise:
    """What a distance reads without any drift, from sampling alone.

    Attributes:
        floor: its expectation, (C,).
        quantile: a value that it exceeds with probability of at most about alpha, (C,).
        formula: where both come from, for the documentation.
    """

    floor: Callable[[Comparison], Floats]
    quantile: Callable[[Comparison], Floats]
    formula: str


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """What an alert compares a statistic with.

    Attributes:
        default: the effect that matters, in the statistic's unit, where the configuration names none.
        margin: the part that the sample size demands, (C,); the threshold is the larger of effect and margin.
        meaning: one sentence on the choice of the default, for the documentation.
        baseline: the baseline's own value of a share, added to the threshold, which is then at most 1.
        expected: the same in the window's hours.
        scale: what the default effect is multiplied with in each column, (C,), where the owner has configured none.
    """

    default: float
    margin: Callable[[Comparison], Floats]
    meaning: str
    baseline: Callable[[Reference], Floats] | None = None
    expected: Callable[[Comparison], Floats] | None = None
    scale: Callable[[Reference], Floats] | None = None

    def of(self, statistic: Statistic, comparison: Comparison) -> Floats:
        """Return the threshold of each column, (C,); NaN where the window is too small for one."""
        reference = comparison.reference
        effect = reference.cached(statistic.effect)
        if self.baseline is not None:
            own = reference.cached(self.baseline)
            if self.expected is not None and comparison.season is not None:
                own = self.expected(comparison)
                effect = self._in_the_room(effect, statistic.key, reference, own)
            threshold = np.minimum(np.maximum(effect, self.margin(comparison)) + own, 1.0)
        else:
            threshold = np.maximum(effect, self.margin(comparison))
        defined = statistic.applies(comparison.layout)
        if statistic.compares:
            defined = defined & comparison.comparable
        return np.where(defined, threshold, np.nan)

    def effect(self, key: str, reference: Reference) -> Floats:
        """Return the effect that matters in each column, (C,).

        A default is no less than what windows read without any change. Of a share it is at most half of what is left of the
        baseline's own to 1, so that what is nearly always so is seen to be always so. What the owner configured stays as it is.
        """
        effect = reference.effect(key, self.default)
        if self.scale is not None:
            effect = np.where(reference.is_default(key), effect * self.scale(reference), effect)
        if key in reference.usual:
            effect = np.where(reference.is_default(key), np.maximum(effect, reference.usual[key]), effect)
        if self.baseline is not None:
            effect = self._in_the_room(effect, key, reference, reference.cached(self.baseline))
        return effect

    @staticmethod
    def _in_the_room(effect: Floats, key: str, reference: Reference, own: Floats) -> Floats:
        return np.where(reference.is_default(key), np.fmin(effect, (1 - own) / 2), effect)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A series that depends on the reference alone and that rules need for the fleet's thresholds or for what messages say.

    Where its family has the label ``window``, there is one for each, of that window's reference; else of any.

    Attributes:
        family: its series.
        compute: values, (C,), or (C, E) with an extra label of E values; NaN where there is none.
        extra: the values of the extra label, the last of the family.
    """

    family: Family
    compute: Callable[[Reference], Floats]
    extra: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Companion:
    """A further series beside a statistic's values, (C,), for the rules; it is there also for windows that are not compared."""

    family: Family
    compute: Callable[[Comparison], Floats]


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """The declaration of a statistic; everything that users see of it is derived from here.

    Attributes:
        key: its name in configuration, labels, documentation, and of its module.
        title: its name on panels.
        family: the series of its values.
        scope: a value for each column, or one for the window.
        kinds: the kinds of column that it is defined for.
        of_derived: whether it is defined for columns that are made of others, too: what is absent there, these tell themselves.
        compares: whether it needs a baseline with enough values, and a window with enough.
        compute: values, (C,) for scope column, (C, E) with an extra label of E values, () for scope window.
        undefined: the reason that the status gives where a value is NaN though the column has enough predictions.
        lower, upper: its range, both attained or approached.
        unit: of the values, as Grafana calls it.
        reference: the source of the formula.
        extra: the name and values of an extra label.
        is_distance: zero for identical distributions, never negative; the law tests check it.
        symmetric: whether exchanging window and baseline leaves it unchanged.
        smoothed: whether half a count is added to each bin: a distance is then 0 for a multiple of the baseline in the limit.
    """

    key: str
    title: str
    family: Family
    scope: Literal["column", "window"]
    kinds: frozenset[Kind]
    compares: bool
    compute: Callable[[Comparison], Floats]
    undefined: str
    lower: float
    upper: float
    unit: str
    reference: str
    is_distance: bool
    symmetric: bool
    smoothed: bool = False
    of_derived: bool = True
    extra: tuple[str, tuple[str, ...]] | None = None
    noise: Noise | None = None
    threshold: Threshold | None = None
    constants: tuple[Constant, ...] = field(default=())
    companion: Companion | None = None

    @cached_property
    def noise_floor_family(self) -> Family:
        """The series of the noise floors."""
        return _beside(self, "noise_floor", f"What {self.family} reads without any drift, from sampling alone.")

    @cached_property
    def threshold_family(self) -> Family:
        """The series of the thresholds that alerts compare with."""
        return _beside(
            self,
            "threshold",
            f"What alerts compare {self.family} with: the configured effect or the sample size's demand.",
        )

    @cached_property
    def reference_family(self) -> Family:
        """The series of a distance that is seen from another window, in the place of the baseline."""
        return self._referenced(f"What {self.family} measures, against what the label reference names.")

    @cached_property
    def reference_threshold_family(self) -> Family:
        """The series of the thresholds of that: they know the sizes of both windows."""
        return self._referenced(
            f"The threshold of {self.family} for the sizes of the window and of what the label reference names.", "_threshold"
        )

    def _referenced(self, text: str, suffix: str = "") -> Family:
        name = f"{self.family.name.replace('model_', 'model_reference_', 1)}{suffix}"
        return Family(name=name, type="gauge", help=text, labels=REFERENCE_COLUMN, group="reference")

    @property
    def families(self) -> tuple[Family, ...]:
        """All families of the statistic that are seen from the baseline, in the order of exposition."""
        found = [self.family]
        if self.noise is not None:
            found.append(self.noise_floor_family)
        if self.threshold is not None:
            found.append(self.threshold_family)
        if self.companion is not None:
            found.append(self.companion.family)
        return (*found, *(constant.family for constant in self.constants))

    def applies(self, layout: Layout) -> NDArray[np.bool_]:
        """Whether the statistic is defined for each column, (C,), not to be written to."""
        return layout.of_kinds(self.kinds, derived=self.of_derived)

    def applies_to(self, column: Column) -> bool:
        """Whether the statistic is defined for a column."""
        return column.kind in self.kinds and (self.of_derived or not column.is_derived)

    def effect(self, reference: Reference) -> Floats:
        """Return the effect that matters in each column, (C,); NaN where the statistic has no threshold."""
        if self.threshold is None:
            return np.full(len(reference.layout.columns), np.nan)
        return self.threshold.effect(self.key, reference)


def _beside(statistic: Statistic, suffix: str, text: str) -> Family:
    own = statistic.family
    return Family(name=f"{own.name}_{suffix}", type="gauge", help=text, labels=own.labels, group=own.group)


def column_family(name: str, text: str, group: str, *extra: str) -> Family:
    """Return the family of a statistic that has a value for each column."""
    return Family(name=name, type="gauge", help=text, labels=(*COLUMN, *extra), group=group)


def window_family(name: str, text: str, group: str) -> Family:
    """Return the family of a statistic that has one value for the window."""
    return Family(name=name, type="gauge", help=text, labels=WINDOW, group=group)


def finite(values: Floats) -> Floats:
    """Return the values, NaN where they overflowed."""
    return np.where(np.isfinite(values), values, np.nan)


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of counts in each column.

    Attributes:
        part: what is counted, (C,).
        whole: what it is a share of, (C,).
        is_outside: whether it is what lies outside of the baseline's table or range, of which a new sample shows more than the
            baseline itself, see :attr:`Reference.outside`.
        by_season: its share in a window's hours, (K,), of the columns that have a season; None where no hours are told apart.
    """

    part: Callable[[Profile], NDArray[np.int64]]
    whole: Callable[[Profile], NDArray[np.int64]]
    is_outside: bool = False
    by_season: Callable[[Seasons, Season], Floats] | None = None

    def of(self, profile: Profile) -> Floats:
        """Return the share of each column, (C,); NaN where the whole is nothing."""
        return divide(self.part(profile), self.whole(profile))

    def of_baseline(self, reference: Reference) -> Floats:
        """Return the share of each column, (C,), that a new sample of what the baseline was drawn from would show."""
        with np.errstate(divide="ignore", invalid="ignore"):
            share: Floats = self._expected(reference) / self.whole(reference.baseline)
        return np.where(self.whole(reference.baseline) > 0, share, np.nan)

    def expected(self, comparison: Comparison) -> Floats:
        """Return the same in the window's hours, (C,)."""
        share = comparison.reference.cached(self.of_baseline)
        if self.by_season is None or comparison.season is None:
            return share
        seasons, season = comparison.season
        of_hours = seasons.over(self.by_season(seasons, season))
        if self.is_outside:  # what a new sample has there is not less in any hour
            of_hours = np.fmax(of_hours, share)
        return np.where(seasons.mask & np.isfinite(share), of_hours, share)

    def _expected(self, reference: Reference) -> Floats:
        """Return how many of the baseline's rows it would be, (C,)."""
        counted = self.part(reference.baseline).astype(np.float64)
        return np.where(np.isnan(reference.outside[0]), counted, reference.outside[0]) if self.is_outside else counted

    def margin(self, comparison: Comparison) -> Floats:
        """Return how far above the baseline's share a window's comes with probability of at most about alpha, (C,).

        The 1 - alpha quantile of a binomial share, as the normal approximation is far off for rare values. The baseline's
        share is taken with half an event added (with one where it is an estimate), so that a share of zero has an error too;
        its error counts as a smaller window, the more so where it is an estimate of what the baseline has not seen.
        NaN where the window has fewer than the least number of predictions.
        """
        reference = comparison.reference
        known = self._known_of_hours(comparison)
        window = self.whole(comparison.window)
        enough = np.flatnonzero((window >= max(reference.min_predictions, 1)) & (known.rows > 0))
        m, smaller = window[enough], 1 + known.excess[enough] * window[enough] / known.rows[enough]
        exceeded = _binomial_quantile(comparison, m / smaller, known.share[enough], reference.alpha[enough])
        margin = np.full(len(window), np.nan)
        margin[enough] = np.ceil(exceeded * smaller) / m - known.counted[enough] / known.rows[enough]
        return margin

    def _known(self, reference: Reference) -> _Known:
        counted, rows = self._expected(reference), self.whole(reference.baseline)
        added = 2 * SMOOTHING if self.is_outside else SMOOTHING
        share = np.clip((counted + added) / (rows + 2 * added), 0.0, 1.0)
        return _Known(rows, counted, share, self._excess(reference, counted))

    def _known_of_hours(self, comparison: Comparison) -> _Known:
        known = comparison.reference.cached(self._known)
        if self.by_season is None or comparison.season is None:
            return known
        seasons, season = comparison.season
        rows = known.rows.astype(np.float64)
        rows[seasons.columns] = np.where(known.rows[seasons.columns] > 0, season.valid if self.is_outside else season.rows, 0.0)
        counted = np.where(seasons.mask, np.nan_to_num(self.expected(comparison)) * rows, known.counted)
        added = 2 * SMOOTHING if self.is_outside else SMOOTHING
        share = np.where(seasons.mask, np.clip((counted + added) / (rows + 2 * added), 0.0, 1.0), known.share)
        return _Known(rows, counted, share, known.excess)

    def _excess(self, reference: Reference, counted: Floats) -> Floats:
        """Return how many times the variance of a binomial count the baseline's part has, (C,)."""
        if not self.is_outside:
            return np.ones_like(counted)
        excess = reference.outside[1] / (counted + SMOOTHING)
        return np.where(np.isnan(excess), 1.0, np.fmax(excess, 1.0))

    def threshold(self, *, default: float, meaning: str) -> Threshold:
        """Return the threshold: the baseline's share, and the effect or the margin on top."""
        return Threshold(
            default=default, margin=self.margin, baseline=self.of_baseline, expected=self.expected, meaning=meaning
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What a margin is made of that the window does not change, (C,) each: the baseline's rows and what it counted of them."""

    rows: NDArray[np.int64] | Floats
    counted: Floats
    share: Floats
    excess: Floats


def _binomial_quantile(comparison: Comparison, trials: Floats, share: Floats, alpha: Floats) -> Floats:
    """Return the 1 - alpha quantiles of binomial counts, as real numbers.

    One takes as long as all else that a threshold takes, and in most columns nothing is absent: the quantiles are of few sizes.
    """
    known = comparison.cached(_quantiles)
    asked = list(zip(trials.tolist(), share.tolist(), alpha.tolist(), strict=True))
    new = [key for key in dict.fromkeys(asked) if key not in known]
    if new:
        of_new = np.array(new)
        found = special.bdtrik(1 - of_new[:, 2], of_new[:, 0], of_new[:, 1])
        known.update(zip(new, found.tolist(), strict=True))
    return np.array([known[key] for key in asked], np.float64)


def _quantiles(comparison: Comparison) -> dict[tuple[float, float, float], float]:  # noqa: ARG001 - it is kept with the comparison
    """Return where the quantiles are noted that a comparison has asked for, by trials, share and alpha."""
    return {}


def rows(profile: Profile) -> NDArray[np.int64]:
    """Return the profile's rows for each column, (C,)."""
    return np.full(len(profile.layout.columns), profile.rows)


#: The source that the shares cite.
SHARE_REFERENCE = "A share of counts; its margin is a binomial quantile: Brown, Cai and DasGupta, Interval estimation, 2001."
