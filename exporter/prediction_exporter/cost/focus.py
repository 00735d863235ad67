"""FOCUS, the FinOps Open Cost and Usage Specification: rows of a billing export, 1.0 to 1.4, as charges.

Columns are found by their names, whatever their case, as some providers write ``billed_cost``. What the versions differ in is
not read: 1.4 has no ProviderName any more, and 1.2 added prices in other currencies than that of the bill.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import polars as pl

from prediction_exporter.config import Focus
from prediction_exporter.cost.bill import Charge, Charges
from prediction_exporter.cost.money import amount_of, is_currency
from prediction_exporter.cost.months import month_of
from prediction_exporter.errors import SourceError

AMOUNTS = {"billed": "BilledCost", "effective": "EffectiveCost"}
_TIMES = ("BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd")
_OPTIONAL = ("ChargeCategory", "ChargeClass")

#: What stands in CSV where there is no value: nothing, or one of these. The FinOps Foundation's own samples write the first.
NULLS = ("NULL", "null", "(null)", "\\N")

#: The time that is farthest ahead of UTC, in seconds. A billing month in the local time of its provider begins up to so long
#: before the month in UTC; where it is behind UTC, it begins in the month anyway.
AHEAD = 14 * 3600

#: What a component without a name is called.
NO_COMPONENT = "unknown"

#: Longest name of a component that becomes a label.
MOST_CHARACTERS = 64


def _plain(name: str) -> str:
    return name.strip("\ufeff \"'").replace("_", "").lower()


class Columns:
    """Where the columns are that are read.

    Args:
        names: the file's columns.
        focus: says which are needed.

    Raises:
        SourceError: one of them is missing.
    """

    def __init__(self, names: Sequence[str], focus: Focus) -> None:
        found: dict[str, str] = {}
        for name in names:
            found.setdefault(_plain(name), name)
        needed = [AMOUNTS[focus.amount], "BillingCurrency", *_TIMES, focus.component]
        needed += ["Tags"] if focus.tags else []
        needed += ["ResourceId"] if focus.resource_ids else []
        found |= {_plain(name): name for name in (*needed, *_OPTIONAL) if name in names}  # before others that are alike
        missing = [name for name in needed if _plain(name) not in found]
        if missing:
            raise SourceError(
                f"has no column {', '.join(missing)}: is it a FOCUS export? It has {', '.join(names[:8]) or 'none'}"
            )
        self._names = {name: found[_plain(name)] for name in (*needed, *_OPTIONAL) if _plain(name) in found}

    @property
    def wanted(self) -> Collection[str]:
        """The names as the file has them."""
        return self._names.values()

    def values(self, frame: pl.DataFrame, name: str) -> list[Any]:
        """Return a column's values; None for each row where it has no such column."""
        actual = self._names.get(name)
        if actual is None or actual not in frame.columns:
            return [None] * frame.height
        column = frame[actual]
        # As text, a short float has the digits that were written; as a Python float it has those of its binary value. And old
        # writers of Parquet do not say that bytes are text.
        as_text = column.dtype in (pl.Float32, pl.Binary)
        return (column.cast(pl.String, strict=False) if as_text else column).to_list()


