"""Writes into the wheel and the source distribution what they are built from.

Where there is no Git checkout, as in the image's build, the environment says it: ``PREDICTION_EXPORTER_REVISION`` and
``PREDICTION_EXPORTER_BRANCH``. ``SOURCE_DATE_EPOCH`` sets the date, so that a build can be repeated byte by byte.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("exporter")
PACKAGE = Path("prediction_exporter")


class BuildHook(BuildHookInterface):  # type: ignore[type-arg]  # its configuration is of no interest here
    """The hook that hatchling calls."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file to what is built; an editable install stays a checkout, and an unpacked distribution has it."""
        root = Path(self.root)
        sys.path.insert(0, str(root / SOURCE))
        from prediction_exporter.version import BUILD_FILE, of_checkout

        if version == "editable" or (root / SOURCE / PACKAGE / BUILD_FILE).exists():
            return
        revision, branch = of_checkout(root)
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        date = datetime.now(UTC) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)
        built = {
            "revision": os.environ.get("PREDICTION_EXPORTER_REVISION") or revision,
            "branch": os.environ.get("PREDICTION_EXPORTER_BRANCH") or branch,
            "builddate": date.strftime("%Y%m%d-%H:%M:%S"),
        }
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / BUILD_FILE
        path.write_text(json.dumps(built) + "\n", encoding="utf-8")
        into = PACKAGE if self.target_name == "wheel" else SOURCE / PACKAGE
        build_data["force_include"][str(path)] = str(into / BUILD_FILE)
