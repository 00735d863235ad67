"""The row of the dashboard of a model on what it leans on: how much each feature contributes to its predictions."""

from __future__ import annotations

from prediction_exporter.collectors.traffic import ATTRIBUTION, BASELINE_ATTRIBUTION
from prediction_exporter.kit import looks
from prediction_exporter.kit import panels as p
from prediction_exporter.kit import tables as t
from prediction_exporter.kit.boards.choices import TOP
from prediction_exporter.kit.boards.selectors import MODEL, VERSION
from prediction_exporter.kit.fleet import SHARED, total
from prediction_exporter.kit.panels import Panel
from prediction_exporter.kit.promql import VERSION_KEY

_NOW, _BASELINE = "in the time range", "baseline"


def attribution() -> list[Panel]:
    """Return the panels of the row."""
    # Of the time range and not of minutes: what a handful of predictions lean on says little of the model.
    grown = f"increase({ATTRIBUTION.where(*VERSION)}[$__range] @ end())"
    of_each, of_all = (
        total((*VERSION_KEY, *key), grown, of=of, shared=SHARED) for key, of in ((("column",), "column"), ((), ""))
    )
    shares = f"({of_each} / on () group_left () ({of_all} > 0))"
    baseline = f"max by (column) ({BASELINE_ATTRIBUTION.where(*MODEL)})"
    # By how far they moved; without a baseline's, by how large they are.
    moved = f"topk({TOP}, abs({shares} - {baseline}) or {shares} unless on () {baseline})"
    panel = t.histogram(
        "What the model leans on",
        "How much of all that features contributed to this version's predictions, whatever the sign, each one did, and what it "
        f"was in the baseline's data, where these have attributions: the {TOP} features that moved most, the largest first.",
        p.now(f"{shares} and on (column) {moved}", _NOW, table=True, role=looks.WINDOW),
        p.now(f"{baseline} and on (column) {moved}", _BASELINE, table=True, role=looks.BASELINE),
        over="column",
        unit="percentunit",
        width=24,
        height=11,
        no_data="no attributions in the predictions: predictions.fields.attributions",
    )
    # With a figure at each bar there is no need of an axis, whose last mark would be cut at the edge.
    panel.content["options"] |= {"orientation": "horizontal", "xTickLabelRotation": 0, "showValue": "always"}
    panel.content["options"]["text"] = {"valueSize": 12}
    panel.defaults.update(decimals=0, custom={"axisPlacement": "hidden"})
    (of_columns,) = [each for each in panel.content["fieldConfig"]["overrides"] if each["matcher"]["options"] == "column"]
    of_columns["properties"].append({"id": "custom.axisPlacement", "value": "auto"})
    return [p.in_order_of(panel, _NOW, descending=True)]
