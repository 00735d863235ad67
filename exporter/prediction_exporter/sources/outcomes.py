"""Outcomes: what the status of a request says of it, as servers, protocols and people write it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prediction_exporter.counting.breakdowns import CLASSES, NONE
from prediction_exporter.sources.codes import codes_of

#: HTTP statuses that are not the server's fault.
FIRST_STATUS, SERVER_ERROR = 100, 500

#: Those that even a field for errors may hold.
SUCCESS, REDIRECTION = 200, 300

#: What is no error in a field that is set on failure.
_NOTHING = frozenset(
    {"", "-", "none", "null", "nil", "nan", "n/a", "false", "no", "[]", "{}", "undefined", "no_error", "noerror"}
)

#: What else is none.
_NO_ERROR = frozenset({"ok", "okay", "success", "unset"})

#: Of these, what a status that means something else than failure does not hold either.
_NO_STATUS = frozenset({"", "-", "none", "null", "nil", "nan", "n/a", "undefined"})

#: Codes of gRPC that are the caller's fault, as HTTP's 4xx are.
_CALLER = frozenset(
    {
        *("cancelled", "invalid_argument", "not_found", "already_exists", "permission_denied", "failed_precondition"),
        *("out_of_range", "unauthenticated"),
    }
)

#: Words of a status that do not mean failure, in lower case and with ``_`` between them; ``true`` is set on failure.
_SUCCESS = frozenset(
    {
        *("ok", "okay", "unset", "success", "succeeded", "successful", "successfully", "passed", "pass", "good", "healthy"),
        *("complete", "completed", "completed_successfully", "done", "finished", "fulfilled", "resolved", "ready", "answered"),
        *("accepted", "created", "no_content", "processed", "served", "delivered", "predicted", "scored", "approved"),
        *_CALLER,
    }
)

#: The codes of gRPC that are the caller's fault, without that of what was cancelled, which is OpenTelemetry's for success.
_GRPC_CALLER = frozenset({3, 5, 6, 7, 9, 11, 16})

#: Those that are no fault of the server: OK, what was cancelled, and those of the caller.
_GRPC = frozenset({0, 1}) | _GRPC_CALLER

_HTTP_WORDS = frozenset(status.name.lower() for status in HTTPStatus if status < SERVER_ERROR)

#: Every word that means no failure, in lower case, with what may stand between its parts; any other one means failure.
WORDS = frozenset(word.replace("_", mark) for word in _SUCCESS | _NOTHING | _NO_ERROR for mark in "_ -")

#: Those of them that mean that the caller was refused.
_REFUSALS = frozenset(word.replace("_", mark) for word in _CALLER for mark in "_ -")

#: What became of a request, as the last digit of a status's code: it was not said to have failed, it failed, or it was refused.
ANSWERED, FAILED, REFUSED = range(3)
OUTCOMES = 3

#: How enumerations begin in front of a word: ``StatusCode.OK``, ``STATUS_CODE_OK``, ``HTTPStatus.OK``.
_ENUMERATION = re.compile(r"(?:grpc\.)?(?:(http)_?status(?:_?code)?|status_?code|status|code)[._]", re.IGNORECASE)

#: What a text begins with that may be an enumeration, or a code, in lower case.
BEGINNINGS = ("stat", "grpc", "code", "http")

_LEADING_CODE = re.compile(r" *(?:https?(?:/[0-9.]+)?[\s_:-]*)?([1-9][0-9]{2})(?![0-9.]*[0-9])\b", re.IGNORECASE)
_HTTP_CLASS = re.compile(r" *([1-5])xx *", re.IGNORECASE)
_ERROR_NAME = re.compile(
    r"(?:^|[._-])(?:err|error|errors|exc|exception|exceptions|failure|failures|failed|fault|traceback)(?:$|[._\[-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How the values of a status are read.

    Attributes:
        failed: the only values that mean failure; None where they are not stated.
        ok: the only values that do not.
        set_on_failure: whether any value that is something means failure.
        is_grpc: whether small numbers are codes of gRPC, or of OpenTelemetry, whose OK is 1 and error 2.
    """

    failed: tuple[str, ...] | None = None
    ok: tuple[str, ...] | None = None
    set_on_failure: bool = False
    is_grpc: bool = False

    @property
    def is_stated(self) -> bool:
        """Whether the configuration says which values mean failure."""
        return self.failed is not None or self.ok is not None

    def means_failure(self, text: str) -> bool:
        """Return whether a value means failure.

        >>> [Outcomes().means_failure(text) for text in ("200 OK", "HTTP/1.1 503", "StatusCode.OK", "completed", "Timeout")]
        [False, True, False, False, True]
        """
        if self.failed is not None:
            return _is_among(text, self.failed)
        if self.ok is not None:
            return not _is_among(text, self.ok)
        word = text.strip(" ").lower()
        if word in _NOTHING:
            return False
        number = _number(text)
        if self.set_on_failure:
            return word not in _NO_ERROR if number is None else number != 0 and not SUCCESS <= number < REDIRECTION
        if number is not None:
            is_known = number in _GRPC if self.is_grpc else number == 0
            return not (is_known or FIRST_STATUS <= number < SERVER_ERROR)
        return _words_mean_failure(text)

    def means_refusal(self, text: str) -> bool:
        """Return whether a value means that the request was refused by the caller's fault, and that this is no failure.

        >>> [Outcomes().means_refusal(text) for text in ("422", "HTTP/1.1 404", "StatusCode.INVALID_ARGUMENT", "200", "503")]
        [True, True, True, False, False]
        """
        if self.ok is not None or self.set_on_failure or self.means_failure(text):  # what is stated to be fine is
            return False
        number = _number(text)
        if number is not None and self.is_grpc and number in _GRPC_CALLER:
            return True
        return _http_class(text, words=True) == "4xx" or _plain_word(text) in _REFUSALS

    def class_of(self, text: str) -> str:
        """Return the class of a value, one of ``CLASSES``: that of an HTTP status, else what it means.

        >>> [Outcomes().class_of(text) for text in ("404", "HTTP/1.1 503", "HTTPStatus.FOUND", "5xx", "OK", "Timeout", "-")]
        ['4xx', '5xx', '3xx', '5xx', 'success', 'error', 'none']
        """
        found = _http_class(text, words=not self.set_on_failure)
        if found is not None:
            return found
        if self.means_failure(text):
            return "error"
        return NONE if text.strip(" ").lower() in _NO_STATUS and not self.set_on_failure else "success"

    @property
    def missing(self) -> str:
        """The class of a request without a status: where it would be set on failure, there was none."""
        return "success" if self.set_on_failure else NONE


