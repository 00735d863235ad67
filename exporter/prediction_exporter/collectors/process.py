"""Metrics of the exporter's own process, under the names that every Prometheus client uses.

The values come from prometheus_client's collectors, outside its global registry.
"""

from __future__ import annotations

import time
from itertools import chain

import psutil
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from prediction_exporter.exposition import Samples, label_text
from prediction_exporter.families import Family, FamilyType

_GENERATION = ("generation",)


def _family(name: str, type_: FamilyType, help_: str, labels: tuple[str, ...] = ()) -> Family:
    return Family(name=name, type=type_, help=help_, labels=labels, group="exporter")


#: In the order of exposition.
PROCESS_FAMILIES: tuple[Family, ...] = (
    _family("process_cpu_seconds_total", "counter", "User and system CPU time that the exporter has spent."),
    _family("process_resident_memory_bytes", "gauge", "Resident memory of the exporter."),
    _family("process_virtual_memory_bytes", "gauge", "Virtual memory of the exporter."),
    _family("process_start_time_seconds", "gauge", "When the exporter was started, as Unix time."),
    _family("process_open_fds", "gauge", "Open file descriptors of the exporter."),
    _family("process_max_fds", "gauge", "Most file descriptors that the exporter may open."),
    _family("python_gc_collections_total", "counter", "Garbage collections, by generation.", _GENERATION),
    _family("python_gc_objects_collected_total", "counter", "Objects freed by garbage collection.", _GENERATION),
    _family("python_gc_objects_uncollectable_total", "counter", "Objects that could not be freed.", _GENERATION),
    _family(
        "python_info",
        "gauge",
        "The Python that runs the exporter. Always 1.",
        ("implementation", "version", "major", "minor", "patchlevel"),
    ),
)


def _own_start() -> float:
    try:
        return psutil.Process().create_time()
    except (OSError, psutil.Error):  # where of /proc only processes are shown: it was started a moment ago
        return time.time()


_STARTED = _own_start()
_BY_NAME = {family.name: family for family in PROCESS_FAMILIES}
_COLLECTORS = (
    ProcessCollector(registry=None),
    GCCollector(registry=CollectorRegistry()),  # it has no way not to be registered
    PlatformCollector(registry=None),
)


def process_samples() -> Samples:
    """Return the metrics of this process now; those of ``/proc`` are absent where there is none."""
    samples = Samples()
    for metric in chain.from_iterable(collector.collect() for collector in _COLLECTORS):
        for sample in metric.samples:
            family = _BY_NAME.get(sample.name)
            if family is not None:  # a later client may have more: metric names change here on purpose, not with it
                labels = label_text(family.labels, [sample.labels[label] for label in family.labels])
                # The client takes the time since the boot for that since 1970 where it may not read when that was.
                value = _STARTED if family.name == "process_start_time_seconds" else sample.value
                samples.add(family, labels, value, created=_STARTED if family.type == "counter" else None)
    return samples
