"""Event times: every form that is read, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prediction_exporter.sources.times import NO_TIME, DateParser, epoch_microseconds

SECOND = 1_000_000


def parse(*texts: str | None, zone: str = "UTC", unit: str | None = None) -> list[int | None]:
    """Parse texts in one batch."""
    times = DateParser(zone, unit).parse(pl.Series(texts, dtype=pl.String))
    return [None if time == NO_TIME else int(time) for time in times]


def micros(*parts: int, tz: str | None = None) -> int:
    """Return the microseconds of a date."""
    when = datetime(*parts, tzinfo=UTC if tz is None else ZoneInfo(tz))  # type: ignore[arg-type,misc]  # of the parts of a date that each case has
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


NOON = micros(2026, 3, 1, 12)


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("2026-03-01T12:00:00Z", 0),
        ("2026-03-01t12:00:00z", 0),
        ("2026-03-01T12:00:00z", 0),
        ("2026-03-01 12:00:00Z", 0),
        ("2026-03-01T12:00:00+00:00", 0),
        ("2026-03-01T12:00:00-00:00", 0),
        ("2026-03-01T14:00:00+02:00", 0),
        ("2026-03-01T17:30:00+0530", 0),
        ("2026-03-01T04:00:00-08", 0),
        ("2026-03-01T12:00:00.5Z", 500_000),
        ("2026-03-01T12:00:00,5Z", 500_000),
        ("2026-03-01 12:00:00,123", 123_000),
        ("2026-03-01T12:00:00.123456Z", 123_456),
        ("2026-03-01T12:00:00.123456789Z", 123_456),
        ("2026-03-01T12:00:00.1234567890123+00:00", 123_456),
        ("2026-03-01T12:00:00", 0),
        ("2026-03-01 12:00:00.25", 250_000),
        ("  2026-03-01T12:00:00Z\t", 0),
        ("1772366400", 0),
        ("1772366400.5", 500_000),
        ("1772366400000", 0),
        ("1772366400000000", 0),
        ("1772366400000000000", 0),
        ("1.7723664e9", 0),
        (" 1772366400 ", 0),
        ("20260301120000", 0),
        ("202603011200", 0),
        ("20260301120000123", 123_000),
        ("20260301120000123456", 123_456),
        ("20260301T120000Z", 0),
        ("20260301t120000z", 0),
        ("20260301T1200Z", 0),
        ("20260301T130000.25+0100", 250_000),
        ("20260301 120000,5", 500_000),
        ("2026-03-01T12:00", 0),
        ("2026-03-01T12:00Z", 0),
        ("2026-03-01 13:00+01:00", 0),
        ("2026-03-01T13:00+01:00[Europe/Berlin]", 0),
        ("2026-03-01T12:00:00.5Z[UTC]", 500_000),
        ("2026-03-01 12:00:00 UTC", 0),
        ("2026-03-01T12:00:00.123GMT", 123_000),
        ("2026/03/01 12:00:00", 0),
        ("2026-03-01 14:00:00.123456789 +0200 CEST m=+0.000012", 123_456),
        ("2026-03-01 12:00:00 +0000 UTC", 0),
    ],
)
def test_forms(text: str, offset: int) -> None:
    """Dates of RFC 3339, of Python's logging, of Java, in digits alone, and epoch numbers in all units."""
    assert parse(text) == [NOON + offset]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "now", "2026-03-01", "2026-03-01T", "12:00:00", "20260301", "20261301120000", "20260301250000"),
        *(
            "20262301",
            "202603011260",
            "20260301T12",
            "20260301120000+1",
            "2026-03-01T12:00:00[UTC]",
            "x20260301120000",
        ),
        *(
            "2026-13-01T12:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-03-01T25:00:00Z",
            "2026-03-01T24:00:00Z",
            "2026-03-01T12:60:00Z",
        ),
        *("2026-03-01T12:00:61Z", "2026-03-01T12:00:00Zx", "x2026-03-01T12:00:00Z", "2026-03-01T12:00:00+25:00"),
        *("2026-03-01T12:00:00CET", "Sun, 01 Mar 2026 12:00:00 GMT", "01/03/2026 12:00:00", "true", "nan", "inf", "-Infinity"),
        *("1e400", "{}", "[1772366400]", "1772366400s", "0x69a42b80", "1_772_366_400"),
    ],
)
def test_refused(text: str) -> None:
    """What is no time on its own is none; a date alone is no date-time of RFC 3339."""
    assert parse(text) == [None]


