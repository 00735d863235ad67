"""Which records are of requests that were not served, before it is known which field is what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.config import Fields
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.names import flatten
from prediction_exporter.sources.fields.recognise import stated_outcomes, status_path
from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.outcomes import Outcomes
from prediction_exporter.sources.values import text_of

#: Sets of names that are remembered: a log has few.
_MOST_SHAPES = 256


class Unserved:
    """Tells requests that failed from others, by the field that is recognised as their status or named as that.

    Args:
        fields: what the configuration says.
    """

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._statuses: dict[tuple[str, ...], tuple[Path, Outcomes] | None] = {}

    def __call__(self, event: Mapping[str, Any], *, holds_any: bool) -> bool:
        """Return whether the request of an event failed, or was refused and holds nothing.

        Args:
            event: what its record has beside predictions.
            holds_any: whether there is anything of these.
        """
        names = tuple(flatten([event]))
        if names not in self._statuses:
            if len(self._statuses) >= _MOST_SHAPES:
                self._statuses.clear()
            self._statuses[names] = self._status_of(event)
        found = self._statuses[names]
        if found is None:
            return False
        path, outcomes = found
        text = text_of(lookup(event, path))
        return text is not None and (outcomes.means_failure(text) or (not holds_any and outcomes.means_refusal(text)))

    def _status_of(self, event: Mapping[str, Any]) -> tuple[Path, Outcomes] | None:
        try:
            path = status_path([event], self._fields, where="")
        except ConfigError:  # which is told where fields are recognised
            return None
        return None if path is None else (path, stated_outcomes(path, self._fields))
