"""Series for the alerts' tests, checked against the families that they imitate."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence

from prediction_exporter.collectors.evidence import EVIDENCE, EVIDENCE_THRESHOLD, IMPORTANCE, MOVED_COLUMNS, TOLERANCE
from prediction_exporter.collectors.exporter import CONFIG_RELOAD_TIME
from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.collectors.source import SOURCE_SHARED, SOURCE_UP
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import (
    BASELINE_BIN_RATIO,
    BASELINE_CREATED,
    BASELINE_PREDICTIONS,
    EXPECTED_BIN_PREDICTIONS,
    MIN_PREDICTIONS,
    WINDOW_BIN_PREDICTIONS,
    WINDOW_PREDICTIONS,
)
from prediction_exporter.families import Family
from prediction_exporter.statistics.base import Statistic
from prediction_exporter.statistics.invalid_ratio import INVALID_RATIO
from prediction_exporter.statistics.mean import BASELINE_MEAN, MEAN
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.non_finite_ratio import NON_FINITE_RATIO
from prediction_exporter.statistics.psi import EFFECT_THRESHOLD, NOISE_QUANTILE, PSI
from prediction_exporter.statistics.stddev import BASELINE_STDDEV

#: Fewer predictions than this are not compared.
LEAST_ROWS = 30
#: The target that the tests scrape.
TARGET = {"namespace": "ml", "job": "prediction-exporter", "instance": "a:10900"}
#: What is left of it in an alert on a model.
SCOPE_LABELS = {"namespace": "ml", "job": "prediction-exporter"}
MODEL_LABELS = {**SCOPE_LABELS, "model": "credit-risk"}
VERSION_LABELS = {**MODEL_LABELS, "version": "2"}


class Assumed(str):
    """A series that gives way to another of the same name and labels."""

    __slots__ = ()


def together(found: Iterable[str]) -> tuple[str, ...]:
    """Return the series of a test, each once: two scenarios of one case may need the same, as a column's baseline.

    >>> together([Assumed('a{b="c"} 0'), 'a{b="c"} 1', 'a{b="c"} 1'])
    ('a{b="c"} 1',)
    """
    found = tuple(found)
    given = {_selector(line) for line in found if not isinstance(line, Assumed)}
    return tuple(dict.fromkeys(line for line in found if not isinstance(line, Assumed) or _selector(line) not in given))


def _selector(line: str) -> str:
    return line[: line.rindex("}") + 1]


def series(
    family: Family | str,
    values: str,
    common: Mapping[str, str] | None = None,
    *,
    target: Mapping[str, str] = TARGET,
    **more: str,
) -> str:
    """Return one input series; a family's labels must all be given, and no others.

    A histogram is imitated by naming one of its series.
    """
    labels = {**(common or {}), **more}
    if isinstance(family, Family) and set(labels) != set(family.labels):
        raise ValueError(f"{family} has the labels {family.labels}, not {tuple(labels)}")
    inner = ", ".join(f"{name}={json.dumps(value)}" for name, value in sorted({**target, **labels}.items()))
    return f"{family}{{{inner}}} {values}"


def bar(full: int) -> str:
    """Return the bar of so many tenths of the largest figure, as a list of columns shows it."""
    return "█" * full + "░" * (10 - full)


def changes(*, versions: Mapping[str, int], baseline: int, configuration: int) -> tuple[str, ...]:
    """Return the series of what changed in a model and when, in seconds after a test begins."""
    return (
        *(series(VERSION_FIRST_SEEN, f"{at}x200", model="credit-risk", version=name) for name, at in versions.items()),
        series(BASELINE_CREATED, f"{baseline}x200", model="credit-risk"),
        series(CONFIG_RELOAD_TIME, f"{configuration}x200"),
        series(SOURCE_UP, "1x200", model="credit-risk"),
    )


def owner(area: str, name: str = "risk-ds", values: str = "1x200", target: Mapping[str, str] = TARGET) -> str:
    """Return the series that names an area's owner."""
    return series(
        MODEL_OWNER_INFO, values, target=target, model="credit-risk", area=area, owner=name, slack=f"#{name}", email=""
    )


def shared(target: Mapping[str, str] = TARGET, values: str = "1x200", model: str = "credit-risk") -> str:
    """Return the series that tells that others read the model's source too."""
    return series(SOURCE_SHARED, values, target=target, model=model)


def window(predictions: int, name: str = "1h", values: str = "x200", target: Mapping[str, str] = TARGET) -> tuple[str, ...]:
    """Return the series of a window's size and of the least size to compare."""
    return (
        series(
            WINDOW_PREDICTIONS, f"{predictions}{values}", target=target,
            model="credit-risk", version="2", segment="all", window=name,
        ),
        series(MIN_PREDICTIONS, f"{LEAST_ROWS}{values}", target=target, model="credit-risk"),
    )  # fmt: skip


def share(
    statistic: Statistic,
    column: str,
    value: float,
    threshold: float,
    *,
    window: str = "1h",
    values: str = "x200",
    target: Mapping[str, str] = TARGET,
) -> tuple[str, ...]:
    """Return the series of a share and its threshold."""
    labels = {"model": "credit-risk", "version": "2", "segment": "all", "window": window, "column": column, "role": "feature"}
    return (
        series(statistic.family, f"{value}{values}", labels, target=target),
        series(statistic.threshold_family, f"{threshold}{values}", labels, target=target),
    )


#: The evidence from which on a column surely moved, in the tests.
EVIDENCE_LEAST = 5


