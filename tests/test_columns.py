"""What a column is, and that nothing which has not changed is above a threshold: cases from the field, and their kin."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from judged import configured, judge, logged, run_baseline

RNG = np.random.default_rng(9)
ROWS = 1000


def drawn(values: Any, count: int, *, share: float = 0.0) -> list[Any]:
    """Draw values, a share of which is missing."""
    chosen = RNG.choice(np.array(values, dtype=object), count).tolist()
    return [None if RNG.random() < share else value for value in chosen]


def noise(count: int = ROWS) -> list[float]:
    """Return another column, so that a table has one that is no trouble."""
    return [float(value) for value in RNG.normal(size=count)]


# What a column is


AMOUNTS = [int(value) * 100 for value in RNG.integers(10**3, 10**7, ROWS)]
KEYS = random.Random(3).sample(range(1000, 2500), ROWS)
DAYS = [f"2026-{1 + n % 12:02}-{1 + n % 28:02}" for n in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("amount_paid", AMOUNTS, "numeric"),
        ("highest_bid", AMOUNTS, "numeric"),
        ("humid", AMOUNTS, "numeric"),
        ("customer_id", AMOUNTS, "presence alone, identifier-like"),
        ("userId", AMOUNTS, "presence alone, identifier-like"),
        ("order_no", AMOUNTS, "presence alone, identifier-like"),
        ("unpaid", AMOUNTS, "numeric"),
        ("row", KEYS, "presence alone, identifier-like"),
        ("step", list(range(0, 10 * ROWS, 10)), "presence alone, identifier-like"),
        ("signup", DAYS, "presence alone, dates"),
        ("signup", [f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in DAYS], "presence alone, dates"),
        ("signup", [f"{day} 12:30:00+02:00" for day in DAYS], "presence alone, dates"),
        ("signup", [int(day.replace("-", "")) for day in DAYS], "presence alone, dates"),
        ("month", [f"2025-{1 + n % 12:02}" for n in range(ROWS)], "presence alone, dates"),
        ("raw", [b"m%d" % (n * n % 9973) for n in range(ROWS)], "presence alone, identifier-like"),
        ("at", [f"{n % 24:02}:{n % 60:02}:{n * 7 % 60:02}" for n in range(ROWS)], "presence alone, times of day"),
        ("slot", [f"{n % 24:02}:00" for n in range(ROWS)], "categorical, 24 values"),
        ("occupation", [str(n % 24) for n in range(ROWS)], "categorical, 24 values"),
        ("age", [str(n % 73) for n in range(ROWS)], "numeric"),
        ("seen", [1_780_000_000 + n * 997 for n in range(ROWS)], "presence alone, times: seconds since 1970"),
        ("seen", [1_780_000_000_123.5 + n * 997e3 for n in range(ROWS)], "presence alone, times: milliseconds since 1970"),
        ("note", [f"the parcel number {n} came late again" for n in range(ROWS)], "presence, length(note), free text"),
        ("shop", [f"m{n * n % 9973}" for n in range(ROWS)], "presence alone, identifier-like"),
        ("tags", [json.dumps(["a", f"t{n}"]) for n in range(ROWS)], "presence, length(tags), lists or objects"),
        ("tags", [str(["a", f"t{n}"]) for n in range(ROWS)], "presence, length(tags), lists or objects"),
        ("band", [f"[{n % 5}-{n % 5 + 1}]" for n in range(ROWS)], "categorical, 5 values"),
        ("rare", [None] * (ROWS - 9) + [n * 1.7 + 0.3 for n in range(9)], "numeric"),
        ("zero", [0.0] * (ROWS - 4) + [0.31, 1.7, 2.2, 9.1], "numeric"),
        ("grade", [n % 7 for n in range(ROWS)], "categorical, 7 values"),
        ("same", ["EUR"] * ROWS, "constant, 'EUR'"),
        ("zip", [f"{10_000 + n * 37 % 5003}" for n in range(ROWS)], "presence, length(zip), identifier-like"),
        ("price", [f"{n * 1.5:.2f}" for n in range(ROWS)], "numeric"),
    ],
)
def test_what_a_column_is(name: str, values: list[Any], words: str, tmp_path: Path) -> None:
    """By its values: sorted, turned round or shuffled it is the same."""
    for order in (values, values[::-1], random.Random(1).sample(values, len(values))):
        assert said_of(tmp_path, {name: order, "z": noise()})[0][name].startswith(words)


def said_of(folder: Path, columns: dict[str, list[Any]], settings: str = "{}") -> tuple[dict[str, str], str]:
    """Return what the command says of columns, and its error."""
    pl.DataFrame(columns, strict=False).write_parquet(folder / "train.parquet")
    return run_baseline(configured(folder, settings), folder / "train.parquet")


@pytest.mark.parametrize(
    ("values", "setting", "words"),
    [
        (AMOUNTS, "{kind: categorical}", "categorical, 50 values, 950 more counted as other"),
        (AMOUNTS, "{kind: presence}", "presence alone, as configured"),
        (DAYS, "{kind: categorical}", "categorical, 50 values"),
        ([f"{n}" for n in range(ROWS)], "{kind: numeric}", "numeric, 0 to 999"),
        (list(range(ROWS)), "{kind: numeric}", "numeric, 0 to 999"),
        ([1, 0] * 500, "{kind: numeric}", "numeric, 0 to 1"),
    ],
)
def test_a_setting_is_obeyed(values: list[Any], setting: str, words: str, tmp_path: Path) -> None:
    """Whatever the values look like."""
    said, error = said_of(tmp_path, {"x": values, "z": noise()}, f"{{x: {setting}}}")
    assert said["x"].startswith(words), error


@pytest.mark.parametrize(
    ("values", "name", "setting", "why"),
    [
        (
            ["a", "b"] * 500,
            "x",
            "{kind: numeric}",
            "columns.x.kind: is numeric, and the column is empty: no finite value",
        ),
        (
            [None] * ROWS,
            "x",
            "{kind: presence}",
            "columns.x.kind: is presence, and the column is empty: every value is missing",
        ),
        (["a", "b"] * 500, "x", "{decimals: 2}", "columns.x: decimals are set, and its values are no numbers"),
        (["a", "b"] * 500, "y", "{kind: numeric}", "train.parquet has no column y"),
        (
            [0, 1] * 500,
            "label",
            "{kind: numeric}",
            "columns.label: is set, and the column is no feature (label: the truth",
        ),
    ],
)
def test_a_setting_that_cannot_be_obeyed_is_refused(
    values: list[Any], name: str, setting: str, why: str, tmp_path: Path
) -> None:
    """It is an error that says where and why."""
    column = "x" if name == "y" else name
    said, error = said_of(tmp_path, {column: values, "z": noise()}, f"{{{name}: {setting}}}")
    assert not said
    assert why in error


# Nothing changed


def unchanged(tmp_path: Path, columns: dict[str, list[Any]], log: list[Any], **more: Any) -> None:
    """Check that no column is above any threshold."""
    judged = judge(tmp_path, columns, log, **more)
    for name in columns:
        assert judged.value("missing_ratio", name) is not None
        assert not judged.alarms(name), name


def test_missing_values_of_a_pandas_stack(tmp_path: Path) -> None:
    """Parquet holds null and a log NaN, of numbers and of texts; or NaN in training, and null in the log."""
    numbers, texts = drawn(RNG.lognormal(10, 1, 99), ROWS, share=0.1), drawn(["n", "s"], ROWS, share=0.1)
    columns = {"income": numbers, "region": texts, "age": [np.nan if x is None else x for x in numbers]}
    log = logged(columns, RNG.choice(ROWS, 600).tolist())
    for event in log:
        event["age"] = event["income"]
        event |= {name: float("nan") for name in ("income", "region") if event[name] is None}
    unchanged(tmp_path, columns, log)


@pytest.mark.parametrize("word", ["nan", "NaT", "<NA>"])
def test_what_python_makes_texts_of(word: str, tmp_path: Path) -> None:
    """``str`` of what pandas has for a missing value means that, unless the baseline has it as a category."""
    columns = {"c": drawn(["a", "b"], ROWS, share=0.1), "day": [None if n % 9 == 0 else DAYS[n] for n in range(ROWS)]}
    log = [{name: word if value is None else value for name, value in event.items()} for event in logged(columns)]
    unchanged(tmp_path, columns, log)
    (tmp_path / "known").mkdir()
    judged = judge(tmp_path / "known", {"c": [word, "b", "c"] * 300}, logged({"c": ["b", "c", word] * 200}))
    assert judged.value("missing_ratio", "c") == 0.0
    assert not judged.alarms("c")


def test_nan_where_the_data_tell_it_from_null(tmp_path: Path) -> None:
    """It is a value then, and its share is watched apart; a setting says otherwise."""
    values = drawn([1.5, 2.5, 3.5, 4.5, float("nan"), None], ROWS)
    log = logged({"x": [float("nan")] * 300 + [1.5] * 300})
    for number, (settings, alarm) in enumerate({"{}": "non_finite_ratio", "{x: {nan: missing}}": "missing_ratio"}.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert alarm in judge(folder, {"x": values}, log, settings=settings).alarms("x")


def test_infinity_is_never_missing(tmp_path: Path) -> None:
    """It comes from a computation that failed."""
    judged = judge(tmp_path, {"x": drawn(noise(50), ROWS, share=0.2)}, logged({"x": [float("inf"), 0.5] * 100}))
    assert judged.value("non_finite_ratio", "x") == 0.5
    assert judged.value("missing_ratio", "x") == 0.0


def test_words_for_a_missing_value_in_csv(tmp_path: Path) -> None:
    """Databases, R and pandas have one each."""
    words = ["", "\\N", "NULL", "NA", "null", "<NA>"]
    lines = ["x,c,z"] + [
        f"{words[n % 6] if n % 4 == 0 else n * 0.7},{words[n % 6] if n % 5 == 0 else 'ab'[n % 2]},1" for n in range(ROWS)
    ]
    (tmp_path / "train.csv").write_text("\n".join(lines) + "\n")
    log = [{"x": None if n % 4 == 0 else n * 0.7, "c": None if n % 5 == 0 else "ab"[n % 2], "z": 1} for n in range(ROWS)]
    judged = judge(tmp_path, tmp_path / "train.csv", log)
    for name in "xcz":
        assert not judged.alarms(name)
    assert judged.value("missing_ratio", "x") == 0.25


BITS = [1, 0, 1, 1] * 250
FLAGS = [bool(bit) for bit in BITS]


@pytest.mark.parametrize(
    ("trained", "written"),
    [
        (BITS, ["true", "false"]),
        (BITS, ['"True"', '"False"']),
        (BITS, ["1.0", "0.0"]),
        (BITS, ['"1"', '"0"']),
        (FLAGS, ["1", "0"]),
        (FLAGS, ["1.0", "0"]),
        (FLAGS, ['"TRUE"', '"False"']),
        (FLAGS, ['"1"', '"0"']),
        ([str(flag) for flag in FLAGS], ["true", "false"]),
        ([str(flag) for flag in FLAGS], ["1", "0"]),
        ([str(bit) for bit in BITS], ["true", "false"]),
    ],
)
def test_one_truth_in_many_spellings(trained: list[Any], written: list[str], tmp_path: Path) -> None:
    """A prediction that is 0 or 1 in training, and a boolean in the log, or the other way round."""
    log = [f'{{"ts": TS, "prediction": {written[1 - bit]}}}' for bit in BITS[:600]]
    unchanged(tmp_path, {"prediction": trained}, log)


@pytest.mark.parametrize(
    ("trained", "new"),
    [
        (["1.1", "1.9", "2.0b", "1.8"], "1.10"),
        (["1.1", "1.9", "2.0", "1.8"], "1.10"),
        (["12e3", "14a7", "99b1"], "12000"),
        (["007", "100", "101"], "7"),
        (["90210", "10115", "80331"], "090210"),
        (["1", "2", "3"], "1.0"),
        ([str(n) for n in range(30)], "7.0"),
    ],
)
def test_codes_in_text_stay_text(trained: list[str], new: str, tmp_path: Path) -> None:
    """A text that only means the same number is another code."""
    log = logged({"code": [*(trained * 200)[:450], *([new] * 150)]})
    judged = judge(tmp_path, {"code": trained * 300}, log)
    assert judged.value("unseen_ratio", "code") == 0.25
    assert "unseen_ratio" in judged.alarms("code")


@pytest.mark.parametrize("new", ["1", "1.0", '"1"', '"1.0"', "10e-1"])
def test_numbers_have_many_spellings(new: str, tmp_path: Path) -> None:
    """Where the baseline's column holds numbers."""
    unchanged(
        tmp_path, {"code": [1, 2, 3] * 300}, [f'{{"ts": TS, "code": {new if n % 3 == 0 else n % 3 + 1}}}' for n in range(600)]
    )


