"""Every event is counted once, however often and whenever the exporter is killed, ended, reloaded or stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.kills import SIGNALS, Run
from soak.writers import WAYS

SEED = 20_261_124
STRIKES = 25


@pytest.mark.parametrize("small", [False, True], ids=["large chunks", "small chunks"])
def test_counts_equal_the_log_after_kills_at_random_moments(tmp_path: Path, small: bool) -> None:
    """Requests, failures, refusals and bins equal what was written, over signals and every kind of rotation.

    Half of the ways to rotate meet a reader of small chunks, and half one of large chunks; ``make soak`` has all with both.
    """
    run = Run(tmp_path, SEED + small, small=small, ways=list(WAYS)[small::2])
    faults = run.run(STRIKES)
    assert not faults, "\n".join(faults)
    assert set(run.signals) == set(SIGNALS)
    assert all(writer.rotations > 3 for writer in run.writers.values())
