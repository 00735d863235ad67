"""The command line: ``prediction-exporter COMMAND``.

Exit codes: 0 for success, 1 where a check found something, 2 where the command could not be carried out.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from prediction_exporter.commands import COMMANDS
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.version import this_build

logger = logging.getLogger(__name__)

FAILED = 2

# As shells report a program that SIGINT or SIGPIPE ended.
INTERRUPTED = 130
CLOSED_PIPE = 141


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="prediction-exporter",
        description="Prometheus exporter for machine-learning models in production.",
        epilog="Exit codes: 0 success, 1 a check found something, 2 the command could not be carried out.",
    )
    top.add_argument("--version", action=_Version, nargs=0, help="show what this was built from and exit")
    top.set_defaults(top=top)  # for a command that is about the command line
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return top


class _Version(argparse.Action):
    """Prints the version. Unlike argparse's own it asks for it when it is wanted, for that may take a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(this_build())
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.function(options)
    except PredictionExporterError as error:
        if getattr(options, "log_format", None) == "json":  # for a program that reads the log
            logger.critical("%s", error)
        else:
            print(error, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return code


if __name__ == "__main__":
    sys.exit(main())
