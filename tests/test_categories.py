"""Categories are told apart by what they mean, and the encoder is a dictionary over that."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prediction_exporter.counting import categories
from prediction_exporter.counting.categories import CategoryEncoder, canonical, is_container

SPELLINGS = {
    "1": ["1", "1.0", "1.00", "1e0", "10e-1", "1E0"],
    "0": ["0", "-0", "0.0", "-0.0", "0e5"],
    "-1.5": ["-1.5", "-1.50", "-15e-1"],
    "100000": ["100000", "1e5", "100000.0"],
    "true": ["true", "True", "TRUE"],
    "false": ["false", "False", "FALSE"],
}
THEMSELVES = ["", " ", "007", "+1", "1.", ".5", "1e", "1 ", "NaN", "Infinity", "1e999", "tRUE", "null", "a\nb", "1\n", "🙂"]
OTHER_DIGITS = ["\N{ARABIC-INDIC DIGIT ONE}", "\N{FULLWIDTH DIGIT ONE}"]

texts = st.one_of(
    st.text(max_size=6),
    st.sampled_from([spelling for spellings in SPELLINGS.values() for spelling in spellings]),
    st.integers(-3, 3).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["{}", "[1]", '{"a": 1}', "{", "[x", "NaN", "nan", "None", "<NA>", "NaT", "Infinity", "-Infinity"]),
)


@pytest.mark.parametrize(("meaning", "spellings"), SPELLINGS.items())
def test_spellings_of_one_meaning(meaning: str, spellings: list[str]) -> None:
    """Numbers and booleans as loggers, CSV files and databases write them."""
    assert {canonical(spelling) for spelling in spellings} == {meaning}


@pytest.mark.parametrize("text", THEMSELVES + OTHER_DIGITS)
def test_texts_that_stay_as_they_are(text: str) -> None:
    """What only looks like a number may be a code, and means itself."""
    assert canonical(text) == text


@given(texts)
def test_the_canonical_spelling_is_its_own(text: str) -> None:
    """Applying it twice changes nothing."""
    assert canonical(canonical(text)) == canonical(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_equal_numbers_have_one_spelling(number: float) -> None:
    """Python's and JSON's texts of a number agree, with its exponent in either case, and no number is changed."""
    text = canonical(repr(number))
    assert canonical(json.dumps(number)) == canonical(repr(number).replace("e", "E")) == text
    assert float(text) == number


@given(st.integers())
def test_whole_numbers_keep_all_their_digits(number: int) -> None:
    """They may be keys beyond what a float holds."""
    assert canonical(str(number)) == str(number)


def expected(table: list[str], value: str | None) -> int:
    """Encode one: its index in the table, or that of what is no category of it."""
    encoder = CategoryEncoder(table)
    if value is None:
        return encoder.other
    if value in table:
        return table.index(value)
    if is_container(value):
        return encoder.invalid
    if value in {"Infinity", "-Infinity"}:
        return encoder.non_finite
    meaning = canonical(value)
    if meaning in table:
        return table.index(meaning)
    return encoder.nan if value in {"NaN", "nan", "<NA>", "NaT"} else encoder.other


@given(st.lists(texts, max_size=8), st.lists(st.lists(st.none() | texts, max_size=30), max_size=4))
@example([], [["NaN", "Infinity", "-Infinity", "nan", None]])
@example(["NaN", "nan"], [["nan", "NaN", "None"]])
def test_the_encoder_is_a_dictionary(table: list[str], batches: list[list[str | None]]) -> None:
    """Whatever it learnt from former batches, it answers as it would have at first."""
    known = list(dict.fromkeys(map(canonical, table)))
    encoder = CategoryEncoder(known)
    for values in batches:
        codes = encoder.encode(pl.Series(values, dtype=pl.String))
        assert codes.dtype == np.int32
        assert codes.tolist() == [expected(known, value) for value in values]


def test_spellings_are_learnt_up_to_a_bound_and_counted_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A producer that writes a number in ever new ways costs time, not memory, and none of its rows."""
    monkeypatch.setattr(categories, "MAX_SPELLINGS", 10)
    encoder = CategoryEncoder(["1", "x"])
    for batch in range(5):
        values = ["1." + "0" * (1 + batch * 4 + index) for index in range(4)] + ["x", "y", None]
        assert encoder.encode(pl.Series(values, dtype=pl.String)).tolist() == [0] * 4 + [1, 2, 2]
    assert len(encoder._spellings) <= 2 + 10


def test_containers_are_never_learnt() -> None:
    """Each may be another one."""
    encoder = CategoryEncoder(["1"])
    assert encoder.encode(pl.Series(["[1]", "1.0", "{}"])).tolist() == [encoder.invalid, 0, encoder.invalid]
    assert set(encoder._spellings) == {"1", "1.0"}


def test_an_empty_table_knows_nothing() -> None:
    """Everything is other, and nothing is an error."""
    encoder = CategoryEncoder([])
    assert encoder.encode(pl.Series(["a", None, ""], dtype=pl.String)).tolist() == [0, 0, 0]
    assert encoder.encode(pl.Series([], dtype=pl.String)).tolist() == []
