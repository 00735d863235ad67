"""Trainings that have ended: each time that another, newer artefact is there, and whole."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from prediction_exporter.artifacts.files import File
from prediction_exporter.config import Retraining
from prediction_exporter.logs import Quiet

logger = logging.getLogger(__name__)

#: Device, inode, size and time of a file: another one, or one that is written anew, has others.
Identity = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of a model's trainings.

    Attributes:
        since: when counting began, as Unix time.
        runs: trainings that have ended since.
        artifact: the last whole artefact; None where none was seen yet.
        newest: the latest modification that was seen, in nanoseconds since the epoch: what is older is no new training.
    """

    since: float
    runs: int
    artifact: Identity | None
    newest: int


class Trainings:
    """The trainings of one model, kept over restarts in a small file beside the state.

    An artefact counts when two looks in a row see the same: one that is being written changes in between. Of several that came
    meanwhile the last one counts. An older one that takes the place of a newer one is a way back, and no training.

    Args:
        folder: the state's.
        model: the model's name.
        retraining: where its artefact is: what was counted of another one is not gone on with.
        clock: gives Unix time.
    """

    def __init__(self, folder: Path, model: str, retraining: Retraining, *, clock: Callable[[], float] = time.time) -> None:
        self._path = folder / f"artifacts-{model}.json"
        self._section = hashlib.sha256(retraining.model_dump_json().encode()).hexdigest()
        self._model = model
        self._clock = clock
        self._loaded = False
        self._changing: Identity | None = None
        self._quiet = Quiet()
        self.count: Count | None = None

    def see(self, file: File | None) -> None:
        """Take in the newest artefact that there is; None where there is none. What the first look ever sees is no training."""
        if not self._loaded:  # not before: the poll of the former configuration goes on until this one begins
            self.count, self._loaded = self._load(), True
        now = self._clock()
        there = None if file is None else (*file.identity, file.size, file.modified)
        latest = int(now * 1e9) if file is None else min(file.modified, int(now * 1e9))
        if self.count is None:
            self._keep(Count(now, 0, there, latest))
        elif file is not None and there != self.count.artifact and there == self._changing:
            newer = file.modified > self.count.newest
            self._keep(Count(self.count.since, self.count.runs + newer, there, max(self.count.newest, latest)))
        self._changing = there

    def _load(self) -> Count | None:
        try:
            content = json.loads(self._path.read_bytes())
            if content["section"] == self._section:
                count, artifact = content["count"], content["count"]["artifact"]
                known = None if artifact is None else (int(artifact[0]), int(artifact[1]), int(artifact[2]), int(artifact[3]))
                return Count(float(count["since"]), int(count["runs"]), known, int(count["newest"]))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            logger.warning("model %s: its trainings are counted anew: %s: %s", self._model, self._path, error)
        return None

    def _keep(self, count: Count) -> None:
        self.count = count
        whole = self._path.with_suffix(".json.new")
        try:
            whole.write_text(json.dumps({"section": self._section, "count": asdict(count)}), encoding="utf-8")
            os.replace(whole, self._path)  # noqa: PTH105 - whole or not at all
        except OSError as error:
            if self._quiet.lets("save"):
                logger.warning("model %s: the count of its trainings cannot be kept: %s", self._model, error)
