"""Categories: one spelling for values that mean the same, and their codes in a fixed table.

The same category arrives as ``1`` from one logger, ``1.0`` from another, ``"1"`` from a third, and ``True`` from a CSV file
where the log says ``true``. Baseline and production must agree on one spelling, or every row looks unseen. What spells the same
value depends on what the baseline's column held: a number has many spellings, a text one, which may be a code (``1.10`` or
``007``).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.digits import distinct_reaches
from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.held import Held

_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SCALAR = r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|true|false|null"
_CONTAINER = re.compile(rf'\{{(".*)?\}}|\[(["\[{{].*|({_SCALAR})(,.*)?)?\]', re.DOTALL)
_BOOLEANS = {"True": "true", "False": "false", "TRUE": "true", "FALSE": "false"}

#: Spellings remembered per column beyond the table itself; more of them are looked up anew each time.
MAX_SPELLINGS = 1024

#: What is written where a number is none or infinite, as JavaScript and Python's json write it: no category either.
NAN = "NaN"
NON_FINITE_WORDS = frozenset({NAN, "Infinity", "-Infinity"})

#: What Python makes texts of that pandas has for a missing value: it means NaN, unless it is a category of the table.
PANDAS_WORDS = ("nan", "NaT", "<NA>")

#: The bin of every value that the table does not hold.
OTHER = "other"

#: The values of a column of booleans, and of one of numbers that stand for them: a logger may write either.
BOOLEANS, BITS = frozenset({"true", "false"}), frozenset({"1", "0"})
_AS_BOOLEAN, _AS_BIT = {"1": "true", "0": "false"}, {"true": "1", "false": "0"}


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
    if number == 0:
        return "0"  # -0.0 too
    if number.is_integer():
        # The shortest digits that stand for the double, as polars writes them, and not all of its digits.
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    return repr(number)


def meaning(text: str, held: Held, table: frozenset[str]) -> str:
    """Return the category of a table that a text spells, by what the baseline's column held; some text if it spells none.

    >>> yes_no, bits = frozenset({"true", "false"}), frozenset({"0", "1"})
    >>> meaning("1.0", Held.BOOLEAN, yes_no), meaning("True", Held.NUMBER, bits), meaning("1.10", Held.TEXT, frozenset({"1.1"}))
    ('true', '1', '1.10')
    """
    if text in table:
        return text
    spelled = canonical(text)
    if held is Held.ANY or not table:
        return spelled
    if table <= BOOLEANS:
        return _AS_BOOLEAN.get(spelled, spelled)
    if table <= BITS:
        return _AS_BIT.get(spelled, spelled)
    return text if held is Held.TEXT else spelled


def is_container(text: str) -> bool:
    """Return whether a text is a JSON object or array, which is no category.

    It is told by its shape: polars writes the strings inside without escaping them, so the text need not be JSON again.

    >>> [is_container(text) for text in ('{"a": 1}', "[1, 2]", "[]", "[0-10]", "[unknown]", "{x}")]
    [True, True, True, False, False, False]
    """
    return text.startswith(("{", "[")) and _CONTAINER.fullmatch(text) is not None


def is_bracketed(text: str) -> bool:
    """Return whether a text is a list or an object, where a column holds such: as JSON, Python or NumPy write them.

    >>> [is_bracketed(text) for text in ('["a"]', "['a']", "{'a': 1}", "[0.5 1.5]", "a", "[a")]
    [True, True, True, True, False, False]
    """
    return (text[:1], text[-1:]) in {("[", "]"), ("{", "}")}


class CategoryEncoder:
    """Codes for the values of one categorical column.

    The code is the value's index in the table, ``other`` for a value that the table does not hold, ``invalid`` for a JSON
    object or array, ``nan`` and ``non_finite`` for :data:`NON_FINITE_WORDS` and :data:`PANDAS_WORDS`. It learns the spellings
    of known categories as they appear, so that the common case is one cast in polars.

    Args:
        categories: the table; of a column that is watched for presence alone it is empty, and every value is other.
        held: what the values of the baseline's column were.

    Attributes:
        met_nan: whether any value so far was NaN.
        intervals: of a table of numbers, which numbers stand for a category that has a fraction: first, last, and its code.
    """

    def __init__(self, categories: Sequence[str], held: Held = Held.ANY) -> None:
        self._index = {category: code for code, category in enumerate(categories)}
        self._held = held
        self._table = frozenset(categories)
        self.other = len(categories)
        self.invalid = self.other + ValueState.INVALID
        self.non_finite = self.other + ValueState.NON_FINITE
        self.nan = self.other + ValueState.NAN
        self.met_nan = False
        reaches = distinct_reaches(list(categories)) if held is Held.NUMBER else []
        self.intervals = [(low, high, self._index[text]) for low, high, text in reaches]
        self._starts = [low for low, _, _ in self.intervals]
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
                self.met_nan |= self.nan in identified.values()
                self._learn({text: code for text, code in identified.items() if code < self.other or code == self.nan})
        return codes

    def _lookup(self, positions: pl.Series) -> NDArray[np.int32]:
        if positions.null_count():
            positions = positions.cast(pl.UInt32).fill_null(len(self._codes) - 1)
        codes: NDArray[np.int32] = self._codes.take(positions.to_numpy())
        return codes

    def _identify(self, texts: list[str]) -> dict[str, int]:
        """Return the codes of the texts that spell a known category, or are no category at all."""
        codes = {text: self.code(text) for text in texts}
        return {text: code for text, code in codes.items() if code != self.other}

    def code(self, text: str) -> int:
        """Return the code of one text."""
        if self._held is Held.CONTAINER:
            return self.nan if text == NAN else self.other if is_bracketed(text) else self.invalid
        if is_container(text):
            return self.invalid
        if text in NON_FINITE_WORDS:
            return self.nan if text == NAN else self.non_finite
        code = self._index.get(meaning(text, self._held, self._table), self.other)
        if code == self.other and text in PANDAS_WORDS:
            return self.nan
        return self._nearest(text) if code == self.other and self.intervals else code

    def _nearest(self, text: str) -> int:
        """Return the category that a number with other digits stands for."""
        try:
            number = float(text)
        except ValueError:
            return self.other
        place = bisect_right(self._starts, number) - 1
        if place < 0 or not number <= self.intervals[place][1]:
            return self.other
        return self.intervals[place][2]

    def _learn(self, found: dict[str, int]) -> None:
        if found and len(self._spellings) + len(found) <= len(self._index) + MAX_SPELLINGS:
            self._spellings.update(found)
            self._freeze()
