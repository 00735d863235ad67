"""The dashboard of a column says of a segment what it says of all traffic, and since when a column has drifted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from grafana import Json, filled, panels
from prediction_exporter.collectors.traffic import ATTRIBUTION, BASELINE_ATTRIBUTION
from prediction_exporter.counting.layout import Column, Kind, Role, interval_labels
from prediction_exporter.kit.bins import ALL_OTHERS
from prediction_exporter.kit.boards import column
from prediction_exporter.kit.boards.choices import LONG_AGO
from prediction_exporter.kit.cases import (
    TARGET,
    bins,
    moments,
    psi,
    psi_noise_floor,
    psi_threshold,
    series,
    share,
    shared,
    window,
)
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.rules import RECORDING_FILE
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from quick_yaml import dump as dump_yaml

B = {**TARGET, "instance": "b:10900"}
CHOSEN = {
    "cluster": ".*",
    "namespace": ".*",
    "model": "credit-risk",
    "version": "2",
    "window": "1h",
    "column": "income",
    "compare": LONG_AGO,
    "__range": "2h",
    "__rate_interval": "5m",
    "__range_s": "7200",
}
NORTH = "region=north"
#: What drifts, when: the first minutes are well.
WELL_MINUTES = 20
WELL, DRIFTED = (500, 500), (900, 100)
#: Of what was there a day before: the day in minutes, what is between samples of it, and when it is asked for.
DAY, STEP = 24 * 60, 4
NOW = DAY + STEP


def query(title: str, at: int, segment: str, *, nth: int = 0, since: float = 2.0, compare: str = LONG_AGO) -> str:
    """Return a query of a panel as Grafana would send it at a minute; the range of time began hours before it.

    ``compare`` is the number of days before which it is compared with.
    """
    given = {**CHOSEN, "segment": segment, "compare": compare, "__from": f"{(at - since * 60) * 60_000:.0f}"}
    return filled(panel_of(title)["targets"][nth]["expr"], given)


def panel_of(title: str) -> Json:
    """Return a panel by its title."""
    (panel,) = [panel for panel in panels(column.board().content()) if panel["title"] == title]
    return panel


def of_segment(lines: Iterable[str]) -> list[str]:
    """Return the series as those of a segment."""
    return [line.replace('segment="all"', f'segment="{NORTH}"') for line in lines]


@pytest.fixture
def holds(run: Callable[..., str], folder: Path, tmp_path: Path) -> Callable[..., None]:
    """Check what expressions give at minutes: a value, or None for none.

    Of ``a_day`` there are few samples, and rules are evaluated at its begin and end alone.
    """

    def check(
        lines: Iterable[str], *expected: tuple[str, int, float | None], within: float = 1e-6, a_day: bool = False
    ) -> None:
        parts = [line.partition("} ") for line in lines]
        asked = [
            {
                "expr": f"count({expr}) or vector(0)" if value is None else f"abs(({expr}) - {value!r}) < bool {within}",
                "eval_time": f"{at}m",
                "exp_samples": [{"labels": "{}", "value": 0 if value is None else 1}],
            }
            for expr, at, value in expected
        ]
        test: dict[str, Any] = {
            "interval": f"{STEP}m" if a_day else "1m",
            "input_series": [{"series": f"{name}}}", "values": values} for name, _, values in parts],
            "promql_expr_test": asked,
        }
        content = {
            "rule_files": [str(folder / RECORDING_FILE)],
            "evaluation_interval": f"{DAY}m" if a_day else "1m",
            "group_eval_order": [group.name for group in RECORDING_GROUPS],
            "tests": [test],
        }
        path = tmp_path / "column.test.yml"
        path.write_text(dump_yaml(content))
        run("promtool", "test", "rules", path)

    return check


def test_a_segment_of_two_replicas_is_added_up(holds: Callable[..., None]) -> None:
    """PSI, threshold and noise floor are those of the sum; what a bin adds to the PSI adds up to it."""
    counts = (920, 180)
    rows = sum(counts)
    lines = [
        *window(1000), *window(100, target=B),
        *of_segment((*window(1000), *bins("income", (900, 100)))),
        *of_segment((*window(100, target=B), *bins("income", (20, 80), target=B))),
    ]  # fmt: skip
    more, fewer = (query("What makes the PSI", 10, NORTH, nth=nth) for nth in range(2))
    holds(
        lines,
        (query("PSI", 10, NORTH), 10, psi(counts)),
        (query("PSI", 10, NORTH, nth=1), 10, psi_threshold(rows)),
        (query("PSI", 10, NORTH, nth=2), 10, psi_noise_floor(counts)),
        (query("PSI / threshold", 10, NORTH), 10, psi(counts) / psi_threshold(rows)),
        (f"sum({more}) + sum({fewer})", 10, psi(counts)),
        (f"max({query('Distribution now', 10, NORTH, nth=1)})", 10, counts[0] / rows),
        (f"count({query('Distribution now', 10, NORTH)} == 0.5)", 10, 2),
        (query("Values", 10, NORTH), 10, rows),
        (f"count({query('PSI by segment', 10, NORTH)})", 10, 1),
        (query("PSI / threshold", 10, "all"), 10, None),
    )


def test_a_column_that_is_not_compared_has_no_figure(holds: Callable[..., None]) -> None:
    """The segment's own column is the same in all of it, and differs from the baseline by definition."""
    own = [line for line in bins("income", (1000, 0)) if not line.startswith("model_column_psi{")]
    lines = of_segment((*window(1000), *own))
    titles = ("PSI / threshold", "Drifted since", "What makes the PSI", "PSI", "All statistics", "PSI by segment")
    holds(lines, *((query(title, 10, NORTH), 10, None) for title in titles), (query("PSI", 10, NORTH, nth=2), 10, None))


