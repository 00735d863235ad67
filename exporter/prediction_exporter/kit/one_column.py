"""Figures of few columns, from what their replicas count: of any segment and version, of most of which nothing is recorded.

What is recorded is of all traffic. Of one column it costs next to nothing to add up counts when a panel asks, and where both
are there they say the same.
"""

from __future__ import annotations

from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS
from prediction_exporter.kit.figures import (
    BASELINE_BIN_KEY,
    BASELINE_KEY,
    BIN_KEY,
    EFFECT_KEY,
    PSI,
    SEVERAL,
    Selector,
    baseline_bins,
    expected_bins,
    inverse_sizes,
    values,
)
from prediction_exporter.kit.fleet import LEFT_OUT, REPLICA_KEY, counting
from prediction_exporter.kit.promql import COLUMN_KEY, MODEL_KEY, by, on
from prediction_exporter.statistics import psi
from prediction_exporter.statistics.base import Statistic


def replicas_counts(of: Selector) -> str:
    """Return the values in each bin of the replicas that count; of another time, of those that counted then."""
    return f"({of(WINDOW_BIN_PREDICTIONS)} unless {on(REPLICA_KEY)} {of(LEFT_OUT)})"


def bin_counts(of: Selector) -> str:
    """Return the values in each bin, all replicas together."""
    return f"sum {by(BIN_KEY)} {replicas_counts(of)}"


def _values(of: Selector) -> str:
    return f"sum {by(COLUMN_KEY)} {replicas_counts(of)}"


def bin_shares(of: Selector) -> str:
    """Return the share of each bin in the window."""
    return f"({bin_counts(of)} / {on(COLUMN_KEY)} group_left () ({_values(of)} > 0))"


def compared_bins(of: Selector) -> str:
    """Return the baseline's shares that the window's are compared with, of its hours where the column has a season."""
    of_all = f"({bin_counts(of)} * 0 + {on(BASELINE_BIN_KEY)} group_left () {baseline_bins(of)})"
    return f"({expected_bins(of)} or {of_all})"


def smoothed_shares(of: Selector) -> str:
    """Return the same as PSI needs it, (count + 0.5) / (values + 0.5 * bins)."""
    halves = f"0.5 * count {by(BASELINE_KEY)} ({baseline_bins(of)})"
    whole = f"({_values(of)} + {on(BASELINE_KEY)} group_left () {halves})"
    return f"(({bin_counts(of)} + 0.5) / {on(COLUMN_KEY)} group_left () {whole})"


def compared(of: Selector) -> str:
    """Return something for each column that is compared: a replica or the fleet says how far it is."""
    return f"(count {by(COLUMN_KEY)} ({of(psi.PSI.family)}) or {on(COLUMN_KEY)} {of(PSI.over)})"


def same_bins(of: Selector, before: Selector) -> str:
    """Return something for each column whose bins are what they were: another baseline may have others."""
    now, then = bin_counts(of), bin_counts(before)
    both = f"count {by(COLUMN_KEY)} ({now} and {on(BIN_KEY)} {then})"
    return f"(({both}) == {on(COLUMN_KEY)} count {by(COLUMN_KEY)} ({now} or {on(BIN_KEY)} {then}))"


def psi_terms(share: str, against: str, sign: str = "") -> str:
    """Return what each bin adds to the PSI of shares, 0 where they are alike; ``sign`` is of what it holds more, as ``> 0``."""
    moved = f"{share} - {on(BIN_KEY)} {against}"
    return f"(({f'({moved}) {sign}' if sign else moved}) * ln({share} / {on(BIN_KEY)} {against}))"


def psi_of_bins(of: Selector) -> str:
    """Return what each bin adds to the PSI."""
    return f"({psi_terms(smoothed_shares(of), compared_bins(of))} and {on(COLUMN_KEY)} {compared(of)})"


def psi_value(of: Selector) -> str:
    """Return the PSI of each column that is compared."""
    return f"sum {by(COLUMN_KEY)} {psi_of_bins(of)}"


def psi_threshold(of: Selector) -> str:
    """Return what it is compared with: the replica's own where one counts, else for the sizes of all together."""
    own = f"max {by(COLUMN_KEY)} ({counting(of(psi.PSI.threshold_family))} unless {on(MODEL_KEY)} {of(SEVERAL)})"
    # The quantile falls as a window grows: the smallest is the nearest to the fleet's.
    noise = f"({inverse_sizes(values(of), of)}) * min {by(COLUMN_KEY)} ({of(psi.NOISE_QUANTILE)})"
    effect = f"max {by(EFFECT_KEY)} ({of(psi.EFFECT_THRESHOLD)})"
    excess = f"clamp_min(({noise}) - {on(EFFECT_KEY)} group_left () {effect}, 0)"
    return f"(({own} or ({excess} + {on(EFFECT_KEY)} group_left () {effect})) and {on(COLUMN_KEY)} {compared(of)})"


def psi_over(of: Selector) -> str:
    """Return the PSI of each column as a multiple of its threshold."""
    return f"({psi_value(of)} / {on(COLUMN_KEY)} {psi_threshold(of)})"


def own_over(statistic: Statistic, of: Selector) -> str:
    """Return a statistic of each replica as a multiple of its threshold there."""
    return f"{of(statistic.family)} / {of(statistic.threshold_family)}"
