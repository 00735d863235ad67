"""Results: a JSON line for each thing that was simulated, so that what was done is not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import prediction_exporter

FILE = Path(__file__).with_name("results.jsonl")

#: What the rule is made of.
_RULE = (
    *("counting/cells", "counting/entities"),
    *(f"evidence/{name}" for name in ("bets", "detector", "learnt", "recent", "replay", "scores", "variation")),
)

Line = dict[str, Any]


def engine() -> str:
    """Return what tells one state of the rule from another: what an older one did says nothing of this."""
    package = Path(prediction_exporter.__file__).parent
    digest = hashlib.sha256()
    for name in _RULE:
        digest.update((package / f"{name}.py").read_bytes())
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


def newest(found: Iterable[Line]) -> list[Line]:
    """Return the last line of each kind, world, round and so on: what was simulated again is in place of what was before."""
    keys = ("kind", "world", "replay", "round", "change", "rule", "played")
    return list({tuple(line.get(key) for key in keys): line for line in found}.values())


def drop_replaced(path: Path) -> None:
    """Leave in a file what is the newest alone."""
    kept = newest(lines(path))
    path.write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in kept), encoding="utf-8")