@pytest.mark.parametrize("segment", ["all", NORTH])
def test_since_when_a_column_has_drifted(holds: Callable[..., None], segment: str) -> None:
    """Since the last time that it had not, 0 while it has not, and nothing where nobody can tell."""
    well = bins("income", WELL, values=f"x{WELL_MINUTES - 1} ")
    # The same series, of other values from then on.
    drifted = (line.rpartition(" ")[2].replace("x200", "x30") for line in bins("income", DRIFTED))
    lines = [*window(1000), *(f"{before}{after}" for before, after in zip(well, drifted, strict=True))]
    times = {WELL_MINUTES - 5: 0.0, WELL_MINUTES + 15: WELL_MINUTES * 60_000.0, WELL_MINUTES + 45: None}
    # What is recorded every other minute is asked for every other minute.
    holds(
        lines if segment == "all" else of_segment(lines),
        *((query("Drifted since", at, segment), at, since) for at, since in times.items()),
        within=2.5 * 60_000,
    )


def test_the_worse_of_two_shares_is_shown(holds: Callable[..., None]) -> None:
    """With its own threshold: the larger part of it, not the larger share."""
    lines = [
        *window(1000), *bins("income", WELL), *share(MISSING_RATIO, "income", 0.2, 0.05),
        *share(INVALID_RATIO, "income", 0.02, 0.05), *share(NON_FINITE_RATIO, "income", 0.01, 0.005),
    ]  # fmt: skip
    title = "Invalid or NaN"
    holds(
        lines,
        (query(title, 10, "all"), 10, 0.01),
        (query(title, 10, "all", nth=1), 10, 0.005),
        (query("Missing", 10, "all"), 10, 0.2),
        (query("Missing", 10, "all", nth=1), 10, 0.05),
    )


def test_the_share_of_attribution_is_that_of_both_replicas(holds: Callable[..., None]) -> None:
    """The baseline's beside it, of the same column; nothing where no attributions are logged."""
    grown = {"income": (60, 180), "age": (120, 0), "region": (60, 60)}  # a minute, on each replica
    lines = [
        *window(1000),
        *(
            series(ATTRIBUTION, f"0+{step}x60", target=target, model="credit-risk", version="2", column=column)
            for column, steps in grown.items()
            for target, step in zip((TARGET, B), steps, strict=True)
        ),
        series(BASELINE_ATTRIBUTION, "0.25x60", model="credit-risk", column="income"),
        series(BASELINE_ATTRIBUTION, "0.75x60", model="credit-risk", column="age"),
    ]
    title = "Share of attribution"
    (of_column, of_baseline) = (query(title, 30, "all", nth=nth) for nth in range(2))
    holds(lines, (of_column, 30, (60 + 180) / (60 + 180 + 120 + 60 + 60)), (of_baseline, 30, 0.25))
    holds(window(1000), (of_column, 30, None), (of_baseline, 30, None))


