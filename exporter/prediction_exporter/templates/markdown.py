"""Markdown as GitHub reads it: text that stays text, inline code, blocks of code and rows of tables."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Self

from markupsafe import Markup

#: What would be markup, also together with what another value ends or begins with: a backslash, code, links, emphasis but
#: where space or a word is on both sides, tags, entities, and what begins a list, a heading, a quote or a rule. A backslash
#: before its last character makes it text.
_MARKUP = re.compile(
    r"""[\\`\[\]~] | \*(?!\s) | (?<!\s)\* | (?<!\w)_ | _(?!\w) | <(?=[a-zA-Z/!?]|$) | &(?=\#?\w*(?:;|$))
    | ^\s?(?: [-+*](?=\s|$) | \d{1,9}[.)](?=\s|$) | \#(?=[\#\s]|$) | [>=] | --- )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"\s+")
_PIPE = re.compile(r"(?<!\\)((?:\\\\)*)\|")  # one that no backslash makes text already


class Markdown(Markup):
    """Finished Markdown. What is joined to it, or put into it, is escaped."""

    __slots__ = ()

    @classmethod
    def escape(cls, text: Any, /) -> Self:
        r"""Return text that reads as it stands, on one line; what is finished stays as it is.

        >>> print(Markdown.escape("*all* of [them]: a * b, snake_case, 1 < 2 <b>"))
        \*all\* of \[them\]: a * b, snake_case, 1 < 2 \<b>
        >>> print(Markdown.escape(Markdown("*all*")))
        *all*
        """
        if hasattr(text, "__html__"):
            return cls(text)
        return cls(_MARKUP.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", _SPACE.sub(" ", str(text))))


def code(text: str) -> Markdown:
    """Return text as inline code, between more backticks than it holds itself.

    >>> print(code("up == 0"), code("a `b`"))
    `up == 0` `` a `b` ``
    """
    line = " ".join(text.split())
    fence = "`" * (_longest_run(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return Markdown(f"{fence}{space}{line}{space}{fence}")


def fenced(text: str, language: str) -> Markdown:
    """Return text as a block of code."""
    fence = "`" * max(_longest_run(text) + 1, 3)
    return Markdown(f"{fence}{language}\n{text}\n{fence}")


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def row(cells: Iterable[object]) -> Markdown:
    r"""Return a row of a table; a pipe in a cell, also in code, is no border.

    >>> print(row(["a|b", code("x | y"), ""]))
    | a\|b | `x \| y` |  |
    """
    escaped = [_PIPE.sub(r"\1\\|", str(Markdown.escape(cell)).strip()) for cell in cells]
    return Markdown(f"| {' | '.join(escaped)} |")
