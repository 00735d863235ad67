"""Events of KServe's inference logger: from HTTP sinks, structured, and of its object store."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from layout_records import DATA, NOW, flat, layout_with, predictions_of, read, unfolded
from prediction_exporter.sources.log import LogSource

KSERVE = DATA / "kserve"
NAMES = ["sepal length", "sepal width", "petal length", "petal width"]
IRIS = layout_with(numbers=tuple(NAMES))
FLOWERS = [(6.8, 2.8, 4.8, 1.4), (6.0, 3.4, 4.5, 1.6)]


def at(text: str) -> float:
    """Return a time of UTC in Unix seconds."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("file", "begin", "latency", "identity"),
    [
        ("binary.jsonl", "2020-02-27T09:52:15.816441", 0.004068, "3ba84918-209f-4d8d-ae38-b041e5e4a328"),
        ("structured.jsonl", "2021-04-10T00:23:26.078952", 0.001784, "0009174a-24a8-4603-b098-09c8799950e9"),
        ("store_batch.json", "2021-04-10T00:23:26.078952", 0.001784, "0009174a-24a8-4603-b098-09c8799950e9"),
    ],
)
def test_two_events_are_the_predictions_of_their_rows(
    file: str, begin: str, latency: float, identity: str, tmp_path: Path
) -> None:
    """Two flowers in a request and two classes in its response are two predictions, with the time between the events."""
    found = read(Path(shutil.copy(KSERVE / file, tmp_path)), "kserve", IRIS, rows={"names": NAMES})
    assert (len(found.events), found.rejected, found.skipped) == (2, {}, 0)
    for event, flower in zip(found.events, FLOWERS, strict=True):
        assert tuple(event[name] for name in NAMES) == flower
        assert event["prediction"] == 1.0
        assert (event["id"], event["failed"]) == (identity, False)
        assert event["time"] == pytest.approx(at(begin), abs=2e-6)
        assert event["latency"] == pytest.approx(latency, abs=2e-6)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_of_the_object_store_take_the_time_of_reading(ending: str, tmp_path: Path) -> None:
    """They hold the events but for their time."""
    rows = pl.read_csv(KSERVE / "store.csv", infer_schema=False)
    if ending == "csv":
        (tmp_path / "part.csv").write_bytes((KSERVE / "store.csv").read_bytes())
    else:
        rows.with_columns(tlsSkipVerify=pl.lit(value=False)).write_parquet(tmp_path / "part.parquet")
    found = read(tmp_path / f"part.{ending}", "kserve", IRIS, rows={"names": NAMES})
    assert (len(found.events), found.rejected) == (2, {})
    first = found.events[0]
    assert (first["time"], first["sepal length"], first["prediction"], first["failed"]) == (NOW, 6.8, 1.0, False)
    assert first["latency"] is None


@pytest.mark.parametrize("names", ["of_structs", "of_arrow"])
def test_tables_of_other_writers(names: str, tmp_path: Path) -> None:
    """Columns as KServe's tests expect them of its first writer of CSV, and of its first of Parquet, whose bodies are bytes."""
    rows = pl.read_csv(KSERVE / "store.csv", infer_schema=False)
    header = (KSERVE / f"store_columns_{names}.csv").read_text().strip().split(",")
    spelt = {name.replace("_", "").lower(): name for name in header}
    rows = rows.select(pl.col(name).alias(spelt[name.lower()]) for name in rows.columns if name.lower() in spelt)
    if names == "of_structs":
        rows.write_csv(tmp_path / "part.csv")
    else:
        rows = rows.with_columns(pl.col("bytes").str.decode("base64"))
        rows.write_parquet(tmp_path / "part.parquet")
    found = read(next(tmp_path.iterdir()), "kserve", IRIS, rows={"names": NAMES})
    assert (len(found.events), found.rejected) == (2, {})
    assert [event["sepal length"] for event in found.events] == [6.8, 6.0]


def event(side: str, body: Any, **headers: str) -> dict[str, Any]:
    """Return an event as a sink of HTTP logs it."""
    return {"headers": {"ce-id": "a", "ce-type": f"org.kubeflow.serving.inference.{side}", **headers}, "body": body}


ASKED: dict[str, Any] = {"instances": [[1, 2]]}
ANSWERED: dict[str, Any] = {"predictions": [7]}


