"""Files of rules for ``mimirtool rules load``, each with the namespace that it is loaded into.

Mimir takes a limited number of rules in a group. A larger group goes into parts, in the order of its rules: a part that reads
what one before it records may read the evaluation before, as between groups. What says that the group was evaluated stands at
the end of the last part, and there only while the others say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prediction_exporter.kit.formats.order import Order, Render
from prediction_exporter.kit.formats.rule_sets import rule_sets
from prediction_exporter.kit.texts import to_yaml

FOLDER = "mimir"
#: What says that a part of a group was evaluated, and those before it.
PART_EVALUATED = "rule_group_part:model_rules:evaluated"
_GROUP = "rule_group"


def _rules(order: Order) -> dict[str, str]:
    files = {}
    for name, groups in rule_sets(order).items():
        fitting = [part for group in groups for part in parts_of(group, order.rules_per_group)]
        files[f"{FOLDER}/{name}.rules.yaml"] = to_yaml({"namespace": name, "groups": fitting})
    return files


def parts_of(group: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """Return a group as groups of at most so many rules; itself where it fits, or the limit is 0.

    Args:
        group: of rules; the last may be what says that it was evaluated.
        limit: 0 or 2 and more.
    """
    rules = group["rules"]
    if not limit or len(rules) <= limit:
        return [group]
    *others, last = rules
    mark = last.get("labels", {}).get(_GROUP)
    if mark is None:
        portions = [rules[start : start + limit] for start in range(0, len(rules), limit)]
    else:
        # Each part has room for what says that it was evaluated.
        portions = [others[start : start + limit - 1] for start in range(0, len(others), limit - 1)]
        portions = [[*portion, _mark(last, number, len(portions))] for number, portion in enumerate(portions, start=1)]
    return [
        {**group, "name": f"{group['name']}-{number}", "rules": portion} for number, portion in enumerate(portions, start=1)
    ]


def _mark(last: dict[str, Any], number: int, parts: int) -> dict[str, Any]:
    """Return what says that a part was evaluated: in the last one, what the group says of itself."""
    labels, expr = last["labels"], last["expr"]
    if number > 1:
        expr += f' and on () {PART_EVALUATED}{{{_GROUP}="{labels[_GROUP]}", part="{number - 1}"}}'
    if number < parts:
        return {"record": PART_EVALUATED, "expr": expr, "labels": {**labels, "part": str(number)}}
    return {**last, "expr": expr}


PARTS: Mapping[str, Render] = {"rules": _rules}
