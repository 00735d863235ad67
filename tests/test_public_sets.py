"""Public data sets, trained on one part and served from another: nothing is above a threshold, whatever wrote the log."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from judged import configured, run_baseline, served
from watched import NOW, Series

DATA = Path(__file__).parent / "public_sets"

#: The label of each, and whether its name says so; it is in the training data, and in no prediction.
LABELS = {
    "anes96": ("PID", False),
    "car_loan": ("repaid", False),
    "cars": ("Miles_per_Gallon", False),
    "employment": ("employed", False),
    "phishing": ("y", True),
    "randhie": ("mdvis", False),
    "seattle_weather": ("weather", False),
    "titanic": ("Survived", False),
    "trump_approval": ("y", True),
}


@pytest.mark.parametrize("logger", ["pandas", "orjson", "folder"])
@pytest.mark.parametrize("name", LABELS)
def test_a_public_set_has_not_changed(name: str, logger: str, tmp_path: Path) -> None:
    """The smallest configuration asks about the label alone, takes every other column for what it is, and raises no alarm."""
    label, is_telling = LABELS[name]
    file = configured(tmp_path, "{}", place_of(name, logger, tmp_path))
    train = DATA / name / "train.parquet"
    _, asked = run_baseline(file, train)
    questions = [line for line in asked.splitlines() if "no sampled record" in line]
    assert [line.partition(":")[0] for line in questions] == ([] if is_telling else [label])
    said, told = run_baseline(file, train, "--label", label)
    assert said[label].endswith("label: the truth, which production does not know yet")
    assert "no sampled record" not in told
    series = served(file)
    assert total_rows(series) == len(pl.read_parquet(train))
    assert over_threshold(series) == {}
    watched = {dict(labels)["column"] for name, labels in series if name == "model_column_missing_ratio"}
    assert set(pl.read_parquet_schema(train)) - watched <= {label, "__index_level_0__", "id", "timestamp"}


def place_of(name: str, logger: str, folder: Path) -> str:
    """Lay out what a logger wrote; return where, as the configuration says it."""
    if logger != "folder":
        (folder / "app.log").write_bytes(gzip.decompress((DATA / name / f"{logger}.jsonl.gz").read_bytes()))
        return "log: {path: app.log, start: beginning}"
    shutil.copytree(DATA / name / "folder", folder / "predictions")
    for path in (folder / "predictions").iterdir():
        os.utime(path, (NOW - 60, NOW - 60))
    return "files: {path: predictions, start: beginning}"


def total_rows(series: Series) -> float:
    """Return the predictions of the window of an hour."""
    return next(
        value
        for (name, labels), value in series.items()
        if name == "model_window_predictions" and {("window", "1h"), ("segment", "all")} <= labels
    )


def over_threshold(series: Series) -> dict[str, tuple[float, float]]:
    """Return each series that is above its threshold, and both values."""
    found = {}
    for (name, labels), threshold in series.items():
        value = series.get((name.removesuffix("_threshold"), labels)) if name.endswith("_threshold") else None
        if value is not None and value > threshold:
            found[f"{name} {sorted(labels)}"] = value, threshold
    return found
