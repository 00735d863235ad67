"""Attributions in the data of a baseline: how large the contribution of each feature is on average."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prediction_exporter.baseline.tables import Table
from prediction_exporter.config import Fields
from prediction_exporter.sources.fields.attributed import attribution_fields
from prediction_exporter.sources.fields.measured import magnitudes_of
from prediction_exporter.sources.typed import numbers_of


def magnitudes(table: Table, fields: Fields, features: Sequence[str]) -> dict[str, float] | None:
    """Return the mean magnitude of each feature's attributions; None where the data have none.

    Args:
        table: the data.
        fields: where attributions stand.
        features: the features of the baseline.
    """
    found: dict[str, float] = {}
    for name, at in attribution_fields(fields, features).items():
        if at not in table.columns:
            continue
        values = magnitudes_of(*numbers_of(table.column(at))).values
        finite = values[np.isfinite(values)]
        if len(finite):
            with np.errstate(over="ignore"):
                found[name] = float(np.mean(finite))
    return {name: mean for name, mean in found.items() if np.isfinite(mean)} or None
