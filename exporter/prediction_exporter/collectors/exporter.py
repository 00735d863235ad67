"""The exporter itself: its configuration, its series, its process."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.base import NO_MODEL, LiveCollector, LiveSeries, Most, Published
from prediction_exporter.collectors.process import PROCESS_FAMILIES, process_samples
from prediction_exporter.config import Config
from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family
from prediction_exporter.version import Build, this_build

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


class ExporterSeries(LiveSeries):
    """The exporter's configuration, its series, and its process."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def render(self, published: Published) -> Samples:
        """Return the series; their own number is among those that they tell."""
        samples = process_samples()
        samples.add(CONFIG_RELOAD_SUCCESSFUL, "", published.reload_succeeded)
        samples.add(CONFIG_RELOAD_TIME, "", published.loaded)
        samples.add(SERIES_LIMIT, "", self._config.series_limit)
        samples.add(BUILD_INFO, label_text(BUILD_INFO.labels, this_build()), 1)
        shown = samples.without(self._config.series.exclude)  # what is excluded is taken out behind this
        samples.add(SERIES, "", published.others + shown.series + 1)
        return samples

    def most(self) -> Most:
        """Count them as they are now."""
        return Most.of(self.render(Published({}, reload_succeeded=True, loaded=0.0, others=0, now=0.0)))


def _open(config: Config) -> Mapping[str, LiveSeries]:
    return {NO_MODEL: ExporterSeries(config)}


COLLECTOR = LiveCollector(
    name="exporter",
    summary="The exporter itself: its configuration, its series, its process.",
    families=(
        CONFIG_RELOAD_SUCCESSFUL,
        CONFIG_RELOAD_TIME,
        SERIES,
        SERIES_LIMIT,
        BUILD_INFO,
        *PROCESS_FAMILIES,
    ),
    maturity=0,
    open=_open,
)
