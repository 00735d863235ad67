"""Receivers and routes as an ``AlertmanagerConfig`` of the Prometheus Operator, ``v1alpha1``.

Keys are in camel case, matchers and headers are lists of objects, and a secret is a key of a Secret. It has no time zones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from prediction_exporter.kit.formats.order import LeftOutError
from prediction_exporter.kit.formats.routing import SECRET

#: Where a key is more than itself in camel case, by kind of receiver; the empty kind is all of them.
_RENAMED: Mapping[str, Mapping[str, str]] = {
    "": {
        "api_url": "apiURL",
        "client_url": "clientURL",
        "require_tls": "requireTLS",
        "links": "pagerDutyLinkConfigs",
        "api_url_file": "apiURL",
        "api_key_file": "apiKey",
        "routing_key_file": "routingKey",
        "auth_password_file": "authPassword",
        "credentials_file": "credentials",
        "url_file": "urlSecret",
    },
    "discord_configs": {"webhook_url_file": "apiURL"},
    "msteamsv2_configs": {"webhook_url_file": "webhookURL"},
}
_MATCHER = re.compile(r'(?P<name>\w+)(?P<type>=~|!~|!=|=)"(?P<value>.*)"')
_UTC = {"UTC", "Etc/UTC"}


def spec_of(content: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    """Return the ``spec`` of what :func:`.routing.routing` returns.

    Args:
        content: as Alertmanager has it.
        keys: the Secret's key for each file.

    Raises:
        LeftOutError: working hours or the digest's time are in a time zone.
    """
    intervals = [_interval(interval) for interval in content.get("time_intervals", ())]
    return {
        "route": _route(content["route"]),
        "inhibitRules": [
            {
                "sourceMatch": matchers(rule["source_matchers"]),
                "targetMatch": matchers(rule["target_matchers"]),
                "equal": rule["equal"],
            }
            for rule in content["inhibit_rules"]
        ],
        **({"muteTimeIntervals": intervals} if intervals else {}),
        "receivers": [_receiver(receiver, keys) for receiver in content["receivers"]],
    }


def camel(key: str) -> str:
    """Return a key in camel case.

    >>> camel("send_resolved")
    'sendResolved'
    """
    first, *others = key.split("_")
    return first + "".join(map(str.capitalize, others))


def matchers(texts: list[str]) -> list[dict[str, str]]:
    """Return matchers as objects; without ``matchType`` each would be one of equality.

    >>> matchers(['severity=~"warning|info"'])
    [{'name': 'severity', 'matchType': '=~', 'value': 'warning|info'}]
    """
    return [_matcher(text) for text in texts]


def _matcher(text: str) -> dict[str, str]:
    found = _MATCHER.fullmatch(text)
    if found is None:  # without it the route would take more than it is for
        raise ValueError(f"{text} is no matcher")
    return {"name": found["name"], "matchType": found["type"], "value": found["value"]}


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    found = {camel(key): value for key, value in route.items() if key not in ("matchers", "routes")}
    if "matchers" in route:
        found = {"matchers": matchers(route["matchers"]), **found}
    return found | ({"routes": [_route(each) for each in route["routes"]]} if "routes" in route else {})


def _interval(interval: Mapping[str, Any]) -> dict[str, Any]:
    spans = []
    for span in interval["time_intervals"]:
        if span["location"] not in _UTC:
            raise LeftOutError(
                f"an AlertmanagerConfig knows no time zones, and {_key_of(interval['name'])}.timezone is {span['location']}; "
                "state its times in UTC, or merge routes by --into into the Secret of the Alertmanager's configuration"
            )
        times = [{camel(key): value for key, value in time.items()} for time in span["times"]]
        spans.append({"weekdays": span["weekdays"], "times": times})
    return {"name": interval["name"], "timeIntervals": spans}


def _key_of(interval: str) -> str:
    """Return the key of the configuration that says when an interval is."""
    return f"notifications.{interval.replace('-', '_')}"


def _receiver(receiver: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    kinds = {
        camel(kind): [_converted(each, kind, keys) for each in entries] for kind, entries in receiver.items() if kind != "name"
    }
    return {"name": receiver["name"], **kinds}


def _converted(entry: Mapping[str, Any], kind: str, keys: Mapping[str, str]) -> dict[str, Any]:
    names = {**_RENAMED[""], **_RENAMED.get(kind, {})}
    return {names.get(key, camel(key)): _value(key, value, kind, keys) for key, value in entry.items()}


def _value(key: str, value: Any, kind: str, keys: Mapping[str, str]) -> Any:
    if key.endswith("_file"):
        return {"name": SECRET, "key": keys[str(PurePosixPath(value))]}
    if key in ("headers", "details"):
        return [{"key": name, "value": text} for name, text in value.items()]
    if key == "links":
        return [{"href": link["href"], "alt": link["text"]} for link in value]
    return _converted(value, kind, keys) if isinstance(value, Mapping) else value
