"""The Open Inference Protocol (V2): requests and responses as any server that speaks it has them."""

from __future__ import annotations

from prediction_exporter.sources.layouts.base import RecordLayout
from prediction_exporter.sources.layouts.v2 import NOTES, flat_v2, half_of_v2, is_v2

LAYOUT = RecordLayout(
    name="open-inference",
    writer="servers of the Open Inference Protocol (V2), in JSON of REST or gRPC, as a client, a proxy or a server logs it",
    evidence="genuine: bodies of MLServer's tests; records of both in one by the protocol's documentation",
    flat=flat_v2,
    half=half_of_v2,
    is_meant=is_v2,
    notes=NOTES,
)
