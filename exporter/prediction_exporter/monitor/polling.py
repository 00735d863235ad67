"""Polling: a thread for each poll, which keeps to its interval, and whose answers nobody waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection

from prediction_exporter.collectors.base import Poll
from prediction_exporter.collectors.report import Collected
from prediction_exporter.collectors.running import closed, named, run
from prediction_exporter.cost.usage import Metered
from prediction_exporter.exposition import Samples
from prediction_exporter.logs import Quiet

logger = logging.getLogger(__name__)


class Poller(threading.Thread):
    """Polls again and again, and keeps the last outcome.

    A poll that takes longer than its time-out has failed: its series are withdrawn while it hangs, and what it answers at last
    is discarded, for it is of a moment that has passed. The next one begins when it has ended.

    Args:
        collector, model: their names, for messages.
        poll: what asks.
        without: names of families that are not shown.
        last: what an earlier poller of the same name gave last, shown until this one has an outcome of its own.
    """

    def __init__(
        self, collector: str, model: str, poll: Poll, *, without: Collection[str] = (), last: Collected | None = None
    ) -> None:
        super().__init__(name=f"{named(collector, model)}", daemon=True)
        self._collector = collector
        self._model = model
        self._poll = poll
        self._without = without
        self._lock = threading.Lock()
        self._last = last
        self._metered: Metered | None = None
        self._changed = time.monotonic()
        self._began: float | None = None
        self._quiet = Quiet()
        self.stopping = threading.Event()

    def run(self) -> None:
        """Poll until told to stop."""
        try:
            while not self.stopping.is_set():
                began = time.monotonic()
                self._once(began)
                self.stopping.wait(max(began + self._poll.interval - time.monotonic(), 0.0))
        finally:
            closed(self._collector, self._poll)

    def _once(self, began: float) -> None:
        with self._lock:
            self._began = began
        outcome = run(self._collector, self._model, self._poll.poll, without=self._without)
        metered = self._poll.metered() if outcome.success else None
        if outcome.seconds > self._poll.timeout:
            outcome, metered = self._late(outcome.seconds), None
        with self._lock:
            self._began, self._last, self._metered, self._changed = None, outcome, metered, time.monotonic()

    def metered(self) -> Metered | None:
        """Return what the last poll saw that may have a price; None while it fails or hangs."""
        outcome = self.outcome()
        return self._metered if outcome is not None and outcome.success else None

    def outcome(self) -> Collected | None:
        """Return what the last poll gave, or that the present one hangs; None before the first has ended."""
        with self._lock:
            now = time.monotonic()
            waited = 0.0 if self._began is None else now - self._began
            age = now - self._changed
            if waited > self._poll.timeout:
                return self._late(waited)
            # A thread that has ended, as none should, must not leave its last words for ever.
            return self._last if age <= self._poll.interval + self._poll.timeout else self._late(age)

    def _late(self, seconds: float) -> Collected:
        if self._quiet.lets("late"):
            logger.warning("%s: no answer in %g s, its series are withdrawn", self.name, self._poll.timeout)
        return Collected(Samples(), success=False, seconds=seconds)
