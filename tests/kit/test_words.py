"""What messages say is written for people: words in the place of label values, figures with something beside them."""

from __future__ import annotations

import re

import pytest

from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.kit.alert import Alert, Firing
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.alerts.model_cpu_throttled import MODEL_CPU_THROTTLED
from prediction_exporter.kit.alerts.model_memory_near_limit import MODEL_MEMORY_NEAR_LIMIT
from prediction_exporter.kit.alerts.model_open_files_near_limit import MODEL_OPEN_FILES_NEAR_LIMIT
from prediction_exporter.kit.alerts.model_process_down import MODEL_PROCESS_DOWN
from prediction_exporter.kit.alerts.model_process_restarts import MODEL_PROCESS_RESTARTS

METRICS = {family.name for family in FAMILIES}


def texts(alert: Alert) -> list[str]:
    """Return what messages of an alert say, as promtool's tests of the rules prove."""
    firing: list[Firing] = [each for case in alert.tests for check in case.checks for each in check.firing]
    return [alert.summary, alert.action, *(each.description for each in firing), *(each.worst or "" for each in firing)]


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_no_label_value_stands_as_it_is(alert: Alert) -> None:
    """Whoever is woken reads "requests a second" and not requests_per_second; the names of metrics and of columns stay."""
    columns = {each.labels.get("column") for case in alert.tests for check in case.checks for each in check.firing}
    for text in texts(alert):
        raw = set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", re.sub("`[^`]*`", "", text)))
        assert raw - METRICS - columns == set()


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_figures_can_be_read_at_a_glance(alert: Alert) -> None:
    """No exponent, no unit glued to its number, no time of more than two units or with one of nothing, and no "1 things"."""
    for text in texts(alert):
        assert not re.search(r"\de[+-]?\d|\d(?:[KMGT]i?B|%)|(?:\d+[dhms] ){2}\d+[dhms]\b|\d+[dhm] 0[hms]\b", text), text
        assert not re.search(r"(?<![\d.,] of )(?<![\d.,])\b1 (?!of\b|times\b)[a-z]+s\b", text), text


@pytest.mark.parametrize(
    "alert",
    [
        MODEL_PROCESS_DOWN,
        MODEL_PROCESS_RESTARTS,
        MODEL_MEMORY_NEAR_LIMIT,
        MODEL_CPU_THROTTLED,
        MODEL_OPEN_FILES_NEAR_LIMIT,
    ],
    ids=str,
)
def test_the_replica_at_fault_is_named(alert: Alert) -> None:
    """Of ten replicas it is one that has to be looked at."""
    descriptions = [each.description for case in alert.tests for check in case.checks for each in check.firing]
    assert descriptions
    assert all(" at a:10900" in text for text in descriptions)
