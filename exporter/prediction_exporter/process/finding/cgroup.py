"""By the path of a cgroup, or a pattern for it."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from prediction_exporter.process.finding.missing import MissingError

_ESCAPED = re.compile(r"\[([*?[])\]")


def by_cgroup(pattern: str) -> list[Path]:
    """Return the cgroups that a pattern names, none below another one.

    Kubernetes writes a pod's id with ``_`` where systemd makes its cgroups, so that each - of the pattern is _ too.

    Raises:
        MissingError: there is none.
    """
    either = pattern if "[" in pattern else pattern.replace("-", "[-_]")
    tried = dict.fromkeys((pattern, either))
    found = sorted({Path(path) for each in tried for path in glob.glob(each, recursive=True)})  # noqa: PTH207 - a pattern
    cgroups = [path for path in found if (path / "cgroup.procs").exists()]
    tops = [path for path in cgroups if not any(other in path.parents for other in cgroups)]
    if not tops:
        there = "is no cgroup: it has no cgroup.procs" if found else "is not there"
        raise MissingError("not_found", f"the cgroup {_ESCAPED.sub(lambda match: match[1], pattern)} {there}")
    return tops