def test_leap_second() -> None:
    """The second that some minutes have more is the first of the next minute."""
    assert parse("2016-12-31T23:59:60Z") == [micros(2017, 1, 1)]
    assert parse("2016-12-31T23:59:60.5Z") == [micros(2017, 1, 1) + 500_000]


def test_summer_time() -> None:
    """Of an hour that stands twice the first is taken; an hour that does not exist is refused; a zone in the text wins."""
    gap, overlap = "2026-03-29T02:30:00", "2026-10-25T02:30:00"
    assert parse(gap, zone="Europe/Berlin") == [None]
    assert parse(overlap, zone="Europe/Berlin") == [micros(2026, 10, 25, 0, 30)]
    assert parse(f"{gap}Z", zone="Europe/Berlin") == [micros(2026, 3, 29, 2, 30)]
    assert parse("2026-03-29T03:00:00", zone="Europe/Berlin") == [micros(2026, 3, 29, 1)]
    assert parse("2026-03-29 01:59:59,999", zone="Europe/Berlin") == [micros(2026, 3, 29, 1) - 1000]
    assert parse("2026-03-08T02:30:00", zone="America/New_York") == [None]


def test_mixed_forms_in_any_order() -> None:
    """The form that read the last text is only tried first: a parser's past changes no time."""
    texts = ["2026-03-01T12:00:00Z", "2026-03-01 13:00:00,5", None, "1772366400", "2026-03-01 12:00:00+01:00", "x", "-1"]
    alone = [parse(text, zone="Europe/Berlin")[0] for text in texts]
    parser = DateParser("Europe/Berlin", None)
    for turn in range(len(texts)):
        turned = texts[turn:] + texts[:turn]
        found = parser.parse(pl.Series(turned, dtype=pl.String)).tolist()
        assert [None if time == NO_TIME else time for time in found] == alone[turn:] + alone[:turn]


def test_empty_batch() -> None:
    """No texts, no times."""
    assert parse() == []
    assert parse(None, None) == [None, None]


@pytest.mark.parametrize(
    ("number", "microseconds"),
    [
        *((0.0, 0), (-1.0, -SECOND), (-1.5, -1_500_000), (1.0, SECOND), (99_999_999_999.0, 99_999_999_999 * SECOND)),
        *((1e11, 100_000_000 * SECOND), (1e14, 100_000_000 * SECOND), (1e17, 100_000_000 * SECOND), (5e-324, 0)),
        *((np.nan, None), (np.inf, None), (-np.inf, None), (1e308, None), (-1e308, None), (1e22, None)),
    ],
)
def test_magnitudes(number: float, microseconds: int | None) -> None:
    """A number's unit is told from its size; what no clock shows is refused."""
    [found] = epoch_microseconds(np.array([number]), None)
    assert (None if found == NO_TIME else found) == microseconds


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (202603011200, "2026-03-01T12:00:00Z"),
        (20260301120000, "2026-03-01T12:00:00Z"),
        (20260301125959, "2026-03-01T12:59:59Z"),
        (20260301, None),  # no time of day, and no second of the year 1970
        (20261301120000, None),  # no month, and no millisecond of the year 2612
        (29991231235959, None),
        (9999999999999, "2286-11-20T17:46:39.999Z"),
    ],
)
def test_dates_in_digits_are_no_epoch(number: int, text: str | None) -> None:
    """A number that reads as a date is one, in the zone of those that carry none; a configured unit is obeyed."""
    [found] = DateParser("UTC", None).numbers(np.array([float(number)]))
    assert [None if found == NO_TIME else found] == ([None] if text is None else parse(text))
    assert parse(str(number)) == ([None] if text is None else parse(text))
    [found] = DateParser("UTC", "us").numbers(np.array([float(number)]))
    assert found == number
    [local] = DateParser("Asia/Tokyo", None).numbers(np.array([20260301210000.0]))
    assert local == NOON


def test_dates_of_more_digits_than_a_double_has() -> None:
    """Milliseconds and microseconds that stand in a number are read as far as it holds them."""
    times = DateParser("UTC", None).numbers(np.array([20260301120000123.0, 20260301115959999.0, 20260301120000500000.0]))
    assert np.abs(times - np.array([NOON + 123_000, NOON - 1000, NOON + 500_000])).max() <= 5000


