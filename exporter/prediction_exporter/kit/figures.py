"""What is watched of each column: the fleet's figure, its threshold, and the one recorded as a multiple of the other.

A PSI, a ratio or a quantile cannot be averaged over replicas. Counts can be added, so the fleet's share of each bin comes from
the sum of the replicas' counts, and the fleet's PSI from these shares: what one exporter that read everything would say. Where
replicas read one shared source, each is such an exporter, and one of them counts (:mod:`prediction_exporter.kit.fleet`). Of a
column that has a season, what the baseline shows in the hours that each replica serves is added up too, and compared with.

The multiple alone is recorded, for all columns; a figure and its threshold are asked for where a message or a panel shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from prediction_exporter.collectors.windows import (
    BASELINE_BIN_RATIO,
    BASELINE_PREDICTIONS,
    EXPECTED_BIN_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    WINDOW_PREDICTIONS,
)
from prediction_exporter.families import BASELINE_COLUMN, BASELINE_WINDOW_COLUMN, Family
from prediction_exporter.kit.fleet import counting
from prediction_exporter.kit.promql import (
    COLUMN_KEY,
    MODEL_KEY,
    SCOPE,
    WINDOW_KEY,
    Recorded,
    bracketed,
    by,
    on,
    select,
)
from prediction_exporter.statistics import psi
from prediction_exporter.statistics.base import Statistic
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO

#: Selects series of a family or of a recorded series, by what a caller wants to see of it.
Selector = Callable[[Family | Recorded], str]

BIN_KEY = (*COLUMN_KEY, "bin")
BASELINE_KEY = (*SCOPE, *BASELINE_COLUMN)
EFFECT_KEY = (*SCOPE, *BASELINE_WINDOW_COLUMN)
BASELINE_BIN_KEY = (*BASELINE_KEY, "bin")
#: A share below this part of its threshold is as good as none, and is not recorded.
RECORDED_FROM = 0.1


def chosen(*matchers: str, around: Callable[[str], str] = str) -> Selector:
    """Return a selector by matchers, of which each family gets those on labels that it has.

    >>> chosen('model="m"', 'window="1h"')(BASELINE_PREDICTIONS)
    'model_baseline_predictions{model="m"}'
    """

    def selected(series: Family | Recorded) -> str:
        known = {*SCOPE, "instance", *series.labels}
        found = [matcher for matcher in matchers if re.match(r"\w+", matcher)[0] in known]  # type: ignore[index]  # each begins with a label
        return around(select(series.name, *found))

    return selected


#: What is recorded and alerted on: windows of all traffic, and not those of segments.
EVERYTHING = chosen('segment="all"')


def _rows(of: Selector) -> str:
    """Return what multiplies series of a replica with its predictions, once for a replica that is found as two targets."""
    key = (*WINDOW_KEY, "instance")
    return f"* {on(key)} group_left () max {by(key)} ({of(WINDOW_PREDICTIONS)})"


def values(of: Selector) -> str:
    """Return the number of valid values of each column in each window, all replicas together."""
    return f"sum {by(COLUMN_KEY)} {counting(of(WINDOW_BIN_PREDICTIONS))}"


def baseline_bins(of: Selector) -> str:
    """Return the baseline's share of each bin; replicas have the same baseline."""
    return f"max {by(BASELINE_BIN_KEY)} ({of(BASELINE_BIN_RATIO)})"


