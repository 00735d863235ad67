"""The page's templates, with its words and figures as their filters."""

from __future__ import annotations

from prediction_exporter.templates import html
from prediction_exporter.web.landing.words import ago, count, counted, date, distance, duration, number, percent, size

PAGES = html(
    ago=ago,
    count=count,
    counted=counted,
    date=date,
    distance=distance,
    duration=duration,
    number=number,
    percent=percent,
    size=size,
)
