"""Text from templates: what is put in reads as it stands, in HTML and in Markdown, unless it is said to be finished."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import cmarkgfm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError, UndefinedError
from markupsafe import Markup

from prediction_exporter.templates import Markdown, code, html, markdown
from prediction_exporter.templates.markdown import fenced, row

#: Text of characters that mean something in Markdown, and others. None is an address, which GitHub would make a link of.
TEXTS = st.text(st.sampled_from("\\`*_[]()<>|~#+-=!&;:.1a b\n\t/\"'{}$é")).filter(str.strip)
HOSTILE = ["<script>alert(1)</script>", "\"quoted' & <b>", "&lt;", "a|b", "`code`", "*bold*", "[link](javascript:x)"]


class Text(HTMLParser):
    """The elements of some HTML, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - HTMLParser's signature
        """Take an element."""
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.text += data


def read(source: str) -> Text:
    """Read Markdown as GitHub does, by its own library."""
    return Text(cmarkgfm.github_flavored_markdown_to_html(source))


def one_line(text: str) -> str:
    """Return text with any space as one blank."""
    return re.sub(r"\s+", " ", text).strip()


# HTML


@pytest.mark.parametrize("text", HOSTILE)
def test_values_are_text_in_pages(text: str) -> None:
    """In content, in attributes, and out of a macro; what is finished stays."""
    source = "{% macro m(x) %}<b>{{ x }}</b>{% endmacro %}<p title='{{ x }}'>{{ x }}</p>{{ m(x) }}{{ done }}"
    page = html().from_string(source).render(x=text, done=Markup("<i>done</i>"))
    assert Text(page).elements == ["p", "b", "i"]
    assert Text(page).text == f"{text}{text}done"


def test_a_name_without_a_value_is_an_error() -> None:
    """In both languages, and also where it would only be asked whether it is there."""
    for environment in (html(), markdown()):
        for source in ("{{ nothing }}", "{% if nothing %}x{% endif %}", "{{ thing.nothing }}"):
            with pytest.raises(UndefinedError, match="nothing"):
                environment.from_string(source).render(thing={})


def test_layout_of_a_template_is_not_in_the_page() -> None:
    """Line breaks between tags are left out, spaces in a line and in what is put in are kept."""
    source = "<ul>\n  {% for x in xs %}\n    <li>\n      {{ x }}\n    </li> {% endfor %}\n</ul>\n<p>two\n  lines</p>"
    assert html().from_string(source).render(xs=["> \n <"]) == "<ul><li>&gt; \n &lt;</li> </ul><p>two\n  lines</p>"


def test_errors_name_the_line_of_the_template() -> None:
    """Though line breaks are left out."""
    with pytest.raises(TemplateSyntaxError) as found:
        html().from_string("<p>\n  <b>\n  </b>\n  {% nonsense %}\n</p>")
    assert found.value.lineno == 4


# Markdown


@given(TEXTS)
def test_values_are_text_in_paragraphs(text: str) -> None:
    """Whatever it begins with or holds, a value is one line of text."""
    found = read(markdown().from_string("{{ x }}\n").render(x=text))
    assert (found.elements, one_line(found.text)) == (["p"], one_line(text))


@given(TEXTS, TEXTS)
def test_values_are_text_in_the_middle_of_a_line(before: str, text: str) -> None:
    """Beside text of the template, and beside another value."""
    found = read(markdown().from_string("So: {{ x }}{{ y }} it is.\n").render(x=before, y=text))
    assert (found.elements, one_line(found.text)) == (["p"], one_line(f"So: {before}{text} it is."))


@given(TEXTS, TEXTS)
def test_cells_are_text_in_tables(text: str, other: str) -> None:
    """Neither ends its cell, and code in a cell is code."""
    other = re.sub(r"\\+\|", "|", other)  # no Markdown can have a backslash before a pipe in code in a table
    source = "{{ ['a', 'b'] | row }}\n| --- | --- |\n{{ [x, y | code] | row }}\n"
    rendered = cmarkgfm.github_flavored_markdown_to_html(markdown().from_string(source).render(x=text, y=other))
    cells = re.findall("<td>(.*?)</td>", rendered, re.DOTALL)
    assert [one_line(Text(cell).text) for cell in cells] == [one_line(text), one_line(other)]
    assert [Text(cell).elements for cell in cells] == [[], ["code"]]


@given(TEXTS)
def test_code_is_code(text: str) -> None:
    """Inline it is one line; a block keeps its lines."""
    assert (read(code(text)).elements, one_line(read(code(text)).text)) == (["p", "code"], one_line(text))
    block = read(fenced(text, "promql"))
    assert (block.elements, block.text.strip("\n")) == (["pre", "code"], text.strip("\n"))


def test_what_is_finished_stays() -> None:
    """Markdown in Markdown, also in cells, where a pipe alone is escaped; what is joined to it is escaped."""
    assert markdown().from_string("{{ x | safe }}").render(x="*a* `b`") == "*a* `b`"
    assert row([Markdown("*a* | `b`"), "*c*"]) == r"| *a* \| `b` | \*c\* |"
    assert Markdown(", ").join([code("a"), "*b*"]) == r"`a`, \*b\*"