def expected_bins(of: Selector, of_which: str = "") -> str:
    """Return the share that the baseline shows in each bin in the window's hours, of columns that have a season.

    They are divided by what they add up to and not by the window's values, so that replicas of a former release do no harm.
    """
    counts = counting(of(EXPECTED_BIN_PREDICTIONS))
    counts = f"({counts} {of_which})" if of_which else counts
    return f"(sum {by(BIN_KEY)} ({counts}) / {on(COLUMN_KEY)} group_left () (sum {by(COLUMN_KEY)} ({counts}) > 0))"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What is watched of a column, as the fleet's.

    Attributes:
        statistic: what each replica exports.
        over: the recorded multiple of the threshold.
        value: the figure of each column and window, from what a selector selects.
        threshold: what it is compared with.
        above: the figure, counted from what replicas have above a limit, which costs little where little is wrong.
    """

    statistic: Statistic
    over: Recorded
    value: Callable[[Selector], str]
    threshold: Callable[[Selector], str]
    above: Callable[[float, Selector], str]


def _over(statistic: Statistic, help_: str, expr: str) -> Recorded:
    return Recorded(name=f"model_column:{statistic.family}:over_threshold", labels=COLUMN_KEY, help=help_, expr=lambda _: expr)


def _valid(of_which: str = "") -> str:
    """Return each replica's values of each column, without reading their bins: what is not missing, not invalid and not NaN."""
    missing = counting(EVERYTHING(MISSING_RATIO.family))
    rest = f"{EVERYTHING(INVALID_RATIO.family)} - {EVERYTHING(NON_FINITE_RATIO.family)}"
    missing = f"({missing} {of_which})" if of_which else missing
    return f"((1 - {missing} - {rest}) {_rows(EVERYTHING)})"


def _values_for_all(of_which: str = "") -> str:
    """Return what :func:`values` does, for all columns at once at a tenth of its cost; columns without any are left out."""
    # Ratios are rounded: what should be nothing may be a little more.
    return f"(sum {by(COLUMN_KEY)} {_valid(of_which)} > 0.5)"


# Drift.
BIN_SHARE = Recorded(
    name="model_column_bin:model_window_bin_predictions:ratio",
    labels=BIN_KEY,
    help="Share of the column's values in the fleet's window that are in the bin.",
    expr=lambda _: (
        f"sum {by(BIN_KEY)} (\n"
        f"  {counting(EVERYTHING(WINDOW_BIN_PREDICTIONS))}\n"
        f"  / {on(COLUMN_KEY)} group_left ()\n"
        f"  {_values_for_all()}\n)"
    ),
)
SEVERAL = Recorded(
    name="model:model_window_predictions:replicas",
    labels=MODEL_KEY,
    help="Replicas whose counts are added up, of models that have more than one.",
    expr=lambda _: (
        f"count {by(MODEL_KEY)} (count {by((*MODEL_KEY, 'instance'))} {counting(EVERYTHING(WINDOW_PREDICTIONS))}) > 1"
    ),
)


_OF_SEVERAL = f"and {on(MODEL_KEY)} {SEVERAL}"


def _smoothed_share() -> str:
    halves = f"0.5 * count {by(BASELINE_KEY)} ({baseline_bins(EVERYTHING)})"
    counts = f"{counting(EVERYTHING(WINDOW_BIN_PREDICTIONS))} {_OF_SEVERAL}"
    return (
        f"((sum {by(BIN_KEY)} ({counts}) + 0.5) / {on(COLUMN_KEY)} group_left () "
        f"({_values_for_all(_OF_SEVERAL)} + {on(BASELINE_KEY)} group_left () {halves}))"
    )


SMOOTHED_SHARE = Recorded(
    name="model_column_bin:model_window_bin_predictions:smoothed",
    labels=BIN_KEY,
    help=(
        "Share of the bin as PSI needs it, (count + 0.5) / (values + 0.5 * bins), of models whose replicas are added up; "
        "absent for all others, of which the replica says its own PSI."
    ),
    expr=lambda _: _smoothed_share(),
)


def _psi_of(shares: str, of: Selector, of_which: str = "") -> str:
    """Return the PSI of shares against those of the window's hours where the column has a season, else the baseline's."""

    def parts(against: str) -> str:
        return f"  ({shares} - {against})\n  * ln({shares} / {against})\n"

    of_hours = parts(f"{on(BIN_KEY)} {expected_bins(of, of_which)}")
    of_all = parts(f"{on(BASELINE_BIN_KEY)} group_left () {baseline_bins(of)}")
    return f"sum {by(COLUMN_KEY)} (\n{of_hours}  or\n{of_all})"


