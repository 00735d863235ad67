"""Law: what a database joins of predictions and labels is what the state file joins, to the last count."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import killed_joins
import watched
from databases import Database
from joined_twice import IDS, RANKS, Both, draw, windows
from prediction_exporter.counting.state import Step
from prediction_exporter.monitor.clock import BelievedClock
from prediction_exporter.sources.table import joining, spans
from watched import close_all


@dataclass
class Joined(Both):
    """The same, of which the tests look at one exporter."""

    UNSHOWN: ClassVar[str] = "[traffic, windows, statistics, evidence]"

    def counts(self) -> dict[str, tuple[int, int]]:
        """Read all there is; return pairs and right ones of the day by version, mature or not."""
        report = self.reports()["engine"]
        found = [one for one in report.windows if (one.segment, one.window, one.labels) == ("all", "24h", "preliminary")]
        return {
            one.version: (one.pairs.rows, round(one.pairs.rows * one.measured["accuracy_ratio"].values.item())) for one in found
        }


@pytest.fixture(autouse=True)
def without_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joining rests for longer where it took long, as on a busy machine, and the clocks of tests stand still."""
    monkeypatch.setattr(joining, "REST", 0)


@pytest.mark.parametrize(
    ("kind", "part"),
    [("sqlite", ""), ("duckdb", "stage"), ("postgresql", "stage"), ("mariadb", "version")],
)
def test_the_database_joins_as_the_state_file_does(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, part: str
) -> None:
    """Labels late, early, corrected, empty or weightless, and predictions that come twice; over starts."""
    database: Database = request.getfixturevalue(kind)
    segments = "[color]" if part == "stage" else "[]"
    draw(Both(database, tmp_path, part=part, mode="auto", segments=segments), seed=len(part), turns=3)


def test_the_database_adds_ranks_up_as_the_state_file_does(sqlite: Database, tmp_path: Path) -> None:
    """Clicks of one list, one by one and several together, in any order and again; over starts.

    Where some labels of a list name its stage and others none, they add up in a database alone, as the documentation says.
    """
    report = draw(Both(sqlite, tmp_path, segments="[color]", task="ranking"), seed=7, turns=4, said=RANKS)
    assert sum(one.pairs.nothing_chosen for one in report.windows)
    assert sum(one.pairs.clipped for one in report.windows)


@pytest.mark.parametrize(
    ("kind", "ids"),
    [
        *(("sqlite", ids) for ids in ("whole", "whole and text", "text and float", "whole and decorated", "blanks")),
        *(("duckdb", ids) for ids in ("text and float", "uuid and text")),
        *(("postgresql", ids) for ids in ("whole and text", "text and float", "uuid and text", "blanks")),
        *(("mariadb", ids) for ids in ("whole and text", "collations")),
    ],
)
def test_ids_of_two_types(request: pytest.FixtureRequest, tmp_path: Path, kind: str, ids: str) -> None:
    """What reads alike is one id, however the tables hold it."""
    database: Database = request.getfixturevalue(kind)
    both = Joined(database, tmp_path, ids=ids)
    chance = random.Random(3)
    both.predict(*range(1, 20), at=watched.NOW - 300, chance=chance, decision="accept", color="red", version="1")
    both.tell(*((number, "accept") for number in range(1, 15)), at=watched.NOW - 200)
    report = both.same()
    assert report.tallies.joined == 14
    both.tell((15, "refuse"), (3, "refuse"), at=watched.NOW - 100)
    both.at(watched.NOW + 60)
    report = both.same()
    (window,) = [one for one in report.windows if one.segment == "all" and one.window == "1h"]
    assert window.pairs.rows == 15
    assert window.measured["accuracy_ratio"].values == 13 / 15


@pytest.mark.parametrize("matures", ["{coverage: 0.5}", "{after: 10m, coverage: 0.2}"], ids=["coverage", "both"])
def test_maturity_by_coverage_and_expiry(sqlite: Database, tmp_path: Path, matures: str) -> None:
    """Both tell the same end of maturity, the same classes, and the same predictions that got no label."""
    both = Both(sqlite, tmp_path, matures=matures, labels="only_for: [accept]")
    chance = random.Random(8)
    for hour in range(3):
        numbers = range(20 * hour, 20 * hour + 20)
        both.predict(*numbers, at=watched.NOW + 3600 * hour, chance=chance)
        both.tell(*((number, "accept") for number in numbers if number % 4 < 3 - hour), at=watched.NOW + 3600 * hour + 900)
        both.at(watched.NOW + 3600 * hour + 1800)
        both.same()
    assert both.same().ends
    both.at(watched.NOW + 86_400 * 4)
    for join, monitor in both.monitors.items():
        monitor._believed = BelievedClock(both.models[join].clock)  # days pass in no time here
    assert sum(both.same().tallies.expired.values())


