"""The flags that switch collectors on and off, as those of node_exporter."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from prediction_exporter.collectors import NAMES


def add_collector_flags(parser: argparse.ArgumentParser) -> None:
    """Add ``--collector.NAME`` and ``--no-collector.NAME`` for every collector."""
    group = parser.add_argument_group(
        "collectors",
        "Groups of series, switched on and off over what the configuration says; docs/metrics.md has their families.",
    )
    group.add_argument(
        "--collector.disable-defaults",
        dest="named_only",
        action="store_true",
        help="serve only what is named by --collector.NAME",
    )
    for name in NAMES:
        group.add_argument(f"--collector.{name}", dest=_key(name), action=argparse.BooleanOptionalAction, help=f"serve {name}")


def collector_flags(options: argparse.Namespace) -> tuple[Mapping[str, bool], bool]:
    """Return what the flags say, by collector, those that nobody set left out; and whether only what is named is served."""
    found = {name: getattr(options, _key(name)) for name in NAMES}
    return {name: wanted for name, wanted in found.items() if wanted is not None}, options.named_only


def _key(name: str) -> str:
    return f"collector_{name}"
