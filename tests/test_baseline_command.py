"""The baseline command as a real process."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

import forked
from prediction_exporter import baseline

CONFIG = """
owners:
  team: {{slack: "#team"}}
models:
  - name: credit
    owner: team
    {baseline}
    {more}
    predictions:
      log: {{path: log/*.jsonl}}
"""


def configure(folder: Path, *, with_baseline: bool = True, more: str = "") -> Path:
    """Write a configuration."""
    path = folder / "exporter.yml"
    path.write_text(CONFIG.format(baseline="baseline: out/credit.json" if with_baseline else "maturity: 0", more=more))
    return path


def data(folder: Path, *, prediction: bool = True) -> Path:
    """Write training data."""
    rng = random.Random(5)
    columns: dict[str, list[Any]] = {
        "customer_id": rng.sample(range(10**6), 300),
        "amount": [rng.gauss(100, 20) for _ in range(300)],
        "region": [rng.choice(["north", "south"]) for _ in range(300)],
        "currency": ["EUR"] * 300,
        "comment": [f"text {n}" for n in range(300)],
        "nothing": [None] * 300,
        "ts": [1772359200 + n for n in range(300)],
        "defaulted": [n % 2 for n in range(300)],
        "label": [n % 2 for n in range(300)],
    }
    if prediction:
        columns |= {"prediction": ["yes", "no"] * 150, "score": [rng.random() for _ in range(300)]}
    path = folder / "train.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path


def command(*arguments: object) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "prediction_exporter", "baseline", *map(str, arguments)]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return forked.run("baseline", *arguments)


def test_builds_a_baseline_and_says_what_it_made_of_each_column(tmp_path: Path) -> None:
    """Every column has a line; a second run changes nothing; no bar is drawn where nobody watches."""
    arguments = ("--config.file", configure(tmp_path), "--model", "credit", "--data", data(tmp_path))
    first = run(*arguments)
    assert (first.returncode, first.stderr) == (0, "")
    *columns, taught, last = first.stdout.splitlines()
    assert taught == "the rows are of 1 day, too few to replay: production alone teaches what varies without drift"
    assert {tuple(line.split(maxsplit=1)) for line in columns} == {
        ("customer_id", "feature     presence alone, identifier-like: whole numbers, each once"),
        ("amount", next(line for line in columns if line.startswith("amount")).split(maxsplit=1)[1]),
        ("region", "feature     categorical, 2 values"),
        ("currency", "feature     constant, 'EUR'"),
        (
            "comment",
            "feature     presence alone, identifier-like: 300 distinct values, each once, the 50 most frequent are rare",
        ),
        ("nothing", "feature     left out, empty: every value is missing"),
        ("defaulted", "feature     categorical, 2 values"),
        ("prediction", "prediction  categorical, 2 values"),
        ("score", next(line for line in columns if line.startswith("score")).split(maxsplit=1)[1]),
        ("ts", "left out    the time of a prediction"),
        ("label", "left out    label: the truth, which production does not know yet"),
    }
    output = tmp_path / "out" / "credit.json"
    assert last == f"wrote {output}: 300 rows, 8 columns, binary"
    written = output.read_bytes()
    second = run(*arguments)
    assert second.returncode == 0
    assert second.stdout.splitlines()[-1] == f"unchanged: {output}: 300 rows, 8 columns, binary"
    assert output.read_bytes() == written
    assert baseline.load(output).layout.names == (
        "customer_id",
        "amount",
        "region",
        "currency",
        "comment",
        "defaulted",
        "prediction",
        "score",
    )


def test_a_column_without_a_name(tmp_path: Path) -> None:
    """As a CSV file's index has none; its line says so, and all lines are of one table."""
    file = tmp_path / "split.csv"
    file.write_text(",a,target\n" + "".join(f"{n * 7 % 100},{n % 3},1\n" for n in range(100)))
    done = run("--config.file", configure(tmp_path), "--model", "credit", "--data", file)
    assert done.returncode == 0
    *columns, taught, _ = done.stdout.splitlines()
    assert taught == (
        "the data has no time that is known (--time names one), so nothing is replayed: "
        "production alone teaches what varies without drift"
    )
    assert columns == [
        "(no name)  feature     left out, identifier-like: the index of a data frame",
        "a          feature     categorical, 3 values",
        "target     left out    label: the truth, which production does not know yet",
    ]


def test_the_time_of_the_training_data(tmp_path: Path) -> None:
    """It may be called otherwise than in production, where --time names it: it is no feature then, and is replayed."""
    file = tmp_path / "train.csv"
    file.write_text("day,a,prediction\n" + "".join(f"2026-05-{1 + n % 28:02},{n * 7 % 100},{n % 2}\n" for n in range(700)))
    arguments = ("--config.file", configure(tmp_path), "--model", "credit", "--data", file)
    done = run(*arguments, "--time", "day")
    assert done.returncode == 0
    assert "day         left out    the time of a prediction\n" in done.stdout
    assert "\nreplayed 28 days in 4 folds, day by day; " in done.stdout
    wrong = run(*arguments, "--time", "dya")
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("--time: " + f"{file} has no column dya; did you mean day?\n")


def test_data_without_predictions(tmp_path: Path) -> None:
    """That the outputs will not be compared is said."""
    done = run("--config.file", configure(tmp_path), "--model", "credit", "--data", data(tmp_path, prediction=False))
    assert done.returncode == 0
    assert done.stderr == "The data has no predictions: what the model puts out will not be compared.\n"


def test_lines_that_are_no_rows(tmp_path: Path) -> None:
    """Refused lines are counted with an example."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"a": n % 2, "prediction": 1}) + "\n" for n in range(20)) + "text\n{\n")
    done = run("--config.file", configure(tmp_path), "--model", "credit", "--data", path, "--output", tmp_path / "b.json")
    assert done.returncode == 0
    assert done.stderr == f"{path}: 2 lines refused as malformed, such as 'text'\n"
    assert f"wrote {tmp_path / 'b.json'}: 20 rows, 2 columns" in done.stdout


@pytest.mark.parametrize(
    ("model", "file", "message"),
    [
        ("fraud", "train.parquet", "has no model fraud (one of: credit)"),
        ("credit", "none.parquet", "none.parquet: cannot be read"),
        ("credit", "train.xlsx", "train.xlsx: of an unknown kind; allowed endings: .parquet"),
        ("credit", "empty.csv", "empty.csv: has no rows; a baseline is built from data"),
        (
            "credit",
            "two.csv",
            "models[0].predictions.fields.time: several fields could be the time: ts, timestamp; write the right one",
        ),
        ("credit", "broken.csv", "broken.csv: "),
        ("credit", "ids.csv", "ids.csv: has no column to watch: id: the id of a prediction"),
    ],
)
def test_what_cannot_be_done(model: str, file: str, message: str, tmp_path: Path) -> None:
    """Every error is a message with exit code 2, and leaves no file."""
    data(tmp_path)
    (tmp_path / "empty.csv").write_text("a,b\n")
    (tmp_path / "two.csv").write_text("ts,timestamp,a\n1,2,3\n")
    (tmp_path / "broken.csv").write_bytes(b"a,b\n" + b"1,2\n" * 5000 + b"\xff\xfe,3\n")
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    done = run("--config.file", configure(tmp_path), "--model", model, "--data", tmp_path / file)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1\x15\x04\x15\x10", "is a Parquet file; its name must end in .parquet"),
        ("a,b\n1,2\n".encode("utf-16"), "is UTF-16 text; write it as UTF-8"),
        (b"\x7fELF\0\0,", "is no text"),
        ("caf\u00e9,b\n1,2\n".encode("latin-1"), "is no UTF-8 text by its first line; write it as UTF-8"),
        (b"a;b\n1,5;2\n", "has semicolons between the names of its columns; write it with commas, and numbers with a decimal"),
        (b"a\tb\n1\t2\n", "has tabs between the names of its columns; write it with commas"),
    ],
)
def test_a_file_that_is_no_csv(content: bytes, message: str, tmp_path: Path) -> None:
    """It is named as what it is, before its bytes are taken for columns."""
    file = tmp_path / "data.csv"
    file.write_bytes(content)
    done = run("--config.file", configure(tmp_path), "--model", "credit", "--data", file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{file}: {message}")


@pytest.mark.parametrize("content", ["caf\u00e9;1,b\n", "\ufeffcaf\u00e9,b\n", "caf\u00e9\n"])
def test_a_header_of_csv(content: str, tmp_path: Path) -> None:
    """Names may hold anything, also where the file is compressed or begins with a byte order mark."""
    rows = content + "".join(f"{n % 3}" + (f",{n % 2}" if "," in content else "") + "\n" for n in range(30))
    plain, packed = tmp_path / "plain.csv", tmp_path / "packed.csv"
    plain.write_text(rows)
    packed.write_bytes(gzip.compress(rows.encode()))
    for file in (plain, packed):
        done = run("--config.file", configure(tmp_path), "--model", "credit", "--data", file)
        assert (done.returncode, done.stdout.split(maxsplit=1)[0]) == (0, content.lstrip("\ufeff").partition(",")[0].strip())


def test_no_place_to_write_to(tmp_path: Path) -> None:
    """A model without baseline needs --output; a folder in the way is told."""
    arguments = ("--config.file", configure(tmp_path, with_baseline=False), "--model", "credit", "--data", data(tmp_path))
    done = run(*arguments)
    assert done.returncode == 2
    assert "models[0].baseline: is not set; write the file's path there or to --output" in done.stderr
    done = run(*arguments, "--output", tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path}: cannot be written" in done.stderr
    assert run(*arguments, "--output", tmp_path / "new" / "b.json").returncode == 0


def test_missing_arguments(tmp_path: Path) -> None:
    """An incomplete command line is a usage error."""
    done = run("--config.file", configure(tmp_path))
    assert done.returncode == 2
    assert "usage: prediction-exporter baseline" in done.stderr


def test_configured_columns(tmp_path: Path) -> None:
    """Kinds of columns and the task are taken from the configuration."""
    config = configure(tmp_path, more="task: regression\n    columns: {defaulted: {kind: numeric}, region: {kind: ignore}}")
    path = tmp_path / "a.csv"
    path.write_text("defaulted,region,prediction\n" + "0,a,1.5\n1,b,2.5\n" * 50)
    done = run("--config.file", config, "--model", "credit", "--data", path)
    assert done.returncode == 0, done.stderr
    loaded = baseline.load(tmp_path / "out" / "credit.json")
    assert [(column.name, column.kind) for column in loaded.layout.columns] == [
        ("defaulted", "numeric"),
        ("prediction", "numeric"),
    ]
    assert loaded.task == "regression"
    assert loaded.left_out == {"region": "ignored, as configured"}


def test_a_bar_for_a_terminal(tmp_path: Path) -> None:
    """Where standard error is a terminal, a progress bar shows how many columns are done."""
    arguments = command("--config.file", configure(tmp_path), "--model", "credit", "--data", data(tmp_path))
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 100))
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=follower, stdin=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(leader)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"columns: 100%" in shown
    assert b"9/9" in shown
    assert b"wrote" in output


def test_a_label_is_asked_about_where_the_log_lacks_it(tmp_path: Path) -> None:
    """Training data with its truth and a nested log: what the log has in objects is found, and the label can be left out."""
    log = tmp_path / "log"
    log.mkdir()
    features = {"amount": 1.0, "where": {"region": "north"}, "currency": "EUR"}
    lines = [json.dumps({"ts": time.time(), "score": 0.5, "features": features}) + "\n" for _ in range(5)]
    (log / "app.jsonl").write_text("".join(lines))
    arguments = ("--config.file", configure(tmp_path), "--model", "credit", "--data", data(tmp_path))
    asked = run(*arguments)
    assert asked.returncode == 0
    question = "{0}: no sampled record of the log has it, and it will count as missing in all of them; if it is the label, "
    question += "build with --label {0}\n"
    assert asked.stderr == "".join(question.format(name) for name in ("customer_id", "comment", "defaulted"))
    told = run(*arguments, "--label", "defaulted")
    assert told.returncode == 0
    assert "defaulted" not in told.stderr
    assert "label: the truth" in baseline.load(tmp_path / "out" / "credit.json").left_out["defaulted"]
    misspelt = run(*arguments, "--label", "defualted")
    assert misspelt.returncode != 0
    assert "--label: " in misspelt.stderr
    assert "has no column defualted; did you mean defaulted?" in misspelt.stderr


@pytest.mark.parametrize("kind", ["table", "files"])
def test_a_label_is_asked_about_in_every_source(tmp_path: Path, kind: str) -> None:
    """A table or files without the truth, as a log; one that is out of reach is said to be, and the baseline is built."""
    rows = pl.DataFrame({"ts": ["2026-03-01T10:00:00Z"] * 3, "score": [0.5] * 3, "amount": [1.0] * 3, "currency": ["EUR"] * 3})
    (tmp_path / "served").mkdir()
    rows.write_parquet(tmp_path / "served/p.parquet")
    with duckdb.connect(str(tmp_path / "p.duckdb")) as connection:
        connection.execute(f"create table p as select * from '{tmp_path}/served/p.parquet'")
    sources = {"table": {"url": "duckdb:///p.duckdb", "name": "p"}, "files": {"path": "served"}}
    away = {"table": {"url": "postgresql://reader@127.0.0.1:1/prod", "name": "p"}, "files": {"path": "nowhere/x"}}
    training = [{"amount": n * 1.5, "currency": "EUR" if n % 2 else "CHF", "score": n / 60, "repaid": n % 3} for n in range(60)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in training))

    def built(source: dict[str, str]) -> str:
        model = {"name": "m", "owner": "me", "baseline": "b.json", "predictions": {kind: source}}
        file = tmp_path / "exporter.yml"
        file.write_text(json.dumps({"owners": {"me": {"slack": "#me"}}, "models": [model]}))
        done = run("--config.file", file, "--model", "m", "--data", tmp_path / "train.jsonl")
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert built(sources[kind]) == (
        f"repaid: no sampled record of the {kind} has it, and it will count as missing in all of them; if it is the label, "
        "build with --label repaid\n"
    )
    told = f"Columns that production lacks, as a label, could not be told: the {kind} cannot be looked at now: "
    unreachable = built(away[kind])
    assert unreachable.startswith(told)
