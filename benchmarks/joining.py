"""Joining: what labels cost the reading of predictions, and pairs that are counted by minute, on one core.

The monitor of a model reads a log of predictions, and then the same with its labels configured: without any, and with a label
for each prediction in a second log. Beside that, labels of a day of predictions are joined and counted in batches of 10,000
that are spread over all of its minutes, with and without twelve segments: the worst that late labels do to counts by minute.

Aims: with labels, predictions are read at more than half of the speed; 20,000 joins a second, counted and stored.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
from data import lines, prepare  # first: it limits polars to one thread

from prediction_exporter import config
from prediction_exporter.collectors.base import Subject
from prediction_exporter.config import Config
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.joined import JoinedCounts, Maturity
from prediction_exporter.labels import Joined, Labels, Predictions, Shape, Store
from prediction_exporter.monitor.model_monitor import ModelMonitor
from prediction_exporter.monitor.performing import Performing
from prediction_exporter.monitor.references import load_baseline, spans_of, subject_of

EVENTS = 200_000
DAY = 86_400
BATCH = 10_000
BATCHES = 10

SEGMENTS = "cat_00"

LABELS = """
    task: binary
    performance: {{positive: "yes"}}
    segments: [cat_00]
    labels:
      log: {{path: {folder}/labels.log, start: beginning}}
      fields: {{id: request_id, label: label}}
      matures_after: 1h
"""


def configured(folder: Path, more: str) -> Config:
    """Return the configuration with further lines of the model, and a state of its own."""
    text = (folder / "exporter.yml").read_text()
    file = folder / f"{len(more)}.yml"
    file.write_text(text.replace("/state\n", f"/state{len(more)}\n") + more.format(folder=folder))
    return config.load(file)


def read(loaded: Config) -> tuple[float, float]:
    """Return the seconds of the processor that reading a log takes, and those of an evaluation."""
    state = State(loaded.state_dir)
    monitor = ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=4)
    began = time.process_time()
    while monitor.read(until=lambda: False):
        pass
    took = time.process_time() - began
    began = time.process_time()
    monitor.evaluate()
    evaluated = time.process_time() - began
    monitor.close()
    state.close()
    return took, evaluated


def joins(folder: Path, subject: Subject, loaded: Config, *, segmented: bool) -> tuple[float, float, float]:
    """Return joins a second, the seconds in which a window of a day is built from disk, and those of its measures."""
    assert subject.baseline is not None
    layout = subject.baseline.layout
    columns = [layout.columns[layout.index(SEGMENTS)]] if segmented else []
    rng, now = np.random.default_rng(1), 20_000.0 * DAY
    rows = BATCH * BATCHES
    scores = rng.random((rows, 1))
    ids = pl.Series([f"r{number}" for number in range(rows)])
    answers = np.where(rng.random(rows) < scores[:, 0], "yes", "no")
    state = State(folder / f"joins {segmented}")
    claim = state.claim("m")
    store = Store(Shape("class", scores=1, segments=len(columns)))

    def counts() -> JoinedCounts:
        assert subject.performance is not None
        maturity = Maturity(after=0.0)
        return JoinedCounts(subject.performance, columns, spans_of(loaded), maturity=maturity, staged=False, horizon=30 * DAY)

    used = counts()
    put = Predictions(
        ids=ids,
        times=((now - DAY + rng.random(rows) * DAY) * 1e6).astype(np.int64),
        versions=pl.repeat("1", rows, eager=True),
        predicted=pl.Series(np.where(scores[:, 0] > 0.5, "yes", "no")),
        segments=tuple(pl.Series(rng.choice(column.categories, rows)) for column in columns),
        scores=scores,
    )
    with state.step("m", claim=claim) as step:
        used.load(step, store)
        store.put_predictions(step, put, now)
        used.advance(step, store, now, believed=now)
        step.commit(StoredModel("s", None, {}), None, (), keep_from={})
    began = time.process_time()
    for first in range(0, rows, BATCH):
        with state.step("m", claim=claim) as step:
            part = slice(first, first + BATCH)
            joined: list[Joined] = [store.put_labels(step, Labels(ids=ids[part], actual=pl.Series(answers[part])), now)]
            used.put(step, store, joined)
            used.advance(step, store, now, believed=now)
            step.commit(StoredModel("s", None, {}), None, (), keep_from={})
    took = time.process_time() - began
    anew = counts()
    with state.step("m", claim=claim) as step:
        began = time.process_time()
        anew.load(step, store)
        anew.advance(step, store, now, believed=now)
        built = time.process_time() - began
        step.commit(StoredModel("s", None, {}), None, (), keep_from={})
    performing = Performing(subject, spans_of(loaded))
    began = time.process_time()
    reports = performing.windows(anew, {"1"})
    measured = (time.process_time() - began) / len(reports)
    state.close()
    assert rows - BATCH < max(report.pairs.rows for report in reports) <= rows  # the first minute has left the window
    return rows / took, built, measured


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        data = lines(EVENTS, seed=0, until=time.time(), seconds=3000)
        (folder / "app.log").write_bytes(data)
        ids = [json.loads(line)["request_id"] for line in data.splitlines()]
        without = read(configured(folder, "    task: binary\n    segments: [cat_00]\n"))
        loaded = configured(folder, LABELS)
        (folder / "labels.log").write_bytes(b"")
        waiting = read(loaded)
        answers = np.random.default_rng(2).choice(["yes", "no"], EVENTS)
        pl.DataFrame({"request_id": ids, "label": answers}).write_ndjson(folder / "labels.log")
        loaded = configured(folder, LABELS + "    maturity: 2\n")
        joined = read(loaded)
        baseline = load_baseline(loaded.models[0], "models[0]")
        subject = subject_of(loaded, loaded.models[0], baseline, {}, None)
        rate, built, measured = joins(folder, subject, loaded, segmented=False)
        of_segments, built_of_segments, _ = joins(folder, subject, loaded, segmented=True)
    print(f"joining: {EVENTS:,} predictions of {len(data) // EVENTS} bytes, CPU of one core")
    print(f"  without labels                 {EVENTS / without[0]:10,.0f} predictions/s")
    print(f"  all wait for a label           {EVENTS / waiting[0]:10,.0f} predictions/s")
    print(f"  ratio                          {without[0] / waiting[0]:10.2f}            (aim: more than 0.5)")
    print(
        f"  all labelled at once           {EVENTS / joined[0]:10,.0f} predictions and labels/s, {without[0] / joined[0]:.2f}"
    )
    print(f"  an evaluation                  {joined[1]:10.2f} s with labels, {without[1]:.2f} s without")
    print(f"  joins over a day of minutes    {rate:10,.0f} /s         (aim: 20,000)")
    print(f"  the same in 12 segments        {of_segments:10,.0f} /s")
    print(f"  windows of a day from disk     {built:10.2f} s, in 12 segments {built_of_segments:.2f} s")
    print(f"  measures of a window           {measured * 1000:10.1f} ms")


if __name__ == "__main__":
    main()
