"""Layout: where the counts of each column lie in a profile's one flat array.

::

    counts = [ value bins of column 0 | of column 1 | ... | missing, invalid, non-finite of column 0 | ... | rows | outliers ]

so that merging is ``+=`` and a statistic of all columns is a handful of NumPy calls (``np.add.reduceat``).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from prediction_exporter.counting.categories import OTHER
from prediction_exporter.counting.events import STATES, ValueState
from prediction_exporter.counting.functions import Function
from prediction_exporter.counting.held import Held

#: The bin of a column that is watched for presence alone.
PRESENT = "present"


class Kind(StrEnum):
    """How a column's values are counted."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    PRESENCE = "presence"
    """Whether there is a value, and of the right type: one value bin."""


class Role(StrEnum):
    """What a column is to the model."""

    FEATURE = "feature"
    PREDICTION = "prediction"
    SCORE = "score"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a model and its bins, which the baseline fixes.

    Attributes:
        name: the column's name, unique within the model.
        role: feature, prediction or score.
        kind: numeric or categorical.
        edges: of a numeric column, the finite edges between its value bins, strictly increasing; the first bin is below the
            baseline's minimum and the last above its maximum.
        drift_edges: the edges between its drift bins, a subset of ``edges``: coarse bins for the distances.
        categories: of a categorical column, its table of canonical values, most frequent first; one more bin holds the rest.
        own_bins: of a categorical column, how many of its categories have a drift bin each; the rarer ones share that of the
            rest. None for all of them.
        heavy: of a numeric column, the values with a fine bin of their own.
        held: what the values of the baseline were.
        nan_is_missing: whether NaN counts as missing.
        of, function: of a derived column, the column that it is made of, and by what; ``held`` is what the values of that were.
        center, scale: of a numeric column, what its moments are taken about, in units of: they keep sums exact to rounding.
    """

    name: str
    role: Role
    kind: Kind
    edges: tuple[float, ...] = ()
    drift_edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0
    own_bins: int | None = None
    heavy: tuple[float, ...] = ()
    held: Held = Held.ANY
    nan_is_missing: bool = False
    of: str | None = None
    function: Function | None = None

    def __post_init__(self) -> None:
        for edges in (self.edges, self.drift_edges):
            if not all(map(math.isfinite, edges)) or any(a >= b for a, b in pairwise(edges)):
                raise ValueError(f"edges of {self.name} are not finite and strictly increasing")
        if not set(self.drift_edges) <= set(self.edges):
            raise ValueError(f"drift edges of {self.name} are no subset of its edges")
        if self.own_bins is not None and not 0 <= self.own_bins <= len(self.categories):
            raise ValueError(f"drift bins of {self.name} are more than its categories")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"categories of {self.name} are not unique")
        if not (math.isfinite(self.center) and math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"center and scale of {self.name} are not finite and positive")
        if (self.of is None) != (self.function is None) or (self.of is not None and self.kind is not Kind.NUMERIC):
            raise ValueError(f"{self.name} is not a number that a function makes of a column")

    @property
    def is_derived(self) -> bool:
        """Whether it is made of another column, whose absence is that one's and not its own."""
        return self.function is not None

    @property
    def bins(self) -> int:
        """Number of value bins."""
        return (len(self.edges) if self.kind is Kind.NUMERIC else len(self.categories)) + 1

    @property
    def is_number(self) -> bool:
        """Whether its values are read as numbers, and not as text."""
        return self.kind is Kind.NUMERIC or (self.kind is Kind.PRESENCE and self.held is Held.NUMBER)

    def state_of(self, state: ValueState) -> ValueState:
        """Return the state that a value is counted in: NaN is one that the column decides."""
        if state is not ValueState.NAN:
            return state
        return ValueState.MISSING if self.nan_is_missing else ValueState.NON_FINITE

    @property
    def ranged(self) -> bool:
        """Whether the baseline gave the column a range: a bin below it, at least one in it, and a bin above."""
        return len(self.edges) > 1

    @property
    def drift_starts(self) -> list[int]:
        """The value bin that each drift bin begins with."""
        if self.kind is not Kind.NUMERIC:
            return list(range(self.bins if self.own_bins is None else self.own_bins + 1))
        position = {edge: index for index, edge in enumerate(self.edges)}
        return [0, *(position[edge] + 1 for edge in self.drift_edges)]

    @property
    def drift_labels(self) -> list[str]:
        """The text of each drift bin, unique within the column and sorted as the bins are."""
        if self.kind is Kind.PRESENCE:
            return [PRESENT]
        if self.kind is Kind.CATEGORICAL:
            return [*self.value_labels[: self.own_bins], OTHER] if self.own_bins is not None else self.value_labels
        return interval_labels(self.drift_edges)

    @property
    def value_labels(self) -> list[str]:
        """The text of each value bin of a categorical column, unique within the column."""
        return [*map(_label, self.categories), OTHER]


