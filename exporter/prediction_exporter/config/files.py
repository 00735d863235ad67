"""Whether the files that a configuration names are there."""

from __future__ import annotations

import os
from glob import glob
from pathlib import Path

from prediction_exporter.config.models import Config


def check_files(config: Config) -> list[str]:
    """Return what keeps the exporter from starting, one line per problem: missing files, a state folder without access.

    The folders of the logs are not among them, see :func:`check_log_folders`.
    """
    problems = []
    for index, model in enumerate(config.models):
        for key, path in (("baseline", model.baseline), ("dependencies", model.dependencies)):
            place = f"models[{index}].{key}"
            if path is not None and not _readable(path):
                problems.append(f"{place}: there is no readable file{_shown(config, place, str(path))}")
    if not _writable(config.state_dir):
        shown = _shown(config, "state_dir", str(config.state_dir))
        problems.append(f"state_dir: the folder{shown} is not writable and cannot be created")
    return problems


def check_log_folders(config: Config) -> list[str]:
    """Return a warning per log whose folder is not there yet; the model may create it when it starts."""
    warnings = []
    for index, model in enumerate(config.models):
        place = f"models[{index}].predictions.log.path"
        folder = os.path.dirname(model.predictions.log.path)  # noqa: PTH120  # the text is a glob
        if not glob(folder):  # noqa: PTH207  # the folder may be a glob too
            warnings.append(f"{place}: there is no folder{_shown(config, place, folder)} yet")
    return warnings


def _shown(config: Config, place: str, path: str) -> str:
    return "" if place in config.expanded else f" {path}"


def _readable(path: Path) -> bool:
    # os.path takes a folder without access for a missing file; Path raises.
    return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 - for that reason


def _writable(folder: Path) -> bool:
    """Whether files can be written in a folder, or the folder can be created."""
    existing = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110 - Path raises, as above
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
