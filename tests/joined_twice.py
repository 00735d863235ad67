"""Tables of predictions and labels that two exporters read: one has its database join them, and one its state file."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import watched
from databases import Database
from prediction_exporter.collectors.report import LabelsReport
from prediction_exporter.monitor.model_monitor import ModelMonitor

Ids = Callable[[int], Any]

CLASSES = ("accept", "refuse", "other things", None)

#: What labels of a ranking say, some of them nothing that counts.
RANKS = ("1", "2", "7", "60", "0", "[2, 3]", "[]", "[1, 1]", "1.5", None)

STAGES = ("champion", "shadow", None)

#: Types of the ids of predictions and of labels, and what makes them of numbers.
IDS: dict[str, tuple[str, str, Ids, Ids]] = {
    "texts": ("VARCHAR(40)", "VARCHAR(40)", lambda n: f"p{n}", lambda n: f"p{n}"),
    "whole": ("BIGINT", "BIGINT", lambda n: n, lambda n: n),
    "whole and text": ("BIGINT", "VARCHAR(40)", lambda n: n, str),
    "text and float": ("VARCHAR(40)", "DOUBLE PRECISION", str, float),
    "whole and decorated": ("BIGINT", "VARCHAR(40)", lambda n: n, lambda n: f"{n}.0"),
    "blanks": ("VARCHAR(40)", "VARCHAR(40)", lambda n: f"p {n}", lambda n: f" p {n}\r\n"),
    "collations": (
        "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        "VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        lambda n: f"p{n}",
        lambda n: f"p{n}",
    ),
    "uuid and text": ("UUID", "VARCHAR(40)", lambda n: str(uuid.UUID(int=n)), lambda n: str(uuid.UUID(int=n))),
}


#: What other engines call the types, and what stands behind the columns of a table.
TYPES: dict[str, dict[str, str]] = {
    "clickhouse": {
        "VARCHAR(40)": "Nullable(String)",
        "BIGINT": "Nullable(Int64)",
        "DOUBLE PRECISION": "Nullable(Float64)",
        "UUID": "Nullable(UUID)",
    },
    "spark": {"VARCHAR(40)": "STRING", "DOUBLE PRECISION": "DOUBLE"},
}
STORAGE = {"clickhouse": "ENGINE = MergeTree ORDER BY tuple()", "spark": "USING parquet"}


@dataclass
class Both:
    """The tables, and the two exporters."""

    #: Collectors that need not run: what is compared is what is known of labels.
    UNSHOWN: ClassVar[str] = "[traffic, windows, statistics, evidence, performance]"

    database: Database
    folder: Path
    ids: str = "texts"
    part: str = ""
    labels: str = ""
    mode: str = "rows"
    segments: str = "[]"
    matures: str = "1h"
    task: str = "binary"
    models: dict[str, watched.Watched] = field(init=False)
    monitors: dict[str, ModelMonitor] = field(init=False)

    def __post_init__(self) -> None:
        self.name_ids()
        self.create()
        self.models = {}
        for join in ("engine", "state"):
            (self.folder / join).mkdir()
            self.models[join] = watched.Watched(self.folder / join)
        self.monitors = {join: model.start(model.configure(self.text(join))) for join, model in self.models.items()}

    def name_ids(self) -> None:
        """Take the types of ids."""
        self.of_prediction, self.of_label, self.prediction, self.label = IDS[self.ids]

    def create(self) -> None:
        """Create the tables."""
        text, number, types = "VARCHAR(40)", "DOUBLE PRECISION", TYPES.get(self.database.kind, {})
        of_prediction = {"version": text, "stage": text, "color": text, "decision": text, "amount": number, "score": number}
        of_label = {"label": text, "version": text, "stage": text, "weight": number}
        for name, id_type, columns in (("p", self.of_prediction, of_prediction), ("l", self.of_label, of_label)):
            described = {"id": types.get(id_type, id_type), "ts": "BIGINT"}
            described |= {column: types.get(of, of) for column, of in columns.items()}
            declared = ", ".join(f"{column} {of}" for column, of in described.items())
            self.database.execute(f"DROP TABLE IF EXISTS {name}")
            self.database.execute(f"CREATE TABLE {name} ({declared}) {STORAGE.get(self.database.kind, '')}")

    def text(self, join: str) -> str:
        """Return the configuration of the exporter that joins there."""
        url, mode = json.dumps(self.database.url()), self.mode if join == "engine" else "rows"
        of_part = f", {self.part}: {self.part}" if self.part else ""
        stage = of_part if self.part == "stage" else ""
        fields = f"{{time: ts, version: version, prediction: decision, score: score, id: id{stage}}}"
        performance, weight = ("{positive: accept}", ", weight: weight") if self.task == "binary" else ("{cutoff: 3}", "")
        more = f"""baseline: baseline.json
