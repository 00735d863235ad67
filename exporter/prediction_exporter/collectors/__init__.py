"""Groups of series, one file each."""

from __future__ import annotations

from prediction_exporter.collectors import exporter, identity, source, statistics, traffic, windows
from prediction_exporter.families import Family

#: Every family that a scrape may show, in the order of exposition.
FAMILIES: tuple[Family, ...] = (
    *traffic.FAMILIES,
    *windows.FAMILIES,
    *statistics.FAMILIES,
    *identity.FAMILIES,
    *source.FAMILIES,
    *exporter.FAMILIES,
)
