"""The fleet: figures of replicas as one, added where each reads a source of its own, counted once where they share one.

Each replica of a shared source counts the same rows, so that any that has read them all has the fleet's figure. Of gauges,
one replica's are taken and the others left out: the fullest, for one that still catches up, or that began later, has fewer. One
that no longer sees what the model does now is left out while another does: its last figures may be those of a busier hour. Of
what counters grew by the largest is taken, for over an hour it may be that of a replica which has gone since.
"""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.collectors.model_process import UP as PROCESS_UP
from prediction_exporter.collectors.server import SERVER_INFO
from prediction_exporter.collectors.source import LAST_SUCCESS, SOURCE_LAG, SOURCE_SHARED, SOURCE_UNREAD, SOURCE_UP
from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit.promql import BRIDGE, INSTANCE_KEY, MEMORY, MODEL_KEY, Recorded, by, latest, on
from prediction_exporter.kit.scale import SECONDS_STALE, Scale, duration
from prediction_exporter.kit.serving import served

#: A model on one replica.
REPLICA_KEY = (*INSTANCE_KEY, "model")


#: Each model of an exporter has one of these, whatever it is watched by.
WATCHING = (SOURCE_UP, SERVER_INFO, PROCESS_UP)


def watching(scale: Scale) -> str:
    """Return the models of each replica, by what they are watched by."""
    found = (f"count {by(REPLICA_KEY)} ({latest(family.name, scale)})" for family in WATCHING)
    return f"({f' or {on(REPLICA_KEY)} '.join(found)})"


LAST_WATCHED = Recorded(
    name="model_instance:prediction_exporter_watching:timestamp",
    labels=REPLICA_KEY,
    help="When each replica last showed that it watches the model, in seconds since 1970.",
    expr=lambda _: f"\nor {on(REPLICA_KEY)}\n".join(
        f"max {by(REPLICA_KEY)} (timestamp({family}))" for family in (MODEL_OWNER_INFO, *WATCHING)
    ),
)


def remembered(scale: Scale) -> str:
    """Return the models that each replica watched when it was last seen, within a day.

    What it showed no longer while it showed others was taken out of its configuration, and is not missed when it ends.
    """
    seen = latest(LAST_WATCHED.name, scale, MEMORY)
    last = f"max {by(INSTANCE_KEY)} ({seen}) - {BRIDGE.seconds:g}"
    return f"({seen} >= {on(INSTANCE_KEY)} group_left () ({last}))"


def of_models(condition: str, scale: Scale) -> str:
    """Return a condition on instances as one on each of their models; on the instance alone where these are not known."""
    per_instance = f"max {by(INSTANCE_KEY)} ({condition})"
    models = f"({remembered(scale)} > bool 0)"
    return f"{per_instance}\n* {on(INSTANCE_KEY)} group_right ()\n{models}\nor {on(INSTANCE_KEY)}\n{per_instance}"


def _stale(scale: Scale) -> str:
    """Return the replicas that fail to read, that no longer evaluate, or that cannot keep up with a growing source."""
    behind = (
        f"{latest(SOURCE_LAG.name, scale)} > {SECONDS_STALE}\n"
        f"  and {on(REPLICA_KEY)} min_over_time({SOURCE_UNREAD}[{scale(duration('10m'))}]) > 0"
    )
    return (
        f"count {by(REPLICA_KEY)} (\n"
        f"  {latest(SOURCE_UP.name, scale)} == 0\n"
        f"  or {on(REPLICA_KEY)}\n  time() - {latest(LAST_SUCCESS.name, scale)} > {SECONDS_STALE}\n"
        f"  or {on(REPLICA_KEY)}\n  {behind}\n)"
    )


