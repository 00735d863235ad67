"""Recorded series: the fleet's figures, computed from counts that add up over replicas.

A PSI, a ratio or a quantile cannot be averaged over replicas. Counts can be added, so the fleet's share of each bin comes from
the sum of the replicas' counts, and the fleet's PSI from these shares: what one exporter that read everything would say. Where
replicas read one shared source, each is such an exporter, and its rows are counted once (:mod:`prediction_exporter.kit.fleet`).
"""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW
from prediction_exporter.collectors.windows import (
    BASELINE_BIN_RATIO,
    BASELINE_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    WINDOW_PREDICTIONS,
)
from prediction_exporter.config.units import Duration
from prediction_exporter.families import BASELINE_COLUMN, Family
from prediction_exporter.kit.fleet import FRESH_REPLICAS, LEFT_OUT, SHARED, STALE_REPLICA, counted_once, lowest_demand
from prediction_exporter.kit.promql import (
    COLUMN_KEY,
    MEMORY,
    MODEL_KEY,
    SCOPE,
    VERSION_KEY,
    WINDOW_KEY,
    Recorded,
    by,
    largest_of,
    latest,
    on,
)
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.statistics.base import Statistic
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.out_of_range_ratio import OUT_OF_RANGE_RATIO
from prediction_exporter.statistics.psi import EFFECT_THRESHOLD, NOISE_QUANTILE
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO

_AREA_KEY = (*MODEL_KEY, "area")
_BIN_KEY = (*COLUMN_KEY, "bin")
_BASELINE_KEY = (*SCOPE, *BASELINE_COLUMN)
_BASELINE_BIN_KEY = (*_BASELINE_KEY, "bin")


def _most_named(infos: str) -> str:
    """Return the owner that most replicas name, with value 1."""
    return f"topk {by(_AREA_KEY)} (1, count {by((*_AREA_KEY, 'owner'))} ({infos})) > bool 0"


OWNER = Recorded(
    name="model_area:model_owner_info:current",
    labels=(*_AREA_KEY, "owner"),
    help="The one owner of a model's area, also while replicas disagree during a rollout and for a day after the last scrape.",
    expr=lambda scale: (
        f"{_most_named(latest(MODEL_OWNER_INFO.name, scale))}\n"
        f"or {on(_AREA_KEY)}\n"
        f"{_most_named(latest(MODEL_OWNER_INFO.name, scale, MEMORY))}"
    ),
)

# The fleet's counts.
_LEAST = f"max {by(MODEL_KEY)} ({MIN_PREDICTIONS})"
WINDOW_COUNT = Recorded(
    name="model:model_window_predictions:sum",
    labels=WINDOW_KEY,
    help="Predictions in the window, all replicas together.",
    expr=lambda _: counted_once(WINDOW_KEY, WINDOW_PREDICTIONS.name),
)
_SIZES = WINDOW_COUNT.where(segment="all")
SHORTEST_WINDOW = Recorded(
    name="model:model_window_predictions:shortest",
    labels=WINDOW_KEY,
    help="Mean size, over a day, of the shortest window that had enough predictions at some time of that day.",
    # By the day and not by the moment: at night, when the last hour has too few, the problems of the day are not told again.
    expr=lambda scale: (
        f"bottomk {by(VERSION_KEY)} (1,\n"
        f"  avg_over_time({_SIZES}[{scale(MEMORY)}])\n"
        f"  and {on(WINDOW_KEY)}\n"
        f"  {_SIZES}\n"
        f"  and {on(WINDOW_KEY)}\n"
        f"  (max_over_time({_SIZES}[{scale(MEMORY)}]) >= {on(MODEL_KEY)} group_left () {_LEAST})\n"
        ")"
    ),
)
BIN_COUNT = Recorded(
    name="model_column_bin:model_window_bin_predictions:sum",
    labels=_BIN_KEY,
    help="Predictions in the window by bin, all replicas together.",
    expr=lambda _: counted_once(_BIN_KEY, WINDOW_BIN_PREDICTIONS.name),
)
BASELINE_BIN = Recorded(
    name="model_column_bin:model_baseline_bin_ratio:max",
    labels=_BASELINE_BIN_KEY,
    help="Share of the baseline in the bin; replicas have the same baseline.",
    expr=lambda _: f"max {by(_BASELINE_BIN_KEY)} ({BASELINE_BIN_RATIO})",
)
COLUMN_COUNT = Recorded(
    name="model_column:model_window_bin_predictions:sum",
    labels=COLUMN_KEY,
    help="Valid values of the column in the window, all replicas together.",
    expr=lambda _: f"sum without (bin) ({BIN_COUNT})",
)
BIN_SHARE = Recorded(
    name="model_column_bin:model_window_bin_predictions:ratio",
    labels=_BIN_KEY,
    help="Share of the fleet's window in the bin, smoothed as the baseline's: (count + 0.5) / (values + 0.5 * bins).",
    expr=lambda _: (
        f"({BIN_COUNT} + 0.5)\n"
        f"/ {on(COLUMN_KEY)} group_left ()\n"
        f"(({COLUMN_COUNT} > 0) + 0.5 * count without (bin) ({BIN_COUNT}))"
    ),
)

