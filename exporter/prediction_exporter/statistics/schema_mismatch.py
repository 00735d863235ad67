"""Schema mismatch: 1 where a column that the baseline knows came in no prediction of the window, or never with its type."""

from __future__ import annotations

import numpy as np

from prediction_exporter.counting.events import ValueState
from prediction_exporter.statistics.base import ALL_KINDS, Statistic, column_family, rows
from prediction_exporter.statistics.comparison import Comparison, Floats, divide

#: By the extra label's value, the state that all of the column's values are in.
MISMATCHES = {"missing": ValueState.MISSING, "invalid": ValueState.INVALID}


def schema_mismatch(comparison: Comparison) -> Floats:
    """Return 1 where all of the window's predictions are in the state, else 0, (C, 2); NaN for an empty window.

    >>> from prediction_exporter.statistics.examples import comparison_of
    >>> schema_mismatch(comparison_of([1, 2, 3, 4], ["one", "two"]))
    array([[0., 1.]])
    """
    window = comparison.window
    shares = [divide(window.state(state), rows(window)) for state in MISMATCHES.values()]
    return np.floor(np.column_stack(shares))


SCHEMA_MISMATCH = Statistic(
    key="schema_mismatch",
    title="Schema mismatch",
    family=column_family(
        "model_schema_mismatch",
        "1 where the column is missing, or invalid, in every prediction of the window, else 0.",
        "quality",
        "kind",
    ),
    scope="column",
    kinds=ALL_KINDS,
    compares=False,
    compute=schema_mismatch,
    undefined="no_predictions",
    lower=0.0,
    upper=1.0,
    unit="bool",
    reference="Whether a share of counts is 1.",
    is_distance=False,
    symmetric=False,
    of_derived=False,
    extra=("kind", tuple(MISMATCHES)),
)
