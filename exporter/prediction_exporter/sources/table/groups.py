"""Groups of rows: version, stage and status in one number, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, case, func, literal, or_

from prediction_exporter.counting.breakdowns import CLASSES, STAGES
from prediction_exporter.sources.fields.schema import Path
from prediction_exporter.sources.outcomes import (
    ANSWERED,
    BEGINNINGS,
    FAILED,
    OUTCOMES,
    REFUSED,
    WORDS,
    code_of,
    no_status,
    status_code,
)
from prediction_exporter.sources.stages import NO_STAGE, stages_of_texts
from prediction_exporter.sources.table.expressions import Expression, whole
from prediction_exporter.sources.table.measures import Measures
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.spellings import Comparable, Form, Vocabulary, texts_of
from prediction_exporter.sources.values import versions_of

#: Statuses of rows: success and failure of which nothing else is told, and what is not known yet. Each is a code as
#: :func:`~prediction_exporter.sources.outcomes.status_code` gives it.
_ANSWERED, _FAILED = code_of("success", ANSWERED), code_of("error", FAILED)
_UNKNOWN_STATUS = OUTCOMES * len(CLASSES)
_STATUSES = _UNKNOWN_STATUS + 1

#: The stage of rows of which it is not known yet, behind those of ``STAGES``.
_UNKNOWN_STAGE = len(STAGES)
_STAGES = _UNKNOWN_STAGE + 1

#: The group of rows without an id: above all others, as ClickHouse has no type of -1 and of what is never negative.
NO_ID = 1_000_000_000


@dataclass
class Learned:
    """What is known of the values of a table's columns, for as long as its source is open.

    Attributes:
        categories: by column and form.
        statuses, stages, versions: their codes.
        told: the columns of which it was told that they are not counted.
    """

    categories: dict[str, Vocabulary] = field(default_factory=dict)
    statuses: Vocabulary = field(default_factory=Vocabulary)
    stages: Vocabulary = field(default_factory=Vocabulary)
    versions: Vocabulary = field(default_factory=Vocabulary)
    told: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Kind:
    """What rows of a group have in common.

    Attributes:
        position: of their version, in the order in which versions became known; the two positions behind these are of rows that
            name none, and of all others.
        failed: whether their requests failed.
        refused: whether they were refused by their caller's fault.
        status: position of their status in ``CLASSES``; of rows whose status is not known, that of errors.
        stage: position of their stage in ``STAGES``; of rows whose stage is not known, that of other ones.
        asks_status, asks_stage: whether it is not known.
    """

    position: int
    failed: bool
    refused: bool
    status: int
    stage: int
    asks_status: bool
    asks_stage: bool


class Groups:
    """Which group each row belongs to: a number made of the version's position, the stage and the status, as digits."""

    def __init__(self, relation: Relation, measures: Measures, learned: Learned) -> None:
        schema = relation.schema
        self.learned = learned
        self._outcomes = schema.outcomes
        self._has_id = schema.id is not None
        self._id = measures.column(schema.id)
        self.version = self._comparable(measures, schema.version)
        self.status = self._comparable(measures, schema.status)
        self.stage = self._comparable(measures, schema.stage)

    @staticmethod
    def _comparable(measures: Measures, path: Path | None) -> Comparable | None:
        column = measures.column(path)
        return measures.comparable(path, column) if path is not None and column is not None else None

    def expression(self) -> Expression:
        """Return the number of each row's group."""
        found = self._position()
        for digits, digit in ((_STAGES, self._stage()), (_STATUSES, self._status())):
            if found is not None:
                found = found * whole(digits)
            if digit is not None:
                found = digit if found is None else found + digit
        if self._has_id:
            present = found if found is not None else whole(0)
            return whole(NO_ID) if self._id is None else case((self._id.is_(None), whole(NO_ID)), else_=present)
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
            cases.append((~condition, whole(_FAILED)))
        # Where only some values are stated to be failures, the rarest of very many others are none.
        rest = _ANSWERED if self._outcomes.failed is not None and self.learned.statuses.is_full else _UNKNOWN_STATUS
        return case((self.status.column.is_(None), whole(no_status(self._outcomes))), *cases, else_=whole(rest))

    def _stage(self) -> Expression | None:
        if self.stage is None:
            return None
        cases = [(self.stage.among(found), whole(code)) for code, found in self.learned.stages.by_code().items()]
        return case((self.stage.column.is_(None), whole(NO_STAGE)), *cases, else_=whole(_UNKNOWN_STAGE))

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

    def kind(self, group: int) -> Kind:
        """Return what a group's number says."""
        rest, status = divmod(group, _STATUSES)
        position, stage = divmod(rest, _STAGES)
        if self.status is None:
            status = no_status(self._outcomes)
        if self.stage is None:
            stage = NO_STAGE
        asks_status, asks_stage = status == _UNKNOWN_STATUS, stage == _UNKNOWN_STAGE
        of_class, became = divmod(_FAILED if asks_status else status, OUTCOMES)
        return Kind(
            position=position,
            failed=became == FAILED,
            refused=became == REFUSED,
            status=of_class,
            stage=STAGES.index("other") if asks_stage else stage,
            asks_status=asks_status,
            asks_stage=asks_stage,
        )

    @property
    def knows_refusals(self) -> bool:
        """Whether any status is known that means that a request was refused."""
        return any(code % OUTCOMES == REFUSED for code in self.learned.statuses.known.values())

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
            none = no_status(self._outcomes)
            return [none if text is None else status_code(text, self._outcomes) for text in texts_of(new)]

        return self.learned.statuses.learn(values, codes)

    def learn_stages(self, values: Sequence[Any]) -> bool:
        """Take up stages; return whether any was not known."""
        return self.learned.stages.learn(values, lambda new: stages_of_texts(texts_of(new)))
