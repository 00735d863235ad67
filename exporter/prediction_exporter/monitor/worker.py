"""Worker: a thread that reads something again and again, and survives whatever fails in it."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from prediction_exporter.allocator import give_back
from prediction_exporter.errors import NoRoomError, PredictionExporterError
from prediction_exporter.memory import ROOM

logger = logging.getLogger(__name__)

NO_ROOM = "not enough memory: raise the limit, or watch fewer columns, windows, segments or versions"
UNEXPECTED = "failed unexpectedly; the exporter's log has the error"

Report_co = TypeVar("Report_co", covariant=True)
Report = TypeVar("Report")


class Reader(Protocol[Report_co]):
    """What a worker uses; it is made anew after an error."""

    def read(self, *, until: Callable[[], bool]) -> bool:
        """Read and commit, until there is no more or ``until`` says so; return whether there is more."""

    def evaluate(self) -> Report_co:
        """Return what is known now."""

    def close(self) -> None:
        """Release what is open."""


class Worker(threading.Thread, Generic[Report]):
    """Reads and evaluates one thing again and again.

    Whatever fails unexpectedly, its reader is built anew from what was last committed: a batch that was taken in half is read
    again, and the other workers go on.

    Args:
        what: what it reads, for messages: ``model m``.
        build: makes the reader.
        interval: seconds from one evaluation to the next.
        take: is given each report.
        fail: is told what keeps it from reading.
    """

    def __init__(
        self,
        what: str,
        *,
        build: Callable[[], Reader[Report]],
        interval: float,
        take: Callable[[Worker[Report], Report], None],
        fail: Callable[[Worker[Report], str], None],
    ) -> None:
        super().__init__(name=what, daemon=True)
        self.what = what
        self.stopping = threading.Event()
        self._build = build
        self._interval = interval
        self._take = take
        self._fail = fail

    def run(self) -> None:
        """Read until told to stop."""
        while not self.stopping.is_set():
            try:
                self._build_and_watch()
            except BaseException as error:  # noqa: BLE001 - also the panics of polars, which are no Exception
                self._recover(error)

    def _build_and_watch(self) -> None:
        # In a frame of its own, and with nothing left in cycles: what failed is gone before the next one takes its memory.
        gc.collect()
        reader = self._build()
        try:
            self._watch(reader)
        finally:
            reader.close()

    def _recover(self, error: BaseException) -> None:
        """Tell what failed, and wait for the next try: a defect of this exporter, a full disk, a file that has changed."""
        if self.stopping.is_set():  # it was left behind, and may not commit any more
            logger.info("%s: ended after it was left behind: %s", self.what, error)
            return
        if _is_of_memory(error):
            if ROOM.shorten():
                logger.warning("%s: not enough memory, it goes on from its last commit in smaller steps", self.what)
                return
            error = NoRoomError(NO_ROOM)
        expected = isinstance(error, PredictionExporterError)
        logger.error(
            "%s failed, it goes on from its last commit in %.0f s: %s",
            self.what,
            self._interval,
            error,
            exc_info=None if expected else error,
        )
        self._fail(self, str(error) if expected else UNEXPECTED)
        self.stopping.wait(self._interval)

    def _watch(self, reader: Reader[Report]) -> None:
        """Read until there is nothing more, evaluate at least once an interval, and wait for the next turn."""
        deadline = time.monotonic()
        while not self.stopping.is_set():
            deadline = max(deadline + self._interval, time.monotonic())
            more = reader.read(until=partial(self._must_pause, deadline))
            if self.stopping.is_set():
                return
            self._take(self, reader.evaluate())
            if not more:
                give_back()
                self.stopping.wait(deadline - time.monotonic())

    def _must_pause(self, deadline: float) -> bool:
        return self.stopping.is_set() or time.monotonic() >= deadline


def _is_of_memory(error: BaseException) -> bool:
    """Return whether memory was lacking, also where that made something else fail while it was cleaned up after."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, MemoryError):
        found = found.__cause__ or found.__context__
    return found is not None
