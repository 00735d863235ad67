"""The man page, in the macros of man(7)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from prediction_exporter.shell.tree import Argument, Command, Option, Value


def manpage(tree: Command, program: str, version: str) -> str:
    """Return the page."""
    summary = tree.description.rstrip(".")
    lines = [
        f'.TH {_text(program.upper())} 1 "" "{_text(f"{program} {version}")}" "User Commands"',
        ".SH NAME",
        f"{_text(program)} \\- {_text(summary)}",
        ".SH SYNOPSIS",
        f".B {_text(program)}",
        "\\fICOMMAND\\fR [\\fIFLAGS\\fR]",
        ".SH DESCRIPTION",
        _filled(tree.description),
        ".SH OPTIONS",
        *_entries(tree.options),
        ".SH COMMANDS",
    ]
    for command in tree.walk():
        if command.path and not command.commands:
            lines += [f".SS {_text(' '.join(command.path))}", *_synopsis(command, program), ".PP", _filled(command.description)]
            lines += [*_entries(command.arguments), *_entries(_own(command))]
    lines += [".SH EXIT STATUS", _filled(tree.epilog)]
    lines += [".SH SEE ALSO", ".BR prometheus (1),", ".BR promtool (1),", ".BR amtool (1)"]
    return "\n".join(lines) + "\n"


def _synopsis(command: Command, program: str) -> Iterator[str]:
    yield f".B {_text(' '.join((program, *command.path)))}"
    for option in _own(command):
        if option.required:
            yield _flags(option)
    if not all(option.required for option in _own(command)):
        yield "[\\fIFLAGS\\fR]"
    for argument in command.arguments:
        yield _shown(argument.value)


def _entries(entries: tuple[Option, ...] | tuple[Argument, ...]) -> Iterator[str]:
    for entry in entries:
        yield ".TP"
        yield _flags(entry) if isinstance(entry, Option) else _shown(entry.value)
        yield _filled(f"{entry.help[:1].upper()}{entry.help[1:]}.{_choices(entry.value)}")


def _choices(value: Value | None) -> str:
    return f" One of {', '.join(value.choices)}." if value is not None and value.choices else ""


def _own(command: Command) -> tuple[Option, ...]:
    """Return the options of a command but for help, which every command has and the page tells once."""
    return tuple(option for option in command.options if "--help" not in option.flags)


def _flags(option: Option) -> str:
    flags = ", ".join(f"\\fB{_text(flag)}\\fR" for flag in option.flags)
    return flags if option.value is None else f"{flags} {_shown(option.value)}"


def _shown(value: Value) -> str:
    return f"\\fI{_text(value.name)}\\fR"


def _filled(text: str) -> str:
    """Return text in lines that can be read in the source too."""
    return "\n".join(map(_text, textwrap.wrap(text, 76, break_on_hyphens=False, break_long_words=False)))


def _text(text: str) -> str:
    r"""Escape what roff would read: backslashes, hyphens that are to be copied, and a dot or quote that begins a line.

    >>> print(_text(".csv, for --data"))
    \&.csv, for \-\-data
    """
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
