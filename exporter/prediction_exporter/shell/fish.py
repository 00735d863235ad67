"""Completion for fish."""

from __future__ import annotations

from collections.abc import Iterator

from prediction_exporter.shell.tree import Command, Value


def completion(tree: Command, program: str) -> str:
    """Return the script."""
    lines = [f"# Completion of {program} for fish. Generated from its command line.", "", f"complete -c {program} -f"]
    for command in tree.walk():
        lines += [f"complete -c {program} -n {_quoted(_condition(command))} {rest}" for rest in _entries(command)]
    return "\n".join(lines) + "\n"


def _condition(command: Command) -> str:
    """Return when a command is the one that is being typed."""
    words = [f"__fish_seen_subcommand_from {word}" for word in command.path]
    if command.commands:
        words.append(f"not __fish_seen_subcommand_from {' '.join(inner.path[-1] for inner in command.commands)}")
    return "; and ".join(words)


def _entries(command: Command) -> Iterator[str]:
    for option in command.options:
        names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags)
        value = "" if option.value is None else f" {_value(option.value)}"
        yield f"{names}{value} -d {_quoted(option.help)}"
    for argument in command.arguments:
        yield _value(argument.value).removeprefix("-r ")
    for inner in command.commands:
        yield f"-a {inner.path[-1]} -d {_quoted(inner.help)}"


def _value(value: Value) -> str:
    if value.kind == "file":
        return "-r -F"
    if value.kind == "directory":
        return "-x -a '(__fish_complete_directories)'"
    return "-x" if value.kind == "text" else f"-x -a {_quoted(' '.join(value.choices))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
