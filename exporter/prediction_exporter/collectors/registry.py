"""Every collector and every family, from the list of names."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from prediction_exporter.collectors import NAMES
from prediction_exporter.collectors.base import Collector
from prediction_exporter.collectors.running import COLLECTOR_FAMILIES
from prediction_exporter.families import Family


def _load(name: str) -> Collector:
    module = importlib.import_module(f"prediction_exporter.collectors.{name}")
    collector = module.COLLECTOR
    if not isinstance(collector, Collector) or collector.name != name:
        raise TypeError(f"{module.__name__}: COLLECTOR is to be a collector called {name}")
    return collector


#: Every collector by its name, in the order of exposition.
COLLECTORS: Mapping[str, Collector] = {name: _load(name) for name in NAMES}

#: The families of each collector, in the order of exposition; the empty name stands for what is told of all of them.
FAMILIES_BY_COLLECTOR: Mapping[str, tuple[Family, ...]] = {
    **{name: collector.families for name, collector in COLLECTORS.items()},
    "": COLLECTOR_FAMILIES,
}

#: Every family that a scrape may show, in the order of exposition.
FAMILIES: tuple[Family, ...] = tuple(family for families in FAMILIES_BY_COLLECTOR.values() for family in families)


def family_list() -> str:
    """Return every name that a scrape may show, with its type and labels, one a line: the names are API."""
    return "".join(f"{family.name} {family.type} {','.join(family.labels)}".rstrip() + "\n" for family in FAMILIES)
