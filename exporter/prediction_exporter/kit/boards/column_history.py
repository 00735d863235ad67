"""Rows of the dashboard of a column on what it was like over time: drift, values, data quality, attribution, slices."""

from __future__ import annotations

from itertools import cycle

from prediction_exporter.collectors.traffic import ATTRIBUTION, BASELINE_ATTRIBUTION
from prediction_exporter.collectors.windows import BASELINE_PREDICTIONS
from prediction_exporter.families import Family
from prediction_exporter.kit import figures, looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.board import link
from prediction_exporter.kit.boards.choices import TOP
from prediction_exporter.kit.boards.column_compared import BEFORE, CHOSEN, THEN, called
from prediction_exporter.kit.boards.column_figures import (
    NO_PREDICTIONS,
    OF,
    OUTSIDE,
    TOO_FEW,
    largest,
    one_line,
    psi_over_time,
    value_and_threshold,
)
from prediction_exporter.kit.boards.model import KEPT
from prediction_exporter.kit.boards.selectors import COLUMN, MODEL, VERSION, chosen, rate
from prediction_exporter.kit.figures import INVALID, MISSING, NON_FINITE, Selector, psi_noise_floor
from prediction_exporter.kit.fleet import SHARED, counting, total
from prediction_exporter.kit.looks import Role
from prediction_exporter.kit.one_column import compared, own_over, psi_over, psi_threshold, psi_value, replicas_counts
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import COLUMN_KEY, VERSION_KEY, on
from prediction_exporter.statistics import DISTANCES, Statistic
from prediction_exporter.statistics.mean import BASELINE_MEAN, MEAN
from prediction_exporter.statistics.psi import PSI
from prediction_exporter.statistics.quantile import BASELINE_QUANTILE, QUANTILE
from prediction_exporter.statistics.stddev import BASELINE_STDDEV

#: Standard errors on both sides of a mean between which 95 % of samples lie.
_ERRORS = 2
#: What is bad about values, each with the shares that tell it.
_BAD = {"missing": (MISSING,), "invalid": (INVALID,), "NaN or infinite": (NON_FINITE,), "outside": OUTSIDE}
_CHOSEN_COLUMN = chosen("column")
_NO_NUMBERS = "no numbers in the window"
#: What labels are called that people call otherwise.
_CALLED = {"instance": "replica"}


def _line(expr: str, name: str, role: Role | None = None) -> Query:
    return Query(expr=largest(expr), legend=name, role=role)


def drift() -> list[Panel]:
    """Return the panels of the row."""
    roles = zip(DISTANCES, cycle(looks.APART), strict=False)
    statistics = (
        Query(
            expr=psi_over_time() if one is PSI else largest(counting(f"({own_over(one, OF)})")), legend=_short(one), role=role
        )
        for one, role in roles
    )
    return [
        p.timeseries(
            "PSI",
            "PSI of the column with what an alert compares it with, and what it reads without any drift at this sample size.",
            _line(psi_value(OF), "PSI", looks.WINDOW),
            _line(psi_threshold(OF), "threshold", looks.THRESHOLD),
            _line(f"{psi_noise_floor(OF)} and {on(COLUMN_KEY)} {compared(OF)}", "noise floor", looks.NOISE),
            unit="short",
            width=24,
            no_data=TOO_FEW,
        ),
        p.multiples(
            p.timeseries(
                "All statistics",
                "Each distance as a multiple of its own threshold: they agree on a drift, or they do not. PSI of all traffic "
                "is that of all replicas together; all else is that of the replica where it is largest.",
                *statistics,
                unit="",
                width=24,
                no_data=TOO_FEW,
            )
        ),
    ]


def _short(statistic: Statistic) -> str:
    """Return a name that leaves room for figures beside it."""
    return "PSI" if statistic is PSI else statistic.title.rpartition(" ")[0]


def values() -> list[Panel]:
    """Return the panels of the row."""
    return [_mean(), _quantiles()]


def _mean() -> Panel:
    def of_all(of: Selector) -> str:
        """Return the mean of all replicas, each weighted with its values."""
        counts = _counts(of)
        return one_line(f"sum({of(MEAN.family)} * {counts}) / (sum({counts} and {of(MEAN.family)}) > 0)")

    mean, spread, rows = (f"max({OF(of)})" for of in (BASELINE_MEAN, BASELINE_STDDEV, BASELINE_PREDICTIONS))
    error = f"{_ERRORS} * {spread} * sqrt(1 / (sum({_counts(OF)}) > 0) + 1 / ({rows} > 0))"
    upper, lower = (f"{_ERRORS} standard errors {side}" for side in ("above", "below"))
    panel = p.band(
        p.free_scale(
            p.timeseries(
                "Mean",
                "Mean of a numeric column, of all replicas together, and that of the baseline with "
                f"{_ERRORS} standard errors on both sides, between which most windows of this size lie that have not drifted; "
                "and the mean a day or a week before, where that is chosen.",
                Query(expr=f"{mean} + {error}", legend=upper, role=looks.BASELINE),
                Query(expr=f"{mean} - {error}", legend=lower, role=looks.BASELINE),
                Query(expr=of_all(OF), legend="window", role=looks.WINDOW),
                Query(expr=f"{mean}", legend="baseline", role=looks.BASELINE),
                Query(expr=of_all(BEFORE), legend=THEN, role=looks.BEFORE),
                unit="short",
                width=24,
                no_data=_NO_NUMBERS,
            )
        ),
        upper=upper,
        lower=lower,
    )
    called(panel, THEN, CHOSEN)
    return panel


