"""The part of rule files that a test of promtool reads: evaluating all rules for one of them takes it twenty times as long."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prediction_exporter.kit.figures import SEVERAL
from prediction_exporter.kit.fleet import LEFT_OUT
from prediction_exporter.kit.performance import SEVERAL_LABELLED
from quick_yaml import dump, load

_NAMES = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def pruned(folder: Path, test: str, into: Path, **changes: Any) -> Path:
    """Write a test file with the rules that its alerts and expressions follow from, and return its path.

    Where it looks at no alert's messages, they are not written: what they ask at each step takes longer than the rules.

    Args:
        folder: the folder of rules and tests.
        test: path of the test file in it.
        into: where to write.
        changes: of the test file.
    """
    content = load((folder / test).read_text()) | changes
    files = {name: load((folder / test).parent.joinpath(name).read_text()) for name in content["rule_files"]}
    rules = [rule for file in files.values() for group in file["groups"] for rule in group["rules"]]
    if not any("alert_rule_test" in each for each in content["tests"]):
        for rule in rules:
            rule.pop("annotations", None)
    given = {line["series"].partition("{")[0] for each in content["tests"] for line in each.get("input_series", ())}
    rules = _with_values(rules, given)
    wanted = _needed(rules, {name for each in content["tests"] for name in _asked(each)})
    for name, file in files.items():
        for group in file["groups"]:
            group["rules"] = [rule for rule in group["rules"] if _name(rule) in wanted and rule in rules]
        file["groups"] = [group for group in file["groups"] if group["rules"]]
        path = (into / test).parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dump(file))
    left = {group["name"] for file in files.values() for group in file["groups"]}
    content["group_eval_order"] = [name for name in content["group_eval_order"] if name in left]
    target = into / test
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(dump(content))
    return target


#: What says of which replicas figures are: it gives no rule a value that has none.
_OF_REPLICAS = {LEFT_OUT.name, SEVERAL.name, SEVERAL_LABELLED.name}
#: What has a value where nothing else has one, and what Prometheus gives by itself.
_OF_NOTHING = re.compile(r"\b(?:absent|absent_over_time|vector)\(|\bALERTS\b")


def _with_values(rules: list[dict[str, Any]], given: set[str]) -> list[dict[str, Any]]:
    """Return the rules without those recorded series that can have no value, as none that they read has one."""
    left = [rule for rule in rules if "record" in rule]
    found = [rule for rule in rules if "alert" in rule]
    known = set(given)
    while True:
        new = [rule for rule in left if _OF_NOTHING.search(rule["expr"]) or _read(rule) & known - _OF_REPLICAS]
        if not new:
            return found
        found += new
        left = [rule for rule in left if rule not in new]
        known |= {_name(rule) for rule in new}


def _read(rule: dict[str, Any]) -> set[str]:
    return set(_NAMES.findall(rule["expr"]))


def _asked(test: dict[str, Any]) -> Iterable[str]:
    yield from (check["alertname"] for check in test.get("alert_rule_test", ()))
    for check in test.get("promql_expr_test", ()):
        yield from _NAMES.findall(check["expr"])


def _name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert", rule.get("record")))


def _needed(rules: list[dict[str, Any]], asked: set[str]) -> set[str]:
    """Return the names of the rules that others read, in conditions and in templates, and of those that are asked for."""
    names = {_name(rule) for rule in rules}
    alerts = {_name(rule) for rule in rules if "alert" in rule}
    waiting, found = asked & names, set[str]()
    while waiting:
        name = waiting.pop()
        found.add(name)
        for rule in rules:
            if _name(rule) == name:
                text = " ".join([rule["expr"], *rule.get("annotations", {}).values()])
                waiting |= (set(_NAMES.findall(text)) & names - alerts) - found
    return found
