"""Recorded series of a model: its owner, the sizes of its windows, and its service level."""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW
from prediction_exporter.collectors.windows import MIN_PREDICTIONS, WINDOW_PREDICTIONS
from prediction_exporter.config.units import Duration
from prediction_exporter.families import Family
from prediction_exporter.kit.fleet import counted_once, counting
from prediction_exporter.kit.promql import MEMORY, MODEL_KEY, VERSION_KEY, WINDOW_KEY, Recorded, by, joined, latest, on
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.serving import served

_AREA_KEY = (*MODEL_KEY, "area")


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
    expr=lambda _: f"sum {by(WINDOW_KEY)} {counting(WINDOW_PREDICTIONS.name)}",
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

# Service level.
HALF_HOUR = duration("30m")
TRAFFIC = Recorded(
    name="model:model_requests:increase30m",
    labels=MODEL_KEY,
    help="Requests of the last half hour.",
    # A server of which nothing is seen answers nobody: without it there would be no figure that an alert could be about.
    expr=lambda scale: joined(
        counted_once(MODEL_KEY, f"increase({REQUESTS}[{scale(HALF_HOUR)}])"), f"or {on(MODEL_KEY)}", f"{served(scale)} * 0"
    ),
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
