"""Content negotiation: in which form a scrape is answered.

Every name in the exposition is of the letters that each escaping scheme leaves alone. So all schemes give the same bytes, and
the answer names the one that was asked for, where its format knows schemes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from prediction_exporter.exposition import OPENMETRICS_TYPE, TEXT_TYPE

#: The escaping schemes that a scraper may ask for, the one that is meant where it names none first.
ESCAPINGS = ("underscores", "allow-utf-8", "dots", "values")

_VERSION_1 = "1.0.0"
_TEXT_1_TYPE = TEXT_TYPE.replace("0.0.4", _VERSION_1)


@dataclass(frozen=True)
class Form:
    """The format of an answer and how it is announced."""

    openmetrics: bool
    content_type: str


def _preferences(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield name, parameters and quality of each entry of an ``Accept`` or ``Accept-Encoding`` header."""
    for entry in header.lower().split(","):
        name, *rest = (part.strip() for part in entry.split(";"))
        parameters = {key.strip(): value.strip(' "') for key, _, value in (part.partition("=") for part in rest)}
        try:
            quality = float(parameters.pop("q", "1"))
        except ValueError:
            quality = 0.0  # not understood is not accepted
        yield name, parameters, quality


@lru_cache(maxsize=16)  # a scraper sends the same header each time
def negotiate(accept: str) -> Form:
    """Return the form that an ``Accept`` header prefers.

    OpenMetrics is for those who name it and prefer no plain text; whoever names nothing that there is gets plain text.

    >>> negotiate("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.1").content_type
    'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8'
    """
    best, found = 0.0, Form(openmetrics=False, content_type=TEXT_TYPE)
    for name, parameters, quality in _preferences(accept):
        form = _form(name, parameters)
        if form is not None and quality > 0 and (quality, form.openmetrics) > (best, found.openmetrics):
            best, found = quality, form
    return found


def _form(name: str, parameters: dict[str, str]) -> Form | None:
    """Return the form that an entry of an ``Accept`` header names, None where there is none such."""
    asked = parameters.get("escaping", "")
    escaping = f"; escaping={asked if asked in ESCAPINGS else ESCAPINGS[0]}"
    if name == "application/openmetrics-text" and parameters.get("version", _VERSION_1) == _VERSION_1:
        return Form(openmetrics=True, content_type=OPENMETRICS_TYPE + escaping)
    if name != "text/plain":
        return None
    if parameters.get("version") == _VERSION_1:
        return Form(openmetrics=False, content_type=_TEXT_1_TYPE + escaping)
    return Form(openmetrics=False, content_type=TEXT_TYPE)


@lru_cache(maxsize=16)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether gzip is accepted by its name, or by ``*`` where it is not named.

    >>> accepts_gzip("deflate, gzip;q=0.5"), accepts_gzip("gzip;q=0, *")
    (True, False)
    """
    qualities = {name: quality for name, _, quality in _preferences(accept_encoding)}
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0
