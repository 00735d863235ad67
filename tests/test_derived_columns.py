"""Numbers that are made of texts, lists and dates, by the command and a monitor: silent while nothing changes, and else not."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from judged import Judged, configured, judge, run_baseline
from prediction_exporter import baseline, cli
from prediction_exporter.baseline.settings import check_settings
from prediction_exporter.config import Column
from prediction_exporter.config.tree import render
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.layout import Role
from watched import NOW

#: What NumPy's functions are described as: real texts, of many lengths.
TEXTS = [
    " ".join(documentation.split())[:400]
    for name in dir(np)
    if (documentation := getattr(getattr(np, name), "__doc__", None)) and not name.startswith("_")
]

DAY = 86_400.0

Events = list[dict[str, Any]]


def rows(count: int, first: float, seed: int) -> Events:
    """Return events of one second each."""
    chance = np.random.default_rng(seed)
    return [
        {
            "ts": first + number,
            "review": TEXTS[chance.integers(len(TEXTS))] if chance.random() < 0.97 else "",
            "tags": [f"t{tag}" for tag in range(chance.integers(0, 5))],
            "vector": chance.normal(size=6).round(4).tolist(),
            "signup": str(datetime.fromtimestamp(first + number - chance.uniform(0, 900) * DAY, UTC).date()),
            "seen": datetime.fromtimestamp(first + number - chance.exponential(3) * DAY, UTC).isoformat(timespec="seconds"),
            "at": int(first + number - chance.exponential(3600)),
            "amount": float(chance.lognormal()),
        }
        for number in range(count)
    ]


def train(folder: Path, form: str = "parquet") -> Path:
    """Write training data of a month ago."""
    events = rows(2000, NOW - 30 * DAY, 1)
    file = folder / f"train.{form}"
    if form == "jsonl":
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
    elif form == "csv":
        text = [{name: json.dumps(v) if isinstance(v, list) else v for name, v in event.items()} for event in events]
        pl.DataFrame(text).write_csv(file)
    else:
        pl.DataFrame(events).write_parquet(file)
    return file


def live(change: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: event) -> Events:
    """Return events of now, without their time, which the log's writer gives."""
    return [change({name: value for name, value in event.items() if name != "ts"}) for event in rows(1200, NOW - 3000, 2)]


DERIVED = (
    "length(review)",
    "length(tags)",
    "norm(vector)",
    "length(vector)",
    "age_days(signup)",
    "age_days(seen)",
    "age_days(at)",
)


def alarms(judged: Judged) -> dict[str, set[str]]:
    """Return what is above a threshold, of any column."""
    return {name: found for name in judged.said if (found := judged.alarms(name))}


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_nothing_is_above_a_threshold_that_did_not_change(form: str, tmp_path: Path) -> None:
    """Of the smallest configuration, from data of every form."""
    judged = judge(tmp_path, train(tmp_path, form), live())
    assert set(DERIVED) <= judged.said.keys()
    for name in DERIVED:
        assert judged.value("psi", name) is not None, name
    assert alarms(judged) == {}


PSI, OUTSIDE, INVALID = {"psi"}, {"psi", "out_of_range_ratio"}, {"invalid_ratio"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda e: {
                "review": e["review"] if len(e["review"]) % 5 else " \n",
                "tags": [],
                "vector": [0.0] * 6,
                "seen": "2025-01-01T00:00:00Z",
                "signup": "2100-01-01",
                "at": e["at"] - 7 * DAY,
            },
            {
                "length(review)": PSI,
                "length(tags)": PSI,
                "norm(vector)": OUTSIDE,
                "age_days(seen)": OUTSIDE,
                "age_days(signup)": OUTSIDE,
                "age_days(at)": OUTSIDE,
            },
        ),
        (
            lambda e: {"review": e["review"][:60], "vector": [*e["vector"], 0.0], "signup": "31.31.2026"},
            {"length(review)": PSI, "length(vector)": {"out_of_range_ratio"}, "age_days(signup)": INVALID},
        ),
        (lambda e: {"vector": [*e["vector"][:5], "x"]}, {"norm(vector)": INVALID}),
    ],
)
def test_what_changes_shows(
    change: Callable[[dict[str, Any]], dict[str, Any]], found: dict[str, set[str]], tmp_path: Path
) -> None:
    """Texts go empty or are cut off, dates go stale, vectors are all zeros; and what did not change is silent."""
    told = alarms(judge(tmp_path, train(tmp_path), live(lambda event: event | change(event))))
    assert {name: of_one for name, of_one in told.items() if name in DERIVED} == found


