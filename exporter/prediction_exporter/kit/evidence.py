"""Evidence of the fleet: which columns surely moved, and of which versions that can be told.

An exporter's evidence is a mean of bets, and so is the fleet's: that of its replicas, of which one counts where they share a
source.
"""

from __future__ import annotations

from prediction_exporter.collectors.evidence import EVIDENCE, EVIDENCE_THRESHOLD, IMPORTANCE, MOVED_COLUMNS, TOLERANCE
from prediction_exporter.kit.figures import BASELINE_KEY, Selector
from prediction_exporter.kit.fleet import counting
from prediction_exporter.kit.promql import MODEL_KEY, VERSION_COLUMN_KEY, VERSION_KEY, Recorded, by, on

__all__ = ["KNOWN", "MOVED", "MOVED_RATIO", "importance", "matters_little"]

#: The part of an equal share of importance below which a column matters next to nothing.
LITTLE = 0.1

MOVED = Recorded(
    name="model_column:model_column_drift_evidence:over_threshold",
    labels=VERSION_COLUMN_KEY,
    help="Evidence of all replicas together that the column moved, as a multiple of its threshold; absent below it.",
    expr=lambda _: (
        f"log10(avg {by(VERSION_COLUMN_KEY)} (10 ^ {counting(EVIDENCE.name)}))\n"
        f"/ {on(BASELINE_KEY)} group_left ()\nmax {by(BASELINE_KEY)} ({EVIDENCE_THRESHOLD})\n>= 1"
    ),
)

#: There is one of each version that there is evidence of.
KNOWN = MOVED_COLUMNS

MOVED_RATIO = Recorded(
    name="model:model_moved_columns:ratio",
    labels=VERSION_KEY,
    help="Share of the columns that surely moved, all taken together; on the replica that sees most.",
    expr=lambda _: (
        f"max {by(VERSION_KEY)} ({MOVED_COLUMNS} > 0)\n/ {on(MODEL_KEY)} group_left ()\n"
        f"count {by(MODEL_KEY)} (max {by((*MODEL_KEY, 'column'))} ({TOLERANCE}))"
    ),
)


def importance(of: Selector) -> str:
    """Return what part of the score each column carries; replicas have the same baseline."""
    return f"max {by(BASELINE_KEY)} ({of(IMPORTANCE)})"


def matters_little(of: Selector) -> str:
    """Return the columns that are known to matter next to nothing."""
    return f"({importance(of)} < {on(MODEL_KEY)} group_left () {LITTLE:g} * avg {by(MODEL_KEY)} ({importance(of)}))"
