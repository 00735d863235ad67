"""All files of the kit, as texts by path."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from prediction_exporter.config import Config, Notifications
from prediction_exporter.kit.alertmanager import CONFIG_FILE, TEMPLATE_FILE, alertmanager_config, alertmanager_template
from prediction_exporter.kit.dashboards import address, dashboards
from prediction_exporter.kit.rule_tests import rule_tests
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, alerting_rules, recording_rules
from prediction_exporter.kit.runbooks import OVERVIEW, alerts_page, runbook_pages
from prediction_exporter.kit.scale import Scale


def render(config: Config | None, *, time_scale: float = 1.0) -> dict[str, str]:
    """Return every file of the kit by its path, relative to where it is written.

    Args:
        config: names owners, contacts and addresses; without one, what needs them is left out.
        time_scale: how much faster than real time rules and routes run, for demonstrations; 60 makes an hour a minute.
            The rules' tests prove the rules as they are shipped, so they are rendered in real time alone.
    """
    scale = Scale(time_scale)
    links = links_of(config)
    files = {
        RECORDING_FILE: recording_rules(scale),
        ALERTS_FILE: alerting_rules(scale, links),
        OVERVIEW: alerts_page(),
        **runbook_pages(Scale()),
        TEMPLATE_FILE: alertmanager_template(),
        **dashboards(),
    }
    if config is not None:
        files[CONFIG_FILE] = alertmanager_config(config, scale)
    if time_scale == 1.0:
        files |= rule_tests(links)
    return files


def links_of(config: Config | None) -> Links:
    """Return where messages lead."""
    if config is None:
        return Links(runbooks=Notifications().runbooks_url)
    grafana = config.notifications.grafana_url
    return Links(
        runbooks=config.notifications.runbooks_url,
        owners={name: owner.runbooks for name, owner in config.owners.items() if owner.runbooks is not None},
        dashboard=None if grafana is None else address(grafana),
    )


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files below a folder."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def diff(files: Mapping[str, str], folder: Path) -> list[str]:
    """Return how the files below a folder differ from these, as lines of a unified diff; none where they are the same."""
    lines: list[str] = []
    for path, text in files.items():
        target = folder / path
        present = target.read_text(encoding="utf-8") if target.is_file() else ""
        lines += difflib.unified_diff(present.splitlines(), text.splitlines(), str(target), f"{path} (rendered)", lineterm="")
    return lines
