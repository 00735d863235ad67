"""Series budget against what is really rendered."""

from __future__ import annotations

import time
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.collectors import labels, performance, volume
from prediction_exporter.collectors.base import Most, Published
from prediction_exporter.collectors.notes import AlarmsSeries
from prediction_exporter.collectors.performance import PERFORMANCE_STATUS
from prediction_exporter.collectors.report import NotesReport
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.config import Config
from prediction_exporter.counting.breakdowns import STAGES
from prediction_exporter.errors import ConfigError
from prediction_exporter.monitor import budget
from prediction_exporter.monitor.monitor import plan
from prediction_exporter.monitor.references import load_baseline
from prediction_exporter.notes.verdicts import Verdicts
from prediction_exporter.performance import MEASURES
from watched import LABELLED, WITH_ID, Clock, Watched, config_text, model_text, read, samples_of

STATUS = "model_statistic_status"

VARIANTS = {
    "plain": "baseline: baseline.json\nlearning: 0s",
    "service": "maturity: 0",
    "objectives": """baseline: baseline.json
learning: 0s
slo: {availability: 0.99, latency: {under: 60ms, ratio: 0.9}, freshness: {within: 1h, ratio: 0.9}}
capacity: {requests_per_second: 10, concurrency: 2}
replicas: {expected: 1}""",
    "segments": "baseline: baseline.json\nlearning: 0s\nsegments: [color]",
    "importance": "baseline: baseline.json\nlearning: 0s\nimportance: {amount: 0.7}",
}


def rendered(watched: Watched, loaded: Config, **changed: Any) -> Counter[str]:
    """Return the series by family of a model all of whose windows and segments have predictions, of one version."""
    for color in ("red", "blue", "green"):
        watched.log(100, **{"color": color} | changed)
    for status in (100, "ok", None):  # beside 200, one of each kind of class
        watched.log(1, status=status, **changed)
    report, _ = read(watched.start(loaded), watched.clock)
    notes = NotesReport(Verdicts(), since=watched.clock())
    published = Published({}, reload_succeeded=True, loaded=0.0, others=0, now=watched.clock(), notes=notes)
    [poll] = volume.COLLECTOR.open(loaded).values()
    parts = [*samples_of(report, watched.clock()), AlarmsSeries(report.name).render(published), poll.poll()]
    found = Counter({name: len(lines) for part in parts for name, lines in part.lines.items()})
    told = len(report.collected) + 3  # of its source, of notes and of its volume too
    return found + Counter({family.name: told for family in COLLECTOR_FAMILIES})


WITH_LABELS = f"baseline: baseline.json\nlearning: 0s\n{LABELLED}"

#: What more is configured, and the stages that predictions have.
VARIANTS_WITH_LABELS = {
    "plain": (WITH_LABELS, (None,)),
    "segments": (f"{WITH_LABELS}\nsegments: [color]", (None,)),
    "stages": (WITH_LABELS, (*STAGES[:-2], None, "of nobody")),
}

#: Of a window, what is not zero for each value of every window: whether a bound is, and how many reasons there are.
UNCERTAIN = {STATUS, PERFORMANCE_STATUS.name, *(one.bound_family.name for one in MEASURES if one.bound is not None)}


@pytest.mark.parametrize("name", VARIANTS_WITH_LABELS)
def test_the_budget_is_what_a_full_model_with_labels_shows(tmp_path: Path, name: str) -> None:
    """For every family, to the series, where each window has labels of both classes in every stage and segment."""
    watched, (more, stages) = Watched(tmp_path), VARIANTS_WITH_LABELS[name]
    fields = WITH_ID.replace("{", "{stage: stage, ") if len(stages) > 1 else WITH_ID
    watched.build_labelled(config_text(model_text(more=more, fields=fields), more="windows: [1h, 24h]"))
    loaded = config.load(watched.file)
    for stage, color in product(stages, ("red", "blue", "green")):
        watched.log_labelled(100, at=watched.clock() - 120, color=color, stage=stage)
    counted = budget.total(of(loaded), 1)
    found = rendered(watched, loaded, color="red", id="last")
    assert {of: count for of, count in found.items() if of not in UNCERTAIN} == {
        of: count for of, count in counted.items() if of not in UNCERTAIN
    }
    assert all(counted.get(of, 0) >= found[of] for of in UNCERTAIN)
    report = watched.monitors[-1].evaluate().labels
    assert report is not None
    shown = sum(window.pairs.counts.nbytes for window in report.windows)
    model = loaded.models[0]
    baseline = load_baseline(model, "models[0]")
    assert baseline is not None
    # Shown beside what they are summed up in, of one version and of as many places for others.
    assert budget.performance_bytes(loaded, model, baseline, 1)[0] == 2 * 2 * shown


