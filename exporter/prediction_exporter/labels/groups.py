"""Groups: what many predictions share - version, part, share of the sample, segments - and their classes, as codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.labels.keys import codes_of
from prediction_exporter.labels.names import Names

#: How many codes there are for what predictions of a horizon are of; what is beyond them is given up.
MOST_GROUPS = 50_000
MOST_CLASSES = 5_000
MOST_CELLS = 200_000

Codes = NDArray[np.int64]

#: Stands for a name that is one too many.
NONE = -1


class Group(NamedTuple):
    """What predictions share.

    Attributes:
        version: the model's version.
        part: what else names a prediction; None where nothing does.
        share: the share of predictions that was sampled.
        segments: a text for each segmenting column.
    """

    version: str | None
    part: str | None
    share: float
    segments: tuple[str | None, ...]

    @classmethod
    def from_text(cls, text: str) -> Group:
        """Return what was named like this."""
        version, part, share, *segments = json.loads(text)
        return cls(version, part, share, tuple(segments))

    def text(self) -> str:
        """Return a name that no other group has."""
        return json.dumps([self.version, self.part, self.share, *self.segments])


class Cell(NamedTuple):
    """What coverage is counted by, within a minute."""

    version: str | None
    part: str | None
    predicted: str | None


class Groups:
    """The codes of groups, classes and cells of one model."""

    def __init__(self) -> None:
        self.groups = Names(MOST_GROUPS)
        self.classes = Names(MOST_CLASSES)
        self.cells = Names(MOST_CELLS)
        self._parts: list[str | None] = []
        self._share = 0.0
        self._seen = -1

    def restore(self, stored: Mapping[str, Iterable[Any]]) -> None:
        """Take over what :meth:`to_json` gave."""
        self.groups.restore(stored["groups"])
        self.classes.restore(stored["classes"])
        self.cells.restore(stored["cells"])

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"groups": self.groups.to_json(), "classes": self.classes.to_json(), "cells": self.cells.to_json()}

    def forget_before(self, day: int) -> None:
        """Forget what no row of this day or a later one has."""
        for names in (self.groups, self.classes, self.cells):
            names.forget_before(day)

    def _look(self) -> None:
        if self._seen != self.groups.changes:
            known = [Group.from_text(text) for text in self.groups.texts().values()]
            self._parts = list(dict.fromkeys(group.part for group in known))
            self._share = max((group.share for group in known), default=0.0)
            self._seen = self.groups.changes

    def parts(self) -> list[str | None]:
        """Return the parts that predictions have."""
        self._look()
        return self._parts

    def largest_share(self) -> float:
        """Return the largest share that predictions were sampled by; 0 where there are none."""
        self._look()
        return self._share

    def group_codes(self, columns: Sequence[pl.Series | None], share: float, day: int) -> Codes:
        """Return the code of each row's group, int64 (n,), :data:`NONE` where there are too many.

        Args:
            columns: version, part and segments, String (n,); None for a part that no row has.
            share: the share that is sampled.
            day: the latest day of the rows.
        """
        rows: list[tuple[str | None, ...]] = [()]
        size = len(next(column for column in columns if column is not None))
        numbers = np.zeros(size, np.int64)
        for column in columns:
            distinct = [None] if column is None else column.unique().to_list()
            if column is None or len(distinct) == 1:
                rows = [(*row, distinct[0]) for row in rows]
                continue
            present, numbers = np.unique(numbers * len(distinct) + codes_of(column, distinct), return_inverse=True)
            rows = [(*rows[both // len(distinct)], distinct[both % len(distinct)]) for both in present.tolist()]
        codes = [self.groups.code(Group(row[0], row[1], share, row[2:]).text(), day) for row in rows]
        return np.array([NONE if code is None else code for code in codes], np.int64)[numbers]

    def class_codes(self, values: pl.Series, day: int) -> Codes:
        """Return the code of each class, int64 (n,), :data:`NONE` where there are too many."""
        distinct = values.unique().to_list()
        codes = [self.classes.code(text, day) for text in distinct]
        return np.array([NONE if code is None else code for code in codes], np.int64)[codes_of(values, distinct)]

    def cell_codes(self, groups: Codes, classes: Codes | None, day: int) -> Codes:
        """Return the cell of each row by its group and class, int64 (n,); None for numbers, which have no class."""
        texts, names = self.groups.texts(), self.classes.texts()
        both = groups << 32 if classes is None else groups << 32 | classes
        present, inverse = np.unique(both, return_inverse=True)
        codes = []
        for number in present.tolist():
            group = Group.from_text(texts[number >> 32])
            predicted = None if classes is None else names[number & 0xFFFF_FFFF]
            code = self.cells.code(json.dumps(Cell(group.version, group.part, predicted)), day)
            codes.append(NONE if code is None else code)
        return np.array(codes, np.int64)[inverse]

    def cell(self, code: int) -> Cell:
        """Return the cell of a code."""
        return Cell(*json.loads(self.cells.texts()[code]))

    def decoded(self, codes: NDArray[Any]) -> tuple[list[Group], NDArray[np.intp]]:
        """Return the groups of some codes, and which of them each code is of."""
        present, inverse = np.unique(codes, return_inverse=True)
        texts = self.groups.texts()
        return [Group.from_text(texts[code]) for code in present.tolist()], inverse


def series(texts: Sequence[str | None], places: NDArray[np.intp]) -> pl.Series:
    """Return texts at these places as a String series."""
    found = pl.Series(texts, dtype=pl.String)
    return found.gather(places) if len(places) else found.clear()
