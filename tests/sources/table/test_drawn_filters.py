"""The law of filters over drawn expressions: true, false or unknown of each row, in lines, frames and databases alike."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from counting import context_of
from databases import Database
from filter_meaning import NUMBERS, TEXTS, WHOLES, truth
from prediction_exporter.config.where_parser import parse_where
from prediction_exporter.sources.fields.schema import EventSchema
from prediction_exporter.sources.filtering import Filter
from prediction_exporter.sources.frames import FrameParser
from prediction_exporter.sources.jsonl import JsonLinesParser
from prediction_exporter.sources.table.engine import Database as Opened
from prediction_exporter.sources.table.filtering import condition_of
from prediction_exporter.sources.table.relation import read_relation

NOW = 1_800_057_600
FIELDS = {"time": "ts", "version": "version"}
SCHEMA = EventSchema(time=("ts",), version=("version",), columns=())

#: Beside those of the other tests; what is a number or a list to some engine and not by the documentation.
MORE_TEXTS = [
    *(
        "+5",
        "0x5",
        "\u0661",
        "5E+00",
        "1e999",
        "-5",
        "5\u00a0",
        "Infinity",
        "TRUE",
        "1",
        "0",
        "[]",
        "{}",
        "{x}",
        '{"',
        "[x]",
        "a]",
    ),
    *("\\", "%", "_", "*", "?", "[a]", "a^b", "|", "a\nb", "a]", "x ", "ß", "ss", "\u200b", "\U0010ffff", "-0", "0.1", "false"),
]
MORE_NUMBERS = [5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 1e-7, 1e16, 1.0, 0.0, 2.5e-10]
ALL_TEXTS, ALL_NUMBERS = [*TEXTS, *MORE_TEXTS], [*NUMBERS, *MORE_NUMBERS]
ROWS: list[dict[str, Any]] = [
    {
        "version": f"v{at}",
        "text": text,
        "number": ALL_NUMBERS[at % len(ALL_NUMBERS)],
        "whole": [*WHOLES, 2**63 - 1, -(2**63)][at % 9],
        "other": ALL_TEXTS[at * 7 % len(ALL_TEXTS)],
    }
    for at, text in enumerate(ALL_TEXTS)
]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


#: To engines 0 and -0 are one number, whose texts differ.
_PRINTABLE = [text for text in ALL_TEXTS if text is not None and text.isprintable() and text not in ("0", "-0")]
_TEXT = st.sampled_from([*_PRINTABLE, "200", "5.5", "9007199254740993", "9" * 320]).map(_quoted)
_ORDERED = st.sampled_from(["", "A", "a", "é", "y", "[", "{"]).map(_quoted)
_NUMBER = st.sampled_from(["5", "-0", "200", "0.1", "5e-324", "1e308", "9007199254740993", "9223372036854775807", "-5.5"])
_PATTERN = st.lists(st.sampled_from([*"%_|[]*?^a5xé.", "\\", "😀", " "]), max_size=4).map(lambda parts: _quoted("".join(parts)))
_NOT = st.sampled_from(["", "NOT "])
_OF_TEXT = st.sampled_from(["text", "other", "version", "whole"])
_ANY = _OF_TEXT | st.just("number")
_SIGN = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
_TESTS = st.one_of(
    st.tuples(_ANY, st.just("IS"), _NOT.map(lambda word: f"{word}NULL")),
    st.tuples(_ANY, st.sampled_from(["=", "<>"]), _TEXT),
    st.tuples(_OF_TEXT, _SIGN, _ORDERED),
    st.tuples(_ANY, _SIGN, _NUMBER),
    st.tuples(_OF_TEXT, _NOT, st.just("LIKE"), _PATTERN),
    st.tuples(_ANY, _NOT, st.just("IN ("), _TEXT, st.just(","), _NUMBER, st.just(")")),
    st.tuples(_ANY, _NOT, st.just("BETWEEN"), _NUMBER, st.just("AND"), _NUMBER),
).map(" ".join)
EXPRESSIONS = st.recursive(
    _TESTS,
    lambda inside: st.tuples(_NOT, st.just("("), inside, st.sampled_from(["AND", "OR"]), inside, st.just(")")).map(" ".join),
    max_leaves=4,
)

Truths = dict[str, bool | None]


def meant(expression: str, rows: list[dict[str, Any]]) -> Truths:
    """Return whether an expression is true of each row, by the words of the documentation."""
    condition = parse_where(expression)
    return {row["version"]: truth(row, condition) for row in rows}


def test_lines_and_frames() -> None:
    """Of what does not pass, what passes the opposite is false, and the rest is unknown."""
    lines = "".join(json.dumps({"ts": NOW - 600, **row}) + "\n" for row in ROWS).encode()
    columns = {name: pl.Series([row[name] for row in ROWS], strict=False) for name in ROWS[0]}
    frame = pl.DataFrame({"ts": [NOW - 600] * len(ROWS), **columns})

    def passing(expression: str) -> list[set[str]]:
        batches = [
            JsonLinesParser(SCHEMA, time_is_text=False, chosen=Filter(parse_where(expression))).parse(lines),
            FrameParser(SCHEMA, chosen=Filter(parse_where(expression))).parse(frame),
        ]
        return [{str(version) for events in batch.events for version in events.versions} for batch in batches]

    @settings(max_examples=30, deadline=None, derandomize=True, database=None)
    @given(EXPRESSIONS)
    def check(expression: str) -> None:
        expected = meant(expression, ROWS)
        for true, false in zip(passing(expression), passing(f"NOT ({expression})"), strict=True):
            assert {
                version: True if version in true else False if version in false else None for version in expected
            } == expected

    check()


def test_a_database(database: Database, tmp_path: Path) -> None:
    """Each engine tells true, false and unknown of the same rows."""
    kind = database.kind
    text = "VARCHAR(400) CHARACTER SET utf8mb4" if kind == "mariadb" else "TEXT"
    types = {"sqlite": "TEXT", "mariadb": "DATETIME"}
    double = "DOUBLE PRECISION" if kind == "postgresql" else "DOUBLE"
    database.execute(
        f"CREATE TABLE predictions (ts {types.get(kind, 'TIMESTAMP')}, version {text}, text {text}, number {double}, "
        f"whole BIGINT, other {text})"
    )
    unkept = {"mariadb": lambda x: not math.isfinite(x), "sqlite": math.isnan}.get(kind, lambda _: False)
    rows = [row | {"number": None if row["number"] is None or unkept(row["number"]) else row["number"]} for row in ROWS]
    at = datetime.fromtimestamp(NOW - 600, UTC)
    database.insert(
        "predictions", [{"ts": at.isoformat() if kind == "sqlite" else at.replace(tzinfo=None), **row} for row in rows]
    )
    place = {"table": {"url": database.url(), "name": "predictions"}, "fields": FIELDS}
    predictions = context_of(tmp_path, place, None, clock=lambda: NOW).predictions
    assert predictions.table is not None
    opened = Opened(predictions.table, where="models[0].predictions.table")
    with opened.connect() as connection:
        relation = read_relation(connection, opened.dialect, predictions, None, where="models[0]")
        assert relation is not None
        columns = {column.name: column for column in relation.source.c}

        @settings(max_examples=30, deadline=None, derandomize=True, database=None)
        @given(EXPRESSIONS)
        def check(expression: str) -> None:
            test = condition_of(
                parse_where(expression), columns, relation.samples, relation.codes, opened.dialect, where="where"
            )
            found = connection.execute(select(columns["version"], test)).all()
            assert {version: None if is_true is None else bool(is_true) for version, is_true in found} == meant(
                expression, rows
            )

        check()
    opened.close()