SHARED = Recorded(
    name="model:prediction_exporter_source_shared:max",
    labels=MODEL_KEY,
    help="Models whose source several replicas read; absent for all others.",
    expr=lambda scale: f"max {by(MODEL_KEY)} ({latest(SOURCE_SHARED.name, scale)}) > 0",
)
SHARED_REQUESTS = Recorded(
    name="model:model_requests_shared:max",
    labels=MODEL_KEY,
    help="Models whose requests several replicas count, as they read one source: those that no server counts.",
    expr=lambda scale: f"{SHARED}\nunless {on(MODEL_KEY)}\n{served(scale)}",
)
STALE_REPLICA = Recorded(
    name="model_instance:prediction_exporter_source:stale",
    labels=REPLICA_KEY,
    help="Replicas that do not see what the model does now: reading fails, nothing is evaluated, or reading falls behind.",
    expr=_stale,
)
FRESH_REPLICAS = Recorded(
    name="model:prediction_exporter_source_shared:fresh",
    labels=MODEL_KEY,
    help="Replicas of a shared source that answer and see what the model does now; absent where none does.",
    # Without a bridge over gaps: a replica that does not answer shows nobody anything.
    expr=lambda _: f"count {by(MODEL_KEY)} ({SOURCE_SHARED} > 0 unless {on(REPLICA_KEY)} {STALE_REPLICA})",
)


FRESH = Recorded(
    name="model:prediction_exporter_source:fresh",
    labels=MODEL_KEY,
    help="Replicas that answer and see what the model does now; absent where none does.",
    expr=lambda _: f"count {by(MODEL_KEY)} ({SOURCE_UP} unless {on(REPLICA_KEY)} {STALE_REPLICA})",
)


def _left_out(_: Scale) -> str:
    """Return all replicas of each shared source but one: a fresh one where there is one, and of these the fullest."""
    sharing = f"max {by(REPLICA_KEY)} ({SOURCE_SHARED}) > 0"
    rows = f"sum {by(REPLICA_KEY)} ({WINDOW_PREDICTIONS.where(segment='all')}) and {on(REPLICA_KEY)} {SOURCE_SHARED} > 0"
    filled = f"({rows} or {on(REPLICA_KEY)} {sharing})"
    return (
        f"{sharing}\n"
        f"unless {on(REPLICA_KEY)}\n"
        f"topk {by(MODEL_KEY)} (1,\n"
        f"  {filled} unless {on(REPLICA_KEY)} {STALE_REPLICA}\n"
        f"  or {on(MODEL_KEY)}\n"
        f"  {filled}\n"
        ")"
    )


LEFT_OUT = Recorded(
    name="model_instance:prediction_exporter_source_shared:left_out",
    labels=REPLICA_KEY,
    help=(
        "Replicas whose figures do not count, as another's do that reads the same source: one that sees what the model does "
        "now, and of these the one with most predictions in its windows."
    ),
    expr=_left_out,
)


def counting(series: str) -> str:
    """Return series of replicas without those whose figures do not count.

    >>> counting("model_window_predictions")[:60]
    '(model_window_predictions unless on (cluster, namespace, job'
    """
    return f"({series} unless {on(REPLICA_KEY)} {LEFT_OUT})"


def counted_once(key: tuple[str, ...], expr: str, shared: Recorded = SHARED_REQUESTS) -> str:
    """Return what counters grew by as one figure of the fleet for each key, in brackets.

    What a replica has several series of for one key, as one for each version, is added up before replicas are compared.
    Where nothing says that a source is shared, as with exporters that do not know of it, this is the plain sum.

    Args:
        key: labels to keep; those of a model are among them.
        expr: series that have the target's labels, and no operator that binds less than ``and``.
        shared: the models of which each replica counts the same; what servers count each counts for itself.
    """
    if not set(MODEL_KEY) <= set(key):
        raise ValueError(f"{key} does not tell models apart")
    replica_key = (*key, "instance")
    behind = f"({STALE_REPLICA} and {on(MODEL_KEY)} {FRESH_REPLICAS})"
    return (
        "(\n"
        f"  sum {by(key)} ({expr} unless {on(MODEL_KEY)} {shared})\n"
        "or\n"
        f"  max {by(key)} (\n"
        f"    sum {by(replica_key)} ({expr} and {on(MODEL_KEY)} {shared} unless {on(REPLICA_KEY)} {behind})\n"
        "  )\n)"
    )


def total(key: tuple[str, ...], expr: str, *, of: str = "", shared: Recorded = SHARED_REQUESTS) -> str:
    """Return the sum of :func:`counted_once` over everything, or for each value of the label ``of``, on one line."""
    summed = f"sum by ({of}) " if of else "sum"
    return " ".join(f"{summed}{counted_once(key, expr, shared)}".split())
