"""What dashboards share: matchers of its variables, and queries over them.

A figure about now is read from what is there now: a rate is that of counters that still answer, for the last five minutes, and
not that of a range which an exporter that has stopped is still part of.
"""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_OWNER_INFO, SLO_OBJECTIVE
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.families import Family
from prediction_exporter.kit.figures import BADNESS, PSI, SHARES
from prediction_exporter.kit.promql import BRIDGE, INSTANCE_KEY, MODEL_KEY, by, on, select

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


def answered(expr: str) -> str:
    """Return a recorded figure of models that an exporter answers for; it has no operator that binds less than ``and``."""
    return f"{expr} and {on(MODEL_KEY)} {MODEL_OWNER_INFO.where(*MODEL)}"


def watching() -> str:
    """Return what multiplies a metric of exporters with 1 where they watch the model, and leaves the others out."""
    exporters = f"max {by(INSTANCE_KEY)} ({SOURCE_UP.where(*MODEL)}) >= bool 0"
    return f"* {on(INSTANCE_KEY)} group_left () ({exporters})"


def drifted(matchers: Matchers, *key: str) -> str:
    """Return the number of columns whose PSI is above its threshold, 0 where some can be compared and none is."""
    # By column first: the same model in two places has each of its columns once.
    return f"sum {by(key)} (max {by((*key, 'column'))} ({PSI.over.where(*matchers)} > bool 1))"


def compared(matchers: Matchers) -> str:
    """Return the number of columns of which there is a PSI."""
    return f"count(count by (column) ({PSI.over.where(*matchers)}))"


def with_bad_data(matchers: Matchers) -> str:
    """Return the number of columns of which a share is above its threshold, 0 where some can be compared and none is."""
    bad = " or ".join(f"({share.over.where(*matchers)} > 1)" for share in SHARES)
    return f"count(count by (column) ({bad})) or count({BADNESS.where(*matchers)}) * 0"
