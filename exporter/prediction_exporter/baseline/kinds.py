"""Kinds: what a column of the data is, by its values: numbers, categories, a key, dates, text.

The order of rows and, but for keys, the name say nothing: the same column sorted, shuffled or renamed is the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from prediction_exporter.counting.categories import BOOLEANS, canonical
from prediction_exporter.counting.held import Held
from prediction_exporter.counting.layout import Kind, Role

#: A numeric column with at most so many distinct values is counted as categories, unless more of these than this share, or of
#: all its rows, came once.
MAX_DISCRETE = 10
MOST_SINGLE_VALUES, MOST_SINGLE_ROWS = 1 / 2, 1 / 3

#: Most categories in a table; the rest of a column's values are counted together.
MAX_CATEGORIES = 50

#: A text column whose table would hold less than this share of its values names things rather than sorts them.
LEAST_TABLE_SHARE = 0.5

#: Share of texts that must be of a form for the column to be: numbers, dates, lists.
FORM_SHARE = 0.99

#: Different whole numbers of which so many pairs should be equal, were they drawn from their range, are keys of a list.
EXPECTED_PAIRS = 5

#: Words and characters of a text, on average, from which on it is prose.
PROSE_WORDS, PROSE_LENGTH = 3.0, 40.0

#: Seconds since 1970 that times of the years 2000 to 2039 have, and how many of them other units have.
EPOCH = (946_684_800, 2_208_988_800)
EPOCH_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}

#: Numbers that are dates without dashes, as 20260504.
DATE_NUMBERS = (19_000_101, 21_001_231)

#: Why a column is left out, or watched for presence alone, where a setting may say otherwise.
IGNORED = "ignored, as configured"
IDENTIFIER = "identifier-like"

# What pandas calls the index of a frame that is written with it: in Parquet, in CSV that was written twice, and in CSV.
_FRAME_INDEX = re.compile(r"__index_level_[0-9]+__|Unnamed: [0-9]+|")
#: Words that call a column of whole numbers a key.
_KEY_WORDS = frozenset({"id", "ids", "uuid", "guid", "key", "hash", "pk"})
#: Words that do where each number comes once.
_NUMBER_WORDS = frozenset({"no", "nr", "num", "number", "serial", "seq", "sequence", "index", "idx", "ref", "reference"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[ap]m)?"
_TIME_OF_DAY = rf"(?i)^\s*{_CLOCK}\s*$"
_DATE = (
    r"(?i)^\s*(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2})"
    r"|(?:19|20)[0-9]{2}(?:[-/](?:0[1-9]|1[0-2])|-?Q[1-4]|-?W[0-5][0-9])"  # a month, a quarter, a week
    rf"|[0-9]{{1,2}}[-. ]+{_MONTH}[-, ]+[0-9]{{2,4}}|{_MONTH} +[0-9]{{1,2}},? +[0-9]{{4}})"
    rf"(?:[T ]+{_CLOCK})?\s*(?:Z|UTC|GMT|[+-][0-9]{{2}}:?[0-9]{{2}})?\s*$"
)

#: A list or an object as JSON, Python or NumPy write it; no interval such as [0-10].
_LISTED = r"(?s)^\s*(?:\[(?:['\"\[{].*|\s*-?[0-9]+(?:\.[0-9]*)?(?:[\s,eE].*)?)?\]|\{(?:['\"].*)?\})\s*$"

#: Spellings that a program gives no number: leading zeros, an exponent without sign or point, a zero at the end of some only.
_PADDED = r"^-?0[0-9]"
_BARE_EXPONENT = r"^-?[0-9]+[eE][0-9]+$"
_TRAILING_ZERO = r"^-?[0-9]+\.(?:[0-9]*[1-9]0+|0[0]+)$"
_WHOLE = r"^[0-9]{3,}$"
_WHOLE_NUMBER = r"^-?[0-9]+$"


class LeftOutError(Exception):
    """A column is no use to watch; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a column is.

    Attributes:
        kind: how it is counted.
        held: what its values are.
        why: of a column that is watched for presence alone, the reason.
        meaning: what it is then, where numbers can be made of it: ``text``, ``date``, ``vector`` or ``list``.
    """

    kind: Kind
    held: Held
    why: str = ""
    meaning: str = ""


def recognise(name: str, role: Role, values: pl.Series, numbers: pl.Series | None, held: Held) -> Found:
    """Return what a column is.

    Args:
        name: its name.
        role: what it is to the model.
        values: its values, at least one of which is there.
        numbers: the same as numbers, where they are.
        held: what the values are, see :func:`held_in`.

    Raises:
        LeftOutError: it is no use.
    """
    if role is Role.FEATURE and _FRAME_INDEX.fullmatch(name):
        raise LeftOutError(f"{IDENTIFIER}: the index of a data frame")
    if numbers is not None:
        return _of_numbers(name, role, values, numbers, held)
    if held is Held.BOOLEAN:
        return Found(kind=Kind.CATEGORICAL, held=held)
    if values.dtype.is_temporal():
        return Found(kind=Kind.PRESENCE, held=Held.ANY, why=f"of type {values.dtype}", meaning="date")
    if held is Held.CONTAINER:
        return Found(kind=Kind.PRESENCE, held=held, why="lists or objects", meaning="vector")
    return _of_texts(role, values.drop_nulls().cast(pl.String), held)


def held_in(values: pl.Series, written: Held | None) -> Held:  # noqa: PLR0911 - one for each type
    """Return what the values of a column are.

    Args:
        values: the column.
        written: what its file says they are, where their type does not: CSV says nothing, and its words are looked at.
    """
    dtype = values.dtype
    if dtype == pl.Boolean:
        return Held.BOOLEAN
    if dtype.is_numeric():
        return Held.NUMBER
    if dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    elif dtype.is_temporal():
        return Held.ANY
    elif dtype != pl.String:
        return Held.CONTAINER
    texts = values.drop_nulls()
    distinct = texts.unique()
    if len(distinct) <= 2 * len(BOOLEANS) and set(map(canonical, distinct.to_list())) <= BOOLEANS:
        return Held.BOOLEAN
    if written is Held.CONTAINER or _share(texts, _LISTED) >= FORM_SHARE:
        return Held.CONTAINER
    if written is Held.NUMBER:
        return written
    return Held.NUMBER if _numbers_of(texts, is_text=written is Held.TEXT) is not None and written is None else Held.TEXT


def numbers_of(values: pl.Series, held: Held, written: Held | None) -> pl.Series | None:
    """Return a column as Float64 where its values are numbers, or nearly all of its texts spell some."""
    if values.dtype.is_numeric():
        return values.cast(pl.Float64)
    if values.dtype != pl.String or held in (Held.BOOLEAN, Held.CONTAINER):
        return None
    if held is Held.NUMBER:
        return values.cast(pl.Float64, strict=False)
    return _numbers_of(values, is_text=written is Held.TEXT)


def _numbers_of(texts: pl.Series, *, is_text: bool) -> pl.Series | None:
    numbers = texts.cast(pl.Float64, strict=False)
    found, present = len(numbers) - numbers.null_count(), len(texts) - texts.null_count()
    if found < FORM_SHARE * present:
        return None
    present_texts = texts.drop_nulls()
    # 01234 is not 1234, and 12e3 or 1.10 may be codes beside 12000 and 1.1.
    if any(present_texts.str.contains(form).any() for form in (_PADDED, _BARE_EXPONENT)):
        return None
    if present_texts.str.contains(_TRAILING_ZERO).any():
        decimals = present_texts.str.extract(r"\.([0-9]*)$").str.len_chars().fill_null(0)
        if decimals.n_unique() > 1:
            return None
    if is_text and (numbers.n_unique() <= MAX_DISCRETE or _is_code(present_texts) or _are_codes(present_texts)):
        return None
    return numbers


def _is_code(texts: pl.Series) -> bool:
    """Return whether texts are whole numbers of one length, as postcodes are."""
    return bool(texts.str.contains(_WHOLE).all()) and texts.str.len_chars().n_unique() == 1


def _are_codes(texts: pl.Series) -> bool:
    """Return whether texts are whole numbers of which a table of categories would hold what comes."""
    counts = texts.value_counts(sort=True)["count"].to_list()
    return len(counts) <= MAX_CATEGORIES and bool(texts.str.contains(_WHOLE_NUMBER).all()) and not is_rare(counts)


def _share(texts: pl.Series, form: str) -> float:
    return float(texts.str.contains(form).sum()) / max(len(texts), 1)


# Numbers


def _of_numbers(name: str, role: Role, values: pl.Series, numbers: pl.Series, held: Held) -> Found:
    finite = numbers.filter(numbers.is_finite())
    if not len(finite):
        raise LeftOutError("empty: no finite value")
    if role is Role.FEATURE and len(finite) > MAX_DISCRETE:
        why = _no_amount(name, values, finite)
        if why is not None:
            meaning = "date" if why.startswith(("times", "dates")) else ""
            return Found(kind=Kind.PRESENCE, held=Held.NUMBER, why=why, meaning=meaning)
    counts = finite.value_counts()["count"]
    # What came once tells how much would be new in another sample: of a few values of many, nearly all.
    single = int((counts == 1).sum())
    discrete = len(counts) <= MAX_DISCRETE and single <= min(MOST_SINGLE_VALUES * len(counts), MOST_SINGLE_ROWS * len(finite))
    # One value is a constant, however seldom it came.
    return Found(kind=Kind.CATEGORICAL if discrete or len(counts) == 1 else Kind.NUMERIC, held=held)


def _no_amount(  # noqa: PLR0911 - one for each kind
    name: str, values: pl.Series, finite: pl.Series
) -> str | None:
    """Return what numbers are that are no amounts: times, dates, keys."""
    low, high = float(finite.min()), float(finite.max())  # type: ignore[arg-type]  # of numbers they are numbers
    for unit, per_second in EPOCH_UNITS.items():
        if EPOCH[0] * per_second <= low < high < EPOCH[1] * per_second:
            return f"times: {unit} since 1970"
    if not (finite == finite.floor()).all():
        return None
    if DATE_NUMBERS[0] <= low and high <= DATE_NUMBERS[1] and _are_dates(finite):
        return "dates: numbers of year, month and day"
    # Of the values themselves: beyond 2^53 different whole numbers are the same as floats.
    distinct = values.drop_nulls().n_unique()
    if distinct == len(finite):
        steps = np.diff(np.sort(finite.to_numpy()))
        if len(finite) ** 2 / 2 / (high - low + 1) >= EXPECTED_PAIRS or bool((steps == steps[0]).all()):
            return f"{IDENTIFIER}: whole numbers, each once, that fill their range"
        if _last_word(name) in _KEY_WORDS | _NUMBER_WORDS:
            return f"{IDENTIFIER}: whole numbers, each once"
    if _last_word(name) in _KEY_WORDS and distinct > MAX_CATEGORIES:
        return f"{IDENTIFIER}: whole numbers, by its name"
    return None


def _are_dates(finite: pl.Series) -> bool:
    texts = finite.cast(pl.Int64).cast(pl.String)
    return texts.n_unique() > MAX_DISCRETE and not texts.str.to_date("%Y%m%d", strict=False).null_count()


def _last_word(name: str) -> str:
    """Return the last word of a name, in lower case: that of customer_id and userId calls a key, that of paid does not.

    >>> [_last_word(name) for name in ("customer_id", "userID", "id", "amount_paid", "highest_bid", "x")]
    ['id', 'id', 'id', 'paid', 'bid', 'x']
    """
    words = _WORD.findall(name)
    return words[-1].lower() if words else ""


# Texts


def _of_texts(role: Role, texts: pl.Series, held: Held) -> Found:
    counts = texts.value_counts(sort=True)["count"]
    held = held if held is not Held.NUMBER else Held.TEXT
    rare = is_rare(counts.to_list())
    if role is Role.FEATURE:
        if _share(texts, _DATE) >= FORM_SHARE:
            return Found(kind=Kind.PRESENCE, held=held, why="dates", meaning="date")
        if len(counts) > MAX_CATEGORIES and _share(texts, _TIME_OF_DAY) >= FORM_SHARE:
            return Found(kind=Kind.PRESENCE, held=held, why="times of day")
    if not rare:
        return Found(kind=Kind.CATEGORICAL, held=held)
    words = float(texts.str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]  # of numbers it is one
    length = float(texts.str.len_chars().mean() or 0.0)  # type: ignore[arg-type]  # as well
    if words >= PROSE_WORDS or (length >= PROSE_LENGTH and words > 1.5):  # noqa: PLR2004 - more than single words
        return Found(kind=Kind.PRESENCE, held=held, why="free text", meaning="text")
    why = f"{IDENTIFIER}: {rarity(counts.to_list())}"
    return Found(kind=Kind.PRESENCE, held=held, why=why, meaning="" if _is_numbered(texts) else "text")


def _is_numbered(texts: pl.Series) -> bool:
    """Return whether texts end in numbers of different lengths, which grow as time goes on."""
    return _share(texts, r"[0-9]\s*$") >= FORM_SHARE and texts.str.len_chars().n_unique() > 1


def is_rare(counts: Sequence[int]) -> bool:
    """Return whether a table of the most frequent texts would hold too little of another sample of them.

    What came once is about as frequent as what another sample has and this has not: a table may hold all of a few texts, and
    little of what comes next.

    >>> is_rare([1] * 31), is_rare([9] * 31), is_rare([2] * 120), is_rare([1] * 5)
    (True, False, True, False)
    """
    held = min(sum(counts[:MAX_CATEGORIES]), sum(counts) - counts.count(1))
    return len(counts) > MAX_DISCRETE and held < LEAST_TABLE_SHARE * sum(counts)


def rarity(counts: Sequence[int]) -> str:
    """Return how rare texts are, in words.

    >>> rarity([1] * 31), rarity([4, 2, 1, 1])
    ('31 distinct values, each once', '4 distinct values, 2 of them once')
    """
    single = counts.count(1)
    told = ", each once" if single == len(counts) else f", {single} of them once" if len(counts) <= MAX_CATEGORIES else ""
    cut = f", the {MAX_CATEGORIES} most frequent are rare" if len(counts) > MAX_CATEGORIES else ""
    return f"{len(counts)} distinct values{told}{cut}"
