"""What moved in a column, which way and how far, in the terms of its baseline: "mean 14,560 -> 23,442, up 0.9 sd".

Where the mean tells little or there is none, it is the bin or category whose share changed most: "north: 2 % -> 31 %". Nor is
there one of a column that has a season: the baseline's is of all hours, and what the window is compared with is of its own.
"""

from __future__ import annotations

from prediction_exporter.collectors.windows import (
    BASELINE_BIN_RATIO,
    BASELINE_PREDICTIONS,
    EXPECTED_BIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
)
from prediction_exporter.kit.alert import label_arguments
from prediction_exporter.kit.bins import NAMES
from prediction_exporter.kit.figures import BIN_SHARE
from prediction_exporter.kit.fleet import LEFT_OUT, REPLICA_KEY
from prediction_exporter.kit.promql import MODEL_KEY, latest, on
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.wording import MEASURE, SHARE, SHIFT
from prediction_exporter.statistics.mean import BASELINE_MEAN, MEAN
from prediction_exporter.statistics.stddev import BASELINE_STDDEV

#: A shift of the mean by less than this share of the baseline's standard deviation is not what a drift is about.
LEAST = 0.1

_RENAMED = "".join(f' | reReplaceAll "{pattern}" "{name}"' for pattern, name in NAMES)
_BIN_NAME = f"{{{{ $bin.Labels.bin{_RENAMED} }}}}"


def shift(column: str, window: str, scale: Scale) -> str:
    """Return a template that writes what moved, in brackets with a space before, or nothing where nothing is known.

    Args:
        column: template of the column's name; model and version are those of the alert.
        window: template of the window's name.
        scale: of the queries' ranges.
    """
    mean = (
        _each("base", f"max({_of_baseline(BASELINE_MEAN.name, scale)}) unless on () sum({_expected(scale)})")
        + _each("spread", f"max({_of_baseline(BASELINE_STDDEV.name, scale)})")
        + _each("now", _fleet_mean(scale))
        + '{{ range query (printf "(%v - %v) / %v" $now.Value $base.Value $spread.Value) }}'
        f"{{{{ if or (ge .Value {LEAST}) (le .Value -{LEAST}) }}}}"
        f" (mean {MEASURE.of('(args $base.Value $spread.Value)')} -> {MEASURE.of('(args $now.Value $spread.Value)')}, "
        f"{SHIFT.of('.Value')}){{{{ $told = true }}}}{{{{ end }}}}" + "{{ end }}" * 4
    )
    change = f"({_in_window(BIN_SHARE.name, scale)} - on (bin) {_compared_bins(scale)})"
    # Of two that changed alike, as two categories do, the one that grew.
    farthest = f"topk(1, abs({change}) + 0.000001 * {change})"
    bin_ = (
        _each("bin", farthest)
        + _each("base", SHARE.scaled(_compared_share(scale)), "$bin.Labels.bin")
        + _each("now", SHARE.scaled(_share(scale)), "$bin.Labels.bin")
        + f" ({_BIN_NAME}: {SHARE.of('$base.Value')} -> {SHARE.of('$now.Value')})"
        + "{{ end }}" * 3
    )
    # Matchers of the column in the baseline and in the window, which are arguments of all queries.
    matchers = (
        f'{{{{ $column := printf "{", ".join(f"{label}=%q" for label in MODEL_KEY)}, column=%q" '
        f"{label_arguments(MODEL_KEY)} {column} }}}}"
        f'{{{{ $at := printf "%s, version=%q, window=%q" $column $labels.version {window} }}}}'
    )
    return f"{matchers}{{{{ $told := false }}}}{mean}{{{{ if not $told }}}}{bin_}{{{{ end }}}}"


def _each(name: str, expr: str, more: str = "") -> str:
    return f"{{{{ range ${name} := query (printf `{expr}` $column $at {more or '``'}) }}}}"


def _of_baseline(name: str, scale: Scale, matchers: str = "") -> str:
    return latest(f"{name}{{%[1]s{matchers}}}", scale)


def _in_window(name: str, scale: Scale, matchers: str = "") -> str:
    return latest(f'{name}{{%[2]s, segment="all"{matchers}}}', scale)


def _fleet_mean(scale: Scale) -> str:
    """Return the mean of all replicas, each weighted with its values; what two replicas counted twice cancels."""
    mean = _in_window(MEAN.family.name, scale)
    values = f"sum without (bin) ({_in_window(WINDOW_BIN_PREDICTIONS.name, scale)})"
    weights = f"({values} and {mean} unless {on(REPLICA_KEY)} {LEFT_OUT})"
    return f"sum({mean} * {weights}) / (sum({weights}) > 0)"


def _share(scale: Scale) -> str:
    """Return the window's share of the bin that is the third argument."""
    counts = WINDOW_BIN_PREDICTIONS.name
    return f"sum({_in_window(counts, scale, ', bin=%[3]q')}) / sum({_in_window(counts, scale)})"


def _expected(scale: Scale, matchers: str = "") -> str:
    """Return what the baseline shows in the window's hours; what two replicas counted twice cancels in its shares."""
    return _in_window(EXPECTED_BIN_PREDICTIONS.name, scale, matchers)


def _compared_bins(scale: Scale) -> str:
    """Return the shares that the window's are compared with."""
    of_hours = f"sum by (bin) ({_expected(scale)}) / on () group_left () (sum({_expected(scale)}) > 0)"
    return f"({of_hours} or on (bin) {_baseline_bins(scale)})"


def _compared_share(scale: Scale) -> str:
    """Return that of the bin that is the third argument."""
    bin_ = ", bin=%[3]q"
    of_hours = f"round(sum({_expected(scale, bin_)}) / (sum({_expected(scale)}) > 0), 0.00001)"
    return f"({of_hours} or on () {_baseline_share(scale)})"


def _baseline_bins(scale: Scale, matchers: str = "") -> str:
    """Return the baseline's smoothed shares; replicas have the same."""
    return f"max by (bin) ({_of_baseline(BASELINE_BIN_RATIO.name, scale, matchers)})"


def _baseline_share(scale: Scale) -> str:
    """Return the baseline's, without the half count that smoothes it and without what rounding leaves of a zero."""
    smoothed = _baseline_bins(scale)
    rows = f"max({_of_baseline(BASELINE_PREDICTIONS.name, scale)})"
    counted = f"max({_baseline_bins(scale, ', bin=%[3]q')}) * ({rows} + 0.5 * count({smoothed})) - 0.5"
    return f"round(({counted}) / {rows}, 0.00001)"