@pytest.mark.parametrize(("unit", "factor"), [("s", 1e6), ("ms", 1e3), ("us", 1.0), ("ns", 1e-3)])
def test_configured_units(unit: str, factor: float) -> None:
    """A configured unit holds for every number, in text too."""
    assert epoch_microseconds(np.array([1e6, 0.0, -1e6]), unit).tolist() == [int(1e6 * factor), 0, int(-1e6 * factor)]
    assert parse("1000000", "2026-03-01T12:00:00Z", unit=unit) == [int(1e6 * factor), NOON]
    assert epoch_microseconds(np.array([1e308, np.nan]), unit).tolist() == [NO_TIME, NO_TIME]


@settings(deadline=None)
@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001 - the zone is drawn
def test_dates_with_an_offset(naive: datetime, minutes: int) -> None:
    """Any date with an offset is read to the microsecond."""
    when = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    exact = (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse(when.isoformat(), when.isoformat(" ")) == [exact, exact]


@settings(deadline=None)
@given(st.datetimes(datetime(1980, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["Europe/Berlin", "America/New_York", "UTC"]))  # noqa: DTZ001 - the zone is the other argument
def test_dates_without_one(naive: datetime, zone: str) -> None:
    """Any date without zone is read in the configured one, or refused where it does not exist there."""
    local = naive.replace(tzinfo=ZoneInfo(zone), fold=0)
    exists = local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive
    exact = (local - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert parse(naive.isoformat(), zone=zone) == [exact if exists else None]


@st.composite
def dates_of_one_form(draw: st.DrawFn) -> list[str]:
    """Draw dates that are written alike, some of which name no time, and perhaps with an odd character in one of them."""
    mark, digits, zone = draw(st.sampled_from("T ")), draw(st.integers(0, 10)), draw(st.sampled_from(["Z", "+05:30", "-08:00"]))
    parts = [(0, 9999), (0, 13), (0, 32), (0, 24), (0, 60), (0, 60)]
    usual = [(1970, 2030), (1, 12), (1, 28), (0, 23), (0, 59), (0, 59)]
    texts = []
    for bounds in draw(st.lists(st.sampled_from([usual, usual, parts]), min_size=1, max_size=4)):
        year, month, day, *clock = (draw(st.integers(*bound)) for bound in bounds)
        fraction = "." + draw(st.text("0123456789", min_size=digits, max_size=digits)) if digits else ""
        texts.append(f"{year:04}-{month:02}-{day:02}{mark}{':'.join(f'{part:02}' for part in clock)}{fraction}{zone}")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(texts[-1]) - 1))
        texts[-1] = texts[-1][:place] + draw(st.sampled_from("0123456789-:.TZ+ \n\u0663x")) + texts[-1][place + 1 :]
    return texts


@settings(deadline=None)
@given(dates_of_one_form())
def test_dates_written_alike_are_read_as_beside_others(texts: list[str]) -> None:
    """What is read of dates does not depend on whether all of a batch are written in one form."""
    assert parse(*texts) == parse(*texts, "1772366400")[:-1]


@pytest.mark.parametrize("zone", ["Z", "+00:00", "-00:00"])
def test_dates_of_many_days_written_alike(zone: str) -> None:
    """Days in any order, leap days and the ends of years among them, are read to the microsecond."""
    days = [datetime(1899, 12, 31), datetime(2024, 2, 29), datetime(2024, 3, 1), datetime(2023, 12, 31), datetime(2024, 1, 1)]  # noqa: DTZ001 - all are of UTC
    whens = [day.replace(tzinfo=UTC) + timedelta(seconds=part, microseconds=part * 7) for part in range(600) for day in days]
    texts = [f"{when:%Y-%m-%dT%H:%M:%S.%f}{zone}" for when in whens]
    assert parse(*texts) == [(when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for when in whens]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="0123456789-:TZtz+., Ee", max_size=30), max_size=5))
def test_any_text_is_a_time_or_none(texts: list[str]) -> None:
    """No text breaks the parser, and its neighbours do not change what it is."""
    assert parse(*texts) == [parse(text)[0] for text in texts]
