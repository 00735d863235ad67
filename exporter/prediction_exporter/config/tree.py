"""YAML text to plain values, with the place of each value kept for messages.

Stricter than YAML: a key that is written twice, a key without a value and a key that is no text are problems. Texts may
hold ``${NAME}``, which stands for the environment variable; ``$$`` stands for ``$``. The result is always text.

Whatever a file holds, reading it takes a time in proportion to its size: a few lines of aliases of aliases can stand for
more values than any memory holds.
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
_MERGE = "tag:yaml.org,2002:merge"
_SHOWN = 60
_DEPTH, _TOO_DEEP = 100, "lists or mappings are nested too deeply"
# How many values aliases may stand for together: so many, and for each value of the file so many more.
_REPEATED, _REPEATED_EACH = 10_000, 10
# A password may hold any character, also an @, as long as the address is not checked.
_USER = re.compile("://.*@", re.DOTALL)
_PARAMETERS = re.compile(r"(://[^?]*)\?.*", re.DOTALL)


class Refused(yaml.YAMLError):
    """A text that YAML allows and that is not read, in words for its author."""


class Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, which YAML 1.1 takes for text, and takes no time that grows faster than the text."""

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # noqa: N803 - the name is PyYAML's
        """Begin a list or a mapping in brackets, unless it is nested too deeply."""
        if self.flow_level >= _DEPTH:  # here, as PyYAML looks at every open bracket again for each character
            raise Refused(_TOO_DEEP)
        super().fetch_flow_collection_start(TokenClass)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put what a mapping merges (<<) in the place of its merge keys."""
        super().flatten_mapping(node)
        # The last entry of a key wins. The others would multiply with each mapping that merges this one several times.
        entries = {key.value if isinstance(key, yaml.ScalarNode) else id(key): (key, value) for key, value in node.value}
        node.value = list(entries.values())


Loader.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+.0123456789"))


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


def in_one_line(text: str) -> str:
    r"""Return a text with what ends a line, or moves a terminal's cursor, written out.

    >>> print(in_one_line("!tag\nINFO forged"))
    !tag\nINFO forged
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


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
    """The values of a file, and for each place the YAML node that it was read from.

    Attributes:
        environ: variables for ``${NAME}``; None where a ``$`` is a ``$``.
        aliases: whether an alias may stand for a value.
        empty: whether a key may have no value, which is None then.
    """

    environ: Mapping[str, str] | None
    aliases: bool = True
    empty: bool = False
    value: Any = None
    nodes: dict[Place, yaml.Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    expanded: set[Place] = field(default_factory=set)
    _open: set[int] = field(default_factory=set)
    _merged: set[int] = field(default_factory=set)
    _built: set[int] = field(default_factory=set)
    _repeated: int = 0

    @classmethod
    def read(cls, text: str, environ: Mapping[str, str] | None, *, aliases: bool = True, empty: bool = False) -> Tree:
        """Read a YAML document.

        Raises:
            yaml.YAMLError: the text is no YAML, or :class:`Refused`.
        """
        tree = cls(environ, aliases, empty)
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            tree.value = None if node is None else tree._build(node, (), loader)
        except RecursionError:
            raise Refused(_TOO_DEEP) from None
        except (ValueError, OverflowError):
            raise Refused(r"an escape in double quotes, as \U00110000, is no character") from None
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

    def _build(self, node: yaml.Node, place: Place, loader: Loader) -> Any:
        self._refuse_size(node, place)
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

    def _refuse_size(self, node: yaml.Node, place: Place) -> None:
        if len(place) > _DEPTH:
            raise Refused(_TOO_DEEP)
        if id(node) not in self._built:
            self._built.add(id(node))
            return
        if not self.aliases:
            raise Refused(str(Problem(place, "is an alias, which may not stand here; write the value itself")))
        self._repeated += 1
        if self._repeated > _REPEATED + _REPEATED_EACH * len(self._built):
            raise Refused("aliases stand for far more values than the file holds; write out what is meant")

    def _mapping(self, node: yaml.MappingNode, place: Place, loader: Loader) -> dict[str, Any]:
        # A mapping is met again at each of its aliases, and then its merge keys (<<: *defaults) are resolved already.
        if id(node) not in self._merged:
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
        self._merged.add(id(node))
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.tag == _MERGE:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if isinstance(merged, yaml.MappingNode) and id(merged) not in self._merged:
                        self._refuse_duplicates(merged, (*place, key.value))
            line = key.start_mark.line + 1
            if key.value in lines:
                text = f"the key is written twice, in line {lines[key.value]} and in line {line}"
                self.problems.append(Problem((*place, key.value), text))
            lines.setdefault(key.value, line)

    def _scalar(self, node: yaml.ScalarNode, place: Place, loader: Loader) -> Any:
        if node.tag == _STR:
            environ = self.environ
            if environ is None:
                return node.value
            return _VARIABLE.sub(lambda match: self._variable(match, place, environ), node.value)
        if node.tag == _NULL and not self.empty:
            self.problems.append(Problem(place, _without_value(node)))
        if node.tag in (_BOOL, _NULL) or (node.tag in (_INT, _FLOAT) and _DECIMAL.fullmatch(node.value)):
            # A tag that does not fit its text, as in !!int 0.5, makes an error.
            with suppress(ValueError, KeyError):
                return loader.construct_object(node)
        return node

    def _variable(self, match: re.Match[str], place: Place, environ: Mapping[str, str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        if not match["end"] or not _VARIABLE_NAME.fullmatch(name):
            # Inside of an address it may be a part of a password.
            shown = match[0] if "://" not in match.string else "${"
            self.problems.append(Problem(place, f"{shown} is no variable (allowed: ${{NAME}}, and $$ for a $)"))
        elif name not in environ:
            self.problems.append(Problem(place, f"the environment variable {name} is not set"))
        else:
            self.expanded.add(place)
            return environ[name]
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
