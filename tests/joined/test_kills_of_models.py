"""Every pair counts once in a model's windows, however often it is killed between a prediction and its label."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import killed_labels
import watched
from labelled_model import FIELDS, more_of
from prediction_exporter import baseline
from prediction_exporter.baseline.performance import performance_of
from prediction_exporter.performance import Performance

KILLS = 50


def test_pairs_are_counted_once_over_kills_and_rotations(tmp_path: Path) -> None:
    """Of both logs; labels before their predictions, repeated and corrected ones among them."""
    model = watched.Watched(tmp_path)
    text = watched.model_text(fields=FIELDS, more=more_of(matures="0s"))
    loaded = model.configure(watched.config_text(text, more="windows: [1h, 24h]"))
    paths = os.pathsep.join([str(Path(killed_labels.__file__).parent), *(path for path in sys.path if path)])
    command = [sys.executable, killed_labels.__file__, str(tmp_path), str(KILLS), "20261129"]
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore::DeprecationWarning"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["killed"] == KILLS
    assert min(told["rotations"].values()) > 5
    layout = performance_of(loaded.models[0], baseline.load(tmp_path / "baseline.json"), "models[0]")[0]
    encoder = layout.encoder()
    expected: dict[str, list[int]] = {}
    for version in ("1", "2"):
        of_version = [(name, *rest) for name, (v, *rest) in told["predictions"].items() if v == version]
        pairs = [(decision, told["labels"][name], score) for name, decision, score in of_version if name in told["labels"]]
        assert len(pairs) > 200
        predicted, actual = (np.array([encoder.code(pair[side]) for pair in pairs]) for side in (0, 1))
        counts = Performance.of(layout, predicted, actual, np.array([[score] for *_, score in pairs])).counts.tolist()
        expected |= {f"{version} {kind}": counts for kind in ("mature", "preliminary")}
    assert told["windows"] == expected
    assert told["again"] == expected
