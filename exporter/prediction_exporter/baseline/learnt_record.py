"""What a replay taught, as it stands in a baseline file."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from prediction_exporter.baseline.inflation import Inflation
from prediction_exporter.counting.layout import Column
from prediction_exporter.errors import BaselineError
from prediction_exporter.evidence.learnt import LEAST_TOLERANCE, SEASONS, Learnt
from prediction_exporter.evidence.replay import DAY
from prediction_exporter.evidence.scores import column_scores


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReplayRecord(_Strict):
    """What was replayed: of a whole file."""

    days: int = Field(ge=1)
    folds: int = Field(ge=1)
    unit: Literal["hour", "day"]
    timezone: str

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, ZoneInfoNotFoundError) as error:
            raise ValueError(f"{name} is no time zone that this machine knows") from error
        return name


class LearntRecord(_Strict):
    """What was learnt of a column: lists have a number for each of its scores, ``counts`` a list of cells for each hour."""

    hours: Literal[1, 24, 168] = 1
    copies: Literal[1, 24] = 1
    first: tuple[FiniteFloat, ...]
    effect: tuple[FiniteFloat, ...]
    tolerance: tuple[FiniteFloat, ...]
    counts: tuple[tuple[int, ...], ...] = ()

    @field_validator("first", "effect")
    @classmethod
    def _at_least_one(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(value < 1.0 for value in values):
            raise ValueError("is less than 1")
        return values

    @field_validator("tolerance")
    @classmethod
    def _at_least_the_least(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(value < LEAST_TOLERANCE for value in values):
            raise ValueError(f"is less than {LEAST_TOLERANCE}")
        return values


class InflationRecord(_Strict):
    """What windows of a column read: each statistic's list has a number for each length of window."""

    hours: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    levels: dict[str, tuple[Annotated[FiniteFloat, Field(ge=0)], ...]]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if any(a >= b for a, b in pairwise(self.hours)):
            raise ValueError("hours do not increase")
        if any(len(levels) != len(self.hours) for levels in self.levels.values()):
            raise ValueError(f"levels are not of the {len(self.hours)} lengths of window")
        return self

    @classmethod
    def of(cls, inflation: Inflation) -> Self:
        """Return the file's form of what was measured."""
        return cls(hours=inflation.hours, levels=dict(inflation.levels))

    def to_inflation(self) -> Inflation:
        """Return what was measured."""
        return Inflation(self.hours, self.levels)


def to_record(learnt: Learnt) -> LearntRecord | None:
    """Return the file's form of what was learnt; None of nothing."""
    if not learnt.replayed:
        return None
    assert learnt.hours in SEASONS  # noqa: S101 - what a file may say
    counts = () if learnt.by_slot is None else learnt.by_slot.tolist()
    return LearntRecord.model_validate(
        {
            "hours": learnt.hours,
            "copies": learnt.copies,
            "first": learnt.first.tolist(),
            "effect": learnt.effect.tolist(),
            "tolerance": learnt.tolerance.tolist(),
            "counts": counts,
        }
    )


def to_learnt(record: LearntRecord | None, column: Column, whole: NDArray[np.int64]) -> Learnt:
    """Return what a file says was learnt of a column.

    Args:
        record: what it says; None where it says nothing.
        column: the column.
        whole: int64 (B,), the rows of the baseline in each of its cells.

    Raises:
        BaselineError: it does not fit the column.
    """
    scores = column_scores(column, whole[None])
    if record is None:
        return Learnt.nothing(scores)
    for key in ("first", "effect", "tolerance"):
        found = len(getattr(record, key))
        if found != len(scores.names):
            raise BaselineError(f"column {column.name}: learnt: {key} has {found} numbers for {len(scores.names)} scores")
    return Learnt(
        record.hours,
        _counts(record, column, whole),
        np.array(record.first),
        np.array(record.effect),
        np.array(record.tolerance),
        replayed=True,
        copies=record.copies,
    )


def _counts(record: LearntRecord, column: Column, whole: NDArray[np.int64]) -> NDArray[np.int64] | None:
    place = f"column {column.name}: learnt: counts"
    slots = record.hours // record.copies if record.hours > 1 else 0
    if len(record.counts) != slots or (record.copies == DAY and record.hours != SEASONS[-1]):
        raise BaselineError(f"{place} are of {len(record.counts)} hours or days, and the season has {slots}")
    if not slots:
        return None
    if {len(of_hour) for of_hour in record.counts} != {len(whole)}:
        raise BaselineError(f"{place} are not of the {len(whole)} cells of the column")
    counts = np.array(record.counts, np.int64)
    if (counts < 0).any() or (counts.sum(axis=0) > whole).any():
        raise BaselineError(f"{place} are more than the rows of the baseline, or less than none")
    return np.repeat(counts, record.copies, axis=0)
