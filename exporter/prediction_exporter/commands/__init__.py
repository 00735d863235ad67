"""The commands, one file each. To add one, write its module with ``add`` and add a line here."""

from __future__ import annotations

import argparse
from typing import Protocol

from prediction_exporter.commands import baseline, check, completion, demo, demo_service, kit, note, run, send_test_alert


class Command(Protocol):
    """A module of this package."""

    def add(self, commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the command's parser, whose default ``function`` takes the options and returns the exit code."""


#: Every command, in the order of the help.
COMMANDS: tuple[Command, ...] = (run, baseline, check, kit, send_test_alert, note, demo, demo_service, completion)
