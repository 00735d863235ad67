"""Tests of the recorded series: the fleet's figures equal those of one exporter that read everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prediction_exporter.collectors.source import LAST_SUCCESS, SOURCE_UP
from prediction_exporter.collectors.traffic import REQUESTS, REQUESTS_FAILED
from prediction_exporter.kit import one_column
from prediction_exporter.kit.cases import (
    BASELINE_ROWS,
    MODEL_LABELS,
    QUANTILE,
    TARGET,
    bins,
    owner,
    psi,
    psi_threshold,
    series,
    share,
    shared,
    window,
)
from prediction_exporter.kit.figures import (
    BADNESS,
    EVERYTHING,
    MISSING,
    PSI,
    UNSEEN,
    Figure,
    expected_bins,
    psi_noise_floor,
    values,
)
from prediction_exporter.kit.promql import COLUMN_KEY, Recorded
from prediction_exporter.kit.recording import (
    BURN_SPANS,
    FAILED_SHARES,
    OWNER,
    SHORTEST_WINDOW,
    TRAFFIC,
    WINDOW_COUNT,
)
from prediction_exporter.statistics.missing_ratio import MISSING_RATIO
from prediction_exporter.statistics.unseen_ratio import UNSEEN_RATIO

_B = {**TARGET, "instance": "b:10900"}


@dataclass(frozen=True, kw_only=True)
class RecordingCase:
    """Series, and at a time expressions with the labels and value that each must give."""

    name: str
    series: tuple[str, ...]
    at: str
    expected: tuple[tuple[str, str, float], ...]


def _equals(series: Recorded | str, value: float, **labels: str) -> tuple[str, str, float]:
    """Expect one series of a column or window; promtool compares floats exactly, so the expression allows for rounding."""
    found = {**MODEL_LABELS, "version": "2", "segment": "all", "window": "1h", **labels}
    return f"abs({series} - {value!r}) < bool 1e-9", labels_text(found), 1


def _figure(figure: Figure, value: float, threshold: float) -> tuple[tuple[str, str, float], ...]:
    """Expect a figure of the column income, its threshold, and the recorded multiple; a PSI also as panels make it."""
    counted = (one_column.psi_value, one_column.psi_threshold) if figure is PSI else ()
    return (
        *(_equals(of(EVERYTHING), expected, **_INCOME) for of, expected in zip(counted, (value, threshold), strict=False)),
        _equals(figure.value(EVERYTHING), value, **_INCOME),
        _equals(figure.threshold(EVERYTHING), threshold, **_INCOME),
        _equals(figure.over, value / threshold, **_INCOME),
    )


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as promtool expects them."""
    inner = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inner}}}"


_INCOME = {"column": "income", "role": "feature"}


def _replica(predictions: int, counts: tuple[int, int], target: Mapping[str, str], values: str = "x200") -> tuple[str, ...]:
    """Return what a replica of a shared source shows, with a tenth of the values unseen and a fifth of the rows without one."""
    return (
        *window(predictions, values=values, target=target),
        *bins("income", counts, values=values, target=target),
        *share(MISSING_RATIO, "income", 0.2, 6 / predictions, values=values, target=target),
        *share(UNSEEN_RATIO, "income", 0.1, 3 / predictions, values=values, target=target),
        shared(target, values=f"1{values}"),
    )


def _of_one(predictions: int, counts: tuple[int, int]) -> tuple[tuple[str, str, float], ...]:
    """Expect the fleet's figures to be those of :func:`_replica`."""
    rows = sum(counts)
    return (
        _equals(WINDOW_COUNT, predictions),
        _equals(values(EVERYTHING), rows, **_INCOME),
        _equals(psi_noise_floor(EVERYTHING), 1 / rows + 1 / BASELINE_ROWS, **_INCOME),
        *_figure(PSI, psi(counts), psi_threshold(rows)),
        *_figure(MISSING, 0.2, 6 / predictions),
        *_figure(UNSEEN, 0.1, 3 / predictions),
    )


#: Small enough for a threshold from the sample size.
_FULL = (50, (30, 10))

