"""A search engine with a log of what it showed and a log of clicks, through the real commands, against scikit-learn."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import ndcg_score

import watched
from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.collectors.report import PerformanceReport
from prediction_exporter.monitor.model_monitor import ModelMonitor
from processes import Exporter

SHOWN = 20

CONFIG = """
owners: {search: {slack: "#search"}}
state_dir: state
interval: 1s
windows: [1h, 24h]
models:
  - name: search
    owner: search
    task: ranking
    baseline: search.json
    predictions:
      log: {path: searches.jsonl, start: beginning}
      fields: {id: search, time: ts, features: [words]}
    labels:
      log: {path: clicks.jsonl}
      fields: {id: search, label: LABEL}
      matures_after: 1h
    MORE
"""


def draw(chance: random.Random, patience: float) -> set[int]:
    """Return which ranks of a list somebody clicked on."""
    return {rank for rank in range(1, SHOWN + 1) if chance.random() < patience / (rank + 1)}


def measured(lists: Iterable[set[int]], cutoff: int) -> tuple[float, float]:
    """Return NDCG by scikit-learn and the mean reciprocal rank by its definition."""
    gains = np.array([[rank in ranks for rank in range(1, SHOWN + 1)] for ranks in lists], np.float64)
    in_order = np.broadcast_to(np.arange(SHOWN, 0, -1), gains.shape)
    return ndcg_score(gains, in_order, k=cutoff), float(np.mean([1 / min(ranks) if ranks else 0.0 for ranks in lists]))


def write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Append lines of JSON."""
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


class Search:
    """The folder of a model that ranks."""

    def __init__(self, folder: Path, more: str = "", label: str = "position") -> None:
        self.folder, self.file = folder, folder / "exporter.yml"
        self.file.write_text(CONFIG.replace("MORE", more).replace("LABEL", label))

    def build(self, lists: Sequence[Any], *, label: str = "position", ending: str = "parquet") -> int:
        """Build the baseline of lists and their labels."""
        data = self.folder / f"data.{ending}"
        frame = pl.DataFrame({"words": [number % 5 + 1 for number in range(len(lists))], label: lists}, strict=False)
        (frame.write_parquet if ending == "parquet" else frame.write_ndjson)(data)
        return main(["baseline", "--config.file", str(self.file), "--model", "search", "--data", str(data)])

    def show(self, names: Iterable[str], at: float) -> None:
        """Log lists."""
        write(self.folder / "searches.jsonl", [{"search": name, "ts": at, "words": len(name)} for name in names])

    def click(self, *clicks: tuple[str, Any]) -> None:
        """Log clicks."""
        write(self.folder / "clicks.jsonl", [{"search": name, "position": rank} for name, rank in clicks])


def test_searches_and_clicks(
    tmp_path: Path, start_exporter: Callable[..., Exporter], capsys: pytest.CaptureFixture[str]
) -> None:
    """Clicks one by one, in any order, twice, before their search and long after it; a list without a label does not count."""
    chance = random.Random(3)
    search = Search(tmp_path)
    before = [draw(chance, 1.5) for _ in range(400)]
    assert search.build([sorted(ranks) for ranks in before]) == 0
    ndcg, reciprocal = measured(before, 10)
    assert f"by 400 labels in position: ndcg {ndcg:.4g} ± " in capsys.readouterr().out

    shown = {f"s{number}": draw(chance, 0.6) for number in range(200)}
    clicks = [(name, rank) for name, ranks in shown.items() for rank in [*ranks, *ranks][: len(ranks) + 1] or [0]]
    chance.shuffle(clicks)
    now = time.time()
    search.click(*clicks[:150])
    search.show([*shown, "without a label"], now - 5400)
    assert main(["check", "config", str(search.file)]) == 0
    told = capsys.readouterr().out
    assert "say that something was chosen at ranks 1 to " in told
    assert "say that nothing was: where 0 is the first item, write performance.first_rank: 0" in told

    exporter = start_exporter(search.file)
    search.click(*clicks[150:])
    of = {"model": "search", "window": "24h", "labels": "mature", "segment": "all"}
    exporter.wait_for(lambda: exporter.total("model_window_labelled_predictions", **of) == 200, "labelled")
    exporter.wait_for(lambda: exporter.total("prediction_exporter_labels_events_total") == len(clicks), "read")

    def settled() -> bool:
        outcomes = ("joined", "corrected", "repeated")
        return sum(exporter.total("model_labels_total", outcome=one) for one in outcomes) == len(clicks)

    exporter.wait_for(settled, "put")
    now_ndcg, now_reciprocal = measured(shown.values(), 10)
    found = {name: exporter.total(name, **of) for name in ("model_ndcg", "model_mean_reciprocal_rank")}
    assert found["model_ndcg"] == pytest.approx(now_ndcg, abs=1e-9)
    assert found["model_mean_reciprocal_rank"] == pytest.approx(now_reciprocal, abs=1e-9)
    assert exporter.total("model_ndcg_baseline") == pytest.approx(ndcg, abs=1e-9)
    assert exporter.total("model_mean_reciprocal_rank_baseline") == pytest.approx(reciprocal, abs=1e-9)
    assert now_ndcg < exporter.total("model_ndcg_threshold", **of) < ndcg
    assert exporter.total("model_label_coverage_ratio", window="24h", labels="mature") == pytest.approx(200 / 201)
    names = {name for name, _ in exporter.metrics()}
    assert not {name for name in names if "label_psi" in name or "accuracy" in name or "rmse" in name or "confusion" in name}


