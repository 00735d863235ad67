"""Texts of rendered files: a note that the file is rendered, YAML in block style, and pages that are rendered in part."""

from __future__ import annotations

from typing import Any

import yaml

NOTE = "Rendered by `prediction-exporter kit`; changes here are overwritten."


class _Dumper(yaml.SafeDumper):
    """Block style, multi-line text as it stands, sequences indented."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - PyYAML's
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def to_yaml(content: Any, *comments: str) -> str:
    """Return YAML with comments above it."""
    head = "".join(f"# {line}\n" for line in (NOTE, *comments))
    return head + _dumped(content)


def yaml_lines(content: Any) -> list[str]:
    """Return YAML as lines.

    >>> yaml_lines([{"name": "risk-ds"}])
    ['- name: risk-ds']
    """
    return _dumped(content).splitlines()


def _dumped(content: Any) -> str:
    text: str = yaml.dump(
        content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000, default_flow_style=False
    )
    return text


def filled(page: str, place: str, text: str) -> str:
    """Return a page with the part between the markers of this place rendered anew."""
    begin, end = f"<!-- {place}:begin -->", f"<!-- {place}:end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page lacks {begin} or {end}")
    return f"{before}{begin}\n\n{text}\n{end}{after}"
