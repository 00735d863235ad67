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
from prediction_exporter.kit.boards.board import TAG
from prediction_exporter.kit.dashboards import dashboards
from prediction_exporter.kit.rule_tests import rule_tests
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, alerting_rules, recording_rules
from prediction_exporter.kit.runbooks import OVERVIEW, alerts_page, runbook_pages
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.servers import server_rules
from prediction_exporter.kit.texts import NOTE

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
        present = _read(target) if target.is_file() else ""
        lines += difflib.unified_diff(present.splitlines(), text.splitlines(), str(target), f"{path} (rendered)", lineterm="")
    return lines


def behind(files: Mapping[str, str], folder: Path) -> list[str]:
    """Return the files below a folder that are not these: others, missing, or rendered once and no more, each with what it is.

    A rules file that is rendered no more is loaded beside those that took its place.

    Raises:
        KitError: a file cannot be read.
    """
    found = []
    for path, text in files.items():
        target = folder / path
        if not target.is_file():
            found.append(f"{path} (missing)")
        elif _read(target) != text:
            found.append(path)
    folders = sorted({(folder / path).parent for path in files})
    there = [each for parent in folders if parent.is_dir() for each in sorted(parent.iterdir()) if each.is_file()]
    names = {folder / path for path in files}
    left = [each for each in there if each not in names and _is_rendered(_read(each))]
    return [*found, *(f"{each.relative_to(folder).as_posix()} (rendered no more)" for each in left)]


def _is_rendered(text: str) -> bool:
    return NOTE in text.partition("\n")[0] or f'\n  "uid": "{TAG}-' in text


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise KitError(f"{path}: cannot be read: {error.strerror}") from error
