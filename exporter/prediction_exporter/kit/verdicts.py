"""Figures that judge: in words, out of how many, and where they lead."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.kit.health import Health
from prediction_exporter.kit.looks import BAD, GOOD, NEAR, PLAIN, UNKNOWN, words
from prediction_exporter.kit.panels import Panel, configured, now

#: How a model's health is drawn, and what it is called, by the values of its series.
HEALTH_COLORS: Mapping[str, str] = {
    str(state.value): color
    for state, color in {
        Health.HEALTHY: GOOD,
        Health.INFO: PLAIN,
        Health.WARNING: NEAR,
        Health.NOT_WATCHED: UNKNOWN,
        Health.CRITICAL: BAD,
    }.items()
}
HEALTH_WORDS: Mapping[str, str] = {str(state.value): state.words for state in Health}


def in_words(panel: Panel, texts: Mapping[str, str], colors: Mapping[str, str]) -> Panel:
    """Return a figure that says what its values mean, on a background of their colour; both are by value."""
    panel.content["options"]["colorMode"] = "background_solid"
    panel.defaults["mappings"] = words(texts, colors, no_data=panel.defaults["noValue"])
    return panel


def out_of(panel: Panel, whole: str) -> Panel:
    """Return a figure that says of how many it is, as "3 of 40".

    Args:
        panel: the figure.
        whole: an expression of how many there are, without labels.
    """
    # Joined with a label that is not there, as Grafana would take the $1 of a replacement for a variable.
    named = f'label_join(count_values("of", {whole}), "unit", "suffix: of ", "none", "of")'
    return configured(panel, now(named, "of", table=True), "whole", {"fieldName": "unit", "handlerKey": "unit"})


def leading(panel: Panel, title: str, link: str) -> Panel:
    """Return a panel whose values lead somewhere."""
    panel.defaults["links"] = [{"title": title, "url": link, "targetBlank": False}]
    return panel
