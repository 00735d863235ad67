"""The kit in forms that other systems load: a module for each, which names its parts and renders each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from prediction_exporter.kit.formats import helm_values, mimir, perses, prometheus_operator
from prediction_exporter.kit.formats.order import LeftOutError, Order, Render

#: The parts of each format, by its name on the command line.
FORMATS: Mapping[str, Mapping[str, Render]] = {
    "prometheus-operator": prometheus_operator.PARTS,
    "helm-values": helm_values.PARTS,
    "mimir": mimir.PARTS,
    "perses": perses.PARTS,
}


def render(name: str, order: Order, only: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Return the files of a format by path, and what is left out of it and why.

    Raises:
        ConfigError: an owner cannot be reached, or nobody would be told of an alert without an owner.
    """
    files: dict[str, str] = {}
    missing = []
    for part, rendered in FORMATS[name].items():
        if part in only:
            try:
                files |= rendered(order)
            except LeftOutError as reason:
                missing.append(f"{part} is left out of {name}: {reason}")
    return files, missing
