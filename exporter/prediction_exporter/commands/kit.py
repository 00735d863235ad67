"""``prediction-exporter kit``: rules, dashboards and routes for Prometheus, Grafana and Alertmanager."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FOUND = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "kit",
        help="render rules, dashboards and routes",
        description="Render Prometheus rules and their tests, Grafana dashboards, Alertmanager routes and templates, and "
        "runbooks. With --check nothing is written: exit code 1 where a file differs.",
    )
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument("--check", action="store_true", help="only compare, and list what differs")
    parser.add_argument(
        "--time-scale",
        type=float,
        default=1.0,
        metavar="N",
        help="make durations N times shorter (60: an hour is a minute)",
    )
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Render, and write or compare."""
    from prediction_exporter import config
    from prediction_exporter.kit.render import diff, render, write

    files = render(config.load(options.config_file), time_scale=options.time_scale)
    if options.check:
        different = diff(files, options.output)
        for line in different:
            print(line, file=sys.stderr)
        return FOUND if different else 0
    write(files, options.output)
    print(f"wrote {len(files)} files to {options.output}")
    return 0
