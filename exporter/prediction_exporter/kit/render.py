"""All files of the kit, as texts by path."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, get_args

from prediction_exporter.config import Config
from prediction_exporter.errors import KitError
from prediction_exporter.kit.alertmanager import (
    CONFIG_FILE,
    TEMPLATE_FILE,
    alertmanager_config,
    alertmanager_template,
    has_transport,
)
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.rule_tests import rule_tests
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, alerting_rules, recording_rules
from prediction_exporter.kit.runbooks import OVERVIEW, alerts_page, runbook_pages
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.servers import server_rules

Part = Literal["rules", "dashboards", "alertmanager", "docs"]
#: Everything that the kit is made of.
PARTS: tuple[Part, ...] = get_args(Part)


def render(config: Config | None, *, only: Collection[Part] = PARTS, time_scale: float = 1.0) -> dict[str, str]:
    """Return the files of the kit by their paths, relative to where they are written.

    Args:
        config: names owners, contacts and addresses. Where it names no way to send messages, or there is none, Alertmanager's
            configuration is left out.
        only: what to render.
        time_scale: how much faster than real time rules and routes run, for demonstrations; 60 makes an hour a minute.
            The rules' tests prove the rules as they are shipped, so they are rendered in real time alone.

    Raises:
        ConfigError: an owner cannot be reached, or nobody would be told of an alert without an owner.
    """
    files: dict[str, str] = {}
    for part in PARTS:
        if part in only:
            files |= _rendered(part, config, time_scale)
    return files


def left_out(config: Config, only: Collection[Part] = PARTS) -> str | None:
    """Return what :func:`render` leaves out, why, and how to get it; None where it renders all that is asked for."""
    if "alertmanager" not in only or has_transport(config):
        return None
    return (
        f"{CONFIG_FILE} is left out: notifications names no way to send messages; "
        "add slack_api_url_file or smtp to it and render again"
    )


def _rendered(part: Part, config: Config | None, time_scale: float) -> dict[str, str]:
    scale, links = Scale(time_scale), links_of(config)
    match part:
        case "rules":
            rules = {RECORDING_FILE: recording_rules(scale), ALERTS_FILE: alerting_rules(scale, links)}
            if config is not None:
                rules |= server_rules(config, scale)
            return rules | rule_tests(links) if time_scale == 1.0 else rules
        case "dashboards":
            return dashboards()
        case "alertmanager":
            routes = {CONFIG_FILE: alertmanager_config(config, scale)} if config is not None and has_transport(config) else {}
            return {TEMPLATE_FILE: alertmanager_template(), **routes}
        case "docs":
            return {OVERVIEW: alerts_page(), **runbook_pages(Scale())}


def links_of(config: Config | None) -> Links:
    """Return where messages lead."""
    if config is None:
        return Links()
    return Links(
        runbooks=config.notifications.runbooks_url,
        exporter=config.notifications.exporter_url,
        owners={name: owner.runbooks for name, owner in config.owners.items() if owner.runbooks is not None},
        grafana=config.notifications.grafana_url,
        verdicts=config.notes.form,
    )


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files below a folder.

    Raises:
        KitError: a file cannot be written.
    """
    for path, text in files.items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise KitError(f"{error.filename or target}: cannot be written: {error.strerror}") from error


def diff(files: Mapping[str, str], folder: Path) -> list[str]:
    """Return how the files below a folder differ from these, as lines of a unified diff; none where they are the same.

    Raises:
        KitError: a file cannot be read.
    """
    lines: list[str] = []
    for path, text in files.items():
        target = folder / path
        try:
            present = target.read_text(encoding="utf-8", errors="replace") if target.is_file() else ""
        except OSError as error:
            raise KitError(f"{target}: cannot be read: {error.strerror}") from error
        lines += difflib.unified_diff(present.splitlines(), text.splitlines(), str(target), f"{path} (rendered)", lineterm="")
    return lines
