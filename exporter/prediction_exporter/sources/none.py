"""No source: that of a model which is watched without its predictions. It is always up, and there is nothing in it."""

from __future__ import annotations

from collections.abc import Iterator

from prediction_exporter.config import Fields
from prediction_exporter.sources.base import Batch, Look
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.fields.seen import FieldsSeen


class NoSource:
    """What never gives anything.

    Args:
        name: what is said of it.
    """

    refills = False
    pending = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = FieldsSeen(Fields())

    @property
    def schema(self) -> EventSchema | None:
        """None: there are no fields."""
        return None

    def look(self) -> Look:
        """Return that nothing is seen."""
        return Look()

    def restore(self, position: str | None) -> None:
        """Do nothing: there is one position."""

    def poll(self) -> Iterator[Batch]:
        """Yield nothing."""
        return iter(())

    def position(self) -> str:
        """Return the one position."""
        return ""

    def reached(self) -> str:
        """Return that there is nothing to reach."""
        return "none"

    def lag_bytes(self) -> int | None:
        """None: nothing is unread, and nothing could be."""
        return None

    def close(self) -> None:
        """Do nothing."""
