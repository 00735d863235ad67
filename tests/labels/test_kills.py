"""Every pair is counted once, however often the process is killed between a prediction and its label."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import killed_store
from killed_store import truth

KILLS = 50


def test_pairs_are_counted_once_over_kills(tmp_path: Path) -> None:
    """Predictions that come again, labels before their prediction, repeated and corrected ones among them."""
    paths = os.pathsep.join([str(Path(killed_store.__file__).parent), *(path for path in sys.path if path)])
    command = [sys.executable, killed_store.__file__, str(tmp_path), str(KILLS), "20261129"]
    ran = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["killed"] > KILLS / 2
    assert told["pairs"] == {f"{score} {actual}": many for (score, actual), many in truth().items()}
    assert len(told["pairs"]) > 1000
