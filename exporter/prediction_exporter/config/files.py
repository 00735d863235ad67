"""Whether the files that a configuration names are there."""

from __future__ import annotations

import difflib
import os
import re
from glob import glob
from pathlib import Path
from shlex import quote
from tempfile import TemporaryFile

from prediction_exporter.config.labels import Labels
from prediction_exporter.config.models import Config, Model
from prediction_exporter.config.predictions import Files, Log, Predictions
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.errors import in_short

#: Names of a folder that a message shows.
_MOST_NAMES = 5

#: Bytes that are written where the state is to be kept, and are gone at once: a disk may be full.
_PROBE_BYTES = 4096

_ESCAPED = re.compile(r"\[([*?[])\]")


def baseline_command(file: Path, model: Model) -> str:
    """Return the command that builds a model's baseline."""
    return f"prediction-exporter baseline --config.file {quote(str(file))} --model {quote(model.name)} --data TRAINING_DATA"


def check_files(config: Config, file: Path) -> list[str]:
    """Return what keeps the exporter from starting, one line per problem: missing files, a state folder without access.

    The folders of logs and files are not among them, see :func:`check_log_folders`.

    Args:
        config: the configuration.
        file: its file, for the commands that messages show.
    """
    problems = []
    for index, model in enumerate(config.models):
        tables = {"predictions": model.predictions.table, "labels": model.labels.table if model.labels is not None else None}
        for key, path in (
            ("baseline", model.baseline),
            *((f"{key}.table.password_file", table.password_file) for key, table in tables.items() if table is not None),
            ("dependencies", model.dependencies),
            *((f"cost.{key}", path) for key, path in (model.cost.files.items() if model.cost is not None else ())),
        ):
            place = f"models[{index}].{key}"
            if path is not None and not _readable(path):
                missing = key == "baseline" and not os.path.lexists(path)
                remedy = f"; build it with: {baseline_command(file, model)}" if missing else ""
                problems.append(f"{place}: there is no readable file{_shown(config, place, str(path))}{remedy}")
    problem = _state_problem(config)
    if problem is not None:
        problems.append(f"state_dir: the folder{_shown(config, 'state_dir', str(config.state_dir))} {problem}")
    return problems


def check_log_folders(config: Config) -> list[str]:
    """Return a warning per log, tree of files or bill that is not there yet, with what is; who writes it may come later."""
    warnings = []
    for index, model in enumerate(config.models):
        focus = model.cost.focus if model.cost is not None else None
        sections: list[Predictions | Labels] = [model.predictions, *([model.labels] if model.labels is not None else [])]
        for section in sections:
            source, place = section.source, f"models[{index}].{section.SECTION}"
            if isinstance(source, Log):
                folder = os.path.dirname(source.path)  # noqa: PTH120  # the text is a glob
                warnings += _missing(config, f"{place}.log.path", source.path, folder)
            elif isinstance(source, Files) and not source.in_bucket:
                warnings += _missing(config, f"{place}.files.path", source.path, _before_wildcards(source.path))
        if focus is not None and not focus.in_bucket:
            warnings += _missing(config, f"models[{index}].cost.focus.path", focus.path, _before_wildcards(focus.path))
    return warnings


def _missing(config: Config, place: str, path: str, folder: str) -> list[str]:
    """Return the warning that a folder, or what a glob names in it, is not there; none where it is."""
    if not glob(folder):  # noqa: PTH207  # the folder may be a glob too
        what = "file or folder" if folder == path else "folder"
        near = "" if place in config.expanded else _near(folder)
        return [f"{place}: there is no {what}{_shown(config, place, folder)} yet{near}"]
    if not glob(path, recursive=True):  # noqa: PTH207  # as above
        there = "" if place in config.expanded else _there(folder, path)
        return [f"{place}: no file matches{_shown(config, place, path)} yet{there}"]
    return []


def _near(path: str) -> str:
    """Return the name beside a missing one that was perhaps meant."""
    plain = Path(_ESCAPED.sub(r"\1", path))
    while not os.path.exists(plain.parent):  # noqa: PTH110 - Path raises where it may not look
        plain = plain.parent
    return suggest(plain.name, [name.removesuffix("/") for name in _names(plain.parent)])


def _there(folder: str, path: str) -> str:
    """Return the files that stand where none matches, those of similar names first."""
    names = _names(Path(next(iter(glob(folder)))))  # noqa: PTH207  # as above
    if not names:
        return "; its folder is empty"
    wanted = os.path.basename(path)  # noqa: PTH119  # the text is a glob
    names.sort(key=lambda name: -difflib.SequenceMatcher(None, wanted, name).ratio())
    return f"; its folder holds {in_short(names, _MOST_NAMES)}"


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in found if entry.name.isprintable())
    except OSError:  # told where the source is looked at
        return []


def _before_wildcards(path: str) -> str:
    """Return the folders of a glob that are named; the partitions below them may come later."""
    folders = []
    for folder in Path(path).parts:
        # What glob.escape has made of a character is no wildcard.
        if re.search(r"[*?[]", _ESCAPED.sub("", folder)):
            break
        folders.append(folder)
    return os.path.join(*folders)  # noqa: PTH118  # the text is a glob


def _shown(config: Config, place: str, path: str) -> str:
    return "" if place in config.expanded else f" {path}"


def _readable(path: Path) -> bool:
    # os.path takes a folder without access for a missing file; Path raises.
    return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113 - for that reason


def _state_problem(config: Config) -> str | None:
    """Return why the state cannot be kept in its folder, which is not created for that."""
    folder = config.state_dir
    existing = next(parent for parent in (folder, *folder.parents) if os.path.exists(parent))  # noqa: PTH110 - Path raises, as above
    where = _shown(config, "state_dir", str(existing)) or " its folders"
    if not existing.is_dir():
        return f"is not writable and cannot be created: there is a file in its place:{where}"
    if os.statvfs(existing).f_flag & os.ST_RDONLY:
        return f"is not writable and cannot be created: the file system of{where} is read-only"
    user = f"user {os.geteuid()} may not write"
    kept = next((path for path in sorted(folder.glob("*.db*")) if not os.access(path, os.R_OK | os.W_OK)), None)
    if kept is not None:
        return f"holds a state that belongs to somebody else: {user} {kept.name}"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"is not writable and cannot be created: {user} in{where}, which belongs to user {existing.stat().st_uid}"
    try:
        with TemporaryFile(dir=existing, buffering=0) as file:  # of no name, where the file system can do that
            file.write(bytes(_PROBE_BYTES))
    except OSError as error:
        return f"is not writable and cannot be created: no file can be written in{where}: {error.strerror}"
    return None
