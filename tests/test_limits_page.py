"""docs/limits.md: its sizes are those that the real commands count."""

from __future__ import annotations

import random
import re
from pathlib import Path

import polars as pl
import pytest

import forked

PAGE = Path(__file__).parents[1] / "docs/limits.md"


def prediction_exporter(*arguments: str | Path) -> str:
    """Run a command and return its output."""
    return forked.run(*arguments, check=True).stdout


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline as the page describes the model: ten features, of which two are categories of 12 values."""
    folder = tmp_path_factory.mktemp("limits")
    chance = random.Random(1)
    rows = [
        {f"n{i}": chance.lognormvariate(3, 1) for i in range(8)}
        | {f"c{i}": f"value {chance.randrange(12)}" for i in range(2)}
        | {"score": chance.random(), "prediction": chance.choice(["yes", "no"])}
        for _ in range(20_000)
    ]
    pl.DataFrame(rows).write_parquet(folder / "training.parquet")
    file = configuration(folder, 1, "[1h, 24h]", "[]")
    prediction_exporter("baseline", "--config.file", file, "--model", "m0", "--data", folder / "training.parquet")
    return folder


def configuration(folder: Path, models: int, windows: str, segments: str) -> Path:
    """Write a configuration of so many models of the same baseline."""
    entry = "{{name: m{}, owner: me, baseline: baseline.json, segments: {}, predictions: {{log: {{path: app.log}}}}}}"
    listed = "".join(f"\n  - {entry.format(number, segments)}" for number in range(models))
    file = folder / "exporter.yml"
    file.write_text(
        f'state_dir: state\nseries_limit: 1000000\nwindows: {windows}\nowners: {{me: {{slack: "#me"}}}}\nmodels:{listed}\n'
    )
    return file


def series(folder: Path, models: int, windows: str, segments: str = "[]") -> int:
    """Return the series with one version of each model, as the check counts them."""
    output = prediction_exporter("check", "config", configuration(folder, models, windows, segments))
    [count] = re.findall(r"^ *([\d,]+)  series with one version of each model$", output, re.MULTILINE)
    return int(count.replace(",", ""))


@pytest.mark.parametrize("windows", ["[1h, 24h]", "[1h, 24h, 7d, 30d]"])
def test_series_are_those_that_the_check_counts(baseline: Path, windows: str) -> None:
    """A model more has the series of a version and those beside it; each value of its segment has as many as the page says."""
    [row] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| 10 | `{windows}` |")]
    version, value, beside = (int(cell.replace(",", "")) for cell in row.split(" | ")[2:5])
    one = series(baseline, 1, windows)
    assert series(baseline, 2, windows) - one == version + beside
    assert series(baseline, 1, windows, "[c0]") - one == pytest.approx(13 * value, abs=7)  # 12 values and all others; rounded


@pytest.mark.parametrize("segments", ["[]", "[c0, c1]"])
def test_the_check_tells_the_memory_of_windows(baseline: Path, segments: str) -> None:
    """As much as the page says for each version, other included, and each value of a segment."""
    [row] = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| 10 | `[1h, 24h, 7d, 30d]` |")]
    least, most = map(float, re.findall(r"([\d.]+) to ([\d.]+) MiB", row)[0])
    lines = prediction_exporter("check", "config", configuration(baseline, 2, "[1h, 24h, 7d, 30d]", segments)).splitlines()[-2:]
    values = 1 if segments == "[]" else 1 + 2 * 13
    for number, line in enumerate(lines):
        told = r"m(\d): ([\d,.]+) MiB of memory for the windows of (\d) versions and of other, ([\d,.]+) with any number of .*"
        [(model, few, versions, any_number)] = re.findall(told, line)
        rounded = 0.06 * (groups := values * (int(versions) + 1))
        assert int(model) == number
        assert float(few.replace(",", "")) == pytest.approx(groups * least, abs=rounded)
        assert float(any_number.replace(",", "")) == pytest.approx(groups * most, abs=rounded)