def single(values: list[float]) -> pl.Series:
    """Return numbers of 32 bits."""
    return pl.Series(values, dtype=pl.Float32)


GRID = [n / 20 for n in range(1, 21)]
FEW = [0.1, 0.2, 0.3]
THIRDS = [1 / 3, 2 / 3, 5 / 6, 0.0]


@pytest.mark.parametrize("values", [GRID, FEW, THIRDS, [29.69911764705882, *range(20, 40)], [1e-7, 3e-7, 2.2e9]])
@pytest.mark.parametrize(
    "digits",
    [
        lambda x: float(np.float32(x)),
        lambda x: float(str(np.float32(x))),
        lambda x: float(f"{x:.6g}"),
        lambda x: float(f"{x:.3g}"),
        lambda x: x,
    ],
)
def test_numbers_with_other_digits(values: list[float], digits: Any, tmp_path: Path) -> None:
    """A table of 32 or of 64 bits, and a log of 32 bits, of the shortest digits, or of some."""
    drawn_values = RNG.choice(values, ROWS).tolist()
    log = logged({"x": [digits(value) for value in RNG.choice(values, 600).tolist()]})
    for number, trained in enumerate((drawn_values, single(drawn_values))):
        folder = tmp_path / str(number)
        folder.mkdir()
        unchanged(folder, {"x": trained}, log)


