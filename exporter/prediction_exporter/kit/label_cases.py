"""Series of labels and performance for the alerts' tests, checked against the families that they imitate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from prediction_exporter.collectors.additive import (
    ERRORS,
    LABELLED_PREDICTIONS,
    LABELLED_WEIGHT,
    SCORE_NEGATIVES,
    SCORE_POSITIVES,
    SCORE_POSITIVES_ABOVE,
    SQUARED_ERRORS,
)
from prediction_exporter.collectors.labels import (
    BASELINE_LABELS,
    COVERAGE_LABELLED,
    COVERAGE_PREDICTIONS,
    LABEL_PSI,
    LABEL_THRESHOLD,
    LATE_AFTER,
    MATURE_END,
    REQUIRED_COVERAGE,
    SOURCE_NEWEST,
    SOURCE_UP,
    WINDOW_LABELS,
)
from prediction_exporter.collectors.report import MATURE
from prediction_exporter.kit.cases import TARGET, series
from prediction_exporter.performance import Measure

_MODEL = {"model": "credit-risk"}


def at(window: str = "24h", segment: str = "all", stage: str = "", labels: str = MATURE) -> dict[str, str]:
    """Return the labels of a window of performance."""
    return {**_MODEL, "version": "2", "stage": stage, "segment": segment, "window": window, "labels": labels}


def measured(
    one: Measure,
    value: float,
    compared: tuple[float, float],
    *entry: str,
    of: Mapping[str, str] | None = None,
    values: str = "x200",
    target: Mapping[str, str] = TARGET,
) -> tuple[str, ...]:
    """Return the series of a measure's entry: what a window reads, and the baseline and the threshold beside it."""
    place, own = at() if of is None else of, dict(zip(one.labels, entry, strict=True))
    found = (
        series(one.family, f"{value}{values}", {**place, **own}, target=target),
        series(one.baseline_family, f"{compared[0]}{values}", {**_MODEL, **own}, target=target),
    )
    if place["labels"] != MATURE:
        return found
    return (*found, series(one.threshold_family, f"{compared[1]}{values}", {**place, **own}, target=target))


def areas(area: float, *, values: str = "x200", target: Mapping[str, str] = TARGET) -> tuple[str, ...]:
    """Return the counts by which several replicas' area under the curve would be this: of a hundred pairs of each kind.

    All positives lie in the upper of two bins; so does what makes the area smaller of the negatives, and is half of it.
    """
    low = 200 * area - 100
    own = {**at(), "class": "yes"}
    lines = [series(SCORE_POSITIVES, f"100{values}", own, target=target)]
    for name, negatives, above in (("0 [-Inf, 0.5)", low, 100), ("1 [0.5, +Inf)", 100 - low, 50)):
        lines.append(series(SCORE_NEGATIVES, f"{negatives:g}{values}", own, target=target, bin=name))
        lines.append(series(SCORE_POSITIVES_ABOVE, f"{above}{values}", own, target=target, bin=name))
    return tuple(lines)


def sums(mean: float, square: float, *, of: Mapping[str, str] | None = None, values: str = "x200") -> tuple[str, ...]:
    """Return the sums by which several replicas' mean error and mean squared error would be these: of a hundred pairs."""
    place = at() if of is None else of
    found = ((LABELLED_WEIGHT, 100.0), (ERRORS, 100 * mean), (SQUARED_ERRORS, 100 * square))
    return tuple(series(family, f"{value:g}{values}", place) for family, value in found)


def labelled(
    count: int, *, of: Mapping[str, str] | None = None, values: str = "x200", target: Mapping[str, str] = TARGET
) -> str:
    """Return the series of how many predictions with labels a window has."""
    return series(LABELLED_PREDICTIONS, f"{count}{values}", at() if of is None else of, target=target)


def covered(
    classes: Mapping[str, tuple[int, str]], *, window: str = "24h", labels: str = MATURE, target: Mapping[str, str] = TARGET
) -> tuple[str, ...]:
    """Return the series of coverage: by predicted class the predictions, and the values of those that have a label."""
    place = {name: value for name, value in at(window, labels=labels).items() if name != "segment"}
    lines = []
    for name, (predictions, known) in classes.items():
        own = {**place, "class": name}
        lines.append(series(COVERAGE_PREDICTIONS, f"{predictions}x400", own, target=target))
        lines.append(series(COVERAGE_LABELLED, known, own, target=target))
    return tuple(lines)


def required(share: float, target: Mapping[str, str] = TARGET) -> str:
    """Return the series of the coverage that the configuration asks for."""
    return series(REQUIRED_COVERAGE, f"{share}x400", _MODEL, target=target)


#: What the labels of the baseline's data were, and the threshold of their PSI, in the tests.
BASELINE_SHARES = {"yes": 0.2, "no": 0.7, "late": 0.1}
DRIFT_THRESHOLD = 0.15


def label_drift(
    counts: Mapping[str, int], *, values: str = "x200", target: Mapping[str, str] = TARGET, threshold: float = DRIFT_THRESHOLD
) -> tuple[str, ...]:
    """Return the series of labels and of how they differ from the baseline's."""
    return (
        *(series(WINDOW_LABELS, f"{count}{values}", at(), target=target, bin=name) for name, count in counts.items()),
        *(
            series(BASELINE_LABELS, f"{share}{values}", _MODEL, target=target, bin=name)
            for name, share in BASELINE_SHARES.items()
        ),
        series(LABEL_PSI, f"{psi(list(counts.values()))!r}{values}", at(), target=target),
        series(LABEL_THRESHOLD, f"{threshold}{values}", at(), target=target),
    )


def psi(counts: Sequence[int]) -> float:
    """Return the PSI of labels against those of the baseline, by its formula."""
    total = sum(counts) + 0.5 * len(counts)
    pairs = zip(((count + 0.5) / total for count in counts), BASELINE_SHARES.values(), strict=True)
    return sum((share - other) * math.log(share / other) for share, other in pairs)


def several() -> tuple[str, ...]:
    """Return the series by which it is seen that two replicas have labels of their own."""
    return labelled(800), labelled(200, target={**TARGET, "instance": "b:10900"})


def waited(
    *,
    newest: str,
    mature: str | None = None,
    up: str = "1x2400",
    late_after: float = 10 * 86400,
    target: Mapping[str, str] = TARGET,
) -> tuple[str, ...]:
    """Return the series of the labels' source, and of where the mature window ends."""
    found = [
        series(SOURCE_UP, up, _MODEL, target=target),
        series(SOURCE_NEWEST, newest, _MODEL, target=target),
        series(LATE_AFTER, f"{late_after:g}x2400", _MODEL, target=target),
    ]
    return tuple(found if mature is None else [*found, series(MATURE_END, mature, _MODEL, target=target, window="24h")])
