"""The row of the dashboard of a column on its distribution: now, what of it moved, and when."""

from __future__ import annotations

from prediction_exporter.kit import bins, figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards.column_compared import BEFORE, CHOSEN, SOME_DAYS, THEN, called
from prediction_exporter.kit.boards.column_figures import NO_VALUES, OF, one_line
from prediction_exporter.kit.boards.selectors import COLUMN
from prediction_exporter.kit.figures import baseline_bins, expected_bins
from prediction_exporter.kit.one_column import bin_shares, compared, compared_bins, psi_terms, same_bins, smoothed_shares
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import COLUMN_KEY, on

#: The part of the time range at whose begin the baseline stands in the heatmap, and what is left empty beside it.
_BASELINE_PART, _GAP = 0.05, 0.01
#: What is said where nothing can be told of what makes the PSI, with the baseline or with what was there before.
_TOO_FEW_THEN = "too few values to compare, or none of this version in these bins then"
_LAST = figures.chosen(*COLUMN, around=lambda series: f"last_over_time({series}[$__range] @ end())")
#: What a bin that is noticed adds to the PSI.
_NOTICEABLE = 0.05
_MORE, _FEWER = "more than in", "fewer than in"
#: What is there in the place of what was there before, where that cannot be compared.
_NOTHING = "nothing before"


def shape() -> list[Panel]:
    """Return the panels of the row."""
    return [_now(), _psi(), _over_time()]


def _of_bins(expr: str) -> str:
    return f"max by ({bins.BIN}) ({one_line(expr)})"


def _now() -> Panel:
    then = _of_bins(f"{bin_shares(BEFORE)} and {on(COLUMN_KEY)} {same_bins(OF, BEFORE)}")
    shares = _of_bins(bin_shares(OF))
    panel = t.histogram(
        "Distribution now",
        "Share of each bin, in the window and in the baseline; of a column that has a season, in its same hours. What was "
        f"there a day or a week before is outlined. The bins are the baseline's; {bins.ALL_OTHERS} takes the categories that "
        "have none.",
        p.now(bins.placed(_of_bins(compared_bins(OF))), "baseline", table=True, role=looks.BASELINE),
        p.now(shares, "window", table=True, role=looks.WINDOW),
        p.now(then, THEN, table=True, role=looks.BEFORE),
        p.now(f"{shares} * 0 unless on () {then} and {SOME_DAYS}", _NOTHING, table=True, role=looks.BEFORE),
        over=bins.BIN,
        unit="percentunit",
        width=12,
        height=10,
        no_data=NO_VALUES,
    )
    outlined = [{"id": "custom.fillOpacity", "value": 0}, {"id": "custom.lineWidth", "value": 2}]
    called(panel, THEN, CHOSEN, *outlined)
    called(panel, _NOTHING, f"{CHOSEN}: none of this version in these bins", *outlined)
    return bins.named(bins.in_order(panel))


def _psi() -> Panel:
    share, against = smoothed_shares(OF), f"({compared_bins(OF)} unless {SOME_DAYS} or {smoothed_shares(BEFORE)})"
    then = f"{compared(BEFORE)} and {on(COLUMN_KEY)} {same_bins(OF, BEFORE)}"
    enough = f"{on(COLUMN_KEY)} {compared(OF)} and {on(COLUMN_KEY)} ({compared(OF)} unless {SOME_DAYS} or {then})"

    def parts(sign: str) -> str:
        return _of_bins(f"{psi_terms(share, against, sign)} and {enough}")

    panel = t.histogram(
        "What makes the PSI",
        f"What each bin adds to the PSI against what is chosen to compare with, the {bins.MOST} that moved most: "
        "(q - p) ln(q / p) of its shares q in the window and p in the other, both with half a value more in each bin. Against "
        "a day or a week before it is shown where the bins were the same.",
        p.now(parts(">= 0"), _MORE, table=True, role=looks.WINDOW),
        p.now(parts("< 0"), _FEWER, table=True, role=looks.BASELINE),
        over=bins.BIN,
        unit="short",
        width=12,
        height=10,
        no_data=_TOO_FEW_THEN,
    )
    # On a scale of its own, what is next to nothing would look like much.
    panel.defaults.update({"decimals": 3, "custom": {"axisSoftMax": _NOTICEABLE}})
    # Values at the bars and no axis, whose last mark would be cut at the edge.
    panel.content["options"] |= {"orientation": "horizontal", "stacking": "normal", "xTickLabelRotation": 0}
    panel.content["options"] |= {"showValue": "auto", "text": {"valueSize": 12}}
    for name in (_MORE, _FEWER):
        called(panel, name, f"{name} {CHOSEN}", {"id": "custom.axisPlacement", "value": "hidden"})
    return bins.named(bins.largest_first(panel, _MORE, _FEWER))


def _over_time() -> Panel:
    passed = "(time() - $__from / 1000) / $__range_s"
    # As last known: at the begin of the time range nothing may have been watched yet.
    expected = f"{_of_bins(expected_bins(_LAST))} or on ({bins.BIN}) {_of_bins(baseline_bins(_LAST))}"
    baseline = f"({expected}) and on () vector({passed}) < {_BASELINE_PART - _GAP:g}"
    window = f"{_of_bins(bin_shares(OF))} and on () vector({passed}) >= {_BASELINE_PART:g}"
    return bins.over_time(
        "Distribution over time",
        "Share of each bin in the window, the stronger the colour the larger; in the first twentieth of the time range, left "
        "of the gap, it is the baseline's. A row whose colour is not that of its begin has moved.",
        Query(expr=bins.placed(f"({baseline}) or ({window})"), legend=f"{{{{{bins.BIN}}}}}"),
        width=24,
        height=9,
        no_data=NO_VALUES,
    )
