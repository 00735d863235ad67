"""Measures: what is counted of each row, in SQL: numbers, codes of categories, and the group that the row belongs to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, null, or_

from prediction_exporter.counting.events import ValueState
from prediction_exporter.counting.layout import Column, Kind, Role
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.context import SourceContext
from prediction_exporter.sources.fields.schema import UNITS, ColumnField, Path, path_text
from prediction_exporter.sources.table.amounts import Amount
from prediction_exporter.sources.table.derived import Place as DerivedPlace
from prediction_exporter.sources.table.derived import UncountedError, expression_of
from prediction_exporter.sources.table.dialects import Dialect
from prediction_exporter.sources.table.expressions import (
    LARGEST,
    Deviation,
    Expression,
    bins,
    finite,
    is_nan,
    seconds,
    whole,
)
from prediction_exporter.sources.table.relation import Relation
from prediction_exporter.sources.table.slots import Bins, Slots
from prediction_exporter.sources.table.spellings import Categories, Comparable, Form, Vocabulary

_BOOLEANS = {"true", "false"}


@dataclass(frozen=True, eq=False)
class Number:
    """A number of each row.

    Attributes:
        label: its name in SQL.
        value: the number as a double.
        absent: slot of a row without it; None where that is one that is missing.
        invalid: the slot that it may be else.
        bins: where it is counted.
        moments: its index among those of a profile, and what they are of.
        total: its index among the plain sums.
        is_whole: whether every number is finite.
    """

    label: str
    value: Expression
    absent: Expression | None = None
    invalid: int | None = None
    bins: tuple[Bins, ...] = ()
    moments: tuple[int, Deviation] | None = None
    total: int | None = None
    is_whole: bool = False

    def slot(self, columns: Any, bins_: Bins, dialect: Dialect) -> Expression:
        """Return the slot of each row, from a relation that has the number under its label."""
        value = columns[self.label]
        absent = whole(bins_.missing)
        if self.absent is not None and bins_ is self.bins[0]:
            absent = columns[f"{self.label}_absent"]
        cases = [(value.is_(None), absent)]
        if not self.is_whole:
            if bins_.nan != bins_.non_finite:
                cases.append((is_nan(value, dialect), whole(bins_.nan)))
            cases.append((~finite(value, dialect), whole(bins_.non_finite)))
        return case(*cases, else_=bins(value, bins_.edges, dialect, bins_.first))

    def missing(self, dialect: Dialect) -> ColumnElement[bool]:
        """Return whether the number is missing in its first bins, from a relation of which it is made."""
        bins_ = self.bins[0]
        nothing: ColumnElement[bool] = self.value.is_(None)
        if self.absent is not None:
            nothing = and_(nothing, self.absent == whole(bins_.missing))
        return nothing if self.is_whole or bins_.nan != bins_.missing else or_(nothing, is_nan(self.value, dialect))

    def finite(self, columns: Any, dialect: Dialect) -> Expression:
        """Return the number where it is finite, else null."""
        value: Expression = columns[self.label]
        return value if self.is_whole else case((finite(value, dialect), value), else_=null())

    def expressions(self) -> list[Expression]:
        """Return what such a relation selects."""
        absent = [] if self.absent is None else [self.absent.label(f"{self.label}_absent")]
        return [self.value.label(self.label), *absent]


@dataclass(frozen=True, eq=False)
class Code:
    """A slot of each row.

    Attributes:
        label: its name in SQL.
        expression: gives the slot, by what is known then.
        possible: the slots that it may be.
    """

    label: str
    expression: Callable[[], Expression]
    possible: tuple[int, ...]


class Measures:
    """What is counted of each row of a relation.

    Args:
        context: the model.
        dialect: the kind of database.
        relation: the table.
        slots: where the counts go.
        vocabularies: what is known of the values of each categorical column, by name.

    Raises:
        ConfigError: a column cannot be counted in the database.

    Attributes:
        numbers: the numbers.
        amounts: what is added up.
        codes: the slots that need no number, by the index of their column.
        categories: the categorical columns that the table has, by index.
        absent: indices of the columns that the table lacks, and of those that the database cannot count.
        uncounted: why it cannot, by the name of the column; only what is made of others is left out so.
    """

    def __init__(
        self, context: SourceContext, dialect: Dialect, relation: Relation, slots: Slots, vocabularies: dict[str, Vocabulary]
    ) -> None:
        self._where = f"{context.where}.predictions.fields"
        self._dialect = dialect
        self._relation = relation
        self._slots = slots
        self._vocabularies = vocabularies
        self.numbers: list[Number] = []
        self.codes: dict[int, Code] = {}
        self.categories: dict[int, Categories] = {}
        self.amounts: list[Amount] = []
        self.absent: list[int] = []
        self.uncounted: dict[str, str] = {}
        self._ranged: list[tuple[str, Column]] = []
        self._blank: list[Callable[[], ColumnElement[bool]]] = []
        fields = {of_one.name: of_one for of_one in relation.schema.columns}
        for index, column in enumerate(context.layout.columns if context.layout is not None else ()):
            self._add(index, column, fields[column.name])
        self._add_latency()
        for place, (name, path) in enumerate(relation.schema.sums.items()):
            self.amounts.append(self._amount(name, f"pe_a{place}", path))

    def column(self, path: Path | None) -> Expression | None:
        """Return the column that a field stands in.

        Raises:
            ConfigError: it stands inside of a column.
        """
        if path is not None and len(path) > 1:
            raise ConfigError(
                f"{self._where}: {path_text(path)} is inside of a column, which the database does not look into: "
                "write a query that selects it, or mode: rows"
            )
        return self._relation.column(path)

    def comparable(self, path: Path, column: Expression) -> Comparable:
        """Return how a column's values are compared."""
        return Comparable(column, Form.of(self._relation.samples[str(path[0])], self._dialect), self._dialect)

    # Columns

    def _add(self, index: int, column: Column, place: ColumnField) -> None:
        found = self.column(place.path)
        if found is None:
            self.absent.append(index)
        elif column.is_derived:
            self._add_derived(index, column, place.path, found)
        elif column.is_number:
            self._add_number(index, column, place.path, found)
        else:
            self._add_categories(index, column, place.path, found)

    def _add_categories(self, index: int, column: Column, path: Path, found: Expression) -> None:
        slots = self._slots
        comparable = self.comparable(path, found)
        categories = Categories(
            comparable,
            column,
            self._vocabularies.setdefault(f"{column.name} {comparable.form.name}", Vocabulary()),
            is_boolean=not self._dialect.has_booleans and bool(column.categories) and set(column.categories) <= _BOOLEANS,
            dialect=self._dialect,
        )
        self.categories[index] = categories
        self._blank.append(lambda: categories.missing(nan=column.nan_is_missing))
        missing, suspect = slots.state(index, ValueState.MISSING), slots.suspect(index)
        self.codes[index] = Code(
            f"pe_c{index}",
            lambda: categories.expression(lambda code: slots.code(index, code), missing, suspect),
            tuple({*(slots.code(index, code) for code in range(column.bins + len(ValueState) - 1)), suspect}),
        )

    def _add_number(self, index: int, column: Column, path: Path, found: Expression) -> None:
        slots = self._slots
        samples = self._relation.samples[str(path[0])]
        missing, invalid = slots.state(index, ValueState.MISSING), slots.state(index, ValueState.INVALID)
        if not self._dialect.is_dynamic and samples and isinstance(samples[0], bool):
            states = case((found.is_(None), whole(missing)), else_=whole(invalid))
            self.codes[index] = Code(f"pe_c{index}", lambda: states, (missing, invalid))
            self._blank.append(lambda: found.is_(None))
            return
        form = self._number_form(path, samples)
        of_column = [slots.column(index)]
        if column.name in slots.scores:
            of_column.append(slots.scores[column.name])
        if column.name == slots.value_name:
            of_column.append(slots.values)
        assert slots.layout is not None  # noqa: S101 - it has the column that is measured
        number = Number(
            f"pe_x{index}",
            self._double(found, column),
            absent=self._absent(found, missing, invalid, column) if self._dialect.is_dynamic else None,
            invalid=invalid if self._dialect.is_dynamic else None,
            bins=tuple(of_column),
            moments=(int(slots.layout.numeric.searchsorted(index)), Deviation.of(column))
            if column.kind is Kind.NUMERIC
            else None,
            total=slots.totals.index(column.name) if column.name in slots.totals else None,
            is_whole=form is Form.INTEGER or not self._dialect.has_non_finite,
        )
        self.numbers.append(number)
        self._blank.append(partial(number.missing, self._dialect))
        if column.ranged and column.role is Role.FEATURE:
            self._ranged.append((number.label, column))

    def _add_derived(self, index: int, column: Column, path: Path, found: Expression) -> None:
        place = DerivedPlace(column, self.comparable(path, found), self._relation.samples[str(path[0])])
        value = None
        try:
            value = expression_of(place, self._relation, self._dialect)
        except UncountedError as reason:
            self.uncounted[column.name] = str(reason)
        if value is None:
            self.absent.append(index)
            return
        assert self._slots.layout is not None  # noqa: S101 - it has the column that is measured
        moments = (int(self._slots.layout.numeric.searchsorted(index)), Deviation.of(column))
        number = Number(f"pe_x{index}", value, bins=(self._slots.column(index),), moments=moments, is_whole=True)
        self.numbers.append(number)
        self._blank.append(partial(number.missing, self._dialect))
        if column.ranged and column.role is Role.FEATURE:
            self._ranged.append((number.label, column))

    def _absent(self, found: Expression, missing: int, invalid: int, column: Column) -> Expression:
        """Return the slot of what is no number, where values are of any type; the word for NaN is no number there."""
        nothing: ColumnElement[bool] = found.is_(None)
        if column.nan_is_missing:
            nothing = or_(nothing, and_(func.typeof(found) == literal("text"), func.lower(found) == literal("nan")))
        return case((nothing, whole(missing)), else_=whole(invalid))

    def _double(self, found: Expression, column: Column) -> Expression:
        """Return a column as doubles; where values are of any type, NaN is a word, and nothing if it counts as missing."""
        value = self._dialect.double(found)
        if not (self._dialect.is_dynamic and column.nan_is_missing):
            return value
        return case((func.lower(found) == literal("nan"), null()), else_=value)

    def _number_form(self, path: Path, samples: Sequence[Any]) -> Form:
        """Return the form of a column of numbers; of one that has no values yet they are taken for numbers."""
        form = Form.of(samples, self._dialect) if samples else Form.FLOAT
        if form not in (Form.INTEGER, Form.FLOAT, Form.DYNAMIC):
            raise ConfigError(
                f"{self._where}: {path_text(path)} holds {type(samples[0]).__name__}, for instance {str(samples[0])[:50]!r}, "
                "and aggregate mode needs a number there: write a query that casts it, or mode: rows"
            )
        return form

    def _add_latency(self) -> None:
        schema = self._relation.schema
        found = self.column(schema.latency)
        if schema.latency is None or found is None:
            return
        self._number_form(schema.latency, self._relation.samples[str(schema.latency[0])])
        value = seconds(self._dialect.double(found), UNITS[schema.latency_unit] / UNITS["s"], self._dialect)
        self.numbers.append(Number("pe_d", value, bins=(self._slots.durations,), total=0, is_whole=True))

    def missing(self) -> list[ColumnElement[bool]]:
        """Return, of each column that the table has, whether it counts as missing in a row."""
        return [is_missing() for is_missing in self._blank]

    def _amount(self, name: str, label: str, path: Path) -> Amount:
        found = self.column(path)
        if found is None:
            return Amount(name, label, None, None)
        samples = self._relation.samples[str(path[0])]
        if not self._dialect.is_dynamic and samples and isinstance(samples[0], bool):
            return Amount(name, label, found, None)
        self._number_form(path, samples)
        return Amount(name, label, found, self._dialect.double(found))

    # Of a relation that has the numbers under their labels

    def outlier(self, columns: Any) -> list[ColumnElement[bool]]:
        """Return the conditions of which an outlier fulfils any: a number in the first or the last bin of a feature."""
        number = self._dialect.number
        found: list[ColumnElement[bool]] = []
        for label, column in self._ranged:
            value = columns[label]
            if column.edges[0] > -LARGEST:
                found.append(value.between(number(-LARGEST), number(math.nextafter(column.edges[0], -math.inf))))
            found.append(value.between(number(column.edges[-1]), number(LARGEST)))
        return found

    @property
    def outlier_numbers(self) -> list[Number]:
        """Return the numbers that an outlier is told by."""
        labels = {label for label, _ in self._ranged}
        return [number for number in self.numbers if number.label in labels]
