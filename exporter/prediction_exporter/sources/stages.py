"""Stages: what a request was for, as people write it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.breakdowns import NONE, STAGES
from prediction_exporter.sources.codes import codes_of
from prediction_exporter.sources.values import NOTHING

#: Words for each stage, in lower case: MLflow's aliases, and what people call the three beside them.
STAGE_WORDS: dict[str, tuple[str, ...]] = {
    "champion": ("champion", "production", "primary", "live"),
    "challenger": ("challenger", "candidate", "canary"),
    "shadow": ("shadow", "mirror"),
}

NO_STAGE = STAGES.index(NONE)

_POSITIONS = {word: STAGES.index(stage) for stage, words in STAGE_WORDS.items() for word in words}


def stage_of(text: str) -> int:
    """Return the position of a stage in ``STAGES``.

    >>> [STAGES[stage_of(text)] for text in ("Champion", " canary ", "shadow", "blue", "")]
    ['champion', 'challenger', 'shadow', 'other', 'none']
    """
    word = text.strip().lower()
    return NO_STAGE if word in NOTHING else _POSITIONS.get(word, STAGES.index("other"))


def stages_of(texts: pl.Series) -> NDArray[np.uint8]:
    """Return the position of each request's stage in ``STAGES``."""
    return codes_of(texts, stage_of, missing=NO_STAGE)


def stages_of_texts(texts: Sequence[str | None]) -> list[int]:
    """Return the same of a few texts."""
    return [NO_STAGE if text is None else stage_of(text) for text in texts]
