"""Baselines: the same data gives the same file, whatever its format, and a log of it the same counts."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_exporter import baseline
from prediction_exporter.baseline.builder import DRIFT_BINS, BuildResult, build, numeric_column
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.config import Fields
from prediction_exporter.counting.binning import Binner
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind, Role
from prediction_exporter.counting.profile import Profile
from prediction_exporter.counting.profiler import Profiler
from prediction_exporter.errors import BaselineError
from prediction_exporter.sources.fields.recognise import log_schema
from prediction_exporter.sources.jsonl import JsonLinesParser

ROWS = 400
RNG = random.Random(11)


def some(make: Any, *, odd: Sequence[Any] = (), rows: int = ROWS) -> list[Any]:
    """Return values, a few of them odd."""
    values = [make(n) for n in range(rows)]
    for place, value in enumerate(odd):
        values[7 * place + 3] = value
    return values


#: Columns by name. None is a missing value.
COLUMNS: dict[str, list[Any]] = {
    "normal": some(lambda _: RNG.gauss(50, 10)),
    "decimals": some(lambda _: round(RNG.uniform(0, 5), 2)),
    "missing": some(lambda _: RNG.gauss(0, 1), odd=[None] * 40),
    "holes": some(lambda _: RNG.gauss(0, 1), odd=[None, math.nan, math.inf, -math.inf, None, math.nan]),
    "heavy": some(lambda n: 0.0 if n % 10 < 7 else RNG.uniform(1, 9), odd=[-0.0]),
    "counts": some(lambda _: RNG.randint(0, 300), odd=[None]),
    "beyond": some(lambda _: 2**53 + RNG.randint(0, 10**6)),
    "huge": some(lambda _: RNG.uniform(-1, 1) * 1e308),
    "tiny": some(lambda n: n * 5e-324),
    "wide": some(lambda _: 10.0 ** RNG.randint(-300, 300)),
    "codes": some(lambda n: n % 4, odd=[None]),
    "big_codes": some(lambda n: 2**60 + n % 3),
    "float_codes": some(lambda n: [0.0, 1.0, 2.5, -0.0, 1e22][n % 5], odd=[None, math.nan, math.inf, -math.inf]),
    "flag": some(lambda n: n % 3 == 0, odd=[None]),
    "region": some(lambda n: ["north", "süd", "ост", "西", "a b", 'q"uo,te', "back\\slash"][n % 7], odd=[None]),
    "postcode": some(lambda n: ["01234", "00501", "10115"][n % 3]),
    "other": some(lambda _: f"word{int(RNG.expovariate(0.1))}"),
    "constant": [1.0] * ROWS,
    "same": ["same"] * ROWS,
}
BRIEF = {name: COLUMNS[name] for name in ("normal", "codes", "region")}


def as_json(value: Any) -> str:
    """Return a value as a log has it."""
    return json.dumps(value, ensure_ascii=RNG.random() < 0.5)


def write(folder: Path, columns: Mapping[str, Sequence[Any]]) -> dict[str, Path]:
    """Write the rows in each format."""
    folder.mkdir(exist_ok=True)
    paths = {ending: folder / f"data.{ending}" for ending in ("parquet", "csv", "jsonl")}
    frame = pl.DataFrame(dict(columns))
    frame.write_parquet(paths["parquet"])
    frame.write_csv(paths["csv"])
    with paths["jsonl"].open("w") as file:
        for row in range(len(frame)):
            items = [f"{json.dumps(name)}: {as_json(values[row])}" for name, values in columns.items()]
            file.write("{" + ", ".join(items) + "}\n")
    return paths


def built(path: Path, *, fields: Fields | None = None, **options: Any) -> BuildResult:
    """Build a baseline from a file."""
    return build(
        read_table(path),
        fields or Fields(),
        kinds=options.get("kinds", {}),
        task=options.get("task"),
        where="models[0].predictions.fields",
    )


def made_of(result: BuildResult) -> dict[str, str]:
    """Return what was made of each column."""
    return {report.name: report.result for report in result.columns}


def folded(record: baseline.BaselineRecord, lines: Sequence[str]) -> Profile:
    """Return the profile of a log with the baseline's bins."""
    wanted = baseline.to_profile(record)
    sample = [json.loads(line) for line in lines[:50]]
    schema = log_schema(sample, Fields(), wanted.layout, timezone="UTC", where="w")
    total = Profile.empty(wanted.layout)
    profiler = Profiler(wanted.layout, bucket_seconds=60)
    parser = JsonLinesParser(schema, time_is_text=False)
    for start in range(0, len(lines), 150):
        batch = parser.parse("\n".join(lines[start : start + 150]).encode())
        assert not batch.rejected.total
        for events in batch.events:
            for _, profile in profiler.fold(events):
                total.add(profile)
    return total


