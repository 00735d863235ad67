"""Entities, from the lines of a source to the series: over restarts and repeated readings, and without a name anywhere."""

from __future__ import annotations

import json
import logging
import os
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

import watched_table
from databases import new_file
from prediction_exporter.cli import main
from prediction_exporter.config import Config
from watched import FIELDS, NOW, Series, Watched, config_text, model_text, read, total
from watched_table import Table

RATIO = "model_effective_predictions_ratio"
EVIDENCE = "model_column_drift_evidence"
LATE = "model_drift_late_predictions_total"
WITH_ENTITY = FIELDS.replace("}", ", entity: customer}")
AT_ONCE = "baseline: baseline.json\nlearning: 0s"
DAY = 86_400


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A model to watch."""
    return Watched(tmp_path)


def configured(watched: Watched, *, fields: str = WITH_ENTITY) -> Config:
    """Return the configuration of a model with entities."""
    return watched.configure(config_text(model_text(more=AT_ONCE, fields=fields)))


def share(counts: Counter[str], alone: int = 0) -> float:
    """Return Kish's effective rows over all, of the rows of each entity and of those without any."""
    rows = counts.total() + alone
    return rows / (sum(count**2 for count in counts.values()) + alone)


def of_evidence(series: Series) -> Series:
    """Return the series that the evidence makes."""
    wanted = (EVIDENCE, "model_moved", "model_drift_", RATIO)
    return {key: value for key, value in series.items() if key[0].startswith(wanted)}


def test_the_ratio_is_kish_s_of_this_day_and_the_one_before(watched: Watched) -> None:
    """Of each version; failed requests do not count, rows without a customer are their own, and older days are over."""
    monitor = watched.start(configured(watched))
    days = [Counter({"ann": 5, "bob": 1}), Counter({"ann": 2, "17": 4}), Counter({"eve": 3, "ann": 1})]
    for day, of_day in enumerate(days):
        watched.clock.now = NOW + DAY * day + 7200
        for customer, rows in of_day.items():
            watched.log(rows, customer=int(customer) if customer.isdigit() else customer)
        watched.log(2, customer=None)
        watched.log(1, customer="")
        watched.log(4, customer="ann", status=500)
        watched.log(day + 1, customer="ann", version="2")
        series = read(monitor, watched.clock)[1]
        before = days[day - 1] if day else Counter()
        assert total(series, RATIO, version="1") == pytest.approx(share(of_day + before, alone=6 if day else 3))
        assert total(series, RATIO, version="2") == pytest.approx(1 / (2 * day + 1))
    assert total(series, "model_window_predictions", window="24h", segment="all", version="1") == 7  # nothing is dropped


def test_lines_of_any_form_name_the_same_customer(watched: Watched) -> None:
    """A number as one or as text, in lines that polars reads or that are read one by one."""
    monitor = watched.start(configured(watched))
    watched.log(1, customer=17)
    watched.log(1, customer="17")
    read(monitor, watched.clock)
    watched.log(1, customer=17, amount=float("nan"))
    watched.log(1, customer="17", color="\ud800")
    watched.log(4, customer="18")
    assert total(read(monitor, watched.clock)[1], RATIO) == pytest.approx(share(Counter({"17": 4, "18": 4})))


def test_without_a_field_there_is_no_series(watched: Watched) -> None:
    """And what else is said is the same to the last digit as with a customer for each row."""
    text = config_text(model_text(more=AT_ONCE), model_text("n", more=AT_ONCE, fields=WITH_ENTITY))
    loaded = watched.configure(text)
    found = []
    for number in range(300):
        watched.log(customer=f"customer {number}", amount=12.0)
    for index, name in enumerate("mn"):
        series = read(watched.start(loaded, index=index), watched.clock)[1]
        assert total(series, RATIO, model=name) == (1 if index else None)
        found.append({(of, labels - {("model", name)}): value for (of, labels), value in of_evidence(series).items()})
    found[1] = {key: value for key, value in found[1].items() if key[0] != RATIO}
    assert found[0] == found[1]


def test_a_session_of_many_alike_is_no_drift(tmp_path: Path) -> None:
    """Days of twenty customers with fifty rows each, whose rows are alike: hours show nothing, and entities do."""
    found: list[float] = []
    for fields in (FIELDS, WITH_ENTITY):
        watched = Watched(tmp_path / str(len(found)))
        watched.folder.mkdir()
        more = "baseline: baseline.json"
        monitor = watched.start(watched.configure(config_text(model_text(more=more, fields=fields))))
        moved = 0.0
        for day in range(3):
            amounts = [watched.chance.gauss(10, 2) for _ in range(20)]
            for hour in range(24):
                watched.clock.now = NOW + DAY * day + 3600 * hour + 1800
                for _ in range(42):
                    customer = watched.chance.randrange(20)
                    watched.log(customer=f"{day}/{customer}", amount=amounts[customer])
                if hour % 6 == 5:
                    moved += total(read(monitor, watched.clock)[1], "model_moved_columns") or 0.0
        found.append(moved)
    assert found[0] > 0
    assert found[1] == 0