class Layout:
    """The columns of a model and their offsets in a profile's arrays.

    Attributes:
        columns: the columns, in the order of the arrays.
        value_offsets: intp (C + 1,), where each column's value bins begin; the last entry is their total.
        drift_starts: intp (D,), the value bin that each drift bin of all columns begins with.
        drift_offsets: intp (C + 1,), where each column's drift bins begin among the D.
        numeric: intp (K,), indices of the numeric columns; row k of the moments belongs to ``numeric[k]``.
        width: length of the counts.
        profile_bytes: what a profile takes.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("column names are not unique")
        bins = [column.bins for column in self.columns]
        self.value_offsets = _offsets(bins)
        starts = [column.drift_starts for column in self.columns]
        self.drift_starts = np.array(
            [offset + start for offset, of_column in zip(self.value_offsets, starts, strict=False) for start in of_column],
            dtype=np.intp,
        )
        self.drift_offsets = _offsets([len(of_column) for of_column in starts])
        self.numeric = np.array([i for i, c in enumerate(self.columns) if c.kind is Kind.NUMERIC], dtype=np.intp)
        self.values = int(self.value_offsets[-1])
        self.rows_slot = self.values + len(STATES) * len(self.columns)
        self.outliers_slot = self.rows_slot + 1
        self.width = self.rows_slot + 2
        self.profile_bytes = 8 * self.width + 32 * len(self.numeric)
        self._of_kinds: dict[tuple[frozenset[Kind], bool], NDArray[np.bool_]] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    def of_kinds(self, kinds: frozenset[Kind], *, derived: bool = True) -> NDArray[np.bool_]:
        """Whether each column is of some kinds and, without ``derived``, not made of another, (C,), not to be written to."""
        if (kinds, derived) not in self._of_kinds:
            found = _mask([column.kind in kinds and (derived or not column.is_derived) for column in self.columns])
            self._of_kinds[kinds, derived] = found
        return self._of_kinds[kinds, derived]

    @cached_property
    def features(self) -> NDArray[np.bool_]:
        """Whether each column is a feature, (C,), not to be written to."""
        return _mask([column.role is Role.FEATURE for column in self.columns])

    @cached_property
    def ranged(self) -> NDArray[np.bool_]:
        """Whether the baseline gave each column a range, (C,), not to be written to."""
        return _mask([column.ranged for column in self.columns])

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """Center of each numeric column, (K,)."""
        return np.array([self.columns[i].center for i in self.numeric])

    @cached_property
    def scales(self) -> NDArray[np.float64]:
        """Scale of each numeric column, (K,)."""
        return np.array([self.columns[i].scale for i in self.numeric])

    @cached_property
    def digest(self) -> str:
        """A hash of everything that decides where a value is counted: equal digests, mergeable profiles."""
        content = [
            [
                *(c.name, c.role, c.kind, *map(_floats, (c.edges, c.drift_edges, (c.center, c.scale))), c.categories),
                *_beyond(c),
            ]
            for c in self.columns
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def index(self, name: str) -> int:
        """Return the position of a column; raises ValueError where there is none."""
        return self.names.index(name)


def _beyond(column: Column) -> list[object]:
    """Return what columns of former baselines do not have, so that their digests stay as they were."""
    extra: tuple[object, ...] = (column.own_bins, _floats(column.heavy), column.held, column.nan_is_missing)
    found = list(extra) if extra != (None, [], Held.ANY, False) else []
    return [*found, column.of, column.function] if column.is_derived else found


def _floats(numbers: Sequence[float]) -> list[float]:
    """Return numbers that are written the same way whether they came as integers or not."""
    return [float(number) for number in numbers]


def interval_labels(edges: Sequence[float]) -> list[str]:
    """Return the text of each bin between edges, sorted as the bins are.

    >>> interval_labels([0.5])
    ['0 [-Inf, 0.5)', '1 [0.5, +Inf)']
    """
    bounds = ["-Inf", *(format(edge, ".6g") for edge in edges), "+Inf"]
    digits = len(str(len(bounds) - 2))
    return [f"{i:0{digits}} [{a}, {b})" for i, (a, b) in enumerate(pairwise(bounds))]


def _label(category: str) -> str:
    """Return a category as a label value.

    One that is called like the bin of unseen values must not merge with it, and an empty label is none to Prometheus: these
    take an equals sign in front, and so does what would look like them then.
    """
    return f"={category}" if category.lstrip("=") in {"", OTHER} else category


def _mask(flags: Sequence[bool]) -> NDArray[np.bool_]:
    mask = np.array(flags, np.bool_)
    mask.flags.writeable = False  # it is shared by all who ask
    return mask


def _offsets(lengths: Sequence[int]) -> NDArray[np.intp]:
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.intp))).astype(np.intp)