task: {self.task}
segments: {self.segments}
performance: {performance}
labels:
  table: {{url: {url}, name: l, lateness: 2m, timeout: 5m}}
  join: {join}
  fields: {{id: id, label: label, time: ts{weight}{of_part}}}
  matures_after: {self.matures}
  horizon: 2d
  {self.labels}"""
        text = watched.config_text(
            watched.model_text(fields=fields, more=more), more=f"windows: [1h, 24h]\nseries: {{exclude: {self.UNSHOWN}}}"
        )
        return text.replace(
            "log: {path: app.log, start: beginning}", f"table: {{url: {url}, name: p, lateness: 1m, mode: {mode}, timeout: 5m}}"
        )

    def again(self) -> None:
        """Start both anew on their states."""
        self.monitors = {join: model.start(model.configure(self.text(join))) for join, model in self.models.items()}

    def at(self, now: float) -> None:
        """Turn the clocks."""
        for model in self.models.values():
            model.clock.now = now

    def predicted(self, *numbers: int | None, at: float, chance: random.Random, **changed: Any) -> list[dict[str, Any]]:
        """Return rows of predictions."""
        rows = []
        for number in numbers:
            event = watched.event(at, chance, color=chance.choice(["red", "blue", "green"]), latency_ms=None, status=None)
            row = event | {"version": chance.choice(["1", "2"]), "stage": chance.choice(STAGES)} | changed
            rows.append(row | {"ts": int(at), "id": None if number is None else self.prediction(number)})
        return rows

    def told(self, *labels: tuple[int, str | None], at: float, **more: Any) -> list[dict[str, Any]]:
        """Return rows of labels."""
        empty = {"version": None, "stage": None, "weight": 1.0}
        return [{"id": self.label(number), "label": label, "ts": int(at), **empty, **more} for number, label in labels]

    def predict(self, *numbers: int | None, at: float, chance: random.Random, **changed: Any) -> None:
        """Insert predictions."""
        self.insert("p", self.predicted(*numbers, at=at, chance=chance, **changed))

    def tell(self, *labels: tuple[int, str | None], at: float, **more: Any) -> None:
        """Insert labels."""
        self.insert("l", self.told(*labels, at=at, **more))

    def insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Insert rows; a file of DuckDB has either readers or a writer."""
        for monitor in self.monitors.values() if self.database.kind == "duckdb" else ():
            monitor.close()
        self.database.insert(table, rows)

    def reports(self) -> dict[str, LabelsReport]:
        """Read all there is with both, and return what is known of labels."""
        found = {}
        for join, monitor in self.monitors.items():
            while monitor.read(until=lambda: False):
                pass
            report = monitor.evaluate()
            assert report.labels is not None
            assert report.source.problem is None
            assert report.labels.source.problem is None, join
            found[join] = report.labels
        return found

    def same(self) -> LabelsReport:
        """Check that both say the same; return what the database's join says."""
        found = self.reports()
        engine, state = found["engine"], found["state"]
        assert windows(engine) == windows(state)
        assert coverage(engine) == coverage(state)
        assert engine.ends == state.ends
        one, other = engine.tallies, state.tallies
        assert (one.predictions, one.duplicates, one.joined) == (other.predictions, other.duplicates, other.joined)
        assert one.given_up["prediction", "empty"] == other.given_up["prediction", "empty"]
        assert (one.delays, one.delay_sums, one.expired) == (other.delays, other.delay_sums, other.expired)
        assert engine.duplicates == state.duplicates
        return engine


def windows(report: LabelsReport) -> dict[tuple[str, ...], list[int]]:
    """Return the counts of windows."""
    return {(one.version, one.stage, one.segment, one.window, one.labels): one.pairs.counts.tolist() for one in report.windows}


def coverage(report: LabelsReport) -> dict[tuple[str, ...], tuple[list[int], list[int]]]:
    """Return how many predictions of windows are labelled, by class."""
    return {
        (one.version, one.stage, one.window, one.labels): (one.predictions.tolist(), one.labelled.tolist())
        for one in report.coverage
    }


def draw(both: Both, seed: int, turns: int, said: Sequence[str | None] = CLASSES) -> LabelsReport:
    """Write predictions and labels at random and in any order, and compare after each turn, the second one after a start."""
    chance, number = random.Random(seed), 0
    now = watched.NOW
    for turn in range(turns):
        rows = both.predicted(*range(number, number + 12), at=now - 30, chance=chance)
        number += 12
        rows += both.predicted(*chance.sample(range(number), 3), at=now - 10, chance=chance)  # those that come again
        rows += both.predicted(*chance.sample(range(number - 12, number), 2), at=now - 30, chance=chance)  # also at once
        rows += both.predicted(None, at=now - 10, chance=chance)
        rows += both.predicted(number, at=now - 5, chance=chance, decision=None)
        chance.shuffle(rows)
        both.insert("p", rows)
        known = chance.sample(range(number), min(number, 18)) + chance.sample(range(number, number + 6), 2)  # two are early
        rows = []
        for at, some in ((now - 8, known[:9]), (now - 4, known[5:]), (now - 4, known[8:12])):
            labels = [(one, chance.choice(said)) for one in some]
            more = {"version": chance.choice(["1", None]), "stage": chance.choice(STAGES)}
            # Told again, a label of one prediction is not newer in the state file than one that speaks of all: it differs here.
            weight = chance.randrange(1024) / 1024 if both.part else chance.choice([1.0, 0.5, 0.0])
            rows += both.told(*labels, at=at, weight=weight, **more)
        chance.shuffle(rows)
        both.insert("l", rows)
        if turn == 1:
            both.again()
        now += chance.choice([600, 5400])
        both.at(now)
        both.same()
    both.at(now + 600)
    report = both.same()
    assert report.tallies.joined > turns * 4
    assert report.tallies.corrected
    assert report.tallies.duplicates
    return report
