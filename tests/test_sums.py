"""Sums of fields and further durations: what adds up, what does not, and over restarts, by logs, files and tables alike."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from processes import Exporter
from watched import NOW, Series, total

#: Which events have what; times in seconds, and what else stands in the place of an amount adds nothing.
EVENTS: list[dict[str, Any]] = [
    {"ts": NOW - 300, "v": "1", "tokens": 10, "cost": 0.5, "first_ms": 20, "began": NOW - 300.5, "status": 200},
    {"ts": NOW - 290, "v": "1", "tokens": 7, "cost": 0.25, "first_ms": 1500, "began": NOW - 292, "status": 500},
    {"ts": NOW - 280, "v": "1", "tokens": -3, "cost": None, "first_ms": -1, "began": NOW - 279, "status": 200},
    {"ts": NOW - 270, "v": "2", "tokens": None, "cost": 0.125, "first_ms": None, "began": None, "status": 200},
]

FIELDS = """
        time: {field: ts, unit: s}
        version: v
        status: status
        sums: {tokens: tokens, usd: cost}
        durations: {first_token: first_ms, whole: {from: began, to: ts, unit: s}}
"""

#: By version and name: the sum, and how many values were valid, missing and invalid.
SUMS = {
    ("1", "tokens"): (17, 2, 0, 1),
    ("1", "usd"): (0.75, 2, 1, 0),
    ("2", "tokens"): (0, 0, 1, 0),
    ("2", "usd"): (0.125, 1, 0, 0),
}

#: By version and name: how many durations, and their sum in seconds; ends before the beginning and negative ones are none.
DURATIONS = {("1", "first_token"): (2, 1.52), ("1", "whole"): (2, 2.5), ("2", "first_token"): (0, 0), ("2", "whole"): (0, 0)}
