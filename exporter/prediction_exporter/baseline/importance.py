"""Importance: what part of the model's output each feature carries, as its owner says or as the baseline taught.

Parts add up to 1 over the features. What a feature has is divided equally among the columns that are made of it, which have a
distribution in its place. Outputs have no importance, nor has a feature that nobody could tell anything of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.baseline.record import Baseline
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.counting.layout import Layout, Role

Floats = NDArray[np.float64]

#: The part of the budget that importance decides; the rest is divided equally, so that no column is left without.
BY_IMPORTANCE = 0.5


def importance_of(given: Mapping[str, float], baseline: Baseline) -> Floats | None:
    """Return the importance of each column, (C,), NaN where it is not known; None where nothing is known of any.

    Args:
        given: weights as the configuration has them, which :func:`problems` found nothing wrong with.
        baseline: what taught it where nothing is given.
    """
    layout = baseline.layout
    if given:
        return _with_made(layout, _filled(given, layout))
    if baseline.importance:
        return _with_made(layout, _gathered(baseline.importance, layout))
    return None


def problems(given: Mapping[str, float], layout: Layout) -> Iterator[str]:
    """Yield what is wrong with weights."""
    own = _own(layout)
    made = {column.name: column.of for column in layout.columns if column.is_derived and column.name not in own}
    for name in given:
        if name in made:
            yield f"{name} is made of {made[name]}, whose importance it has a part of: name that"
        elif name not in own:
            yield f"the baseline has no feature {name}{suggest(name, own)} (it has: {', '.join(own) or 'none'})"
    if given and set(own) <= set(given) and not sum(given.values()):
        yield "no feature has any; at least one must be above 0"


def shares_of(importance: Floats | None, among: NDArray[np.bool_]) -> Floats:
    """Return each column's part of the budget as a multiple of an equal part, (C,); they are 1 on average.

    A column whose importance is not known has an equal part. Of the others', half is divided equally, half by importance.

    Args:
        importance: of each column, (C,), NaN where it is not known; None where nothing is known.
        among: the columns that share the budget, bool (C,).
    """
    shares = np.ones(len(among))
    if importance is None:
        return shares
    known = among & np.isfinite(importance)
    total = float(importance[known].sum())
    if total > 0:
        # Rounded, so that equal importance is an equal part to the last digit.
        of_equal = np.round(importance[known] * known.sum() / total, 9)
        shares[known] = (1 - BY_IMPORTANCE) + BY_IMPORTANCE * of_equal
    return shares


def _own(layout: Layout) -> list[str]:
    """Return the features that are made of no other column."""
    names = set(layout.names)
    return [column.name for column in layout.columns if column.role is Role.FEATURE and column.of not in names]


def _filled(given: Mapping[str, float], layout: Layout) -> dict[str, float]:
    """Return weights of all features: those that are not named share what is left of 1."""
    own = _own(layout)
    # What is made of a list whose items are columns says little more than these do.
    others = [column.name for column in layout.columns if column.name in set(own) - set(given) and not column.is_derived]
    left = max(1.0 - sum(given.values()), 0.0)
    return {**dict.fromkeys(own, 0.0), **{name: left / len(others) for name in others}, **given}


def _gathered(taught: Mapping[str, float], layout: Layout) -> dict[str, float]:
    """Return what was taught of columns that have a distribution as that of features.

    What is made of a feature may say little, and the feature much, as a text and its length: it counts from an equal part on.
    """
    own = _own(layout)
    found = {name: taught[name] for name in own if name in taught}
    made: dict[str, float] = {}
    for column in layout.columns:
        if column.of is not None and column.name not in found and column.name in taught:
            made[column.of] = made.get(column.of, 0.0) + taught[column.name]
    return found | {name: part for name, part in made.items() if part >= 1 / len(own)}


def _with_made(layout: Layout, of_features: Mapping[str, float]) -> Floats | None:
    """Return what each column has: features that add up to 1, and what is made of them a part of that."""
    total = sum(of_features.values())
    if not total > 0:
        return None
    made: dict[str, int] = {}
    for column in layout.columns:
        if column.of is not None and column.of in of_features:
            made[column.of] = made.get(column.of, 0) + 1

    def part(name: str, of: str | None) -> float:
        if name in of_features:
            return of_features[name] / total
        return np.nan if of is None or of not in made else of_features[of] / total / made[of]

    return np.array([part(column.name, column.of) for column in layout.columns])