def test_the_baseline_stands_at_the_begin_of_the_heatmap(holds: Callable[..., None]) -> None:
    """For a twentieth of it; then there is a gap, and the window."""
    shown = ((0.0, 0.5), (0.07, 0.5), (0.09, None), (0.11, 0.9), (2.0, 0.9))
    holds(
        [*window(1000), *bins("income", DRIFTED)],
        *((f"max({query('Distribution over time', 10, 'all', since=since)})", 10, share) for since, share in shown),
    )


def renamed(label: str) -> tuple[str, str]:
    """Return what a bin is called below bars, where the first mapping that matches counts, and beside a heatmap."""
    of_bars, of_rows = (panel_of(title) for title in ("Distribution now", "Distribution over time"))
    properties = [each for look in of_bars["fieldConfig"]["overrides"] for each in look["properties"]]
    (mappings,) = [each["value"] for each in properties if each["id"] == "mappings"]
    rules = [(each["options"]["pattern"], each["options"]["result"]["text"]) for each in mappings]
    steps = [(step["options"]["regex"], step["options"]["renamePattern"]) for step in of_rows["transformations"]]
    bar = next((replaced(label, *rule) for rule in rules if re.search(readable(rule[0]), label)), label)
    row = label
    for step in steps:
        row = replaced(row, *step)
    return bar, row.strip()


def readable(pattern: str) -> str:
    """Return a pattern as Python writes it."""
    return pattern.strip("/").replace("[[]", r"\[")


def replaced(text: str, pattern: str, replacement: str) -> str:
    """Return what JavaScript makes of a text."""
    return re.sub(readable(pattern), re.sub(r"\$(\d)", r"\\\1", replacement), text)


def test_categories_are_called_what_they_are() -> None:
    """Also those whose label had to differ from that of the bin of all others."""
    categories = ("north", "other", "=other", "", "=", 'he said "no"', "back\\slash", "<script>alert(1)</script>", "北京", "-0")
    column = Column(name="region", role=Role.FEATURE, kind=Kind.CATEGORICAL, categories=categories)
    names = [renamed(label) for label in column.drift_labels]
    assert names == [(each, each) for each in (*(each or "(empty)" for each in categories), ALL_OTHERS)]


def test_long_categories_are_told_apart() -> None:
    """By what they begin and end with; an interval is written whole."""
    long = [f"{kind} savings banks of the country's {where}" for kind in ("Rural", "Urban") for where in ("north", "south")]
    assert len({renamed(each) for each in long}) == len(long)
    assert all(len(name) < 30 for each in long for name in renamed(each))
    assert [renamed(each)[0] for each in interval_labels([-1e12, 1e-9, 5])] == [
        "below -1e+12", "-1e+12 to 1e-09", "1e-09 to 5", "5 or more"
    ]  # fmt: skip


def test_categories_that_are_numbers_are_in_their_order(holds: Callable[..., None]) -> None:
    """By their size and not as texts, and what has no bin of its own last."""
    places = {"-1": 1, "2": 1, "9": 1, "=other": 1, "10": 2, "10.5": 2, "100": 3, "2024": 4, "other": 9}
    lines = [*window(900), *bins("income", [100] * len(places), labels=list(places))]

    def put(name: str, at: int) -> str:
        return f'label_replace(label_replace(vector(1), "at", "{at}", "", ""), "bin", "{name}", "", "")'

    shown = query("Distribution now", 10, "all"), query("Distribution over time", 10, "all")
    holds(lines, *((f"count(({expr}) and on (at, bin) {put(*each)})", 10, 1.0) for expr in shown for each in places.items()))


#: Series that are there for some samples, and a day later again.
SAMPLES = "x5"


