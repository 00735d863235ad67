"""What the rows of "Model overview" share: its variables as labels, and rates over the resolution of a graph."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.families import Family
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.recording import PSI_FLEET, PSI_THRESHOLD

MODEL = {"model": "$model"}
VERSION = {**MODEL, "version": "$version"}
WINDOW = {**VERSION, "segment": "all", "window": "$window"}
COLUMN = {**WINDOW, "column": "$column"}
FEATURE = {**WINDOW, "role": "feature"}


def rate(family: Family | str, *matchers: str, **labels: str) -> str:
    """Return the growth of a counter a second."""
    return f"rate({select(str(family), *matchers, **labels)}[$__rate_interval])"


def error_ratio(by: str = "", **labels: str) -> str:
    """Return the share of requests that failed."""
    failed, all_ = (f"sum{by} ({rate(family, **labels)})" for family in (REQUESTS_FAILED, REQUESTS))
    return f"{failed} / ({all_} > 0)"


def drifted(by: str, **labels: str) -> str:
    """Return the number of columns whose PSI is above its threshold, 0 where some can be compared and none is."""
    comparable = PSI_FLEET.where(**labels)
    return f"count{by} ({comparable} > {PSI_THRESHOLD}) or count{by} ({comparable}) * 0"
