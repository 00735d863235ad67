"""What OpenMetrics tells beside the samples: since when a counter counts, and a request of each bucket."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import requests
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from prediction_exporter.counting.events import Events
from prediction_exporter.counting.exemplars import LONGEST_ID, Exemplars
from prediction_exporter.counting.profiler import UNVERSIONED
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from prediction_exporter.exposition import Exemplar, Samples, label_text, render
from prediction_exporter.families import Family
from processes import Exporter
from watched import Watched, config_text, model_text

Start = Callable[..., Exporter]

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
COUNTER = Family(name="c_total", type="counter", help="C.", labels=("x",), group="traffic")
HISTOGRAM = Family(name="h", type="histogram", help="H.", labels=("x",), group="traffic")
FIELDS = "{time: ts, id: request_id, version: version, prediction: decision, score: score, latency: latency_ms, status: status}"


def families(text: str) -> list[Any]:
    """Return what the strict parser finds."""
    return list(parse_openmetrics(text))  # type: ignore[no-untyped-call]  # the client has no types for it


def two_of_each() -> Samples:
    """Return counters and histograms with and without a begin and an exemplar."""
    samples = Samples()
    exemplar = Exemplar(label_text(("request_id",), ("ab",)), 0.25, 1700000000.5)
    for x, created in (("1", 12.5), ("2", None), ("3", 7.0)):
        labels = label_text(("x",), (x,))
        samples.add(COUNTER, labels, 3, created=created)
        samples.histogram(HISTOGRAM, labels, [0.1, 1.0], [1, 2, 3], 4.5, created=created, exemplars={1: exemplar})
    return samples


@pytest.mark.parametrize("start_timestamps", [False, True])
def test_what_openmetrics_has_more(*, start_timestamps: bool) -> None:
    """Begins are told where they are asked for, right behind their metric; plain text has neither, nor do the counts change."""
    groups = {"all": (COUNTER, HISTOGRAM)}
    result = render([two_of_each(), Samples()], groups, created=0.0, start_timestamps=start_timestamps)
    assert b"_created" not in result.text
    assert b" # " not in b"".join(line for line in result.text.splitlines() if not line.startswith(b"#"))
    assert result.series == 3 * (1 + 5)
    counter, histogram = families(result.openmetrics.decode())
    created = {(s.name, s.labels["x"]): s.value for f in (counter, histogram) for s in f.samples if s.name.endswith("_created")}
    known = {(name, x): value for name in ("c_created", "h_created") for x, value in (("1", 12.5), ("3", 7.0))}
    assert created == (known if start_timestamps else {})
    of_buckets = {(s.labels["x"], s.labels["le"]): s.exemplar for s in histogram.samples if s.exemplar is not None}
    assert of_buckets.keys() == {(x, "1.0") for x in "123"}
    assert {(e.labels["request_id"], e.value, float(e.timestamp)) for e in of_buckets.values()} == {("ab", 0.25, 1700000000.5)}


def test_exemplars_follow_a_copy_and_what_is_left() -> None:
    """Of samples that something is added to, or taken from."""
    copied = two_of_each().copy()
    copied.add(COUNTER, label_text(("x",), ("4",)), 1, created=1.0)
    result = render([copied.without({"h"})], {"all": (COUNTER, HISTOGRAM)}, created=0.0, start_timestamps=True)
    [counter] = families(result.openmetrics.decode())
    assert [s.value for s in counter.samples if s.name == "c_created"] == [12.5, 7.0, 1.0]


def events(count: int, rng: np.random.Generator, *, longest: int = 6) -> Events:
    """Draw events of two versions and none, some without an id, some with durations that are none."""
    seconds = rng.choice([0.001, 0.1, 0.1000001, 5.0, 50.0, -1.0, np.nan, np.inf], count)
    ids = [None if rng.random() < 0.2 else "x" * int(rng.integers(1, longest)) + str(i) for i in range(count)]
    return Events(
        times=rng.permutation(count).astype(np.int64) * 1_000_000,
        versions=pl.Series([("1", "2", None)[i] for i in rng.integers(3, size=count)], dtype=pl.String),
        failed=np.zeros(count, np.bool_),
        latencies=seconds,
        columns={},
        states={},
        ids=pl.Series(ids, dtype=pl.String),
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_latest_request_of_each_bucket(seed: int) -> None:
    """By event time within a batch, one event after the other; what has no id or no duration is none."""
    bounds = (0.1, 1.0, 10.0)
    batch = events(200, np.random.default_rng(seed))
    exemplars = Exemplars(bounds)
    exemplars.add(batch)
    assert batch.ids is not None
    assert batch.latencies is not None
    expected: dict[tuple[str, int], tuple[float, str]] = {}
    for at, version, seconds, name in zip(batch.times, batch.versions, batch.latencies, batch.ids, strict=True):
        if name is not None and 0 <= seconds < float("inf"):
            key = (version or UNVERSIONED, sum(bound < seconds for bound in bounds))
            expected[key] = max(expected.get(key, (-1.0, "")), (at / 1e6, name))
    found = {(v, bucket): (r.time, r.id) for v in ("1", "2", UNVERSIONED) for bucket, r in exemplars.of(v).items()}
    assert found == expected
    exemplars.forget("1")
    assert exemplars.of("1") == {}


def test_an_id_that_openmetrics_has_no_room_for_is_no_exemplar() -> None:
    """Names and values of the labels have 128 characters together."""
    for length, shown in ((LONGEST_ID, 1), (LONGEST_ID + 1, 0)):
        batch = events(1, np.random.default_rng(1))
        exemplars = Exemplars((1.0,))
        exemplars.add(
            Events(batch.times, pl.Series(["1"]), batch.failed, np.array([0.5]), {}, {}, ids=pl.Series(["é" * length]))
        )
        assert len(exemplars.of("1")) == shown
    assert LONGEST_ID + len("request_id") == 128


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for models, in real time."""
    return Watched.live(tmp_path)


