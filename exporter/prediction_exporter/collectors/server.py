"""Server: what ties the series of a model server to a model, for the rules that make its service level of them.

The exporter does not read these series: Prometheus scrapes the server, and rules find the model, its namespace and so its
owner by what is shown here.
"""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.base import LiveCollector, LiveSeries, Most, Published
from prediction_exporter.collectors.traffic import FAMILIES_OF, REQUESTS_SLOW
from prediction_exporter.config import Config, Model
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family

SERVER_INFO = Family(
    name="model_server_info",
    type="gauge",
    labels=("model", "kind", "match"),
    group="identity",
    help="What serves the model, and which series are its own, as configured. Always 1.",
)

SERVER_EXPECTED = Family(
    name="model_server_expected_info",
    type="gauge",
    labels=("model", "series"),
    group="identity",
    help="A family that rules are to make of the series of the model's server. Always 1.",
)

SERVER_LATENCY_BOUND = Family(
    name="model_server_latency_bound_seconds",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Bucket of the server's histogram above which requests count as slow: the objective, or the next bound below it.",
)


class ServerSeries(LiveSeries):
    """What the configuration says of one model's server."""

    def __init__(self, model: Model, kind: str, match: str) -> None:
        name, bound = model.name, model.latency_bound
        self._samples = Samples()
        self._samples.add(SERVER_INFO, label_text(SERVER_INFO.labels, (name, kind, match)), 1)
        for part in model.of_server:
            for family in FAMILIES_OF[part]:
                if family is not REQUESTS_SLOW or bound is not None:
                    self._samples.add(SERVER_EXPECTED, label_text(SERVER_EXPECTED.labels, (name, str(family))), 1)
        if bound is not None:
            self._samples.add(SERVER_LATENCY_BOUND, label_text(SERVER_LATENCY_BOUND.labels, (name,)), bound.lower)

    def render(self, _: Published) -> Samples:
        """Return the same at every moment."""
        return self._samples

    def most(self) -> Most:
        """Count them."""
        return Most.of(self._samples)


def _open(config: Config) -> Mapping[str, LiveSeries]:
    models = [(model, model.server) for model in config.models]
    return {model.name: ServerSeries(model, server.kind, server.matched) for model, server in models if server is not None}


COLLECTOR = LiveCollector(
    name="server",
    summary="What ties the series of a model server to a model.",
    families=(SERVER_INFO, SERVER_EXPECTED, SERVER_LATENCY_BOUND),
    maturity=0,
    open=_open,
)
