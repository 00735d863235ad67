"""Payloads: what servers write as inputs and outputs, to one value for each row."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import polars as pl
import pytest

from prediction_exporter.sources.records.decoding import decode, encode
from prediction_exporter.sources.records.payloads import PayloadError, rows_of

NAMED = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
UNNAMED = [[1, "x"], [2, "y"]]


def b64(text: str | bytes) -> str:
    """Return base64 of a text in UTF-8."""
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    "payload",
    [
        NAMED,
        {"instances": NAMED},
        {"inputs": {"a": [1, 2], "b": ["x", "y"]}},
        {"a": [1, 2], "b": ["x", "y"]},
        {"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": UNNAMED}},
        {"dataframe_records": NAMED, "params": {}},
        {"columns": ["a", "b"], "data": UNNAMED},
        # What DataFrame.to_json() writes: by default, and with orient index and table.
        {"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": "y"}},
        {"0": NAMED[0], "1": NAMED[1]},
        {"schema": {"fields": [{"name": "a"}]}, "data": NAMED},
        {"data": {"names": ["a", "b"], "ndarray": UNNAMED}, "meta": {"puid": "p"}},
        [
            {"name": "a", "shape": [2], "datatype": "INT64", "data": [1, 2]},
            {"name": "b", "shape": [2, 1], "datatype": "BYTES", "data": ["x", "y"]},
        ],
        {
            "id": "i",
            "inputs": [{"name": "a", "shape": [2, 1], "data": [[1], [2]]}, {"name": "b", "shape": [2], "data": ["x", "y"]}],
        },
        json.dumps({"instances": NAMED}),
        json.dumps(json.dumps({"instances": NAMED})),
        "\ufeff" + json.dumps(NAMED),
        "".join(json.dumps(row) + "\r\n" for row in NAMED),
        "a,b\n1,x\n2,y",
        '"a","b"\r\n"1","x"\r\n"2","y"\r\n',
    ],
)
def test_rows_with_names(payload: Any) -> None:
    """Each form has the same two rows of two named values, and the names of the configuration change none of them."""
    assert rows_of(payload) == NAMED
    assert rows_of(payload, names=["a", "b"]) == NAMED


@pytest.mark.parametrize(
    "payload",
    [
        UNNAMED,
        {"instances": UNNAMED, "signature_name": "serving_default"},
        {"data": {"ndarray": UNNAMED}},
        {"data": {"names": [], "ndarray": UNNAMED}},
        {"instances": [{"features": UNNAMED[0]}, {"features": UNNAMED[1]}]},
        "1,x\n2,y",
        "1,x\r\n2,y\r\n\r\n",
        '1,"x"\n2,"y"\n',
        "a,b\n1,x\n2,y\n",
        json.dumps(UNNAMED),
    ],
)
def test_names_of_the_configuration(payload: Any) -> None:
    """Values without names get those that are configured; a header of just these is none of the rows."""
    assert rows_of(payload, names=["a", "b"]) == NAMED


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}, [[1, 2, 3], [4, 5, 6]]),
        ({"shape": [2, 3], "data": [[1, 2, 3], [4, 5, 6]]}, [[1, 2, 3], [4, 5, 6]]),
        ({"tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}, [[1, 2], [3, 4]]),
        ({"shape": [-1, 2], "data": [1, 2, 3, 4, 5, 6]}, [[1, 2], [3, 4], [5, 6]]),
        ({"shape": [2, 1, 2], "data": [1, 2, 3, 4]}, [[1, 2], [3, 4]]),
        ({"shape": [3], "data": [1, 2, 3]}, [1, 2, 3]),
        ({"shape": [3, 1], "data": [[1], [2], [3]]}, [1, 2, 3]),
        ({"shape": [], "data": [7]}, [7]),
        ({"shape": [0, 4], "data": []}, []),
        ([{"name": "out", "shape": [2], "datatype": "BOOL", "data": [True, False]}], [True, False]),
        (5, [5]),
        (None, [None]),
        ([], []),
        ({}, [{}]),
        ([[0.1, 0.9], None], [[0.1, 0.9], None]),
        ({"amount": 3, "data": {"x": 1}}, [{"amount": 3, "data": {"x": 1}}]),
        ({"amount": 3, "tags": ["a", "b"]}, [{"amount": 3, "tags": ["a", "b"]}]),
        ({"customer": {"age": 3}, "loan": {"age": 5}}, [{"customer": {"age": 3}, "loan": {"age": 5}}]),
        ({"inputs": "a text, and no list"}, [{"inputs": "a text, and no list"}]),
        ({"columns": ["a", "a"], "data": [[1, 2]]}, [{"a": 1}]),  # of a name that stands twice, the first counts
        ({"columns": [["a", "x"], ["a", "y"]], "data": [[1, 2]]}, [{"a.x": 1, "a.y": 2}]),
    ],
)
def test_forms(payload: Any, expected: list[Any]) -> None:
    """Tensors have as many rows as their first dimension, and an object is one row but where it clearly holds several."""
    assert rows_of(payload) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.25\n0.75\n", [[0.25], [0.75]]),
        ("0.25", [[0.25]]),
        ("1,,3\n", [[1, None, 3]]),
        ("a,b\n1,\n", [{"a": 1, "b": None}]),
        ('""\n0.5\n', [[None], [0.5]]),  # so writers of one column write a missing value
        ("red\nblue\n", [["red"], ["blue"]]),
        ("label\n0\n1\n", [{"label": 0}, {"label": 1}]),
        ("color,size\nred,big\n", [["color", "size"], ["red", "big"]]),  # nothing tells a header: names do
        ("NA,NA\n1,2\n", [[None, None], [1, 2]]),
        ("NULL\n0.3", [[None], [0.3]]),
        ("x,x\n1,2\n", [["x", "x"], [1, 2]]),
        ('"a, b",1\n"say ""no""",2', [["a, b", 1], ['say "no"', 2]]),
        ('"two\nlines",1', [["two\nlines", 1]]),
        ("007,1e3,+5,.5,0x1,1_0", [["007", 1000.0, "+5", ".5", "0x1", "1_0"]]),
        ("12345678901234567890123,9007199254740993", [[12345678901234567890123, 9007199254740993]]),
        ("9" * 5000, [["9" * 5000]]),
        ("NaN,-inf,Infinity,1e999,true", [["NaN", "-inf", "Infinity", "1e999", "true"]]),
        (" 1, red", [[1, " red"]]),
        ("", []),
        ("\n\n", []),
        ("1;2;3", [["1;2;3"]]),
    ],
)
def test_csv(text: str, expected: list[Any]) -> None:
    """CSV in a text: numbers are numbers where JSON has them, what is empty is null, and a header is known by what follows."""
    assert rows_of(text, encoding="csv") == expected
    if text[:1] != '"':
        assert rows_of(text) == expected