def test_decimals_of_the_log(tmp_path: Path) -> None:
    """Where a logger rounds away what small numbers differ in, a setting says to how many decimals."""
    scores = (RNG.random(ROWS) ** 6).tolist()
    log = logged({"x": [round(score, 2) for score in (RNG.random(600) ** 6).tolist()]})
    unchanged(tmp_path, {"x": scores}, log, settings="{x: {decimals: 2}}")


def test_other_rows_of_many_categories(tmp_path: Path) -> None:
    """300 rows have not seen all of them, and a table holds no more than 50."""
    shares = np.arange(1, 132) ** -0.8
    shops = [f"shop{n}" for n in RNG.choice(131, 5300, p=shares / shares.sum())]
    unchanged(tmp_path, {"shop": shops[:300], "z": noise(300)}, logged({"shop": shops[300:], "z": noise(5000)}))


@pytest.mark.parametrize(("categories", "rows", "seed"), [(60, 150, 3), (60, 60, 3), (57, 300, 2)])
def test_other_rows_of_equal_categories(categories: int, rows: int, seed: int, tmp_path: Path) -> None:
    """Those that these rows have most often are so by chance; what has become more frequent is drift all the same."""
    chance = np.random.default_rng(seed)
    names = [f"state{n}" for n in range(categories)]
    columns = {"state": chance.choice(names, rows).tolist(), "z": noise(rows)}
    unchanged(tmp_path, columns, logged({"state": chance.choice(names, 5000).tolist(), "z": noise(5000)}))
    if rows < 300:
        return
    frequent = chance.choice(columns["state"][:40], 5000).tolist()
    (tmp_path / "drifted").mkdir()
    assert "psi" in judge(tmp_path / "drifted", columns, logged({"state": frequent, "z": noise(5000)})).alarms("state")


