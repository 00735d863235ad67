"""Tests of what is recorded of logs' growth and of the exporter's own work."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.source import EVENTS
from prediction_exporter.collectors.volume import WRITTEN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, series
from prediction_exporter.kit.recording_cases import RecordingCase
from prediction_exporter.kit.volume import COST, GROWTH

_B = {**TARGET, "instance": "b:10900"}


def _text(labels: Mapping[str, str]) -> str:
    inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}"


VOLUME_CASES = (
    RecordingCase(
        name="what logs of two replicas grow by in a day, and what reading a million of events takes",
        series=(
            *(series(WRITTEN, "0+600000x1500", model="credit-risk", target=target) for target in (TARGET, _B)),
            # 30 events a second with a hundredth of a processor: a million takes 333 seconds.
            series(EVENTS, "0+1200x1500", model="credit-risk"),
            series(EVENTS, "0+600x1500", model="other"),
            series("process_cpu_seconds_total", "0+0.6x1500"),
        ),
        at="1450m",
        expected=(
            (f"abs({GROWTH} - 2 * 1440 * 600000) < bool 1", _text(MODEL_LABELS), 1),
            (f"abs({COST} - 0.01 / 30 * 1e6) < bool 1e-6", _text(TARGET), 1),
        ),
    ),
)
