"""Which records are predictions: ``predictions.where`` over columns of polars, of whatever types a log or a file has.

What a comparison means stands in :mod:`prediction_exporter.config.conditions`; the same in SQL is in ``table/filtering.py``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, reduce
from itertools import islice
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.config import Predictions
from prediction_exporter.config.conditions import (
    Compare,
    Condition,
    Every,
    IsNull,
    Like,
    Not,
    Some,
    Value,
    fields_of,
    needed_fields,
)
from prediction_exporter.sources.fields.names import flatten
from prediction_exporter.sources.fields.passed import Passed
from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.typed import CONTAINER, texts_of_values
from prediction_exporter.sources.values import text_of

Record = Mapping[str, Any]

#: Texts that are numbers: with an exponent of two digits at most, so that each engine has a double for it.
NUMBER = r"-?[0-9]+(?:[.][0-9]+)?"
LONGEST_NUMBER = 308
NUMBER_WITH_EXPONENT = r"-?[0-9]+(?:[.][0-9]+)?[eE][-+]?[0-9][0-9]?"
LONGEST_WITH_EXPONENT = 200

#: The longest text of a double, that of -2.2250738585072014e-308: numbers of JSON come as such texts.
LONGEST_DOUBLE = 327

#: How texts begin that are objects and lists in JSON. They end in a brace or a bracket.
OBJECTS = ('{"', "{}")
LISTS = ("[]", '["', "[[", "[{", "[-", "[t", "[f", "[n", *(f"[{digit}" for digit in range(10)))

#: Records that are looked at together where they are parsed one by one.
_BLOCK = 200

#: Names that a message shows.
_MOST_SHOWN = 30

#: What each operator of a condition does.
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Values:
    """What stands in a field of some records, as it is compared.

    Args:
        series: of any type.
    """

    def __init__(self, series: pl.Series) -> None:
        self._series = series.alias("")

    @property
    def absent(self) -> pl.Series:
        """Where there is nothing."""
        return self._series.is_null()

    @cached_property
    def texts(self) -> pl.Series:
        """The texts; null for what has none, as objects and lists."""
        texts = texts_of_values(self._series)
        containers = _are_containers(texts)
        return texts.set(containers, None) if containers.any() else texts

    @cached_property
    def numbers(self) -> pl.Series:
        """The finite numbers as doubles; null for all else."""
        dtype = self._series.dtype
        if dtype.is_numeric():
            numbers = self._series.cast(pl.Float64)
            return numbers.set(~numbers.is_finite(), None)
        if isinstance(dtype, pl.Boolean):
            return pl.repeat(None, len(self._series), dtype=pl.Float64, eager=True)
        texts = self.texts
        lengths = texts.str.len_bytes()
        digits = texts.str.contains(f"^{NUMBER}$")
        plain = digits & (lengths <= LONGEST_NUMBER)
        if (digits & ~plain).any():
            plain |= _are_doubles(texts.set(~(digits & (lengths <= LONGEST_DOUBLE)), None))
        odd = texts.str.contains(f"^{NUMBER_WITH_EXPONENT}$") & (lengths <= LONGEST_WITH_EXPONENT)
        return texts.set(~(plain | odd), None).cast(pl.Float64)

    def compare(self, sign: str, value: Value) -> pl.Series:
        """Return how the values compare with a literal; null where that cannot be told."""
        if isinstance(value, bool):
            return self.texts == ("true" if value else "false")
        found: pl.Series = ORDERS[sign](self.texts if isinstance(value, str) else self.numbers, value)
        return found

    def like(self, pattern: Sequence[str | None]) -> pl.Series:
        """Return which texts a pattern fits."""
        written = "".join(".*" if part is None else re.escape(part) if part else "." for part in pattern)
        return self.texts.str.contains(f"(?s)^{written}$")


def _are_containers(texts: pl.Series) -> pl.Series:
    """Return which texts are objects or lists in JSON."""
    marked = texts.str.starts_with("[") | texts.str.starts_with("{")
    if not marked.any():
        return marked
    begin, end = texts.str.head(2), texts.str.tail(1)
    found = (begin.is_in(OBJECTS) & (end == "}")) | (begin.is_in(LISTS) & (end == "]"))
    return found.fill_null(value=False)


def _are_doubles(texts: pl.Series) -> pl.Series:
    """Return which texts are those of doubles, as numbers of JSON are: beyond that length, others may be beyond all doubles."""
    distinct = texts.drop_nulls().unique()
    return texts.is_in([text for text in distinct if text_of(float(text)) == text]).fill_null(value=False)


def holds(condition: Condition, values: Callable[[str], Values]) -> pl.Series:
    """Return where a condition is true, false or null.

    Args:
        condition: the condition.
        values: gives what stands in a field.
    """
    match condition:
        case Compare():
            return values(condition.field).compare(condition.operator, condition.value)
        case Like():
            return values(condition.field).like(condition.pattern)
        case IsNull():
            return values(condition.field).absent
        case Not():
            return ~holds(condition.of, values)
        case Every():
            return reduce(operator.and_, (holds(part, values) for part in condition.of))
        case Some():
            return reduce(operator.or_, (holds(part, values) for part in condition.of))


class Filter:
    """Tells predictions from other records, and how many there were of both.

    Args:
        condition: what is true of a prediction.
        key: where it stands in its section of the configuration.

    Attributes:
        condition, key: the same.
        seen: how many records there were of both.
        paths: where the fields may stand that the condition names: under its name, or in objects by its parts at dots.
    """

    def __init__(self, condition: Condition, *, key: str = "where") -> None:
        self.condition = condition
        self.key = key
        self._names = tuple(dict.fromkeys(fields_of(condition)))
        self._places: dict[str, tuple[Path, ...]] = {
            name: ((name,), tuple(name.split("."))) if "." in name else ((name,),) for name in self._names
        }
        self.paths: tuple[Path, ...] = tuple(path for places in self._places.values() for path in places)
        self.seen = Passed(needed_fields(condition), key=key)

    @classmethod
    def of(cls, predictions: Predictions) -> Filter | None:
        """Return the filter that a configuration asks for."""
        return cls.written(predictions.where, key="where")

    @classmethod
    def written(cls, expression: str | None, *, key: str) -> Filter | None:
        """Return the filter that an expression is, at a key of the configuration; None where nothing stands there."""
        if expression is None:
            return None
        from prediction_exporter.config.where_parser import parse_where

        return cls(parse_where(expression), key=key)

    def among(
        self,
        rows: int,
        at: Callable[[Path], pl.Series],
        *,
        counts: bool = True,
        failed: NDArray[np.bool_] | None = None,
    ) -> pl.Series:
        """Return which of so many records pass, by what stands at paths of them.

        Args:
            rows: how many there are.
            at: gives what stands at a path.
            counts: whether they count as seen.
            failed: requests that have failed, whose records may lack anything: they do not; None where that is not asked.
        """
        known: dict[str, Values] = {}

        def values(name: str) -> Values:
            if name not in known:
                found = [at(path) for path in self._places[name]]
                known[name] = Values(found[0] if len(found) == 1 else _first_of(found))
            return known[name]

        passing = holds(self.condition, values).fill_null(value=False)
        if counts:
            looked_at = passing if failed is None else passing.filter(pl.Series(~failed))
            self.seen.count(
                rows if failed is None else len(looked_at), int(looked_at.sum()), lambda name: not values(name).absent.all()
            )
        return passing

    def of_records(
        self, records: Sequence[Record], *, counts: bool = True, failed: NDArray[np.bool_] | None = None
    ) -> list[bool]:
        """Return which parsed records pass."""
        if not records:
            return []

        def at(path: Path) -> pl.Series:
            return pl.Series([_text(lookup(record, path)) for record in records], dtype=pl.String)

        passing: list[bool] = self.among(len(records), at, counts=counts, failed=failed).to_list()
        return passing

    def passing(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield the records that pass, which count as seen when they are read; the first others are remembered for messages."""
        iterator = iter(records)
        while block := list(islice(iterator, _BLOCK)):
            passing = self.of_records(block, counts=False)
            others = [record for record, passes in zip(block, passing, strict=True) if not passes]
            self.remember(others)
            yield from (record for record, passes in zip(block, passing, strict=True) if passes)

    def remember(self, others: Iterable[Record]) -> None:
        """Keep the names of the first records that are given for messages, where nothing has passed yet."""
        if not (self.seen.passed or self.seen.names):
            self.seen.names = tuple(flatten(islice(others, _BLOCK)))[:_MOST_SHOWN]

    def left_out(self, records: Iterable[Record]) -> int:
        """Return how many records do not pass; all count as seen."""
        iterator = iter(records)
        left_out = 0
        while block := list(islice(iterator, _BLOCK)):
            left_out += self.of_records(block).count(False)
        return left_out


def _first_of(found: Sequence[pl.Series]) -> pl.Series:
    """Return the first of several values that is there, as text."""
    texts = [texts_of_values(series) for series in found]
    return reduce(lambda one, other: one.fill_null(other), texts)


def _text(value: Any) -> str | None:
    """Return a parsed JSON value as the text that it is compared as."""
    return CONTAINER if isinstance(value, list | Mapping) else text_of(value)


def passing(records: Iterable[Record], chosen: Filter | None) -> Iterator[Record]:
    """Yield the records that pass a filter; without one, all."""
    return iter(records) if chosen is None else chosen.passing(records)


def left_out(records: Iterable[Record], chosen: Filter | None) -> int:
    """Read records to their end, and return how many of them do not pass a filter."""
    if chosen is not None:
        return chosen.left_out(records)
    for _ in records:
        pass
    return 0