def test_the_check_tells_the_series_of_performance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As many as a scrape shows then, and what they take of memory."""
    watched = Watched(tmp_path, clock=Clock(time.time()))
    watched.build_labelled(config_text(model_text(more=WITH_LABELS, fields=WITH_ID)))
    watched.log_labelled(100, at=watched.clock() - 120)
    capsys.readouterr()
    assert main(["check", "config", str(watched.file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = rendered(watched, config.load(watched.file), id="last")
    told = {
        family: int(count.replace(",", ""))
        for count, _, family in (line.strip().partition("  ") for line in lines)
        if family in found
    }
    own = {family.name for of in (performance, labels) for family in of.COLLECTOR.families} & found.keys() - UNCERTAIN
    assert len(own) > 50
    assert {name: told[name] for name in own} == {name: found[name] for name in own}
    [size] = [line for line in lines if "for windows of performance" in line]
    assert size.startswith("m: ")


def of(loaded: Config, index: int = 0) -> list[Most]:
    """Return the budget of a model."""
    model = loaded.models[index]
    return budget.of_model(loaded, model, load_baseline(model, f"models[{index}]"), Switches())


@pytest.mark.parametrize("windows", ["[1h, 24h]", "[1m, 1h, 7d, 31d]"])
@pytest.mark.parametrize("more", VARIANTS.values(), ids=VARIANTS.keys())
def test_the_budget_is_what_a_full_model_shows(tmp_path: Path, more: str, windows: str) -> None:
    """For every family, to the series; of the statuses it is what there may be at most."""
    watched = Watched(tmp_path)
    loaded = watched.configure(config_text(model_text(more=more), more=f"windows: {windows}"))
    most = of(loaded)
    counted = budget.total(most, 1)
    found = rendered(watched, loaded)
    assert counted.pop(STATUS, 0) >= found.pop(STATUS, 0)
    assert counted == found
    assert sum(of.series(3) - of.series(2) for of in most) == sum(sum(of.per_version.values()) for of in most)


@pytest.mark.parametrize("count", [1, 29, 31, 200])
def test_no_window_shows_more_than_the_budget(tmp_path: Path, count: int) -> None:
    """However mixed the reasons are for which values are absent."""
    watched = Watched(tmp_path)
    loaded = watched.configure()
    watched.log(count, amount=None)
    watched.log(count, color=None)
    watched.log(count, score=None, decision=None, amount="text")
    report, _ = read(watched.start(loaded), watched.clock)
    counted = budget.total(of(loaded), 1)
    for part in samples_of(report, watched.clock()):
        for name, lines in part.lines.items():
            assert len(lines) <= counted[name]


def test_as_many_versions_fit_as_the_limit_allows(tmp_path: Path) -> None:
    """One place is kept for other; below two versions of each model it is an error."""
    watched = Watched(tmp_path)

    def room(limit: int, most: int = 8) -> int:
        models = (model_text("m"), model_text("n", "b.log"))
        return plan(watched.configure(config_text(*models, more=f"series_limit: {limit}\nmax_versions: {most}")), Switches())

    loaded = watched.configure(config_text(model_text("m"), model_text("n", "b.log")))
    budgets = [*budget.of_exporter(loaded, Switches()), *of(loaded), *of(loaded, 1)]

    def needed(versions: int) -> int:
        return sum(part.series(versions) for part in budgets)

    assert [room(needed(2)), room(needed(3) - 1), room(needed(3)), room(needed(9)), room(10**6)] == [1, 1, 2, 8, 8]
    assert room(10**6, most=1) == 1
    with pytest.raises(ConfigError) as caught:
        room(needed(2) - 1)
    message = str(caught.value)
    assert message.startswith(f"series_limit: {needed(2) - 1} series are allowed, and {needed(2)} are needed for two versions")
    shown = dict(part.rsplit(" ", 1) for part in message.partition("successor (")[2].rpartition(", and ")[0].split(", "))
    counts = budget.total(budgets, 2)
    assert shown == {name: str(counts[name]) for name in shown}
    rest = int(message.rpartition(", and ")[2].split(" ")[0])
    assert sum(map(int, shown.values())) + rest == needed(2) == sum(counts.values())


def test_every_problem_of_a_plan_is_told(tmp_path: Path) -> None:
    """A line for each model that cannot be watched, with its place."""
    models = (
        model_text("a", more="baseline: absent.json"),
        model_text("b", more="baseline: baseline.json\nthresholds: {columns: {nothing: {psi: 1}}}\nsegments: [amount]"),
        model_text("c"),
    )
    loaded = Watched(tmp_path).configure(config_text(*models))
    with pytest.raises(ConfigError) as caught:
        plan(loaded, Switches())
    lines = str(caught.value).split("\n")
    assert "absent.json: cannot be read: No such file or directory" in lines[0]
    assert lines[1].startswith("models[1].thresholds.columns: the baseline has no column nothing (it has: amount, color")
    assert lines[2] == "models[1].segments: amount is no categorical feature of the baseline (these are: color)"
    assert len(lines) == 3
