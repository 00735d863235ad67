"""What users install: the built wheel, from outside of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests

from pages import Page
from prediction_exporter.version import BUILD_FILE
from processes import Exporter
from watched import Watched

ROOT = Path(__file__).parents[1]
CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache"}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder for models, in real time."""
    return Watched.live(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run([str(part) for part in command], check=True)
    [wheel] = folder.glob("prediction_exporter-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(installed: Path, *arguments: str) -> str:
    """Run a command of the installed package, warnings being errors."""
    environ = {**os.environ, "PYTHONPATH": str(installed), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "prediction_exporter", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=installed.parent, env=environ).stdout


def test_wheel_holds_all_files_of_the_package(installed: Path) -> None:
    """Modules, templates, the demo's configuration and the mark of typed packages; no tests and nothing else."""
    source = ROOT / "exporter" / "prediction_exporter"
    expected = {path.relative_to(source) for path in source.rglob("*") if path.is_file() and not set(path.parts) & CACHES}
    package = installed / "prediction_exporter"
    assert {path.relative_to(package) for path in package.rglob("*") if path.is_file()} == {*expected, Path(BUILD_FILE)}
    beside = {f"prediction_exporter-0.1.0.{kind}" for kind in ("data", "dist-info")}
    assert {path.name for path in installed.iterdir()} == {"prediction_exporter", *beside}


def test_man_page_and_completions_are_installed_where_shells_look(installed: Path) -> None:
    """Below the prefix of the environment, beside its programs."""
    data = installed / "prediction_exporter-0.1.0.data" / "data"
    found = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert found == {
        "share/man/man1/prediction-exporter.1",
        "share/bash-completion/completions/prediction-exporter",
        "share/zsh/site-functions/_prediction-exporter",
        "share/fish/vendor_completions.d/prediction-exporter.fish",
    }


def test_commands_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The commands find the files that they need in the package."""
    assert run(installed, "--version").startswith("prediction-exporter, version 0.1.0 (branch: ")
    config = str(ROOT / "examples" / "credit-risk" / "exporter.yml")
    assert "files to" in run(installed, "kit", "--config.file", config, "--output", str(tmp_path / "kit"))
    assert (tmp_path / "kit" / "alertmanager" / "templates" / "prediction-exporter.tmpl").is_file()
    rendered = (tmp_path / "kit" / "docs" / "alerts.md").read_bytes()
    assert rendered == (ROOT / "docs" / "alerts.md").read_bytes()
    where = "import prediction_exporter.demo.stack as s; print(s.CONFIG.is_file(), s.__file__)"
    environ = {**os.environ, "PYTHONPATH": str(installed)}
    shown = subprocess.run(
        [sys.executable, "-c", where], check=True, capture_output=True, text=True, cwd="/", env=environ
    ).stdout
    assert shown == f"True {installed / 'prediction_exporter/demo/stack.py'}\n"


def test_pages_are_served_from_the_wheel(installed: Path, watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their templates and their style are in it."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    watched.configure()
    exporter = Exporter(watched.file)
    exporter.start()
    try:
        for path in ("/", "/runbooks/", "/runbooks/ModelFeatureDrift"):
            page = Page(requests.get(f"{exporter.url}{path}", timeout=20).content)
            assert "prediction-exporter" in page.one("h1").text
            assert ".page{" in page.one("style").text
        assert exporter.process is not None
        assert str(installed) in Path(f"/proc/{exporter.process.pid}/environ").read_text(encoding="utf-8")
    finally:
        exporter.stop()
