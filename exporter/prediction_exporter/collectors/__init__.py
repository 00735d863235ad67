"""Collectors: groups of series, one file each. To add one, write its module with ``COLLECTOR`` and add its name here.

The module is called like the collector, and its name is what flags, the query parameter ``collect[]`` and labels say. The
modules are loaded by :mod:`prediction_exporter.collectors.registry`, so that the command line knows the names without them.
"""

from __future__ import annotations

#: Every collector, in the order of exposition and docs.
NAMES: tuple[str, ...] = (
    "traffic",
    "windows",
    "statistics",
    "references",
    "evidence",
    "labels",
    "performance",
    "identity",
    "server",
    "notes",
    "cost",
    "bill",
    "source",
    "volume",
    "model_process",
    "artifacts",
    "exporter",
)
