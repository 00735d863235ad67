"""Results: a JSON line for each thing that was simulated, so that what was done is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prediction_exporter

FILE = Path(__file__).parents[2] / "docs" / "alarms.jsonl"

Line = dict[str, Any]


def engine() -> str:
    """Return what tells one state of the rule from another: what an older one did says nothing of this."""
    package = Path(prediction_exporter.__file__).parent
    digest = hashlib.sha256()
    for path in sorted((package / "evidence").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def lines(path: Path) -> Iterator[Line]:
    """Yield what was written."""
    if path.exists():
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def write(path: Path, line: Line) -> None:
    """Add a line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, sort_keys=True) + "\n")
