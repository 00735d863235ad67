"""What the rows of "Model overview" share: its variables as labels, and queries over them.

A figure about now is read from what is there now: a rate is that of counters that still answer, for the last five minutes, and
not that of a range which an exporter that has stopped is still part of.
"""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.families import Family
from prediction_exporter.kit.promql import BRIDGE, INSTANCE_KEY, Recorded, Series, by, on, select
from prediction_exporter.kit.recording import FLEET_SHARES, PSI_FLEET, PSI_THRESHOLD

#: Where the model runs; unless one is chosen, anywhere, also where targets have no such label.
PLACE = ('cluster=~"$cluster"', 'namespace=~"$namespace"')
MODEL = {"model": "$model"}
VERSION = {**MODEL, "version": "$version"}
WINDOW = {**VERSION, "segment": "all", "window": "$window"}
COLUMN = {**WINDOW, "column": "$column"}
FEATURE = {**WINDOW, "role": "feature"}

Labels = Mapping[str, str]


def of(series: Series, labels: Labels, *matchers: str) -> str:
    """Return a selector of the series that the variables mean."""
    return series.where(*PLACE, *matchers, **labels)


def rate(family: Family | str, labels: Labels) -> str:
    """Return the growth of a counter a second, over the resolution of a graph."""
    return f"rate({select(str(family), *PLACE, **labels)}[$__rate_interval])"


def rate_now(family: Family | str, labels: Labels) -> str:
    """Return the growth of a counter a second now, of exporters that answer."""
    counter = select(str(family), *PLACE, **labels)
    return f"rate({counter}[{BRIDGE}]) and {counter}"


def error_ratio(labels: Labels, *key: str) -> str:
    """Return the share of requests that failed, over the resolution of a graph."""
    failed, all_ = (f"sum {by(key)} ({rate(family, labels)})" for family in (REQUESTS_FAILED, REQUESTS))
    return f"{failed} / ({all_} > 0)"


def allowed(slo: str) -> str:
    """Return the share of requests that an objective allows to be bad."""
    return f"(1 - max({of(SLO_OBJECTIVE, {**MODEL, 'slo': slo})}))"


def latency(quantile: float, buckets: str) -> str:
    """Return a quantile of the durations that buckets count."""
    return f"histogram_quantile({quantile}, sum by (le) ({buckets}))"


def times_threshold(value: Recorded, threshold: Recorded, labels: Labels, *matchers: str) -> str:
    """Return a share or distance as a multiple of its threshold."""
    return f"{of(value, labels, *matchers)} / {of(threshold, labels, *matchers)}"


def watching() -> str:
    """Return what multiplies a metric of exporters with 1 where they watch the model, and leaves the others out."""
    exporters = f"max {by(INSTANCE_KEY)} ({of(SOURCE_UP, MODEL)}) >= bool 0"
    return f"* {on(INSTANCE_KEY)} group_left () ({exporters})"


def drifted(labels: Labels, *key: str) -> str:
    """Return the number of columns whose PSI is above its threshold, 0 where some can be compared and none is."""
    return _count(f"{of(PSI_FLEET, labels)} > {of(PSI_THRESHOLD, labels)}", of(PSI_FLEET, labels), key)


def with_bad_data(labels: Labels) -> str:
    """Return the number of columns of which a share is above its threshold, 0 where some can be compared and none is."""
    bad = " or ".join(f"({of(share.fleet, labels)} > {of(share.threshold, labels)})" for share in FLEET_SHARES)
    return _count(bad, f"{of(FLEET_SHARES[0].threshold, labels)}", ())


def _count(found: str, of_these: str, key: tuple[str, ...]) -> str:
    # By column first: the same model in two places has each of its columns once.
    counted, all_ = (f"count {by(key)} (count {by((*key, 'column'))} ({each}))" for each in (found, of_these))
    return f"{counted} or {all_} * 0"
