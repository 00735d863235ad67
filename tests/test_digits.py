"""A number stands for a value whatever digits a logger left of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_exporter.counting.categories import CategoryEncoder
from prediction_exporter.counting.digits import borders, reach
from prediction_exporter.counting.held import Held

numbers = st.floats(1e-30, 1e30).flatmap(lambda x: st.sampled_from([x, -x]))


@given(numbers)
def test_digits_that_a_logger_leaves(number: float) -> None:
    """32 bits, their shortest digits, or three significant ones and more."""
    spelled = [float(np.float32(number)), float(str(np.float32(number)))]
    if not number.is_integer():
        spelled += [float(f"{number:.{digits}g}") for digits in range(3, 17)]
    for other in spelled:
        assert abs(other - number) <= reach(number)


@given(st.integers(2, 9), st.floats(0.34, 99))
def test_decimals_that_a_logger_leaves(decimals: int, number: float) -> None:
    """Two and more, of numbers that these change by less than 3 %."""
    if not number.is_integer():
        assert abs(round(number, decimals) - number) <= reach(number)


@given(st.lists(numbers, min_size=1, max_size=20, unique=True))
def test_reaches_do_not_overlap(values: list[float]) -> None:
    """Each value lies in its own, and the next begins where it ends or later."""
    ordered = np.sort(np.array(values))
    low, high = borders(ordered, np.array([reach(value) for value in ordered.tolist()]))
    assert np.all(low <= ordered)
    assert np.all(ordered < high)
    assert np.all(high[:-1] <= low[1:])


@pytest.mark.parametrize(
    ("text", "code"),
    [("0.1", 0), ("0.10000000149011612", 0), ("0.33", 1), ("0.333333", 1), ("0.34", 3), ("2.0000001", 3), ("2.0", 2)],
)
def test_the_category_that_a_number_stands_for(text: str, code: int) -> None:
    """A whole number is a code, and each of its digits counts."""
    assert CategoryEncoder(["0.1", repr(1 / 3), "2"], Held.NUMBER).code(text) == code
