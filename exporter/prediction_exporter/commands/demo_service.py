"""``prediction-exporter demo-service``: the demo's model service alone, for the compose file and for trials."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "demo-service",
        help="run the demo's model service alone",
        description="Answer loan applications at a rate and log the predictions, until SIGTERM.",
    )
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="the prediction log")
    add_story(parser)
    parser.set_defaults(function=run)


def add_story(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what happens when."""
    parser.add_argument("--rate", type=float, default=50.0, metavar="N", help="predictions a second (default 50)")
    parser.add_argument(
        "--break-after",
        dest="breaks",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="when income goes missing (default 60)",
    )
    parser.add_argument(
        "--drift-after", dest="drifts", type=float, default=150.0, metavar="SECONDS", help="when amounts drift (default 150)"
    )
    parser.add_argument("--no-story", dest="quiet", action="store_true", help="nothing breaks and nothing drifts")


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    from prediction_exporter.demo.service import Story, serve

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    story = Story(None, None) if options.quiet else Story(options.breaks, options.drifts)
    serve(options.log, rate=options.rate, story=story, stopping=stopping)
    return 0
