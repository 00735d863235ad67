"""Version: which build of the exporter this is, in the words of other exporters.

The revision is written into the package when it is built. A checkout asks Git for its own, once, when somebody wants to know;
an installed package never does.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from prediction_exporter import __version__

#: What a build leaves in the package: revision, branch and date.
BUILD_FILE = "_build.json"
UNKNOWN = "unknown"

_GIT_SECONDS = 5
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as Go and the registries of images call them


class Build(NamedTuple):
    """A build; its fields are the labels of ``prediction_exporter_build_info``."""

    version: str
    revision: str
    branch: str
    builddate: str
    pythonversion: str
    platform: str

    def __str__(self) -> str:
        return (
            f"prediction-exporter, version {self.version} (branch: {self.branch}, revision: {self.revision})\n"
            f"  build date:       {self.builddate}\n"
            f"  python version:   {self.pythonversion}\n"
            f"  platform:         {self.platform}"
        )


@cache
def this_build() -> Build:
    """Return the build that is running."""
    revision, branch, date = _origin(Path(__file__).parent)
    architecture = platform.machine()
    return Build(
        version=__version__,
        revision=revision,
        branch=branch,
        builddate=date,
        pythonversion=platform.python_version(),
        platform=f"{sys.platform}/{_ARCHITECTURES.get(architecture, architecture)}",
    )


def _origin(package: Path) -> tuple[str, str, str]:
    try:
        built = json.loads((package / BUILD_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return *of_checkout(package.parents[1]), UNKNOWN
    return built["revision"], built["branch"], built["builddate"]


def of_checkout(root: Path) -> tuple[str, str]:
    """Return revision and branch of a folder that is the top of a Git checkout; where it is none, they are unknown."""
    if not (root / ".git").exists():  # Git itself would go on to a repository that the folder only lies in
        return UNKNOWN, UNKNOWN
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        told = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            command, cwd=root, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS
        ).stdout
    except (OSError, subprocess.SubprocessError):  # no Git here, or a checkout of somebody else's
        return UNKNOWN, UNKNOWN
    lines = told.splitlines()
    head = dict(line.removeprefix("# ").split(" ", 1) for line in lines if line.startswith("# branch."))
    revision = head["branch.oid"] + ("" if all(line.startswith("#") for line in lines) else "-modified")
    return revision, head["branch.head"].replace("(detached)", "HEAD")
