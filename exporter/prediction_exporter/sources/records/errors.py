"""What is wrong with a payload."""

from __future__ import annotations


class PayloadError(Exception):
    """A payload cannot be read.

    Args:
        reason: why, one of the reasons of :mod:`prediction_exporter.sources.base`.
        what: what is wrong, for messages; nothing of the payload's values is in it.
    """

    def __init__(self, what: str, reason: str = "payload") -> None:
        super().__init__(what)
        self.reason = reason


def too_many(rows: int, most: int, about: str = "") -> PayloadError:
    """Return the error of a payload that has more rows than are taken."""
    return PayloadError(f"{about}{rows} rows are more than {most}", "too_many_rows")
