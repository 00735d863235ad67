"""Alerts on columns: a figure of the fleet's window above its threshold, and how to tell the worst columns."""

from __future__ import annotations

from dataclasses import dataclass

from prediction_exporter.kit.alert import Template, figure, own, query
from prediction_exporter.kit.promql import (
    VERSION_COLUMN_KEY,
    VERSION_KEY,
    WINDOW_KEY,
    Recorded,
    bracketed,
    by,
    latest,
    on,
    select,
)
from prediction_exporter.kit.recording import SHORTEST_WINDOW
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.shift import shift
from prediction_exporter.kit.wording import COUNT, Format

#: Columns that a message lists by name.
LISTED = 10
#: The alert's labels that a column's series have, and the version's.
_COLUMN_LABELS = ("cluster", "namespace", "job", "model", "version", "column", "role")
_WINDOW_ARGUMENT = f"%[{len(_COLUMN_LABELS) + 1}]q"


@dataclass(frozen=True, kw_only=True)
class AboveThreshold:
    """Columns whose figure is above its threshold, in the window of all traffic.

    Attributes:
        pairs: figures and their thresholds; one above suffices.
        matchers: which columns.
        now: look only at the shortest window that has enough predictions in the course of a day, so that the alert
            ends soon after the problem; otherwise at all windows, as the long ones see small shifts.
        counted: the series that tells over how many predictions or values.
        show: how figures are shown.
    """

    pairs: tuple[tuple[Recorded, Recorded], ...]
    matchers: tuple[str, ...]
    now: bool
    counted: Recorded
    show: Format

    def windows(self, scale: Scale, key: tuple[str, ...] = ()) -> str:
        """Return the condition for each column and window, of one alert's columns where a key is given."""
        matchers = (*self.matchers, 'segment="all"')
        alternatives = [
            f"{latest(own(value.name, key, *matchers), scale)} > {latest(own(threshold.name, key, *matchers), scale)}"
            for value, threshold in self.pairs
        ]
        condition = "\nor\n".join(alternatives)
        if not self.now:
            return condition
        shortest = latest(own(SHORTEST_WINDOW.name, tuple(k for k in key if k in WINDOW_KEY), 'segment="all"'), scale)
        return f"{bracketed(condition)}\nand {on(WINDOW_KEY)}\n{shortest}"

    def expr(self, scale: Scale) -> str:
        """Return the largest figure of each column that is above its threshold."""
        return f"max {by(VERSION_COLUMN_KEY)} {bracketed(self.windows(scale))}"

    @property
    def series(self) -> tuple[Recorded, ...]:
        """The figures and thresholds, for a graph."""
        return tuple(series for pair in self.pairs for series in pair)

    def worst(self, scale: Scale) -> str:
        """Return a template that lists the version's columns, the worst first."""
        return self._listed(scale, "")

    def worst_and_shifts(self, scale: Scale) -> str:
        """Return a template that also says of each column what moved in its worst window, at several queries a column."""
        windows = _one_line(self.windows(scale, (*VERSION_KEY, "column")))
        worst = query(f"topk(1, {windows})", VERSION_KEY, "$each.Labels.column")
        return self._listed(scale, _window_of(worst) + shift("$each.Labels.column", "$window", scale))

    def _listed(self, scale: Scale, beside: str) -> str:
        columns = f"max by (column) ({_one_line(self.windows(scale, VERSION_KEY))})"
        listed = query(self.show.scaled(f"sort_desc(topk({LISTED}, {columns}))"), VERSION_KEY)
        more = query(f"count({columns}) - {LISTED} > 0", VERSION_KEY)
        return (
            f"{{{{ range $i, $each := {listed} }}}}{{{{ if $i }}}}, {{{{ end }}}}"
            f"{{{{ $each.Labels.column }}}} {self.show.of('$each.Value')}{beside}{{{{ end }}}}"
            f"{{{{ with {more} }}}} and {COUNT.of('(. | first | value)')} more{{{{ end }}}}"
        )

    def window(self, scale: Scale) -> str:
        """Return a query of a template for the column's worst window."""
        return query(f"topk(1, {_one_line(self.windows(scale, _COLUMN_LABELS))})", _COLUMN_LABELS)

    def description(self, text: str) -> Template:
        """Return a description in which ``<threshold>``, ``<value>`` ... stand for figures of the worst window.

        ``<value 2>`` and ``<threshold 2>`` are those of the second pair; ``<count>`` is the number of predictions or
        values, ``<window>`` the window, and ``<shift>`` what moved in it.
        """

        def template(scale: Scale) -> str:
            worst = self.window(scale)
            filled = text.replace("<window>", "{{ $window }}").replace("<count>", self._figure(self.counted, COUNT, scale))
            if "<shift>" in text:
                filled = filled.replace("<shift>", shift("$labels.column", "$window", scale))
            for place, pair in enumerate(self.pairs, start=1):
                suffix = "" if place == 1 else f" {place}"
                for word, series in zip(("value", "threshold"), pair, strict=True):
                    filled = filled.replace(f"<{word}{suffix}>", self._figure(series, self.show, scale))
            return _window_of(worst) + filled

        return template

    def _figure(self, series: Recorded, show: Format, scale: Scale) -> str:
        matched = [f"{label}=%[{i}]q" for i, label in enumerate(_COLUMN_LABELS, start=1) if label in series.labels]
        selector = select(series.name, *matched, f"window={_WINDOW_ARGUMENT}", segment="all")
        return figure(f"max({latest(selector, scale)})", _COLUMN_LABELS, show, "$window")


def _window_of(worst: str) -> str:
    """Return a template that sets ``$window`` to the window of a query's only series."""
    return f'{{{{ $window := "" }}}}{{{{ range {worst} }}}}{{{{ $window = .Labels.window }}}}{{{{ end }}}}'


def _one_line(expr: str) -> str:
    return " ".join(expr.split())
