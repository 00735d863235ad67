"""Functions: numbers that are made of a column's values, so that what has no distribution of its own is compared by one."""

from __future__ import annotations

from enum import StrEnum


class Function(StrEnum):
    """What a derived column is of the column that it is made of."""

    LENGTH = "length"
    """Characters of a text, 0 of one of blanks alone; items of a list."""
    NORM = "norm"
    """Euclidean norm of a list of numbers, to three significant digits."""
    AGE_DAYS = "age_days"
    """Days from a date to the time of the prediction, in whole seconds."""

    def name_for(self, column: str) -> str:
        """Return the name of the column that this makes of another.

        >>> Function.LENGTH.name_for("review")
        'length(review)'
        """
        return f"{self.value}({column})"
