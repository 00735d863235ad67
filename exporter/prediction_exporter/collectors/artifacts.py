"""Artifacts: how much the files take that are kept for a model, and when it was trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from prediction_exporter.artifacts.files import UnseenError, files_of
from prediction_exporter.artifacts.trainings import Trainings
from prediction_exporter.collectors.base import Most, Poll, PollingCollector
from prediction_exporter.config import Config, Retraining, Storage
from prediction_exporter.cost.usage import Metered
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import MODEL, Family

logger = logging.getLogger(__name__)

STORED = Family(
    name="model_stored_bytes",
    type="gauge",
    labels=MODEL,
    group="artifacts",
    help="Size of all files that are kept for the model, each once.",
)
RUNS = Family(
    name="model_retraining_runs_total",
    type="counter",
    labels=MODEL,
    group="artifacts",
    help="Trainings that have ended: how often a newer artefact was there, and whole.",
)
TIMESTAMP = Family(
    name="model_artifact_timestamp_seconds",
    type="gauge",
    labels=MODEL,
    group="artifacts",
    help="When the newest whole artefact was modified, as Unix time.",
)
STATUS = Family(
    name="model_artifacts_status",
    type="gauge",
    labels=("model", "part", "reason"),
    group="artifacts",
    help="1 for each part of these series: ok, or the reason why it is absent.",
)

_OK = "ok"


class Artifacts(Poll):
    """The files of one model. Looking may take long, or for ever: they may be a network's.

    Args:
        model: the model's name.
        state_dir: where the count of trainings is kept.
        storage: files that are kept for it.
        retraining: the artefact of its trainings.
    """

    interval = 60.0
    timeout = 30.0

    def __init__(self, model: str, state_dir: Path, storage: Storage | None, retraining: Retraining | None) -> None:
        self._model = model
        self._storage = storage
        self._retraining = retraining
        self._trainings = Trainings(state_dir, model, retraining) if retraining is not None else None
        self._told: dict[str, str] = {}
        self._metered: Metered | None = None

    def poll(self) -> Samples:
        """Look at the files, and return what is known."""
        samples, labels = Samples(), label_text(MODEL, (self._model,))
        status: dict[str, str] = {}
        stored: float | None = None
        runs: dict[str, int] = {}
        if self._storage is not None:
            try:
                stored = sum(file.size for file in files_of(self._storage.paths))
                samples.add(STORED, labels, stored)
                status["storage"] = _OK
            except UnseenError as error:
                status["storage"] = self._unseen("storage", error)
        if self._retraining is not None and self._trainings is not None:
            try:
                self._look(self._retraining, self._trainings)
                status["retraining"] = _OK
                if self._trainings.count is not None:
                    count = self._trainings.count
                    runs = {f"{count.since}": count.runs}
                    samples.add(RUNS, labels, count.runs, created=count.since)
                    if count.artifact is not None:
                        samples.add(TIMESTAMP, labels, count.artifact[-1] / 1e9)
            except UnseenError as error:
                status["retraining"] = self._unseen("retraining", error)
        for part, reason in status.items():
            samples.add(STATUS, label_text(STATUS.labels, (self._model, part, reason)), 1)
            if reason == _OK:
                self._told.pop(part, None)
        self._metered = Metered(stored_bytes=stored, retraining_runs=runs)
        return samples

    @staticmethod
    def _look(retraining: Retraining, trainings: Trainings) -> None:
        try:
            files = files_of([retraining.artifact])
        except UnseenError as error:
            if error.reason == "not_found":
                trainings.see(None)  # the first one that will be there is a training's
            raise
        if not files:
            trainings.see(None)
            raise UnseenError("not_found", f"no file is there by {retraining.artifact}")
        trainings.see(max(files, key=lambda file: (file.modified, file.identity)))

    def _unseen(self, part: str, error: UnseenError) -> str:
        if self._told.get(part) != error.reason:
            self._told[part] = error.reason
            logger.warning("model %s: %s: %s", self._model, part, error)
        return error.reason

    def most(self) -> Most:
        """Return those of its sections."""
        of_storage = {STORED.name: 1} if self._storage is not None else {}
        of_retraining = {RUNS.name: 1, TIMESTAMP.name: 1} if self._retraining is not None else {}
        parts = (self._storage is not None) + (self._retraining is not None)
        return Most({**of_storage, **of_retraining, STATUS.name: parts}, {})

    def metered(self) -> Metered | None:
        """Return what the last look saw that may have a price."""
        return self._metered


def _open(config: Config) -> Mapping[str, Poll]:
    return {
        model.name: Artifacts(model.name, config.state_dir, model.storage, model.retraining)
        for model in config.models
        if model.storage is not None or model.retraining is not None
    }


COLLECTOR = PollingCollector(
    name="artifacts",
    summary="How much the files take that are kept for a model, and when it was trained.",
    families=(STORED, RUNS, TIMESTAMP, STATUS),
    maturity=0,
    open=_open,
)
