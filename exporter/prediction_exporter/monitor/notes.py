"""Notes: what was said of alarms, read exactly once from a file that people append to.

The position in the file and the counts are stored as those of a model are, under a name that no model can have.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prediction_exporter.collectors.report import NotesReport
from prediction_exporter.config import Config
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.errors import SourceError
from prediction_exporter.logs import Quiet
from prediction_exporter.notes.file import NOTES_NAME
from prediction_exporter.notes.verdicts import Verdicts
from prediction_exporter.sources.base import EXAMPLE_BYTES
from prediction_exporter.sources.tail import Lines, Tail

logger = logging.getLogger(__name__)

#: What notes are stored under.
STORED_AS = "(notes)"

#: A note is shorter by far; what somebody else wrote is not to fill the memory.
MAX_LINE_BYTES = 1 << 16


class NotesMonitor:
    """Reads the notes and counts them. One thread uses it at a time.

    Args:
        state: where the position and the counts are kept.
        clock: Unix time.

    Raises:
        StateError: what is stored is damaged.
    """

    def __init__(self, config: Config, *, state: State, clock: Callable[[], float] = time.time) -> None:
        self._models = frozenset(model.name for model in config.models)
        self._state = state
        path = str(config.state_dir / NOTES_NAME)
        self._tail = Tail(
            path, start="beginning", wrapper="none", max_line_bytes=MAX_LINE_BYTES, chunk_bytes=MAX_LINE_BYTES, clock=clock
        )
        self._path = path
        self._claim = state.claim(STORED_AS)
        self._verdicts, self._since = Verdicts(), clock()
        self._problem: str | None = None
        self._quiet = Quiet()
        stored = state.load(STORED_AS)
        if stored is not None:
            self._tail.restore(stored.position)
            self._verdicts = Verdicts.from_json(stored.counters, self._models)
            self._since = stored.counters["since"]
        self._committed = stored

    def read(self, *, until: Callable[[], bool]) -> bool:
        """Count what was appended; return whether there is more.

        A file that cannot be read is reported, not raised: it is tried again at the next call.
        """
        problem, more = None, False
        try:
            for lines in self._tail.read():
                self._take(lines)
                self._commit()
                more = until()
                if more:
                    break
        except SourceError as error:
            problem = str(error)
        self._commit()
        self._report_problem(problem)
        return more

    def _take(self, lines: Lines) -> None:
        for reason, count in lines.rejected.counts.items():
            self._verdicts.refuse(reason, count)
            self._complain(reason, lines.rejected.examples.get(reason, "").encode())
        for line in lines.data.split(b"\n"):
            if line and not line.isspace():
                why = self._verdicts.take(line, self._models)
                if why is not None:
                    self._complain(why, line)

    def _complain(self, reason: str, line: bytes) -> None:
        if self._quiet.lets(reason):
            example = line[:EXAMPLE_BYTES].decode("utf-8", "backslashreplace")
            logger.warning("%s: a line counts for no model (%s), such as %r", self._path, reason, example)

    def _report_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            if problem is None:
                logger.info("the notes are readable again")
            else:
                logger.error("the notes cannot be read, it is tried again: %s", problem)
        self._problem = problem

    def _commit(self) -> None:
        """Store the counts and the position behind them, where anything has changed."""
        now = StoredModel(self._path, self._tail.position(), {**self._verdicts.to_json(), "since": self._since})
        if now != self._committed:
            self._state.commit(STORED_AS, now, None, (), keep_from={}, claim=self._claim)
            self._committed = now

    def evaluate(self) -> NotesReport:
        """Return what was counted."""
        return NotesReport(self._verdicts.copy(), self._since)

    def close(self) -> None:
        """Close the file."""
        self._tail.close()
