"""A model to watch: its baseline, its configuration and its log, in a folder, with a clock that tests turn."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.cli import main
from prediction_exporter.collectors.base import Published
from prediction_exporter.collectors.report import ModelReport
from prediction_exporter.collectors.source import SourceSeries
from prediction_exporter.config import Config
from prediction_exporter.counting.state import State
from prediction_exporter.exposition import Samples
from prediction_exporter.monitor.model_monitor import ModelMonitor
from processes import samples

#: A midnight.
NOW = 1_800_057_600.0

FIELDS = "{time: ts, version: version, prediction: decision, score: score, latency: latency_ms, status: status}"

#: The same, and what labels are joined by.
WITH_ID = FIELDS.replace("{", "{id: id, ")

#: Lines of a model whose labels are complete where half of them are there, see ``Watched.log_labelled``.
LABELLED = """performance: {positive: accept, threshold: 0.4}
labels:
  log: {path: labels.log, start: beginning}
  fields: {id: id, label: label, time: ts}
  matures_after: {after: 0s, coverage: 0.5}"""

#: Names of series of models that predict numbers or ranks, and no classes.
OF_NUMBERS = re.compile(
    "model_(rmse|mae|mape_ratio|mean_error|median_absolute_error|quantile_loss|(adjusted_)?r2_score|ndcg|mean_reciprocal_rank)"
    "(_baseline|_bound|_standard_error|_threshold)?"
    "|model_window_((absolute_|squared_)?errors|(squared_)?actual_values)"
)

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def save_baseline(path: Path, *, colors: Iterable[str] = ("red", "blue"), rows: int = 400, seed: int = 1) -> None:
    """Build a baseline of a number, a category, a score and a decision."""
    chance = random.Random(seed)
    known = tuple(colors)
    events = [event(0.0, chance, color=chance.choice(known)) for _ in range(rows)]
    table = pl.DataFrame(events).drop("ts", "version", "latency_ms", "status")
    table.write_parquet(path.with_suffix(".parquet"))
    fields = config.Fields.model_validate({"prediction": "decision", "score": "score"})
    result = build(read_table(path.with_suffix(".parquet")), fields, kinds={}, task=None, where="models[0]")
    baseline.save(result.record, path)


def event(time: float, chance: random.Random, **changed: Any) -> dict[str, Any]:
    """Return an event; a change to None leaves a field out."""
    score = round(chance.random(), 6)
    whole = {
        "ts": time,
        "version": "1",
        "amount": chance.gauss(10, 2),
        "color": chance.choice(["red", "blue"]),
        "decision": "accept" if score > 0.5 else "refuse",
        "score": score,
        "latency_ms": round(chance.expovariate(1 / 40), 3),
        "status": 200,
    } | changed
    return {name: value for name, value in whole.items() if value is not None}


def model_text(name: str = "m", log: str = "app.log", *, more: str = "", fields: str = FIELDS, start: str = "beginning") -> str:
    """Return the configuration of a model; ``more`` are further lines."""
    text = f"""
  - name: {name}
    owner: me
    predictions: {{log: {{path: {log}, start: {start}}}, fields: {fields}}}
