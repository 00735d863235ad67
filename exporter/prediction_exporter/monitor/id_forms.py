"""Forms of ids: whether those of labels are written so that they can be those of predictions.

A label comes weeks after its prediction, so that two samples seldom have an id in common. What they always have is a form:
``00000012`` beside ``12``, or a UUID with hyphens beside one without, will never be joined.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import takewhile
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
    "ids of labels are such as 'AB-000', those of predictions such as 'ab-000'; they differ in the case of letters"
    >>> unlike([f"{n:05}" for n in range(50)], [str(n) for n in range(50)])
    "ids of labels are such as '0', those of predictions such as '00000'; those of predictions are padded with zeros"
    >>> unlike([f"order{n}" for n in range(50)], [str(n) for n in range(50)])
    "ids of labels are such as '0', those of predictions such as 'order0'; those of predictions begin with 'order'"
    >>> unlike([f"web-{n}" for n in range(50)] + ["app_1"], [f"app_{n}" for n in range(50)])
    """
    fewest = min(len(predicted), len(labelled))
    if fewest < _ENOUGH or not set(predicted).isdisjoint(labelled):
        return None
    zeros = fewest >= _ENOUGH_ZEROS and any(map(_is_padded, predicted)) != any(map(_is_padded, labelled))
    if not zeros and not _in_letters(predicted, labelled) and _may_be_alike(predicted, labelled):
        return None
    shown = f"ids of labels are such as {labelled[0]!r}, those of predictions such as {predicted[0]!r}"
    return shown + _difference({"predictions": predicted, "labels": labelled})


def _may_be_alike(predicted: Sequence[str], labelled: Sequence[str]) -> bool:
    return _plausible({_form(one) for one in predicted}, {_form(one) for one in labelled})


def _in_letters(predicted: Sequence[str], labelled: Sequence[str]) -> bool:
    """Whether each id of one side has a letter, and none of the other: of random ones, so many are never all digits."""
    has = [[any(map(str.isalpha, one)) for one in side] for side in (predicted, labelled)]
    return (all(has[0]) and not any(has[1])) or (all(has[1]) and not any(has[0]))


def _difference(sides: Mapping[str, Sequence[str]]) -> str:
    """Return what makes ids differ that would be alike without it, to go on with; empty where nothing known does."""
    (_, predicted), (_, labelled) = sides.items()
    for side, ids in sides.items():
        [others] = [other for name, other in sides.items() if name != side]
        start = _start(ids)
        shorter = [one.removeprefix(start) for one in ids]
        is_odd = start and all(shorter) and not any(one.startswith(start) for one in others)
        if is_odd and _may_be_alike(shorter, others) and not _in_letters(shorter, others):
            return f"; those of {side} begin with {start!r}"
    for side, ids in sides.items():
        [others] = [other for name, other in sides.items() if name != side]
        if any(map(_is_padded, ids)) and not any(map(_is_padded, others)) and _may_be_alike(ids, others):
            return f"; those of {side} are padded with zeros"
    if _may_be_alike([one.lower() for one in predicted], [one.lower() for one in labelled]):
        return "; they differ in the case of letters" if not _in_letters(predicted, labelled) else ""
    alone = [[re.sub(r"[\W_]", "", one).lower() for one in side] for side in (predicted, labelled)]
    if _may_be_alike(*alone) and not _in_letters(*alone):
        marks = sorted(_marks(predicted) ^ _marks(labelled))
        return f"; they differ in {' '.join(marks)}"
    return ""


def _start(ids: Sequence[str]) -> str:
    """Return what all ids begin with, without digits at its end: those of numbers of one length may be alike."""
    pairs = zip(min(ids), max(ids), strict=False)
    return "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)).rstrip("0123456789")


def _marks(ids: Sequence[str]) -> set[str]:
    return {character for one in ids for character in one if not character.isalnum()}


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
