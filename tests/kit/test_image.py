"""The image: built from the Dockerfile without a container engine, on a Debian that stands in for its base, and run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from prediction_exporter import __version__
from prediction_exporter.demo.sinks import free_port
from processes import samples

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.xdist_group("image"),  # it is built once
    pytest.mark.skipif(os.geteuid() != 0, reason="a base system is made, and a Dockerfile run in it, by root alone"),
]

REPOSITORY = Path(__file__).parents[2]
DOCKERFILE = REPOSITORY / "exporter/Dockerfile"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
REVISION = "0123456789abcdef"
PORT = SERVICES["exporter"]["ports"][0].rpartition(":")[2]

#: Bytes that the packages may take; a driver more, or a package that doubles, is to be noticed.
MOST_BYTES = 450e6
START_SECONDS = 60.0


@dataclass(frozen=True)
class Image:
    """A built image, with a container of it."""

    buildah: tuple[str, ...]
    container: str
    root: Path
    settings: dict[str, Any]

    def command(self, *command: str, volumes: tuple[str, ...] = ()) -> list[str]:
        """Return the command line that runs a command in the container."""
        mounts = [f"--volume={volume}" for volume in volumes]
        return [*self.buildah, "run", "--isolation=chroot", *mounts, self.container, "--", *command]

    def run(self, *command: str) -> str:
        """Run a command in the container and return what it printed."""
        return told(self.command(*command))

    @contextmanager
    def running(self, *command: str, volumes: tuple[str, ...] = ()) -> Iterator[None]:
        """Run a command in the container meanwhile, and end it politely."""
        name = f"tmp/{command[1]}.pid"
        noted = self.command("sh", "-c", 'echo $$ >"$0"; exec "$@"', f"/{name}", *command, volumes=volumes)
        with subprocess.Popen(noted) as process:
            try:
                yield
            finally:
                os.kill(int((self.root / name).read_text()), signal.SIGTERM)  # processes have one numbering in and out
                assert process.wait(START_SECONDS) == 0


def told(command: list[str], cwd: Path | None = None) -> str:
    """Run a command and return what it printed; where it fails, all of that."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def make_base(root: Path, suite: str) -> None:
    """Make a Debian with Python and pip where the official images have them, and with a compiler's tools."""
    told(["debootstrap", "--variant=minbase", "--include=python3,python3-venv,binutils", suite, str(root)])
    told(["chroot", str(root), "python3", "-m", "venv", "/opt/python"])
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    (root / "usr/local/bin/pip").symlink_to("/opt/python/bin/pip")


def checkout(folder: Path) -> Path:
    """Copy what the build reads, as it is where a strict umask lets nobody else read."""
    copy = folder / "checkout"
    shutil.copytree(REPOSITORY / "exporter", copy / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, copy)
    told(["chmod", "--recursive", "go=", str(copy)])
    return copy