@pytest.mark.parametrize(
    "spelt",
    [
        {"headers": {"Ce-Id": "a", "Ce-Type": "org.kubeflow.serving.inference.response"}, "body": ANSWERED},
        {"headers": {"CE-ID": ["a"], "CE-Type": ["org.kubeflow.serving.inference.response"]}, "body": json.dumps(ANSWERED)},
        {"headers": {"ce_id": '"a"', "ce_type": '"org.kubeflow.serving.inference.response"'}, "value": ANSWERED},
        {"headers": [["ce-id", "a"], ["ce-type", "org.kubeflow.serving.inference.response"]], "data": ANSWERED},
        {
            "headers": [{"key": "ce_id", "value": "a"}, {"key": "ce_type", "value": "org.kubeflow.serving.inference.response"}],
            "payload": ANSWERED,
        },
        {"ce-id": "a", "ce-type": "org.kubeflow.serving.inference.response", "body": ANSWERED},
        {"specversion": "1.0", "id": "a", "type": "org.kubeflow.serving.inference.response", "data": ANSWERED},
        {
            "specversion": "1.0",
            "id": "a",
            "type": "org.kubeflow.serving.inference.response",
            "data_base64": base64.b64encode(json.dumps(ANSWERED).encode()).decode(),
        },
    ],
)
def test_headers_are_known_however_they_are_spelt(spelt: dict[str, Any]) -> None:
    """Capitals, lists, quotes, pairs, and the event as an object of its own: the response finds its request."""
    events, refused, skipped = unfolded("kserve", event("request", ASKED), spelt, names=["a", "b"])
    assert (refused, skipped) == ({}, 0)
    assert events == [
        {"time": NOW, "id": "a", "status": 200, "features": {"a": 1, "b": 2}, "prediction": 7, "row of the record": 0}
    ]


def test_what_stands_between_counts_for_nothing() -> None:
    """Feedback, outliers and lines of the sink's own are left out; the order of the two events is no matter."""
    others = [
        {"headers": {"ce-id": "a", "ce-type": "io.seldon.serving.feedback"}, "body": {"reward": 1}},
        {"headers": {"ce-id": "a", "ce-type": "org.kubeflow.serving.inference.outlier"}, "body": {"data": {}}},
        {"level": "info", "msg": "listening"},
    ]
    events, refused, skipped = unfolded("kserve", event("response", ANSWERED), *others, event("request", ASKED))
    assert ([found["prediction"] for found in events], refused, skipped) == ([7], {}, 3)


def test_a_transformer_and_a_predictor_are_two() -> None:
    """Both have the id of the request; each response belongs to the request of its component."""
    inner = [event(side, body, **{"ce-component": "predictor"}) for side, body in (("request", ASKED), ("response", ANSWERED))]
    outer = [
        event("request", {"instances": [["raw"]]}, **{"ce-component": "transformer"}),
        event("response", {"predictions": ["cat"]}, **{"ce-component": "transformer"}),
    ]
    events, refused, _ = unfolded("kserve", outer[0], *inner, outer[1])
    assert [(found["features"], found["prediction"]) for found in events] == [([1, 2], 7), (["raw"], "cat")]
    assert refused == {}


def test_a_filter_keeps_one_component(tmp_path: Path) -> None:
    """It looks at the records as they are logged, of which both halves have to pass."""
    log = tmp_path / "events.jsonl"
    parts = [
        event(side, body, **{"ce-component": component})
        for component, answer in (("transformer", 1), ("predictor", 2))
        for side, body in (("request", ASKED), ("response", {"predictions": [answer]}))
    ]
    log.write_text("".join(json.dumps(part) + "\n" for part in parts))
    found = read(log, "kserve", layout_with(), where="headers.\"ce-component\" = 'predictor'")
    assert ([one["prediction"] for one in found.events], found.skipped) == ([2.0], 2)


def test_an_error_in_the_place_of_predictions_is_a_failed_request() -> None:
    """KServe's logger once answered 200 to what failed, with the error in the body (kserve/kserve#1530)."""
    found = unfolded("kserve", event("request", {}), event("response", '{"error": "Missing inputs or instances"}'))
    assert found == ([{"time": NOW, "id": "a", "status": "error", "row of the record": 0}], {}, 0)


def test_a_failed_request_counts_as_failed(tmp_path: Path) -> None:
    """The same through the log: no prediction of it enters a profile."""
    log = tmp_path / "events.jsonl"
    good = [
        {**record, "headers": {**record["headers"], "ce-id": "b"}}
        for record in (event("request", ASKED), event("response", ANSWERED))
    ]
    bad = [event("request", ASKED), event("response", {"error": "boom"})]
    log.write_text("".join(json.dumps(record) + "\n" for record in (*good, *bad)))
    found = read(log, "kserve", layout_with(numbers=("a", "b")), rows={"names": ["a", "b"]})
    assert [(one["id"], one["failed"], one["a"], one["prediction"]) for one in found.events] == [
        ("b", False, 1.0, 7.0),
        ("a", True, None, None),
    ]