# The fleet's drift.
_AGAINST_BASELINE = f"{on(_BASELINE_BIN_KEY)} group_left () {BASELINE_BIN}"
PSI_FLEET = Recorded(
    name="model_column:model_column_psi:fleet",
    labels=COLUMN_KEY,
    help="PSI of the fleet's window against the baseline; absent below the model's least number of predictions.",
    expr=lambda _: (
        "sum without (bin) (\n"
        f"  ({BIN_SHARE} - {_AGAINST_BASELINE})\n"
        f"  * ln({BIN_SHARE} / {_AGAINST_BASELINE})\n"
        ")\n"
        f"and {on(COLUMN_KEY)}\n"
        f"({COLUMN_COUNT} >= {on(MODEL_KEY)} group_left () {_LEAST})"
    ),
)
INVERSE_SIZES = Recorded(
    name="model_column:model_column_psi:inverse_sizes",
    labels=COLUMN_KEY,
    help="1/N + 1/M, N and M the column's valid values in the fleet's window and in the baseline.",
    expr=lambda _: (
        f"1 / ({COLUMN_COUNT} > 0)\n"
        f"+ {on(_BASELINE_KEY)} group_left ()\n"
        f"1 / (max {by(_BASELINE_KEY)} ({BASELINE_PREDICTIONS}) > 0)"
    ),
)
PSI_NOISE_FLOOR = Recorded(
    name="model_column:model_column_psi:noise_floor",
    labels=COLUMN_KEY,
    help="What the fleet's PSI reads without any drift: (bins - 1) * (1/N + 1/M).",
    expr=lambda _: f"(count without (bin) ({BIN_COUNT}) - 1) * {INVERSE_SIZES}",
)
PSI_NOISE = Recorded(
    name="model_column:model_column_psi:noise_quantile",
    labels=COLUMN_KEY,
    help="What the fleet's PSI rarely exceeds without any drift: the noise quantile of the largest replica times (1/N + 1/M).",
    # The quantile falls as a window grows, to that of the chi-square distribution: the smallest is the nearest to the fleet's.
    expr=lambda _: f"{INVERSE_SIZES} * min {by(COLUMN_KEY)} ({NOISE_QUANTILE})",
)
_EFFECT = f"{on(_BASELINE_KEY)} group_left () max {by(_BASELINE_KEY)} ({EFFECT_THRESHOLD})"
PSI_THRESHOLD = Recorded(
    name="model_column:model_column_psi:threshold",
    labels=COLUMN_KEY,
    help="What the fleet's PSI is compared with: the larger of the configured effect and of the sample size's demand.",
    expr=lambda _: f"({PSI_NOISE} >= {_EFFECT})\nor\n({PSI_NOISE} * 0 + {_EFFECT})",
)


@dataclass(frozen=True, kw_only=True)
class FleetShare:
    """A share that each replica exports, as the fleet's share beside its threshold."""

    statistic: Statistic
    fleet: Recorded
    threshold: Recorded


def _of_rows(own: Family) -> str:
    """Weigh with the replica's predictions."""
    return (
        f"{counted_once(COLUMN_KEY, f'{own} * ignoring (column, role) group_left () {WINDOW_PREDICTIONS}')}\n"
        f"/ {on(WINDOW_KEY)} group_left ()\n"
        f"({WINDOW_COUNT} > 0)"
    )


def _of_values(own: Family) -> str:
    """Weigh with the replica's valid values of the column."""
    return f"{counted_once(COLUMN_KEY, f'{own} * sum without (bin) ({WINDOW_BIN_PREDICTIONS})')}\n/\n({COLUMN_COUNT} > 0)"


