"""What the page of a real exporter says of a model's performance by its labels, and why a figure is not there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urljoin

import numpy as np
import polars as pl
import pytest
import requests

import watched
from labelled_model import HOUR, STAGED, LabelledModel, more_of
from pages import Element, Page
from prediction_exporter import baseline
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.report import LabelsReport
from prediction_exporter.web.landing.performance import Shown, performance_of
from prediction_exporter.web.landing.words import NARROW, percent
from processes import Exporter

OTHER = {"accept": "refuse", "refuse": "accept"}


def truth(decision: str, number: int, wrong: int) -> str:
    """Return what turned out to be true of a decision, of which one in so many is wrong."""
    return OTHER[decision] if number % wrong == 0 else decision


def teach(model: LabelledModel) -> None:
    """Give a model a baseline whose data have labels: nine in ten decisions are right."""
    events = [watched.event(0.0, model.chance) for _ in range(400)]
    rows = [each | {"label": truth(each["decision"], i, 10)} for i, each in enumerate(events)]
    data, path = pl.DataFrame(rows).drop("ts", "version", "latency_ms", "status"), model.folder / "data.parquet"
    data.write_parquet(path)
    configured = model.config.models[0]
    place = truth_of(configured, "models[0]", data.columns, ())
    fields = configured.predictions.fields
    result = build(read_table(path), fields, kinds={}, task=None, where="models[0]", labels=("label",), truth=place)
    baseline.save(result.record, model.folder / "baseline.json")


def decide(model: LabelledModel, count: int, *, at: float, name: str = "p", **changed: str) -> dict[str, str]:
    """Log predictions that are accepted and refused in turns; return the decisions by their ids."""
    decisions = {f"{name}{i}": ("accept", "refuse")[i % 2] for i in range(count)}
    for key, decision in decisions.items():
        model.predict(key, at=at, decision=decision, score=0.8 if decision == "accept" else 0.2, **changed)
    return decisions


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    """A real exporter of a model that has become worse, and half of whose refusals have no label."""
    model = LabelledModel(tmp_path / "m", more_of(matures="30m"))
    model.model.close()
    teach(model)
    now = time.time()
    decisions = list(decide(model, 300, at=now - HOUR).items())
    accepted, refused = decisions[::2], decisions[1::2]
    known = [*accepted, *refused[::2]]
    model.label({name: truth(decision, i, 3) for i, (name, decision) in enumerate(known)}, at=now - HOUR / 4)
    found = Exporter(model.model.file)
    try:
        found.start()
        yield found
    finally:
        found.kill()


def section(page: Page) -> Element:
    """Return what is said of performance."""
    [found] = [block for block in page.all("div", "operation") if block.one("h3").text.startswith("Performance")]
    return found


def test_what_has_become_worse(exporter: Exporter) -> None:
    """Each measure beside baseline and threshold, as the metrics have them; the worst first, with a way to its runbook."""

    def page() -> Page:
        return Page(requests.get(exporter.url, timeout=20).content)

    exporter.wait_for(lambda: bool(section(page()).all("table")), "mature performance")
    seen = page()
    block = section(seen)
    assert block.one("h3").text == "Performanceof version 1 in the last mature 1h"
    facts = {fact.one("dt").text: fact.one("dd").text for fact in block.one("dl").children}
    assert facts["Labelled predictions"] == "225"  # 150 accepted, and half of 150 refused
    assert facts["With a label"] == "75 % of 30050 % of those predicted refuse"  # a number and its note
    assert facts["Complete until"] == "30 min ago"
    assert facts["Source of labels"] == "upnewest label 15 min ago"

    rows = [row for table in block.all("table") for row in table.one("tbody").children]
    bad = [row for row in rows if row.attributes.get("class") == "bad"]
    assert rows[: len(bad)] == bad  # the worst first
    assert [pill.text for pill in seen.all("span", "pill")] == [f"{len(bad)} measures worse than allowed"]
    [accuracy] = [row for row in bad if row.one("bdi").text == "Accuracy"]
    value, before, threshold = (cell.text for cell in accuracy.all("td"))
    assert value.startswith("66.7 % ±")  # one in three is wrong
    assert before == "90 %"
    allowed = exporter.total("model_accuracy_ratio_threshold", window="1h", labels="mature", segment="all")
    assert threshold == percent(allowed).replace(NARROW, " ")
    link = urljoin(exporter.url, str(accuracy.one("a").attributes["href"]))
    assert link.endswith("/ModelPerformanceDrop")
    assert requests.get(link, timeout=5).status_code == 200


# What a real exporter is in for moments alone


@pytest.fixture
def a_model(tmp_path: Path) -> Callable[..., LabelledModel]:
    """Return a way to a model whose labels take an hour."""
    return lambda text="", **more: LabelledModel(tmp_path / "m", text or more_of(), **more)


def shown(model: LabelledModel, version: str = "1") -> Shown:
    """Read all there is, and return what the page would show."""
    return of_report(model, model.labels(), version)


def of_report(model: LabelledModel, report: LabelsReport, version: str = "1") -> Shown:
    """Return what the page would show of a report."""
    found = performance_of(model.config.models[0], report, version=version, windows=["1h", "24h"], now=model.clock())
    assert found is not None
    return found


def words(found: Shown) -> str:
    """Return why there is no figure."""
    return found.words.replace(NARROW, " ")


def test_it_is_said_what_is_waited_for(a_model: Callable[..., LabelledModel]) -> None:
    """From the first prediction until an hour has passed since, and when a day later no labels come any more."""
    model = a_model()
    decisions = decide(model, 4, at=model.clock())
    assert words(shown(model)) == "No label has found its prediction yet; 4 predictions and 0 labels wait."
    model.label(dict([*decisions.items()][:1]))
    assert words(shown(model)) == ("No labelled prediction is 1 h old yet. 1 newer prediction has a label, which may mislead.")
    assert shown(model).rows == ()
    model.clock.now += 30 * HOUR
    decide(model, 4, at=model.clock() - 2 * HOUR, name="q")
    assert words(shown(model)) == "None of the predictions up to 1 h ago has a label."


def test_labels_that_are_waited_for_by_their_share(a_model: Callable[..., LabelledModel]) -> None:
    """A coverage is no age."""
    model = a_model(more_of(matures="{coverage: 0.9}"))
    decisions = decide(model, 10, at=model.clock() - HOUR / 2)
    model.label(dict([*decisions.items()][:5]))
    assert words(shown(model)) == (
        "No window has labels for 90 % of its predictions yet. 5 newer predictions have a label, which may mislead."
    )


def test_a_baseline_without_labels_is_compared_with_nothing(a_model: Callable[..., LabelledModel]) -> None:
    """Values are there, and it is said once why nothing stands beside them."""
    model = a_model()
    model.label(decide(model, 40, at=model.clock() - 1.5 * HOUR))
    found = shown(model)
    assert found.of == ("1", "1h")
    assert "compared with nothing" in found.words
    assert {row.title: row.value for row in found.rows}["Accuracy"] == percent(1)
    assert [(row.baseline, row.threshold, row.absent, row.worse) for row in found.rows] == [("", "", None, None)] * len(
        found.rows
    )


def test_few_labels_are_compared_with_nothing_either(a_model: Callable[..., LabelledModel]) -> None:
    """It is said of each measure, as some have other reasons."""
    model = a_model()
    teach(model)
    model.again()
    model.label(decide(model, 10, at=model.clock() - 1.5 * HOUR))
    found = shown(model)
    assert found.words == ""
    [accuracy] = [row for row in found.rows if row.title == "Accuracy"]
    assert accuracy.baseline == percent(0.9)
    assert accuracy.absent is not None
    assert accuracy.absent.words == "fewer than 30 labels"


def test_a_version_whose_labels_have_not_come_does_not_hide_the_one_before(a_model: Callable[..., LabelledModel]) -> None:
    """The page says which version the figures are of."""
    model = a_model()
    model.label(decide(model, 40, at=model.clock() - 1.5 * HOUR))
    decide(model, 40, at=model.clock(), name="q", version="2")
    assert shown(model, "2").of == ("1", "1h")


def test_what_is_answered_stands_before_what_is_tried(a_model: Callable[..., LabelledModel]) -> None:
    """Though the challenger has more labels."""
    model = a_model(fields=STAGED)
    model.label(decide(model, 60, at=model.clock() - 1.5 * HOUR, stage="challenger"))
    model.label(decide(model, 40, at=model.clock() - 1.5 * HOUR, name="q", stage="champion"))
    found = shown(model)
    assert found.of == ("1", "champion", "1h")
    assert {fact.title: fact.text for fact in found.facts}["Labelled predictions"] == "40"


def test_of_many_classes_those_with_the_fewest_labels_are_named(a_model: Callable[..., LabelledModel]) -> None:
    """Of seven, four have less than nine tenths of what all have: 400 of 700."""
    model = a_model()
    model.label(decide(model, 40, at=model.clock() - 1.5 * HOUR))
    report = model.labels()
    known = np.array([100, 40, 100, 30, 10, 100, 20])
    seven = [replace(one, classes=tuple("abcdefg"), predictions=np.full(7, 100), labelled=known) for one in report.coverage]
    found = of_report(model, replace(report, coverage=seven))
    [covered] = [fact for fact in found.facts if fact.title == "With a label"]
    assert covered.text == f"{percent(4 / 7)} of 700"
    assert covered.notes == (
        f"{percent(0.1)} of those predicted e",
        f"{percent(0.2)} of those predicted g",
        f"{percent(0.3)} of those predicted d",
        "fewer of 1 other class",
    )


def test_labels_that_cannot_be_read_are_a_problem(a_model: Callable[..., LabelledModel]) -> None:
    """It is said what the system said."""
    model = a_model()
    (model.folder / "labels.log").mkdir()
    decide(model, 4, at=model.clock())
    found = shown(model)
    assert found.problem is not None
    assert "labels.log" in found.problem.words
    assert [fact.text for fact in found.facts if fact.title == "Source of labels"] == ["down"]


def test_a_model_without_labels_has_no_section(a_model: Callable[..., LabelledModel]) -> None:
    """Nothing is said of what nobody has asked for."""
    model = a_model()
    without = model.configure("baseline: baseline.json").models[0]
    assert performance_of(without, None, version="1", windows=["1h"], now=0.0) is None
    [one] = model.config.models
    unread = performance_of(one, None, version="1", windows=["1h"], now=0.0)
    assert unread is not None
    assert unread.words == "Its labels have not been read yet."
