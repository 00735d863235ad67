"""Models whose service level is made of what their server counts: which they are, and where their series are looked for."""

from __future__ import annotations

from prediction_exporter.collectors.server import SERVER_INFO
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by, joined, latest, on
from prediction_exporter.kit.scale import Scale

_TIED = (*MODEL_KEY, *(label for label in SERVER_INFO.labels if label != "model"))


def served(scale: Scale) -> str:
    """Return the models that have a server."""
    return f"max {by(MODEL_KEY)} ({latest(SERVER_INFO.name, scale)})"


def _alone(place: tuple[str, ...], scale: Scale) -> str:
    """Return what ties servers to models, but for what ties one to several at a place: nothing tells which of them it is."""
    found = f"max {by(_TIED)} ({latest(SERVER_INFO.name, scale)})"
    key = (*place, "model", "kind", "match")
    return joined(found, f"and {on(key)}", f"(count {by(key)} ({found}) == 1)")


OF_NAMESPACE = Recorded(
    name="model:model_server_info:of_namespace",
    labels=_TIED,
    help="The model that a match ties the servers of the exporter's own namespace to; absent where it ties several.",
    expr=lambda scale: _alone(("cluster", "namespace"), scale),
)
OF_CLUSTER = Recorded(
    name="model:model_server_info:of_cluster",
    labels=_TIED,
    help="The model that a match ties servers elsewhere in the exporter's cluster to; absent where it ties several.",
    expr=lambda scale: _alone(("cluster",), scale),
)
