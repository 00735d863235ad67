"""Usage: what a model has used of things that have a price, as whoever sees it tells.

What counts predictions and what polls a process do not know of prices, and what knows prices does not know where they look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Metered:
    """What one that looks at a model's process, files or pipelines saw last.

    Counters are by the identity of what they count, as of a process by its number and start: each only grows while its identity
    lasts, and what was used before it was first seen is nobody's cost here. None is what is not known now.

    Attributes:
        cpu_seconds: CPU time used, by process.
        memory_bytes: memory in use, of all processes.
        gpus: GPUs in use; a part of one where that is known.
        stored_bytes: what is stored.
        retraining_runs: trainings that ended, by what counts them.
    """

    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: float | None = None
    gpus: float | None = None
    stored_bytes: float | None = None
    retraining_runs: Mapping[str, int] = field(default_factory=dict)


def together(seen: Iterable[Metered]) -> Metered:
    """Return what several saw, each of something else: of two that tell the same figure, the last one's is taken.

    >>> together([Metered(gpus=1.0), Metered(memory_bytes=5.0)])
    Metered(cpu_seconds={}, memory_bytes=5.0, gpus=1.0, stored_bytes=None, retraining_runs={})
    """
    found = Metered()
    for one in seen:
        found = Metered(
            cpu_seconds={**found.cpu_seconds, **one.cpu_seconds},
            memory_bytes=_last(found.memory_bytes, one.memory_bytes),
            gpus=_last(found.gpus, one.gpus),
            stored_bytes=_last(found.stored_bytes, one.stored_bytes),
            retraining_runs={**found.retraining_runs, **one.retraining_runs},
        )
    return found


def _last(before: float | None, told: float | None) -> float | None:
    return before if told is None else told


@dataclass(frozen=True, slots=True)
class Usage:
    """What is known of a model's use at one moment.

    Attributes:
        requests: by version, how many there were and how many of them failed, as counters that begin anew where a version is
            dropped; None where unknown.
        newest: event time of the newest of them, as Unix time.
        first: event time of the first of them.
        metered: what is seen beside the predictions.
    """

    requests: Mapping[str, tuple[int, int]] | None = None
    newest: float | None = None
    first: float | None = None
    metered: Metered = field(default_factory=Metered)
