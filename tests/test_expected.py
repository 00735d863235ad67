"""What another sample shows outside of a table or a range, against what it does show."""

from __future__ import annotations

import numpy as np
import pytest

from prediction_exporter.baseline.expected import Outside, outside_range, outside_table


@pytest.mark.parametrize(
    ("categories", "exponent", "rows"), [(131, 0.8, 500), (131, 0.8, 300), (400, 1.2, 300), (45, 1.5, 300)]
)
def test_the_estimate_is_right_on_average(categories: int, exponent: float, rows: int) -> None:
    """Over many samples it is the mass that their tables of 50 leave out, off by no more than its variance says."""
    random = np.random.default_rng(4)
    shares = np.arange(1, categories + 1) ** -exponent
    shares = random.permutation(shares / shares.sum())  # equal counts are told apart by what says nothing
    errors, variances = [], []
    for _ in range(400):
        counts = np.bincount(random.choice(categories, rows, p=shares), minlength=categories)
        order = np.argsort(-counts, kind="stable")
        kept = order[:50][counts[order[:50]] > 0]
        found = outside_table(sorted(counts[counts > 0].tolist(), reverse=True), len(kept))
        errors.append(found.rows - rows * (1 - shares[kept].sum()))
        variances.append(found.variance)
    spread = float(np.sqrt(np.mean(variances)))
    assert abs(np.mean(errors)) < 0.25 * spread
    assert np.std(errors) < 1.3 * spread


def test_a_range_is_left_by_what_its_ends_held_alone() -> None:
    """Leaving out each row in turn, the others' range lacks a value that stood there once."""
    random = np.random.default_rng(4)
    for values in (random.normal(size=50), random.integers(0, 4, 50), np.array([1.0, 2.0, 2.0])):
        ordered = np.sort(values)
        left = [np.delete(ordered, row) for row in range(len(ordered))]
        outside = sum(not rest.min() <= value <= rest.max() for value, rest in zip(ordered, left, strict=True))
        first, last = int((ordered == ordered[0]).sum()), int((ordered == ordered[-1]).sum())
        assert outside_range(first, last) == Outside(float(outside), float(outside))
