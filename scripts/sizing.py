"""The table of docs/limits.md on sizes: series and memory by columns and windows, from what counts them in the exporter."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from prediction_exporter import config
from prediction_exporter.baseline import Baseline, load, save
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.config import Config
from prediction_exporter.monitor.budget import of_model, windows_bytes

SIZING_PAGE = "docs/limits.md"
BEGIN, END = "<!-- sizing:begin -->", "<!-- sizing:end -->"

#: Three features in four are numeric; the others have so many categories.
SIZES = (10, 40, 100, 200)
CATEGORIES = 12
WINDOWS = ("[1h, 24h]", "[1h, 24h, 7d, 30d]")

_CONFIG = """
state_dir: state
windows: {windows}
owners: {{me: {{slack: "#me"}}}}
models:
  - name: m
    owner: me
    baseline: baseline.json
    segments: {segments}
    predictions: {{log: {{path: app.log}}}}
"""


def sizing_page(page: str) -> str:
    """Return the page with the part between its markers rendered anew."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{SIZING_PAGE} lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n\n{_table()}\n\n{END}{after}"


def _table() -> str:
    rows = [
        "| features | windows | series of a version | of a value of a segment | beside these | memory of each of both |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for features in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            baseline = _baseline(features, Path(folder))
        rows += [_row(features, windows, baseline) for windows in WINDOWS]
    return "\n".join(rows)


def _baseline(features: int, folder: Path) -> Baseline:
    """Build the baseline of a model of a class and its score."""
    rng = np.random.default_rng(0)
    rows = 20_000
    columns = {f"num_{n:03d}": pl.Series(rng.lognormal(3, 1, rows)) for n in range(features - features // 4)}
    for n in range(features // 4):
        columns[f"cat_{n:03d}"] = pl.Series([f"value {value}" for value in rng.integers(0, CATEGORIES, rows)])
    scores = rng.random(rows)
    columns |= {"score": pl.Series(scores), "prediction": pl.Series(np.where(scores > 0.5, "yes", "no"))}  # noqa: PLR2004 - a score of a half decides
    pl.DataFrame(columns).write_parquet(folder / "training.parquet")
    fields = _configuration(WINDOWS[0], "[]").models[0].predictions.fields
    result = build(read_table(folder / "training.parquet"), fields, kinds={}, task=None, where="models[0]")
    save(result.record, folder / "baseline.json")
    return load(folder / "baseline.json")


def _configuration(windows: str, segments: str) -> Config:
    text = _CONFIG.format(windows=windows, segments=segments)
    return config.parse(text, name="exporter.yml", base=Path("/"), environ={})


def _row(features: int, windows: str, baseline: Baseline) -> str:
    plain, segmented = (_configuration(windows, segments) for segments in ("[]", "[cat_000]"))
    one, two = _series(plain, baseline, 1, 2)
    (with_values,) = _series(segmented, baseline, 1)
    values = len(next(column for column in baseline.layout.columns if column.name == "cat_000").drift_labels)
    least, most = (size / 2**20 / 2 for size in windows_bytes(plain, plain.models[0], baseline, 1))  # of one and of other
    version = two - one
    cells = (
        str(features),
        f"`{windows}`",
        f"{version:,}",
        f"{(with_values - one) / values:,.0f}",
        f"{one - version:,}",
        f"{least:.1f} to {most:.1f} MiB",
    )
    return f"| {' | '.join(cells)} |"


def _series(configured: Config, baseline: Baseline, *versions: int) -> list[int]:
    """Return how many series there are of so many versions."""
    most = of_model(configured, configured.models[0], baseline, Switches())
    return [sum(each.series(count) for each in most) for count in versions]
