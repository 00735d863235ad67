"""Texts of rendered files: YAML in block style, with a note that the file is rendered."""

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
    body: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000, default_flow_style=False)
    return head + body
