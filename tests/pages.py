"""Pages that tests read as a browser would."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from prediction_exporter.web.landing.words import NARROW

VOID = {"meta", "link", "br"}


@dataclass
class Element:
    """An element of a page; ``text`` is what it and its children hold."""

    name: str
    attributes: dict[str, str | None]
    children: list[Element] = field(default_factory=list)
    parts: list[str | Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside, with the narrow spaces of units as plain ones."""
        whole = "".join(part if isinstance(part, str) else part.text for part in self.parts)
        return re.sub(r"\s+", " ", whole.replace(NARROW, " ")).strip()

    def all(self, name: str, css_class: str | None = None) -> list[Element]:
        """Return the elements of this name inside, in the order of the page."""
        found: list[Element] = []
        for child in self.children:
            if child.name == name and (css_class is None or css_class in (child.attributes.get("class") or "").split()):
                found.append(child)
            found += child.all(name, css_class)
        return found

    def one(self, name: str, css_class: str | None = None) -> Element:
        """Return the only element of this name inside."""
        [found] = self.all(name, css_class)
        return found


class Page(HTMLParser):
    """A page, parsed; elements that are not closed in the order they were opened fail."""

    def __init__(self, content: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.content = content
        self.source = content.decode()
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(self.source)
        self.close()
        assert self._open == [self.root], f"not closed: {self._open[-1].name}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} stands twice"
        element = Element(tag, dict(attrs))
        self._open[-1].children.append(element)
        self._open[-1].parts.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element without content."""
        element = Element(tag, dict(attrs))
        self._open[-1].children.append(element)
        self._open[-1].parts.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        assert self._open[-1].name == tag, f"{tag} ends inside {self._open[-1].name}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        """Take text."""
        self._open[-1].parts.append(data)

    def all(self, name: str, css_class: str | None = None) -> list[Element]:
        """Return the elements of this name."""
        return self.root.all(name, css_class)

    def one(self, name: str, css_class: str | None = None) -> Element:
        """Return the only element of this name."""
        return self.root.one(name, css_class)

    @property
    def text(self) -> str:
        """All text of the body."""
        return self.one("body").text

    @property
    def pills(self) -> list[str]:
        """The states."""
        return [pill.text for pill in self.all("span", "pill")]

    def fact(self, name: str) -> str:
        """Return what stands under a term."""
        [found] = [e.one("dd").text for e in self.all("div") if [d.text for d in e.all("dt")] == [name]]
        return found

    def rows(self, table: int = 0) -> dict[str, Element]:
        """Return the rows of a table of columns by column."""
        body = self.all("table", "columns")[table].one("tbody")
        return {row.one("bdi").text: row for row in body.all("tr")}
