"""Groups of rows: version and status in one number, and what is known of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, case, func, literal, or_

from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.outcomes import BEGINNINGS, WORDS, failures_of
from prediction_exporter.sources.table.expressions import Expression, whole
from prediction_exporter.sources.table.measures import Measures
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.spellings import Comparable, Form, Vocabulary, texts_of
from prediction_exporter.sources.values import versions_of

#: What a row's status may be.
ANSWERED, FAILED, UNKNOWN = range(3)

#: Codes of statuses.
_STATUSES = 3

#: The group of rows without an id.
REFUSED = -1


@dataclass
class Learned:
    """What is known of the values of a table's columns, for as long as its source is open.

    Attributes:
        categories: by column and form.
        statuses, versions: their codes.
        told: the columns of which it was told that they are not counted.
    """

    categories: dict[str, Vocabulary] = field(default_factory=dict)
    statuses: Vocabulary = field(default_factory=Vocabulary)
    versions: Vocabulary = field(default_factory=Vocabulary)
    told: set[str] = field(default_factory=set)


class Groups:
    """Which group each row belongs to.

    A group's number is that of its version times three, plus its status. The versions are numbered in the order in which they
    became known; the two numbers behind them are of rows that name none, and of all others.
    """

    def __init__(self, relation: Relation, measures: Measures, learned: Learned) -> None:
        schema = relation.schema
        self.learned = learned
        self._outcomes = schema.outcomes
        self._has_id = schema.id is not None
        self._id = measures.column(schema.id)
        self.version = self._comparable(measures, schema.version)
        self.status = self._comparable(measures, schema.status)

    @staticmethod
    def _comparable(measures: Measures, path: Path | None) -> Comparable | None:
        column = measures.column(path)
        return measures.comparable(path, column) if path is not None and column is not None else None

    def expression(self) -> Expression:
        """Return the number of each row's group."""
        position, status = self._position(), self._status()
        found = position
        if status is not None:
            found = status if position is None else position * whole(_STATUSES) + status
        elif position is not None:
            found = position * whole(_STATUSES)
        if self._has_id:
            present = found if found is not None else whole(0)
            return whole(REFUSED) if self._id is None else case((self._id.is_(None), whole(REFUSED)), else_=present)
        return found if found is not None else whole(0)

    def _position(self) -> Expression | None:
        if self.version is None:
            return None
        known = self.learned.versions.known
        cases = [(self.version.among([value]), whole(position)) for value, position in known.items()]
        return case((self.version.column.is_(None), whole(len(known))), *cases, else_=whole(len(known) + 1))

    def _status(self) -> Expression | None:
        if self.status is None:
            return None
        cases = [(self.status.among(found), whole(code)) for code, found in self.learned.statuses.by_code().items()]
        condition = self.may_succeed()
        if condition is not None:
            cases.append((~condition, whole(FAILED)))
        # Where only some values are stated to be failures, the rarest of very many others are none.
        rest = ANSWERED if self._outcomes.failed is not None and self.learned.statuses.is_full else UNKNOWN
        return case((self.status.column.is_(None), whole(ANSWERED)), *cases, else_=whole(rest))

    def may_succeed(self) -> ColumnElement[bool] | None:
        """Return whether a text may be a code, or a word for success: any other one is that of a failure; None if all may."""
        if self.status is None or self._outcomes.is_stated or self.status.form not in (Form.TEXT, Form.DYNAMIC):
            return None
        value = self.status.value
        is_code = func.substr(value, 1, 1).in_([literal(mark) for mark in "+-.0123456789 "])
        lower = self.status.lower()
        is_enumeration = func.substr(lower, 1, 4).in_([literal(beginning) for beginning in BEGINNINGS])
        return or_(is_code, is_enumeration, func.trim(lower).in_([literal(word) for word in sorted(WORDS)]))

    def texts(self) -> list[str | None]:
        """Return the version of each position, without the last one, of those that are not known."""
        known = list(self.learned.versions.known)
        texts = versions_of(pl.Series(texts_of(known), dtype=pl.String)).to_list() if known else []
        return [*texts, None]

    @staticmethod
    def parts(group: int) -> tuple[int, int]:
        """Return the position of a group's version, and its status."""
        return divmod(group, _STATUSES)

    def is_unknown_version(self, position: int) -> bool:
        """Return whether a position is that of the versions that are not known."""
        return self.version is not None and position > len(self.learned.versions.known)

    def learn_versions(self, values: Sequence[Any]) -> bool:
        """Put the versions of the time that is read in the place of those that were known; return whether any is new."""
        known = self.learned.versions.known
        fresh = {value: position for position, value in enumerate(dict.fromkeys(values))}
        is_new = not fresh.keys() <= known.keys()
        if is_new:
            self.learned.versions.known = fresh
        return is_new

    def learn_statuses(self, values: Sequence[Any]) -> bool:
        """Take up statuses; return whether any was not known."""

        def codes(new: Sequence[Any]) -> list[int]:
            failures = failures_of(pl.Series(texts_of(new), dtype=pl.String), self._outcomes)
            return [FAILED if failed else ANSWERED for failed in failures.tolist()]

        return self.learned.statuses.learn(values, codes)