@pytest.mark.parametrize("count", [31, 60, 300])
def test_other_rows_of_few(count: int, tmp_path: Path) -> None:
    """A range that so few rows gave is left by chance."""
    unchanged(tmp_path, {"x": noise(count)}, logged({"x": noise(3000)}))


def test_a_continuous_column_with_few_values(tmp_path: Path) -> None:
    """In a sample of it each is a new one."""
    trained: list[float | None] = [None] * (ROWS - 9) + RNG.uniform(1, 90, 9).tolist()
    log = logged({"days": [None] * 970 + RNG.uniform(1, 90, 30).tolist(), "z": noise()})
    unchanged(tmp_path, {"days": trained, "z": noise()}, log)


def test_keys_dates_and_texts_go_on(tmp_path: Path) -> None:
    """New ones come every day, and nothing is wrong with that."""
    columns: dict[str, list[Any]] = {
        "order": KEYS,
        "day": DAYS,
        "seen": [1_780_000_000 + n * 997 for n in range(ROWS)],
        "note": [f"parcel {n} came late again" for n in range(ROWS)],
        "tags": [["a", f"t{n}"] for n in range(ROWS)],
        "z": noise(),
    }
    log = [
        {
            "order": 9000 + n,
            "day": "2027-02-01",
            "seen": 1_800_000_000 + n,
            "note": f"new {n} this time",
            "tags": ["x"] * (n % 5),
            "z": z,
        }
        for n, z in enumerate(noise())
    ]
    unchanged(tmp_path, columns, log)


