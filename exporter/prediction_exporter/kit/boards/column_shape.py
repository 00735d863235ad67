"""The row of the dashboard of a column on its distribution: now, what of it moved, and when."""

from __future__ import annotations

from prediction_exporter.kit import bins, figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards.column_figures import NO_VALUES, OF, TOO_FEW, one_line
from prediction_exporter.kit.boards.selectors import COLUMN
from prediction_exporter.kit.figures import BIN_KEY, baseline_bins, expected_bins
from prediction_exporter.kit.one_column import bin_shares, compared_bins, psi_of_bins, smoothed_shares
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import on

#: The part of the time range at whose begin the baseline stands in the heatmap, and what is left empty beside it.
_BASELINE_PART, _GAP = 0.05, 0.01
_LAST = figures.chosen(*COLUMN, around=lambda series: f"last_over_time({series}[$__range] @ end())")
#: What a bin that is noticed adds to the PSI; a little more than a round number, whose mark would be cut at the edge.
_NOTICEABLE = 0.055
_MORE, _FEWER = "more than in the baseline", "fewer than in the baseline"


def shape() -> list[Panel]:
    """Return the panels of the row."""
    return [_now(), _psi(), _over_time()]


def _of_bins(expr: str) -> str:
    return f"max by ({bins.BIN}) ({one_line(expr)})"


def _now() -> Panel:
    return bins.named(
        bins.in_order(
            t.histogram(
                "Distribution now",
                "Share of each bin, in the window and in the baseline; of a column that has a season, in its same hours. "
                "The bins are the baseline's; other takes unseen categories.",
                p.now(_of_bins(compared_bins(OF)), "baseline", table=True, role=looks.BASELINE),
                p.now(_of_bins(bin_shares(OF)), "window", table=True, role=looks.WINDOW),
                over=bins.BIN,
                unit="percentunit",
                width=12,
                height=10,
                no_data=NO_VALUES,
            )
        )
    )


def _psi() -> Panel:
    def parts(than: str) -> str:
        moved = f"({smoothed_shares(OF)} {than} {on(BIN_KEY)} {compared_bins(OF)})"
        return _of_bins(f"{psi_of_bins(OF)} and {on(BIN_KEY)} {moved}")

    panel = t.histogram(
        "What makes the PSI",
        "What each bin adds to the PSI, the bin that moved most first: (q - p) ln(q / p) of its shares in window and baseline.",
        p.now(parts(">="), _MORE, table=True, role=looks.WINDOW),
        p.now(parts("<"), _FEWER, table=True, role=looks.BASELINE),
        over=bins.BIN,
        unit="short",
        width=12,
        height=10,
        no_data=TOO_FEW,
    )
    # On an axis of its own, what is next to nothing would look like much.
    panel.defaults["custom"] = {"axisSoftMax": _NOTICEABLE}
    panel.content["options"] |= {"orientation": "horizontal", "stacking": "normal", "xTickLabelRotation": 0}
    return bins.named(bins.largest_first(panel, _MORE, _FEWER))


def _over_time() -> Panel:
    passed = "(time() - $__from / 1000) / $__range_s"
    # As last known: at the begin of the time range nothing may have been watched yet.
    compared = f"{_of_bins(expected_bins(_LAST))} or on ({bins.BIN}) {_of_bins(baseline_bins(_LAST))}"
    baseline = f"({compared}) and on () vector({passed}) < {_BASELINE_PART - _GAP:g}"
    window = f"{_of_bins(bin_shares(OF))} and on () vector({passed}) >= {_BASELINE_PART:g}"
    return bins.over_time(
        "Distribution over time",
        "Share of each bin in the window, the stronger the colour the larger; in the first twentieth of the time range, left "
        "of the gap, it is the baseline's. A row whose colour is not that of its begin has moved.",
        Query(expr=f"({baseline}) or ({window})", legend=f"{{{{{bins.BIN}}}}}"),
        width=24,
        height=9,
        no_data=NO_VALUES,
    )