def as_log(path: Path) -> list[str]:
    """Return the lines of a file as those of a log."""
    return [line.replace("{", '{"ts": 1772359200, ', 1) for line in path.read_text().splitlines()]


def test_every_format_gives_the_same_baseline(tmp_path: Path) -> None:
    """Parquet, CSV and JSON lines of the same rows: the same content, down to the hash."""
    results = {ending: built(path) for ending, path in write(tmp_path, COLUMNS).items()}
    parquet = {column.name: column for column in results["parquet"].record.columns}
    for result in results.values():
        assert made_of(result) == made_of(results["parquet"])
        for column in result.record.columns:
            assert column == parquet[column.name]
    assert len({result.record.content_hash() for result in results.values()}) == 1
    assert set(parquet) == set(COLUMNS)


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    """Shuffled rows give the same baseline."""
    columns = COLUMNS
    order = RNG.sample(range(ROWS), ROWS)
    shuffled = {name: [values[row] for row in order] for name, values in columns.items()}
    first, second = (built(write(tmp_path / n, c)["parquet"]).record for n, c in (("a", columns), ("b", shuffled)))
    assert first == second


def test_a_log_of_the_same_rows_gives_the_same_counts(tmp_path: Path) -> None:
    """What was counted for the baseline is counted from a log: each bin, each state, the extremes."""
    paths = write(tmp_path, COLUMNS)
    record = built(paths["parquet"]).record
    wanted, found = baseline.to_profile(record), folded(record, as_log(paths["jsonl"]))
    for name in wanted.layout.names:
        index = wanted.layout.index(name)
        assert found.column_values(name).tolist() == wanted.column_values(name).tolist(), name
        assert found.states[index].tolist() == wanted.states[index].tolist(), name
    np.testing.assert_array_equal(found.extremes, wanted.extremes)
    assert found.rows == wanted.rows == ROWS
    assert found.outliers == 0
    np.testing.assert_allclose(found.sums, wanted.sums, rtol=1e-9, atol=1e-6)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.none() | st.floats(width=64) | st.integers(-5, 5).map(float) | st.sampled_from([0.0, -0.0, 1e308, 5e-324]),
        min_size=1,
        max_size=60,
    ),
    st.lists(
        st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4), min_size=60, max_size=60
    ),
)
def test_any_numbers_and_texts(tmp_path: Path, numbers: list[float | None], texts: list[str | None]) -> None:
    """Any column: the same from Parquet and JSON lines, and from a log."""
    columns: dict[str, list[Any]] = {"n": numbers, "t": texts[: len(numbers)], "c": [1.0, 2.0] * 30}
    columns["c"] = columns["c"][: len(numbers)]
    frame_types = {"n": pl.Float64, "t": pl.String, "c": pl.Float64}
    pl.DataFrame(columns, schema=frame_types).write_parquet(tmp_path / "p.parquet")
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    (tmp_path / "j.jsonl").write_text("\n".join(lines))
    first, second = built(tmp_path / "p.parquet"), built(tmp_path / "j.jsonl")
    assert made_of(first) == made_of(second)
    assert first.record == second.record
    wanted = baseline.to_profile(first.record)
    found = folded(first.record, as_log(tmp_path / "j.jsonl"))
    # What lies beyond the largest double is not told from it, so that it counts as an outlier.
    rows = wanted.layout.rows_slot
    assert found.counts[: rows + 1].tolist() == wanted.counts[: rows + 1].tolist()
    assert baseline.save(first.record, tmp_path / "b.json")
    assert not baseline.save(second.record, tmp_path / "b.json")
    loaded = baseline.load(tmp_path / "b.json").profile
    assert loaded.counts[: loaded.layout.rows_slot].tolist() == wanted.counts[: loaded.layout.rows_slot].tolist()
    (tmp_path / "b.json").unlink()


