"""Which build it is: from Git in a checkout, from the file that the build left in a package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from prediction_exporter.collectors.exporter import BUILD_INFO
from prediction_exporter.version import UNKNOWN, of_checkout, this_build

ROOT = Path(__file__).parents[1]
BUILT_FROM = ("exporter", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")


@pytest.mark.parametrize(
    ("words", "unbuffered"),
    [
        (["--version"], ""),
        (["--version"], "1"),
        (["completion", "bash"], ""),
        (["completion", "bash"], "1"),
        (["run", "--help"], ""),  # unbuffered, argparse itself passes over it
    ],
)
def test_a_reader_that_has_seen_enough(words: list[str], unbuffered: str) -> None:
    """As `head` has: no word of it, and the code of SIGPIPE, whether Python buffers or not."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "prediction_exporter", *words]
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def git(folder: Path, *arguments: str) -> str:
    """Run Git as somebody without a configuration."""
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, env={**os.environ, **nobody})
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a package is built from, as a repository with one commit."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in BUILT_FROM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    git(folder, "init", "--quiet", "--initial-branch", "release")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "One")
    return folder


def test_a_checkout_asks_git(checkout: Path) -> None:
    """For the commit and the branch, and whether something was changed since."""
    revision = git(checkout, "rev-parse", "HEAD")
    assert of_checkout(checkout) == (revision, "release")
    (checkout / "README.md").write_text("changed")
    assert of_checkout(checkout) == (f"{revision}-modified", "release")
    git(checkout, "checkout", "--quiet", "--force", "--detach")
    assert of_checkout(checkout) == (revision, "HEAD")


def test_what_is_no_checkout_is_unknown(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without Git, one that lies in another's repository, a repository of nothing, a machine without Git."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "broken/.git").mkdir(parents=True)
    for folder in (tmp_path / "plain", checkout / "exporter", tmp_path / "broken"):
        assert of_checkout(folder) == (UNKNOWN, UNKNOWN)
    git(tmp_path / "plain", "init", "--quiet", "--initial-branch", "first")
    assert of_checkout(tmp_path / "plain") == ("(initial)", "first")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert of_checkout(checkout) == (UNKNOWN, UNKNOWN)


def build(source: Path, target: str, **environ: str) -> Path:
    """Build a wheel or a source distribution; return it."""
    to = source.parent / f"{target}-of-{source.name}"
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(to)]
    subprocess.run(
        command, cwd=source, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environ}
    )
    [built] = to.iterdir()
    return built


def built_from(wheel: Path) -> dict[str, str]:
    """Return what a wheel says it was built from."""
    with zipfile.ZipFile(wheel) as archive:
        found: dict[str, str] = json.loads(archive.read("prediction_exporter/_build.json"))
        return found


def version_of(wheel: Path, folder: Path) -> str:
    """Return what ``--version`` of an installed wheel prints where there is no Git."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    environ = {**os.environ, "PYTHONPATH": str(folder), "PATH": ""}
    command = [sys.executable, "-m", "prediction_exporter", "--version"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, env=environ).stdout


def test_a_wheel_carries_its_origin(checkout: Path, tmp_path: Path) -> None:
    """Built from a checkout, or from a source distribution of it that has no Git any more."""
    revision = git(checkout, "rev-parse", "HEAD")
    wheel = build(checkout, "wheel", SOURCE_DATE_EPOCH="1767323045")
    expected = {"revision": revision, "branch": "release", "builddate": "20260102-03:04:05"}
    assert built_from(wheel) == expected
    build_ = this_build()
    assert version_of(wheel, tmp_path / "installed") == (
        f"prediction-exporter, version {build_.version} (branch: release, revision: {revision})\n"
        "  build date:       20260102-03:04:05\n"
        f"  python version:   {build_.pythonversion}\n"
        f"  platform:         {build_.platform}\n"
    )
    assert git(checkout, "status", "--porcelain") == ""
    distribution = build(checkout, "sdist", SOURCE_DATE_EPOCH="1767323045")
    with tarfile.open(distribution) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [unpacked] = (tmp_path / "unpacked").iterdir()
    assert built_from(build(unpacked, "wheel", PREDICTION_EXPORTER_REVISION="another")) == expected


def test_a_build_can_be_repeated(checkout: Path) -> None:
    """With the date given, byte by byte."""
    first = build(checkout, "wheel", SOURCE_DATE_EPOCH="1767323045").read_bytes()
    shutil.rmtree(checkout.parent / "wheel-of-checkout")
    assert build(checkout, "wheel", SOURCE_DATE_EPOCH="1767323045").read_bytes() == first


def test_the_environment_says_it_where_there_is_no_git(checkout: Path) -> None:
    """As in the build of an image, which gets no history; the date is that of the build."""
    shutil.rmtree(checkout / ".git")
    before = datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S")
    found = built_from(build(checkout, "wheel", PREDICTION_EXPORTER_REVISION="abc123", PREDICTION_EXPORTER_BRANCH="main"))
    assert (found["revision"], found["branch"]) == ("abc123", "main")
    assert before <= found["builddate"] <= datetime.now(UTC).strftime("%Y%m%d-%H:%M:%S")
    shutil.rmtree(checkout.parent / "wheel-of-checkout")
    found = built_from(build(checkout, "wheel", PREDICTION_EXPORTER_REVISION="", PREDICTION_EXPORTER_BRANCH=""))
    assert (found["revision"], found["branch"]) == (UNKNOWN, UNKNOWN)


def test_the_image_is_told() -> None:
    """Its build passes on what the environment names."""
    dockerfile = (ROOT / "exporter/Dockerfile").read_text()
    for name in ("REVISION", "BRANCH"):
        assert re.search(rf"^ARG {name}=", dockerfile, re.MULTILINE)
        assert f"PREDICTION_EXPORTER_{name}=${{{name}}}" in dockerfile


def test_labels_are_those_of_other_exporters() -> None:
    """What ``--version`` prints, in its words; Python stands where Go stands elsewhere."""
    assert BUILD_INFO.labels == ("version", "revision", "branch", "builddate", "pythonversion", "platform")
    assert re.fullmatch(r"(linux|darwin)/(amd64|arm64|[a-z0-9_]+)", this_build().platform)
