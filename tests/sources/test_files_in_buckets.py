"""The files source on a bucket: a real HTTP server that speaks S3, and one that fails."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import obstore
import polars as pl
import pytest
import requests
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from prediction_exporter.config import S3
from prediction_exporter.errors import SourceError
from prediction_exporter.sources.base import Batch
from prediction_exporter.sources.files import bucket, readers
from prediction_exporter.sources.files.source import FilesSource
from prediction_files import DAY, ENDINGS, LAYOUT, drain, events, log_outcome, predictions_of, rounded, rows_of, write
from source_law import assert_same, outcome_of

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


class Clock:
    """The time, and what a test adds to it."""

    ahead = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self.ahead


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Set keys, and nothing of the machine's own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(bucket, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(bucket.BucketStore, "look_seconds", 0.0)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server's address."""
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"http://{host}:{port}"
    moto.stop()


@pytest.fixture
def store(server: str) -> S3Store:
    """A bucket of its own on that server, called test."""
    requests.post(f"{server}/moto-api/reset", timeout=10).raise_for_status()
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, Signature=x"}
    requests.put(f"{server}/test", headers=signed, timeout=10).raise_for_status()
    return S3Store("test", endpoint=server, region="us-east-1", client_options={"allow_http": True})


def source(url: str, endpoint: str, clock: Callable[[], float], *, position: str | None = None, **files: Any) -> FilesSource:
    """Return a source of a bucket's files."""
    configured = predictions_of({"files": {"path": url, "s3": {"endpoint": endpoint}, **files}}, Path("/"))
    reader = FilesSource(configured, LAYOUT, where="models[0]", clock=clock, horizon_seconds=DAY)
    reader.restore(position)
    return reader