def _psi_of_fleet(of: Selector) -> str:
    """Return the replica's own PSI where one counts, and that of the added counts where several do."""
    own = f"max {by(COLUMN_KEY)} ({counting(of(psi.PSI.family))} unless {on(MODEL_KEY)} {of(SEVERAL)})"
    return f"({own}\nor\n{_psi_of(of(SMOOTHED_SHARE), of)})"


def _psi(of: Selector) -> str:
    return f"({_psi_of_fleet(of)} and {on(COLUMN_KEY)} {of(PSI.over)})"


def _psi_threshold(of: Selector) -> str:
    # What the one was divided by to get the other.
    return f"({_psi_of_fleet(of)} / {on(COLUMN_KEY)} {of(PSI.over)})"


def psi_noise_floor(of: Selector) -> str:
    """Return what the fleet's PSI reads without any drift: the replica's own where one counts, the limit where several do.

    That is (bins - 1) * (1/N + 1/M), N and M the values of both sides.
    """
    own = f"max {by(COLUMN_KEY)} ({counting(of(psi.PSI.noise_floor_family))} unless {on(MODEL_KEY)} {of(SEVERAL)})"
    bins = f"count {by(BASELINE_KEY)} ({baseline_bins(of)})"
    return f"({own}\nor\n({inverse_sizes(values(of), of)}) * {on(BASELINE_KEY)} group_left () ({bins} - 1))"


def inverse_sizes(counts: str, of: Selector) -> str:
    """Return 1/N + 1/M, N and M the values of the window, which are given, and of the baseline."""
    rows = f"max {by(BASELINE_KEY)} ({of(BASELINE_PREDICTIONS)})"
    return f"1 / ({counts} > 0) + {on(BASELINE_KEY)} group_left () 1 / ({rows} > 0)"


def _psi_over() -> str:
    """Return the replica's own multiple where one counts, and that of the added counts where several do."""
    own = f"{counting(EVERYTHING(psi.PSI.family))} / {EVERYTHING(psi.PSI.threshold_family)}"
    least = f"max {by(MODEL_KEY)} ({MIN_PREDICTIONS})"
    enough = f"({_values_for_all(_OF_SEVERAL)} >= {on(MODEL_KEY)} group_left () {least})"
    # The quantile falls as a window grows, to that of the chi-square distribution: the smallest is the nearest to the fleet's.
    quantile = f"min {by(COLUMN_KEY)} ({EVERYTHING(psi.NOISE_QUANTILE)})"
    noise = f"({inverse_sizes(enough, EVERYTHING)}) * {quantile}"
    effect = f"max {by(EFFECT_KEY)} ({psi.EFFECT_THRESHOLD})"
    excess = f"clamp_min(({noise}) - {on(EFFECT_KEY)} group_left () {effect}, 0)"
    threshold = f"{excess} + {on(EFFECT_KEY)} group_left () {effect}"
    return (
        f"max {by(COLUMN_KEY)} ({own} unless {on(MODEL_KEY)} {SEVERAL})\n"
        "or\n"
        f"{_psi_of(str(SMOOTHED_SHARE), EVERYTHING, _OF_SEVERAL)}\n"
        f"/ {on(COLUMN_KEY)}\n"
        f"({threshold})"
    )


PSI = Figure(
    statistic=psi.PSI,
    over=_over(
        psi.PSI,
        "PSI of the fleet's window as a multiple of its threshold, the larger of the configured effect and of the sample's "
        "demand; absent below the model's least number of predictions.",
        _psi_over(),
    ),
    value=_psi,
    threshold=_psi_threshold,
    above=lambda least, of: f"({_psi(of)} > {least:g})",
)


