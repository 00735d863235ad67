"""Groups of recorded series: each is evaluated on its own, so that one that is late leaves the others in time."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.config.units import Duration
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.capacity import FLEET_SHARE, REPLICAS, USED
from prediction_exporter.kit.cost import ANOMALY, COST_SERIES
from prediction_exporter.kit.error_budget import BAD, COUNT_INTERVAL, COUNTED, LONG_SHARES, REMAINING, STALE, STALE_SHARES
from prediction_exporter.kit.evidence import MOVED, MOVED_RATIO
from prediction_exporter.kit.figures import BADNESS, BIN_SHARE, FIGURES, PSI, SEVERAL, SMOOTHED_SHARE, Figure
from prediction_exporter.kit.fleet import FRESH, FRESH_REPLICAS, LAST_WATCHED, LEFT_OUT, SHARED, SHARED_REQUESTS, STALE_REPLICA
from prediction_exporter.kit.health import EVALUATED, health
from prediction_exporter.kit.labels import LABEL_SERIES
from prediction_exporter.kit.performance import PERFORMANCE_SERIES, SEVERAL_LABELLED
from prediction_exporter.kit.process import CPU_PER_1000, MEMORY_PER_1000
from prediction_exporter.kit.promql import Recorded
from prediction_exporter.kit.recording import FAILED_SHARES, OWNER, SHORTEST_WINDOW, SLOW_SHARES, TRAFFIC, WINDOW_COUNT
from prediction_exporter.kit.scale import duration
from prediction_exporter.kit.serving import OF_CLUSTER, OF_NAMESPACE
from prediction_exporter.kit.volume import COST, GROWTH


@dataclass(frozen=True, kw_only=True)
class RecordingGroup:
    """Recorded series that are evaluated one after the other.

    Attributes:
        name: of the group.
        interval: how often it is evaluated.
        series: each after those of the group that it needs.
    """

    name: str
    interval: Duration
    series: tuple[Recorded, ...]


#: How often rules are evaluated.
INTERVAL = duration("1m")
#: How often those are that read every column: most of what is scraped, and of windows that move slowly.
COLUMNS_INTERVAL = duration("2m")
#: How often the share of every bin is, and what watching costs: for people, who look at graphs of it, and for no alert.
BINS_INTERVAL = duration("3m")
#: How often what is compared with a whole week is.
WEEK_INTERVAL = duration("3m")


def _group_of(figure: Figure) -> RecordingGroup:
    """Return the group of a statistic: when one is late, the others are not."""
    return RecordingGroup(
        name=f"model-{figure.statistic.key.replace('_', '-')}",
        interval=COLUMNS_INTERVAL,
        series=(SMOOTHED_SHARE, figure.over) if figure is PSI else (figure.over,),
    )


_WATCHING = (
    RecordingGroup(name="model-owners", interval=INTERVAL, series=(OWNER,)),
    RecordingGroup(
        name="model-replicas",
        interval=INTERVAL,
        series=(
            SHARED,
            SHARED_REQUESTS,
            STALE_REPLICA,
            FRESH_REPLICAS,
            FRESH,
            LEFT_OUT,
            LAST_WATCHED,
            SEVERAL,
            SEVERAL_LABELLED,
        ),
    ),
    RecordingGroup(name="model-servers", interval=INTERVAL, series=(OF_NAMESPACE, OF_CLUSTER)),
    RecordingGroup(name="model-windows", interval=INTERVAL, series=(WINDOW_COUNT, SHORTEST_WINDOW)),
    *map(_group_of, FIGURES),
    RecordingGroup(name="model-drift-evidence", interval=COLUMNS_INTERVAL, series=(MOVED, MOVED_RATIO)),
    RecordingGroup(name="model-columns", interval=COLUMNS_INTERVAL, series=(BADNESS,)),
    RecordingGroup(name="model-measures", interval=COLUMNS_INTERVAL, series=PERFORMANCE_SERIES),
    RecordingGroup(name="model-labels", interval=WEEK_INTERVAL, series=LABEL_SERIES),
    RecordingGroup(name="model-bins", interval=BINS_INTERVAL, series=(BIN_SHARE,)),
    RecordingGroup(
        name="model-service-level",
        interval=INTERVAL,
        series=(TRAFFIC, FLEET_SHARE, *FAILED_SHARES.values(), *SLOW_SHARES.values(), STALE, *STALE_SHARES.values()),
    ),
    RecordingGroup(name="model-capacity", interval=INTERVAL, series=(USED, REPLICAS)),
    RecordingGroup(name="model-watching", interval=BINS_INTERVAL, series=(GROWTH, COST)),
    RecordingGroup(name="model-error-budget", interval=COUNT_INTERVAL, series=(COUNTED, BAD, *LONG_SHARES.values(), REMAINING)),
    RecordingGroup(name="model-process", interval=INTERVAL, series=(CPU_PER_1000, MEMORY_PER_1000)),
    RecordingGroup(name="model-costs", interval=INTERVAL, series=COST_SERIES),
    RecordingGroup(name="model-cost-anomalies", interval=WEEK_INTERVAL, series=(ANOMALY,)),
)
HEALTH = health(groups=len(_WATCHING) + len({alert.area for alert in ALERTS}))

#: Every recorded series. What a group reads of another is as old as that one's last evaluation.
RECORDING_GROUPS = (*_WATCHING, RecordingGroup(name="model-health", interval=INTERVAL, series=(HEALTH,)))
RECORDED = (EVALUATED, *(series for group in RECORDING_GROUPS for series in group.series))
