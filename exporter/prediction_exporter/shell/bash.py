"""Completion for bash. It needs nothing but bash, and understands ``--flag value`` and ``--flag=value``."""

from __future__ import annotations

from collections.abc import Iterator

from prediction_exporter.shell.tree import Command, Value

_HEAD = """\
# Completion of {program} for bash. Generated from its command line.

{function}() {{
    local IFS=$'\\n' command="" prefix="" previous=${{COMP_WORDS[COMP_CWORD - 1]}} current=${{COMP_WORDS[COMP_CWORD]}} i
    # bash takes "--flag=value" for three words, unless somebody has taken "=" out of COMP_WORDBREAKS.
    if [[ $current == "=" ]]; then
        current=""
    elif [[ $previous == "=" ]]; then
        previous=${{COMP_WORDS[COMP_CWORD - 2]}}
    elif [[ $current == --*=* ]]; then
        previous=${{current%%=*}} prefix=${{current%%=*}}= current=${{current#*=}}
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$command/${{COMP_WORDS[i]}}" in
            {paths}) command+="/${{COMP_WORDS[i]}}" ;;
        esac
    done
    COMPREPLY=()
    case "$command $previous" in
{values}
    esac
    case "$command" in
{words}
    esac
}}

complete -F {function} {program}
"""

#: What completes a value. File names may hold spaces, which bash quotes where it knows that they are file names.
_FILES = 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen {} -P "$prefix" -- "$current"))'


def completion(tree: Command, program: str) -> str:
    """Return the script."""
    commands = list(tree.walk())
    return _HEAD.format(
        program=program,
        function="_" + program.replace("-", "_"),
        paths=" | ".join(_path(command) for command in commands[1:]),
        values="\n".join(_values(commands)),
        words="\n".join(f'        "{_path(command)}") {_words(command)} ;;' for command in commands),
    )


def _path(command: Command) -> str:
    return "".join(f"/{word}" for word in command.path)


def _values(commands: list[Command]) -> Iterator[str]:
    """Yield a case for each way to complete a value, with the flags that take such values."""
    flags: dict[str, list[str]] = {}
    for command in commands:
        for option in command.options:
            if option.value is not None:
                flags.setdefault(_complete(option.value), []).extend(f'"{_path(command)} {flag}"' for flag in option.flags)
    for complete, patterns in flags.items():
        yield f"        {' | '.join(patterns)})\n            {complete}\n            return\n            ;;"


def _complete(value: Value) -> str:
    if value.kind == "text":
        return ":"
    if value.kind == "choice":
        return _choose(value.choices)
    return _FILES.format("-f" if value.kind == "file" else "-d")


def _choose(words: tuple[str, ...]) -> str:
    joined = "\\n".join(words)
    return f'COMPREPLY=($(compgen -P "$prefix" -W $\'{joined}\' -- "$current"))'


def _words(command: Command) -> str:
    flags = tuple(flag for option in command.options for flag in option.flags)
    choose = _choose((*flags, *(inner.path[-1] for inner in command.commands)))
    if not command.arguments:
        return choose
    [argument] = command.arguments  # a command with several would need to know which of them comes next
    return f"if [[ $current == -* ]]; then {choose}; else {_complete(argument.value)}; fi"