def test_restarts_change_nothing(tmp_path: Path) -> None:
    """An exporter that is stopped at every step says to the last digit what one says that never was."""
    one, other = Watched(tmp_path / "one"), Watched(tmp_path / "other")
    for watched in (one, other):
        watched.folder.mkdir()
    staying = one.start(configured(one))
    loaded = configured(other)
    for step in range(10):
        for watched in (one, other):
            watched.clock.now += 2 * 3600
            for customer in range(step):
                watched.log(2, customer=f"c{customer}", amount=10.5, at=watched.clock() - 600 * customer)
            watched.log(3, version="2", customer="c1")
        expected = of_evidence(read(staying, one.clock)[1])
        assert of_evidence(read(other.start(loaded), other.clock)[1]) == expected
        other.close()
        other.monitors.clear()
    assert 0 < (total(expected, RATIO, version="1") or 0) < 1


def test_a_table_that_is_read_again_says_what_a_log_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its newest rows are read at every look, and each counts once; after a restart it reads its windows anew."""
    monkeypatch.setitem(watched_table.COLUMNS, "customer", {"": "VARCHAR(20)"})
    (tmp_path / "log").mkdir()
    watched = Watched(tmp_path / "log")
    log = watched.start(configured(watched))
    (tmp_path / "table").mkdir()
    table = Table(new_file("sqlite", tmp_path / "table"), tmp_path / "table")
    table.configure(fields=WITH_ENTITY)
    text = table.model.file.read_text().replace("baseline: baseline.json", "baseline: baseline.json\n    learning: 0s")
    loaded = table.model.configure(text)
    monitor = table.start(loaded)
    for step in range(10):
        for each in (watched, table.model):
            each.clock.now += 900
        for customer in ("ann", "bob", None):
            watched.log(step + 1, customer=customer)
            table.insert(step + 1, customer=customer)
        expected, found = read(log, watched.clock)[1], read(monitor, table.clock)[1]
        if step == 6:
            monitor = table.start(loaded)
            found = read(monitor, table.clock)[1]
        assert of_evidence(found) == of_evidence(expected)
    assert total(found, RATIO) == pytest.approx(share(Counter({"ann": 55, "bob": 55}), alone=55))


def test_what_comes_too_late_counts_for_nothing_here(watched: Watched) -> None:
    """As in the evidence: its slice is closed."""
    monitor = watched.start(configured(watched))
    watched.log(5, at=NOW - 9000, customer="ann")
    watched.log(5, customer="bob")
    read(monitor, watched.clock)
    watched.clock.now += 3600
    watched.log(5, customer="bob")
    read(monitor, watched.clock)
    expected = share(Counter({"ann": 5, "bob": 10}))
    assert total(read(monitor, watched.clock)[1], RATIO) == pytest.approx(expected)
    watched.log(5, at=NOW - 9000, customer="ann")
    series = read(monitor, watched.clock)[1]
    assert total(series, LATE) == 5
    assert total(series, RATIO) == pytest.approx(expected)


def test_files_say_what_a_log_says(tmp_path: Path) -> None:
    """Of Parquet with identifiers as numbers or bytes, and of CSV."""
    customers = [7, 7, 7, 8, None, 9, 9]
    shares = [share(Counter({"7": 3, "8": 1, "9": 2}), alone=1)] * 4
    found = []
    for form in ("log", "number", "bytes", "csv"):
        watched = Watched(tmp_path / form)
        watched.folder.mkdir()
        for customer in customers:
            watched.log(customer=customer)
        lines = [json.loads(line) | {"customer": c} for line, c in zip(watched_lines(watched), customers, strict=True)]
        frame = pl.DataFrame(lines)
        if form == "number":
            frame = frame.with_columns(pl.col("customer").cast(pl.Float64))  # as pandas has them beside a null
        if form == "bytes":
            marks = pl.Series("customer", [None if c is None else bytes([255, c] * 8) for c in customers], dtype=pl.Binary)
            frame = frame.with_columns(marks)
        text = config_text(model_text(more=AT_ONCE, fields=WITH_ENTITY))
        if form != "log":
            (watched.folder / "files").mkdir()
            file = watched.folder / "files" / ("p.csv" if form == "csv" else "p.parquet")
            frame.write_csv(file) if form == "csv" else frame.write_parquet(file)
            os.utime(file, (NOW, NOW))  # a file that is older than what any window holds is not read
            text = text.replace("log: {path: app.log, start: beginning}", "files: {path: files, settle: 0s}")
        found.append(total(read(watched.start(watched.configure(text)), watched.clock)[1], RATIO))
    assert found == pytest.approx(shares)


def watched_lines(watched: Watched) -> list[str]:
    """Return the lines of the log."""
    return (watched.folder / "app.log").read_text().splitlines()


@pytest.mark.parametrize("renamed", [False, True])
def test_hashes_of_something_else_are_left(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, renamed: bool
) -> None:
    """Of another field, or of a polars whose hashes differ, which is told: counts of both would not add up."""
    monitor = watched.start(configured(watched))
    watched.log(20, customer="ann", session="a")
    before = read(monitor, watched.clock)[1]
    assert total(before, RATIO) == pytest.approx(1 / 20)
    watched.log(1, customer="ann", session="b")
    fields = WITH_ENTITY
    if renamed:
        fields = fields.replace("customer", "session")
    else:
        monkeypatch.setattr("prediction_exporter.evidence.tracker.fingerprint", lambda: "another")
    after = read(watched.start(configured(watched, fields=fields)), watched.clock)[1]
    assert total(after, RATIO) == 1
    assert ("another release hashed entities otherwise" in caplog.text) == (not renamed)
    evidence = {key: value for key, value in of_evidence(before).items() if key[0] == f"{EVIDENCE}_threshold"}
    assert evidence.items() <= of_evidence(after).items()


def test_no_name_is_kept_or_shown(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the state, nor in the log, nor in the report."""
    caplog.set_level(logging.DEBUG)
    monitor = watched.start(configured(watched))
    for customer in ("Ann Secret", "Bob Secret"):
        watched.log(30, customer=customer)
    report, series = read(monitor, watched.clock)
    watched.write('{"ts": "never", "customer": "Eve Secret"}\n')
    read(monitor, watched.clock)
    watched.close()
    watched.monitors.clear()
    watched.state = None
    files = [file for file in (watched.folder / "state").rglob("*") if file.is_file()]
    assert files
    assert not [file for file in files if b"Secret" in file.read_bytes()]
    assert "Secret" not in caplog.text + repr(report) + repr(series)


