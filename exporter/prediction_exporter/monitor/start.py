"""What the log tells of a model when it starts and when its fields are known: what an operator checks first."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

from prediction_exporter.baseline import Baseline
from prediction_exporter.counting.layout import Layout
from prediction_exporter.sources.base import Source
from prediction_exporter.sources.fields.schema import EventSchema, describe

_MOST_OF_A_ROLE = 200  # characters: there may be hundreds of features

logger = logging.getLogger(__name__)


def tell_start(name: str, source: Source, baseline: Baseline | None, *, resumed: bool) -> None:
    """Say what a model reads, what it is compared with, and where reading goes on."""
    position = source.reached() if resumed else "none, nothing was read before"
    logger.info("model %s starts", name, extra={"source": source.name, "baseline": _baseline(baseline), "position": position})


def tell_fields(name: str, schema: EventSchema, layout: Layout | None) -> None:
    """Say which field was taken for what."""
    fields = (textwrap.shorten(line, _MOST_OF_A_ROLE, placeholder=" ...") for line in describe(schema, layout))
    logger.info("model %s: fields recognised", name, extra={"fields": "; ".join(fields)})


def tell_labels(name: str, lines: Sequence[str]) -> None:
    """Say which field of the labels was taken for what."""
    logger.info("model %s: fields of labels", name, extra={"fields": "; ".join(lines)})


def _baseline(baseline: Baseline | None) -> str:
    if baseline is None:
        return "none"
    built = datetime.fromtimestamp(baseline.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{baseline.short_hash} of {built}, {len(baseline.layout.columns)} columns"
