"""NannyML's printed tables of realised performance, from its own data: what scikit-learn gave there is what counts give here.

Its scores have two decimals, which are edges of the bins: what is binned elsewhere is exact here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from prediction_exporter.baseline.builder import numeric_column
from prediction_exporter.counting.layout import Column, Kind, Layout, Role
from prediction_exporter.performance import MEASURES, Measured, Performance, measure, performance_layout

DATA = Path(__file__).parents[1] / "public_sets" / "nannyml"
PRINTED: dict[str, dict[str, list[dict[str, str]]]] = json.loads((DATA / "printed.json").read_text(encoding="utf-8"))
CARDS = ("prepaid_card", "highstreet_card", "upmarket_card")

#: What NannyML calls measures that have one value, or are of the positive class of two, or the mean of all.
NAMES = {
    "roc_auc": "roc_auc",
    "average_precision": "average_precision",
    "f1": "f1_score",
    "precision": "precision_ratio",
    "recall": "recall_ratio",
    "specificity": "specificity_ratio",
    "accuracy": "accuracy_ratio",
    "mae": "mae",
    "mape": "mape_ratio",
    "rmse": "rmse",
}


def chunks(kind: str) -> dict[tuple[str, int], pl.DataFrame]:
    """Return the pairs of each chunk, one a row."""
    frame = pl.read_parquet(DATA / f"{kind}.parquet")
    if "pairs" in frame.columns:
        frame = frame.select(pl.exclude("pairs").repeat_by("pairs").explode())
    return {(str(period), int(chunk)): rows for (period, chunk), rows in frame.group_by("period", "chunk")}


def scores_of(name: str, values: pl.Series) -> Column:
    """Return the column of a score."""
    return numeric_column(name, Role.SCORE, np.sort(values.cast(pl.Float64).to_numpy()))


def binary() -> dict[tuple[str, int], Performance]:
    """Return the performance of each chunk of car loans."""
    found = chunks("binary")
    column = Column(name="y_pred", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=("0", "1"))
    layout = performance_layout(Layout([column, scores_of("y_pred_proba", found["reference", 0]["score"])]), "binary")
    return {
        key: Performance.of(layout, rows["predicted"].to_numpy(), rows["actual"].to_numpy(), rows["score"].to_numpy()[:, None])
        for key, rows in found.items()
    }


def multiclass() -> dict[tuple[str, int], Performance]:
    """Return the performance of each chunk of credit cards."""
    found = chunks("multiclass")
    column = Column(name="y_pred", role=Role.PREDICTION, kind=Kind.CATEGORICAL, categories=CARDS)
    scores = [scores_of(name, found["reference", 0][name] / 100) for name in CARDS]
    layout = performance_layout(Layout([column, *scores]), "multiclass")
    encoder = layout.encoder()
    return {
        key: Performance.of(
            layout, encoder.encode(rows["predicted"]), encoder.encode(rows["actual"]), rows.select(CARDS).to_numpy() / 100
        )
        for key, rows in found.items()
    }


def regression() -> dict[tuple[str, int], Performance]:
    """Return the performance of chunks of car prices."""
    found = chunks("regression")
    predicted = np.sort(found["reference", 0]["predicted"].cast(pl.Float64).to_numpy())
    layout = performance_layout(Layout([numeric_column("y_pred", Role.PREDICTION, predicted)]), "regression")
    return {key: Performance.of(layout, rows["predicted"].to_numpy(), rows["actual"].to_numpy()) for key, rows in found.items()}


def one_value(found: Measured, positive: str) -> float:
    """Return the value that NannyML has: of the positive class of two, or the mean of all."""
    at = [labels in ((), (positive, ""), ("", "macro")) for labels in found.entries].index(True)
    assert found.statuses[at] == "ok"
    return float(found.values[at])


@pytest.mark.parametrize(("kind", "made"), [("binary", binary), ("multiclass", multiclass), ("regression", regression)])
def test_chunks_have_the_printed_values(kind: str, made: Callable[[], dict[tuple[str, int], Performance]]) -> None:
    """To each digit, of every chunk whose rows are kept here."""
    compared = 0
    for (period, chunk), performance in made().items():
        found: dict[str, Any] = measure(MEASURES, performance, None, alpha=0.01, min_labels=30)
        for name, printed in PRINTED[kind][period][chunk].items():
            if name in ("msle", "rmsle"):  # not measured
                continue
            value = one_value(found["rmse"], "1") ** 2 if name == "mse" else one_value(found[NAMES[name]], "1")
            assert format(value, "g") == printed, (period, chunk, name)
            compared += 1
    assert compared == {"binary": 140, "multiclass": 66, "regression": 12}[kind]


def test_cells_are_the_printed_ones() -> None:
    """The shares of the confusion matrix."""
    for (period, chunk), performance in binary().items():
        printed = {name: float(value) for name, value in PRINTED["confusion"][period][chunk].items()}
        cells = performance.counted("confusion")[:2, :2] / performance.rows
        names = [["true_negative", "false_negative"], ["false_positive", "true_positive"]]
        assert cells.tolist() == [[pytest.approx(printed[name], abs=1e-12) for name in row] for row in names]
