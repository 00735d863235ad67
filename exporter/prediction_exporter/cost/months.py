"""Calendar months and days in UTC, which bills and budgets go by, and the projection to a month's end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from prediction_exporter.cost.money import EXACT, FINE, total

DAY = 86_400

#: Days of which the mean is taken, and what that is called where a projection states its method.
MEAN_DAYS = 7
METHOD = f"mean_of_{MEAN_DAYS}_days"


def month_of(time: float) -> str:
    """Return the month that a Unix time lies in.

    >>> month_of(0), month_of(1_700_000_000)
    ('1970-01', '2023-11')
    """
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m")


def span_of(month: str) -> tuple[int, int]:
    """Return the Unix times at which a month begins and ends.

    >>> begin, end = span_of("2024-02")
    >>> (end - begin) // DAY
    29
    """
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)  # noqa: PLR2004 - December
    return tuple(int(datetime(*first, 1, tzinfo=UTC).timestamp()) for first in ((year, number), following))  # type: ignore[return-value]  # two of them


def projected(
    spent: Decimal, daily: Mapping[int, Decimal], *, known: tuple[float, float], month: tuple[int, int]
) -> Decimal | None:
    """Return what a month will have cost at its end: what is spent, and for the rest the mean of the last days that are known.

    Args:
        spent: what the month has cost until the end of ``known``.
        daily: what goes on being spent, by day since 1970; a day that is known and not here cost nothing.
        known: Unix times between which it is known what was spent.
        month: Unix times of the month's begin and end.

    Returns:
        To the cent beyond what is spent; None where too little is known for a mean.

    >>> days = {day: Decimal(10) for day in range(7)}
    >>> projected(Decimal(70), days, known=(0, 7 * DAY), month=(0, 31 * DAY))
    Decimal('310.00')
    """
    until = known[1]
    since = max(known[0], (int(until - 1) // DAY - MEAN_DAYS + 1) * DAY)
    if until <= since:
        return None
    recent = total(amount for day, amount in daily.items() if int(since) // DAY <= day <= int(until - 1) // DAY)
    begin, end = month
    left = Decimal(repr(max(end - max(until, begin), 0.0))) / Decimal(repr(until - since))
    return EXACT.add(spent, FINE.multiply(recent, left).quantize(Decimal("0.01"), context=FINE))