# Something changed


@pytest.mark.parametrize("share", [0.03, 0.005, 0.2])
def test_a_rare_feature_disappears(share: float, tmp_path: Path) -> None:
    """A share's threshold is never above what the share can reach."""
    trained = [float(n) if n % round(1 / share) == 0 else None for n in range(2000)]
    judged = judge(tmp_path, {"x": trained, "z": noise(2000)}, logged({"z": noise(3000 if share > 0.01 else 8000)}))
    assert judged.alarms("x") == {"missing_ratio"}


@pytest.mark.parametrize(
    "values",
    [
        [f"m{n * n % 9973}" for n in range(ROWS)],
        KEYS,
        DAYS,
        [f"parcel {n} came late again" for n in range(ROWS)],
        [1_780_000_000 + n * 997 for n in range(ROWS)],
        [["a", f"t{n}"] for n in range(ROWS)],
    ],
)
def test_what_is_not_compared_is_watched_for_presence(values: list[Any], tmp_path: Path) -> None:
    """Whatever kind a column is of, it must not go missing, nor become something else."""
    columns = {"x": values, "z": noise()}
    log = [{"x": value, "z": 0.5} if n % 4 else {"z": 0.5} for n, value in enumerate(values)]
    judged = judge(tmp_path, columns, log)
    assert judged.value("missing_ratio", "x") == 0.25
    assert judged.alarms("x") == {"missing_ratio"}
    assert judged.value("psi", "x") is None


@pytest.mark.parametrize(
    ("values", "wrong"),
    [(KEYS, "seventeen"), ([f"m{n * n % 9973}" for n in range(ROWS)], {"a": 1}), ([["a", f"t{n}"] for n in range(ROWS)], "a")],
)
def test_its_type_is_watched(values: list[Any], wrong: Any, tmp_path: Path) -> None:
    """A key becomes a word, a name an object, a list a text."""
    judged = judge(tmp_path, {"x": values, "z": noise()}, logged({"x": [*values[:300], *[wrong] * 100], "z": noise(400)}))
    assert judged.value("invalid_ratio", "x") == 0.25
    assert judged.alarms("x") == {"invalid_ratio"}


