"""YAML by the library in C: the kit's files are long, and the one in Python takes a second for each."""

from __future__ import annotations

from typing import Any

import yaml


def load(text: str | bytes) -> Any:
    """Return what a document says."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def dump(content: Any) -> str:
    """Return a document that says it, in the order given."""
    return yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False, width=10_000)
