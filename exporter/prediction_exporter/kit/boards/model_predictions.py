"""The row of the dashboard of a model on what it predicts."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import PREDICTION_SCORE, PREDICTION_VALUE, PREDICTIONS
from prediction_exporter.collectors.windows import BASELINE_BIN_RATIO, MIN_PREDICTIONS
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit.boards.choices import TOP
from prediction_exporter.kit.boards.model_columns import TOO_FEW
from prediction_exporter.kit.boards.selectors import MODEL, OUTPUT, VERSION, WINDOW, WINDOWS, rate
from prediction_exporter.kit.figures import PSI
from prediction_exporter.kit.fleet import SHARED, total
from prediction_exporter.kit.heatmaps import heatmap
from prediction_exporter.kit.panels import Panel, Query
from prediction_exporter.kit.promql import VERSION_KEY
from prediction_exporter.kit.recording import WINDOW_COUNT


def predictions() -> list[Panel]:
    """Return the panels of the row."""
    return [_classes(), _scores(), _drift(), _sizes()]


def _classes() -> Panel:
    counted = PREDICTIONS.where(*VERSION)
    most = f"topk({TOP}, sum by (class) (increase({counted}[$__range] @ end())))"
    shares = f"sum by (class) ({rate(PREDICTIONS, VERSION)}) / on () group_left () (sum({rate(PREDICTIONS, VERSION)}) > 0)"
    expected = f"max by (bin) ({BASELINE_BIN_RATIO.where(*MODEL, role='prediction')})"
    named = f'max by (class) (label_join({expected}, "class", "", "bin"))'
    panel = p.timeseries(
        "Predicted classes",
        f"Share of each class among this version's predictions, on top of each other: the {TOP} most frequent of the range. "
        "Classes that the baseline does not hold are other. The grey lines are the baseline's shares, in the same order.",
        Query(expr=f"{shares} and on (class) {most}", legend="{{class}}"),
        Query(expr=f"{named} and on (class) {most}", legend="baseline {{class}}", role=looks.BASELINE),
        unit="percentunit",
        maximum=1,
        no_data="no predictions of classes",
    )
    panel.defaults["custom"] |= {"fillOpacity": 40, "stacking": {"mode": "normal", "group": "A"}}
    (baseline,) = panel.content["fieldConfig"]["overrides"]
    baseline["properties"] += [
        {"id": "custom.stacking", "value": {"mode": "normal", "group": "B"}},
        {"id": "custom.fillOpacity", "value": 0},
        {"id": "custom.lineWidth", "value": 2},
        {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": False, "viz": False}},
    ]
    return panel


def _scores() -> Panel:
    # A model has one of both.
    either = " or ".join(rate(f"{family}_bucket", VERSION) for family in (PREDICTION_SCORE, PREDICTION_VALUE))
    counted = total((*VERSION_KEY, "le"), f"({either})", of="le", shared=SHARED)
    return heatmap(
        "Scores",
        "How many of this version's scores fall into each bucket, a second; of several classes, those of all. Of a model that "
        "predicts numbers, its predictions, by deciles of the baseline.",
        Query(expr=counted, legend="{{le}}"),
        unit="short",
        width=12,
        height=9,
        no_data="no scores: predictions.fields.score",
    )


def _drift() -> Panel:
    return p.multiples(
        p.timeseries(
            "Drift of predictions",
            "PSI of predictions and scores, against the baseline, as a multiple of its threshold.",
            Query(expr=f"max by (column) ({PSI.over.where(*WINDOW, OUTPUT)})", legend="{{column}}"),
            unit="",
            no_data=TOO_FEW,
        )
    )


def _sizes() -> Panel:
    return p.counts(
        p.timeseries(
            "Predictions in the window",
            "The size of the sample, all replicas together, and how many there must be for anything to be compared.",
            Query(expr=f"sum by (window) ({WINDOW_COUNT.where(*WINDOWS)})", legend="{{window}}"),
            Query(expr=f"max({MIN_PREDICTIONS.where(*MODEL)})", legend="minimum", role=looks.THRESHOLD),
            unit="short",
            no_data="no predictions in the window",
        )
    )