# Bad values.
def _of_rows(own: str, of: Selector) -> str:
    """Weigh with the replica's predictions."""
    rows = of(WINDOW_PREDICTIONS)
    return (
        f"sum {by(COLUMN_KEY)} ({own} {_rows(of)})\n"
        f"/ {on(WINDOW_KEY)} group_left ()\n"
        f"(sum {by(WINDOW_KEY)} {counting(rows)} > 0)"
    )


def _of_values(own: str, of: Selector) -> str:
    """Weigh with the replica's valid values of the column."""
    key = (*COLUMN_KEY, "instance")
    counts = f"sum {by(key)} ({of(WINDOW_BIN_PREDICTIONS)})"
    return f"sum {by(COLUMN_KEY)} ({own} * {on(key)} group_left () {counts})\n/ {on(COLUMN_KEY)}\n({values(of)} > 0)"


def _of_values_for_all(own: str) -> str:
    """Weigh so without reading the bins of all columns."""
    key = (*COLUMN_KEY, "instance")
    counts = f"max {by(key)} ({_valid(_OF_SEVERAL)})"
    return (
        "(\n"
        f"  max {by(COLUMN_KEY)} ({own} unless {on(MODEL_KEY)} {SEVERAL})\n"
        "or\n"
        f"  sum {by(COLUMN_KEY)} ({own} * {on(key)} group_left () {counts})\n"
        f"  / {on(COLUMN_KEY)}\n"
        f"  {_values_for_all(_OF_SEVERAL)}\n"
        ")"
    )


def _share(statistic: Statistic, *, of_values: bool = False) -> Figure:
    own = statistic.family
    weighed = _of_values if of_values else _of_rows

    def threshold(of: Selector) -> str:
        # Replicas' thresholds fall as their samples grow. The largest is the safe choice.
        return f"max {by(COLUMN_KEY)} {counting(of(statistic.threshold_family))}"

    def above(least: float, of: Selector) -> str:
        return bracketed(weighed(f"({counting(of(own))} > {least:g})", of))

    present = f"({counting(EVERYTHING(own))} > 0)"
    return Figure(
        statistic=statistic,
        over=_over(
            statistic,
            f"{own} of all replicas together, each weighted with its {'values' if of_values else 'predictions'}, as a multiple "
            f"of the largest threshold among those with enough predictions; absent below {RECORDED_FROM:g}.",
            f"{_of_values_for_all(present) if of_values else above(0, EVERYTHING)}\n"
            f"/ {on(COLUMN_KEY)}\n{threshold(EVERYTHING)}\n>= {RECORDED_FROM:g}",
        ),
        value=lambda of: f"({weighed(counting(of(own)), of)})",
        threshold=threshold,
        above=above,
    )


MISSING = _share(MISSING_RATIO)
INVALID = _share(INVALID_RATIO)
NON_FINITE = _share(NON_FINITE_RATIO)
OUT_OF_RANGE = _share(OUT_OF_RANGE_RATIO, of_values=True)
UNSEEN = _share(UNSEEN_RATIO, of_values=True)
SHARES = (MISSING, INVALID, NON_FINITE, OUT_OF_RANGE, UNSEEN)
FIGURES = (PSI, *SHARES)


def _badness() -> str:
    # By name and not by one `or` after another: what has no series costs nothing.
    multiples = f'{{__name__=~"{"|".join(figure.over.name for figure in FIGURES)}"}}'
    # A share that is next to nothing is not recorded. Its threshold says that it is watched all the same.
    watched = f"0 * {EVERYTHING(MISSING_RATIO.threshold_family)}"
    return f"max {by(COLUMN_KEY)} (\n  {multiples}\n  or\n  {watched}\n)"


BADNESS = Recorded(
    name="model_column:model_column_badness:max",
    labels=COLUMN_KEY,
    help=(
        "The largest of the column's PSI and bad shares, each as a multiple of its threshold; above 1 one is passed, 0 where "
        "all is well, and absent where nothing is compared."
    ),
    expr=lambda _: _badness(),
)
