"""Completion for zsh, for its ``fpath`` or to be sourced."""

from __future__ import annotations

import re

from prediction_exporter.shell.tree import Command, Option, Value

_HEAD = """\
#compdef {program}
# Completion of {program} for zsh. Generated from its command line.

{functions}
if [[ $funcstack[1] == _{program} ]]; then
    _{program} "$@"
else
    compdef _{program} {program}
fi
"""

_LEAF = """\
{function}() {{
    _arguments \\
        {specs}
}}
"""

_BRANCH = """\
{function}() {{
    local context curcontext=$curcontext state state_descr line
    typeset -A opt_args
    _arguments -C \\
        {specs} \\
        ': :->command' \\
        '*:: :->arguments'
    case $state in
        command)
            local -a commands=({described})
            _describe command commands
            ;;
        arguments)
            case $line[1] in
                {called}
            esac
            ;;
    esac
}}
"""


def completion(tree: Command, program: str) -> str:
    """Return the script."""
    functions = [_function(command, program) for command in tree.walk()]
    return _HEAD.format(program=program, functions="\n".join(reversed(functions)))


def _name(command: Command, program: str) -> str:
    return "_" + "_".join((program, *command.path))


def _function(command: Command, program: str) -> str:
    name = _name(command, program)
    specs = [spec for option in command.options for spec in _specs(option)]
    specs += [_quoted(f":{argument.value.name}:{_value(argument.value)}") for argument in command.arguments]
    joined = " \\\n        ".join(specs)
    if not command.commands:
        return _LEAF.format(function=name, specs=joined)
    described = (_quoted(f"{inner.path[-1]}:{inner.help}") for inner in command.commands)
    called = (f"{inner.path[-1]}) {_name(inner, program)} ;;" for inner in command.commands)
    return _BRANCH.format(
        function=name,
        specs=joined,
        described=" ".join(described),
        called="\n                ".join(called),
    )


def _specs(option: Option) -> list[str]:
    """Return what ``_arguments`` needs for an option: a line for each of its flags, of which one is enough."""
    value = "" if option.value is None else f":{option.value.name}:{_value(option.value)}"
    start = "*" if option.repeatable else f"({' '.join(option.flags)})"
    text = re.sub(r"([\[\]\\:])", r"\\\1", option.help)
    equals = "" if option.value is None else "="
    return [_quoted(f"{start}{flag}{equals}[{text}]{value}") for flag in option.flags]


def _value(value: Value) -> str:
    if value.kind == "file":
        return "_files"
    if value.kind == "directory":
        return "_path_files -/"  # _files -/ offers files where there is no folder
    return " " if value.kind == "text" else f"({' '.join(value.choices)})"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"