def test_a_header_is_known_by_the_configured_names() -> None:
    """What is said counts, and not what a first row looks like: texts above numbers are a row then."""
    assert rows_of("color,size\nred,big\n", names=["color", "size"]) == [{"color": "red", "size": "big"}]
    assert rows_of("size,color\n3,red\n", names=["color", "size"]) == [{"size": 3, "color": "red"}]
    assert rows_of("red,\nblue,3\n", names=["color", "price"]) == [
        {"color": "red", "price": None},
        {"color": "blue", "price": 3},
    ]
    assert rows_of("color,price\n", names=["color", "price"]) == []


def test_one_line_of_outputs_for_many_rows() -> None:
    """Some containers write the outputs of all rows on one line; so many values as rows are one each."""
    assert rows_of("0.1,0.2,0.3", rows=3) == [0.1, 0.2, 0.3]
    assert rows_of("0.1,0.2,0.3", rows=2) == [[0.1, 0.2, 0.3]]
    assert rows_of("0.1,0.9", rows=1) == [[0.1, 0.9]]


@pytest.mark.parametrize(
    "text",
    [b64("1,2\n3,4"), b64("[[1,2],[3,4]]"), b64('{"instances": [[1,2],[3,4]]}').rstrip("=")],
)
def test_base64(text: str) -> None:
    """Base64 of any other text, with or without what fills it up."""
    assert rows_of(text, encoding="base64") == [[1, 2], [3, 4]]


def test_base64_over_lines_and_in_the_other_alphabet() -> None:
    """As mail and URLs have it."""
    text = json.dumps([["~~~???>>>" * 20]], ensure_ascii=False)
    plain = b64(text)
    assert "/" in plain or "+" in plain
    lines = "\n".join(plain[at : at + 76] for at in range(0, len(plain), 76))
    for written in (plain, lines, plain.replace("+", "-").replace("/", "_")):
        assert rows_of(written, encoding="base64") == [["~~~???>>>" * 20]]


