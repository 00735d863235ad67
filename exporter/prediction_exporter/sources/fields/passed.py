"""How many records passed a filter: one that none passes reads like good news."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prediction_exporter.config.suggesting import suggest


class Passed:
    """Counts records and those of them that passed ``predictions.where``.

    Args:
        needed: the fields that a record should have for the filter to mean anything.
        key: where the filter stands in its section of the configuration.

    Attributes:
        key: the same.
        records: how many were looked at.
        passed: how many of them passed.
        names: fields of records that did not, for messages.
    """

    def __init__(self, needed: Sequence[str], *, key: str = "where") -> None:
        self.key = key
        self._missed = list(needed)
        self.records = 0
        self.passed = 0
        self.names: tuple[str, ...] = ()

    def count(self, records: int, passed: int, has: Callable[[str], bool]) -> None:
        """Count records.

        Args:
            records: how many.
            passed: how many of them passed.
            has: whether any of them has a field.
        """
        self.records += records
        self.passed += passed
        if self._missed and records:
            self._missed = [name for name in self._missed if not has(name)]

    @property
    def is_lacking(self) -> bool:
        """Whether a field that the filter needs is in no record."""
        return bool(self._missed)

    def ratio(self) -> float | None:
        """Return the share of all records that passed; None before the first."""
        return self.passed / self.records if self.records else None

    def unseen(self) -> tuple[str, ...]:
        """Return a sentence where no record passes, or where a field that the filter names is in none."""
        if not self.records or (self.passed and not self._missed):
            return ()
        hint = suggest(self._missed[0], self.names) if len(self._missed) == 1 and not self.passed else ""
        absent = ", ".join(self._missed) + hint
        if self.records == 1:
            told = "the one record " + (f"lacks {absent}" if self._missed else "does not pass the filter")
        else:
            told = f"none of {self.records:,} records " + ("has " if self.passed else "passes the filter")
            told += absent if self.passed else f", and none has {absent}" if self._missed else ""
        has = f" (they have: {', '.join(self.names)})" if self.names and not self.passed else ""
        return (f"{self.key}: {told}{has}",)
