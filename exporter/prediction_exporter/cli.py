"""The command line: ``prediction-exporter COMMAND``.

Exit codes: 0 for success, 1 where a check found something, 2 where the command could not be carried out.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from prediction_exporter.commands import COMMANDS
from prediction_exporter.errors import PredictionExporterError
from prediction_exporter.version import this_build

logger = logging.getLogger(__name__)

FAILED = 2

#: How alike a flag is that was perhaps meant; flags of one group are alike by the beginning that they share.
SIMILAR = 0.85

# As shells report a program that SIGINT or SIGPIPE ended.
INTERRUPTED = 130
CLOSED_PIPE = 141


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top: argparse.ArgumentParser = _Parser(
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


class _Parser(argparse.ArgumentParser):
    """A parser that knows flags by their whole names alone: what is short for one today may be for two tomorrow."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False} | options)


class _Version(argparse.Action):
    """Prints the version. Unlike argparse's own it asks for it when it is wanted, for that may take a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(this_build())
        parser.exit()


def _unknown(top: argparse.ArgumentParser, options: argparse.Namespace, words: Sequence[str]) -> str:
    """Return what to say of words that the command does not take; argparse shows the usage of no command then."""
    from prediction_exporter.shell.tree import tree_of  # of use here alone

    path = tuple(word for word in (options.command, getattr(options, "what", None)) if word is not None)
    command = next(command for command in tree_of(top).walk() if command.path == path)
    flags = [flag for option in command.options for flag in option.flags]
    called = " ".join((top.prog, *path))
    lines = [top.format_usage().rstrip()]
    for word in words:
        given = word.partition("=")[0]
        begun = [flag for flag in flags if flag.startswith(given)] if given.startswith("--") else []
        near = begun if len(begun) == 1 else difflib.get_close_matches(given, flags, n=1, cutoff=SIMILAR)
        lines.append(f"{called}: error: does not know {word}" + (f"; did you mean {near[0]}?" if near else ""))
    return "\n".join([*lines, f"all that it takes: {called} --help"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    top = parser()
    options = argparse.Namespace()
    try:
        try:
            return _run(top, arguments, options)
        finally:
            sys.stdout.flush()  # a pipe that is closed is met here, and not when Python has ended
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


def _run(top: argparse.ArgumentParser, arguments: Sequence[str] | None, options: argparse.Namespace) -> int:
    """Run a command; what the command line says is put into the options."""
    _, unknown = top.parse_known_args(arguments, options)
    if unknown:
        print(_unknown(top, options, unknown), file=sys.stderr)
        return FAILED
    code: int = options.function(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