@pytest.mark.parametrize(
    ("asked", "answered", "reason"),
    [
        (ASKED, {"predictions": [7, 8]}, "uneven_rows"),
        ({"instances": [[1, 2, 3]]}, ANSWERED, "uneven_rows"),
        (ASKED, {"something": 1}, "payload"),
        (ASKED, "\x1f\x8b\x08 compressed", "payload"),
        (ASKED, '{"predictions": [7]', "payload"),
        (ASKED, '{"outputs":[{"name":"o","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}}]}ab', "payload"),
        (ASKED, None, "payload"),
        ({"instances": [[1, 2]] * 6}, {"predictions": [7] * 6}, "too_many_rows"),
    ],
)
def test_what_does_not_fit_is_refused_by_reason(asked: Any, answered: Any, reason: str) -> None:
    """Among them tensors in bytes and compressed bodies, as Triton sends them (kserve/kserve#2672)."""
    events, refused, _ = unfolded("kserve", event("request", asked), event("response", answered), names=["a", "b"], max=5)
    assert (events, refused) == ([], {reason: 1})


def test_an_event_without_an_id_is_refused() -> None:
    """Nothing tells which request it answers."""
    alone = {"headers": {"ce-type": "org.kubeflow.serving.inference.response"}, "body": ANSWERED}
    assert unfolded("kserve", alone) == ([], {"payload": 1}, 0)


def test_clocks_that_disagree_give_no_latency() -> None:
    """A response before its request has no duration; the time is the request's."""
    pair = {
        "request": event("request", ASKED, **{"ce-time": "2026-01-01T00:00:02Z"}),
        "response": event("response", ANSWERED, **{"ce-time": "2026-01-01T00:00:01Z"}),
    }
    [found] = flat("kserve", pair)
    assert found["time"] == "2026-01-01T00:00:02Z"
    assert "latency_ms" not in found


def test_each_event_of_the_object_store_may_be_a_file(tmp_path: Path) -> None:
    """Without batches a request and its response are an object each, named by their id and what they are."""
    for record in json.loads((KSERVE / "store_batch.json").read_text()):
        file = tmp_path / f"{record['id']}-{record['reqType'].rpartition('.')[2]}.json"
        file.write_text(json.dumps(record))
        os.utime(file, (NOW - 60, NOW - 60))
    found = read(file, "kserve", IRIS, rows={"names": NAMES})
    assert [(event["sepal length"], event["prediction"]) for event in found.events] == [(6.8, 1.0), (6.0, 1.0)]


def test_check_config_shows_what_records_hold(tmp_path: Path) -> None:
    """The real command, with the name of the layout and nothing else: two rows of a request, and which field is what."""
    shutil.copy(KSERVE / "binary.jsonl", tmp_path / "log")
    model = {
        "name": "m",
        "owner": "o",
        "maturity": 0,
        "predictions": {"log": {"path": "log", "start": "beginning"}, "layout": "kserve"},
    }
    (tmp_path / "exporter.yml").write_text(json.dumps({"owners": {"o": {"slack": "#o"}}, "models": [model]}))
    command = [sys.executable, "-m", "prediction_exporter", "check", "config", str(tmp_path / "exporter.yml")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0
    assert "sample: 2 predictions of" in found.stdout
    assert "latency: latency_ms in ms" in found.stdout


@pytest.mark.parametrize(
    ("record", "told"),
    [
        ({"inputs": [], "id": "1"}, "none of its first 1 records is one of layout: kserve"),
        (
            {"ce-type": "x.inference.response", "body": {}},
            "no sampled record can be read; refused as payload, such as 'an event without an id, ",
        ),
    ],
)
def test_a_look_tells_what_would_never_count(record: dict[str, Any], told: str, tmp_path: Path) -> None:
    """Records of another layout, of which none would be refused, and records that all are."""
    log = tmp_path / "log"
    log.write_text(json.dumps(record) + "\n")
    configured = predictions_of("kserve", {"log": {"path": str(log), "start": "beginning"}})
    with closing(LogSource(configured, None, where="models[0]", clock=lambda: NOW)) as reader:
        look = reader.look()
    assert any(f"{log}: {told}" in sentence for sentence in (*look.remarks, *look.faults))