def test_a_sample(sqlite: Database, tmp_path: Path) -> None:
    """The same ids are in it."""
    both = Both(sqlite, tmp_path, labels="sample: 0.5")
    both.predict(*range(60), at=watched.NOW - 300, chance=random.Random(1))
    both.tell(*((number, "accept") for number in range(60)), at=watched.NOW - 300)
    assert 0 < both.same().tallies.joined < 60


# Of the database's join alone


def test_a_label_that_is_changed_in_its_row(sqlite: Database, tmp_path: Path) -> None:
    """The former one is nowhere any more; it is taken out of what was counted all the same, as the row has a new time."""
    both = Joined(sqlite, tmp_path)
    both.predict(*range(10), at=watched.NOW - 300, chance=random.Random(1), version="1", decision="accept")
    both.tell(*((number, "accept") for number in range(8)), at=watched.NOW - 200)
    assert both.counts() == {"1": (8, 8)}
    sqlite.execute(f"UPDATE l SET label = 'refuse', ts = {int(watched.NOW)} WHERE id IN ('p1', 'p2')")
    both.at(watched.NOW + 240)
    both.again()
    assert both.counts() == {"1": (8, 6)}
    sqlite.execute(f"UPDATE l SET label = 'accept', ts = {int(watched.NOW) + 240} WHERE id = 'p1'")
    both.at(watched.NOW + 480)
    assert both.counts() == {"1": (8, 7)}


def test_a_label_that_is_written_late(sqlite: Database, tmp_path: Path) -> None:
    """After its lateness it is told by the number of labels of its minute, for as long again."""
    both = Joined(sqlite, tmp_path)
    both.predict(*range(10), at=watched.NOW - 600, chance=random.Random(1), version="1", decision="accept")
    both.tell((1, "accept"), at=watched.NOW - 130)
    assert both.counts() == {"1": (1, 1)}
    both.tell((2, "refuse"), at=watched.NOW - 130)
    both.at(watched.NOW + 60)
    assert both.counts() == {"1": (2, 1)}
    assert both.reports()["state"].tallies.joined == 1


