"""``prediction-exporter demo-service``: the demo's model service alone, for the compose file and for trials."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.numbers import above_zero, seconds
from prediction_exporter.config.units import parse_size
from prediction_exporter.errors import PredictionExporterError

if TYPE_CHECKING:
    from prediction_exporter.demo.pace import Pace
    from prediction_exporter.demo.story import Story

#: Predictions a second.
RATE = 50.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "demo-service",
        help="run the demo's model service alone",
        description="Answer loan applications at a rate and log the predictions, until SIGTERM; also what becomes of the "
        "applicants.",
    )
    parser.add_argument("--log", type=Path, required=True, metavar="FILE", help="the prediction log")
    parser.add_argument(
        "--outcomes", type=Path, metavar="FILE", help="the log of what becomes of the applicants (default: none)"
    )
    parser.add_argument(
        "--rotate-at",
        type=_size,
        default="64MiB",
        metavar="SIZE",
        help="how large the log grows before it is rotated (default 64MiB)",
    )
    add_story(parser)
    parser.set_defaults(function=run)


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _claim(option: str, log: Path) -> None:
    """Make sure that a log can be written."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.open("a").close()
    except OSError as error:
        raise PredictionExporterError(f"{option}: {error.filename}: cannot be written: {error.strerror}") from error


def add_story(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what happens when."""
    parser.add_argument("--rate", type=above_zero, metavar="N", help=f"predictions a second (default {RATE:g}, at speed 1)")
    for name, what, default in (
        ("break", "income goes missing", "60"),
        ("mend", "income is back", "60 after it went missing"),
        ("drift", "amounts drift", "90 after income went missing"),
        ("worsen", "applicants surprise the model", "as amounts drift"),
    ):
        parser.add_argument(
            f"--{name}-after",
            dest=f"{name}s",
            type=seconds,
            metavar="SECONDS",
            help=f"when {what} (default {default}, at speed 1)",
        )
    parser.add_argument("--no-story", dest="quiet", action="store_true", help="nothing breaks and nothing drifts")


def told(options: argparse.Namespace, pace: Pace) -> Story:
    """Return the story that the options ask for."""
    from prediction_exporter.demo.story import Story

    if options.quiet:
        return Story()
    return Story.at_pace(pace, breaks=options.breaks, mends=options.mends, drifts=options.drifts, worsens=options.worsens)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends it."""
    from prediction_exporter.demo.pace import Pace
    from prediction_exporter.demo.service import serve

    story = told(options, Pace())
    for option, log in (("--log", options.log), ("--outcomes", options.outcomes)):
        if log is not None:
            _claim(option, log)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    serve(
        options.log,
        rate=options.rate or RATE,
        story=story,
        stopping=stopping,
        rotate_at=options.rotate_at,
        outcomes=options.outcomes,
    )
    return 0
