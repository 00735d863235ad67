"""Text from templates: HTML and Markdown, in which all is escaped that is not said to be finished.

Templates stand beside the code that fills them, and go by their path in the package, as ``kit/templates/alerts.md``. A name
without a value is an error. Each environment compiles a template once, and keeps it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension

from prediction_exporter import __version__
from prediction_exporter.templates.markdown import Markdown, code, fenced, row

__all__ = ["Markdown", "code", "html", "markdown", "page"]

_PACKAGE = Path(__file__).parents[1]
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BETWEEN_TAGS = re.compile(r"(?<=[>}])\s*\n\s*(?=[<{])")

Filter = Callable[..., Any]


def html(**filters: Filter) -> Environment:
    """Return an environment for pages, with filters of their own."""
    environment = _environment(filters, extensions=(_Tight,))
    environment.globals["exporter_version"] = __version__
    return environment


def page(environment: Environment, template: str, **values: object) -> bytes:
    """Return a finished page; what no page may hold is replaced."""
    return _CONTROL.sub("\ufffd", environment.get_template(template).render(values)).encode()


def markdown(**filters: Filter) -> Environment:
    """Return an environment for Markdown, with filters of its own."""
    own: dict[str, Filter] = {"code": code, "fenced": fenced, "row": row}
    return _environment(own | filters, finalize=Markdown.escape)


def _environment(filters: dict[str, Filter], **options: Any) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_PACKAGE),
        autoescape=True,  # in Markdown, finalize comes first and leaves it nothing to do
        undefined=StrictUndefined,
        auto_reload=False,  # the files of a package do not change
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        **options,
    )
    environment.filters |= filters
    return environment


class _Tight(Extension):
    """Leaves out the space with a line break between two tags: it is the template's layout, and not the page's."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's signature
        """Make it a comment, so that errors still name the right line."""
        return _BETWEEN_TAGS.sub(lambda match: f"{{#{match[0]}#}}", source)
