"""A training table and a log, as the exporter judges them: what each column is, and what is above its threshold."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from prediction_exporter import cli, config
from watched import NOW, Series, Watched, read

#: What is judged of a column, by the end of its series' name.
JUDGED = ("psi", "missing_ratio", "invalid_ratio", "non_finite_ratio", "out_of_range_ratio", "unseen_ratio")

Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Judged:
    """What was made of the columns, and the series of their window of an hour.

    Attributes:
        said: by column, what ``baseline`` said of it.
        series: what a scrape shows.
    """

    said: dict[str, str]
    series: Series

    def value(self, statistic: str, column: str, **more: str) -> float | None:
        """Return a column's value of a statistic."""
        return next(
            (
                value
                for (name, labels), value in self.series.items()
                if name == f"model_column_{statistic}"
                and {"column": column, "window": "1h", "segment": "all", **more}.items() <= dict(labels).items()
            ),
            None,
        )

    def alarms(self, column: str) -> set[str]:
        """Return the statistics of a column that are above their thresholds."""
        found = set()
        for statistic in JUDGED:
            value, threshold = self.value(statistic, column), self.value(f"{statistic}_threshold", column)
            if value is not None and threshold is not None and value > threshold:
                found.add(statistic)
        return found


def judge(folder: Path, train: Columns | Path, log: Sequence[Mapping[str, Any] | str], *, settings: str = "{}") -> Judged:
    """Build a baseline by the command, read a log by a monitor, and return what is served.

    Args:
        folder: an empty one.
        train: columns, written to Parquet, or a file.
        log: events without a time, or lines as a logger wrote them with ``TS`` where the time stands.
        settings: the model's ``columns``, as YAML.
    """
    if not isinstance(train, Path):
        data = folder / "train.parquet"
        pl.DataFrame(dict(train), strict=False).write_parquet(data)
        train = data
    file = configured(folder, settings)
    said, error = run_baseline(file, train)
    assert said, error
    with (folder / "app.log").open("w") as lines:
        for row, event in enumerate(log):
            at = NOW - 3000 + row % 2900
            text = event.replace("TS", f"{at}") if isinstance(event, str) else json.dumps({"ts": at, **event})
            lines.write(text + "\n")
    return Judged(said, served(file))


def served(file: Path) -> Series:
    """Read all there is by a monitor; return what a scrape shows."""
    watched = Watched(file.parent)
    monitor = watched.start(config.load(file))
    try:
        return read(monitor, watched.clock)[1]
    finally:
        monitor.close()


def configured(folder: Path, settings: str, place: str = "log: {path: app.log, start: beginning}") -> Path:
    """Write a configuration with these ``columns``, of predictions in this place."""
    file = folder / "exporter.yml"
    file.write_text(f"""
state_dir: {folder}/state
owners: {{me: {{slack: "#me"}}}}
models:
  - name: m
    owner: me
    baseline: baseline.json
    columns: {settings}
    predictions: {{{place}}}
""")
    return file


def run_baseline(file: Path, data: Path, *arguments: str) -> tuple[dict[str, str], str]:
    """Run the command; return what it said of each column, and its errors."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        cli.main(["baseline", "--config.file", str(file), "--model", "m", "--data", str(data), *arguments])
    lines = [line.split(None, 2) for line in output.getvalue().splitlines()]
    return {line[0]: line[2] for line in lines if len(line) > 2}, errors.getvalue()


def logged(columns: Columns, rows: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Return rows of columns as events, all of them or some."""
    count = len(next(iter(columns.values())))
    return [{name: values[row] for name, values in columns.items()} for row in (range(count) if rows is None else rows)]