def _quantiles() -> Panel:
    def of(family: Family, q: str) -> str:
        quantile = figures.chosen(*COLUMN, f'q="{q}"')(family)
        return quantile if family is BASELINE_QUANTILE else counting(quantile)

    counts = _counts(OF)
    middle = of(QUANTILE.family, "0.5")
    p50 = f"sum({middle} * ignoring (q) {counts}) / (sum({counts} and ignoring (q) {middle}) > 0)"
    baseline = (
        Query(expr=f"max({of(BASELINE_QUANTILE, q)})", legend=f"baseline {name}", role=looks.BASELINE)
        for name, q in (("p95", "0.95"), ("p50", "0.5"), ("p5", "0.05"))
    )
    return p.filled(
        p.free_scale(
            p.timeseries(
                "Quantiles",
                "Nine of ten values of a numeric column lie in the coloured band, half of them below the line in it; the grey "
                "lines are the baseline's. Quantiles of replicas do not add up: of several, the band is the widest, and p50 "
                "their mean.",
                Query(expr=f"max({of(QUANTILE.family, '0.95')})", legend="p95", role=looks.WINDOW),
                Query(expr=one_line(p50), legend="p50", role=looks.WINDOW),
                Query(expr=f"min({of(QUANTILE.family, '0.05')})", legend="p5", role=looks.WINDOW),
                *baseline,
                unit="short",
                width=24,
                no_data=_NO_NUMBERS,
            )
        ),
        upper="p95",
        lower="p5",
    )


def _counts(of: Selector) -> str:
    """Return each replica's values, with the labels of its other figures of the column."""
    return f"sum without (bin) {replicas_counts(of)}"


def quality() -> list[Panel]:
    """Return the panels of the row."""
    lines, thresholds, multiples = [], [], []
    for (name, shares), role in zip(_BAD.items(), cycle(looks.APART), strict=False):
        value, threshold = value_and_threshold(*shares)
        lines.append(Query(expr=value, legend=name, role=role))
        thresholds.append(Query(expr=threshold, legend=f"{name}, threshold", role=looks.THRESHOLD))
        multiples.append(Query(expr=f"{value} / {threshold}", legend=name, role=role))
    return [
        p.timeseries(
            "Bad values",
            "Shares of the predictions, and from where on each is too large. Outside of the baseline are, among the values, "
            "unseen categories or numbers out of its range.",
            *lines,
            *thresholds,
            unit="percentunit",
            width=24,
            no_data=NO_PREDICTIONS,
        ),
        p.multiples(
            p.timeseries(
                "Bad values / threshold",
                "The same shares as multiples of their own thresholds: above 1 an alert fires in time.",
                *multiples,
                unit="",
                width=24,
                no_data=NO_PREDICTIONS,
            )
        ),
    ]


def attribution() -> list[Panel]:
    """Return the panels of the row."""
    # Of all traffic: a counter of each segment is not kept.
    of_column, of_all = (
        total(VERSION_KEY, rate(ATTRIBUTION, matchers), shared=SHARED) for matchers in ((*VERSION, _CHOSEN_COLUMN), VERSION)
    )
    return [
        p.timeseries(
            "Share of attribution",
            "How much of all that features contributed to this version's predictions, whatever the sign, the column did, and "
            "what it was in the baseline's data, where these have attributions. Of all traffic, whichever segment is chosen.",
            Query(expr=f"{of_column} / ({of_all} > 0)", legend="column", role=looks.WINDOW),
            Query(expr=f"max({BASELINE_ATTRIBUTION.where(*MODEL, _CHOSEN_COLUMN)})", legend="baseline", role=looks.BASELINE),
            unit="percentunit",
            width=24,
            no_data="no attributions in the predictions: predictions.fields.attributions",
        )
    ]


def slices() -> list[Panel]:
    """Return the panels of the row."""
    window = chosen("window")
    of_segments = figures.chosen(*VERSION, window, _CHOSEN_COLUMN)
    of_versions = figures.chosen(*MODEL, chosen("segment"), window, _CHOSEN_COLUMN)
    return [
        _slice("segment", "Each part of the traffic, and all of it. A click shows it.", psi_over(of_segments), "segment"),
        _slice(
            "version", "Each version that has predictions in the window. A click shows it.", psi_over(of_versions), "version"
        ),
        _slice("instance", "What each replica says of its own predictions.", own_over(PSI, OF)),
    ]


def _slice(label: str, description: str, expr: str, variable: str | None = None) -> Panel:
    """Return the multiples of a label's values, the largest first; a click chooses one where a variable is named like it."""
    panel = p.bars(
        f"PSI by {_CALLED.get(label, label)}",
        f"{description} PSI as a multiple of its threshold: from 1 on it has drifted.",
        p.now(f"sort_desc(topk({TOP}, max by ({label}) ({one_line(expr)})))", f"{{{{{label}}}}}"),
        width=8,
        height=7,
        no_data=TOO_FEW,
    )
    panel.content["options"]["sizing"] = "manual"  # few bars are no thicker than many
    panel.defaults["displayName"] = f"${{__field.labels.{label}}}"  # a single bar would have no name
    if variable is not None:
        kept = [name for name in (*KEPT, "segment", "column", "compare") if name != variable]
        url = link("column", *kept, **{variable: f"${{__field.labels.{label}:percentencode}}"})
        links = {"id": "links", "value": [{"title": f"Show the {variable}", "url": url, "targetBlank": False}]}
        of_bars = {"matcher": {"id": "byFrameRefID", "options": "A"}, "properties": [links]}
        panel.content["fieldConfig"]["overrides"].append(of_bars)
    return panel