SHARED_CASES = (
    RecordingCase(
        name="two replicas of one source: its rows count once, also in noise floor and threshold",
        series=(*_replica(*_FULL, TARGET), *_replica(*_FULL, _B)),
        at="5m",
        expected=_of_one(*_FULL),
    ),
    RecordingCase(
        name="one of two replicas of one source is down: nothing changes",
        series=(*_replica(*_FULL, TARGET, "x10 _x190"), *_replica(*_FULL, _B)),
        at="15m",
        expected=_of_one(*_FULL),
    ),
    RecordingCase(
        name="one of two replicas of one source still catches up: the other has the figures",
        series=(*_replica(*_FULL, TARGET), *_replica(35, (25, 3), _B)),
        at="5m",
        expected=_of_one(*_FULL),
    ),
    RecordingCase(
        name="one of two replicas of one source stands still since a busier hour: the other has the figures",
        series=(
            *_replica(900, (700, 20), TARGET), series(LAST_SUCCESS, "0x200", model="credit-risk"),
            *_replica(*_FULL, _B), series(LAST_SUCCESS, "0+60x200", target=_B, model="credit-risk"),
        ),
        at="15m",
        expected=_of_one(*_FULL),
    ),
    RecordingCase(
        name="no replica of one source can read it: the figures are still those of one",
        series=(
            *_replica(*_FULL, TARGET), series(SOURCE_UP, "0x200", model="credit-risk"),
            *_replica(*_FULL, _B), series(SOURCE_UP, "0x200", target=_B, model="credit-risk"),
        ),
        at="15m",
        expected=_of_one(*_FULL),
    ),
    RecordingCase(
        name="replicas that say that they share nothing are added",
        series=(
            *window(600), *bins("income", (500, 100)), shared(values="0x200"),
            *window(400, target=_B), *bins("income", (100, 300), target=_B), shared(_B, values="0x200"),
        ),
        at="5m",
        expected=(_equals(WINDOW_COUNT, 1000), *_figure(PSI, psi((600, 400)), psi_threshold(1000))),
    ),
    RecordingCase(
        name="requests of a shared source, in two versions, beside those of a model whose replicas have logs of their own",
        series=tuple(
            line
            for target in (TARGET, _B)
            for line in (
                series(REQUESTS, "0+90x60", target=target, model="credit-risk", version="1"),
                series(REQUESTS, "0+10x60", target=target, model="credit-risk", version="2"),
                series(REQUESTS_FAILED, "0+9x60", target=target, model="credit-risk", version="1"),
                series(REQUESTS_FAILED, "0+1x60", target=target, model="credit-risk", version="2"),
                shared(target),
                series(REQUESTS, "0+10x60", target=target, model="other", version="1"),
                series(REQUESTS_FAILED, "0+1x60", target=target, model="other", version="1"),
                shared(target, values="0x200", model="other"),
            )
        ),
        at="1h",
        expected=tuple(
            (f"abs({series} - {value}) < bool 1e-9", labels_text({**MODEL_LABELS, "model": model}), 1.0)
            for model, requests in (("credit-risk", 3000), ("other", 600))
            for series, value in (
                (TRAFFIC.where(model=model), requests),
                (FAILED_SHARES[BURN_SPANS[0]].where(model=model), 0.1),
            )
        ),
    ),
)  # fmt: skip