@dataclass(frozen=True, slots=True)
class Statuses:
    """What the statuses of requests say.

    Attributes:
        failed: whether each request failed, bool.
        refused: whether each was refused by its caller's fault, bool; none of these failed.
        classes: position of each one's class in ``CLASSES``, uint8.
    """

    failed: NDArray[np.bool_]
    refused: NDArray[np.bool_]
    classes: NDArray[np.uint8]


def outcomes_of(
    path: Iterable[object] | None, failed: Iterable[str] | None = None, ok: Iterable[str] | None = None
) -> Outcomes:
    """Return how a status is read that stands at a path, by what is stated of it and what it is called."""
    name = ".".join(str(key) for key in path or () if isinstance(key, str | int))
    return Outcomes(
        failed=None if failed is None else tuple(failed),
        ok=None if ok is None else tuple(ok),
        set_on_failure=is_set_on_failure(name),
        is_grpc="grpc" in name.lower() or name.lower().endswith("status.code"),
    )


def is_set_on_failure(name: str) -> bool:
    """Return whether a field is called like one that is set when something fails.

    >>> [is_set_on_failure(name) for name in ("error", "result.error_type", "exc_info", "status", "terror")]
    [True, True, True, False, False]
    """
    return _ERROR_NAME.search(name) is not None


def status_code(text: str, outcomes: Outcomes) -> int:
    """Return what a status says as a number: the position of its class in ``CLASSES``, and what became of the request."""
    became = FAILED if outcomes.means_failure(text) else REFUSED if outcomes.means_refusal(text) else ANSWERED
    return code_of(outcomes.class_of(text), became)


def code_of(name: str, became: int) -> int:
    """Return the number of a class of ``CLASSES`` and of what became of a request."""
    return OUTCOMES * CLASSES.index(name) + became


def no_status(outcomes: Outcomes) -> int:
    """Return that number of a request without a status, which did not fail."""
    return code_of(outcomes.missing, ANSWERED)


def statuses_of(statuses: pl.Series, outcomes: Outcomes) -> Statuses:
    """Return what became of each request, and the class of its status."""
    codes = codes_of(statuses, lambda text: status_code(text, outcomes), missing=no_status(outcomes))
    classes, became = np.divmod(codes, np.uint8(OUTCOMES))
    return Statuses(became == FAILED, became == REFUSED, classes)


def failures_of(statuses: pl.Series, outcomes: Outcomes) -> NDArray[np.bool_]:
    """Return whether each request failed; one without a status did not."""
    return statuses_of(statuses, outcomes).failed


def _http_class(text: str, *, words: bool) -> str | None:
    """Return the class of an HTTP status; ``words`` is whether one is looked for in front of words, and in names of it."""
    number = _number(text)
    if number is not None:
        return f"{int(number // 100)}xx" if 100 <= number < 600 else None  # noqa: PLR2004 - the statuses of HTTP
    if not words:
        return None
    code = _LEADING_CODE.match(text)
    if code is not None:
        return f"{code.group(1)[0]}xx" if code.group(1)[0] < "6" else None
    of_class = _HTTP_CLASS.fullmatch(text)
    if of_class is not None:
        return f"{of_class.group(1)}xx"
    found = _ENUMERATION.match(text)
    if found is None or not found.group(1):
        return None
    name = text[found.end() :].strip(" ").upper()
    return f"{HTTPStatus[name].value // 100}xx" if name in HTTPStatus.__members__ else None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _words_mean_failure(text: str) -> bool:
    code = _LEADING_CODE.match(text)
    if code is not None:
        return int(code.group(1)) >= SERVER_ERROR
    of_class = _HTTP_CLASS.fullmatch(text)
    if of_class is not None:
        return of_class.group(1) == "5"
    found, plain = _ENUMERATION.match(text), _plain_word(text)
    if found is not None and found.group(1) and plain in _HTTP_WORDS:
        return False
    return plain not in WORDS


def _plain_word(text: str) -> str:
    """Return a word in lower case, without what enumerations write in front of it."""
    found = _ENUMERATION.match(text)
    return (text[found.end() :] if found is not None else text).strip(" ").lower()


def _is_among(text: str, stated: Iterable[str]) -> bool:
    plain = text.strip().casefold()
    code = _LEADING_CODE.match(text)
    number = _number(text)
    for one in stated:
        if plain == one.strip().casefold() or (code is not None and code.group(1) == one.strip()):
            return True
        if number is not None and number == _number(one):
            return True
    return False
