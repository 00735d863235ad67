"""Recorded series of what a model's processes use for its predictions."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import CPU, RESIDENT
from prediction_exporter.collectors.traffic import REQUESTS
from prediction_exporter.kit.fleet import counted_once
from prediction_exporter.kit.promql import MODEL_KEY, Recorded, by
from prediction_exporter.kit.recording import HALF_HOUR, TRAFFIC

CPU_PER_1000 = Recorded(
    name="model:model_process_cpu_seconds:per_1000_predictions30m",
    labels=MODEL_KEY,
    help="CPU seconds that the model's processes spent for 1,000 predictions, over half an hour.",
    expr=lambda scale: f"1000 * sum {by(MODEL_KEY)} (increase({CPU}[{scale(HALF_HOUR)}]))\n/\n({TRAFFIC} > 0)",
)
MEMORY_PER_1000 = Recorded(
    name="model:model_process_resident_memory_bytes:per_1000_predictions30m",
    labels=MODEL_KEY,
    help="Resident memory that 1,000 predictions a second would take, over half an hour.",
    expr=lambda scale: (
        f"1000 * sum {by(MODEL_KEY)} (avg_over_time({RESIDENT}[{scale(HALF_HOUR)}]))\n"
        f"/\n({counted_once(MODEL_KEY, f'rate({REQUESTS}[{scale(HALF_HOUR)}])')} > 0)"
    ),
)
