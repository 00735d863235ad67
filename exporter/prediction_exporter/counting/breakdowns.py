"""Breakdowns: what requests are counted by beside their version; each is in one place of each list, by its position there."""

from __future__ import annotations

#: The status of a request: its class where it is a status of HTTP, else whether it means success.
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "success", "error", "none")

#: What a request was for: to be answered, to be compared with what is answered, or to be looked at alone.
STAGES = ("champion", "challenger", "shadow", "other", "none")

#: Of a request that has no such field, in both.
NONE = "none"

#: What is counted from the beginning, so that the first of a kind is an increase, where any of the same group was counted.
CLASS_GROUPS = (("2xx", "3xx", "4xx", "5xx"), ("success", "error"))
STAGE_GROUPS = (("champion", "challenger", "shadow"),)


def shown(counts: dict[str, int], groups: tuple[tuple[str, ...], ...], order: tuple[str, ...]) -> dict[str, int]:
    """Return counts in an order, with those of 0 that stand beside others.

    >>> shown({"none": 1, "2xx": 5}, CLASS_GROUPS, CLASSES)
    {'2xx': 5, '3xx': 0, '4xx': 0, '5xx': 0, 'none': 1}
    """
    beside = {name for group in groups if any(name in counts for name in group) for name in group}
    return {name: counts.get(name, 0) for name in order if name in counts or name in beside}
