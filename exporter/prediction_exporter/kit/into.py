"""An Alertmanager's configuration on disk, with parts of our own merged into it: checked, and replaced at once or not."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prediction_exporter.config import Config
from prediction_exporter.config.contacts import numbers
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.errors import KitError
from prediction_exporter.kit.alertmanager import alertmanager_template
from prediction_exporter.kit.fragment import TEMPLATES, fragment
from prediction_exporter.kit.merge import merged, read_yaml
from prediction_exporter.kit.scale import Scale

#: Rights of a file that was not there: Alertmanager may run as somebody else, and the templates hold no secrets.
_MODE = 0o644


@dataclass(frozen=True, kw_only=True)
class Target:
    """A file and what it is to be.

    Attributes:
        path: the file itself, where a link leads to it.
        before: what it holds; empty where there is none.
        after: what it is to hold.
    """

    path: Path
    before: str
    after: str


def targets(config: Config, path: Path, time_scale: float = 1.0) -> list[Target]:
    """Return the templates and the configuration, in the order in which they are to be written.

    Raises:
        ConfigError: an owner cannot be reached.
        KitError: the configuration cannot be read, or not be merged into.
    """
    path = path.resolve()
    before = _read(path)
    try:
        parts = fragment(config, Scale(time_scale), read_yaml(before).get("global") or {})
        after = merged(before, parts)
    except KitError as error:
        raise KitError(f"{path}: {error}") from None
    templates = path.with_name(TEMPLATES)
    return [
        Target(path=templates, before=_read(templates) if templates.exists() else "", after=alertmanager_template()),
        Target(path=path, before=before, after=after),
    ]


def differences(found: list[Target]) -> list[str]:
    """Return what is to change, as lines of a unified diff: without those around, which may hold secrets of somebody else."""
    return [
        line
        for each in found
        for line in difflib.unified_diff(
            each.before.splitlines(), each.after.splitlines(), str(each.path), f"{each.path} (merged)", lineterm="", n=0
        )
    ]


def replace(found: list[Target], version: str) -> str:
    """Write what differs, each file at once, and return who has checked the configuration.

    Raises:
        KitError: a file cannot be written, or ``amtool`` refuses the configuration, which then stays as it was.
    """
    templates, configuration = found
    try:
        _replace(templates)
        if configuration.before == configuration.after:
            return "nothing to change"
        with _beside(configuration) as new:
            told = _checked(new, configuration.path, version)
            new.replace(configuration.path)
    except OSError as error:
        raise KitError(f"{error.filename or configuration.path}: cannot be written: {error.strerror}") from error
    return told


def _read(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise KitError(f"{path}: not UTF-8 text, at byte {error.start}") from None
    except OSError as error:
        raise KitError(f"{path}: cannot be read: {error.strerror}") from None


def _replace(target: Target) -> None:
    if target.before != target.after:
        with _beside(target) as new:
            new.replace(target.path)


@contextmanager
def _beside(target: Target) -> Iterator[Path]:
    """Write a file beside its place, with the rights of the one that is there, and remove it where it was not moved."""
    descriptor, name = tempfile.mkstemp(dir=target.path.parent, prefix=f".{target.path.name}.")
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(target.after)
            file.flush()
            os.fsync(file.fileno())
        if target.path.exists():
            there = target.path.stat()
            new.chmod(stat.S_IMODE(there.st_mode))
            if (there.st_uid, there.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(new, there.st_uid, there.st_gid)
        else:
            new.chmod(_MODE)
        yield new
    finally:
        new.unlink(missing_ok=True)


def _checked(new: Path, path: Path, version: str) -> str:
    amtool = shutil.which("amtool")
    if amtool is None:
        return "there is no amtool here to check it"
    told = subprocess.run([amtool, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found by its name
    found = re.search(r"version (\d+(?:\.\d+)+)", told.stdout + told.stderr)
    if found is None or numbers(found[1])[:2] < numbers(version)[:2]:
        return f"amtool is older than alertmanager.version, {version}, and cannot check it"
    told = subprocess.run([amtool, "check-config", str(new)], capture_output=True, text=True, check=False)  # noqa: S603 - as above
    if told.returncode != 0:
        text = (told.stdout + told.stderr).replace(str(new), str(path)).strip()
        raise KitError(f"{path}: is left as it was, as amtool refuses what it would be:\n{text}")
    return f"checked by amtool {found[1]}"
