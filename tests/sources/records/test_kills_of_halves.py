"""A pair counts once, however often the command is killed between its request and its response."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import killed_halves
from halves import configuration
from watched import Watched, read

KILLS = 2
SEED = 20261129


def test_pairs_count_once_over_kills_and_rotations(tmp_path: Path) -> None:
    """Of two logs that are written in any order: the counts of all bins are those of the flat log."""
    joined, flat = Watched(tmp_path / "joined"), Watched.live(tmp_path / "flat")
    for watched in (joined, flat):
        watched.folder.mkdir()
    joined.configure(configuration('log: {path: "*.jsonl", start: beginning}'))
    paths = os.pathsep.join([str(Path(killed_halves.__file__).parent), *(path for path in sys.path if path)])
    kills = int(os.environ.get("KILLS", KILLS))
    command = [sys.executable, killed_halves.__file__, str(joined.folder), str(kills), os.environ.get("SEED", str(SEED))]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["killed"] == kills
    flat.write(told["flat"], to="flat.jsonl")
    whole = flat.configure(configuration('log: {path: "*.jsonl", start: beginning}', join=None))
    expected, _ = read(flat.start(whole), flat.clock)
    assert expected.source.events > 20 * kills
    assert told["requests"] == {version: list(counts) for version, counts in (expected.requests or {}).items()}
    assert told["bins"] == [[one.version, one.window, one.profile.counts.tolist()] for one in expected.windows]
    assert told["refused"] == {}
    assert told["waiting"] == [0, 0, 0]
