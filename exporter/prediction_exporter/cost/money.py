"""Money: decimal amounts that are added without rounding, and figures of a bill as whatever wrote it has them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

#: Amounts have at most 15 digits before the point and 40 behind it: sums of any number of them have room here, and a sum that
#: had not would be an error and no rounded figure.
EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])

#: For products and quotients, which need not end: far below what a cent is of any amount.
FINE = Context(prec=60, traps=[InvalidOperation, Overflow])

MOST, DECIMALS = Decimal(10) ** 15, 40


def amount_of(value: object) -> Decimal | None:
    """Return an amount, or None where it is none: no number, no finite one, or larger than any bill.

    A float stands for the shortest digits that give it, which are those that were written.

    >>> amount_of(0.1), amount_of("-12.50"), amount_of(float("nan")), amount_of("1,000.00"), amount_of(None)
    (Decimal('0.1'), Decimal('-12.50'), None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        amount = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= MOST:
        return None
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMALS:
        return amount.quantize(Decimal(1).scaleb(-DECIMALS), context=FINE)
    return amount


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return an exact sum.

    >>> total([Decimal("0.1")] * 10 + [Decimal("-1")])
    Decimal('0.0')
    """
    found = Decimal(0)
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found


def is_currency(code: object) -> bool:
    """Return whether a text has the form of a currency's code; a bill may be older than the list of those in use."""
    return isinstance(code, str) and len(code) == 3 and code.isascii() and code.isalpha() and code.isupper()  # noqa: PLR2004 - ISO 4217