RECORDING_CASES = (
    RecordingCase(
        name="two replicas with opposite halves of the traffic",
        series=(
            *window(1000), *bins("income", (900, 100)),
            *window(1000, target=_B), *bins("income", (100, 900), target=_B),
        ),
        at="5m",
        expected=(
            _equals(PSI.over, 0.0, **_INCOME),
            _equals(PSI.value(EVERYTHING), 0.0, **_INCOME),
            _equals(values(EVERYTHING), 2000, **_INCOME),
        ),
    ),
    RecordingCase(
        name="unequal replicas: the sum of their counts is compared",
        series=(
            *window(1000), *bins("income", (900, 100)),
            *window(100, target=_B), *bins("income", (20, 80), target=_B),
        ),
        at="5m",
        expected=(
            *_figure(PSI, psi((920, 180)), psi_threshold(1100)),
            _equals(psi_noise_floor(EVERYTHING), 1 / 1100 + 1 / BASELINE_ROWS, **_INCOME),
        ),
    ),
    RecordingCase(
        name="replicas of a column whose short windows read more without any change: each window has an effect of its own",
        series=(
            *window(600), *bins("income", (500, 100), effect=0.45),
            *window(400, target=_B), *bins("income", (300, 100), effect=0.45, target=_B),
            *window(6000, "24h"), *bins("income", (5000, 1000), name="24h"),
            *window(4000, "24h", target=_B), *bins("income", (3000, 1000), name="24h", target=_B),
        ),
        at="5m",
        expected=(
            _equals(PSI.over.where(window="1h"), psi((800, 200)) / 0.45, **_INCOME),
            _equals(PSI.over.where(window="24h"), psi((8000, 2000)) / 0.2, **_INCOME, window="24h"),
        ),
    ),
    RecordingCase(
        name="a season: one replica serves the night and one the day, each as the baseline did; beside it a column without one",
        series=(
            *window(1000), *bins("income", (900, 100), expected=(900, 100)), *bins("age", (500, 500)),
            *window(1000, target=_B), *bins("income", (300, 700), expected=(300, 700), target=_B),
            *bins("age", (700, 300), target=_B),
        ),
        at="5m",
        expected=(
            # Half a row in each bin is all that is left of it: 5e-8. Against all of the baseline it would be what age reads.
            _equals(PSI.over.where(column="income"), psi((1200, 800), (1200, 800)) / psi_threshold(2000), **_INCOME),
            _equals(PSI.over.where(column="age"), psi((1200, 800)) / psi_threshold(2000), column="age", role="feature"),
            _equals(f"(max by ({', '.join(COLUMN_KEY)}) ({expected_bins(EVERYTHING)}))", 0.6, **_INCOME),
        ),
    ),
    RecordingCase(
        name="a season: of unequal replicas the one that serves the day has changed",
        series=(
            *window(1000), *bins("income", (900, 100), expected=(870.5, 129.5)),
            *window(400, target=_B), *bins("income", (100, 300), expected=(300.25, 99.75), target=_B),
        ),
        at="5m",
        expected=_figure(PSI, psi((1000, 400), (1170.75, 229.25)), psi_threshold(1400)),
    ),
    RecordingCase(
        name="a season: what one replica says itself is taken as it is",
        series=(*window(1000), *bins("income", (700, 300), expected=(900, 100))),
        at="5m",
        expected=_figure(PSI, psi((700, 300), (900, 100)), psi_threshold(1000)),
    ),
    RecordingCase(
        name="a season: replicas of a shared source are one",
        series=tuple(
            line
            for target in (TARGET, _B)
            for line in (
                *window(1000, target=target), shared(target),
                *bins("income", (700, 300), expected=(900, 100), target=target),
            )
        ),
        at="5m",
        expected=_figure(PSI, psi((700, 300), (900, 100)), psi_threshold(1000)),
    ),
    RecordingCase(
        name="an empty bin, and a threshold from the sample size",
        series=(*window(35), *bins("income", (35, 0))),
        at="5m",
        expected=(
            *_figure(PSI, psi((35, 0)), QUANTILE * (1 / 35 + 1 / BASELINE_ROWS)),
        ),
    ),
    RecordingCase(
        name="shares are weighted, with predictions or with values",
        series=(
            *window(600), *share(MISSING_RATIO, "income", 0.5, 0.06), *share(UNSEEN_RATIO, "income", 0.1, 0.03),
            *bins("income", (200, 100)),
            *window(400, target=_B), *share(MISSING_RATIO, "income", 0.0, 0.07, target=_B),
            *share(UNSEEN_RATIO, "income", 0.5, 0.03, target=_B), *bins("income", (300, 100), target=_B),
        ),
        at="5m",
        expected=(
            *_figure(MISSING, (0.5 * 600 + 0.0 * 400) / 1000, 0.07),
            *_figure(UNSEEN, (0.1 * 300 + 0.5 * 400) / 700, 0.03),
        ),
    ),
    RecordingCase(
        name="the worst that is watched of a column: a share",
        series=(
            *window(1000), *bins("income", (900, 100)), *share(MISSING_RATIO, "income", 0.8, 0.02),
            *share(UNSEEN_RATIO, "income", 0.1, 0.05),
        ),
        at="5m",
        expected=(_equals(BADNESS, 0.8 / 0.02, **_INCOME),),
    ),
    RecordingCase(
        name="the worst that is watched of a column: a distance",
        series=(*window(1000), *bins("income", (900, 100)), *share(MISSING_RATIO, "income", 0.03, 0.02)),
        at="5m",
        expected=(_equals(BADNESS, psi((900, 100)) / psi_threshold(1000), **_INCOME),),
    ),
    RecordingCase(
        name="a threshold of 0 is passed by what there is, and not by nothing; without a threshold nothing is known",
        series=(
            *window(1000), *share(MISSING_RATIO, "income", 0.1, 0), *share(MISSING_RATIO, "age", 0, 0),
            share(MISSING_RATIO, "region", 0.5, 0.1)[0],
        ),
        at="5m",
        expected=(
            (f"count by (column) ({BADNESS} == Inf)", '{column="income"}', 1),
            (f"count by (column) ({BADNESS} == 0)", '{column="age"}', 1),
            (f"count({BADNESS})", "{}", 2),
        ),
    ),
    RecordingCase(
        name="the shortest window with enough predictions, of three",
        series=(*window(20, "15m"), *window(40, "1h"), *window(900, "24h")),
        at="5m",
        expected=(_equals(SHORTEST_WINDOW, 40),),
    ),
    RecordingCase(
        name="the shortest window stays the shortest at night",
        series=(*window(400, "1h", "x60 5x100"), *window(900, "24h")),
        at="1h2m",
        expected=((f"count by (window) ({SHORTEST_WINDOW})", '{window="1h"}', 1),),
    ),
    RecordingCase(
        name="a window that is no longer configured is not the shortest",
        series=(*window(400, "1h", "x30 _x100"), *window(900, "24h")),
        at="1h",
        expected=((f"count by (window) ({SHORTEST_WINDOW})", '{window="24h"}', 1),),
    ),
    RecordingCase(
        name="one owner while replicas disagree, and after the exporter has gone",
        series=(owner("drift", "risk-ds", "1x30"), owner("drift", "fraud-ds", "1x30", target=_B)),
        at="2h",
        expected=(
            (
                f"count by (model, area) ({OWNER} == 1)",
                '{model="credit-risk", area="drift"}',
                1,
            ),
        ),
    ),
    *SHARED_CASES,
)  # fmt: skip
