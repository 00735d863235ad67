"""Predictions whose request and response are records of their own, and the same predictions as one record each."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from prediction_exporter.collectors.report import ModelReport
from watched import NOW, config_text, event

#: Where everything stands in a record of both.
FIELDS = (
    "{time: request.ts, id: request.id, version: request.version, prediction: response.decision, score: response.score, "
    "latency: response.latency_ms, status: response.status, features: request.features}"
)

JOIN = "{id: id, request: \"kind = 'request'\", response: \"kind = 'response'\"}"


def configuration(source: str, *, join: str | None = JOIN) -> str:
    """Return the configuration of a model with a source of predictions, as ``log: {path: ...}``."""
    joined = "" if join is None else f"      join: {join}\n"
    model = f"\n  - name: m\n    owner: me\n    predictions:\n      {source}\n{joined}      fields: {FIELDS}\n"
    return config_text(model + "    baseline: baseline.json\n")


@dataclass
class Predictions:
    """Makes predictions.

    Attributes:
        made: those that were made: request and response.
    """

    chance: random.Random
    made: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def make(self, *, at: float = NOW, pad: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the request and the response of another prediction."""
        name = f"r{len(self.made)}"
        whole = event(at, self.chance, version=self.chance.choice("12"), status=self.chance.choice([200, 200, 200, 500]))
        request = {"kind": "request", "id": name, "features": {one: whole.pop(one) for one in ("amount", "color")}}
        request |= {"ts": whole.pop("ts"), "version": whole.pop("version"), "pad": "x" * pad}
        response = {"kind": "response", "id": name, **whole}
        self.made.append((request, response))
        return request, response

    def flat(self) -> str:
        """Return a line for each prediction."""
        return "".join(line({"request": request, "response": response}) for request, response in self.made)


def line(record: dict[str, Any]) -> str:
    """Return a record as a line."""
    return json.dumps(record) + "\n"


def counted(report: ModelReport) -> tuple[dict[tuple[str, str, str], list[int]], Counter[tuple[str, int, int | None]]]:
    """Return the counts of all bins, by version, segment and window, and requests and failures of each version."""
    bins = {(one.version, one.segment, one.window): one.profile.counts.tolist() for one in report.windows}
    return bins, Counter((version, *of) for version, of in (report.requests or {}).items())
