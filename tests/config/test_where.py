"""What an expression may be, and what is told of one that is none."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.config.conditions import Compare, Every, IsNull, Like, Not, Some, fields_of
from prediction_exporter.config.where_parser import MOST_CHARACTERS, WhereError, parse_where


def equal(field: str, value: str | float | bool) -> Compare:
    """Return a test for equality."""
    return Compare(field, "=", value)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("event = 'prediction'", equal("event", "prediction")),
        ("path = '/predict' AND method = 'POST'", Every((equal("path", "/predict"), equal("method", "POST")))),
        ("a = 1 OR b = 2 AND c = 3", Some((equal("a", 1.0), Every((equal("b", 2.0), equal("c", 3.0)))))),
        ("(a = 1 OR b = 2) AND c = 3", Every((Some((equal("a", 1.0), equal("b", 2.0))), equal("c", 3.0)))),
        ("NOT a <> -1.5e3", Not(Not(equal("a", -1500.0)))),
        ("5 < a", Compare("a", ">", 5.0)),
        ("a NOT IN ('x', 2, true)", Not(Some((equal("a", "x"), equal("a", 2.0), equal("a", value=True))))),
        ("a NOT BETWEEN 1 AND 2", Not(Every((Compare("a", ">=", 1.0), Compare("a", "<=", 2.0))))),
        ("a IS NOT NULL AND b IS NULL", Every((Not(IsNull("a")), IsNull("b")))),
        ("a NOT LIKE '_%!%' ESCAPE '!'", Not(Like("a", ("", None, "%")))),
        ("http.request.method = 'it''s'", equal("http.request.method", "it's")),
        ('"from"."user-agent" = \'"\'', equal("from.user-agent", '"')),
        (
            "timestamp > 5 AND count = 1 AND level = 'é😀'",
            Every((Compare("timestamp", ">", 5.0), equal("count", 1.0), equal("level", "é😀"))),
        ),
        ("served", equal("served", value=True)),
        ("a = 'x'\n  AND\tb = '-- no comment; /* none */'", Every((equal("a", "x"), equal("b", "-- no comment; /* none */")))),
    ],
)
def test_what_an_expression_says(text: str, meant: object) -> None:
    """AND binds closer than OR, NOT turns what follows, and a comparison is turned so that the field stands first."""
    assert parse_where(text) == meant


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = 1; DROP TABLE predictions", "has a semicolon at character 6"),
        ("a = 'x' OR 1 = 1", "compares what is no field"),
        ("(SELECT 1)", "has a query at character 2"),
        ("a IN (SELECT b FROM c)", "has a query at character 7"),
        ("a = 'x' -- '", "has a comment at character 9"),
        ("a /* x */ = 1", "has a comment at character 3"),
        ("-- a = 1", "has nothing but a comment"),
        ("sleep(5) = 1", "calls a function at character 1"),
        ("a = 1 AND pg_read_file('x') = 'y'", "calls a function at character 11"),
        ("a::int = 1", "has a cast at character 2"),
        (
            'event = "prediction"',
            "compares with what is no text, number, true or false at character 9; text stands in single quotes",
        ),
        ("a = b", "compares with what is no text, number, true or false at character 5; text stands in single quotes"),
        ("a == 1", "has == for = at character 3"),
        ("a = 1 && b = 2", "has && for AND at character 7"),
        ("a = 1 || b = 2", "has || for OR at character 7"),
        ("!a", "has ! for NOT at character 1"),
        ("`a` = 1", "has a mark that is none (names that are no words stand in double quotes) at character 1"),
        ("a =~ 'x'", "has a ~ (there are no regular expressions but LIKE) at character 4"),
        ("a > '10'", "puts a number in the order of texts at character 1; write it without quotes"),
        ("a = 1 AND", "is no expression at character 7"),
        ("a = 'x", "has quotes that do not end at character 5"),
        ("a = NULL", "compares with NULL, which is never true; write IS NULL or IS NOT NULL"),
        ("a[0] = 1", "has a bracket, which leads into a list at character 2"),
        ("@timestamp = 1", "has an @; write a name that begins with it in double quotes at character 1"),
        ("user-agent = 'x'", "has a minus that begins no number; write a name that holds one in double quotes at character 5"),
        ("from = 'x'", "is no expression at character 1; where the word at character 1 is a field, write it in double quotes"),
        ("if = 'x'", "has a word of SQL at character 1; where it is a field, write it in double quotes"),
        ("a = $1", "compares with what is no text, number, true or false at character 5; text stands in single quotes"),
        ("a = :b", "has a colon at character 5"),
        ("a < true", "puts true or false in an order at character 1"),
        ("a ILIKE 'x'", "has ILIKE; LIKE tells capital letters from small ones at character 3"),
        ("a = 1e999", "has a number that is too large"),
        ("a = 'x\0'", "has a character that cannot be printed at character 7"),
        ("true", "has what is no condition"),
        (" ", "is empty"),
        ("(" * 50 + "a" + ")" * 50, "has more than 40 parentheses and NOT inside of each other at character 41"),
        ("a OR " * 600 + "a", "has more than 1000 words and marks"),
        ("a" * 5000, f"has more than {MOST_CHARACTERS} characters"),
    ],
)
def test_what_is_no_expression(text: str, told: str) -> None:
    """The message says what is wrong and where, and holds nothing of the text, which may come from the environment."""
    with pytest.raises(WhereError) as error:
        parse_where(text)
    assert str(error.value) == told


_PIECES = st.sampled_from(
    [
        *(
            "a",
            "b.c",
            '"x y"',
            "'it''s'",
            "'",
            '"',
            "1",
            "-1",
            ".5",
            "1e9",
            "true",
            "NULL",
            "AND",
            "OR",
            "NOT",
            "IN",
            "IS",
            "LIKE",
        ),
        *(
            "BETWEEN",
            "ESCAPE",
            "=",
            "<>",
            "!=",
            "<",
            ">=",
            "(",
            ")",
            ",",
            ";",
            "--",
            "/*",
            "*/",
            "SELECT",
            "UNION",
            "FROM",
            "CASE",
        ),
        *(
            "WHEN",
            "END",
            "lower(",
            "::",
            "[",
            "]",
            "{",
            "}",
            "{{",
            "?",
            ":p",
            "$1",
            "@v",
            "#",
            "\\",
            "||",
            "&&",
            "~",
            "^",
            "if",
            "set",
        ),
        *(
            "EXISTS",
            "ANY",
            "ALL",
            "INTERVAL",
            "CAST(a AS int)",
            "x'1F'",
            "N'a'",
            "E'a'",
            "$$a$$",
            "\n",
            "\u2028",
            "😀",
            "e\u0301",
        ),
        *(
            "DROP TABLE a",
            "CURRENT_USER",
            "WITH",
            "VALUES",
            "LIMIT 1",
            "AS",
            "OVER (",
            "->",
            "->>",
            "%",
            "COLLATE",
            "AT TIME ZONE",
        ),
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(_PIECES, max_size=14).map(" ".join) | st.text(max_size=40))
def test_nothing_but_an_expression_or_a_clear_error(text: str) -> None:
    """Whatever is written, it becomes conditions over named fields, or is refused with a sentence; nobody else speaks."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]  # what is told is kept
    logging.getLogger("sqlglot").addHandler(handler)
    try:
        told = ""
        names = list(fields_of(parse_where(text)))
    except WhereError as error:
        told = str(error)
    finally:
        logging.getLogger("sqlglot").removeHandler(handler)
    assert heard == []
    assert told.startswith(("has ", "is ", "calls ", "compares ", "puts ")) if told else names and all(names)
