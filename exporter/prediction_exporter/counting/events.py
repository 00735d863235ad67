"""Events: what a source reads, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray


class ValueState(IntEnum):
    """Whether a column of one event holds a value, and if not, why."""

    VALID = 0
    MISSING = 1
    """The key is absent, or its value is null."""
    INVALID = 2
    """A value of a type that the column does not take: text in a numeric column, an object in a categorical one."""
    NON_FINITE = 3
    """NaN or an infinity."""
    NAN = 4
    """NaN where a source can tell: the column says whether it counts as missing or as not finite."""


STATES = (ValueState.MISSING, ValueState.INVALID, ValueState.NON_FINITE)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What events have of something that is added up.

    Attributes:
        values: float64, finite and not negative; NaN where nothing is added.
        missing: where there is nothing, bool; elsewhere what is not added is no such number.
    """

    values: NDArray[np.float64]
    missing: NDArray[np.bool_]

    def take(self, rows: NDArray[np.intp]) -> Amounts:
        """Return those of the events at these positions."""
        return Amounts(self.values[rows], self.missing[rows])


@dataclass(frozen=True, slots=True)
class Events:
    """A batch of events of one model, column by column; all columns have the same length.

    Attributes:
        times: event times in microseconds since the epoch, int64.
        versions: model version of each event, String; null where the event names none.
        failed: whether the request failed, bool. A failed request has made no prediction and enters no profile.
        refused: whether the request was refused by its caller's fault, bool, and did not fail; ``None`` where the source has no
            status. One that holds nothing has made no prediction, see :func:`~prediction_exporter.counting.answers.served`.
        latencies: request durations in seconds, float64, NaN where unknown; ``None`` where the source has no such field.
        columns: by column name, Float64 for numeric columns, String (raw text) for categorical ones; null where there is
            no valid value.
        ids: what names each prediction, of any type; ``None`` where the source has no such field.
        states: by column name, uint8 :class:`ValueState` of each event; a column that is not a key here is missing where
            it is null and valid elsewhere.
        entities: hash of what each event belongs to, uint64, 0 where it names nothing; ``None`` where the configuration names
            no such field. The value itself is kept nowhere.
        classes: position of each event's status in ``CLASSES``, uint8; ``None`` where the source has no status.
        stages: position of each event's stage in ``STAGES``, uint8; ``None`` where the configuration names no such field.
        eligible: whether a prediction can get a label, bool; ``None`` where its record does not decide it.
        rows: which of several predictions of a record that share its id each event is, int64 from 0; ``None`` where each record
            is one.
        sums: by name, what is added up.
        attributions: by feature, how large its contribution to the prediction is.
        durations: by name, further durations in seconds, float64, NaN where unknown.
    """

    times: NDArray[np.int64]
    versions: pl.Series
    failed: NDArray[np.bool_]
    latencies: NDArray[np.float64] | None
    columns: dict[str, pl.Series]
    states: dict[str, NDArray[np.uint8]]
    ids: pl.Series | None = None
    entities: NDArray[np.uint64] | None = None
    classes: NDArray[np.uint8] | None = None
    stages: NDArray[np.uint8] | None = None
    eligible: NDArray[np.bool_] | None = None
    rows: NDArray[np.int64] | None = None
    sums: dict[str, Amounts] = field(default_factory=dict)
    attributions: dict[str, Amounts] = field(default_factory=dict)
    durations: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    refused: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.times)

    def take(self, rows: NDArray[np.intp]) -> Events:
        """Return the events at these positions, in this order."""
        return Events(
            times=self.times[rows],
            versions=self.versions.gather(rows),
            failed=self.failed[rows],
            latencies=None if self.latencies is None else self.latencies[rows],
            columns={name: column.gather(rows) for name, column in self.columns.items()},
            states={name: states[rows] for name, states in self.states.items()},
            ids=None if self.ids is None else self.ids.gather(rows),
            entities=None if self.entities is None else self.entities[rows],
            classes=None if self.classes is None else self.classes[rows],
            stages=None if self.stages is None else self.stages[rows],
            eligible=None if self.eligible is None else self.eligible[rows],
            rows=None if self.rows is None else self.rows[rows],
            sums={name: amounts.take(rows) for name, amounts in self.sums.items()},
            attributions={name: amounts.take(rows) for name, amounts in self.attributions.items()},
            durations={name: seconds[rows] for name, seconds in self.durations.items()},
            refused=None if self.refused is None else self.refused[rows],
        )
