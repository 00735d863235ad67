"""Whether what is known of a source's fields is there: a name that no record has is a mistake, and reads like good news."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from math import inf, isfinite
from typing import Any

from prediction_exporter.config import Fields
from prediction_exporter.errors import in_short
from prediction_exporter.sources.fields.attributed import ATTRIBUTIONS, common_place
from prediction_exporter.sources.fields.made import MADE
from prediction_exporter.sources.fields.names import LIST_ITEM, flatten
from prediction_exporter.sources.fields.passed import Passed
from prediction_exporter.sources.fields.placed import PlacesSeen
from prediction_exporter.sources.fields.roles import meant
from prediction_exporter.sources.fields.schema import EventSchema, lookup, path_text
from prediction_exporter.sources.fields.stated import Stated, stated, within
from prediction_exporter.sources.fields.steps import labelled
from prediction_exporter.sources.outcomes import is_set_on_failure

Records = Sequence[Mapping[str, Any]]

#: Records that a ratio is of, more or less: the weight of older ones is halved when there are twice as many.
RECENT_RECORDS = 1000

#: Names of fields that a message shows, and those that it is about.
MOST_SHOWN, MOST_NAMED = 30, 5

#: Fields that are compared with the names of the records for one that is close, and names that each is compared with: some
#: microseconds a pair.
MOST_HINTS, HINT_NAMES = 20, 2000

#: What a value has to be, by the role of its field.
_KINDS = {"sums": "an amount", ATTRIBUTIONS: "a number"}

_ABSENT = object()


def value_at(record: Any, name: str) -> Any:
    """Return what a record has under a name, as configuration writes it; :data:`_ABSENT` where it has no such field."""
    if type(record) is dict and name in record:  # most are, and asking whether they are mappings takes longer
        return record[name]
    if isinstance(record, list):
        return _value_in(record, name)
    if isinstance(record, Mapping):
        if name in record:
            return record[name]
        for dot in re.finditer(r"\.", name):
            head = name[: dot.start()]
            inside = value_at(record[head], name[dot.end() :]) if head in record else _ABSENT
            if inside is not _ABSENT:
                return inside
    item = LIST_ITEM.fullmatch(name)
    if item is not None:
        values = value_at(record, item.group(1))
        while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
            [values] = values
        if isinstance(values, list) and int(item.group(2)) < len(values):
            return values[int(item.group(2))]
    return _ABSENT


def _value_in(items: list[Any], name: str) -> Any:
    """Return what stands under a name in the only item of a list, or beside it as a label."""
    if len(items) == 1:
        found = value_at(items[0], name)
        if found is not _ABSENT:
            return found
    step = next((step for step in labelled([items]) if step.label == name), None)
    return _ABSENT if step is None else lookup({name: items}, (name, step))


def is_duration(value: Any) -> bool:
    """Return whether a value is read as a duration."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, timedelta):
        return value >= timedelta()
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return False
    try:
        return 0 <= float(value) < inf
    except (ValueError, OverflowError):
        return False


def is_contribution(value: Any) -> bool:
    """Return whether a value is read as an attribution: a number of any sign."""
    try:
        return not isinstance(value, bool) and isinstance(value, int | float | str | Decimal) and isfinite(float(value))
    except (ValueError, OverflowError):
        return False


