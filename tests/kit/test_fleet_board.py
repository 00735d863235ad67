"""The dashboard of all models counts those that nobody asks, whatever else is known of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grafana import filled, panels
from prediction_exporter.collectors.identity import MODEL_OWNER_INFO
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.kit.boards import fleet
from prediction_exporter.kit.cases import TARGET, series
from prediction_exporter.kit.groups import HEALTH
from prediction_exporter.kit.health import Health
from prediction_exporter.kit.promql import MODEL_KEY
from prediction_exporter.kit.recording import TRAFFIC
from quick_yaml import dump as dump_yaml

ANYWHERE = {"cluster": ".*", "namespace": ".*", "owner": ".*"}


def of_model(name: str, health: Health, *, traffic: float | None = None, up: int | None = 1) -> list[str]:
    """Return the series of a model; without ``up`` no exporter answers for it."""
    labels = {"model": name}
    recorded = {label: value for label, value in (TARGET | labels).items() if label in MODEL_KEY}
    found = [series(HEALTH.name, f"{health.value}x5", recorded, target={})]
    if traffic is not None:
        found.append(series(TRAFFIC.name, f"{traffic:g}x5", recorded, target={}))
    if up is not None:
        found.append(series(MODEL_OWNER_INFO, "1x5", labels, owner="me", area="drift", slack="", email=""))
        found.append(series(SOURCE_UP, f"{up}x5", labels))
    return found


ASKED = of_model("asked", Health.WARNING, traffic=12)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        (of_model("idle", Health.HEALTHY, traffic=0), 1),
        # After an hour there is nothing in the window that could be compared.
        (of_model("idle", Health.NOT_WATCHED, traffic=0), 1),
        (of_model("never asked", Health.NOT_WATCHED), 1),
        (of_model("unread", Health.NOT_WATCHED, up=0), 0),
        (of_model("gone", Health.NOT_WATCHED, traffic=0, up=None), 0),
        ([], 0),
    ],
)
def test_models_that_nobody_asks_are_counted(run: Callable[..., str], tmp_path: Path, others: list[str], expected: int) -> None:
    """Also those whose windows are empty by now; not those of which nobody knows."""
    (panel,) = [panel for panel in panels(fleet.board().content()) if panel["title"] == "Without traffic"]
    asked = {
        "expr": f"({filled(panel['targets'][0]['expr'], ANYWHERE)}) == bool {expected}",
        "eval_time": "2m",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }
    parts = [line.partition("} ") for line in (*ASKED, *others)]
    test = {
        "interval": "1m",
        "input_series": [{"series": f"{name}}}", "values": values} for name, _, values in parts],
        "promql_expr_test": [asked],
    }
    path = tmp_path / "fleet.test.yml"
    path.write_text(dump_yaml({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    run("promtool", "test", "rules", path)
