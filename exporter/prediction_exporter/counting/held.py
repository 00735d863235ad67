"""Held: what the values of a column were when its baseline was built."""

from __future__ import annotations

from enum import StrEnum


class Held(StrEnum):
    """What the values of a baseline's column were, which decides what spells the same value in production."""

    ANY = "any"
    """Not known, as in a baseline of a former version: a text that looks like a number is taken for one."""
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CONTAINER = "container"
    """Lists or objects."""
