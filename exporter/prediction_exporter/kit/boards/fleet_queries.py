"""What is asked of all models at once: each answer has one series for a model in its place, whichever job scrapes it.

What is about now is asked of models that an exporter answers for: what is recorded outlives it by minutes, and by hours where
it looks back so far. Whether a model is watched is known of those that no exporter answers for, too.
"""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO, SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, VERSION_LAST_REQUEST
from prediction_exporter.kit.boards.selectors import FEATURE, OWNED, PLACE, rate_now
from prediction_exporter.kit.error_budget import REMAINING
from prediction_exporter.kit.figures import BADNESS, PSI
from prediction_exporter.kit.fleet import counted_once
from prediction_exporter.kit.groups import HEALTH
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.performance import BESIDE, WORST
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, on
from prediction_exporter.kit.recording import FAILED_SHARES, OWNER, SLOW_SHARES, TRAFFIC
from prediction_exporter.kit.scale import duration

#: What tells models apart for people.
PLACED = ("cluster", "namespace", "model")
_BY_MODEL = f"max {by(PLACED)}"
_NOW = duration("5m")

#: Keeps models, one of whose areas has a chosen owner; and of these, those that an exporter answers for.
OWNED_MODELS = f"{on(MODEL_KEY)} {OWNER.where(*OWNED)}"
_ANSWERED_MODELS = f"{on(MODEL_KEY)} {MODEL_OWNER_INFO.where(*OWNED)}"


def health() -> str:
    """Return the health of each model."""
    return f"{_BY_MODEL} ({HEALTH.where(*PLACE)} and {OWNED_MODELS})"


def worst_health(count: int) -> str:
    """Return the health of the models that were worst over the time range: chosen once for all of it."""
    mean = f"topk({count}, max {by(PLACED)} (avg_over_time({HEALTH.where(*PLACE)}[$__range] @ end()) and {OWNED_MODELS}))"
    return f"{health()} and {on(PLACED)} {mean}"


def owners() -> str:
    """Return who has most areas of each model, with their number."""
    # Owners are remembered for a day, also those of models that an exporter was told to forget.
    known = f"{OWNER.where(*PLACE)} and {on(MODEL_KEY)} {HEALTH.where(*PLACE)} and {OWNED_MODELS}"
    of_areas = f"count {by((*PLACED, 'owner'))} ({known})"
    return f"topk {by(PLACED)} (1, {of_areas})"


def models() -> str:
    """Return the number of models."""
    return f"count({health()})"


def in_state(state: Health) -> str:
    """Return the number of models whose health is this."""
    return f"sum({health()} == bool {state})"


def without_traffic() -> str:
    """Return the number of models whose predictions are read and that nobody asks."""
    # Also of those that are not watched any more, as there is nothing left to compare.
    answered = f"{HEALTH.where(*PLACE)} and {_ANSWERED_MODELS}"
    unread = f"unless {on(MODEL_KEY)} {SOURCE_UP.where(*PLACE)} == 0"
    return (
        f"count({_BY_MODEL} ({answered} {unread} unless {on(MODEL_KEY)} {TRAFFIC.where(*PLACE)} > 0)) or count({answered}) * 0"
    )


def _drifted() -> str:
    """Return 1 for each feature that has drifted in some window, else 0."""
    key = (*PLACED, "column")
    return f"max {by(key)} ({PSI.over.where(*PLACE, FEATURE, segment='all')} > bool 1 and {_ANSWERED_MODELS})"


def drifted() -> str:
    """Return the number of drifted features of each model."""
    return f"sum {by(PLACED)} ({_drifted()})"


def drifted_of_all() -> str:
    """Return the number of drifted features of all models."""
    return f"sum({_drifted()})"


def _requests() -> str:
    once = counted_once(MODEL_KEY, rate_now(REQUESTS, PLACE))
    return " ".join(f"({once} and {_ANSWERED_MODELS})".split())


def requests() -> str:
    """Return the requests a second to each model."""
    return f"sum {by(PLACED)} {_requests()}"


def requests_of_all() -> str:
    """Return the requests a second to all models."""
    return f"sum{_requests()}"


def errors() -> str:
    """Return the share of requests that failed, as a multiple of what the objective allows."""
    return _of_allowed(FAILED_SHARES[_NOW], "availability")


def slow() -> str:
    """Return the share of requests that were too slow, as a multiple of what the objective allows."""
    return _of_allowed(SLOW_SHARES[_NOW], "latency")


def _of_allowed(share: Recorded, slo: str) -> str:
    allowed = f"(1 - max {by(MODEL_KEY)} ({SLO_OBJECTIVE.where(*PLACE, slo=slo)}))"
    return f"{_BY_MODEL} ({share.where(*PLACE)} / {on(MODEL_KEY)} {allowed} and {_ANSWERED_MODELS})"


def budget_left() -> str:
    """Return what is left of the error budget that is used up most."""
    return f"min {by(PLACED)} ({REMAINING.where(*PLACE)} and {_ANSWERED_MODELS})"


def worst_column() -> str:
    """Return the badness of the worst column of each model, with all labels that it has: version and window among them."""
    return f"topk {by(PLACED)} (1, {BADNESS.where(*PLACE)} and {_ANSWERED_MODELS})"


def newest() -> str:
    """Return the age of the newest request of each model."""
    return f"time() - {_BY_MODEL} ({VERSION_LAST_REQUEST.where(*PLACE)} and {_ANSWERED_MODELS})"


def performance() -> str:
    """Return the badness of the worst measure of each model, of what is answered."""
    worst = WORST.where(*PLACE, f'stage!~"{BESIDE}"')
    return f"{_BY_MODEL} ({worst} and {_ANSWERED_MODELS})"
