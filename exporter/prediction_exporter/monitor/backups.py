"""Backups: copies of the state file, which the exporter writes itself, for nobody else can open it while it runs."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

from prediction_exporter.counting.state import FILE_NAME, State
from prediction_exporter.errors import PredictionExporterError, StateError

logger = logging.getLogger(__name__)

#: How long a first copy waits, so that it holds what is read first.
FIRST_SECONDS = 5.0

#: How soon one that failed is tried again, where the interval is not shorter.
RETRY_SECONDS = 60.0


class Backups(threading.Thread):
    """Writes a copy of the state into a folder, whenever the one that is there is older than an interval.

    Args:
        state: the state.
        folder: where to; it is created where it does not exist.
        interval: seconds from one copy to the next.

    Raises:
        StateError: the folder cannot be used.
    """

    def __init__(self, state: State, folder: Path, interval: float) -> None:
        super().__init__(name="backups", daemon=True)
        self._state = state
        self._folder = folder
        self._interval = interval
        self._stopping = threading.Event()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"--state.backup-dir: {folder} cannot be created: {error.strerror}") from error
        if folder.samefile(state.path.parent):
            raise StateError(f"--state.backup-dir: {folder} is the folder of the state itself")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StateError(
                f"--state.backup-dir: files cannot be written in {folder}: it belongs to another user or is read-only"
            )

    def run(self) -> None:
        """Write copies until it is told to stop."""
        wait = self._due()
        while not self._stopping.wait(wait):
            try:
                path = self._state.backup(self._folder)
            except PredictionExporterError as error:
                logger.error("backup of the state failed, it is tried again: %s", error)  # noqa: TRY400 - for a person
                wait = min(self._interval, RETRY_SECONDS)
            else:
                logger.info("backup of the state written", extra={"file": path})
                wait = self._interval

    def _due(self) -> float:
        """Return after how many seconds the next copy is due: restarts do not put it off."""
        try:
            written = (self._folder / FILE_NAME).stat().st_mtime
        except OSError:
            written = 0.0
        return min(max(written + self._interval - time.time(), FIRST_SECONDS), self._interval)

    def stop(self) -> None:
        """Write no more; one that is being written is finished."""
        self._stopping.set()
        if self.is_alive():
            self.join()
