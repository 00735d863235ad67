"""Whether the files that a configuration names are there."""

from __future__ import annotations

import os
import re
from glob import glob
from pathlib import Path

from prediction_exporter.config.models import Config
from prediction_exporter.config.predictions import Files, Log


def check_files(config: Config) -> list[str]:
    """Return what keeps the exporter from starting, one line per problem: missing files, a state folder without access.

    The folders of logs and files are not among them, see :func:`check_log_folders`.
    """
    problems = []
    for index, model in enumerate(config.models):
        table = model.predictions.table
        password_file = table.password_file if table is not None else None
        for key, path in (
            ("baseline", model.baseline),
            ("predictions.table.password_file", password_file),
            ("dependencies", model.dependencies),
        ):
            place = f"models[{index}].{key}"
            if path is not None and not _readable(path):
                problems.append(f"{place}: there is no readable file{_shown(config, place, str(path))}")
    if not _writable(config.state_dir):
        shown = _shown(config, "state_dir", str(config.state_dir))
        problems.append(f"state_dir: the folder{shown} is not writable and cannot be created")
    return problems


def check_log_folders(config: Config) -> list[str]:
    """Return a warning per log or tree of files whose folder is not there yet; who writes it may create it later."""
    warnings = []
    for index, model in enumerate(config.models):
        source = model.predictions.source
        if isinstance(source, Log):
            key, folder = "log", os.path.dirname(source.path)  # noqa: PTH120  # the text is a glob
        elif isinstance(source, Files) and not source.in_bucket:
            key, folder = "files", _before_wildcards(source.path)
        else:
            continue
        place = f"models[{index}].predictions.{key}.path"
        what = "file or folder" if folder == source.path else "folder"
        if not glob(folder):  # noqa: PTH207  # the folder may be a glob too
            warnings.append(f"{place}: there is no {what}{_shown(config, place, folder)} yet")
    return warnings


def _before_wildcards(path: str) -> str:
    """Return the folders of a glob that are named; the partitions below them may come later."""
    folders = []
    for folder in Path(path).parts:
        # What glob.escape has made of a character is no wildcard.
        if re.search(r"[*?[]", re.sub(r"\[[*?[]\]", "", folder)):
            break
        folders.append(folder)
    return os.path.join(*folders)  # noqa: PTH118  # the text is a glob


def _shown(config: Config, place: str, path: str) -> str:
    return "" if place in config.expanded else f" {path}"


def _readable(path: Path) -> bool:
    # os.path takes a folder without access for a missing file; Path raises.
    return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 - for that reason


def _writable(folder: Path) -> bool:
    """Whether files can be written in a folder, or the folder can be created."""
    existing = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110 - Path raises, as above
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
