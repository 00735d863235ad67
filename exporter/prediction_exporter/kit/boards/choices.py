"""Choices: the variables that dashboards share, each after those that narrow it down."""

from __future__ import annotations

from prediction_exporter.collectors.identity import MODEL_INFO, MODEL_OWNER_INFO
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.counting.profiler import ALL
from prediction_exporter.kit import variables as v
from prediction_exporter.kit.boards.selectors import CLUSTER, MODEL, OWNED, PLACE, VERSION, WINDOW, WINDOWS, Matchers
from prediction_exporter.kit.figures import BADNESS, BIN_SHARE
from prediction_exporter.kit.looks import Json
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.recording import WINDOW_COUNT

#: Columns that a panel shows at most.
TOP = 10
#: What a window is compared with, and how many days before that was: what was before all days is not there.
LONG_AGO = "7300"
COMPARED = {"baseline": LONG_AGO, "yesterday": "1", "last week": "7"}
#: Matchers of windows by the first unit of their length, the shortest first.
_OF_UNITS = tuple(f'window=~"[0-9]+{unit}.*"' for unit in ("m?s", "m", "h", "d", "w", "y"))


def places() -> list[Json]:
    """Return what says where models run, and whose they are: everywhere and anybody's unless something is chosen."""
    return [
        v.datasource(),
        v.of_place("cluster", "Cluster", MODEL_INFO.name),
        v.of_place("namespace", "Namespace", select(MODEL_INFO.name, *CLUSTER)),
        v.of_places("owner", "Owner", select(MODEL_OWNER_INFO.name, *PLACE)),
    ]


def model() -> Json:
    """Return the model that is looked at."""
    return v.of_label("model", "Model", select(MODEL_OWNER_INFO.name, *OWNED))


def models() -> Json:
    """Return the models that are looked at: all of them, unless some are chosen."""
    return v.of_places("model", "Model", select(MODEL_OWNER_INFO.name, *OWNED))


def version() -> Json:
    """Return the version that is looked at."""
    return v.of_result("version", "Version", "Version of the model: the newest that is served, then older ones.", _versions())


def segment() -> Json:
    """Return the segment that is looked at: all traffic, then its parts, the largest first."""
    # All of the traffic is no smaller than any part of it, and first where it is no larger either.
    everything = f"{_held('segment', VERSION, segment=ALL)} + 0.5"
    found = f"sort_desc({everything} or on (segment) {_held('segment', VERSION)})"
    return v.of_result("segment", "Segment", "Part of the traffic that is shown.", found)


def window() -> Json:
    """Return the window that is compared: the shortest first."""
    # A window holds no fewer predictions than a shorter one. Of two that hold the same, as all is new, the units tell.
    held = (f"{_held('window', (*WINDOWS, of_unit))} + 0.{place}" for place, of_unit in enumerate(_OF_UNITS, 1))
    found = f"sort({' or '.join(held)})"
    return v.of_result("window", "Window", "Span of production that is compared.", found)


def _held(key: str, matchers: Matchers, **equal: str) -> str:
    """Return the most predictions that windows of each value of a label held in the time range."""
    return f"max by ({key}) (max_over_time({WINDOW_PREDICTIONS.where(*matchers, **equal)}[$__range]))"


def column() -> Json:
    """Return the column that is looked at."""
    return v.of_result("column", "Column", "Column that is shown; the worst first.", _columns())


def compare() -> Json:
    """Return what the window is compared with: the baseline, or the same window some days before."""
    return v.one_of("compare", "Compare", "What the window is compared with.", COMPARED)


def worst() -> Json:
    """Return the worst columns, which graphs draw: chosen once for all of the time range."""
    found = f"topk({TOP}, max by (column) (max_over_time({BADNESS.where(*WINDOW)}[$__range])))"
    return v.chosen("worst", "column", "The worst columns of the time range.", found)


def _versions() -> str:
    """Return the model's versions in the time range: those that are served now, and of these the newest first."""
    sizes = WINDOW_COUNT.where(*MODEL, segment="all")
    first_seen = f"min by (version) (min_over_time({VERSION_FIRST_SEEN.where(*MODEL)}[$__range]))"
    # Served is what the shortest window holds predictions of; where no exporter answers, what it last held.
    before = f"min by (version) (last_over_time({sizes}[$__range])) unless on () count({sizes})"
    served = f"((min by (version) ({sizes}) or {before}) > bool 0)"
    once = f"max by (version) (max_over_time({sizes}[$__range])) > 0"
    newest = f"({first_seen} and on (version) {once})"
    return f"sort_desc({newest} + on (version) 1e10 * {served} or on (version) {newest})"


def _columns() -> str:
    """Return the columns in the time range: the worst now first; where no exporter answers, the worst of the range."""
    badness = BADNESS.where(*WINDOW)
    before = f"max by (column) (max_over_time({badness}[$__range])) unless on () count({badness})"
    there = f"max by (column) (max_over_time({BIN_SHARE.where(*WINDOW)}[$__range])) * 0"
    return f"sort_desc(max by (column) ({badness}) or {before} or on (column) {there})"
