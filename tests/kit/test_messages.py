"""A message of each alert, by the real Alertmanager: nothing of what it says is missing, and every reader sees the same."""

from __future__ import annotations

import html
import re

import pytest

from alert_messages import Message, messages_of_alerts
from prediction_exporter.kit.alerts import ALERTS


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Message]:
    """A message of each alert, by its name."""
    return messages_of_alerts(tmp_path_factory.mktemp("messages"))


def _read(text: str) -> str:
    """Return what a reader sees of a text, whichever way it is written: its words, numbers and bars, and one space between."""
    shown = html.unescape(
        re.sub(r"<(?!http)[^>]*>", " ", re.sub(r"<style>.*?</style>|<title>.*?</title>|</?code>", "", text, flags=re.DOTALL))
    )
    for written, plain in (("\u2192", "->"), ("[:]//", "://"), ("`", ""), ("\u02cb", ""), ("\u2217", "*"), ("\u02cd", "_")):
        shown = shown.replace(written, plain)
    return re.sub(r"[\s\u00a0]+", " ", shown)


@pytest.mark.parametrize("name", list(map(str, ALERTS)))
def test_each_message_tells_everything(messages: dict[str, Message], name: str) -> None:
    """Figures, what to do, what changed, since when, the columns, and links; in Slack, plain text, HTML, and Markdown."""
    message = messages[name]
    said = message.annotations
    worst = said.get("worst", "")
    rows = re.findall(r"[█░]+ ([^█]*?)(?:, (?=█)|$)", worst) or ([worst] if ", " in worst else [])
    for text in (message.slack, message.plain, message.html, message.markdown):
        read = _read(text)
        for told in (said["summary"], said["description"], said["action"].replace("`", ""), said["changed"], *rows):
            assert re.sub(r"\s+", " ", told.replace("`", "")) in read
        assert re.search(r"[Ss]ince \d+ \w{3} \d\d:\d\d UTC", read)
        addresses = html.unescape(text)
        for link in ("dashboard_url", "exporter_url", "runbook_url", "verdict_url"):
            assert said.get(link, "") in addresses
        assert "/#/silences/new?filter=%7Balertname%3D%22" in addresses
        assert not re.search(r"<no value>|%!|\{\{|ZgotmplZ|\(\)", text)
        assert text is message.html or "\n\n\n" not in text
        for step in said.get("first_steps", "").replace("`", "").splitlines():
            assert step in read
    # Cards show HTML as it is written, and Slack entities in addresses.
    assert "<" not in message.markdown
    assert "&quot;" not in message.slack


@pytest.mark.parametrize("name", list(map(str, ALERTS)))
def test_a_subject_fits_a_list_of_mails(messages: dict[str, Message], name: str) -> None:
    """What matters stands first, and nothing is cut of common names."""
    assert len(messages[name].title) < 80


@pytest.mark.parametrize("name", list(map(str, ALERTS)))
def test_a_small_screen_shows_what_matters_first(messages: dict[str, Message], name: str) -> None:
    """Slack shows five lines and hides the others behind a link: figures, what to do, what changed, where to look."""
    lines = messages[name].slack.splitlines()
    assert lines[1].endswith(" UTC._")
    assert lines[2].startswith("*Do:* ")
    assert lines[3 if messages[name].annotations["changed"] else 2].startswith(("*Changed:* ", "*Do:* "))
    assert any(line.startswith("Owner: ") for line in lines[:5])


#: What Word, which draws Outlook's mails on Windows, draws: and on what, where it draws it on some elements alone.
_DRAWN = {"background", "border", "border-color", "border-left", "border-top", "border-collapse", "color", "font-family"}
_DRAWN |= {"font-size", "font-weight", "letter-spacing", "line-height", "mso-hide", "text-decoration", "vertical-align"}
_DRAWN_ON = {"padding": {"td"}, "margin": {"body", "p", "table", "div"}, "display": {"div"}}
#: What it leaves out, so that a message may look better with it and must read well without.
_LEFT_OUT = {"border-radius", "max-width", "max-height", "overflow", "overflow-wrap", "word-break"}
_LEFT_OUT_ON = {"padding": {"a"}, "padding-top": {"div"}, "margin": {"a"}, "display": {"a"}}
_ELEMENTS = {
    "html",
    "head",
    "meta",
    "style",
    "title",
    "body",
    "table",
    "tr",
    "td",
    "p",
    "div",
    "span",
    "strong",
    "code",
    "a",
    "br",
}


def test_mail_programs_of_word_show_every_part(messages: dict[str, Message]) -> None:
    """Word knows tables, attributes, colours of cells, and no layout of style sheets; what it leaves out is known."""
    for message in messages.values():
        for closing, element, attributes in re.findall(r"<(/?)(\w+)([^>]*)>", re.sub(r"<!--.*?-->", "", message.html)):
            assert element in _ELEMENTS
            for style in re.findall(r'style="([^"]*)"', attributes):
                properties = {each.partition(":")[0].strip() for each in style.split(";") if each.strip()}
                of_some = {name for on in (_DRAWN_ON, _LEFT_OUT_ON) for name, elements in on.items() if element in elements}
                assert properties <= _DRAWN | _LEFT_OUT | of_some, (closing, element)
                assert not re.search(r"calc\(|var\(|url\(", style)
        for tag in re.findall(r"<(?:table|td|body)\b[^>]*background:[^>]*>", message.html):
            assert "bgcolor=" in tag
        # A link whose ground is not drawn must still be read on white, and apart from the next where it has no margin.
        links = re.findall(r"<a\b[^>]*border:[^>]*>[^<]*</a>(?:<!--\[if mso\]>&nbsp;)?", message.html)
        assert len(links) >= 2
        assert all(each.endswith("&nbsp;") and "color:#fff" not in each for each in links)
        assert message.html.count("<!--[if") == message.html.count("<![endif]-->")
        assert message.html.count("<table") == message.html.count("</table>")


def test_phones_that_drop_the_body_keep_its_ground_and_letters(messages: dict[str, Message]) -> None:
    """Gmail and Outlook on phones show what is in it, without its own styles."""
    for message in messages.values():
        inside = message.html.split("<body", 1)[1].partition(">")[2]
        assert re.search(r'<table class="page"[^>]*bgcolor=', inside)
        assert re.search(r'<table class="card"[^>]*font-family:[^>]*font-size:[^>]*color:', inside)


def test_a_list_of_mails_shows_figures(messages: dict[str, Message]) -> None:
    """Beside the subject it shows how a mail begins: with what is wrong and by how much."""
    for message in messages.values():
        preview = re.search(r'<div style="display:none;[^>]*>([^<]*)</div>', message.html)
        assert preview is not None
        assert _read(preview[1]) == _read(message.annotations["description"])


def test_no_mail_is_clipped(messages: dict[str, Message]) -> None:
    """Gmail shows 102 kB and a link to the rest."""
    assert max(len(message.html.encode()) for message in messages.values()) < 20_000