def test_names_of_a_single_tensor() -> None:
    """The name of a column of inputs is that of a feature, but for what is configured; outputs stand alone."""
    tensor = [{"name": "amount", "shape": [2, 1], "data": [1, 2]}]
    assert rows_of(tensor) == [1, 2]
    assert rows_of(tensor, named=True) == [{"amount": 1}, {"amount": 2}]
    assert rows_of(tensor, named=True, names=["income"]) == [{"income": 1}, {"income": 2}]
    wide = [{"name": "input-0", "shape": [1, 2], "data": [1, 2]}]
    assert rows_of(wide, named=True) == [[1, 2]]
    assert rows_of(wide, named=True, names=["a", "b"]) == [{"a": 1, "b": 2}]


def test_values_of_one_row() -> None:
    """A flat list of as many values as there are names is one row; without names, or with one, each is a row."""
    assert rows_of([1, 2, 3], names=["a", "b", "c"]) == [{"a": 1, "b": 2, "c": 3}]
    assert rows_of([1, 2, 3]) == [1, 2, 3]
    assert rows_of([1, 2, 3], names=["a"]) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert rows_of([[1], None], names=["a"]) == [{"a": 1}, None]


@pytest.mark.parametrize(
    ("payload", "settings", "reason", "words"),
    [
        ([[1, 2], [3]], {"names": ["a", "b"]}, "uneven_rows", "a row of 1 values, for which there are 2 names"),
        ([5], {"names": ["a", "b"]}, "uneven_rows", "a row of a single value, for which there are 2 names"),
        ({"a": [1, 2], "b": [1]}, {}, "uneven_rows", "columns are of different lengths"),
        ({"inputs": {"a": [1, 2], "b": 1}}, {}, "uneven_rows", "columns are of different lengths"),
        ({"columns": ["a", "b"], "data": [[1]]}, {}, "uneven_rows", "rows of a frame are not as long as its columns"),
        ({"columns": "ab", "data": [[1]]}, {}, "payload", "a frame without a list of columns"),
        ({"shape": [2, 2], "data": [1, 2, 3]}, {}, "uneven_rows", "a tensor of shape [2, 2] has 3 values"),
        ({"shape": [-1, -1], "data": [1, 2, 3]}, {}, "uneven_rows", "a tensor of shape [-1, -1] has 3 values"),
        ({"shape": [2, 2], "data": [[1, 2], 3]}, {}, "uneven_rows", "a tensor whose lists are of different depths"),
        ({"shape": "2", "data": [1]}, {}, "payload", "a tensor whose shape is no list of whole numbers"),
        ({"shape": [True], "data": [1]}, {}, "payload", "a tensor whose shape is no list of whole numbers"),
        ({"shape": [1], "data": "x"}, {}, "payload", "a tensor whose data is no list"),
        (
            {"inputs": [{"name": "a", "shape": [2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]},
            {},
            "payload",
            "tensors whose data is not in the record",
        ),
        ([{"name": "a", "datatype": "FP32", "data": [1, 2]}], {}, "payload", "tensors without a shape"),
        # A sentence with a comma is two fields of CSV: which it is meant to be cannot be told.
        ("late by 45 minutes, again", {"names": ["text"]}, "uneven_rows", "a row of 2 values, for which there is 1 name"),
        # The shape of an example that is often copied: it has the number of columns and not that of rows.
        (
            [{"name": name, "datatype": "BYTES", "shape": [3], "data": ["1", "2", "3", "4"]} for name in "ABC"],
            {},
            "uneven_rows",
            "a tensor of shape [3] has 4 values",
        ),
        ({"instances": [1], "predictions": [2]}, {}, "payload", "has instances and predictions; name the place of one of them"),
        ("1,2\n3", {}, "uneven_rows", "rows of CSV are of different lengths"),
        ('"a"b,1', {}, "payload", "no CSV"),
        ('{"a": 1', {}, "payload", "no JSON"),
        ("1,2", {"encoding": "json"}, "payload", "no JSON"),
        ("[1]\n{", {}, "payload", "neither JSON nor lines of it"),
        ("[" * 100_000, {}, "payload", "no JSON"),
        ("%%%", {"encoding": "base64"}, "payload", "no base64 of a text in UTF-8"),
        (b64(b"\xff\xfe"), {"encoding": "base64"}, "payload", "no base64 of a text in UTF-8"),
        ([1] * 4, {"most": 3}, "too_many_rows", "4 rows are more than 3"),
        ({"a": [1] * 4}, {"most": 3}, "too_many_rows", "4 rows are more than 3"),
        ("1\n" * 5, {"most": 3}, "too_many_rows", "at least 4 rows are more than 3"),
        ({"columns": ["a"], "data": [[1]] * 4}, {"most": 3}, "too_many_rows", "4 rows are more than 3"),
        ({"shape": [4, 0], "data": []}, {"most": 3}, "too_many_rows", "4 rows are more than 3"),
    ],
)
def test_what_does_not_fit_is_refused(payload: Any, settings: dict[str, Any], reason: str, words: str) -> None:
    """By its reason, in words that show no values."""
    with pytest.raises(PayloadError) as caught:
        rows_of(payload, **settings)
    assert (caught.value.reason, str(caught.value)) == (reason, words)


def test_json_and_csv_of_the_same_frame_are_alike() -> None:
    """Whole numbers and missing values too, which servers that go by types have read otherwise in each."""
    split = {"columns": ["x", "y"], "index": [0, 1, 2], "data": [[1, 0.5], [-1, None], [None, 2.0]]}
    expected = [{"x": 1, "y": 0.5}, {"x": -1, "y": None}, {"x": None, "y": 2.0}]
    assert rows_of(split) == rows_of({"dataframe_split": split}) == expected
    assert rows_of("x,y\n1,0.5\n-1,\n,2.0\n") == expected
    assert rows_of(json.dumps(split).replace("null", "NaN")) == [
        {"x": 1, "y": 0.5},
        {"x": -1, "y": "NaN"},
        {"x": "NaN", "y": 2.0},
    ]


def test_what_pandas_writes_is_read() -> None:
    """Of a frame with texts that need quotes, in CSV as a writer makes it."""
    frame = pl.DataFrame({"a": [1.5, None, -3.0], "b": ['say "x"', "a,b", "two\nlines"]})
    buffer = io.BytesIO()
    frame.write_csv(buffer)
    assert rows_of(buffer.getvalue().decode()) == frame.to_dicts()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', {"a": 1}),
        ('{"a": {"b": 1, "b": 2, "b": 3}, "c": ":"}', {"a": {"b": 1}, "c": ":"}),
        ('[{"a": "\\u003a", "a": 2}]', [{"a": ":"}]),
        ('{"a:b": ["::", {"c": ":"}], "d": 1}', {"a:b": ["::", {"c": ":"}], "d": 1}),
        ('["12:00", {"a": 1}]', ["12:00", {"a": 1}]),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-9223372036854775809", -9223372036854775809),
        ("0.00012345678901234567", 0.00012345678901234567),
        ("[NaN, Infinity, -Infinity, 1e999, -1e999]", ["NaN", "Infinity", "-Infinity", "Infinity", "-Infinity"]),
        ("1" + "0" * 5000, "Infinity"),
        ('"\\ud800"', "\ud800"),
    ],
)
def test_decoding_has_one_meaning(text: str, expected: Any) -> None:
    """First keys count, integers keep their digits, and words are their texts: as in plain lines of a log."""
    assert decode(text) == decode(text.encode()) == expected
    assert json.loads(encode(expected)) == expected


def test_numbers_are_never_lost_by_encoding() -> None:
    """No number that JSON does not have reaches the encoder, which would write null for it."""
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in decode("[NaN, 1e999, -Infinity]"))


def test_a_number_of_csv_is_the_same_beside_whatever_else() -> None:
    """Rows of numbers alone are read at once; none of their fields is read otherwise than beside a text."""
    numbers = [
        "7",
        "-0",
        " 0.5",
        "1 ",
        "1 2",
        "007",
        "1.",
        ".5",
        "--1",
        "-",
        "1e400",
        "1e5",
        "9" * 18,
        "9" * 19,
        "9" * 30,
        '"1,5"',
    ]
    for first in numbers:
        for second in numbers:
            alone = rows_of(f"1,2\n{first},{second}\n", encoding="csv")
            beside = rows_of(f"1,2,x\n{first},{second},x\n", encoding="csv")
            assert repr([[*row, "x"] for row in alone]) == repr(beside)
