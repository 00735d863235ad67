"""``prediction-exporter kit``: rules, dashboards and routes for Prometheus, Grafana and Alertmanager."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.numbers import above_zero

if TYPE_CHECKING:
    from prediction_exporter.config import Config

FOUND = 1
LEFT_OUT = 2


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "kit",
        help="render rules, dashboards and routes",
        description="Render Prometheus rules and their tests, Grafana dashboards, Alertmanager routes and templates, and "
        "runbooks. Alertmanager's configuration is left out where the configuration names no way to send messages. "
        "With --into only owners' routes and receivers are rendered, and merged into an Alertmanager's configuration that is "
        "there. With --check nothing is written: exit code 1 where a file is behind the configuration, which is named.",
    )
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", type=Path, metavar="DIR", help="folder to write to")
    place.add_argument(
        "--into", type=Path, metavar="FILE", help="merge owners' routes and receivers into an Alertmanager's configuration"
    )
    parser.add_argument(
        "--only", type=_parts, metavar="LIST", help="render a part alone, or several: rules,dashboards,alertmanager,docs"
    )
    parser.add_argument(
        "--format",
        choices=("prometheus", "openslo"),
        default="prometheus",
        help="openslo: OpenSLO documents of the objectives, and nothing else (default: %(default)s)",
    )
    parser.add_argument("--check", action="store_true", help="only compare, show what differs and name the files")
    parser.add_argument(
        "--time-scale",
        type=above_zero,
        default=1.0,
        metavar="N",
        help="make durations N times shorter (60: an hour is a minute)",
    )
    parser.set_defaults(function=run)


def _parts(text: str) -> list[str]:
    """Return the parts that a list names."""
    from prediction_exporter.kit.render import PARTS

    parts = [part.strip() for part in text.split(",")]
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no part {unknown[0]!r}; allowed: one or several of {','.join(PARTS)}")
    return parts


def run(options: argparse.Namespace) -> int:
    """Render, and write or compare; say what was left out."""
    from prediction_exporter import config
    from prediction_exporter.kit.openslo import openslo
    from prediction_exporter.kit.render import PARTS, left_out, render

    loaded = config.load(options.config_file)
    if options.into is not None:
        return _merge(options, loaded)
    if options.format == "openslo":
        _refuse_parts(options)
        return FOUND if _written(openslo(loaded), options) else 0
    only = options.only or PARTS
    different = _written(render(loaded, only=only, time_scale=options.time_scale), options)
    missing = left_out(loaded, only)
    if missing is not None:
        print(f"{options.config_file}: {missing}", file=sys.stderr)
    # What was asked for by its name and is not there is a failure.
    if missing is not None and options.only is not None:
        return LEFT_OUT
    return FOUND if different else 0


def _written(files: Mapping[str, str], options: argparse.Namespace) -> list[str]:
    """Write files, or return and show how those that are there differ."""
    from prediction_exporter.kit.render import behind, diff, write

    if not options.check:
        write(files, options.output)
        print(f"wrote {len(files)} files to {options.output}")
        return []
    for line in diff(files, options.output):
        print(line, file=sys.stderr)
    different = behind(files, options.output)
    _name(different, of=len(files))
    return different


def _name(different: Sequence[str], *, of: int) -> None:
    """Say in the end which files are behind, and how to bring them up: a log of CI is read from its end."""
    if different:
        print(f"{len(different)} of {of} files behind the configuration:", *different, sep="\n  ", file=sys.stderr)
        print("render them again, without --check", file=sys.stderr)


def _refuse_parts(options: argparse.Namespace) -> None:
    from prediction_exporter.errors import KitError

    if options.only is not None or options.time_scale != 1.0:
        raise KitError("--format openslo renders objectives alone: --only and --time-scale have no meaning with it")


def _merge(options: argparse.Namespace, loaded: Config) -> int:
    """Merge into a configuration that is there, or show what would change."""
    from prediction_exporter.errors import KitError
    from prediction_exporter.kit.into import differences, replace, targets

    if options.only is not None or options.format != "prometheus":
        raise KitError("--into merges routes and receivers, and neither --only nor --format has a meaning with it")
    found = targets(loaded, options.into, options.time_scale)
    if not options.check:
        print(f"{options.into}: {replace(found, loaded.alertmanager.version)}")
        return 0
    different = differences(found)
    for line in different:
        print(line, file=sys.stderr)
    _name([str(each.path) for each in found if each.before != each.after], of=len(found))
    return FOUND if different else 0
