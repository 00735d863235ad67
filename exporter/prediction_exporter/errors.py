"""Errors that are told to a person, not to a debugger."""

from __future__ import annotations

from collections.abc import Sequence


def in_short(names: Sequence[object], most: int) -> str:
    """Return the first of some names, and how many more there are.

    >>> in_short(["age", "income"], 2), in_short(["age", "income", "region"], 2)
    ('age, income', 'age, income and 1 more')
    """
    more = len(names) - most
    return ", ".join(map(str, names[:most])) + (f" and {more:,} more" if more > 0 else "")


class PredictionExporterError(Exception):
    """Base of every error whose message is written for the user; the command line prints it without a traceback."""


class ConfigError(PredictionExporterError):
    """The configuration cannot be used; the message names each place in the file and what is allowed there."""


class BaselineError(PredictionExporterError):
    """A baseline file cannot be built or read."""


class SourceError(PredictionExporterError):
    """A source of predictions cannot be read now; the exporter tries again."""


class ServerError(SourceError):
    """A server gave no answer that can be used; the exporter asks again.

    Attributes:
        retry_after: seconds after which it wants to be asked again; None where it does not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KitError(PredictionExporterError):
    """The kit cannot be written where it is wanted, or what is there cannot be compared with it."""


class NoRoomError(PredictionExporterError):
    """The memory that the process may take is too little, in the smallest steps too."""


class StateError(PredictionExporterError):
    """The state file cannot be used."""


class NoteError(PredictionExporterError):
    """A note on an alarm cannot be made or kept."""