def usable(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return events that all count."""
    return [row | {"request_id": "r"} for row in events(rows, seed)]


def test_objects_count_as_the_log(store: S3Store, server: str, tmp_path: Path) -> None:
    """Every form, in a partitioned tree with names that must be written in addresses with care."""
    rows, want = rounded(events(len(ENDINGS) * 60)), []
    for number, ending in enumerate(ENDINGS):
        part = rows[number * 60 : number * 60 + 60]
        data = write(tmp_path / f"part.{ending}", part).read_bytes()
        obstore.put(store, f"in/date=2026-01-01/region=s%C3%BCd/pa rt*[{number}]ü?#.{ending}", data)
        want += [row | {"region": "süd"} for row in part]
    for other in ("in/_SUCCESS", "in/.x.csv", "in2/a.csv", "in/date=2026-01-01/x.csv.tmp"):
        obstore.put(store, other, b"no data")
    reader = source("s3://test/in", server, Clock())
    assert_same(log_outcome(want, tmp_path), drain(reader))
    assert (rows_of(drain(reader)), reader.lag_bytes()) == (0, 0)


def test_a_restart_at_every_batch(store: S3Store, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row counts once."""
    monkeypatch.setattr(readers, "CHUNK_BYTES", 5000)
    monkeypatch.setattr(readers, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(readers, "PART_ROWS", 16)
    monkeypatch.setattr(readers, "LEAST_ROWS", 1)
    rows = rounded(events(240))
    for number, ending in enumerate(("parquet", "csv", "jsonl.gz")):
        obstore.put(store, f"a.{ending}", write(tmp_path / f"a.{ending}", rows[number * 80 : number * 80 + 80]).read_bytes())
    batches: list[Batch] = []
    position = None
    for _ in range(100):
        reader = source("s3://test", server, Clock(), position=position)
        batch = next(reader.poll(), None)
        position = reader.position()
        reader.close()
        if batch is None:
            break
        batches.append(batch)
    assert len(batches) > 10
    assert_same(log_outcome(rows, tmp_path), outcome_of(LAYOUT, batches))


@pytest.mark.parametrize(
    ("url", "count"), [("", 30), ("/", 30), ("/in", 20), ("/in/", 20), ("/in/a.parquet", 10), ("/*/b.*", 10), ("/none", 0)]
)
def test_places_in_a_bucket(url: str, count: int, store: S3Store, server: str, tmp_path: Path) -> None:
    """A prefix ends where a folder's name ends; a glob, one object and the whole bucket are places too."""
    data = write(tmp_path / "a.parquet", usable(10)).read_bytes()
    for key in ("in/a.parquet", "in/b.parquet", "inner/a.parquet"):
        obstore.put(store, key, data)
    assert rows_of(drain(source(f"s3://test{url}", server, Clock()))) == count


def test_objects_that_change(store: S3Store, server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An object that is written again is not read again, unless it could not be read before."""
    rows = usable(20)
    data = [write(tmp_path / f"{count}.parquet", rows[:count]).read_bytes() for count in (10, 20)]
    clock = Clock()
    obstore.put(store, "a.parquet", data[0])
    obstore.put(store, "bad.parquet", data[0][:-8])
    reader = source("s3://test", server, clock)
    outcome = drain(reader)
    assert (rows_of(outcome), outcome.rejected) == (10, {})
    obstore.put(store, "a.parquet", data[1])
    clock.ahead = 61
    outcome = drain(reader)
    assert (rows_of(outcome), outcome.rejected) == (0, {"unreadable": 1})
    assert "write predictions to new files" in caplog.text
    obstore.put(store, "bad.parquet", data[0])
    assert rows_of(drain(source("s3://test", server, clock, position=reader.position()))) == 10


def test_an_object_that_vanishes(store: S3Store, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are read."""
    monkeypatch.setattr(bucket.BucketStore, "look_seconds", 60.0)
    clock = Clock()
    for name in ("a.parquet", "b.csv", "c.parquet"):
        obstore.put(store, name, write(tmp_path / name, usable(10)).read_bytes())
    reader = source("s3://test", server, clock)
    assert len(next(reader.poll()).events[0]) == 10
    obstore.delete(store, "b.csv")
    assert rows_of(drain(reader)) == 10
    obstore.put(store, "d.parquet", (tmp_path / "a.parquet").read_bytes())
    assert rows_of(drain(reader)) == 0  # a look costs, and the last one is still good
    clock.ahead = 60
    assert rows_of(drain(reader)) == 10


@pytest.mark.usefixtures("store")
def test_no_such_bucket(server: str) -> None:
    """It is told in one line."""
    with pytest.raises(SourceError, match=r"^cannot read s3://none/: .*404 Not Found.*$"):
        drain(source("s3://none", server, Clock()))


class Refusing(BaseHTTPRequestHandler):
    """Refuses everything and counts how often it was asked."""

    asked = 0
    status = 403

    def do_GET(self) -> None:
        """Refuse."""
        type(self).asked += 1
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Be silent."""


def test_a_store_that_refuses_is_left_alone() -> None:
    """It is asked less and less, the problem is told all the while, and it is read when it is back."""
    refusing = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = Thread(target=refusing.serve_forever)
    thread.start()
    try:
        clock = Clock()
        reader = source("s3://test", f"http://127.0.0.1:{refusing.server_port}", clock)
        tries = []
        for second in range(120):
            clock.ahead = second
            before = Refusing.asked
            with pytest.raises(SourceError, match=r"cannot read s3://test/: .*403 Forbidden"):
                drain(reader)
            if Refusing.asked > before:
                tries.append(second)
        waits = [later - earlier for earlier, later in pairwise(tries)]
        assert 6 <= len(tries) <= 10
        assert waits[-1] > waits[0]
    finally:
        refusing.shutdown()
        thread.join()
        refusing.server_close()


def test_keys_of_a_profile(server: str, store: S3Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own files are read where the environment has no keys."""
    for name in KEYS:
        monkeypatch.delenv(name)
    home = tmp_path / ".aws"
    home.mkdir()
    (home / "credentials").write_text("[other]\naws_access_key_id = k\naws_secret_access_key = s%\n")
    (home / "config").write_text("[profile other]\nregion = eu-west-1\noutput = json\n")
    monkeypatch.setenv("AWS_PROFILE", "other")
    assert bucket._options(S3(endpoint="https://x", region=None), os.environ) == {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s%",
        "aws_region": "eu-west-1",
        "aws_endpoint_url": "https://x",
    }
    obstore.put(store, "a.parquet", write(tmp_path / "a.parquet", usable(10)).read_bytes())
    obstore.put(store, "b.csv", write(tmp_path / "b.csv", usable(10)).read_bytes())
    assert rows_of(drain(source("s3://test", server, Clock()))) == 20


@pytest.mark.usefixtures("store")
def test_keys_are_told_to_nobody(server: str) -> None:
    """Neither in a problem nor in the position nor in the name."""
    reader = source("s3://none", server, Clock())
    with pytest.raises(SourceError) as told:
        drain(reader)
    assert "secret" not in str(told.value) + reader.position() + reader.name + json.dumps(repr(reader._store.__dict__))


def test_without_obstore(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is told."""
    monkeypatch.setitem(__import__("sys").modules, "obstore.store", None)
    with pytest.raises(SourceError, match=r"pip install 'prediction-exporter\[s3\]'"):
        drain(source("s3://test", "http://127.0.0.1:1", Clock()))


@pytest.mark.usefixtures("store")
def test_polars_is_told_the_same(server: str) -> None:
    """A Parquet object that is gone between two steps is an error of the store for polars, and not of the file."""
    place = bucket.BucketStore("s3://test", S3(endpoint=server, region=None))
    scan = pl.scan_parquet("s3://test/none.parquet", glob=False, storage_options=place._options, credential_provider=None)
    with pytest.raises(FileNotFoundError) as told:
        scan.collect()
    assert place.problem(told.value) is not None
