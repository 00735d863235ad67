"""What the page says of something wrong, and what each is about: a runbook may explain it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, auto


class Topic(StrEnum):
    """What may be wrong."""

    FEATURE_DRIFT = auto()
    PREDICTION_DRIFT = auto()
    MISSING = auto()
    INVALID = auto()
    OUT_OF_RANGE = auto()
    UNSEEN = auto()
    FAILED = auto()
    REFUSED = auto()
    SOURCE = auto()
    FIELD = auto()
    PROBLEM = auto()
    PROCESS = auto()
    COST = auto()
    BILL = auto()
    PERFORMANCE = auto()
    LABELS = auto()


@dataclass(frozen=True, slots=True)
class Remark:
    """A few words, and what they are about where that is something wrong."""

    words: str
    topic: Topic | None = None
