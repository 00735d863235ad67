"""What a scrape costs: a finished snapshot and pre-rendered prefixes against prometheus_client's ``generate_latest``.

Run ``python benchmarks/scrape.py``. All are timed in one run on the same series, in turns, so that the ratios hold on
any machine.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable
from statistics import median

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from prediction_exporter.collectors.windows import WINDOW_BIN_PREDICTIONS
from prediction_exporter.exposition import Samples, Snapshot, label_text, render, sample_prefix
from prediction_exporter.families import Family
from prediction_exporter.web.server import WebServer
from prediction_exporter.web.site import Site

SERIES = 10_000
ROUNDS = 15


def label_values(series: int) -> list[list[str]]:
    """Return labels as a model with 40 columns has them."""
    return [["credit-risk", "2", "all", "1h", f"column_{i % 40}", "feature", str(i // 40)] for i in range(series)]


class Peer(Collector):
    """The same series as prometheus_client's users hand them over."""

    def __init__(self, family: Family, labels: list[list[str]], values: list[float]) -> None:
        self.metric = GaugeMetricFamily(family.name, family.help, labels=family.labels)
        for label, value in zip(labels, values, strict=True):
            self.metric.add_metric(label, value)

    def collect(self) -> Iterable[Metric]:
        """Yield the family, as the registry asks for it."""
        yield self.metric


def timed(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each call."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in seconds.items()}


def main() -> None:
    family = WINDOW_BIN_PREDICTIONS
    labels = label_values(SERIES)
    values = np.random.default_rng(1).random(SERIES) * 1000
    prefixes = [sample_prefix(family.name, label_text(family.labels, label)) for label in labels]
    registry = CollectorRegistry()
    registry.register(Peer(family, labels, values.tolist()))

    def lines() -> Samples:
        samples = Samples()
        samples.extend(family, prefixes, values)
        return samples

    def rerender() -> Snapshot:
        return render([lines()], {"windows": [family]}, created=time.time())

    site = Site(snapshot=rerender(), landing=lambda: b"", ready=lambda: (True, "ready"))
    server = WebServer(["127.0.0.1:0"], site, web_config=None)
    server.start()
    client = http.client.HTTPConnection("127.0.0.1", server.ports[0])

    def get(encoding: str) -> bytes:
        client.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
        return client.getresponse().read()

    same = [list(text_string_to_metric_families(text.decode())) for text in (get("identity"), generate_latest(registry))]
    if same[0] != same[1]:
        raise SystemExit("the exporter and prometheus_client do not expose the same series")

    seconds = timed(
        {
            "generate_latest": lambda: generate_latest(registry),
            "GET of a snapshot": lambda: get("identity"),
            "GET of a snapshot, gzip": lambda: get("gzip"),
            "lines from pre-rendered prefixes": lines,
            "re-render, both formats and their gzip": rerender,
        }
    )
    client.close()
    server.stop()
    print(f"{SERIES:,} series, median of {ROUNDS} rounds")
    for name, value in seconds.items():
        print(f"{name:40}{value * 1000:9.2f} ms{seconds['generate_latest'] / value:9.1f} x as fast")


if __name__ == "__main__":
    main()