def evidence(
    columns: Mapping[str, float], *, moved: int, values: str = "x200", target: Mapping[str, str] = TARGET
) -> tuple[str, ...]:
    """Return the series of the evidence of columns, and of how many of them moved."""
    model = {"model": "credit-risk"}
    found = [series(MOVED_COLUMNS, f"{moved}{values}", model, target=target, version="2")]
    for column, value in columns.items():
        labels = {**model, "column": column, "role": "feature"}
        found.append(series(EVIDENCE, f"{value}{values}", labels, target=target, version="2"))
        found.append(series(EVIDENCE_THRESHOLD, f"{EVIDENCE_LEAST}{values}", labels, target=target))
        found.append(series(TOLERANCE, f"0.1{values}", labels, target=target))
    return tuple(found)


def importance(columns: Mapping[str, float], *, values: str = "x200", target: Mapping[str, str] = TARGET) -> tuple[str, ...]:
    """Return the series of what part of the score each feature carries."""
    model = {"model": "credit-risk", "role": "feature"}
    return tuple(
        series(IMPORTANCE, f"{value}{values}", model, target=target, column=column) for column, value in columns.items()
    )


#: The baseline of every drift test: two bins of equal share, 10,000 rows.
BASELINE_ROWS = 10_000
#: What NOISE_QUANTILE is in the tests: the 0.999 quantile of the chi-square distribution with one degree of freedom, rounded.
QUANTILE = 10.83
EFFECT = 0.2


def bins(
    column: str,
    counts: Sequence[int],
    *,
    role: str = "feature",
    name: str = "1h",
    values: str = "x200",
    target: Mapping[str, str] = TARGET,
    labels: Sequence[str] = "0123456789",
    effect: float = EFFECT,
    expected: Sequence[float] | None = None,
) -> tuple[str, ...]:
    """Return the series from which the fleet's PSI of a column and its threshold follow, and what the replica says itself.

    ``expected`` is what the baseline shows in the window's hours, of a column that has a season.
    """
    column_labels = {"model": "credit-risk", "column": column, "role": role}
    window_labels = {**column_labels, "version": "2", "segment": "all", "window": name}
    found = [
        series(WINDOW_BIN_PREDICTIONS, f"{count}{values}", window_labels, target=target, bin=labels[i])
        for i, count in enumerate(counts)
    ]
    found += [
        series(BASELINE_BIN_RATIO, f"{1 / len(counts)}{values}", column_labels, target=target, bin=labels[i])
        for i in range(len(counts))
    ]
    found += [
        series(BASELINE_PREDICTIONS, f"{BASELINE_ROWS}{values}", column_labels, target=target),
        series(EFFECT_THRESHOLD, f"{effect}{values}", column_labels, target=target, window=name),
    ]
    found += [
        series(EXPECTED_BIN_PREDICTIONS, f"{count}{values}", window_labels, target=target, bin=labels[i])
        for i, count in enumerate(expected or ())
    ]
    if sum(counts) >= LEAST_ROWS:
        found += [
            series(PSI.family, f"{psi(counts, expected)!r}{values}", window_labels, target=target),
            series(PSI.threshold_family, f"{psi_threshold(sum(counts), effect)!r}{values}", window_labels, target=target),
            series(PSI.noise_floor_family, f"{psi_noise_floor(counts)!r}{values}", window_labels, target=target),
        ]
    found += [series(NOISE_QUANTILE, f"{QUANTILE}{values}", window_labels, target=target)]
    # Every prediction has a value, unless the case says otherwise.
    shares = (MISSING_RATIO, INVALID_RATIO, NON_FINITE_RATIO)
    found += [Assumed(series(statistic.family, f"0{values}", window_labels, target=target)) for statistic in shares]
    return tuple(found)


def moments(
    column: str,
    mean: float,
    *,
    baseline: tuple[float, float],
    name: str = "1h",
    values: str = "x200",
    target: Mapping[str, str] = TARGET,
    role: str = "feature",
) -> tuple[str, ...]:
    """Return the series of a numeric column's mean in the window, and of mean and standard deviation in the baseline."""
    column_labels = {"model": "credit-risk", "column": column, "role": role}
    window_labels = {**column_labels, "version": "2", "segment": "all", "window": name}
    return (
        series(MEAN.family, f"{mean}{values}", window_labels, target=target),
        series(BASELINE_MEAN, f"{baseline[0]}{values}", column_labels, target=target),
        series(BASELINE_STDDEV, f"{baseline[1]}{values}", column_labels, target=target),
    )


def psi(counts: Sequence[int], expected: Sequence[float] | None = None) -> float:
    """Return the PSI of counts against expected ones, or against a baseline of equal shares, by its formula."""
    total = sum(counts) + 0.5 * len(counts)
    shares = [(count + 0.5) / total for count in counts]
    against = [1.0] * len(counts) if expected is None else expected
    against = [count / sum(against) for count in against]
    return sum((share - other) * math.log(share / other) for share, other in zip(shares, against, strict=True))


def psi_noise_floor(counts: Sequence[int]) -> float:
    """Return what the PSI of so many values reads without drift, by its formula."""
    return (len(counts) - 1) * (1 / sum(counts) + 1 / BASELINE_ROWS)


def psi_threshold(rows: int, effect: float = EFFECT) -> float:
    """Return what the PSI of so many values is compared with."""
    return max(effect, QUANTILE * (1 / rows + 1 / BASELINE_ROWS))