@pytest.mark.parametrize("zeros", [0.6, 0.85, 0.92, 0.96])
def test_the_tail_of_a_column_of_zeros(zeros: float, tmp_path: Path) -> None:
    """The rest has bins of its own, and a tail that triples is drift; the same again is none."""

    def sample(factor: float, count: int) -> dict[str, list[float]]:
        return {"x": np.where(RNG.random(count) < zeros, 0.0, RNG.exponential(factor, count)).tolist()}

    for number, factor in enumerate((1.0, 3.0)):
        folder = tmp_path / str(number)
        folder.mkdir()
        judged = judge(folder, sample(1.0, 5000), logged(sample(factor, 4000)))
        assert ("psi" in judged.alarms("x")) == (factor > 1)
        assert judged.value("quantile", "x", q="0.5") == 0.0


def test_amounts_in_another_unit(tmp_path: Path) -> None:
    """A column whose name ends like that of a key is compared as any other."""
    judged = judge(tmp_path, {"amount_paid": AMOUNTS}, logged({"amount_paid": [100 * amount for amount in AMOUNTS]}))
    assert {"psi", "out_of_range_ratio"} <= judged.alarms("amount_paid")


def left_over(values: list[float], count: int) -> list[float]:
    """Draw values, each as it is or as sums leave it: a unit of the last place more."""
    return [float(np.nextafter(value, 9e9)) if RNG.random() < 0.5 else value for value in RNG.choice(values, count).tolist()]


@pytest.mark.parametrize("count", [5, 60])
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_arithmetic_leaves_in_the_last_digit(count: int, form: str, tmp_path: Path) -> None:
    """Two numbers of the training data that a logger of ten decimals writes as one, of a few categories or of many values."""
    known = [round(n * 0.137 + 0.3, 3) for n in range(count)]
    frame = pl.DataFrame({"x": left_over(known, ROWS), "z": noise()})
    train = tmp_path / f"train.{form}"
    frame.write_parquet(train) if form == "parquet" else frame.write_csv(train)
    log = [{"x": round(value, 10), "z": 0.5} for value in left_over(known, ROWS)]
    judged = judge(tmp_path, train, log)
    assert judged.said["x"] == "categorical, 5 values" or count > 5
    assert not judged.alarms("x")


@pytest.mark.parametrize("rows", [31, 55, 80])
def test_a_few_texts_that_name_things(rows: int, tmp_path: Path) -> None:
    """A table holds all of them, and of another sample none: they are no categories, however few they are."""
    names = [f"Ms {n * n}" for n in range(3 * rows)]
    judged = judge(tmp_path, {"name": names[:rows], "z": noise(rows)}, logged({"name": names[rows:], "z": noise(2 * rows)}))
    assert judged.said["name"].startswith("presence alone, identifier-like")
    assert judged.value("psi", "name") is None
    assert not judged.alarms("name")


# Public data


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
@pytest.mark.parametrize("digits", [float, lambda x: float(str(np.float32(x))), lambda x: float(f"{x:.6g}")])
def test_public_data(name: str, digits: Any, tmp_path: Path) -> None:
    """Trained on one half and served on the other, nothing is above a threshold."""
    data = getattr(datasets, f"load_{name}")()
    order = np.random.default_rng(5).permutation(len(data.data))
    columns = {str(column).replace(" ", "_"): data.data[order, at] for at, column in enumerate(data.feature_names)}
    half = len(order) // 2
    trained = {column: values[:half].tolist() for column, values in columns.items()}
    served = {column: [digits(value) for value in values[half:].tolist()] for column, values in columns.items()}
    judged = judge(tmp_path, trained, logged(served))
    watched = [column for column in columns if judged.value("missing_ratio", column) is not None]
    assert len(watched) >= 0.9 * len(columns)
    assert not {column: alarms for column in watched if (alarms := judged.alarms(column))}
