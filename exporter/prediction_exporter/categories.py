"""Categories: one spelling for values that mean the same, and their codes in a fixed table.

The same category arrives as ``1`` from one logger, ``1.0`` from another, ``"1"`` from a third, and ``True`` from a CSV file
where the log says ``true``. Baseline and production must agree on one spelling, or every row looks unseen.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.events import ValueState

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BOOLEANS = {"True": "true", "False": "false", "TRUE": "true", "FALSE": "false"}

#: Spellings remembered per column beyond the table itself; more of them are looked up anew each time.
MAX_SPELLINGS = 1024

#: The bin of every value that the table does not hold.
OTHER = "other"


def canonical(text: str) -> str:
    """Return the one spelling of a category.

    Text that is a JSON number becomes the shortest text of that number (``1.0``, ``1e0`` and ``1`` are ``1``; ``007`` is no
    JSON number and stays); ``True`` and ``TRUE`` become ``true``. Everything else stays as it is.

    >>> canonical("1.0"), canonical("1.50"), canonical("007"), canonical("True"), canonical("-0")
    ('1', '1.5', '007', 'true', '0')
    """
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        return _BOOLEANS.get(text, text)
    if match.group(1) is None and match.group(2) is None:
        return "0" if text == "-0" else text
    number = float(text)
    if not math.isfinite(number):
        return text
    return str(int(number)) if number.is_integer() else repr(number)


def is_container(text: str) -> bool:
    """Return whether a text is a JSON object or array, which is no category."""
    if not text.startswith(("{", "[")):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


class CategoryEncoder:
    """Codes for the values of one categorical column.

    The code is the value's index in the table, ``other`` for a value that the table does not hold, and ``invalid`` for a JSON
    object or array. It learns the spellings of known categories as they appear, so that the common case is one cast in polars.
    """

    def __init__(self, categories: Sequence[str]) -> None:
        self._index = {category: code for code, category in enumerate(categories)}
        self.other = len(categories)
        self.invalid = self.other + ValueState.INVALID
        self._spellings: dict[str, int] = dict(self._index)
        self._freeze()

    def _freeze(self) -> None:
        self._enum = pl.Enum(list(self._spellings))
        # The extra last entry is what a null of the cast maps to.
        self._codes = np.array([*self._spellings.values(), self.other], dtype=np.int32)

    def encode(self, values: pl.Series) -> NDArray[np.int32]:
        """Return the code of each value of a String series; nulls get the code of unseen values."""
        positions = values.cast(self._enum, strict=False).to_physical()
        codes = self._lookup(positions)
        if positions.null_count() > values.null_count():
            unknown = positions.is_null() & values.is_not_null()
            texts = values.filter(unknown)
            identified = self._identify(texts.unique().to_list())
            if identified:
                coded = texts.replace_strict(identified, default=self.other, return_dtype=pl.Int32)
                codes[unknown.to_numpy()] = coded.to_numpy()
                self._learn({text: code for text, code in identified.items() if code < self.other})
        return codes

    def _lookup(self, positions: pl.Series) -> NDArray[np.int32]:
        if positions.null_count():
            positions = positions.cast(pl.UInt32).fill_null(len(self._codes) - 1)
        codes: NDArray[np.int32] = self._codes.take(positions.to_numpy())
        return codes

    def _identify(self, texts: list[str]) -> dict[str, int]:
        """Return the codes of the texts that spell a known category, or are containers."""
        codes = {text: self.invalid if is_container(text) else self._index.get(canonical(text), self.other) for text in texts}
        return {text: code for text, code in codes.items() if code != self.other}

    def _learn(self, found: dict[str, int]) -> None:
        if found and len(self._spellings) + len(found) <= len(self._index) + MAX_SPELLINGS:
            self._spellings.update(found)
            self._freeze()
