"""Alerts on columns: a figure of the fleet's window above its threshold, and how to tell the worst columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prediction_exporter.collectors.windows import WINDOW_PREDICTIONS
from prediction_exporter.kit.alert import Template, figure, query
from prediction_exporter.kit.evidence import KNOWN, MOVED, importance, matters_little
from prediction_exporter.kit.figures import BASELINE_KEY, Figure, Selector, chosen
from prediction_exporter.kit.fleet import counting
from prediction_exporter.kit.promql import (
    COLUMN_KEY,
    VERSION_COLUMN_KEY,
    VERSION_KEY,
    WINDOW_KEY,
    Expression,
    Recorded,
    bracketed,
    by,
    latest,
    on,
)
from prediction_exporter.kit.recording import SHORTEST_WINDOW
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.shift import shift
from prediction_exporter.kit.wording import COUNT, PERCENT, Format, ranked

#: Columns of a version that are alerts at one time, and that a message lists by name: the worst. Each costs queries at every
#: evaluation, so that without a bound a change of everything would make rules late.
LISTED = 10
#: Share of the predictions from which a column is of no use any more, whatever is left of it.
USELESS = 0.95
#: A distance of so many times its threshold is an alarm before there is evidence: seasons and sessions reach less, mostly.
DRIFT_ALONE = 2.0
#: The alert's labels that a column's series have, and the version's.
_COLUMN_LABELS = ("cluster", "namespace", "job", "model", "version", "column", "role")
_WINDOW_ARGUMENT = f"%[{len(_COLUMN_LABELS) + 1}]q"


def of_rows(of: Selector) -> str:
    """Return the number of predictions of each window, all replicas together."""
    return f"sum {by(WINDOW_KEY)} {counting(of(WINDOW_PREDICTIONS))}"


@dataclass(frozen=True, kw_only=True)
class AboveThreshold:
    """Columns whose figure is above its threshold, in the window of all traffic.

    Attributes:
        figures: what is watched; one above its threshold suffices.
        matchers: which columns.
        now: look only at the shortest window that has enough predictions in the course of a day, so that the alert
            ends soon after the problem; otherwise at all windows, as the long ones see small shifts.
        counted: how many predictions or values there are.
        show: how figures are shown.
        alone: multiple of its threshold that a figure passes where there is no evidence yet.
    """

    figures: tuple[Figure, ...]
    matchers: tuple[str, ...]
    now: bool
    counted: Callable[[Selector], str]
    show: Format
    alone: float = 1.0

    def windows(self, scale: Scale, key: tuple[str, ...] = ()) -> str:
        """Return the condition for each column and window, of one alert's columns where a key is given."""
        alternatives = [self._passed(each, self._of(scale, key)) for each in self.figures]
        return self._now("\nor\n".join(alternatives), scale, key)

    def _passed(self, each: Figure, of: Selector) -> str:
        """Return the condition that a column surely moved by enough.

        Where nobody can be sure yet, as on a model's first day, the figure alone has to say more.
        """
        unsure = f"{of(each.over)} > {self.alone:g}\nunless {on(VERSION_KEY)}\n{of(KNOWN)}"
        return f"{bracketed(_sure(each, of))}\nor\n{bracketed(unsure)}"

    def _of(self, scale: Scale, key: tuple[str, ...], *more: str) -> Selector:
        """Select what a series last was, of one alert's columns where a key is given."""
        own = [f"{label}=%[{i}]q" for i, label in enumerate(key, start=1)]
        return chosen(*self.matchers, 'segment="all"', *own, *more, around=lambda series: latest(series, scale))

    def _now(self, condition: str, scale: Scale, key: tuple[str, ...]) -> str:
        if not self.now:
            return condition
        return f"{bracketed(condition)}\nand {on(WINDOW_KEY)}\n{self._of(scale, key)(SHORTEST_WINDOW)}"

    def expr(self, scale: Scale) -> str:
        """Return the worst columns above their thresholds, as multiples of these."""
        return self._topmost(scale, "")

    def expr_of_weight(self, scale: Scale) -> str:
        """Return the same of columns that matter, and of those of which nobody knows."""
        return self._topmost(scale, f"\nunless {on(BASELINE_KEY)}\n{matters_little(self._of(scale, ()))}")

    def expr_of_little(self, scale: Scale) -> str:
        """Return the same of columns that matter next to nothing."""
        return self._topmost(scale, f"\nand {on(BASELINE_KEY)}\n{matters_little(self._of(scale, ()))}")

    def _topmost(self, scale: Scale, among: str) -> str:
        return f"topk {by(VERSION_KEY)} ({LISTED}, max {by(VERSION_COLUMN_KEY)} {bracketed(self.windows(scale))}{among})"

    def carried(self, scale: Scale, key: tuple[str, ...] = ()) -> str:
        """Return what part of the score the columns carry that surely moved by enough, by window."""
        of = self._of(scale, key)
        sure = " or ".join(bracketed(_sure(each, of)) for each in self.figures)
        return f"sum {by(WINDOW_KEY)} (\n  (({sure}) > bool 0)\n  * {on(BASELINE_KEY)} group_left ()\n  {importance(of)}\n)"

    def expr_from(self, least: float) -> Expression:
        """Return the condition that these columns' figures, which are shares, are no less than this."""

        def expr(scale: Scale) -> str:
            of = self._of(scale, ())
            shares = "\nor\n".join(
                f"({each.above(least / 2, of)} >= {least:g} and {on(COLUMN_KEY)} {of(each.over)} > 1)" for each in self.figures
            )
            worst = f"max {by(VERSION_COLUMN_KEY)} {bracketed(self._now(shares, scale, ()))}"
            return f"topk {by(VERSION_KEY)} ({LISTED}, {worst})"

        return expr

    @property
    def series(self) -> tuple[Recorded, ...]:
        """The multiples of thresholds, for a graph."""
        return tuple(each.over for each in self.figures)

    def worst(self, scale: Scale) -> str:
        """Return a template that lists the version's columns, the worst first."""
        return self._listed(scale, "")

    def worst_and_shifts(self, scale: Scale) -> str:
        """Return a template that also says of each column what moved in its worst window, at several queries a column."""
        windows = _one_line(self.windows(scale, (*VERSION_KEY, "column")))
        worst = query(f"topk(1, {windows})", VERSION_KEY, "$each.Labels.column")
        return self._listed(scale, _window_of(worst) + shift("$each.Labels.column", "$window", scale))

    def _listed(self, scale: Scale, beside: str) -> str:
        of = self._of(scale, VERSION_KEY)
        alternatives = " or ".join(
            f"({each.value(of)} and {on(COLUMN_KEY)} ({self._passed(each, of)}))" for each in self.figures
        )
        columns = _one_line(f"max by (column) ({self._now(alternatives, scale, VERSION_KEY)})")
        listed = query(self.show.scaled(f"sort_desc(topk({LISTED}, {columns}))"), VERSION_KEY)
        more = query(_one_line(f"count(max by (column) ({self.windows(scale, VERSION_KEY)})) - {LISTED} > 0"), VERSION_KEY)
        return (
            ranked(listed, f"{{{{ $each.Labels.column }}}} {self.show.of('$each.Value')}{beside}")
            + f"{{{{ with {more} }}}} and {COUNT.of('(. | first | value)')} more{{{{ end }}}}"
        )

    def window(self, scale: Scale) -> str:
        """Return a query of a template for the column's worst window."""
        return query(f"topk(1, {_one_line(self.windows(scale, _COLUMN_LABELS))})", _COLUMN_LABELS)

    def description(self, text: str) -> Template:
        """Return a description in which ``<threshold>``, ``<value>`` ... stand for figures of the worst window.

        ``<value 2>`` and ``<threshold 2>`` are those of the second figure; ``<count>`` is the number of predictions or
        values, ``<window>`` the window, ``<shift>`` what moved in it, and ``<importance>`` a
        sentence on what the column carries, where that is known.
        """

        def template(scale: Scale) -> str:
            of = self._of(scale, _COLUMN_LABELS, f"window={_WINDOW_ARGUMENT}")

            def shown(expr: str, show: Format) -> str:
                return figure(f"max({_one_line(expr)})", _COLUMN_LABELS, show, "$window")

            worst = self.window(scale)
            filled = text.replace("<window>", "{{ $window }}").replace("<count>", shown(self.counted(of), COUNT))
            if "<importance>" in text:
                asked = query(PERCENT.scaled(importance(of)), _COLUMN_LABELS)
                of_score = f"{{{{ with {asked} }}}} It carries {PERCENT.of('(. | first | value)')} of the score.{{{{ end }}}}"
                filled = filled.replace("<importance>", of_score)
            if "<shift>" in text:
                filled = filled.replace("<shift>", shift("$labels.column", "$window", scale))
            for place, each in enumerate(self.figures, start=1):
                suffix = "" if place == 1 else f" {place}"
                filled = filled.replace(f"<value{suffix}>", shown(each.value(of), self.show))
                filled = filled.replace(f"<threshold{suffix}>", shown(each.threshold(of), self.show))
            return _window_of(worst) + filled

        return template


def _sure(each: Figure, of: Selector) -> str:
    """Return the condition that a column surely moved, and that a figure says that it is by enough."""
    return f"{of(each.over)} > 1\nand {on(VERSION_COLUMN_KEY)}\n{of(MOVED)}"


def _window_of(worst: str) -> str:
    """Return a template that sets ``$window`` to the window of a query's only series."""
    return f'{{{{ $window := "" }}}}{{{{ range {worst} }}}}{{{{ $window = .Labels.window }}}}{{{{ end }}}}'


def _one_line(expr: str) -> str:
    return " ".join(expr.split())