def test_a_step_that_dies_is_done_again(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits fail at random, in joins of many steps; in the end each pair counts once, and so does what became of it."""
    monkeypatch.setattr(spans, "STEP_ROWS", 25)
    both, chance = Both(sqlite, tmp_path), random.Random(25)
    commit, failing = Step.commit, [False]

    def fail(step: Step, *args: Any, **named: Any) -> None:
        if failing[0] and chance.random() < 0.4:
            raise _DiedError
        commit(step, *args, **named)

    monkeypatch.setattr(Step, "commit", fail)
    now = watched.NOW
    for turn in range(3):
        for minute in range(4):
            both.predict(
                *range(40 * turn + 10 * minute, 40 * turn + 10 * minute + 10), at=now + 200 - 60 * minute, chance=chance
            )
        known = chance.sample(range(40 * turn + 40), 30)
        both.tell(*((one, chance.choice(["accept", "refuse"])) for one in known), at=now + 100)
        now += 300
        both.at(now)
        failing[0] = True
        for _ in range(6):
            try:
                both.monitors["engine"].read(until=lambda: chance.random() < 0.3)
            except _DiedError:
                both.again()
        failing[0] = False
        both.same()


class _DiedError(Exception):
    """The process dies."""


def test_counts_that_are_lost_are_asked_for_again(sqlite: Database, tmp_path: Path) -> None:
    """Of a damaged day, and after a new baseline; what became of predictions is not told twice."""
    both = Both(sqlite, tmp_path)
    chance = random.Random(2)
    both.predict(*range(40), at=watched.NOW - 4000, chance=chance)
    both.tell(*((number, "accept") for number in range(30)), at=watched.NOW - 3000)
    before = both.same()
    now = watched.NOW
    for kind in ("performance", "covered"):
        state = both.models["engine"].state
        assert state is not None
        state.close()
        with closing(sqlite3.connect(state.path)) as file, file:
            (table,) = [
                name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") if f"_{kind}_" in name
            ]
            file.execute(f"UPDATE {table} SET body = x'00'")
        both.again()
        both.reports()  # tells that they are lost
        now += 10
        both.at(now)
        assert windows(both.same()) == windows(before)
    assert both.same().tallies.predictions == 40


def test_other_pairs_are_asked_for_at_once(sqlite: Database, tmp_path: Path) -> None:
    """Where the configuration has other segments, or speaks of other predictions, the past is counted so, too."""
    both = Both(sqlite, tmp_path)
    chance = random.Random(2)
    both.predict(*range(30), at=watched.NOW - 4000, chance=chance, decision="accept")
    both.predict(*range(30, 70), at=watched.NOW - 4000, chance=chance, decision="refuse")
    both.tell(*((number, "accept") for number in range(60)), at=watched.NOW - 3000)

    def rows() -> int:
        found = both.reports()["engine"].windows
        return sum(one.pairs.rows for one in found if (one.segment, one.window, one.labels) == ("all", "24h", "preliminary"))

    assert rows() == 60
    both.labels = "only_for: [accept]"
    both.again()
    assert rows() == 30
    both.labels = ""
    both.again()
    assert rows() == 60
    assert both.reports()["engine"].tallies.predictions == 70


def test_from_the_state_file_to_the_database_and_back(sqlite: Database, tmp_path: Path) -> None:
    """The database tells again what waited; back in the state file, new predictions wait and what was counted stays."""
    both = Both(sqlite, tmp_path)
    chance, model = random.Random(2), both.models["state"]
    both.predict(*range(40), at=watched.NOW - 4000, chance=chance)
    both.tell(*((number, "accept") for number in range(30)), at=watched.NOW - 3000)
    before = windows(both.same())
    for join in ("engine", "state"):
        both.monitors["state"] = model.start(model.configure(both.text(join)))
        found = both.reports()
        assert windows(found["engine"]) == windows(found["state"]) == before
    assert model.state is not None
    model.state.close()
    with closing(sqlite3.connect(model.state.path)) as file:
        kinds = {name.split("_")[2] for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'day_%'")}
    assert "covered" not in kinds


def test_what_is_not_told_of_labels_is_absent(sqlite: Database, tmp_path: Path) -> None:
    """A zero would say that no label comes twice, or finds nothing."""
    both = Both(sqlite, tmp_path)
    both.predict(1, at=watched.NOW - 600, chance=random.Random(1))
    both.tell((1, "accept"), (1, "accept"), (2, "accept"), (3, None), at=watched.NOW - 600)
    both.same()
    outcomes: dict[str, set[str]] = {}
    reasons: dict[str, set[str]] = {}
    for join, monitor in both.monitors.items():
        for name, labels in watched.series_of(monitor.evaluate(), watched.NOW):
            if name == "model_labels_total":
                outcomes.setdefault(join, set()).add(dict(labels)["outcome"])
            if name == "model_label_given_up_total":
                reasons.setdefault(join, set()).add(dict(labels)["what"])
    assert outcomes["engine"] == {"joined", "corrected"}
    assert outcomes["state"] == outcomes["engine"] | {"repeated", "outdated", "unmatched"}
    assert (reasons["engine"], reasons["state"]) == ({"prediction"}, {"prediction", "label"})


@pytest.mark.parametrize(
    ("of_prediction", "of_label", "problem"),
    [
        ("BLOB", "VARCHAR(40)", "labels.join: ids are bytes in one table and text in the other"),
        ("BLOB", "BLOB", None),
    ],
    ids=["bytes and text", "bytes"],
)
def test_ids_that_a_database_does_not_compare(
    sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_prediction: str, of_label: str, problem: str | None
) -> None:
    """It is said what to do, and no label is read."""

    def digits(number: int) -> bytes:
        return number.to_bytes(2, "big")

    monkeypatch.setitem(IDS, "bytes", (of_prediction, of_label, digits, digits if of_label == "BLOB" else str))
    both = Both(sqlite, tmp_path, ids="bytes")
    both.predict(500, 501, at=watched.NOW - 600, chance=random.Random(1))
    both.tell((500, "accept"), at=watched.NOW - 600)
    monitor = both.monitors["engine"]
    monitor.read(until=lambda: False)
    report = monitor.evaluate().labels
    assert report is not None
    if problem is None:
        assert (report.source.problem, report.tallies.joined) == (None, 1)
        return
    assert problem in str(report.source.problem)
    assert "write labels.join: state" in str(report.source.problem)


#: Times that a model is killed here; by hand it was more often, and with PostgreSQL too.
KILLS = 3


def test_each_pair_counts_once_over_kills(sqlite: Database, tmp_path: Path) -> None:
    """Killed at any moment of joins in many steps, while labels come and change: as if nothing had happened."""
    folder = Both(sqlite, tmp_path).models["engine"].folder
    close_all()
    paths = os.pathsep.join([str(Path(killed_joins.__file__).parent), *(path for path in sys.path if path)])
    shutil.rmtree(folder / "state")
    command = [sys.executable, killed_joins.__file__, str(folder), str(KILLS), "20261129", "sqlite", sqlite.name, "0"]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["killed"] == KILLS
    assert sum(told["found"]["predictions"]) > KILLS * 20
    assert told["found"] == told["undisturbed"]
    assert told["again"] == told["undisturbed"]