"""
    return text + "".join(f"    {line}\n" for line in (more or "baseline: baseline.json").split("\n"))


def config_text(*models: str, more: str = "", interval: str = "1s") -> str:
    """Return a configuration; ``more`` are further lines."""
    watched = "".join(models or (model_text(),))
    return f'state_dir: state\ninterval: {interval}\nowners: {{me: {{slack: "#me"}}}}\n{more}\nmodels:{watched}'


@dataclass
class Clock:
    """Unix time that stands still until it is set."""

    now: float = NOW

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


@dataclass
class Watched:
    """A folder with a configuration, a baseline and a log; the log's events are of a fixed random sequence."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    state: State | None = None
    monitors: list[ModelMonitor] = field(default_factory=list)

    @classmethod
    def live(cls, folder: Path) -> Watched:
        """Return one whose events are of now, for an exporter that looks at the machine's clock."""
        return cls(folder, clock=time.time)  # type: ignore[arg-type]  # no test turns it

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.folder / "exporter.yml"

    def configure(self, text: str = "") -> Config:
        """Write the configuration and return it."""
        if not (self.folder / "baseline.json").exists():
            save_baseline(self.folder / "baseline.json")
        self.file.write_text(text or config_text())
        return config.load(self.file)

    def log(self, count: int = 1, *, at: float | None = None, to: str = "app.log", **changed: Any) -> None:
        """Append events; they are of now."""
        time = self.clock() if at is None else at
        self.write("".join(json.dumps(event(time, self.chance, **changed)) + "\n" for _ in range(count)), to=to)

    def log_labelled(self, count: int, *, at: float | None = None, **changed: Any) -> None:
        """Append events with an id, and a label of each in a log of their own that becomes known now."""
        labels = []
        for _ in range(count):
            name = f"{self.chance.getrandbits(64):x}"
            self.log(at=at, id=name, **changed)
            labels.append({"id": name, "label": self.chance.choice(["accept", "refuse"]), "ts": self.clock()})
        self.write("".join(json.dumps(label) + "\n" for label in labels), to="labels.log")

    def build_labelled(self, text: str) -> None:
        """Build the baseline of this configuration's model of data with labels, by the command."""
        self.file.write_text(text)
        chance = random.Random(1)
        rows = [event(0.0, chance, label=chance.choice(["accept", "refuse"])) for _ in range(400)]
        data = self.folder / "baseline.parquet"
        pl.DataFrame(rows).drop("ts", "version", "latency_ms", "status").write_parquet(data)
        assert main(["baseline", "--config.file", str(self.file), "--model", "m", "--data", str(data)]) == 0

    def write(self, text: str, *, to: str = "app.log") -> None:
        """Append text to the log."""
        with (self.folder / to).open("a") as file:
            file.write(text)

    def start(
        self, loaded: Config | None = None, *, max_versions: int = 8, index: int = 0, recover: bool = False
    ) -> ModelMonitor:
        """Return a monitor of a model, on the state that an earlier one left."""
        if self.state is not None:
            self.state.close()
        loaded = loaded or self.configure()
        self.state = State(loaded.state_dir, models=[model.name for model in loaded.models], recover=recover)
        place = f"models[{index}]"
        model = loaded.models[index]
        monitor = ModelMonitor(loaded, model, place=place, state=self.state, max_versions=max_versions, clock=self.clock)
        self.monitors.append(monitor)
        _OPEN.append(self)
        return monitor

    def close(self) -> None:
        """Close what was started."""
        for monitor in self.monitors:
            monitor.close()
        if self.state is not None:
            self.state.close()


#: What was started in this test, a folder as often as a monitor of it.
_OPEN: list[Watched] = []


def close_all() -> None:
    """Close what was started since the last call: the tests after this one have no descriptors to spare for it."""
    while _OPEN:
        _OPEN.pop().close()


def read(monitor: ModelMonitor, clock: Clock) -> tuple[ModelReport, Series]:
    """Read all there is and evaluate; return the report and its series."""
    while monitor.read(until=lambda: False):
        pass
    report = monitor.evaluate()
    return report, series_of(report, clock())


def samples_of(report: ModelReport, now: float) -> list[Samples]:
    """Return what a scrape shows of a report."""
    published = Published({report.name: report}, reload_succeeded=True, loaded=0.0, others=0, now=now)
    return [*(outcome.samples for outcome in report.collected.values()), SourceSeries(report.model).render(published)]


def series_of(report: ModelReport, now: float) -> Series:
    """Return the series of a report as a scrape shows them."""
    lines = [line for part in samples_of(report, now) for of_family in part.lines.values() for line in of_family]
    return samples("\n".join(lines) + "\n")


def total(series: Mapping[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float | None:
    """Return the sum of the series with this name and these labels; None where there is none."""
    values = [value for (found, of), value in series.items() if found == name and labels.items() <= dict(of).items()]
    return sum(values) if values else None