def _share(statistic: Statistic, *, of_values: bool = False) -> FleetShare:
    own = statistic.family
    expression = _of_values(own) if of_values else _of_rows(own)
    return FleetShare(
        statistic=statistic,
        fleet=Recorded(
            name=f"model_column:{own}:fleet",
            labels=COLUMN_KEY,
            help=f"{own} of all replicas together, each weighted with its {'values' if of_values else 'predictions'}.",
            expr=lambda _: expression,
        ),
        threshold=Recorded(
            name=f"model_column:{own}:threshold",
            labels=COLUMN_KEY,
            help=(
                f"What {own} is compared with: the largest threshold among the replicas with enough predictions, "
                "the lowest where they read one source."
            ),
            expr=lambda _: lowest_demand(COLUMN_KEY, statistic.threshold_family.name),
        ),
    )


MISSING = _share(MISSING_RATIO)
INVALID = _share(INVALID_RATIO)
NON_FINITE = _share(NON_FINITE_RATIO)
OUT_OF_RANGE = _share(OUT_OF_RANGE_RATIO, of_values=True)
UNSEEN = _share(UNSEEN_RATIO, of_values=True)
FLEET_SHARES = (MISSING, INVALID, NON_FINITE, OUT_OF_RANGE, UNSEEN)


def _badness(_: Scale) -> str:
    pairs = ((PSI_FLEET, PSI_THRESHOLD), *((share.fleet, share.threshold) for share in FLEET_SHARES))
    # A threshold of 0 is passed by any share: infinitely, and not at all by none.
    return largest_of(COLUMN_KEY, [f"({value} / {threshold} >= 0)" for value, threshold in pairs])


BADNESS = Recorded(
    name="model_column:model_column_badness:max",
    labels=COLUMN_KEY,
    help="The largest of the column's PSI and bad shares, each as a multiple of its threshold; above 1 one is passed.",
    expr=_badness,
)

# Service level.
HALF_HOUR = duration("30m")
TRAFFIC = Recorded(
    name="model:model_requests:increase30m",
    labels=MODEL_KEY,
    help="Requests of the last half hour.",
    expr=lambda scale: counted_once(MODEL_KEY, f"increase({REQUESTS}[{scale(HALF_HOUR)}])"),
)
#: Spans over which the error budget's use is measured (SRE workbook, multiwindow multi-burn-rate).
BURN_SPANS = tuple(duration(text) for text in ("5m", "30m", "1h", "2h", "6h", "1d"))


def _bad_share(bad: Family, total: str, span: Duration) -> Recorded:
    return Recorded(
        name=f"model:{bad.name.removesuffix('_total')}:ratio_rate{span}",
        labels=MODEL_KEY,
        help=f"Share of requests over {span} that {bad} counts.",
        expr=lambda scale: (
            f"{counted_once(MODEL_KEY, f'rate({bad}[{scale(span)}])')}\n"
            f"/\n({counted_once(MODEL_KEY, f'rate({total}[{scale(span)}])')} > 0)"
        ),
    )


#: Share of requests that failed, and of those with a known duration that were too slow, by span.
FAILED_SHARES = {span: _bad_share(REQUESTS_FAILED, REQUESTS.name, span) for span in BURN_SPANS}
SLOW_SHARES = {span: _bad_share(REQUESTS_SLOW, f"{REQUEST_DURATION}_count", span) for span in BURN_SPANS}


@dataclass(frozen=True, kw_only=True)
class RecordingGroup:
    """Recorded series that are evaluated one after the other."""

    name: str
    series: tuple[Recorded, ...]


#: Every recorded series; within a group each stands after those that it needs.
RECORDING_GROUPS = (
    RecordingGroup(name="model-owners", series=(OWNER,)),
    RecordingGroup(
        name="model-fleet",
        series=(
            SHARED,
            STALE_REPLICA,
            FRESH_REPLICAS,
            LEFT_OUT,
            WINDOW_COUNT,
            SHORTEST_WINDOW,
            BIN_COUNT,
            BASELINE_BIN,
            COLUMN_COUNT,
            BIN_SHARE,
            PSI_FLEET,
            INVERSE_SIZES,
            PSI_NOISE_FLOOR,
            PSI_NOISE,
            PSI_THRESHOLD,
            *(series for share in FLEET_SHARES for series in (share.fleet, share.threshold)),
            BADNESS,
        ),
    ),
    RecordingGroup(name="model-service-level", series=(TRAFFIC, *FAILED_SHARES.values(), *SLOW_SHARES.values())),
)
RECORDED = tuple(series for group in RECORDING_GROUPS for series in group.series)