def test_differences_that_the_formats_have(tmp_path: Path) -> None:
    """Text in quotes is empty in CSV and not missing; 32-bit numbers are taken exactly, as float() gives them to a logger."""
    (tmp_path / "a.csv").write_text('a,b\n"",1\nx,\n,3\n')
    (tmp_path / "a.jsonl").write_text('{"a": "", "b": 1}\n{"a": "x"}\n{"a": null, "b": 3}\n')
    assert built(tmp_path / "a.csv").record == built(tmp_path / "a.jsonl").record
    pl.DataFrame({"a": pl.Series([0.1, 0.2, 0.1], dtype=pl.Float32)}).write_parquet(tmp_path / "a.parquet")
    [column] = built(tmp_path / "a.parquet").record.columns
    assert column.categories == (repr(float(np.float32(0.1))), repr(float(np.float32(0.2))))


# Bins

finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=150, deadline=None)
@given(st.lists(finite | st.integers(-3, 3).map(float), min_size=1, max_size=200))
def test_bins_hold_their_baseline(values: list[float]) -> None:
    """Edges rise strictly, every value lies inside the range, and a heavy value has a bin of its own."""
    ordered = np.sort(np.array(values) + 0.0)
    column = numeric_column("x", Role.FEATURE, ordered)
    assert all(map(math.isfinite, column.edges))
    assert all(a < b for a, b in zip(column.edges, column.edges[1:], strict=False))
    assert set(column.drift_edges) <= set(column.edges)
    assert len(column.drift_edges) < 4 * DRIFT_BINS
    bins = Binner(np.array(column.edges)).bin(ordered)
    if ordered[-1] < np.finfo(float).max:
        assert bins.min() >= 1
        assert bins.max() <= column.bins - 2
    distinct, counts = np.unique(ordered, return_counts=True)
    for value in distinct[counts * DRIFT_BINS >= len(ordered)]:
        assert set(ordered[bins == bins[ordered == value][0]]) == {value}
    assert column.scale > 0


@pytest.mark.parametrize("shape", ["normal", "uniform", "lognormal", "exponential", "cauchy"])
def test_drift_bins_hold_a_tenth_each(shape: str) -> None:
    """Continuous data lies in ten drift bins of equal mass, and a hundred fine ones."""
    rng = np.random.default_rng(3)
    values = {
        "normal": rng.normal(size=20_000),
        "uniform": rng.uniform(size=20_000),
        "lognormal": rng.lognormal(sigma=2, size=20_000),
        "exponential": rng.exponential(size=20_000),
        "cauchy": rng.standard_cauchy(size=20_000),
    }[shape]
    column = numeric_column("x", Role.FEATURE, np.sort(values))
    counts = np.bincount(np.searchsorted(column.drift_edges, values, side="right"), minlength=DRIFT_BINS)
    assert len(counts) == DRIFT_BINS
    np.testing.assert_allclose(counts / len(values), 1 / DRIFT_BINS, atol=1e-3)
    assert 100 <= column.bins <= 110


