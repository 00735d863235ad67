"""What is kept of counters over a restart of the exporter: a small file for each model, beside the state."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path

from prediction_exporter.config import Process
from prediction_exporter.logs import Quiet
from prediction_exporter.process.totals import Totals

logger = logging.getLogger(__name__)


class Kept:
    """The file of a model. Where it is damaged, or of another section of the configuration, counters begin anew.

    Args:
        folder: the state's.
        model: the model's name.
        process: how its server is found: counters of another way are of other processes.
    """

    def __init__(self, folder: Path, model: str, process: Process) -> None:
        self.path = folder / f"process-{model}.json"
        self._digest = hashlib.sha256(process.model_dump_json().encode()).hexdigest()
        self._model = model
        self._quiet = Quiet()

    def load(self) -> Totals:
        """Return the counters."""
        try:
            content = json.loads(self.path.read_bytes())
            if content["section"] == self._digest:
                return Totals.from_json(content["totals"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            logger.warning("model %s: the counters of its processes begin anew: %s: %s", self._model, self.path, error)
        return Totals()

    def save(self, totals: Totals) -> None:
        """Write the counters in place of the former; what keeps it from that is logged."""
        whole = self.path.with_suffix(".json.new")
        try:
            whole.write_text(json.dumps({"section": self._digest, "totals": totals.to_json()}), encoding="utf-8")
            os.replace(whole, self.path)  # noqa: PTH105 - whole or not at all
        except OSError as error:
            if self._quiet.lets("save"):
                logger.warning("model %s: the counters of its processes cannot be kept: %s", self._model, error)