def log(watched: Watched, count: int) -> None:
    """Log requests with ids."""
    for number in range(count):
        watched.log(request_id=f"id-{number}")


def test_off_unless_asked_for(watched: Watched, start_exporter: Start) -> None:
    """Neither ids nor begins leave the exporter by themselves."""
    watched.configure(config_text(model_text(fields=FIELDS)))
    log(watched, 20)
    text = requests.get(f"{start_exporter(watched.file).url}/metrics", headers=OPENMETRICS, timeout=5).text
    assert "id-" not in text
    assert "_created{" not in text


def test_begins_outlive_a_restart(watched: Watched, start_exporter: Start) -> None:
    """Every counter and histogram has one; that of the model's is the first request's, and stays while the counter goes on."""
    watched.configure(config_text(model_text(fields=FIELDS)))
    first = float(int(time.time()) - 60)
    watched.log(10, at=first, request_id="x")
    log(watched, 20)

    def begins() -> dict[tuple[str, str], float]:
        exporter = start_exporter(watched.file, "--web.start-timestamps")
        text = requests.get(f"{exporter.url}/metrics", headers=OPENMETRICS, timeout=5).text
        found: dict[tuple[str, str], float] = {}
        for family in families(text):
            created = {json.dumps(s.labels): s.value for s in family.samples if s.name == f"{family.name}_created"}
            rest = [s for s in family.samples if s.name != f"{family.name}_created" and "le" not in s.labels]
            if family.type in ("counter", "histogram"):
                assert {json.dumps(s.labels) for s in rest} == created.keys(), family.name
            found |= {(family.name, labels): value for labels, value in created.items() if family.name.startswith("model_")}
        assert exporter.stop() == 0
        return found

    before = begins()
    assert before
    # What owners said of alarms is counted from when there was somebody to tell.
    assert {begin for (name, _), begin in before.items() if name != "model_alarms"} == {first}
    log(watched, 5)
    assert begins() == before


def test_prometheus_stores_exemplars(watched: Watched, start_exporter: Start, tmp_path: Path) -> None:
    """The real one, which then finds the request behind a slow bucket."""
    watched.configure(config_text(model_text(fields=FIELDS), more="series: {exemplars: true}"))
    watched.log(5, request_id="fast", latency_ms=3.0)
    watched.log(1, request_id="slow-1", latency_ms=4000.0)
    exporter = start_exporter(watched.file)
    config = {
        "scrape_configs": [{"job_name": "x", "scrape_interval": "1s", "static_configs": [{"targets": [exporter.url[7:]]}]}]
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    command += [f"--web.listen-address={LOOPBACK}:{port}", "--enable-feature=exemplar-storage", "--log.level=error"]
    with subprocess.Popen(command) as prometheus:
        try:
            found = wait_for_exemplars(f"http://{LOOPBACK}:{port}/api/v1/query_exemplars")
        finally:
            prometheus.terminate()
    by_bucket = {series["seriesLabels"]["le"]: series["exemplars"][0] for series in found}
    assert by_bucket["5.0"]["labels"] == {"request_id": "slow-1"}
    assert float(by_bucket["5.0"]["value"]) == pytest.approx(4.0)
    assert by_bucket["0.005"]["labels"] == {"request_id": "fast"}


def wait_for_exemplars(address: str) -> list[Any]:
    """Ask until there are some."""
    deadline = time.monotonic() + 60
    query = {"query": "model_request_duration_seconds_bucket", "start": "0", "end": str(time.time() + 3600)}
    while time.monotonic() < deadline:
        try:
            found: list[Any] = requests.get(address, params=query, timeout=5).json()["data"]
        except requests.ConnectionError:
            found = []
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("no exemplars")