class FieldsSeen:
    """How often the fields that the configuration names, and a latency that was recognised, stand in records.

    Args:
        fields: what the configuration says.
        passed: counts what passes a filter, where there is one; only that is counted here.
        places: counts what records have that hold several predictions, where there are such.
    """

    def __init__(self, fields: Fields, passed: Passed | None = None, places: PlacesSeen | None = None) -> None:
        self._passed = passed
        self._places = places
        # A field that is written on failure alone is rightly absent while all goes well.
        self._fields = fields
        named = list(stated(fields))
        self._rare = [one for one in named if one.role == "status" and is_set_on_failure(one.name)]
        self._looked_for = [one for one in named if one not in self._rare]
        self._is_latency_stated = fields.latency is not None
        self._holders = {one for one in named if one.role == ATTRIBUTIONS and one.name == fields.attributions}
        self._records = 0.0
        self._has_values = False
        self._seen: set[Stated] = set()
        self._any: dict[str, float] = {}
        self._odd: dict[Stated, str] = {}
        self._names: tuple[str, ...] = ()
        self._named = 0.0  # how many records were counted when these were taken
        self._hints: dict[Stated, str] = {}

    def count(self, records: Records, schema: EventSchema | None, *, has_values: bool = True, has_names: bool = True) -> None:
        """Count records of requests that did not fail.

        Args:
            records: the records.
            schema: which field is what.
            has_values: whether they have values; those of a file's or a table's schema have names alone.
            has_names: whether they have all names, and not only those that are asked for.
        """
        if not records:
            return
        self._add(len(records), has_values=has_values)
        self._look_for_what_is_in(schema)
        self._look_for(records, has_values=has_values)
        # Names are told in messages alone, and do not change with each batch.
        if has_names and self._records >= 2 * self._named and any(one not in self._seen for one in self._looked_for):
            self._names = tuple(name for name in flatten(records) if name not in MADE)
            self._named = self._records
            self._hints.clear()

    def count_read(self, records: int, schema: EventSchema, *, have_latency: bool) -> bool:
        """Count records by what was read of them, if that is enough, and return whether it is.

        It is where all of them have what is looked for, and where that was met before: a latency, or nothing at all.
        """
        self._look_for_what_is_in(schema)
        if any(one.role != "latency" or one not in self._seen or not have_latency for one in self._looked_for):
            return False
        if records:
            self._add(records, has_values=True)
            self._any |= {one.role: self._any.get(one.role, 0) + records for one in self._looked_for}
        return True

    def _add(self, records: int, *, has_values: bool) -> None:
        if self._records >= 2 * RECENT_RECORDS:
            self._records, self._named = self._records / 2, self._named / 2
            # What has not been there for long is at 0, as what never was.
            self._any = {role: count / 2 if count >= 1 else 0.0 for role, count in self._any.items()}
        self._records += records
        self._has_values |= has_values

    def _look_for_what_is_in(self, schema: EventSchema | None) -> None:
        """Look for a latency that was recognised, and for each attribution where only what they have in common is named."""
        if schema is None:
            return
        if not self._is_latency_stated and schema.latency is not None:
            self._replace("latency", [Stated("latency", "latency", path_text(schema.latency))])
        if schema.attributions and (common := common_place(self._fields)) is not None:
            self._replace(ATTRIBUTIONS, [Stated(ATTRIBUTIONS, common, path_text(at)) for at in schema.attributions.values()])

    def _replace(self, role: str, named: Sequence[Stated]) -> None:
        self._looked_for = [*(one for one in self._looked_for if one.role != role), *named]

    def _look_for(self, records: Records, *, has_values: bool) -> None:
        """Count for each role the records that have a field of it."""
        met: dict[str, list[Stated]] = {}
        for one in self._looked_for:
            if one in self._seen:
                met.setdefault(one.role, []).append(one)
        missed = [one for one in self._looked_for if one not in self._seen]
        for record in records:
            new = [one for one in missed if self._is_seen(one, record, has_values=has_values)]
            for one in new:
                missed.remove(one)
                met.setdefault(one.role, []).append(one)
            # Of a long list of features it is enough to have met each once, and one of them in this record.
            for role, known in met.items():
                if any(self._is_seen(one, record, has_values=has_values) for one in known):
                    self._any[role] = self._any.get(role, 0) + 1
            self._seen.update(new)

    def _is_seen(self, one: Stated, record: Mapping[str, Any], *, has_values: bool) -> bool:
        if one.pattern is not None:
            return any(one.pattern.class_of(name) is not None for name in flatten([record]))
        value = value_at(record, one.name)
        is_read = self._reader(one)
        if is_read is not None and has_values and value is not _ABSENT:
            if not is_read(value):
                if value is not None:
                    self._odd.setdefault(one, repr(value)[:50])
                return False
            return True
        return value is not _ABSENT

    def _reader(self, one: Stated) -> Callable[[Any], bool] | None:
        """Return what tells whether a value of a field can be read, where it has to be a number."""
        if one.role == ATTRIBUTIONS:
            return None if one in self._holders else is_contribution
        return is_duration if one.role == "latency" or (one.is_measured and not one.key.endswith((".from", ".to"))) else None

    def ratios(self) -> dict[str, float]:
        """Return the share of the newest records that have each field; of listed features, any of them.

        That of ``where`` is the share of all records that pass the filter, and those of ``rows`` of all that have its places.
        """
        share = None if self._passed is None else self._passed.ratio()
        whole = ({} if share is None else {"where": share}) | ({} if self._places is None else self._places.ratios())
        if not self._records:
            return whole
        return whole | {
            role: self._any.get(role, 0) / self._records for role in dict.fromkeys(one.role for one in self._looked_for)
        }

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence for each field that no record has, and for a filter that none passes, with their places."""
        whole = tuple(told for one in (self._passed, self._places) if one is not None for told in one.unseen())
        if not self._records:
            return whole
        missed: dict[tuple[str, bool], list[Stated]] = {}  # of attributions, many have one place in the configuration
        for one in self._looked_for:
            if one not in self._seen:
                missed.setdefault((one.key, one in self._odd), []).append(one)
        return whole + tuple(self._sentence(alike) for alike in missed.values())

    def remarks(self, records: Records) -> tuple[str, ...]:
        """Return what no record has and may well be absent."""
        return tuple(
            f"fields.{one.key}: no sampled record has {one.name}; a request fails where it is set"
            for one in self._rare
            if all(value_at(record, one.name) is _ABSENT for record in records)
        )

    def _sentence(self, alike: Sequence[Stated]) -> str:
        one, what = alike[0], in_short([one.name for one in alike], MOST_NAMED)
        holder = next(iter(self._holders), None)
        if one.role == ATTRIBUTIONS and holder is not None and not within(self._names, [holder.name]):
            one, what = holder, holder.name
        if one in self._odd:
            kind, odd = _KINDS.get(one.role.partition(".")[0], "a duration"), self._odd[one]
            if one.role == ATTRIBUTIONS and odd.startswith("["):
                return f"fields.{one.key}: {what} are lists, such as {odd}; name one item of each: {{FEATURE: {one.name}[0]}}"
            return f"fields.{one.key}: no value of {what} is {kind}, such as {odd}; have it written as a number"
        if self._reader(one) is not None:
            what = f"a value of {what}"
        count = f"none of {self._records:.0f} records has" if self._records > 1 else "the one record lacks"
        if not self._has_values:
            count = "there is no column"
        nested = "; a list inside of a list is read where it is alone" if "][" in one.name else ""
        if one not in self._hints:
            self._hints[one] = self._hint(one) if len(self._hints) < MOST_HINTS else ""
        shown = ", ".join(self._names[:MOST_SHOWN])
        names = f"{'they have' if self._has_values else 'columns'}: {shown}"
        return f"fields.{one.key}: {count} {what}{nested}{self._hints[one]} ({names})"

    def _hint(self, one: Stated) -> str:
        if "*" in one.name and one.pattern is None and one.role == "score":
            return f'; a pattern is written score: {{pattern: "{one.name}"}}'
        if one.role == ATTRIBUTIONS and any(other.role == ATTRIBUTIONS for other in self._seen):
            return "; where that is right, name the others: {FEATURE: FIELD}"
        if one.role == ATTRIBUTIONS and f"{self._fields.attributions}[0]" in self._names:
            return f"; they have no names there, so name each: {{FEATURE: {self._fields.attributions}[0]}}"
        # What has null everywhere is there.
        return "" if one.name in self._names else meant(one, self._names[:HINT_NAMES], self._fields)
