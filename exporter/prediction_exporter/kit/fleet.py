"""The fleet: figures of replicas as one, added where each reads a source of its own, counted once where they share one.

Each replica of a shared source counts the same rows, so that any that has read them all has the fleet's figure. The largest is
taken: a replica that still catches up, or that began later, has fewer. One that no longer sees what the model does now is left
out while another does, for its last figures may be those of a busier hour.

A share as the quotient of two sums over the same replicas needs none of this: what is counted twice cancels.
"""

from __future__ import annotations

from prediction_exporter.collectors.source import LAST_SUCCESS, SOURCE_LAG, SOURCE_SHARED, SOURCE_UNREAD, SOURCE_UP
from prediction_exporter.kit.promql import INSTANCE_KEY, MODEL_KEY, Recorded, by, latest, on
from prediction_exporter.kit.scale import SECONDS_STALE, Scale, duration

#: A model on one replica.
REPLICA_KEY = (*INSTANCE_KEY, "model")


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
LEFT_OUT = Recorded(
    name="model_instance:prediction_exporter_source_shared:left_out",
    labels=REPLICA_KEY,
    help="Replicas whose figures do not count: they do not see what the model does now, and another reads the same source.",
    expr=lambda _: f"{STALE_REPLICA} and {on(MODEL_KEY)} {FRESH_REPLICAS}",
)


def counted_once(key: tuple[str, ...], expr: str, *, apart: str = "sum", shared: str = "max") -> str:
    """Return an expression as one figure of the fleet for each key, in brackets.

    What a replica has several series of for one key, as one for each version, is added up before replicas are compared.
    Where nothing says that a source is shared, as with exporters that do not know of it, this is the plain sum.

    Args:
        key: labels to keep; those of a model are among them.
        expr: series that have the target's labels, and no operator that binds less than ``and``.
        apart: what joins replicas with sources of their own.
        shared: what joins replicas of one source.
    """
    if not set(MODEL_KEY) <= set(key):
        raise ValueError(f"{key} does not tell models apart")
    replica_key = (*key, "instance")
    return (
        "(\n"
        f"  {apart} {by(key)} ({expr} unless {on(MODEL_KEY)} {SHARED})\n"
        "or\n"
        f"  {shared} {by(key)} (\n"
        f"    sum {by(replica_key)} ({expr} and {on(MODEL_KEY)} {SHARED} unless {on(REPLICA_KEY)} {LEFT_OUT})\n"
        "  )\n)"
    )


def total(key: tuple[str, ...], expr: str, *, of: str = "") -> str:
    """Return the sum of :func:`counted_once` over everything, or for each value of the label ``of``, on one line."""
    summed = f"sum by ({of}) " if of else "sum"
    return " ".join(f"{summed}{counted_once(key, expr)}".split())


def lowest_demand(key: tuple[str, ...], expr: str) -> str:
    """Return the threshold of the fleet, of replicas' thresholds that fall as their samples grow.

    Of replicas of one source the fullest has the fleet's, and it is the lowest; of others the largest is the safe choice.
    """
    return counted_once(key, expr, apart="max", shared="min")
