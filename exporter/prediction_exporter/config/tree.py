"""YAML text to plain values, with the place of each value kept for messages.

Stricter than YAML: a key that is written twice, a key without a value and a key that is no text are problems. Texts may
hold ``${NAME}``, which stands for the environment variable; ``$$`` stands for ``$``. The result is always text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import yaml

Place = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[^}]*)(?P<end>\}?))")
_VARIABLE_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_PLAIN_KEY = re.compile("[A-Za-z_][A-Za-z0-9_-]*")
# YAML 1.1 also reads 010 as 8 and 1:30 as 90; such a number is handed on as a node, which no type accepts.
_DECIMAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?|\.[0-9_]+)(?:e[-+]?[0-9]+)?|[-+]?\.(?:inf|nan)", re.IGNORECASE)
_EXPONENT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$")
_STR, _INT, _FLOAT, _BOOL, _NULL, _DATE = (
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "timestamp")
)
_KINDS = {_STR: "text", _INT: "a number", _FLOAT: "a number", _BOOL: "a boolean", _DATE: "a date"}
_SHOWN = 60
# A password may hold any character, also an @, as long as the address is not checked.
_USER = re.compile("://.*@", re.DOTALL)
_PARAMETERS = re.compile(r"(://[^?]*)\?.*", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, which YAML 1.1 takes for text."""


_Loader.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+.0123456789"))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place of the file."""

    place: Place
    text: str

    def __str__(self) -> str:
        where = render(self.place)
        return f"{where}: {self.text}" if where else self.text


def quote(text: str) -> str:
    """Write a text in quotes and in one line, whatever it holds."""
    return json.dumps(text, ensure_ascii=False).encode(errors="backslashreplace").decode()


def without_credentials(text: str) -> str:
    """Return a text without what may be a user, a password or a token of an address, for messages.

    >>> without_credentials("postgresql://reader:secret@db.example.com/prod?token=secret")
    'postgresql://...@db.example.com/prod?...'
    """
    return _PARAMETERS.sub(r"\1?...", _USER.sub("://...@", text))


def render(place: Place) -> str:
    """Write a place as users know it: ``models[0].columns["zip.code"].kind``."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{quote(step)}]"
    return text


@dataclass(slots=True)
class Tree:
    """The values of a file, and for each place the YAML node that it was read from."""

    environ: Mapping[str, str]
    value: Any = None
    nodes: dict[Place, yaml.Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    expanded: set[Place] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)
    _merged: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, text: str, environ: Mapping[str, str]) -> Tree:
        """Read a YAML document.

        Raises:
            yaml.YAMLError: the text is no YAML.
        """
        tree = cls(environ)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            tree.value = None if node is None else tree._build(node, (), loader)
        finally:
            loader.dispose()
        return tree

    def nearest(self, place: Place) -> Place:
        """Return the innermost place around this one, or itself, that the file holds."""
        while place and place not in self.nodes:
            place = place[:-1]
        return place

    def line(self, place: Place) -> int:
        """Return the line where this place, or the nearest one around it, begins."""
        node = self.nodes.get(self.nearest(place))
        return node.start_mark.line if node is not None else 0

    def show(self, place: Place) -> str:
        """Return the text that stands in the file at a place: a variable's name and never its value.

        It is empty where there is nothing short to show: for a list, a mapping and a place that the file lacks.
        """
        node = self.nodes.get(place)
        if not isinstance(node, yaml.ScalarNode):
            return ""
        text = without_credentials(node.value)
        text = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
        return quote(text) if node.tag == _STR else text

    def kind(self, place: Place) -> str:
        """Return what YAML takes the value at a place for."""
        node = self.nodes[place]
        if isinstance(node, yaml.ScalarNode):
            if place in self.expanded:
                return "text, as every variable is,"
            if node.tag in (_INT, _FLOAT) and not _DECIMAL.fullmatch(node.value):
                return "a number that is not decimal"
            return _KINDS.get(node.tag, f"a value with the tag {node.tag}")
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"

    def _build(self, node: yaml.Node, place: Place, loader: _Loader) -> Any:
        self.nodes[place] = node
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place, loader)
        if id(node) in self._open:
            self.problems.append(Problem(place, "is an alias of something that contains it"))
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, place, loader)
            return [self._build(child, (*place, index), loader) for index, child in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, place: Place, loader: _Loader) -> dict[str, Any]:
        # A mapping is met again at each of its aliases, and then its merge keys (<<: *defaults) are resolved already.
        if id(node) not in self._merged:
            self._merged.add(id(node))
            self._refuse_duplicates(node, place)
            # Merged keys come first afterwards, so that a key of the mapping itself wins.
            loader.flatten_mapping(node)
        values = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _STR:
                self.problems.append(Problem(place, _without_text(key)))
                continue
            values[key.value] = self._build(value, (*place, key.value), loader)
        return values

    def _refuse_duplicates(self, node: yaml.MappingNode, place: Place) -> None:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                text = f"the key is written twice, in line {lines[key.value]} and in line {line}"
                self.problems.append(Problem((*place, key.value), text))
            lines.setdefault(key.value, line)

    def _scalar(self, node: yaml.ScalarNode, place: Place, loader: _Loader) -> Any:
        if node.tag == _STR:
            return _VARIABLE.sub(lambda match: self._variable(match, place), node.value)
        if node.tag == _NULL:
            self.problems.append(Problem(place, _without_value(node)))
        if node.tag in (_BOOL, _NULL) or (node.tag in (_INT, _FLOAT) and _DECIMAL.fullmatch(node.value)):
            # A tag that does not fit its text, as in !!int 0.5, makes an error.
            with suppress(ValueError, KeyError):
                return loader.construct_object(node)
        return node

    def _variable(self, match: re.Match[str], place: Place) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if not match["end"] or not _VARIABLE_NAME.fullmatch(name):
            # Inside of an address it may be a part of a password.
            shown = match[0] if "://" not in match.string else "${"
            self.problems.append(Problem(place, f"{shown} is no variable (allowed: ${{NAME}}, and $$ for a $)"))
        elif name not in self.environ:
            self.problems.append(Problem(place, f"the environment variable {name} is not set"))
        else:
            self.expanded.add(place)
            return self.environ[name]
        return match[0]


def _without_text(key: yaml.Node) -> str:
    if isinstance(key, yaml.ScalarNode):
        return f"the key {key.value} is no text; put it in quotes: {quote(key.value)}"
    return "a key is a list or a mapping and must be text"


def _without_value(node: yaml.ScalarNode) -> str:
    mark = node.end_mark
    rest = (mark.buffer or "")[mark.pointer :].partition("\n")[0]
    if "#" in rest:
        return 'has no value: what follows a # is a comment; put a value that begins with # in quotes, as "#name"'
    return "has no value; write one, or leave the entry out"
