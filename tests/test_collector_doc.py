"""The page on the architecture adds a collector in one module and one line: it is applied to a copy, which then runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from architecture_page import ROOT, apply_example, blocks, copy_of, run, section
from prediction_exporter.demo.sinks import LOOPBACK, free_port
from processes import samples
from watched import Watched, total

SECTION = section("Adding a collector")
NAME = "disk"
FREE = "prediction_exporter_state_free_bytes"

#: Prints what follows from the declaration, and where the package was imported from.
FOLLOWS = """
import json, prediction_exporter
from prediction_exporter.collectors.registry import family_list
from prediction_exporter.kit.metrics_page import metrics_page

print(json.dumps({
    "package": prediction_exporter.__file__,
    "metrics": metrics_page(),
    "families": family_list().splitlines(),
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package with the page's example in it."""
    folder = tmp_path_factory.mktemp("copy")
    copy_of(folder, "exporter/prediction_exporter", "pyproject.toml")
    apply_example(SECTION, folder)
    return folder


def test_it_is_one_module_and_one_line() -> None:
    """Nothing else is to be touched."""
    assert len(blocks(SECTION, "python")) == 1
    [diff] = blocks(SECTION, "diff")
    assert [line for line in diff.splitlines() if line[0] in "+-"] == [f'+    "{NAME}",']


def test_everything_else_follows(copy: Path) -> None:
    """Docs and the golden list; the page shows the line that the latter needs."""
    done = run(copy, "-c", FOLLOWS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(copy)
    assert f"| `{FREE}` | gauge |" in found["metrics"]
    golden = (ROOT / "tests/golden/families.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in found["families"] if line not in golden] == blocks(SECTION, "text")[-1].splitlines()


def test_it_runs(copy: Path, tmp_path: Path) -> None:
    """The copy counts it, serves it, times it, and lets it be switched off."""
    watched = Watched.live(tmp_path)
    watched.configure()
    watched.log(30)
    checked = run(copy, "-m", "prediction_exporter", "check", "config", str(watched.file))
    assert checked.returncode == 0, checked.stderr
    assert [line.split()[0] for line in checked.stdout.splitlines() if FREE in line] == ["1"]
    shown = scraped(copy, watched)
    assert (total(shown, FREE) or 0) > 0
    assert total(shown, "prediction_exporter_collector_success", collector=NAME) == 1
    assert total(shown, "prediction_exporter_collector_duration_seconds", collector=NAME) is not None
    assert total(shown, "prediction_exporter_series") == len(shown)
    off = scraped(copy, watched, f"--no-collector.{NAME}")
    assert (total(off, FREE), total(off, "model_requests_total")) == (None, 30)


def scraped(copy: Path, watched: Watched, *flags: str) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
    """Run the copy's exporter until it has evaluated and polled, and return what it shows."""
    port = free_port()
    line = [sys.executable, "-m", "prediction_exporter", "run", "--config.file", str(watched.file)]
    line += ["--web.listen-address", f"{LOOPBACK}:{port}", *flags]
    environment = {**os.environ, "PYTHONPATH": str(copy / "exporter")}
    with subprocess.Popen(line, cwd=copy, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while True:
                assert process.poll() is None, process.stderr.read() if process.stderr else ""
                assert time.monotonic() < deadline
                try:
                    ready = requests.get(f"http://{LOOPBACK}:{port}/-/ready", timeout=5).ok
                    shown = samples(requests.get(f"http://{LOOPBACK}:{port}/metrics", timeout=5).text) if ready else {}
                except requests.ConnectionError:
                    shown = {}
                if total(shown, "model_requests_total") and (flags or total(shown, FREE) is not None):
                    return shown
                time.sleep(0.1)
        finally:
            process.terminate()


def test_it_is_in_the_house_style(copy: Path) -> None:
    """By the same rules as the rest, types included."""
    module = f"exporter/prediction_exporter/collectors/{NAME}.py"
    for check in (["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"]):
        done = run(copy, "-m", *check, module)
        assert done.returncode == 0, done.stdout
