"""Routes and receivers of the kit's alerts alone, for an Alertmanager that is somebody else's, and the secrets they need.

Receivers name their transports themselves. What stands in files on Alertmanager's machine is a key of one Secret here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import PurePosixPath
from typing import Any

from prediction_exporter.kit import alertmanager
from prediction_exporter.kit.alertmanager import has_transport
from prediction_exporter.kit.formats.order import LeftOutError, Order
from prediction_exporter.kit.fragment import own_transports
from prediction_exporter.kit.inhibitions import OURS, inhibit_rules

#: The Secret that holds what a configuration names files for.
SECRET = "prediction-exporter-alertmanager"  # noqa: S105 - its name, not what it holds
_FILE = "_file"
#: What cannot stand in a key of a Secret.
_NO_KEY = re.compile(r"[^-._a-zA-Z0-9]")


def routing(order: Order) -> dict[str, Any]:
    """Return a route that takes alerts of the kit alone, and what it needs, by Alertmanager's keys.

    Raises:
        LeftOutError: there is no way to send messages.
        ConfigError: an owner cannot be reached, or nobody would be told of an alert without an owner.
    """
    config = order.config
    if not has_transport(config):
        raise LeftOutError("notifications names no way to send messages; add slack_api_url_file or smtp to it and render again")
    found = alertmanager.routing(config, own_transports(config, {}), order.scale)
    return {**found, "route": {"matchers": list(OURS), **found["route"]}, "inhibit_rules": inhibit_rules(among=OURS)}


def secret_keys(receivers: list[dict[str, Any]]) -> dict[str, str]:
    """Return the key of the Secret for each file that receivers name.

    It is the file's name, with the folders before it as far as names are the same.

    >>> secret_keys([{"a_file": "/run/slack/url", "b_file": "/run/teams/url", "c_file": "/run/key"}])
    {'/run/slack/url': 'slack-url', '/run/teams/url': 'teams-url', '/run/key': 'key'}
    """
    paths = [PurePosixPath(path).parts for path in dict.fromkeys(_files(receivers))]
    found: dict[str, str] = {}
    for parts in paths:
        length = 1
        while length < len(parts) and Counter(other[-length:] for other in paths)[parts[-length:]] > 1:
            length += 1
        key = _NO_KEY.sub("_", "-".join(part for part in parts[-length:] if part != "/"))
        # Two secrets under one key would be sent to each other's services.
        numbered = (key if number == 1 else f"{key}--{number}" for number in count(1))
        found[str(PurePosixPath(*parts))] = next(each for each in numbered if each not in found.values())
    return found


def _files(content: Any) -> Iterator[str]:
    if isinstance(content, Mapping):
        for key, value in content.items():
            if key.endswith(_FILE):
                yield str(PurePosixPath(value))
            else:
                yield from _files(value)
    elif isinstance(content, list):
        for each in content:
            yield from _files(each)


def in_folder(content: Any, folder: str, keys: Mapping[str, str]) -> Any:
    """Return receivers whose files are those of the Secret, mounted in a folder."""
    if isinstance(content, Mapping):
        return {
            key: f"{folder}/{keys[str(PurePosixPath(value))]}" if key.endswith(_FILE) else in_folder(value, folder, keys)
            for key, value in content.items()
        }
    return [in_folder(each, folder, keys) for each in content] if isinstance(content, list) else content


def secret_notes(keys: Mapping[str, str]) -> list[str]:
    """Return comments that say which Secret is needed; none where there are no secrets."""
    if not keys:
        return []
    return [f"Needs the Secret {SECRET} in the same namespace, with {', '.join(sorted(keys.values()))}."]