# check config


def check(watched: Watched, capsys: pytest.CaptureFixture[str], fields: str) -> tuple[int, str, str]:
    """Return what check config says of a log with entities."""
    watched.configure(config_text(model_text(fields=fields)))
    code = main(["check", "config", str(watched.file)])
    return code, *capsys.readouterr()


def test_check_config_says_what_the_sample_is_worth(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """Which field it is, Kish's figure, and that a day's rows are worth less."""
    for customer in range(10):
        watched.log(3, at=time.time(), customer=f"c{customer}")
    watched.log(10, at=time.time())
    code, output, errors = check(watched, capsys, WITH_ENTITY)
    assert (code, errors) == (0, "")
    assert "  entity: customer\n" in output
    worth = 40**2 / (10 * 3**2 + 10)
    assert (
        f"  entities: the 40 sampled predictions count as {worth:.0f} independent ones if those of one customer are all alike, "
        "10 name none; a day's count as fewer\n"
    ) in output


def test_check_config_asks_about_an_entity_that_is_everybody(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """A placeholder is no customer; its text is not shown."""
    watched.log(30, at=time.time(), customer="anonymous")
    watched.log(10, at=time.time(), customer="ann")
    code, output, errors = check(watched, capsys, WITH_ENTITY)
    assert code == 0
    place = f"{watched.file}: warning: models[0].predictions.fields.entity: "
    assert errors.startswith(f"{place}one value stands in 75% of the sampled predictions; where it means nobody")
    assert "anonymous" not in output + errors


def test_check_config_tells_a_field_that_names_nobody(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """Which is there, and always null or empty."""
    watched.log(20, at=time.time(), customer="")
    code, _, errors = check(watched, capsys, WITH_ENTITY)
    assert code == 0
    assert "fields.entity: none of the 20 sampled predictions names one\n" in errors


def test_an_entity_that_no_record_has_is_a_mistake(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """As any other field that is written down; in a running exporter it shows."""
    watched.log(20, at=time.time(), customer="ann")
    code, _, errors = check(watched, capsys, WITH_ENTITY.replace("customer", "custommer"))
    assert code == 1
    [told] = [line for line in errors.splitlines() if "entity" in line]
    assert "fields.entity: none of 20 records has custommer; did you mean customer?" in told
    watched.clock.now = time.time()
    monitor = watched.start(configured(watched, fields=WITH_ENTITY.replace("customer", "custommer")))
    series = read(monitor, watched.clock)[1]
    assert total(series, "prediction_exporter_field_seen_ratio", field="entity") == 0
    assert total(series, RATIO) is None  # and not 1, which would mean that no row depends on another


def test_where_the_database_counts_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be left out in silence; what to write is told."""
    table = Table(new_file("sqlite", tmp_path), tmp_path)
    table.insert(20)
    table.configure(fields=WITH_ENTITY, mode="aggregate")
    assert main(["check", "config", str(table.model.file)]) == 1
    assert "fields.entity: is read where rows are fetched, and this database counts them itself" in capsys.readouterr().err