# What is made of columns


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", "b"] * 50, "categorical, 2 values"),
        ([1, 2, 3] * 40, "categorical, 3 values"),
        ([float(n % 10) for n in range(100)], "categorical, 10 values"),
        ([float(n % 11) for n in range(110)], "numeric, 0 to 10, 10 drift bins"),
        ([5.0] * 100, "constant, '5'"),
        (["x"] * 100, "constant, 'x'"),
        ([True, False] * 50, "categorical, 2 values"),
        ([None] * 100, "left out, empty: every value is missing"),
        ([math.nan] * 100, "left out, empty: no finite value"),
        (list(range(100)), "presence alone, identifier-like: whole numbers, each once, that fill their range"),
        ([2**60 + n for n in range(100)], "presence alone, identifier-like: whole numbers, each once, that fill their range"),
        (
            [f"u{n}" for n in range(500)],
            "presence alone, identifier-like: 500 distinct values, each once, the 50 most frequent are rare",
        ),
        (["NaN"] * 100, "left out, empty: no finite value"),
        ([f"w{n % 60}" for n in range(6000)], "categorical, 50 values, 10 more counted as other"),
    ],
)
def test_kinds(values: list[Any], words: str, tmp_path: Path) -> None:
    """Each column is told for what it was taken, from every format."""
    for path in write(tmp_path, {"x": values, "z": ["a", "b"] * (len(values) // 2)}).values():
        assert made_of(built(path))["x"] == words


def test_unordered_whole_numbers_called_an_identifier(tmp_path: Path) -> None:
    """Whole numbers, each once, are an identifier where the name says so."""
    numbers = RNG.sample(range(10**6), 200)
    columns: dict[str, list[Any]] = {"customer_id": numbers, "amount": numbers, "c": ["a", "b"] * 100}
    result = built(write(tmp_path, columns)["csv"])
    assert made_of(result)["customer_id"] == "presence alone, identifier-like: whole numbers, each once"
    assert made_of(result)["amount"].startswith("numeric")
    assert result.record.left_out == {}


@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0", ""])
def test_the_index_of_a_data_frame(name: str, tmp_path: Path) -> None:
    """A frame that was shuffled and split has it as a column in no order, which no request carries."""
    columns: dict[str, list[Any]] = {name: RNG.sample(range(200), 100), "amount": [n / 3 for n in range(100)]}
    paths = write(tmp_path, columns)
    for ending in ("csv", "parquet"):
        result = built(paths[ending])
        assert result.record.left_out == {name: "identifier-like: the index of a data frame"}
        assert [column.name for column in result.record.columns] == ["amount"]


def test_forced_kinds(tmp_path: Path) -> None:
    """The configuration's word on a column counts, also where its values would say otherwise."""
    columns: dict[str, list[Any]] = {
        "code": ["01", "02", "03"] * 40,
        "n": [1, 2, 3] * 40,
        "x": [1.5, 2.5, 3.5] * 40,
        "out": ["a"] * 120,
    }
    kinds = {"code": "numeric", "n": "numeric", "x": "categorical", "out": "ignore"}
    for path in write(tmp_path, columns).values():
        result = built(path, kinds=kinds)
        assert {c.name: c.kind for c in result.record.columns} == {
            "code": Kind.NUMERIC,
            "n": Kind.NUMERIC,
            "x": Kind.CATEGORICAL,
        }
        assert result.record.left_out == {"out": "ignored, as configured"}


def test_other_columns_are_named(tmp_path: Path) -> None:
    """Times, identifiers, labels and what stands beside the features are left out with the reason."""
    rows = [
        {
            "ts": 1772359200,
            "request_id": f"r{n}",
            "status": 200,
            "label": 1,
            "note": "x",
            "score": n / 50,
            "features": {"a": "b"},
        }
        for n in range(50)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert built(tmp_path / "a.jsonl").record.left_out == {
        "ts": "the time of a prediction",
        "request_id": "the id of a prediction",
        "status": "the status of a prediction",
        "label": "label: the truth, which production does not know yet",
        "note": "not among the features",
    }


@pytest.mark.parametrize(
    ("prediction", "score", "task"),
    [
        (["yes", "no"] * 50, None, "binary"),
        (["a", "b", "c", "d"] * 25, None, "multiclass"),
        ([RNG.gauss(0, 1) for _ in range(100)], None, "regression"),
        (None, [RNG.random() for _ in range(100)], "binary"),
    ],
)
def test_task(prediction: list[Any] | None, score: list[float] | None, task: str, tmp_path: Path) -> None:
    """What the model does is told from its outputs."""
    columns: dict[str, list[Any]] = {"f": ["a", "b"] * 50}
    columns |= {"prediction": prediction} if prediction else {}
    columns |= {"score": score} if score else {}
    for path in write(tmp_path, columns).values():
        assert built(path).record.task == task


def test_a_class_that_is_a_number_is_no_amount(tmp_path: Path) -> None:
    """Where several classes have scores, a whole number is one of many classes; what is not whole is an amount."""
    numbers: dict[str, list[Any]] = {"whole": [n % 12 for n in range(100)], "amount": [n / 7 for n in range(100)]}
    for name, values in numbers.items():
        columns: dict[str, list[Any]] = {
            "f": ["a", "b"] * 50,
            "prediction": values,
            **{f"p{c}": [c / 3] * 100 for c in range(3)},
        }
        for path in write(tmp_path, columns).values():
            found = built(path, fields=Fields(score=["p0", "p1", "p2"])).record
            assert found.task == ("multiclass" if name == "whole" else "regression"), path


@pytest.mark.parametrize("columns", [{"x": []}, {"x": [None, None]}, {"x": ["NaN", "NaN"]}])
def test_no_baseline_of_nothing(columns: dict[str, list[Any]], tmp_path: Path) -> None:
    """Empty data, and data without a column to watch, are refused."""
    pl.DataFrame(columns, schema={"x": pl.String}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(columns, schema={"x": pl.String}).write_csv(tmp_path / "a.csv")
    for name in ("a.parquet", "a.csv"):
        with pytest.raises(BaselineError, match=r"has no rows; a baseline is built from data|has no column to watch: x: "):
            built(tmp_path / name)


# The file


def a_record(tmp_path: Path) -> baseline.BaselineRecord:
    """Return a small baseline."""
    return built(write(tmp_path, BRIEF)["parquet"]).record


def test_saved_once(tmp_path: Path) -> None:
    """The same content is not written again; a changed or broken file is."""
    path = tmp_path / "folder" / "b.json"
    record = a_record(tmp_path)
    assert baseline.save(record, path)
    written = path.read_bytes()
    assert not baseline.save(record, path)
    assert path.read_bytes() == written
    path.write_text("broken")
    assert baseline.save(record, path)
    assert baseline.load(path).hash == record.content_hash()
    assert [entry.name for entry in path.parent.iterdir()] == ["b.json"]
    assert len(written) < 20_000
    assert max(map(len, written.decode().splitlines())) < 5000


def test_a_loaded_baseline_is_the_saved_one(tmp_path: Path) -> None:
    """Nothing is lost on the way through the file, from the smallest number to the largest."""
    record = built(write(tmp_path, COLUMNS)["parquet"]).record
    baseline.save(record, tmp_path / "b.json")
    loaded, wanted = baseline.load(tmp_path / "b.json"), baseline.to_profile(record)
    assert loaded.layout.digest == wanted.layout.digest
    assert loaded.profile.counts.tolist() == wanted.counts.tolist()
    np.testing.assert_array_equal(loaded.profile.sums, wanted.sums)
    np.testing.assert_array_equal(loaded.profile.extremes, wanted.extremes)
    known = [column.model_copy(update={"outside": None, "outside_variance": None}) for column in record.columns]
    assert list(baseline.to_columns(loaded.profile)) == known
    assert [tuple(rows) for rows in loaded.outside.T.tolist()] == [
        (column.outside, column.outside_variance) for column in record.columns
    ]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: text[: len(text) // 2], "is no baseline file: Invalid JSON"),
        (lambda _: "", "is no baseline file: Invalid JSON"),
        (lambda _: "[]", "is no baseline file"),
        (lambda _: "\udcff", "is no baseline file: 'utf-8' codec"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "is no baseline file: format: Input should be 1"),
        (lambda text: text.replace('"rows": 400', '"rows": 401'), "does not match its hash"),
        (lambda text: text.replace('"north"', '"nord"'), "does not match its hash"),
        (lambda text: text.replace('"hash": "', '"hash": "0'), "does not match its hash"),
        (lambda text: text.replace('"created": "', '"created": "x'), "Invalid isoformat"),
        (lambda text: text.replace('"rows": 400', '"rows": 400, "more": 1'), "more: Extra inputs are not permitted"),
    ],
)
def test_a_broken_file_is_refused(edit: Any, message: str, tmp_path: Path) -> None:
    """A truncated, edited or foreign file is refused with the reason and what to do."""
    path = tmp_path / "b.json"
    baseline.save(a_record(tmp_path), path)
    changed = edit(path.read_text())
    path.write_bytes(changed.encode("utf-8", "surrogateescape"))
    with pytest.raises(BaselineError) as error:
        baseline.load(path)
    assert message in str(error.value)
    assert "build it anew" in str(error.value)
    assert str(path) in str(error.value)


def test_counts_that_do_not_fit(tmp_path: Path) -> None:
    """A file whose hash is right but whose counts are not is refused too."""
    record = a_record(tmp_path)
    column = record.columns[0]
    for change, message in (
        ({"missing": 3}, "do not add up to the 400 rows"),
        ({"counts": column.counts[1:]}, f"has {len(column.counts) - 1} counts for {len(column.counts)} bins"),
        ({"edges": column.edges[::-1]}, "not finite and strictly increasing"),
    ):
        changed = record.model_copy(update={"columns": (column.model_copy(update=change), *record.columns[1:])})
        complete = changed.model_copy(update={"hash": changed.content_hash(), "created": "2026-03-01T00:00:00+00:00"})
        (tmp_path / "b.json").write_text(complete.model_dump_json())
        with pytest.raises(BaselineError, match=message):
            baseline.load(tmp_path / "b.json")


def test_missing_and_unwritable_files(tmp_path: Path) -> None:
    """A file that is not there, and one that cannot be written, are told."""
    with pytest.raises(BaselineError, match="cannot be read: No such file or directory; build it with"):
        baseline.load(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(BaselineError, match="cannot be written"):
        baseline.save(a_record(tmp_path), tmp_path / "file" / "b.json")


def test_a_file_of_a_former_version_is_read(tmp_path: Path) -> None:
    """It has no word of what its columns held, and its layout is the one that its windows were counted with."""
    record = a_record(tmp_path)
    content = record.model_dump(mode="json", exclude={"hash", "created"})
    del content["replay"], content["importance"], content["attributions"], content["performance"]
    added = (
        "own_bins",
        "heavy",
        "held",
        "nan_is_missing",
        "of",
        "function",
        "outside",
        "outside_variance",
        "learnt",
        "inflation",
    )
    for column in content["columns"]:
        for key in added:
            del column[key]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    file = tmp_path / "former.json"
    file.write_text(json.dumps(content | {"hash": digest, "created": "2026-05-01T08:00:00+00:00"}))
    loaded = baseline.load(file)
    assert loaded.hash == digest
    assert {column.held for column in loaded.layout.columns} == {Held.ANY}
    former = [
        [c["name"], c["role"], c["kind"], c["edges"], c["drift_edges"], [c["center"], c["scale"]], c["categories"]]
        for c in content["columns"]
    ]
    assert loaded.layout.digest == hashlib.sha256(json.dumps(former).encode()).hexdigest()
    assert np.isnan(loaded.outside).all()
    assert [learnt.replayed for learnt in loaded.learnt] == [False] * len(loaded.layout.columns)
    assert loaded.timezone == "UTC"
