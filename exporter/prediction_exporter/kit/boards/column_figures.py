"""Figures of the dashboard of a column: what it is like now, each against its threshold."""

from __future__ import annotations

from prediction_exporter.kit import figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.selectors import COLUMN
from prediction_exporter.kit.figures import INVALID, MISSING, NON_FINITE, OUT_OF_RANGE, PSI, UNSEEN, Figure
from prediction_exporter.kit.fleet import counting
from prediction_exporter.kit.one_column import own_over, psi_over
from prediction_exporter.kit.panels import Panel
from prediction_exporter.statistics.psi import PSI as OWN_PSI

OF = figures.chosen(*COLUMN)
#: Width of one of six figures.
_WIDTH = 4
#: How often in the past it is asked whether the column had drifted.
_STEP = "2m"
#: What lies outside of the baseline: a column is a category or a number.
OUTSIDE = (UNSEEN, OUT_OF_RANGE)
#: What panels say where there is nothing to show.
NO_VALUES = "no values in the window"
NO_PREDICTIONS = "no predictions in the window"
_NOT_COMPARED = "not compared"
TOO_FEW = "too few values to compare, or not compared"


def one_line(expr: str) -> str:
    """Return an expression without line ends."""
    return " ".join(expr.split())


def largest(expr: str) -> str:
    """Return the largest of the places where the model runs."""
    return f"max({one_line(expr)})"


def figures_now() -> list[Panel]:
    """Return the panels of the row."""
    return [
        p.stat(
            "PSI / threshold",
            "The population stability index as a multiple of its threshold, the larger of what matters and of what the size of "
            "the sample demands: from 1 on the column has drifted.",
            p.now(largest(psi_over(OF)), "PSI"),
            unit=looks.MULTIPLE_UNIT,
            steps=looks.MULTIPLE_STEPS,
            decimals=1,
            width=_WIDTH,
            no_data=_NOT_COMPARED,
        ),
        _drifted_since(),
        _share(
            "Missing",
            "Share of predictions in which the column is absent or null; red from its threshold on.",
            MISSING,
        ),
        _worse(
            "Invalid or NaN",
            "Share of predictions in which the column holds a wrong type, or of those in which it is NaN or infinite: the one "
            "that is nearer to its threshold; red from that on.",
            INVALID,
            NON_FINITE,
        ),
        _share(
            "Unseen or outside",
            "Share of the column's values that the baseline does not hold: unseen categories, or numbers outside of its range; "
            "red from its threshold on.",
            *OUTSIDE,
        ),
        p.stat(
            "Values",
            "Valid values of the column in the window, of all replicas together. Fewer than the model's least number of "
            "predictions are not compared.",
            p.now(f"sum({one_line(figures.values(OF))})", "values"),
            unit="short",
            width=_WIDTH,
            no_data=NO_VALUES,
        ),
    ]


def psi_over_time() -> str:
    """Return the PSI as a multiple of its threshold, for many moments at little cost.

    Of all traffic it is what is recorded, of segments what the replica says where it is largest: adding up takes long.
    """
    recorded = PSI.over.where(*COLUMN)
    return f"max({recorded} or {counting(f'({own_over(OWN_PSI, OF)})')} unless on () {recorded})"


def _drifted_since() -> Panel:
    over = psi_over_time()
    last_well = f"max_over_time(timestamp({over} <= 1)[$__range:{_STEP}])"
    first_seen = f"min_over_time(timestamp({over})[$__range:{_STEP}])"
    return p.stat(
        "Drifted since",
        "Since when the PSI has been above its threshold without a break; if longer than the time range, the begin of that.",
        p.now(f"({last_well} or on () {first_seen}) * 1000 and on () {over} > 1 or on () ({over} <= 1) * 0", "since"),
        unit="dateTimeFromNow",
        steps=((None, looks.GOOD), (1, looks.BAD)),
        texts={"0": "not drifted"},
        width=_WIDTH,
        no_data=_NOT_COMPARED,
    )


def value_and_threshold(*shares: Figure) -> tuple[str, str]:
    """Return the share of a column and its threshold, of shares of which a column has one."""
    value = " or ".join(share.value(OF) for share in shares)
    threshold = " or ".join(share.threshold(OF) for share in shares)
    return largest(value), largest(threshold)


def _share(title: str, description: str, *shares: Figure) -> Panel:
    return _limited(title, description, *value_and_threshold(*shares))


def _worse(title: str, description: str, first: Figure, second: Figure) -> Panel:
    """Return the one of two shares that is the larger part of its threshold."""
    (value, threshold), (other, its_threshold) = value_and_threshold(first), value_and_threshold(second)
    other_is_worse = f"({other} / {its_threshold} > {value} / {threshold})"
    return _limited(
        title,
        description,
        f"({other} and {other_is_worse}) or {value}",
        f"({its_threshold} and {other_is_worse}) or {threshold}",
    )


def _limited(title: str, description: str, value: str, threshold: str) -> Panel:
    return p.limited(
        p.stat(
            title,
            description,
            p.now(value, "share"),
            unit="percentunit",
            decimals=1,
            width=_WIDTH,
            no_data=NO_PREDICTIONS,
        ),
        p.now(threshold, "threshold"),
    )
