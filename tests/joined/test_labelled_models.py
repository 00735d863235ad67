"""A model's labels through its monitor: each pair counts once, in the windows that it belongs to."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import watched
from databases import new_file
from labelled_model import DAY, FIELDS, HOUR, LOG, STAGED, LabelledModel, key_of, more_of, whole
from prediction_exporter.counting import state_days
from prediction_exporter.counting.state_step import Step
from prediction_exporter.monitor import labelling, pace
from prediction_exporter.sources import labels, log

NOW = watched.NOW


def names(first: int, last: int) -> list[str]:
    """Return ids."""
    return [f"p{number}" for number in range(first, last)]


@pytest.mark.parametrize("staged", [False, True], ids=["versions", "stages"])
def test_each_pair_counts_once_over_starts(tmp_path: Path, staged: bool) -> None:
    """Late, early, repeated and corrected labels, and predictions that come twice; the exporter is started again and again."""
    model = LabelledModel(tmp_path, fields=STAGED if staged else FIELDS)
    chance, number = random.Random(5), 0
    for turn in range(14):
        many = chance.randrange(1, 25)
        for name in names(number, number + many):
            changed = {"stage": chance.choice(["champion", "shadow"])} if staged else {}
            model.predict(name, at=model.clock() - chance.choice([0, 400, 2000]), version=chance.choice(["1", "2"]), **changed)
        number += many
        known = names(max(number - 60, 0), number + 5)
        model.label({name: chance.choice(["accept", "refuse"]) for name in chance.sample(known, min(len(known), 20))})
        if turn % 3 == 1:
            model.again()
        windows = model.windows()
        now = model.clock()
        assert whole(windows, "1h", "preliminary") == model.expected("preliminary", now // 60 * 60 + 60, staged=staged)
        assert whole(windows, "24h", "mature") == model.expected("mature", now - HOUR, "24h", staged=staged)
        model.clock.now += chance.choice([300, 1200, 5400])


def test_labels_before_their_predictions_and_duplicates(tmp_path: Path) -> None:
    """A label waits; a prediction that comes again, and a label that does, count once and are told."""
    model = LabelledModel(tmp_path)
    model.label({"a": "accept", "b": "refuse"})
    assert not model.windows()
    model.predict("a", "a", "b", decision="accept")
    model.label({"a": "accept"})
    report = model.labels()
    (window,) = [w for w in report.windows if w.window == "1h"]
    assert (window.labels, window.pairs.rows) == ("preliminary", 2)
    assert window.pairs.counted("confusion")[:2, :2].sum() == 2
    assert (report.tallies.duplicates, report.tallies.repeated, report.tallies.joined) == (1, 1, 2)
    assert report.duplicates == {"1h": (1, 3), "24h": (1, 3)}
    assert report.waiting == (2, 0)
    model.again()
    model.clock.now += 2 * HOUR
    assert model.labels().duplicates == {"1h": (0, 0), "24h": (1, 3)}


def test_a_corrected_label_replaces_in_every_window(tmp_path: Path) -> None:
    """Mature or not; measures are made anew of what has changed, and kept of what has not."""
    model = LabelledModel(tmp_path)
    model.predict(*names(0, 40), decision="accept", version="1")
    model.predict(*names(40, 80), decision="accept", version="2")
    model.label(dict.fromkeys(names(0, 80), "accept"))
    model.clock.now += 2 * HOUR
    before = model.windows()
    of = ("1", "", "all", "24h", "mature")
    assert before[of].measured["accuracy_ratio"].values == 1.0
    model.label({"p3": "refuse"})
    after = model.windows()
    assert after[of].measured["accuracy_ratio"].values == 39 / 40
    assert before[of].measured["accuracy_ratio"].values == 1.0, "a report that was given does not change"
    assert after["2", "", "all", "24h", "mature"] is before["2", "", "all", "24h", "mature"]
    assert ("1", "", "all", "1h", "preliminary") not in after


def test_segments(tmp_path: Path) -> None:
    """Each configured segment has windows of its own, and what no baseline has seen is other."""
    model = LabelledModel(tmp_path, more_of(model="segments: [color]"))
    for number, color in enumerate(["red", "red", "blue", "green"]):
        model.predict(f"p{number}", color=color)
    model.label(dict.fromkeys(names(0, 4), "accept"))
    rows = {of[2]: window.pairs.rows for of, window in model.windows().items() if of[3] == "1h"}
    assert rows == {"all": 4, "color=red": 2, "color=blue": 1, "color=other": 1}


@pytest.mark.parametrize(
    "matures",
    ["30m", "{coverage: 0.5}", "{after: 2h, coverage: 0.5}"],
    ids=["time", "coverage", "both"],
)
def test_maturity(tmp_path: Path, matures: str) -> None:
    """By time all of the hour before counts, labelled or not; by coverage the newest hour of which enough is labelled."""
    model = LabelledModel(tmp_path, more_of(matures=matures))
    for minute in range(180):  # 0 to 119 get labels, and then every fourth one
        model.predict(f"p{minute}", at=NOW + 60 * minute)
    model.label(dict.fromkeys((f"p{minute}" for minute in range(180) if minute < 120 or minute % 4 == 0), "accept"))
    model.clock.now = NOW + 180 * 60
    report = model.labels()
    end = report.ends["1h"]
    labelled = {minute for minute in range(180) if minute < 120 or minute % 4 == 0}
    share = {last: len(labelled & set(range(last - 60, last))) / 60 for last in range(60, 181)}
    last = round((end - NOW) / 60)
    if matures == "30m":
        assert last == 150
    else:
        latest = 180 if "after" not in matures else 60
        assert last == max(minute for minute in share if minute <= latest and share[minute] >= 0.5)
    of = ("1", "", "all", "1h", "mature")
    rows = {key_of(window): window.pairs.rows for window in report.windows}
    assert rows[of] == len(labelled & set(range(last - 60, last)))
    covered = {(c.window, c.labels): (int(c.predictions.sum()), int(c.labelled.sum())) for c in report.coverage}
    assert covered["1h", "mature"] == (60, rows[of])


def test_only_for_classes_that_can_get_a_label(tmp_path: Path) -> None:
    """Coverage and performance are of these predictions alone."""
    model = LabelledModel(tmp_path, more_of(labels="only_for: [accept]"))
    model.predict(*names(0, 30), decision="accept")
    model.predict(*names(30, 100), decision="refuse")
    model.label(dict.fromkeys(names(0, 40), "accept"))
    report = model.labels()
    (window,) = [w for w in report.windows if w.window == "1h"]
    assert window.pairs.rows == 30
    (coverage,) = [c for c in report.coverage if c.window == "1h" and c.labels == "preliminary"]
    assert dict(zip(coverage.classes, coverage.predictions.tolist(), strict=True)) == {"accept": 30, "refuse": 0, "other": 0}
    assert coverage.labelled.sum() == 30


def test_weights_and_a_sample(tmp_path: Path) -> None:
    """Pairs count by the inverse of the share that was sampled, times the weight of their label."""
    model = LabelledModel(tmp_path / "all", more_of(fields="{id: id, label: label, time: ts, weight: w}"))
    model.predict(*names(0, 2), decision="accept")
    model.label({"p0": "accept"}, w=2.5)
    model.label({"p1": "refuse"}, w=0.5)
    (window,) = [w for w in model.labels().windows if w.window == "1h"]
    assert window.pairs.total == 3.0
    assert window.measured["accuracy_ratio"].values == 2.5 / 3.0
    sampled = LabelledModel(tmp_path / "sampled", more_of(labels="sample: 0.25"))
    sampled.predict(*names(0, 2000), decision="accept")
    sampled.label(dict.fromkeys(names(0, 2000), "accept"))
    (window,) = [w for w in sampled.labels().windows if w.window == "1h"]
    assert 400 < window.pairs.rows < 600  # 5 standard deviations of a binomial are 97
    assert window.pairs.total == 4 * window.pairs.rows


@pytest.mark.parametrize("excluded", [("performance",), ("labels",), ("labels", "performance")], ids=" and ".join)
def test_what_is_switched_off_is_joined_all_the_same(tmp_path: Path, excluded: tuple[str, ...]) -> None:
    """Only measures are left out, and no window is missing when it is switched on again."""
    model = LabelledModel(tmp_path)
    off = model.configure(more_of(), top=f"windows: [1h, 24h]\nseries: {{exclude: [{', '.join(excluded)}]}}")
    model.again(off)
    model.predict(*names(0, 40))
    model.label(dict.fromkeys(names(0, 40), "accept"))
    report = model.read()
    assert not {"labels", "performance"} - set(excluded) - report.collected.keys()
    assert not set(excluded) & report.collected.keys()
    assert report.labels is not None
    assert report.labels.tallies.joined == 40
    for window in report.labels.windows:
        assert bool(window.measured) == ("performance" not in excluded)
    assert bool(report.labels.windows) == (len(excluded) < 2)
    model.again(model.configure(more_of()))
    assert whole(model.windows(), "1h", "preliminary") == model.expected("preliminary", model.clock() + 60)


class Tables:
    """Predictions and labels of a model in two tables."""

    def __init__(self, folder: Path, kind: str, *, labels: str = "") -> None:
        self.database = new_file(kind, folder)
        types = {"amount": "DOUBLE", "score": "DOUBLE"}
        columns = ("id", "ts", "version", "amount", "color", "decision", "score")
        of_columns = ", ".join(f"{name} {types.get(name, 'VARCHAR(40)')}" for name in columns)
        self.database.execute(f"CREATE TABLE p ({of_columns})")
        self.database.execute("CREATE TABLE l (id VARCHAR(40), label VARCHAR(40), ts VARCHAR(40))")
        url = json.dumps(self.database.url())
        source = f"table: {{url: {url}, name: l, lateness: 1m}}"
        text = watched.config_text(
            watched.model_text(fields=FIELDS, more=more_of(source=source, labels=labels)), more="windows: [1h, 24h]"
        ).replace("log: {path: app.log, start: beginning}", f"table: {{url: {url}, name: p, lateness: 1m}}")
        self.model = LabelledModel(folder)
        self.model.again(self.model.model.configure(text))

    def predict(self, *ids: str, at: float) -> None:
        """Insert predictions."""
        rows = []
        for name in ids:
            event = watched.event(at, self.model.chance, id=name, latency_ms=None, status=None)
            self.model.note(event)
            rows.append(event | {"ts": stamp(at)})
        self.database.insert("p", rows)

    def label(self, labels: dict[str, str], *, at: float) -> None:
        """Insert labels."""
        self.database.insert("l", [{"id": name, "label": label, "ts": stamp(at)} for name, label in labels.items()])
        self.model.know(labels)


def stamp(at: float) -> str:
    """Return a time as a text."""
    return str(np.datetime64(int(at * 1e6), "us")) + "Z"


def test_tables(tmp_path: Path) -> None:
    """What belongs to closed spans is joined once, also by a start that reads the windows anew."""
    tables = Tables(tmp_path, "sqlite")
    model, chance, number = tables.model, random.Random(3), 0
    for turn in range(5):
        now = model.clock()
        tables.predict(*names(number, number + 15), at=now - 30)
        number += 15
        given = {name: chance.choice(["accept", "refuse"]) for name in chance.sample(names(0, number), min(number, 12))}
        tables.label(given, at=now - 20)
        model.windows()
        if turn == 2:
            model.again()
        if turn == 3:  # another window: the table is read anew
            text = model.model.file.read_text().replace("windows: [1h, 24h]", "windows: [1h, 12h, 24h]")
            model.again(model.model.configure(text))
        model.clock.now += 600
    report = model.labels()
    windows = {key_of(window): window for window in report.windows}
    assert report.source.up
    end = model.clock() // 60 * 60 + 60
    assert whole(windows, "24h", "preliminary") == model.expected("preliminary", end, "24h")
    assert (report.tallies.duplicates, report.tallies.predictions) == (0, number)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_files(tmp_path: Path, ending: str) -> None:
    """A daily file of labels; without a time, they are known when they are read."""
    source = f'files: {{path: "labels/*.{ending}", format: {ending}, start: beginning, settle: 0s}}'
    model = LabelledModel(tmp_path, more_of(source=source, fields="{id: id, label: label}"))
    (tmp_path / "labels").mkdir()
    model.predict(*names(0, 30))
    for day, first in enumerate((0, 20)):
        given = {name: "accept" if int(name[1:]) % 3 else "refuse" for name in names(first, first + 20)}
        table = pl.DataFrame({"id": list(given), "label": list(given.values())})
        path = tmp_path / "labels" / f"{day}.{ending}"
        table.write_csv(path) if ending == "csv" else table.write_parquet(path)
        os.utime(path, (model.clock(), model.clock()))
        model.know(given)
        windows = model.windows()
        assert whole(windows, "1h", "preliminary") == model.expected("preliminary", model.clock() + 60)
        model.again()
    assert model.labels().tallies.joined == 30


def test_other_lines_of_a_log_of_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What passes labels.where is joined; the rest is counted apart, over starts, and refused for nothing."""
    model = LabelledModel(tmp_path, more_of(labels="where: kind = 'outcome' AND final"))
    model.predict(*names(0, 40))
    for turn in range(1, 4):
        model.model.write('{"kind": "request", "id": 7, "label": {"a": 1}, "ts": "soon"}\n' * 5, to="labels.log")
        guesses = [{"id": f"p{number}", "label": "accept", "kind": "outcome", "final": False} for number in range(40)]
        model.model.write("".join(json.dumps(guess) + "\n" for guess in guesses) + "{torn\n", to="labels.log")
        model.label(dict.fromkeys(names(10 * turn, 10 * turn + 10), "refuse"), kind="outcome", final=True)
        report = model.labels()
        windows = {key_of(window): window for window in report.windows}
        assert whole(windows, "1h", "preliminary") == model.expected("preliminary", model.clock() // 60 * 60 + 60)
        assert report.tallies.joined == 10 * turn
        assert (report.source.events, report.source.skipped) == (10 * turn, {"filtered": 45 * turn})
        assert {reason: count for reason, count in report.source.rejected.items() if count} == {"malformed": turn}
        model.again()
    assert "labels.where" not in caplog.text
    model.again(model.configure(more_of(labels="where: kind = 'outcom'")))
    model.label({"p0": "accept"}, kind="outcome")
    assert model.labels().tallies.joined == 30
    assert "model m: labels.where: the one record does not pass the filter" in caplog.text


def test_a_table_of_labels_with_other_rows(tmp_path: Path) -> None:
    """The database gives those that pass."""
    tables = Tables(tmp_path, "sqlite", labels="where: label <> 'refuse'")
    tables.predict(*names(0, 30), at=tables.model.clock() - 30)
    tables.label(dict.fromkeys(names(0, 10), "accept") | dict.fromkeys(names(10, 30), "refuse"), at=tables.model.clock() - 20)
    tables.model.windows()
    tables.model.clock.now += 600
    assert tables.model.labels().tallies.joined == 10


def test_a_source_that_fails_stops_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Predictions wait while labels cannot be read, and labels while predictions cannot."""
    model = LabelledModel(tmp_path, more_of(source='table: {url: "sqlite:///labels.db", name: l, lateness: 0s}'))
    model.predict(*names(0, 20))
    report = model.read()
    assert report.source.up
    assert report.labels is not None
    assert not report.labels.source.up
    assert report.labels.waiting == (20, 0)
    assert "labels of model m cannot be read" in caplog.text
    other = LabelledModel(tmp_path / "other")
    other.predict("a")
    other.label({"a": "accept", "b": "accept"})
    (tmp_path / "other/app.log").chmod(0)
    report = other.read()
    assert report.labels is not None
    assert report.labels.tallies.labels == 2


def test_labels_that_are_not_configured_any_more_are_dropped(tmp_path: Path) -> None:
    """With all that waited; when they come back, they begin anew."""
    model = LabelledModel(tmp_path)
    model.predict("a")
    model.label({"a": "accept"})
    assert model.windows()
    assert held(model) > 1
    model.again(model.configure("baseline: baseline.json"))
    assert model.read().labels is None
    assert not held(model)
    model.again(model.configure(more_of()))
    model.label({"a": "accept"})
    assert not model.windows()


def held(model: LabelledModel) -> int:
    """Return how many tables of days the state has."""
    assert model.model.state is not None
    with model.model.state.step("m", claim=model.model.state.claim("m")) as step:
        return len(state_days.tables(step.connection, "m"))


def test_what_labels_need_and_lack_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An id of the predictions, and room."""
    model = LabelledModel(tmp_path, fields=FIELDS.replace(", id: id", ""))
    model.model.log(5)
    assert model.labels().waiting == (0, 0)
    assert "predictions have no id, by which labels find them: configure fields.id" in caplog.text
    assert "gave up 5 predictions: they have no id, or no usable value" in caplog.text


def test_why_labels_find_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Ids that are written otherwise, and ids that are those of earlier predictions."""
    model = LabelledModel(tmp_path)
    model.predict(*(f"ab-{number}" for number in range(200)))
    model.label({f"AB-{number}": "accept" for number in range(20)})
    assert model.labels().tallies.joined == 0
    why = "ids of labels are such as 'AB-0', those of predictions such as 'ab-0'"
    assert f"labels of model m find no prediction: {why}" in caplog.text
    assert "have the id of an earlier one" not in caplog.text
    caplog.clear()
    model.predict(*(f"ab-{number}" for number in range(200)))
    model.label({"ab-1": "accept"})
    assert model.labels().tallies.joined == 1
    assert "200 of 200 predictions have the id of an earlier one" in caplog.text
    assert "find no prediction" not in caplog.text


def test_that_nothing_is_mature_yet_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where all predictions are younger than labels take; not where some are old enough."""
    caplog.set_level("INFO")
    said = 'model m: no window has all of its labels yet, as matures_after is 1h and a coverage of 0.5; labels="preliminary"'
    model = LabelledModel(tmp_path, text=more_of(matures="{after: 1h, coverage: 0.5}"))
    for name in names(0, 2):
        model.predict(name)
        model.label({name: "accept"})
        assert model.windows()
    assert caplog.text.count(said) == 1
    caplog.clear()
    model.clock.now += 2 * HOUR
    model.again()
    assert any(window.labels == "mature" for window in model.windows().values())
    assert said not in caplog.text


def test_a_log_of_labels_is_read_from_its_beginning(tmp_path: Path) -> None:
    """Labels that are there at the first start count, as those of files and tables do."""
    (tmp_path / "labels.log").write_text("".join(f'{{"id": "{name}", "label": "accept"}}\n' for name in names(0, 5)))
    model = LabelledModel(tmp_path, text=more_of(source="log: {path: labels.log}", fields="{id: id, label: label}"))
    model.predict(*names(0, 10))
    assert model.labels().tallies.joined == 5


def test_a_commit_that_fails_joins_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions, what waits and counts are stored together or not at all."""
    model = LabelledModel(tmp_path)
    model.predict(*names(0, 10))
    model.windows()
    model.predict(*names(10, 20))
    model.label(dict.fromkeys(names(0, 20), "accept"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Step, "commit", fail)
    with pytest.raises(OSError, match="No space"):
        model.monitor.read(until=lambda: False)
    monkeypatch.undo()
    model.again()
    assert whole(model.windows(), "1h", "preliminary") == model.expected("preliminary", model.clock() + 60)
    assert model.labels().tallies.duplicates == 0


def test_what_is_read_is_put_in_short_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is, little is kept until it is committed where rows hold the state file for long."""
    monkeypatch.setattr(pace, "LEAST_ROWS", 100)
    monkeypatch.setattr(pace, "SECONDS", 0.0)
    monkeypatch.setattr(log, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(labels, "CHUNK_BYTES", 4096)
    sizes: list[int] = []
    put = labelling.Labelling.put

    def note(self: labelling.Labelling, step: Step, now: float, *, believed: float) -> int:
        sizes.append(sum(map(len, self._waiting)) + sum(map(len, self._labels)))
        return put(self, step, now, believed=believed)

    monkeypatch.setattr(labelling.Labelling, "put", note)
    model = LabelledModel(tmp_path, more_of(source=LOG.replace("beginning", "beginning, max_line_size: 1KiB")))
    text = model.model.file.read_text().replace("app.log, start: beginning", "app.log, start: beginning, max_line_size: 1KiB")
    model.again(model.model.configure(text))
    model.predict(*names(0, 1000))
    model.label(dict.fromkeys(names(0, 1000), "accept"))
    assert {of[3]: w.pairs.rows for of, w in model.windows().items()} == {"1h": 1000, "24h": 1000}
    assert sum(sizes) == 2000
    assert max(sizes) < 300  # one more chunk of labels comes before it is seen


def test_other_segments_keep_what_was_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What waited is given up, as it has no such segment; what was joined stays, and is not taken out by what comes later."""
    model = LabelledModel(tmp_path)
    model.predict("a", "b", decision="accept")
    model.label({"a": "accept"})
    before = whole(model.windows(), "24h", "preliminary")
    model.again(model.configure(more_of(model="segments: [color]")))
    model.label({"a": "refuse", "b": "accept"})
    report = model.labels()
    assert "what waited for labels is dropped" in caplog.text
    assert report.tallies.given_up["prediction", "shape"] == 2
    assert whole({key_of(window): window for window in report.windows}, "24h", "preliminary") == before
    model.clock.now += DAY
    model.predict("c", decision="accept", color="red")
    model.label({"c": "accept"})
    rows = {of[2]: window.pairs.rows for of, window in model.windows().items() if of[3:] == ("24h", "preliminary")}
    assert rows == {"all": 1, "color=red": 1}
