"""What was counted of notes, as it is stored and shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.notes.names import ALERTS, NO_ALERT, VERDICTS
from prediction_exporter.notes.note import note_of_line

#: Every reason for which a line counts for no model, in the order that series show.
REASONS: dict[str, str] = {
    "malformed": "no JSON object with the texts model and verdict",
    "oversized": "longer than a line may be",
    "unknown_model": "a model that is not configured",
    "unknown_alert": "an alert that the kit does not have",
    "unknown_verdict": "a verdict that is none of true, false and expected",
    "repeated": "a note that was counted before: the id is the same",
}

#: Ids that are remembered: a form that is sent twice, or a note that is tried again, comes soon.
MOST_IDS = 256
MOST_ID_CHARACTERS = 64

_Key = tuple[str, str, str]  # model, alert, verdict


@dataclass(slots=True)
class Verdicts:
    """How many alarms of each model were said to be what, and how many lines were refused by reason."""

    alarms: dict[_Key, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    _ids: dict[str, None] = field(default_factory=dict)  # oldest first

    def take(self, line: bytes, models: Collection[str]) -> str | None:
        """Count a line; return why it is refused, None where it is not.

        >>> verdicts = Verdicts()
        >>> verdicts.take(b'{"model": "m", "verdict": "true"}', {"m"}), verdicts.take(b"?", {"m"})
        (None, 'malformed')
        >>> verdicts.alarms
        {('m', '', 'true'): 1}
        """
        reason = self._count(line, models)
        if reason is not None:
            self.refuse(reason)
        return reason

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count lines as refused."""
        self.rejected[reason] = self.rejected.get(reason, 0) + count

    def _count(self, line: bytes, models: Collection[str]) -> str | None:
        note = note_of_line(line)
        if note is None or len(note.id) > MOST_ID_CHARACTERS:
            return "malformed"
        if note.model not in models:
            return "unknown_model"
        if note.alert not in (NO_ALERT, *ALERTS):
            return "unknown_alert"
        if note.verdict not in VERDICTS:
            return "unknown_verdict"
        if note.id and note.id in self._ids:
            return "repeated"
        self._remember(note.id)
        key = note.model, note.alert, note.verdict
        self.alarms[key] = self.alarms.get(key, 0) + 1
        return None

    def _remember(self, note_id: str) -> None:
        if note_id:
            self._ids[note_id] = None
        if len(self._ids) > MOST_IDS:
            del self._ids[next(iter(self._ids))]

    def of_model(self, model: str) -> dict[str, int]:
        """Return the sums of a model by verdict."""
        return {verdict: sum(n for (m, _, v), n in self.alarms.items() if (m, v) == (model, verdict)) for verdict in VERDICTS}

    def copy(self) -> Verdicts:
        """Return the same, which does not change any more."""
        return Verdicts(dict(self.alarms), dict(self.rejected), dict(self._ids))

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return {
            "alarms": [[*key, count] for key, count in self.alarms.items()],
            "rejected": self.rejected,
            "ids": list(self._ids),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], models: Collection[str]) -> Verdicts:
        """Return what :meth:`to_json` gave, of these models alone: of others nothing is kept."""
        alarms = {(model, alert, verdict): count for model, alert, verdict, count in stored["alarms"] if model in models}
        return cls(alarms, dict(stored["rejected"]), dict.fromkeys(stored["ids"]))
