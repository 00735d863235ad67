"""What was meant: the known name that is closest to one that is not."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


def suggest(word: str, known: Collection[str]) -> str:
    """Return "; did you mean X?" where one of the known words is close, and nothing otherwise.

    >>> suggest("amuont", ["age", "amount"]), suggest("KIND", ["id", "kind"]), suggest("color", ["age", "amount"])
    ('; did you mean amount?', '; did you mean kind?', '')
    """
    close = closest(word, known)
    return "" if close is None else f"; did you mean {close}?"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is closest: the same in other letters' case before others; None where none is close."""
    plain: dict[str, str] = {}
    for one in known:
        plain.setdefault(one.casefold(), one)
    same = plain.get(word.casefold())
    if same is not None:
        return same
    close = difflib.get_close_matches(word.casefold(), plain, n=1)
    return plain[close[0]] if close else None