def test_lists_of_ranks_from_zero(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of data as JSON lines, with another cutoff, and a baseline that was built with another one."""
    search = Search(tmp_path, "performance: {first_rank: 0, cutoff: 3}", "clicked")
    lists = [{1, 4}, {2}, set(), {1}, {19}]
    assert search.build([[rank - 1 for rank in ranks] for ranks in lists], label="clicked", ending="jsonl") == 0
    ndcg, reciprocal = measured(lists, 3)
    told = capsys.readouterr().out
    assert f"ndcg {ndcg:.4g} ± " in told
    assert f"mean_reciprocal_rank {reciprocal:.4g} ± " in told
    assert "clicked  left out" in told
    Search(tmp_path, "performance: {first_rank: 0}", "clicked")
    main(["check", "config", str(search.file)])
    assert "was built with other settings: performance.cutoff was 3, and is 10" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("performance: {positive: yes_please}", "performance.positive: means nothing for task ranking"),
        ("performance: {threshold: 0.5}", "performance.threshold: means nothing for task ranking"),
        ("performance: {classes: [a, b]}", "performance.classes: means nothing for task ranking"),
        ("performance: {quantile: 0.5}", "performance.quantile: means nothing for task ranking"),
        ("performance: {cutoff: 51}", "performance.cutoff: 51 is no cutoff (allowed: 1 to 50)"),
        ("performance: {first_rank: 2}", "performance.first_rank: 2 is not where ranks begin (allowed: 0 or 1)"),
        ("performance: {first_rank: true}", "performance.first_rank: true is not where ranks begin (allowed: 0 or 1)"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: str, problem: str) -> None:
    """With its place."""
    Search(tmp_path).build([[1], [2], []])
    search = Search(tmp_path, more)
    capsys.readouterr()
    assert main(["check", "config", str(search.file)]) == 1
    output = capsys.readouterr()
    assert f"models[0].{problem}" in output.err + output.out


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("label: position}", "label: position, weight: w}", "labels.fields.weight: means nothing for task ranking"),
        ("matures_after: 1h", "matures_after: 1h\n      values: {a: b}", "labels.values: means nothing for task ranking"),
        ("matures_after: 1h", "matures_after: 1h\n      only_for: [a]", "labels.only_for: names predicted classes"),
        (
            "task: ranking",
            "task: binary\n    performance: {first_rank: 0}",
            "performance.first_rank: means nothing for task binary",
        ),
        ("task: ranking", "task: binary\n    performance: {cutoff: 5}", "performance.cutoff: means nothing for task binary"),
    ],
)
def test_labels_and_tasks_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str
) -> None:
    """With their place."""
    search = Search(tmp_path)
    frame = pl.DataFrame({"words": [1, 2] * 20, "prediction": ["a", "b"] * 20, "position": [1, 0] * 20})
    frame.write_parquet(tmp_path / "data.parquet")
    command = ["baseline", "--config.file", str(search.file), "--model", "search", "--data", str(tmp_path / "data.parquet")]
    assert main(command) == 0
    search.file.write_text(search.file.read_text().replace(old, new))
    assert main(["check", "config", str(search.file)]) == 1
    assert f"models[0].{problem}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([0, 1] * 10, "every sampled label is 0 or 1, as a flag is that says whether something was chosen"),
        ([1, 60], "1 of 2 sampled labels are of ranks beyond 52"),
        ([1, [0, 0, 1]], "1 of 2 sampled labels have no rank or list of ranks; they do not count"),
        (
            [True, "first"],
            "none of the 2 sampled labels has a rank or list of ranks, such as 'true'; it is the rank of what was",
        ),
    ],
)
def test_labels_that_are_hardly_ranks(tmp_path: Path, capsys: pytest.CaptureFixture[str], labels: list[Any], told: str) -> None:
    """What a look at them shows."""
    search = Search(tmp_path)
    search.build([[1], [2], []])
    search.show(["s0"], time.time())
    search.click(*((f"s{number}", label) for number, label in enumerate(labels)))
    main(["check", "config", str(search.file)])
    assert told in capsys.readouterr().err


def watch(search: Search) -> tuple[watched.Watched, ModelMonitor]:
    """Watch a model, by a clock that stands still."""
    model = watched.Watched(search.folder)
    return model, model.start(config.load(search.file))


def mature(monitor: ModelMonitor, clock: watched.Clock) -> list[PerformanceReport]:
    """Read all there is, and return the mature windows of a day that are of no segment."""
    labels = watched.read(monitor, clock)[0].labels
    assert labels is not None
    return [one for one in labels.windows if (one.window, one.labels, one.segment) == ("24h", "mature", "all")]


def test_a_list_without_clicks_has_no_label(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is not measured, and that is told where the baseline has such lists; or it counts as one without a choice."""
    chance = random.Random(4)
    shown = {f"s{number}": draw(chance, 0.6) for number in range(300)}
    clicked = [ranks for ranks in shown.values() if ranks]
    told = f"something was chosen of each of {len(clicked)} labelled lists, and of "
    for more, lists in (("", clicked), ("performance: {without_label: nothing_chosen}", [*shown.values()])):
        folder = tmp_path / str(len(lists))
        folder.mkdir()
        search = Search(folder, f"{more}\n    segments: [words]")
        search.build([sorted(ranks) or None if more else sorted(ranks) for ranks in shown.values()])
        search.show(shown, watched.NOW - 5400)
        search.click(*((name, rank) for name, ranks in shown.items() for rank in ranks))
        model, monitor = watch(search)
        [window] = mature(monitor, model.clock)
        assert [window.measured[key].values[0] for key in ("ndcg", "mean_reciprocal_rank")] == pytest.approx(
            measured(lists, 10)
        )
        assert [window.measured["ndcg"].baseline[0]] == pytest.approx(measured(shown.values(), 10)[:1])
        assert (window.pairs.rows, window.pairs.nothing_chosen) == (len(lists), len(lists) - len(clicked))
        assert (told in caplog.text) == (not more)
        caplog.clear()


def test_no_click_at_all(tmp_path: Path) -> None:
    """Where silence says that nothing was chosen, it is seen before the first click; the window has its share of lists."""
    search = Search(tmp_path, "performance: {without_label: nothing_chosen}")
    search.build([[1], [2], []] * 20)
    search.show([f"s{number}" for number in range(40)], watched.NOW - 5400)
    search.show([f"late{number}" for number in range(5)], watched.NOW - 60)
    search.click(("of another list", 1))
    model, monitor = watch(search)
    [window] = mature(monitor, model.clock)
    assert (window.pairs.rows, window.measured["ndcg"].values[0]) == (40, 0.0)
    search.click(("s1", 2), ("s1", 1))
    model.clock.now += 60
    [window] = mature(monitor, model.clock)
    assert window.pairs.rows == 40
    assert window.measured["mean_reciprocal_rank"].values[0] == pytest.approx(1 / 40)
