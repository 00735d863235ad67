"""``predictions.where``: which records are predictions, as an expression of SQL over a record's fields.

The text becomes a tree of the few kinds below and of nothing else; each kind of source evaluates the tree in its own way. What
a comparison means is the same everywhere, and goes by the literal, as one writer's number is another one's text:

- With a text, the text of the value is compared, character by character: a number's is its shortest, as ``200`` and ``0.5``,
  and a boolean's is ``true`` or ``false``.
- With a number, the value's number is: that of a number, or of a text that is written like one. All else gives NULL.
- Objects and lists, also those written as text, give NULL in every comparison, and so does a field that is null or absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", "<", "<=", ">", ">="]
Value = str | float | bool


@dataclass(frozen=True, slots=True)
class Compare:
    """A field's value against a literal."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Like:
    """The text of a field's value against a pattern: characters, ``None`` for any text and ``""`` for any one character."""

    field: str
    pattern: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a field is null or absent; never NULL itself."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """What is true where a condition is false; NULL where that is."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Every:
    """AND: NULL beats true, and false beats NULL."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """OR: NULL beats false, and true beats NULL."""

    of: tuple[Condition, ...]


Condition = Compare | Like | IsNull | Not | Every | Some


def fields_of(condition: Condition) -> Iterator[str]:
    """Yield the fields that a condition names, as often as it does."""
    match condition:
        case Compare() | Like() | IsNull():
            yield condition.field
        case Not():
            yield from fields_of(condition.of)
        case Every() | Some():
            for part in condition.of:
                yield from fields_of(part)


def needed_fields(condition: Condition) -> tuple[str, ...]:
    """Return the fields that some record should have, in order: those that are not only asked whether they are there.

    >>> needed_fields(Every((Compare("a", "=", 1.0), IsNull("error"))))
    ('a',)
    """
    match condition:
        case IsNull():
            return ()
        case Compare() | Like():
            return (condition.field,)
        case Not():
            return needed_fields(condition.of)
        case Every() | Some():
            return tuple(dict.fromkeys(name for part in condition.of for name in needed_fields(part)))
