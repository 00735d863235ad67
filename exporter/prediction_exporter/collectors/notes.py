"""Notes: what people said of alarms, so that one can see how many were right."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.base import NO_MODEL, LiveCollector, LiveSeries, Most, Published
from prediction_exporter.collectors.report import NotesReport
from prediction_exporter.config import Config
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family
from prediction_exporter.notes.names import ALERTS, NO_ALERT, VERDICTS
from prediction_exporter.notes.verdicts import REASONS, Verdicts

ALARMS = Family(
    name="model_alarms_total",
    type="counter",
    labels=("model", "alert", "verdict"),
    group="identity",
    help="Alarms that somebody said were true, false or expected; alert is empty where the note names none.",
)

NOTES_REJECTED = Family(
    name="prediction_exporter_notes_rejected_total",
    type="counter",
    labels=("reason",),
    group="exporter",
    help="Lines of the file of notes that count for no model, by reason.",
)

_NOTHING = NotesReport(Verdicts(), 0.0)


class AlarmsSeries(LiveSeries):
    """What was said of one model's alarms. All are there from the start, so that a first note is an increase."""

    def __init__(self, model: str) -> None:
        self._model = model

    def render(self, published: Published) -> Samples:
        """Return the series, none before the notes were read: those that began at 0 again would count all anew."""
        return Samples() if published.notes is None else self._render(published.notes)

    def _render(self, notes: NotesReport) -> Samples:
        samples = Samples()
        for alert in (NO_ALERT, *ALERTS):
            for verdict in VERDICTS:
                count = notes.verdicts.alarms.get((self._model, alert, verdict), 0)
                samples.add(ALARMS, label_text(ALARMS.labels, (self._model, alert, verdict)), count, created=notes.since)
        return samples

    def most(self) -> Most:
        """Count them."""
        return Most.of(self._render(_NOTHING))


class RejectedSeries(LiveSeries):
    """Lines that count for no model."""

    def render(self, published: Published) -> Samples:
        """Return the series, none before the notes were read."""
        return Samples() if published.notes is None else self._render(published.notes)

    def _render(self, notes: NotesReport) -> Samples:
        samples = Samples()
        for reason in REASONS:
            count = notes.verdicts.rejected.get(reason, 0)
            samples.add(NOTES_REJECTED, label_text(NOTES_REJECTED.labels, (reason,)), count, created=notes.since)
        return samples

    def most(self) -> Most:
        """Count them."""
        return Most.of(self._render(_NOTHING))


def _open(config: Config) -> Mapping[str, LiveSeries]:
    return {**{model.name: AlarmsSeries(model.name) for model in config.models}, NO_MODEL: RejectedSeries()}


COLLECTOR = LiveCollector(
    name="notes",
    summary="What people said of a model's alarms: true, false or expected.",
    families=(ALARMS, NOTES_REJECTED),
    maturity=0,
    open=_open,
)
