"""A model whose labels come late: its folder, and what its windows must have of the pairs that were written."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import watched
from prediction_exporter.baseline import load
from prediction_exporter.baseline.performance import performance_of
from prediction_exporter.collectors.report import LabelsReport, ModelReport, PerformanceReport
from prediction_exporter.config import Config
from prediction_exporter.performance import Performance

HOUR, DAY = 3600, 86_400
FIELDS = "{time: ts, version: version, prediction: decision, score: score, id: id}"
STAGED = FIELDS.replace("id: id", "id: id, stage: stage")
LOG = "log: {path: labels.log, start: beginning}"

#: What a window is of: version, stage, segment, name, and whether it is mature.
Of = tuple[str, str, str, str, str]


def more_of(
    *,
    source: str = LOG,
    matures: str = "1h",
    fields: str = "{id: id, label: label, time: ts}",
    labels: str = "",
    model: str = "",
) -> str:
    """Return the lines of a model with labels."""
    text = f"""baseline: baseline.json
task: binary
performance: {{positive: accept}}
labels:
  {source}
  fields: {fields}
  matures_after: {matures}"""
    return text + (f"\n  {labels}" if labels else "") + (f"\n{model}" if model else "")


@dataclass
class Predicted:
    """A prediction that was written."""

    id: str
    time: float
    version: str
    decision: str
    score: float
    color: str
    stage: str | None


@dataclass
class LabelledModel:
    """A model with its folder, and everything that was written for it."""

    folder: Path
    text: str = ""
    fields: str = FIELDS
    model: watched.Watched = field(init=False)
    written: dict[tuple[str, str | None], Predicted] = field(default_factory=dict)
    truth: dict[str, tuple[str, float]] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(11))

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.model = watched.Watched(self.folder)
        self.config = self.configure(self.text or more_of())
        self.monitor = self.model.start(self.config)

    @property
    def clock(self) -> watched.Clock:
        """The exporter's clock."""
        return self.model.clock

    def configure(self, more: str, *, fields: str | None = None, top: str = "windows: [1h, 24h]") -> Config:
        """Write the configuration and return it."""
        text = watched.model_text(fields=fields or self.fields, more=more)
        return self.model.configure(watched.config_text(text, more=top))

    def again(self, loaded: Config | None = None) -> None:
        """Start anew on the same state."""
        self.config = loaded or self.config
        self.monitor = self.model.start(self.config)

    def predict(self, *ids: str, at: float | None = None, to: str = "app.log", **changed: Any) -> None:
        """Log predictions."""
        time = self.clock() if at is None else at
        for name in ids:
            event = watched.event(time, self.chance, id=name, **changed)
            self.model.write(json.dumps(event) + "\n", to=to)
            self.note(event)

    def note(self, event: Mapping[str, Any]) -> None:
        """Note a prediction that was written in any way; a key that is there already is a duplicate."""
        prediction = Predicted(
            event["id"], event["ts"], event["version"], event["decision"], event["score"], event["color"], event.get("stage")
        )
        self.written.setdefault((prediction.id, prediction.stage), prediction)

    def label(self, labels: Mapping[str, str], *, at: float | None = None, to: str = "labels.log", **more: Any) -> None:
        """Log labels."""
        time = self.clock() if at is None else at
        rows = [{"id": name, "label": label, "ts": time, **more} for name, label in labels.items()]
        self.model.write("".join(json.dumps(row) + "\n" for row in rows), to=to)
        self.know(labels, float(more.get("weight", 1.0)))

    def know(self, labels: Mapping[str, str], weight: float = 1.0) -> None:
        """Note labels that were written in any way, with what each pair weighs."""
        self.truth.update({name: (label, weight) for name, label in labels.items()})

    def read(self) -> ModelReport:
        """Read all there is and evaluate."""
        return watched.read(self.monitor, self.clock)[0]

    def labels(self) -> LabelsReport:
        """Read all there is, and return what is known of labels."""
        report = self.read().labels
        assert report is not None
        return report

    def windows(self) -> dict[Of, PerformanceReport]:
        """Read all there is, and return the windows."""
        return {key_of(window): window for window in self.labels().windows}

    def expected(self, kind: str, end: float, window: str = "1h", *, staged: bool = False) -> dict[Of, list[int]]:
        """Return the counts of a window without segments that ends there, by all that was written."""
        seconds = {"1h": HOUR, "24h": DAY}[window]
        groups: dict[Of, list[Predicted]] = {}
        for prediction in self.written.values():
            if end - seconds <= prediction.time < end and prediction.id in self.truth:
                stage = (prediction.stage or "none") if staged else ""
                groups.setdefault((prediction.version, stage, "all", window, kind), []).append(prediction)
        return {of: self.counts(pairs) for of, pairs in groups.items()}

    def counts(self, pairs: Iterable[Predicted]) -> list[int]:
        """Return the counts of pairs."""
        model = self.config.models[0]
        assert model.baseline is not None
        layout = performance_of(model, load(model.baseline), "models[0]")[0]
        encoder, pairs = layout.encoder(), list(pairs)
        predicted, actual = (
            np.array([encoder.code(text) for text in of])
            for of in ([pair.decision for pair in pairs], [self.truth[pair.id][0] for pair in pairs])
        )
        weights = np.array([self.truth[pair.id][1] for pair in pairs]) if layout.weighted else None
        scores = np.array([[pair.score] for pair in pairs])
        counts: list[int] = Performance.of(layout, predicted, actual, scores, weights).counts.tolist()
        return counts


def key_of(window: PerformanceReport) -> Of:
    """Return what a window is of."""
    return window.version, window.stage, window.segment, window.window, window.labels


def whole(windows: Mapping[Of, PerformanceReport], window: str, kind: str) -> dict[Of, list[int]]:
    """Return the counts of the windows of this name and kind that are of no segment."""
    return {of: report.pairs.counts.tolist() for of, report in windows.items() if of[2:] == ("all", window, kind)}
