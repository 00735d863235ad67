"""Numbers, times and reasons as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

#: Between a number and its unit.
NARROW = "\u202f"
NOTHING = "–"  # noqa: RUF001 - an en dash is what stands in an empty cell

#: Longest category that is shown whole; the categories of a log are as long as its writers like.
LONGEST_TEXT = 60

_FIRST_STRONG, _POP = "\u2068", "\u2069"

_AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_BYTES = ("bytes", "KiB", "MiB", "GiB", "TiB")
_KIBI = 1024
_HUNDREDTH = Decimal("0.01")

#: Statuses of the page alone: of a column that a statistic does not apply to.
PRESENCE_ALONE, NOT_COMPARED = "presence_alone", "not_compared"

_REASONS = {
    PRESENCE_ALONE: "watched for presence alone",
    "error": "failed, see the log",
    "overflow": "too large to compute",
    "no_predictions": "no predictions",
    "no_baseline_values": "no values in the baseline",
    "no_values": "no values",
    "derived": "of its column",
    "single_bin": "only one value",
    "off_scale": "scores are on another scale than the baseline's",
    "mostly_unscored": "nearly all scores are missing, or on another scale than the baseline's",
}
_TOO_FEW = {
    "too_few_predictions": "prediction",
    "too_few_values": "value",
    "too_few_baseline_values": "baseline value",
    "too_few_labels": "label",
}


def isolated(text: str) -> str:
    """Return text from outside, shortened, for a title, where no element keeps its writing direction inside."""
    short = text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
    return f"{_FIRST_STRONG}{short}{_POP}"


def count(number: int) -> str:
    """Return a count.

    >>> count(12345)
    '12,345'
    """
    return f"{number:,}"


def counted(number: int, noun: str, several: str | None = None) -> str:
    """Return a count and what is counted.

    >>> counted(1, "column"), counted(2000, "column"), counted(2, "process", "processes")
    ('1 column', '2,000 columns', '2 processes')
    """
    return f"{count(number)} {noun if number == 1 else several or f'{noun}s'}"


def money(amount: Decimal, currency: str) -> str:
    """Return an amount to the hundredth; one that is not quite nothing does not look as if it were.

    >>> [money(Decimal(amount), "USD").replace(NARROW, " ") for amount in ("0", "0.004", "1234.5", "-3.456")]
    ['0.00 USD', '< 0.01 USD', '1,234.50 USD', '-3.46 USD']
    """
    if 0 < amount < _HUNDREDTH / 2:
        return f"<{NARROW}0.01{NARROW}{currency}"
    return f"{amount:,.2f}{NARROW}{currency}"


def percent(ratio: float) -> str:
    """Return a share; one that is not quite 0 or 1 does not look as if it were.

    >>> [percent(ratio).replace(NARROW, " ") for ratio in (0, 0.0001, 0.0321, 0.5, 0.9999, 1)]
    ['0 %', '< 0.1 %', '3.2 %', '50 %', '> 99.9 %', '100 %']
    """
    hundredths = ratio * 100
    if 0 < hundredths < 0.05:  # noqa: PLR2004 - would be rounded to 0.0
        return f"<{NARROW}0.1{NARROW}%"
    if 99.95 <= hundredths < 100:  # noqa: PLR2004 - would be rounded to 100.0
        return f">{NARROW}99.9{NARROW}%"
    return f"{hundredths:.1f}".removesuffix(".0") + f"{NARROW}%"


def number(value: float) -> str:
    """Return a number with three digits that count.

    >>> [number(value) for value in (0.0, 0.03149, 1.5, 1234.5, 0.00002, 3e12, float("inf"))]
    ['0', '0.0315', '1.5', '1,234', '2e-05', '3e+12', '∞']
    """
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if 1000 <= size < 1e9:  # noqa: PLR2004 - whole numbers that are still read at a glance
        return f"{value:,.0f}"
    return f"{value:.3g}"


def distance(value: float) -> str:
    """Return a distance, whose third decimal is noise already.

    >>> [distance(value).replace(NARROW, " ") for value in (0.0, 0.0002, 0.0309, 0.2, 1.042, 123.4)]
    ['0', '< 0.001', '0.031', '0.2', '1.04', '123']
    """
    if 0 < value < 0.0005:  # noqa: PLR2004 - would be rounded to 0.000
        return f"<{NARROW}0.001"
    return number(round(value, 3))


def duration(seconds: float) -> str:
    """Return how long something took.

    >>> [duration(seconds).replace(NARROW, " ") for seconds in (0.0004, 0.0123, 1.25, 200)]
    ['0.4 ms', '12 ms', '1.2 s', '200 s']
    """
    if seconds < 1:
        return f"{seconds * 1000:.{1 if seconds < 0.001 else 0}f}{NARROW}ms"  # noqa: PLR2004 - below a millisecond
    return f"{seconds:.{1 if seconds < 10 else 0}f}{NARROW}s"  # noqa: PLR2004 - tenths matter below ten


def size(of_bytes: int) -> str:
    """Return a number of bytes.

    >>> [size(of_bytes).replace(NARROW, " ") for of_bytes in (0, 900, 1536, 5 << 20)]
    ['0 bytes', '900 bytes', '1.5 KiB', '5 MiB']
    """
    value, unit = float(of_bytes), 0
    while value >= _KIBI and unit < len(_BYTES) - 1:
        value, unit = value / _KIBI, unit + 1
    return f"{value:.1f}".removesuffix(".0") + f"{NARROW}{_BYTES[unit]}"


def age(seconds: float) -> str:
    """Return a length of time in its two largest units.

    >>> [age(seconds).replace(NARROW, " ") for seconds in (0.2, 42, 250, 7320, 200000)]
    ['0 s', '42 s', '4 min 10 s', '2 h 2 min', '2 d 7 h']
    """
    whole = int(seconds)
    parts = []
    for length, unit in _AGES:
        if whole >= length:
            parts.append(f"{whole // length}{NARROW}{unit}")
            whole %= length
        elif parts:
            break
    return " ".join(parts[:2]) or f"0{NARROW}s"


def ago(then: float, now: float) -> str:
    """Return how long ago something was.

    >>> [ago(1000 - age, 1000).replace(NARROW, " ") for age in (0.2, 12, 250, 7300, 200000, -120)]
    ['just now', '12 s ago', '4 min ago', '2 h ago', '2 d ago', 'in 2 min']
    """
    age = abs(now - then)
    if age < 1:
        return "just now"
    seconds, unit = next(entry for entry in _AGES if age >= entry[0])
    text = f"{age // seconds:.0f}{NARROW}{unit}"
    return f"{text} ago" if then <= now else f"in {text}"


def date(then: float) -> str | None:
    """Return a time in full, None where no calendar has it.

    >>> date(0), date(1e30)
    ('1970-01-01T00:00:00Z', None)
    """
    try:
        return datetime.fromtimestamp(then, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return None


def reason(status: str, *, fewest: int) -> str:
    """Return why a value is absent, from its status.

    >>> reason("too_few_predictions", fewest=30), reason("imprecise_or_worse", fewest=30)
    ('fewer than 30 predictions', 'imprecise or worse')
    """
    if status in _TOO_FEW:
        return f"fewer than {counted(fewest, _TOO_FEW[status])}"
    return _REASONS.get(status, status.replace("_", " "))