def a_day_before(then: Iterable[str], now: Iterable[str]) -> list[str]:
    """Return series that are there for some minutes, and a day later again."""
    before, after = ({name: values for name, _, values in (line.rpartition("} ") for line in lines)} for lines in (then, now))
    none, gap = "_x6", f"_x{DAY // STEP - 6}"
    return [f"{name}}} {before.get(name, none)} {gap} {after.get(name, none)}" for name in {**before, **after}]


def asked(compare: str) -> dict[str, str]:
    """Return what the panels ask now, by short names."""
    places = {"then": ("Distribution now", 2), "nothing": ("Distribution now", 3), "mean": ("Mean", 4)}
    places |= {"more": ("What makes the PSI", 0), "fewer": ("What makes the PSI", 1)}
    return {name: query(title, NOW, "all", nth=nth, compare=compare) for name, (title, nth) in places.items()}


def test_the_window_is_compared_with_a_day_before(holds: Callable[..., None]) -> None:
    """As the sum of both replicas; the PSI by its formula, of finite terms where a bin was empty."""
    then, now = (800, 300, 0), (250, 50, 700)

    def mean(of: float, target: Mapping[str, str]) -> tuple[str, ...]:
        return moments("income", of, baseline=(9, 1), values=SAMPLES, target=target)

    lines = a_day_before(
        [
            *bins("income", (700, 300, 0), values=SAMPLES), *mean(10, TARGET),
            *bins("income", (100, 0, 0), values=SAMPLES, target=B), *mean(21, B),
        ],
        [*bins("income", (200, 0, 600), values=SAMPLES), *bins("income", (50, 50, 100), values=SAMPLES, target=B)],
    )  # fmt: skip
    yesterday, last_week, baseline = map(asked, ("1", "7", LONG_AGO))
    p, q = ([(count + 0.5) / (sum(counts) + 0.5 * 3) for count in counts] for counts in (then, now))
    terms = [(b - a) * math.log(b / a) for a, b in zip(p, q, strict=True)]
    holds(
        lines,
        (f"max({yesterday['then']})", NOW, 800 / 1100),
        (f"min({yesterday['then']})", NOW, 0.0),
        (yesterday["nothing"], NOW, None),
        (f"sum({yesterday['more']})", NOW, terms[2]),
        (f"sum({yesterday['fewer']})", NOW, terms[0] + terms[1]),
        (yesterday["mean"], NOW, (10 * 1000 + 21 * 100) / 1100),
        *((last_week[name], NOW, None) for name in ("then", "more", "fewer", "mean")),
        (f"count(({last_week['nothing']}) == 0)", NOW, 3.0),
        *((baseline[name], NOW, None) for name in ("then", "nothing", "mean")),
        (f"sum({baseline['more']}) + sum({baseline['fewer']})", NOW, psi(now)),
        a_day=True,
    )


@pytest.mark.parametrize("before", ["abd", "abcd", "ab"])
def test_other_bins_are_not_compared(holds: Callable[..., None], before: str) -> None:
    """A baseline with another bound, or another category, has been taken since: that is said, and nothing is compared."""
    now = bins("income", (200, 100, 600), values=SAMPLES, labels="abc")
    lines = a_day_before(bins("income", [300] * len(before), values=SAMPLES, labels=before), now)
    yesterday = asked("1")
    holds(
        lines,
        *((yesterday[name], NOW, None) for name in ("then", "more", "fewer")),
        (f"count(({yesterday['nothing']}) == 0)", NOW, 3.0),
        a_day=True,
    )


def test_the_replica_that_counted_then_counts(holds: Callable[..., None]) -> None:
    """Of a source that two read, the fuller one then is left out now."""

    def of_both(*counts: tuple[int, int]) -> list[str]:
        return [
            line
            for target, of_one in zip((TARGET, B), counts, strict=True)
            for line in (
                *bins("income", of_one, values=SAMPLES, target=target),
                *window(sum(of_one), values=SAMPLES, target=target),
                shared(target, values=f"1{SAMPLES}"),
            )
        ]

    lines = a_day_before(of_both((700, 300), (10, 90)), of_both((90, 110), (500, 500)))
    shown = query("Distribution now", NOW, "all", nth=1)
    holds(lines, (f"max({asked('1')['then']})", NOW, 0.7), (f"max({shown})", NOW, 0.5), a_day=True)