def test_absence_is_told_once(tmp_path: Path) -> None:
    """By the column that lacks its values, and not by what is made of it."""
    judged = judge(tmp_path, train(tmp_path), live(lambda e: e | dict.fromkeys(("review", "tags", "vector", "signup"))))
    assert set(alarms(judged)) == {"review", "tags", "signup", *(f"vector[{n}]" for n in range(6))}
    for name in DERIVED:
        assert judged.value("missing_ratio", name) is None
        assert judged.value("schema_mismatch", name) is None


def built(folder: Path, settings: str, **columns: Any) -> tuple[dict[str, str], str]:
    """Return what the command says of columns that stand beside a time, and its error."""
    count = len(next(iter(columns.values())))
    frame = pl.DataFrame({"ts": [NOW + n for n in range(count)], **columns}, strict=False)
    frame.write_parquet(folder / "train.parquet")
    return run_baseline(configured(folder, settings), folder / "train.parquet")


def test_settings_state_what_a_column_is(tmp_path: Path) -> None:
    """Presence alone has nothing made of it, a vector no items, and a single number can be left out."""
    vectors = [[float(n), 1.0, 2.0] for n in range(200)]
    settings = (
        "{text: {kind: presence}, word: {kind: text}, vector: {kind: vector}, other: {kind: list}, "
        '"age_days(day)": {kind: ignore}, away: {kind: ignore}}'
    )
    said, error = built(
        tmp_path,
        settings,
        text=[f"a text of words number {n}" for n in range(200)],
        word=["a", "bc"] * 100,
        vector=vectors,
        other=vectors,
        away=vectors,
        day=[f"2026-01-{1 + n % 28:02}" for n in range(200)],
    )
    assert said, error
    loaded = baseline.load(tmp_path / "baseline.json")
    assert list(loaded.layout.names) == [
        *("text", "word", "length(word)", "day"),
        *("vector", "norm(vector)", "length(vector)", "other", "length(other)"),
    ]
    assert dict(loaded.left_out) == {
        "ts": "the time of a prediction",
        "age_days(day)": "ignored, as configured",
        "away": "ignored, as configured",
    }
    made = {column.name: (column.of, column.function, column.role) for column in loaded.layout.columns if column.is_derived}
    assert made["norm(vector)"] == ("vector", Function.NORM, Role.FEATURE)


@pytest.mark.parametrize(
    ("name", "kind", "counted"),
    [
        ("text", "text", None),
        ("text", "presence", "text"),
        ("text", "categorical", "text"),
        ("vector", "vector", "its items"),
        ("vector", "list", "its items"),
        ("length(text)", "ignore", "numeric"),
        ("length(text)", "numeric", None),
        ("seen", "date", None),
        ("tags", "list", None),
        ("tags", "vector", None),  # whose norm may be ignored
        ("x", "text", "numeric"),
    ],
)
def test_a_setting_that_the_baseline_was_not_built_with(name: str, kind: Any, counted: str | None, tmp_path: Path) -> None:
    """Is an error of check config, in the configuration's words."""
    built(
        tmp_path,
        "{}",
        text=[f"a text of words number {n}" for n in range(200)],
        vector=[[float(n), 1.0] for n in range(200)],
        seen=[f"2026-01-{1 + n % 28:02}" for n in range(200)],
        tags=[["a"] * (n % 4) for n in range(200)],
        x=[n * 0.7 for n in range(200)],
    )
    loaded = baseline.load(tmp_path / "baseline.json")
    found = check_settings({name: Column(kind=kind)}, loaded, (), index=0, command="build it")
    assert not found.warnings
    where = f"{render(('models', 0, 'columns', name, 'kind'))} is {kind}, and the baseline counts the column as"
    assert found.errors == ([] if counted is None else [f"{where} {counted}; build the baseline anew with: build it"])


@pytest.mark.parametrize(
    ("values", "kind", "why"),
    [
        ([1.5, 2.5] * 50, "text", "kind is text, and its values are numbers"),
        (["a", "b"] * 50, "list", "kind is list, and its values are texts"),
        ([["a"], ["b", "c"]] * 50, "vector", "kind is vector, and norm cannot be told of its values"),
        (["03/04/2026"] * 100, "date", "kind is date, and age_days cannot be told of its values, such as '03/04/2026'"),
    ],
)
def test_a_kind_that_does_not_fit_is_refused(values: list[Any], kind: str, why: str, tmp_path: Path) -> None:
    """With its place and the reason."""
    said, error = built(tmp_path, f"{{x: {{kind: {kind}}}}}", x=values, z=[float(n) for n in range(100)])
    assert not said
    assert f"columns.x: {why}" in error


def test_a_date_needs_a_time_to_have_an_age(tmp_path: Path) -> None:
    """Without one, it is said."""
    days = {"day": [f"2026-01-{1 + n % 28:02}" for n in range(100)]}
    pl.DataFrame(days).write_parquet(tmp_path / "train.parquet")
    said, _ = run_baseline(configured(tmp_path, "{}"), tmp_path / "train.parquet")
    assert said["day"] == "presence alone, dates; the data has no time, from which they would have an age"
    _, error = run_baseline(configured(tmp_path, "{day: {kind: date}}"), tmp_path / "train.parquet")
    assert "columns.day: kind is date, and the data has no time from which an age could be told" in error