class Export:
    """Adds up the rows that are a model's.

    Attributes:
        charges: what was added up.
        periods: billing months that any row is of, the model's or not.
        keys: keys of tags that rows have, some of them, for those who have misspelt theirs.
        unread: the beginning of what stands for tags in a row and is none, where there is such a one.
    """

    def __init__(self, focus: Focus, columns: Columns) -> None:
        self._focus = focus
        self._columns = columns
        self.charges = Charges()
        self.periods: set[str] = set()
        self.keys: set[str] = set()
        self.unread: str | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Add the rows of a part of a file."""
        values = {name: self._columns.values(frame, name) for name in (AMOUNTS[self._focus.amount], "BillingCurrency", *_TIMES)}
        amounts, codes, periods, begins, ends = values.values()
        components = self._columns.values(frame, self._focus.component)
        categories, classes = (self._columns.values(frame, name) for name in _OPTIONAL)
        self.periods |= {_billing_month(time) for value in set(periods) if (time := time_of(value)) is not None}
        for row in self._of_the_model(frame):
            amount, code = amount_of(amounts[row]), codes[row]
            times = time_of(periods[row]), time_of(begins[row]), time_of(ends[row])
            if amount is None:
                self.charges.refuse("amount")
            elif not is_currency(code):
                self.charges.refuse("currency")
            elif None in times:
                self.charges.refuse("time")
            else:
                period, begin, end = (time or 0.0 for time in times)
                usage = categories[row] in (None, "Usage") and not classes[row]
                component = str(components[row] or NO_COMPONENT)[:MOST_CHARACTERS]
                self.charges.take(Charge(_billing_month(period), begin, end, component, code, amount, usage))

    def _of_the_model(self, frame: pl.DataFrame) -> Iterator[int]:
        focus = self._focus
        ids = self._columns.values(frame, "ResourceId") if focus.resource_ids else None
        tags = self._columns.values(frame, "Tags") if focus.tags else None
        known: dict[str, bool] = {}
        for row in range(frame.height):
            if ids is not None and not any(fnmatchcase(ids[row] or "", pattern) for pattern in focus.resource_ids):
                continue
            if tags is not None:
                value = tags[row]
                text = value if isinstance(value, str) else repr(value)
                if text not in known:
                    tags_of_row = tags_of(value)
                    if value and not tags_of_row and self.unread is None and text.strip() not in ("{}", "[]", ""):
                        self.unread = text[:MOST_CHARACTERS]
                    known[text] = self._has_tags(tags_of_row)
                if not known[text]:
                    continue
            yield row

    def _has_tags(self, tags: Mapping[str, str]) -> bool:
        if len(self.keys) < 100:  # noqa: PLR2004 - more than anybody reads
            self.keys |= tags.keys()
        return all(tags.get(key) == value for key, value in self._focus.tags.items())


def _billing_month(begin: float) -> str:
    return month_of(begin + AHEAD)


def tags_of(value: object) -> dict[str, str]:
    r"""Return tags by key: JSON as the specification has them, or a map of Parquet.

    Azure leaves out the braces. Spark writes a quote as a backslash and a quote, of which CSV leaves the backslash.

    >>> tags_of('{"model": "m", "tier": 1, "gpu": true}')
    {'model': 'm', 'tier': '1', 'gpu': 'true'}
    >>> tags_of('"model": "m","env": "prod"'), tags_of("{\\model\\:\\m\\}")
    ({'model': 'm', 'env': 'prod'}, {'model': 'm'})
    >>> tags_of([{"key": "model", "value": "m"}]), tags_of("none"), tags_of(None)
    ({'model': 'm'}, {}, {})
    """
    if isinstance(value, str):
        text = value.strip()
        if text.startswith('"'):
            text = "{" + text + "}"
        elif text.startswith("{\\"):
            text = text.replace("\\", '"')
        try:
            value = json.loads(text, strict=False)  # a line may end within a tag
        except ValueError:
            return {}
    if isinstance(value, list):
        value = {item["key"]: item.get("value") for item in value if isinstance(item, dict) and "key" in item}
    if not isinstance(value, dict):
        return {}
    return {str(key): text if isinstance(text, str) else json.dumps(text, default=str) for key, text in value.items()}


def time_of(value: object) -> float | None:
    """Return the Unix time of a date or time, of UTC where it does not say; None where it is none.

    >>> time_of("1970-01-01T01:00Z"), time_of("1970-01-02 00:00:00 UTC"), time_of("soon")
    (3600.0, 86400.0, None)
    """
    if isinstance(value, str):
        return _parsed(value)
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> float | None:
    try:
        time = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
