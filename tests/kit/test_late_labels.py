"""Labels that come by class, through a real exporter and its rules: precision is wrong for months, and nobody is woken up.

Of the predictions of fraud, 5 in 18 turn out to be right. A fraud is known after 20 days, an honest case after 3: exponential
times of these means. So precision by the labels that are there after ``t`` days is ``p F(t/20) / (p F(t/20) + q F(t/3))``.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from prediction_exporter import config
from prediction_exporter.cli import main
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.counting.state import State
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.cases import TARGET
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.labels import COVERAGE_OF_CLASS
from prediction_exporter.kit.performance import FLEET
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, group_of
from prediction_exporter.monitor.model_monitor import ModelMonitor
from processes import samples
from promtool_rules import pruned
from quick_yaml import dump as dump_yaml
from watched import NOW, Clock, config_text, samples_of, total

Run = Callable[..., str]

DAY = 86_400.0
#: How long it takes on average until a label is known, in days.
MEANS = {"fraud": 20.0, "honest": 3.0}
#: Predictions of a day by what is predicted and what is true; version 1 makes ten times as many on the first day.
PARTS = {("fraud", "fraud"): 10, ("fraud", "honest"): 26, ("honest", "fraud"): 1, ("honest", "honest"): 83}
TIMES = 10
TRUTH = 10 / 36
#: After how many days all labels of the first day are there: the last of its hundred frauds takes 20 * ln(200) = 106.
COMPLETE = 120
DAYS = COMPLETE + 3

#: Models of the same predictions and labels. The hasty one takes labels for complete after a day.
MATURES = {"patient": f"{{after: {COMPLETE}d, coverage: 0.95}}", "hasty": "1d"}
#: For how many days a model is watched; the other one for all.
WATCHED = {"hasty": 5}
#: Of features and traffic this is not about, and promtool is slow with ten thousand series.
COLLECTED = Switches(flags=dict.fromkeys(("identity", "labels", "performance"), True), named_only=True)
ON_PERFORMANCE = [alert.name for alert in ALERTS if alert.area == "performance"]
[PRECISION] = [one for one in FLEET if one.measure.key == "precision_ratio"]
#: A window with nothing but the first day's predictions of version 1, until a month is over.
FIRST_DAY = {"version": "1", "window": "31d"}


def share_known(days: float, truth: str) -> float:
    """Return the share of labels that are known after so many days."""
    return -math.expm1(-days / MEANS[truth])


def precision_after(days: float) -> float:
    """Return what precision reads by the labels that are known after so many days."""
    fraud, honest = TRUTH * share_known(days, "fraud"), (1 - TRUTH) * share_known(days, "honest")
    return fraud / (fraud + honest)


@dataclass
class Story:
    """The folder of two models, and what they showed each day.

    Attributes:
        known: of the first day's predictions, days until the label is known, by what is predicted and what is true.
        shown: by model, the lines of its series of each day, with their values.
    """

    folder: Path
    clock: Clock = field(default_factory=Clock)
    known: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    shown: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    waiting: list[tuple[float, str, str]] = field(default_factory=list)

    def tell(self) -> None:
        """Let all days pass."""
        self._build_baseline()
        loaded = config.load(self.folder / "exporter.yml")
        state = State(loaded.state_dir, models=list(MATURES))
        monitors = [
            ModelMonitor(
                loaded, model, place=f"models[{index}]", state=state, max_versions=8, clock=self.clock, switches=COLLECTED
            )
            for index, model in enumerate(loaded.models)
        ]
        try:
            for day in range(DAYS + 1):
                self.clock.now = NOW + day * DAY
                self._predict(day)
                self._label()
                for monitor in monitors:
                    if day < WATCHED.get(monitor.model.name, math.inf):
                        self.shown[monitor.model.name].append(self._look(monitor))
        finally:
            for monitor in monitors:
                monitor.close()
            state.close()

    def _look(self, monitor: ModelMonitor) -> dict[str, float]:
        while monitor.read(until=lambda: False):
            pass
        found = samples_of(monitor.evaluate(), self.clock())
        lines = (line.rpartition(" ") for part in found for of_family in part.lines.values() for line in of_family)
        return {name: float(value) for name, _, value in lines}

    def _build_baseline(self) -> None:
        rows = [row for parts in [PARTS] * 30 for row in self._rows(parts)]
        pl.DataFrame(rows).write_parquet(self.folder / "validation.parquet")
        (self.folder / "exporter.yml").write_text(config_text(*map(model_text, MATURES), more="windows: [31d]"))
        data = str(self.folder / "validation.parquet")
        file = str(self.folder / "exporter.yml")
        assert main(["baseline", "--config.file", file, "--model", "patient", "--data", data]) == 0

    @staticmethod
    def _rows(parts: Mapping[tuple[str, str], int]) -> Iterator[dict[str, object]]:
        """Yield predictions with what is true; a score says no more than the prediction does."""
        for (decision, truth), count in parts.items():
            for number in range(count):
                score = 0.5 + 0.01 * (number % 3) if decision == "fraud" else 0.01 * (number % 3)
                yield {"decision": decision, "score": score, "truth": truth}

    def _predict(self, day: int) -> None:
        parts = {of: count * (1 if day else TIMES) for of, count in PARTS.items()}
        numbers: dict[tuple[str, str], int] = defaultdict(int)
        lines = []
        for row in self._rows(parts):
            decision, truth = of = str(row["decision"]), str(row.pop("truth"))
            name = f"{day}-{decision}-{truth}-{numbers[of]}"
            lines.append({"ts": self.clock(), "id": name, "version": "2" if day else "1", **row})
            # The quantiles in the middle of as many equal parts; of later days' few, those in tenths of them.
            part = (numbers[of] + 0.5) / parts[of] if not day else (numbers[of] + (day % 10 + 0.5) / 10) / parts[of]
            days = -MEANS[truth] * math.log1p(-part)
            self.waiting.append((self.clock() + days * DAY, name, truth))
            if not day:
                self.known.setdefault(of, []).append(days)
            numbers[of] += 1
        self._write("app.log", lines)

    def _label(self) -> None:
        come = [label for label in self.waiting if label[0] <= self.clock()]
        self.waiting = [label for label in self.waiting if label[0] > self.clock()]
        self._write("labels.log", [{"id": name, "truth": truth, "known": known} for known, name, truth in come])

    def _write(self, name: str, lines: list[dict[str, object]]) -> None:
        with (self.folder / name).open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def value(self, model: str, day: int, name: str, **labels: str) -> float | None:
        """Return the sum of a model's series of a day; None where there is none."""
        text = "".join(f"{line} {value!r}\n" for line, value in self.shown[model][day].items() if line.startswith(f"{name}{{"))
        return total(samples(text), name, **labels)

    def coverage(self, days: float, decision: str) -> float:
        """Return the share of the first day's predictions of a class that have their label after so many days."""
        known = [each <= days for (predicted, _), all_days in self.known.items() if predicted == decision for each in all_days]
        return sum(known) / len(known)


