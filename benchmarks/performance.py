"""Performance: rows a second of counting batches of pairs, and what it takes to measure a window.

The floor is what NumPy takes for the same histograms: the confusion matrix and the bins of the score by class, or those of the
errors, and plain sums of floats, which cannot be taken back. Time is that of the processor. Aim: far more than the 20,000
labels a second that are joined; a window in under 50 ms.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from labelled import Pairs, binary, multiclass, regression
from prediction_exporter.performance import MEASURES, Performance, measure
from prediction_exporter.performance.layout import error_edges

ROWS, SMALL, MERGES, ROUNDS = 200_000, 10_000, 1000, 5


def median(function: Callable[[], object]) -> float:
    """Return the median time of a call in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return statistics.median(times)


def floor_of(pairs: Pairs) -> Callable[[], object]:
    """Return the floor's way to count."""
    if pairs.scores is None:
        edges = error_edges() * pairs.layout.unit

        def numbers() -> object:
            error, actual = pairs.predicted - pairs.actual, pairs.actual - pairs.layout.center
            bins = np.bincount(np.searchsorted(edges, error, side="right"), minlength=len(edges) + 1)
            return bins, [np.dot(a, b) for a in (error, actual) for b in (error, actual)], np.abs(error / pairs.actual).sum()

        return numbers
    scores, classes = pairs.scores, pairs.layout.other + 1

    def of_classes() -> object:
        found = [np.bincount(pairs.predicted * classes + pairs.actual, minlength=classes**2)]
        for column, score in enumerate(pairs.layout.scores):
            values, are = scores[:, column], pairs.actual == score.of_class
            bins = np.searchsorted(np.array(score.edges), values, side="right")
            found.append(np.bincount(bins + are * score.bins, minlength=2 * score.bins))
            _ = ((values - are) ** 2).sum(), np.log(np.where(are, values, 1 - values)).sum()
        return found

    return of_classes


def merge_often(counted: Performance) -> None:
    """Add the same counts up many times."""
    merged = Performance.empty(counted.layout)
    for _ in range(MERGES):
        merged.add(counted)


def main() -> None:
    """Print rows a second, and how many times the floor's time that is."""
    for name, pairs in (
        ("binary", binary(ROWS, 1)),
        ("binary weighted", binary(ROWS, 1, weighted=True)),
        ("3 classes", multiclass(ROWS, 1)),
        ("regression", regression(ROWS, 1)),
    ):
        floor = median(floor_of(pairs))
        taken = median(pairs.counted)
        counted = pairs.counted()
        small = pairs.rows(slice(0, SMALL))
        of_small = median(small.counted)
        window = median(partial(measure, MEASURES, counted, counted, alpha=0.001, min_labels=30))
        merge = median(partial(merge_often, counted)) / MERGES
        print(
            f"{name:16} {ROWS / taken:>10,.0f} rows/s, {taken / floor:4.1f} times the floor's time; in batches of {SMALL:,} "
            f"{SMALL / of_small:>9,.0f}; {8 * pairs.layout.width / 1024:5.1f} KiB, merge {merge * 1e6:4.1f} us; "
            f"a window {window * 1e3:5.1f} ms"
        )


if __name__ == "__main__":
    main()
