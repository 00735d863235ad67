"""The command line as a tree of commands: what argparse knows of it, without argparse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: What stands for a value, by its name in the help. A value of any other name is text that no shell can guess.
_PATHS: dict[str, Literal["file", "directory"]] = {"FILE": "file", "DIR": "directory"}


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value that is given on the command line."""

    name: str
    kind: Literal["file", "directory", "choice", "text"]
    choices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Option:
    """A flag; ``value`` is None where it takes none."""

    flags: tuple[str, ...]
    help: str
    value: Value | None
    repeatable: bool
    required: bool


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A value without a flag."""

    help: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command, and the commands below it.

    Attributes:
        path: the words that call it, without the program's own name.
        help: what it is in a list.
        description: what it is on its own page.
        epilog: what stands at the end of that page.
    """

    path: tuple[str, ...]
    help: str
    description: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    commands: tuple[Command, ...]

    def walk(self) -> Iterator[Command]:
        """Yield it and every command below it, in the order of the help."""
        yield self
        for command in self.commands:
            yield from command.walk()


def tree_of(parser: argparse.ArgumentParser, path: tuple[str, ...] = (), summary: str = "") -> Command:
    """Return a parser as a tree."""
    options: list[Option] = []
    arguments: list[Argument] = []
    commands: list[Command] = []
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to ask for them
        if action.help == argparse.SUPPRESS:
            continue
        text = (action.help or "") % {**vars(action), "prog": parser.prog}
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - the same
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}  # noqa: SLF001 - the same
            commands += [tree_of(inner, (*path, word), helps[word]) for word, inner in action.choices.items()]
        elif action.option_strings:
            options.append(_option(action, text))
        else:
            arguments.append(Argument(help=text, value=_value(action)))
    return Command(
        path=path,
        help=summary,
        description=parser.description or "",
        epilog=parser.epilog or "",
        options=tuple(options),
        arguments=tuple(arguments),
        commands=tuple(commands),
    )


def _option(action: argparse.Action, text: str) -> Option:
    return Option(
        flags=tuple(action.option_strings),
        help=text,
        value=None if action.nargs == 0 else _value(action),
        repeatable=isinstance(action, argparse._AppendAction),  # noqa: SLF001 - argparse has no public name for it
        required=action.required,
    )


def _value(action: argparse.Action) -> Value:
    choices = tuple(map(str, action.choices or ()))
    name = action.metavar if isinstance(action.metavar, str) else action.dest.rpartition("_")[2].upper()
    return Value(name=name, kind="choice" if choices else _PATHS.get(name, "text"), choices=choices)
