"""The exporter itself: its configuration, its series, its process."""

from __future__ import annotations

from prediction_exporter.collectors.process import PROCESS_FAMILIES
from prediction_exporter.families import Family
from prediction_exporter.version import Build

CONFIG_RELOAD_SUCCESSFUL = Family(
    name="prediction_exporter_config_last_reload_successful",
    type="gauge",
    labels=(),
    group="exporter",
    help="1 where the last load of the configuration succeeded, 0 where it failed and the former one is still in use.",
)

CONFIG_RELOAD_TIME = Family(
    name="prediction_exporter_config_last_reload_success_timestamp_seconds",
    type="gauge",
    labels=(),
    group="exporter",
    help="When the configuration in use was loaded, as Unix time.",
)

SERIES = Family(
    name="prediction_exporter_series",
    type="gauge",
    labels=(),
    group="exporter",
    help="Series in the snapshot that is being served.",
)

SERIES_LIMIT = Family(
    name="prediction_exporter_series_limit",
    type="gauge",
    labels=(),
    group="exporter",
    help="Most series that the configuration allows.",
)

BUILD_INFO = Family(
    name="prediction_exporter_build_info",
    type="gauge",
    labels=Build._fields,
    group="exporter",
    help="What the exporter was built from, and the Python and the platform that run it. Always 1.",
)


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    CONFIG_RELOAD_SUCCESSFUL,
    CONFIG_RELOAD_TIME,
    SERIES,
    SERIES_LIMIT,
    BUILD_INFO,
    *PROCESS_FAMILIES,
)