def model_text(name: str) -> str:
    """Return a model's part of the configuration."""
    return f"""
  - name: {name}
    owner: me
    baseline: baseline.json
    task: binary
    predictions:
      log: {{path: app.log, start: beginning}}
      fields: {{time: ts, version: version, prediction: decision, score: score, id: id}}
    performance: {{positive: fraud}}
    labels:
      log: {{path: labels.log, start: beginning}}
      fields: {{id: id, label: truth, time: known}}
      matures_after: {MATURES[name]}
      horizon: 150d"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The whole story."""
    told = Story(tmp_path_factory.mktemp("story"))
    told.tell()
    return told


@pytest.mark.parametrize(("days", "reads"), [(1, 0.067), (30, 0.231)])
def test_preliminary_precision_is_wrong_and_called_preliminary(story: Story, days: int, reads: float) -> None:
    """It is what the labels say that are there, exactly; and about what the law of their delays says."""
    known = {truth: sum(each <= days for each in story.known["fraud", truth]) for truth in MEANS}
    expected = known["fraud"] / (known["fraud"] + known["honest"])
    at = {**FIRST_DAY, "class": "fraud", "average": "", "labels": "preliminary"}
    assert story.value("patient", days, PRECISION.measure.family.name, **at) == expected
    # Half of one label in a hundred is rounded; the story's figures, of labels drawn by chance, are about the same.
    assert expected == pytest.approx(precision_after(days), abs=0.005)
    assert expected == pytest.approx(reads, abs=0.005)
    assert expected < 0.9 * TRUTH


def test_no_window_is_mature_before_labels_are_complete(story: Story) -> None:
    """What is compared, and read by alerts, is absent until then."""
    mature = [{line.partition("{")[0] for line in lines if 'labels="mature"' in line} for lines in story.shown["patient"]]
    assert not any(mature[:COMPLETE])
    assert PRECISION.measure.family.name in mature[COMPLETE + 1]


