"""Figures: small drawings in SVG. Shapes tell as much as colours do, and titles say the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from prediction_exporter.web.landing.environment import PAGES
from prediction_exporter.web.landing.words import distance, isolated, percent

WIDTH, HEIGHT = 168, 44
_TOP = 3  # above the highest bar
_BAR = 0.58  # share of a bin's width that the window's bar takes

#: Categories that get a bar of their own; those after them share one.
MOST_BARS = 16

METER_WIDTH, METER_HEIGHT = 96, 14


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram: its label and its shares; ``now`` is None where the window has no values."""

    title: str
    baseline: float
    now: float | None


def bins_of(labels: Sequence[str], baseline: Sequence[float], now: Sequence[float], *, merge: bool) -> list[Bin]:
    """Return the bars for the bins of a column.

    Where ``merge`` allows it the bins are categories, most frequent first, and too many of them share a bar before the last.
    """
    titles = [isolated(label) for label in labels]
    if merge and len(labels) > MOST_BARS:
        own = MOST_BARS - 2
        titles = [*titles[:own], f"{len(labels) - 1 - own} rarer categories", titles[-1]]
        baseline, now = ([*counts[:own], sum(counts[own:-1]), counts[-1]] for counts in (baseline, now))
    then_total, now_total = sum(baseline), sum(now)
    return [
        Bin(title, then / then_total if then_total else 0.0, current / now_total if now_total else None)
        for title, then, current in zip(titles, baseline, now, strict=True)
    ]


def histogram(bins: Sequence[Bin], *, title: str) -> Markup:
    """Return the shares of baseline (a grey area) and window (bars) in each bin."""
    step = WIDTH / len(bins)
    highest = max(max(bar.baseline, bar.now or 0.0) for bar in bins) or 1.0
    scale = (HEIGHT - _TOP) / highest
    area, bars, hits = [f"M0 {HEIGHT}"], [], []
    for position, bar in enumerate(bins):
        left = position * step
        area.append(f"V{_short(HEIGHT - bar.baseline * scale)}H{_short(left + step)}")
        if bar.now:
            tall = max(bar.now * scale, 1.0)
            wide = step * _BAR
            bars.append(f"M{_short(left + (step - wide) / 2)} {HEIGHT}v-{_short(tall)}h{_short(wide)}V{HEIGHT}")
        now = "" if bar.now is None else f", now {percent(bar.now)}"
        hits.append((_short(left), f"{bar.title}: baseline {percent(bar.baseline)}{now}"))
    return _draw(
        "histogram",
        width=WIDTH,
        height=HEIGHT,
        step=_short(step),
        title=title,
        summary=_summary(bins),
        then=f"{''.join(area)}V{HEIGHT}",
        now="".join(bars),
        hits=hits,
    )


def _summary(bins: Sequence[Bin]) -> str:
    """Return the histogram in words, for who does not see it: the bin that changed most."""
    if bins[0].now is None:
        return "No values in the window."
    most = max(bins, key=lambda bar: abs((bar.now or 0.0) - bar.baseline))
    return f"Largest change: {most.title}, baseline {percent(most.baseline)}, now {percent(most.now or 0.0)}."


def meter(value: float, threshold: float, floor: float | None) -> Markup:
    """Return a bar for a value whose threshold stands in the middle; a notch shows what noise alone would read."""
    middle = METER_WIDTH / 2
    unit = middle / threshold
    words = f"{distance(value)}, threshold {distance(threshold)}"
    return _draw(
        "meter",
        width=METER_WIDTH,
        height=METER_HEIGHT,
        words=words if floor is None else f"{words}, {distance(floor)} expected without drift",
        over=value > threshold,
        filled=_short(min(value * unit, METER_WIDTH)),
        middle=_short(middle),
        floor=None if floor is None else _short(min(floor * unit, METER_WIDTH)),
    )


def _draw(drawing: str, **values: object) -> Markup:
    drawn: Markup = getattr(PAGES.get_template("web/landing/figures.svg").module, drawing)(**values)
    return drawn


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
