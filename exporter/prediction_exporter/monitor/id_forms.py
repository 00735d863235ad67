"""Forms of ids: whether those of labels are written so that they can be those of predictions.

A label comes weeks after its prediction, so that two samples seldom have an id in common. What they always have is a form:
``00000012`` beside ``12``, or a UUID with hyphens beside one without, will never be joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: Ids on either side from which on forms are compared, and from which on leading zeros are.
_ENOUGH, _ENOUGH_ZEROS = 20, 50

#: The share of predictions whose id an earlier one had from which on it is told: less than that are retries.
OFTEN_AGAIN = 0.1


class _Form(NamedTuple):
    """What an id is written with: its characters that are no letters and no digits, and cases of letters."""

    others: frozenset[str]
    upper: bool
    lower: bool


def unlike(predicted: Sequence[str], labelled: Sequence[str]) -> str | None:
    """Return how ids of labels are written otherwise than those of predictions, in words; None where they may be the same.

    >>> unlike([f"ab-{n:03}" for n in range(50)], [f"AB-{n:03}" for n in range(50)])
    "ids of labels are such as 'AB-000', those of predictions such as 'ab-000'"
    >>> unlike([f"{n:05}" for n in range(50)], [str(n) for n in range(50)])
    "ids of labels are such as '0', those of predictions such as '00000'"
    >>> unlike([f"web-{n}" for n in range(50)] + ["app_1"], [f"app_{n}" for n in range(50)])
    """
    fewest = min(len(predicted), len(labelled))
    if fewest < _ENOUGH or not set(predicted).isdisjoint(labelled):
        return None
    zeros = fewest >= _ENOUGH_ZEROS and any(map(_is_padded, predicted)) != any(map(_is_padded, labelled))
    if not zeros and _plausible({_form(one) for one in predicted}, {_form(one) for one in labelled}):
        return None
    return f"ids of labels are such as {labelled[0]!r}, those of predictions such as {predicted[0]!r}"


def _form(text: str) -> _Form:
    return _Form(frozenset(c for c in text if not c.isalnum()), text != text.lower(), text != text.upper())


def _plausible(predicted: set[_Form], labelled: set[_Form]) -> bool:
    """Whether some label's id could be a prediction's: letters of a case are in ids by chance, other characters are not."""
    cases: dict[frozenset[str], tuple[bool, bool]] = {}
    for form in predicted:
        upper, lower = cases.get(form.others, (False, False))
        cases[form.others] = (upper or form.upper, lower or form.lower)
    known = ((form, cases[form.others]) for form in labelled if form.others in cases)
    return any(form.upper <= upper and form.lower <= lower for form, (upper, lower) in known)


def _is_padded(text: str) -> bool:
    return len(text) > 1 and text.isdigit() and text.startswith("0")