def test_mature_precision_is_right(story: Story) -> None:
    """As soon as labels are complete, and beside the baseline."""
    at = {**FIRST_DAY, "class": "fraud", "average": "", "labels": "mature"}
    assert story.value("patient", COMPLETE + 1, PRECISION.measure.family.name, **at) == TRUTH
    baseline = {"class": "fraud", "average": ""}
    assert story.value("patient", 0, PRECISION.measure.baseline_family.name, **baseline) == TRUTH


@pytest.mark.parametrize("days", [1, 3, 10, 20, 30])
def test_coverage_by_class_shows_why(story: Story, days: int) -> None:
    """Fewer of the predictions of fraud have their label than of the others."""
    found = {}
    for decision in MEANS:
        at = {**FIRST_DAY, "labels": "preliminary", "class": decision}
        labelled, all_ = (
            story.value("patient", days, f"model_coverage_{name}", **at) for name in ("labelled_predictions", "predictions")
        )
        assert labelled is not None
        assert all_ is not None
        found[decision] = labelled / all_
        assert found[decision] == story.coverage(days, decision)
    assert found["fraud"] < found["honest"] - 0.03


def test_delays_by_class_show_why(story: Story) -> None:
    """Their histogram tells what means labels of each class have."""
    for truth, mean in MEANS.items():
        of = {"class": truth}
        sum_, count = (story.value("patient", DAYS, f"model_label_delay_seconds_{part}", **of) for part in ("sum", "count"))
        assert sum_ is not None
        assert count is not None
        # Of the last days' frauds, those that take longest are unknown yet.
        assert sum_ / count / DAY == pytest.approx(mean, rel=0.2)


def test_no_alert_of_the_patient_model_and_many_of_the_hasty_one(
    story: Story, run: Run, rendered: Mapping[str, str], tmp_path: Path
) -> None:
    """By the shipped rules over all that the exporter showed; no alert is even pending."""
    kit.write(rendered, tmp_path / "kit")
    silent = 'count(ALERTS{model="patient"})'
    hasty = 'ALERTS{alertname="ModelPerformanceDrop", model="hasty", version="1", severity="critical", alertstate="firing"}'
    right = f'{PRECISION.value}{{model="patient", version="1", window="31d", class="fraud"}}'
    covered = COVERAGE_OF_CLASS.where(model="patient", version="1", window="31d")
    test = {
        "interval": "1d",
        "input_series": list(input_series(story)),
        "alert_rule_test": [{"eval_time": "0d", "alertname": name} for name in ON_PERFORMANCE],
        "promql_expr_test": [
            *({"expr": silent, "eval_time": f"{day}d"} for day in range(DAYS + 1)),
            *({"expr": right, "eval_time": f"{day}d"} for day in (1, 30, COMPLETE - 1)),
            one(f"count({hasty})", 3),
            one(f"{right} - {TRUTH!r} == bool 0", COMPLETE + 1),
            one(f"min({covered}) == bool 1", COMPLETE + 1),
        ],
    }
    content = {
        "rule_files": [f"../{Path(name).relative_to('prometheus')}" for name in (RECORDING_FILE, ALERTS_FILE)],
        "evaluation_interval": "1d",
        # Left to itself, promtool evaluates the groups of each step in random order.
        "group_eval_order": [*(group.name for group in RECORDING_GROUPS), group_of("performance")],
        "tests": [test],
    }
    (tmp_path / "kit/prometheus/tests/late.test.yml").write_text(dump_yaml(content))
    run("promtool", "test", "rules", pruned(tmp_path / "kit/prometheus", "tests/late.test.yml", tmp_path / "pruned"))


def one(expr: str, day: int) -> dict[str, object]:
    """Return a test that an expression has the value 1 on a day, whatever its labels."""
    return {"expr": f"sum({expr})", "eval_time": f"{day}d", "exp_samples": [{"labels": "{}", "value": 1}]}


def input_series(story: Story) -> Iterator[dict[str, str]]:
    """Yield what the models showed as promtool takes it: one value a day. Its time begins at 0, and ours at the first day."""
    target = ",".join(f'{name}="{value}"' for name, value in TARGET.items())
    for shown in story.shown.values():
        for line in {line: None for lines in shown for line in lines}:
            name, _, labels = line.partition("{")
            origin = NOW if name.endswith("_timestamp_seconds") else 0.0
            values = (lines.get(line) for lines in shown)
            found = " ".join("_" if value is None else f"{value - origin!r}" for value in values)
            yield {"series": f"{name}{{{target},{labels}", "values": found}
