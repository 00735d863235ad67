"""``prediction-exporter completion``: what makes a shell complete this command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from prediction_exporter.shell import bash, fish, zsh
from prediction_exporter.shell.tree import Command, tree_of

SHELLS: dict[str, Callable[[Command, str], str]] = {
    "bash": bash.completion,
    "zsh": zsh.completion,
    "fish": fish.completion,
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "completion",
        help="complete commands, flags and files in a shell",
        description="Print what makes a shell complete commands, flags and files. For bash and zsh: "
        "source <(prediction-exporter completion bash). For fish: prediction-exporter completion fish | source.",
    )
    parser.add_argument("shell", choices=tuple(SHELLS), help="the shell")
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Print it."""
    print(SHELLS[options.shell](tree_of(options.top), options.top.prog), end="")
    return 0
