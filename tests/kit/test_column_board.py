"""The dashboard of a column says of a segment what it says of all traffic, and since when a column has drifted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from grafana import filled, panels
from prediction_exporter.collectors.traffic import ATTRIBUTION, BASELINE_ATTRIBUTION
from prediction_exporter.kit.boards import column
from prediction_exporter.kit.cases import TARGET, bins, psi, psi_noise_floor, psi_threshold, series, share, window
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
    "__range": "2h",
    "__rate_interval": "5m",
    "__range_s": "7200",
}
NORTH = "region=north"
#: What drifts, when: the first minutes are well.
WELL_MINUTES = 20
WELL, DRIFTED = (500, 500), (900, 100)


def query(title: str, at: int, segment: str, *, nth: int = 0, since: float = 2.0) -> str:
    """Return a query of a panel as Grafana would send it at a minute; the range of time began hours before it."""
    (panel,) = [panel for panel in panels(column.board().content()) if panel["title"] == title]
    given = {**CHOSEN, "segment": segment, "__from": f"{(at - since * 60) * 60_000:.0f}"}
    return filled(panel["targets"][nth]["expr"], given)


def of_segment(lines: Iterable[str]) -> list[str]:
    """Return the series as those of a segment."""
    return [line.replace('segment="all"', f'segment="{NORTH}"') for line in lines]


@pytest.fixture
def holds(run: Callable[..., str], folder: Path, tmp_path: Path) -> Callable[..., None]:
    """Check what expressions give at minutes: a value, or None for none."""

    def check(lines: Iterable[str], *expected: tuple[str, int, float | None], within: float = 1e-6) -> None:
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
            "interval": "1m",
            "input_series": [{"series": f"{name}}}", "values": values} for name, _, values in parts],
            "promql_expr_test": asked,
        }
        content = {
            "rule_files": [str(folder / RECORDING_FILE)],
            "evaluation_interval": "1m",
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
