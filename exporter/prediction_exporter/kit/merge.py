"""Parts of our own in a YAML file of somebody else: as text between marks, with every other byte as it was.

Reading and writing the file as YAML would lose comments, quotes and order. Its lists are found by a YAML parser, entries put in
front of them as lines. What is between the marks of an owner is replaced the next time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from prediction_exporter.config.syntax import syntax_problem
from prediction_exporter.errors import KitError
from prediction_exporter.kit.fragment import HOURS, SECTIONS, Part, Section
from prediction_exporter.kit.texts import yaml_lines

_MARK = re.compile(r"^[ \t]*# (?P<which>BEGIN|END) prediction-exporter: (?P<what>(?P<section>[\w.]+) of (?P<whose>.+?))[ \t]*$")


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines between two marks, with them: from the first to before the last."""

    first: int
    last: int


def merged(text: str, parts: Iterable[Part]) -> str:
    """Return a file with parts of our own in it, in the place of those of the same owners that it had.

    Raises:
        KitError: a list cannot be found, is not written in lines, or has an entry of the same name.
    """
    parts = list(parts)
    newline = "\r\n" if text.count("\r\n") == text.count("\n") > 0 else "\n"
    lines = text.split(newline)
    wanted = {_what(part): part for part in parts}
    present = _marked(lines)
    _refuse_same_names(_without(lines, present.values()), parts)
    owners = {part.whose for part in parts}
    stale = [what for what in present if what not in wanted and what.partition(" of ")[2] in owners]
    for what in sorted(present, key=lambda what: present[what].first, reverse=True):
        span = present[what]
        if what in wanted:
            lines[span.first : span.last] = _block(wanted[what], _indent(lines[span.first]))
        elif what in stale:
            del lines[span.first : span.last]
    for part in parts:
        if _what(part) not in present:
            _insert(lines, part)
    _refuse_changes(text, lines)
    return newline.join(lines)


def read_yaml(text: str) -> dict[str, Any]:
    """Return what a configuration holds.

    Raises:
        KitError: it is no YAML, or no mapping.
    """
    try:
        content = yaml.safe_load(text)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise KitError(f"is no YAML that can be read: {syntax_problem(error, text)}") from None
    if not isinstance(content, dict) or not isinstance(content.get("route"), dict):
        raise KitError("is no configuration of Alertmanager: it has no route")
    return content


def _what(part: Part) -> str:
    return f"{'.'.join(part.section)} of {part.whose}"


def _block(part: Part, indent: str) -> list[str]:
    lines = [line for entry in part.entries for line in yaml_lines([entry])]
    what = _what(part)
    marked = [f"# BEGIN prediction-exporter: {what}", *lines, f"# END prediction-exporter: {what}"]
    return [indent + line for line in marked]


def _marked(lines: list[str]) -> dict[str, _Span]:
    """Return where the parts of our own are, those of other owners too."""
    spans: dict[str, _Span] = {}
    begun: tuple[str, int] | None = None
    for number, line in enumerate(lines):
        mark = _MARK.match(line)
        if mark is None:
            continue
        if (mark["which"] == "BEGIN") is not (begun is None) or (begun is not None and begun[0] != mark["what"]):
            raise KitError(f"line {number + 1}: {line.strip()} has no mark that belongs to it; mend or remove both")
        if begun is None:
            begun = (mark["what"], number)
        else:
            if mark["what"] in spans:
                raise KitError(f"line {number + 1}: {mark['what']} is there a second time; remove one of the two")
            spans[mark["what"]] = _Span(begun[1], number + 1)
            begun = None
    if begun is not None:
        raise KitError(f"line {begun[1] + 1}: the mark of {begun[0]} has no end; mend or remove it")
    return spans


def _without(lines: list[str], spans: Iterable[_Span]) -> str:
    dropped = {number for span in spans for number in range(span.first, span.last)}
    return "\n".join(line for number, line in enumerate(lines) if number not in dropped)


def _refuse_same_names(foreign: str, parts: list[Part]) -> None:
    content = read_yaml(foreign)
    for part in parts:
        for entry in part.entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            lists = ("time_intervals", "mute_time_intervals") if part.section == HOURS else part.section
            taken = [each.get("name") for key in lists for each in _entries(content, (key,)) if isinstance(each, dict)]
            if name is not None and name in taken:
                raise KitError(f"{part.section[0]}: there is another {name} already; rename it, or the owner")