def test_dates_that_stand_for_none_have_no_age(tmp_path: Path) -> None:
    """They would be older every day, with nothing changed; what makes months of them has none either."""
    days = [f"2026-01-{1 + n % 28:02}" for n in range(300)]
    said, _ = built(
        tmp_path,
        "{}",
        until=[day if n % 3 else "9999-12-31" for n, day in enumerate(days)],
        closed=[day if n % 3 else "1900-01-01" for n, day in enumerate(days)],
        month=[day[:7] if n % 2 else "2025-12" for n, day in enumerate(days)],
    )
    assert said["until"] == "presence, age_days(until), dates"
    assert said["age_days(until)"].startswith("numeric, ")
    loaded = baseline.load(tmp_path / "baseline.json")
    assert loaded.profile.states[loaded.layout.index("age_days(until)")].tolist() == [100, 0, 0]
    for name in ("closed", "month"):
        assert said[name] == "presence alone, dates; no age can be told of them"


def test_the_list_of_all_features_is_its_items_alone(tmp_path: Path) -> None:
    """So are lists of one number, which servers of batches write."""
    file = tmp_path / "train.jsonl"
    file.write_text(
        "".join(json.dumps({"ts": NOW + n, "features": [n * 0.5, 1.0 + n % 7, 2.0 * n]}) + "\n" for n in range(100))
    )
    said, _ = run_baseline(configured(tmp_path, "{}"), file)
    assert not [name for name in said if "(" in name]
    file.write_text("".join(json.dumps({"ts": NOW + n, "x": [n * 0.5], "y": n * 0.1}) + "\n" for n in range(100)))
    said, _ = run_baseline(configured(tmp_path, "{}"), file)
    assert not [name for name in said if "(" in name]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_long_vectors_are_counted_whole_and_said(form: str, tmp_path: Path) -> None:
    """At the baseline and by check config; the norm is of the items beyond the 200th, too."""
    events = [{"ts": NOW - n, "vector": [0.0] * 200 + [3.0 + n % 2, 4.0]} for n in range(100)]
    file = tmp_path / f"train.{form}"
    if form == "jsonl":
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
    else:
        pl.DataFrame(events).write_parquet(file)
    (tmp_path / "app.log").write_text("".join(json.dumps(event) + "\n" for event in events))
    said, error = run_baseline(configured(tmp_path, "{}"), file)
    assert "no sampled record" not in error
    assert said["norm(vector)"].startswith("numeric, 5 to 5.66,")  # of 3 and 4, and of 4 and 4
    assert said["vector[200]"].split(maxsplit=1)[1] == "the list has 202 items, of which the first 200 are columns"
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        cli.main(["check", "config", str(tmp_path / "exporter.yml")])
    assert "  compared by what is made of it: vector by norm and length\n" in output.getvalue()
    assert "the list has 202 items, of which the first 200 are columns" in output.getvalue()


@pytest.mark.parametrize(
    "digits", [lambda x: x, lambda x: round(x, 4), lambda x: float(np.float32(x)), lambda x: float(f"{x:.5g}")]
)
def test_unit_vectors_have_one_norm(digits: Callable[[float], float], tmp_path: Path) -> None:
    """However their items are rounded where they are logged."""
    vectors = np.random.default_rng(7).normal(size=(500, 64))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    file = tmp_path / "train.parquet"
    pl.DataFrame({"ts": [NOW - DAY + n for n in range(500)], "vector": unit.tolist()}).write_parquet(file)
    log = [{"vector": [digits(item) for item in row]} for row in unit[::-1].tolist()]
    judged = judge(tmp_path, file, log, settings="{vector: {kind: vector}}")
    assert judged.said["norm(vector)"] == "numeric, 1 to 1, 1 drift bin"
    assert judged.value("out_of_range_ratio", "norm(vector)") == 0.0
    assert alarms(judged) == {}


def test_the_length_of_a_generated_text_is_of_the_prediction(tmp_path: Path) -> None:
    """A model that writes texts has numbers as a prediction, which drift by the alert of predictions."""
    texts = [f"an answer {'very ' * (n % 30)}long" for n in range(400)]
    said, error = built(
        tmp_path, "{}", output=[f"{text} {n}" for n, text in enumerate(texts)], x=[float(n) for n in range(400)]
    )
    assert said["output"].startswith("presence, length(output), free text"), error
    loaded = baseline.load(tmp_path / "baseline.json")
    assert [c.role for c in loaded.layout.columns if c.is_derived] == [Role.PREDICTION]
    assert loaded.task is None
