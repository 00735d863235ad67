"""What dashboards share: matchers of its variables, and queries over them.

A figure about now is read from what is there now: a rate is that of counters that still answer, for the last five minutes, and
not that of a range which an exporter that has stopped is still part of.
"""

from __future__ import annotations

from prediction_exporter.collectors.identity import SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.families import Family
from prediction_exporter.kit.figures import BADNESS, PSI, SHARES
from prediction_exporter.kit.promql import BRIDGE, INSTANCE_KEY, by, on, select

#: Matchers of labels; their names are those of the variables.
Matchers = tuple[str, ...]


def chosen(label: str, *, variable: str = "") -> str:
    """Return a matcher of a variable's value.

    Grafana escapes a value for PromQL's quotes in one way or another, by its version, and none of them keeps the quotes of a
    name as ``applicant's income``. As a regular expression in a raw string it is kept.

    >>> chosen("column", variable="worst")
    'column=~`${worst:regex}`'
    """
    return f"{label}=~`${{{variable or label}:regex}}`"


#: Where the model runs; unless one is chosen, anywhere, also where targets have no such label.
CLUSTER = (chosen("cluster"),)
PLACE = (*CLUSTER, chosen("namespace"))
#: Whose models they are.
OWNED = (*PLACE, chosen("owner"))
MODEL = (*PLACE, chosen("model"))
VERSION = (*MODEL, chosen("version"))
#: Requests of a version, or those that a server counts, which belong to all of them.
SERVED = (*MODEL, chosen("version").removesuffix("`") + "|`")
WINDOWS = (*VERSION, 'segment="all"')
WINDOW = (*WINDOWS, chosen("window"))
#: What can be told of one segment, and for one column.
SEGMENT = (*VERSION, chosen("segment"), chosen("window"))
COLUMN = (*SEGMENT, chosen("column"))
WORST = (*WINDOW, chosen("column", variable="worst"))
FEATURE = 'role="feature"'
OUTPUT = 'role=~"prediction|score"'


def rate(family: Family | str, matchers: Matchers) -> str:
    """Return the growth of a counter a second, over the resolution of a graph."""
    return f"rate({select(str(family), *matchers)}[$__rate_interval])"


def rate_now(family: Family | str, matchers: Matchers) -> str:
    """Return the growth of a counter a second now, of exporters that answer."""
    counter = select(str(family), *matchers)
    return f"rate({counter}[{BRIDGE}]) and {counter}"


def error_ratio(matchers: Matchers, *key: str) -> str:
    """Return the share of requests that failed, over the resolution of a graph."""
    failed, all_ = (f"sum {by(key)} ({rate(family, matchers)})" for family in (REQUESTS_FAILED, REQUESTS))
    return f"{failed} / ({all_} > 0)"


def allowed(slo: str) -> str:
    """Return the share of requests that an objective allows to be bad."""
    return f"(1 - max({SLO_OBJECTIVE.where(*MODEL, slo=slo)}))"


def latency(quantile: float, buckets: str) -> str:
    """Return a quantile of the durations that buckets count."""
    return f"histogram_quantile({quantile}, sum by (le) ({buckets}))"


def watching() -> str:
    """Return what multiplies a metric of exporters with 1 where they watch the model, and leaves the others out."""
    exporters = f"max {by(INSTANCE_KEY)} ({SOURCE_UP.where(*MODEL)}) >= bool 0"
    return f"* {on(INSTANCE_KEY)} group_left () ({exporters})"


def drifted(matchers: Matchers, *key: str) -> str:
    """Return the number of columns whose PSI is above its threshold, 0 where some can be compared and none is."""
    distances = PSI.over.where(*matchers)
    return _count(f"{distances} > 1", distances, key)


def with_bad_data(matchers: Matchers) -> str:
    """Return the number of columns of which a share is above its threshold, 0 where some can be compared and none is."""
    bad = " or ".join(f"({share.over.where(*matchers)} > 1)" for share in SHARES)
    return _count(bad, BADNESS.where(*matchers), ())


def _count(found: str, of_these: str, key: tuple[str, ...]) -> str:
    # By column first: the same model in two places has each of its columns once.
    counted, all_ = (f"count {by(key)} (count {by((*key, 'column'))} ({each}))" for each in (found, of_these))
    return f"{counted} or {all_} * 0"