def _entries(content: Any, section: Section) -> list[Any]:
    for key in section:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, list) else []


def _insert(lines: list[str], part: Part) -> None:
    """Put a part in front of its list, which is added where there is none."""
    *above, key = part.section
    ours = [span for what, span in _marked(lines).items() if what.startswith(f"{'.'.join(part.section)} of ")]
    if part.last and ours:
        at = max(span.last for span in ours)
        lines[at:at] = _block(part, _indent(lines[at - 1]))
        return
    node = _node_of("\n".join(lines))
    for step in above:
        node = _value(node, step)
        _refuse_braces(node, step)
    pair = _pair(node, key)
    if pair is None:
        # In front of the first key of the mapping around it; at the end of the file where that is the file itself.
        at, indent = (node.value[0][0].start_mark.line, " " * node.start_mark.column) if above else (_end(lines), "")
        lines[at:at] = [f"{indent}{key}:", *_block(part, f"{indent}  ")]
        return
    name, value = pair
    line, indent = name.start_mark.line, " " * (name.start_mark.column + 2)
    if isinstance(value, yaml.ScalarNode) and value.tag == "tag:yaml.org,2002:null":
        lines[line] = re.sub(r":\s*(?:null|Null|NULL|~)(?=\s|$)", ":", lines[line])
    elif isinstance(value, yaml.SequenceNode) and not value.flow_style and value.start_mark.index > name.end_mark.index:
        last = value.value[0].start_mark.line
        indent = next(_indent(each) for each in lines[line + 1 : last + 1] if each.lstrip().startswith("-"))
    else:
        _break_open(lines, name, value, indent)
    lines[line + 1 : line + 1] = _block(part, indent)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _break_open(lines: list[str], name: yaml.Node, value: yaml.Node, indent: str) -> None:
    """Write a list in brackets with an entry a line; its entries stay as they are written."""
    start, end = value.start_mark, value.end_mark
    text = "\n".join(lines)
    entries = [text[entry.start_mark.index : entry.end_mark.index] for entry in _flow_entries(value)]
    whole = text[start.index : end.index]
    # What stands before its key is an alias.
    if (
        start.index < name.end_mark.index
        or not whole.startswith("[")
        or "#" in whole
        or any("\n" in entry for entry in entries)
    ):
        raise KitError(f"{name.value} is not written with an entry a line; write it so")
    rest = lines[end.line][end.column :]
    lines[start.line : end.line + 1] = [
        (lines[start.line][: start.column].rstrip() + rest).rstrip(),
        *(f"{indent}- {entry}" for entry in entries),
    ]


def _flow_entries(value: yaml.Node) -> list[yaml.Node]:
    return list(value.value) if isinstance(value, yaml.SequenceNode) else []


def _node_of(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None  # noqa: S101 - the file was read, and has a route
    _refuse_braces(node, "the file")
    return node


def _refuse_braces(node: yaml.Node, name: str) -> None:
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise KitError(f"{name} is not written with a key a line; write it so")


def _pair(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    return next(((name, value) for name, value in node.value if name.value == key), None)


def _value(node: yaml.Node, key: str) -> yaml.Node:
    pair = _pair(node, key)
    assert pair is not None  # noqa: S101 - the file was read, and has a route
    return pair[1]


def _end(lines: list[str]) -> int:
    """Return the line behind the last that says something."""
    return max((number + 1 for number, line in enumerate(lines) if line.strip() and line.strip() != "..."), default=0)


def _refuse_changes(before: str, lines: list[str]) -> None:
    """See that all of somebody else's is what it was."""
    if list(_foreign(before.splitlines())) != list(_foreign(lines)):
        raise KitError("could not be merged without changing what is there; please report it with the file's form")


def _foreign(lines: list[str]) -> Iterator[Any]:
    """Yield what a file holds beside parts of our own, an empty list being none."""
    content = read_yaml(_without(lines, _marked(lines).values()))
    for section in SECTIONS:
        yield _entries(content, section)
    for *above, key in SECTIONS:
        holder = content[above[0]] if above else content
        holder.pop(key, None)
    yield content
