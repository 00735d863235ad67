"""Names: texts as small numbers, so that millions of rows need not repeat them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any


class Names:
    """Texts and their codes.

    Args:
        most: how many there may be at a time.

    Attributes:
        changes: how often a text came or went.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._codes: dict[str, int] = {}
        self._used: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self.changes = 0

    def __len__(self) -> int:
        return len(self._codes)

    def code(self, text: str, day: int) -> int | None:
        """Return the code of a text that a row of a day has; None where there are too many texts."""
        code = self._codes.get(text)
        if code is None:
            if len(self._codes) >= self._most:
                return None
            code = len(self._codes)
            if code in self._texts:
                code = next(free for free in count() if free not in self._texts)
            self._codes[text], self._texts[code] = code, text
            self.changes += 1
        self._used[code] = max(day, self._used.get(code, day))
        return code

    def texts(self) -> Mapping[int, str]:
        """Return the text of each code."""
        return self._texts

    def use(self, codes: Iterable[int], day: int) -> None:
        """Note that rows of a day have these codes."""
        for code in codes:
            self._used[code] = max(day, self._used[code])

    def forget_before(self, day: int) -> None:
        """Forget texts that no row of this day or a later one has."""
        for code in [code for code, last in self._used.items() if last < day]:
            del self._codes[self._texts.pop(code)], self._used[code]
            self.changes += 1

    def to_json(self) -> list[Any]:
        """Return it as JSON."""
        return [[code, text, self._used[code]] for code, text in self._texts.items()]

    def restore(self, stored: Iterable[tuple[int, str, int]]) -> None:
        """Take over what :meth:`to_json` gave."""
        self._texts = {code: text for code, text, _ in stored}
        self._codes = {text: code for code, text, _ in stored}
        self._used = {code: last for code, _, last in stored}
        self.changes += 1
