"""The names that rotation gives: which names a file may have had before, and which log it may be a part of."""

from __future__ import annotations

import fnmatch
import functools
import glob
import re
from pathlib import PurePath

from prediction_exporter.sources.decompress import COMPRESSIONS

_MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_DAYS = "(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
# What rotation adds to a name: a number, a date and time (with words for months and days), or a word.
_ADDED = re.compile(
    rf"[._-]*(?:(?=\D*\d)(?:\d|(?i:{_MONTHS}|{_DAYS})(?![a-z]))(?:[\dT:_.,+-]|(?i:{_MONTHS}|{_DAYS})(?![a-z]))*Z?|old|bak|prev)"
)
#: Longer numbers are dates.
_NUMBER_DIGITS = 4
_EXTENSION = re.compile(r"\.[A-Za-z]\w*$")


@functools.lru_cache(maxsize=1 << 14)
def origins(path: str) -> frozenset[str]:
    """Return the names that a file may have had before it was rotated or compressed.

    ``app.log`` for ``app.log.1``, ``app.log-20260101``, ``app-01-Jan-2026.log`` and ``app.1.log``; with ``.gz``, ``.zst``,
    ``.xz`` or ``.bz2`` also the name without it.

    >>> sorted(origins("/log/app.log.2.gz"))
    ['/log/app.log', '/log/app.log.2']
    >>> sorted(origins("/log/access_log.28-Nov.log"))
    ['/log/access_log.log']
    """
    pure = PurePath(path)
    found = set()
    if pure.suffix in COMPRESSIONS:
        pure = pure.with_suffix("")
        found.add(pure.name)
    extension = _EXTENSION.search(pure.name)
    for tail in {"", extension.group()} if extension else {""}:
        body = pure.name.removesuffix(tail)
        found.update(
            body[:at] + tail for at, char in enumerate(body) if at and char in "._-" and _ADDED.fullmatch(body, at + 1)
        )
    return frozenset(str(pure.with_name(name)) for name in found)


@functools.lru_cache(maxsize=1 << 14)
def ancestors(path: str) -> frozenset[str]:
    """Return the names of files, without folders, that a file may be a rotated or compressed copy of; its own is one."""
    found, new = {path}, {path}
    while new:
        new = {origin for name in new for origin in origins(name)} - found
        found |= new
    return frozenset(PurePath(name).name for name in found)


@functools.lru_cache(maxsize=1 << 14)
def family(path: str) -> str:
    """Return the shortest name that a file may have had before any rotation, without its folder.

    Rotated files may lie in another folder than the log.
    """
    return min(ancestors(path), key=lambda name: (len(name), name))


@functools.lru_cache(maxsize=1 << 14)
def _turn(path: str) -> int | str:
    """Return what rotation added to a name: a small number, or a date."""
    name, log = PurePath(path), PurePath(family(path))
    text = name.stem if name.suffix in COMPRESSIONS else name.name
    added = text.removeprefix(log.stem).removesuffix(log.suffix).removeprefix(log.suffix).strip("._-")
    return int(added) if added.isdecimal() and len(added) <= _NUMBER_DIGITS else added


def rotated_before(path: str, other: str) -> bool | None:
    """Return whether a file was rotated before another one of its log, by their names; None where these do not tell.

    >>> rotated_before("/log/app.log.2.gz", "/log/app.log.1"), rotated_before("/log/app-20260102.log", "/log/app-20260101.log")
    (True, False)
    """
    turn, other_turn = _turn(path), _turn(other)
    if isinstance(turn, int) and isinstance(other_turn, int):
        return turn > other_turn if turn != other_turn else None
    dated = isinstance(turn, str) and isinstance(other_turn, str) and turn[:4].isdecimal() and other_turn[:4].isdecimal()
    return str(turn) < str(other_turn) if dated and turn != other_turn else None


def matches(path: str, pattern: str) -> bool:
    """Return whether a pattern names a path, whether or not the file exists."""
    if not glob.has_magic(pattern):
        return path == pattern
    return _matches(PurePath(path).parts, PurePath(pattern).parts)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        below = _matches(parts[1:], pattern) if parts and not parts[0].startswith(".") else False
        return below or _matches(parts, pattern[1:])
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):  # hidden from wildcards
        return False
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])
