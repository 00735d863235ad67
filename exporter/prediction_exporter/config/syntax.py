"""What keeps a text from being YAML, in words that name the cause where it is a common one, and the place where it stands."""

from __future__ import annotations

import re

import yaml

from prediction_exporter.config.tree import Loader, without_credentials

_OPENING = (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)
_CLOSING = (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
#: A comment that was hardly meant as one: a word that begins with the mark, as a Slack channel does.
_WORD = re.compile(r"#[^\s#,\]}]+")
_VALUE = re.compile(r"[^\s,\]}]+")
_NO_START = "cannot start any token"


def syntax_problem(error: yaml.MarkedYAMLError | yaml.reader.ReaderError, text: str) -> str:
    """Return what is wrong with a text that is no YAML, with its line and column."""
    if isinstance(error, yaml.reader.ReaderError):
        return _at(text, error.position, f"the character U+{error.character:04X} is not allowed in YAML")
    mark = error.problem_mark
    at = mark.index if mark is not None else 0
    comment = _comment_in_braces(text, at)
    if comment is not None:
        begin, word = comment
        return _at(
            text, begin, f'{word} begins a comment, so that the rest of the line is not read; put it in quotes: "{word}"'
        )
    return _at(text, *(_named(error, text, at) or (at, _in_words_of_yaml(error))))


def _at(text: str, position: int, problem: str) -> str:
    line_begin = text.rfind("\n", 0, position) + 1
    return f"line {text.count(chr(10), 0, position) + 1}, column {position - line_begin + 1}: {problem}"


def _named(error: yaml.MarkedYAMLError, text: str, at: int) -> tuple[int, str] | None:
    """Return the place and the name of a problem that many run into."""
    problem = error.problem or ""
    layout = _layout_problem(problem, text, at)
    if layout is not None:
        return at, layout
    character = text[at : at + 1]
    if character in ("@", "`", "%") and _NO_START in problem:
        return at, f"a value cannot begin with {character}; put it in quotes{_quoted(text, at)}"
    if error.context == "while scanning an alias" and error.context_mark is not None:
        at = error.context_mark.index
        return at, f"a value that begins with * stands for another one; put it in quotes{_quoted(text, at)}"
    if error.context == "while scanning a double-quoted scalar" and "escape" in problem:
        return text.rfind("\\", 0, at + 1), r"a \ in double quotes begins an escape; use single quotes, or write \\"
    return None


def _layout_problem(problem: str, text: str, at: int) -> str | None:
    """Return what is wrong with how a line is laid out."""
    before = text[text.rfind("\n", 0, at) + 1 : at]
    if text[at : at + 1] == "\t" and _NO_START in problem:
        where = "stands between words" if before.strip() else "indents the line"
        return f"a tab {where}; YAML takes spaces alone"
    if problem.startswith("mapping values are not allowed"):
        if ": " in before:
            return "a value that holds a colon and a space must be in quotes"
        return "this key stands deeper than the one above it, which has a value already or lacks its colon"
    if problem.startswith("expected <block end>, but found '<block"):
        return "the line is indented otherwise than those that it belongs to"
    return None


def _quoted(text: str, at: int) -> str:
    value = _VALUE.match(text, at)
    return f': "{without_credentials(value[0])}"' if value and '"' not in value[0] else ""


def _in_words_of_yaml(error: yaml.MarkedYAMLError) -> str:
    context, begun, ended = error.context, error.context_mark, error.problem_mark
    if context and context.startswith("while ") and begun is not None and ended is not None and begun.line != ended.line:
        context += f" that begins in line {begun.line + 1}"
    return ", ".join(part for part in (context, error.problem) if part)


def _comment_in_braces(text: str, before: int) -> tuple[int, str] | None:
    """Return the first comment that hides the end of braces or brackets, or stands in the place of a value there."""
    depth, end = 0, 0
    last: yaml.Token | None = None
    try:
        for token in yaml.scan(text, Loader=Loader):
            if depth:
                gap = text[end : min(token.start_mark.index, before)]
                for comment in re.finditer(r"#.*", gap):
                    word = _WORD.match(comment[0])
                    if word and (isinstance(last, yaml.ValueToken) or re.search(r"[\]}]", comment[0])):
                        return end + comment.start(), word[0]
            depth += isinstance(token, _OPENING)
            depth -= isinstance(token, _CLOSING)
            last, end = token, token.end_mark.index
            if end >= before:
                break
    except yaml.YAMLError:
        pass  # the error that is being explained; what follows it says nothing
    return None
