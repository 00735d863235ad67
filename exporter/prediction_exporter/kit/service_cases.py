"""Tests of the recorded series of the service: shares, budgets, capacity, and what predictions cost."""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.model_process import CPU, RESIDENT
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.kit.capacity import FLEET_SHARE
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, series
from prediction_exporter.kit.error_budget import REMAINING
from prediction_exporter.kit.process import CPU_PER_1000, MEMORY_PER_1000
from prediction_exporter.kit.recording import BURN_SPANS, FAILED_SHARES
from prediction_exporter.kit.recording_cases import RecordingCase, labels_text

_AVAILABILITY = labels_text({**MODEL_LABELS, "slo": "availability"})
_B = {**TARGET, "instance": "b:10900"}

SERVICE_CASES: tuple[RecordingCase, ...] = (
    RecordingCase(
        name="the share of failed requests over each span",
        series=(
            series(REQUESTS, "0+100x150", model="credit-risk", version="2"),
            series(REQUESTS_FAILED, "0+1x150", model="credit-risk", version="2"),
        ),
        at="2h",
        expected=tuple(
            (
                f"abs({FAILED_SHARES[span]} - 0.01) < bool 1e-9",
                labels_text(MODEL_LABELS),
                1.0,
            )
            for span in BURN_SPANS
        ),
    ),
    # SRE workbook, alerting on SLOs: an hour of 720 at 14.4 times the rate that is allowed uses 2 % of the budget of 30 days.
    # Here the other 719 hours' requests come in one; the last request has been in every count that it is in an hour later.
    RecordingCase(
        name="an hour in which requests fail 14.4 times as often as allowed uses 2 % of the budget",
        series=(
            series(REQUESTS, "0x60 0+719000x60 43140000+1000x60 43200000x60", model="credit-risk", version="2"),
            series(REQUESTS_FAILED, "0x121 0+14.4x60 864x60", model="credit-risk", version="2"),
            series(SLO_OBJECTIVE, "0.999x300", model="credit-risk", slo="availability"),
        ),
        at="4h",
        expected=(
            (f"abs({REMAINING} - 0.98) < bool 3e-4", _AVAILABILITY, 1.0),
        ),
    ),
    RecordingCase(
        name="what is left is weighed by requests: all of few at night fail, none of many by day",
        series=(
            series(REQUESTS, "0x40 0+1000x60 60000+10x60 60600x40", model="credit-risk", version="2"),
            series(REQUESTS_FAILED, "0x101 0+10x60 600x40", model="credit-risk", version="2"),
            series(SLO_OBJECTIVE, "0.9x200", model="credit-risk", slo="availability"),
        ),
        at="200m",
        # 600 of 60,600 failed, and a tenth may.
        expected=(
            (f"abs({REMAINING} - (1 - 600 / 60600 / 0.1)) < bool 0.003", _AVAILABILITY, 1.0),
        ),
    ),
    RecordingCase(
        name="hours without a request leave what is left as it is, and are no number that is none",
        series=(
            series(REQUESTS, "0x40 0+100x60 6000x300 6000+100x60 12000x60", model="credit-risk", version="2"),
            series(REQUESTS_FAILED, "0x40 0+1x60 60x300 60+1x60 120x60", model="credit-risk", version="2"),
            series(SLO_OBJECTIVE, "0.9x600", model="credit-risk", slo="availability"),
        ),
        at="520m",
        # One in a hundred failed, and one in ten may.
        expected=((f"abs({REMAINING} - 0.9) < bool 0.001", _AVAILABILITY, 1.0),),
    ),
    RecordingCase(
        name="which model is asked most",
        series=(
            series(REQUESTS, "0+30x60", model="credit-risk", version="1"),
            series(REQUESTS, "0+60x60", model="credit-risk", version="2"),
            series(REQUESTS, "0+10x60", model="other", version="1"),
        ),
        at="1h",
        expected=(
            (f"abs(topk(1, {FLEET_SHARE}) - 0.9) < bool 1e-9", labels_text(MODEL_LABELS), 1),
        ),
    ),
    RecordingCase(
        name="what 1,000 predictions cost: ten a second on each of two machines, with half a core and 1 and 3 GB",
        series=(
            series(REQUESTS, "0+600x60", model="credit-risk", version="2"),
            series(REQUESTS, "0+600x60", target=_B, model="credit-risk", version="2"),
            series(CPU, "0+30x60", model="credit-risk"), series(CPU, "0+30x60", target=_B, model="credit-risk"),
            series(RESIDENT, "1e9x60", model="credit-risk"), series(RESIDENT, "3e9x60", target=_B, model="credit-risk"),
        ),
        at="50m",
        expected=tuple(
            (f"abs({recorded} - {value}) < bool 1e-6 * {value}", labels_text(MODEL_LABELS), 1.0)
            for recorded, value in ((CPU_PER_1000, 1000 * 1.0 / 20), (MEMORY_PER_1000, 1000 * 4e9 / 20))
        ),
    ),
)  # fmt: skip
