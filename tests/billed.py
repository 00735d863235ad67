"""Bills for tests: charges, files of them, and what the exporter shows of these."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from prediction_exporter import config
from prediction_exporter.collectors.base import Poll
from prediction_exporter.collectors.bill import COLLECTOR
from processes import samples
from watched import config_text, model_text

BILLS = Path(__file__).parent / "bills"
MAY = 1_777_939_200.0  # the 5th of May 2026
Figures = dict[tuple[str, ...], float]


def poll_of(folder: Path, focus: str, *, now: float = MAY, more: str = "") -> Poll:
    """Return the poll that a configuration opens, at a time."""
    (folder / "exporter.yml").write_text(config_text(model_text(more=f"maturity: 0\ncost: {{focus: {{{focus}}}{more}}}")))
    (poll,) = COLLECTOR.open(config.load(folder / "exporter.yml")).values()
    poll._clock = lambda: now  # type: ignore[attr-defined]  # a bill is always read at some time
    return poll


def figures(poll: Poll, name: str) -> Figures:
    """Return a family's values by their labels, the model's left out."""
    text = "\n".join(line for lines in poll.poll().lines.values() for line in lines) + "\n"
    found = samples(text)
    return {
        tuple(value for key, value in sorted(labels) if key != "model"): figure
        for (family, labels), figure in found.items()
        if family == name
    }


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write a bill as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def charge(amount: str, day: int, **changed: str) -> dict[str, str]:
    """Return a row with the columns that are needed, of a day of May 2026."""
    return {
        "BilledCost": amount,
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-05-01T00:00:00Z",
        "ChargePeriodStart": f"2026-05-{day:02d}T00:00:00Z",
        "ChargePeriodEnd": f"2026-05-{day + 1:02d}T00:00:00Z",
        "ChargeCategory": "Usage",
        "ServiceCategory": "Compute",
        "Tags": "{}",
        **changed,
    }