def download(folder: Path, extras: str, python: str) -> list[str]:
    """Fetch what pip will want in the image, where the network is, and return the mounts that let it find this."""
    wheels, settings = folder / "wheels", folder / "pip.conf"
    wanted = [f"{REPOSITORY}[{extras}]", "hatchling"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", f"--python-version={python}"]
    told([*command, f"--dest={wheels}", *wanted])
    settings.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    return [f"--volume={wheels}:/wheels:ro", f"--volume={settings}:/etc/pip.conf:ro"]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image as the compose file builds it."""
    text = DOCKERFILE.read_text()
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    [(python, suite)] = {re.fullmatch(r"python:(3\.\d+)-(?:slim-)?(\w+)", base).groups() for base in bases}  # type: ignore[union-attr]  # or it fails
    extras = re.search(r"^ARG EXTRAS=(\S+)$", text, re.MULTILINE)
    assert extras is not None
    with tempfile.TemporaryDirectory(prefix="prediction-exporter-image-") as name:
        folder = Path(name)
        buildah = ("buildah", "--storage-driver=vfs", f"--root={folder / 'store'}", f"--runroot={folder / 'run'}")
        base = told([*buildah, "from", "scratch"])
        make_base(Path(told([*buildah, "mount", base])), suite)
        stands_in = told([*buildah, "commit", "--quiet", "--rm", base])
        told([*buildah, "tag", stands_in, *(f"docker.io/library/{name}" for name in bases)])
        build = [*buildah, "bud", "--isolation=chroot", "--format=docker", "--pull-never", f"--build-arg=REVISION={REVISION}"]
        build += ["--file=exporter/Dockerfile", "--ignorefile=exporter/Dockerfile.dockerignore"]
        built = SERVICES["model"]["image"]
        told([*build, *download(folder, extras[1], python), "--tag", built, "."], cwd=checkout(folder))
        container = told([*buildah, "from", "--pull-never", f"localhost/{built}"])
        settings = json.loads(told([*buildah, "inspect", container]))["Docker"]["config"]
        yield Image(buildah, container, Path(told([*buildah, "mount", container])), settings)


def test_it_runs_as_nobody_in_particular(image: Image) -> None:
    """As the user that the compose file and the docs name, which owns the folders that it writes to and nothing else."""
    assert image.run("id", "-u") == SERVICES["exporter"]["user"].partition(":")[0]
    assert image.run("stat", "-c", "%U", "/var/lib/prediction-exporter", "/var/log/credit-risk").split() == ["exporter"] * 2
    assert image.run("find", "/opt/venv", "/usr/local", "-writable", "-not", "-type", "l") == ""


def test_it_says_what_it_is(image: Image) -> None:
    """In the labels that registries and scanners read."""
    labels = {key.removeprefix("org.opencontainers.image."): value for key, value in image.settings["Labels"].items()}
    assert labels["version"] == __version__ == SERVICES["exporter"]["image"].partition(":")[2]
    assert labels["revision"] == REVISION
    assert labels["licenses"] == "Apache-2.0"
    assert f"FROM {labels['base.name'].removeprefix('docker.io/library/')}\n" in DOCKERFILE.read_text()
    assert __version__ in image.run("prediction-exporter", "--version")


def test_it_holds_what_it_needs_and_no_more(image: Image) -> None:
    """Every module and every driver can be imported, no packages can be installed, and it stays as small as the docs say."""
    script = """
import importlib, pkgutil, prediction_exporter
for module in pkgutil.walk_packages(prediction_exporter.__path__, "prediction_exporter."):
    if not module.name.endswith(("__main__", ".hive")):  # PyHive is not among the drivers
        importlib.import_module(module.name)
for driver in ("psycopg", "adbc_driver_postgresql", "nanoarrow", "pymysql", "obstore"):
    importlib.import_module(driver)
"""
    image.run("python", "-W", "error", "-c", script)
    assert not list((image.root / "opt/venv").glob("lib/*/site-packages/pip"))
    size = int(image.run("du", "-s", "-B1", "/opt/venv").split()[0])
    assert size < MOST_BYTES


def test_it_watches_the_demo(image: Image, tmp_path: Path) -> None:
    """The compose file's commands, one beside the other: predictions are logged, read and served, and its health is checked."""
    mounted = tmp_path / "mounted"
    shutil.copytree(REPOSITORY / "examples/credit-risk", mounted)
    volumes = tuple(f"{mounted / name}:/etc/prediction-exporter/{name}:ro" for name in ("exporter.yml", "baselines"))
    entrance = image.settings["Entrypoint"]
    port = str(free_port())  # a container of an engine has its ports for itself, this one has not

    def counted() -> float:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)
        except requests.ConnectionError:
            return 0.0
        if not answer.ok:
            return 0.0
        return sum(v for (name, _), v in samples(answer.text).items() if name == "prediction_exporter_events_total")

    with (
        image.running(*entrance, *SERVICES["model"]["command"]),
        image.running(*entrance, *(part.replace(PORT, port) for part in SERVICES["exporter"]["command"]), volumes=volumes),
    ):
        wait(lambda: counted() > 0, "predictions that were read")
        _, *check = image.settings["Healthcheck"]["Test"]
        image.run(*(part.replace(PORT, port) for part in check))


def wait(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {START_SECONDS} s"
        time.sleep(0.2)
