"""Events for the benchmarks: 40 features (30 numeric, 10 categorical), about 840 bytes a line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

import prediction_exporter  # noqa: F401 - first: it limits polars to one thread
from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.labelled import truth_of
from prediction_exporter.baseline.tables import read_table

NUMERIC = 30
CATEGORICAL = 10
CATEGORIES = 12
#: Numeric and categorical features.
FEATURES = (NUMERIC, CATEGORICAL)

CONFIG = """
state_dir: {folder}/state
interval: 15s
owners: {{me: {{slack: "#me"}}}}
models:
  - name: bench
    owner: me
    baseline: {folder}/baseline.json
    predictions: {source}
"""


def features(rng: np.random.Generator, rows: int, counts: tuple[int, int] = FEATURES) -> dict[str, pl.Series]:
    """Draw features; one value in a hundred of each numeric one is missing."""
    columns: dict[str, pl.Series] = {}
    numeric, categorical = counts
    for index in range(numeric):
        values = np.round(rng.lognormal(3, 1, rows), 3)
        values[rng.random(rows) < 0.01] = np.nan
        columns[f"num_{index:02d}"] = pl.Series(values, nan_to_null=True)
    for index in range(categorical):
        names = np.array([f"value_{index}_{n}" for n in range(CATEGORIES)])
        columns[f"cat_{index:02d}"] = pl.Series(names[rng.integers(0, CATEGORIES, rows)])
    return columns


def lines(rows: int, *, seed: int, until: float, seconds: float, counts: tuple[int, int] = FEATURES) -> bytes:
    """Return log lines whose times are spread over the seconds before ``until``."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(rows), 6)
    times = pl.Series(((until - seconds) * 1e6 + np.arange(rows) * (seconds * 1e6 / rows)).astype(np.int64))
    frame = pl.DataFrame(
        {
            "ts": times.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ"),
            "request_id": pl.Series([f"{seed:04d}-{row:010d}" for row in range(rows)]),
            "model_version": pl.repeat("1", rows, eager=True),
            "latency_ms": pl.Series(np.round(rng.lognormal(2.5, 0.5, rows), 2)),
            "status": pl.repeat(200, rows, eager=True),
            "prediction": pl.Series(np.where(scores > 0.5, "yes", "no")),
            "score": pl.Series(scores),
            "features": pl.DataFrame(features(rng, rows, counts)).to_struct(),
        }
    )
    buffer = io.BytesIO()
    frame.write_ndjson(buffer)
    return buffer.getvalue()


def prepare(
    folder: Path, *, source: str | None = None, counts: tuple[int, int] = FEATURES, more: str = "", labelled: bool = False
) -> config.Config:
    """Write a configuration and its baseline into a folder.

    Args:
        folder: where they go.
        source: where the predictions are, if not in ``app.log``.
        counts: of numeric and categorical features.
        more: further lines of the model.
        labelled: whether the data have a column ``label``, true as often as the score says.
    """
    rng = np.random.default_rng(0)
    scores = np.round(rng.random(50_000), 6)
    table = pl.DataFrame(
        {
            **features(rng, 50_000, counts),
            "prediction": pl.Series(np.where(scores > 0.5, "yes", "no")),
            "score": pl.Series(scores),
        }
    )
    if labelled:
        table = table.with_columns(label=pl.Series(np.where(rng.random(50_000) < scores, "yes", "no")))
    table.write_parquet(folder / "training.parquet")
    source = source or f"{{log: {{path: {folder}/app.log, start: beginning}}}}"
    (folder / "exporter.yml").write_text(CONFIG.format(folder=folder, source=source) + more.format(folder=folder))
    loaded = config.load(folder / "exporter.yml")
    model = loaded.models[0]
    truth = truth_of(model, "models[0]", table.columns, ())
    data = read_table(folder / "training.parquet")
    result = build(data, model.predictions.fields, kinds={}, task=model.task, where="models[0]", truth=truth)
    baseline.save(result.record, folder / "baseline.json")
    return loaded
