"""A stranger follows README.md: its configuration, its log's line and its commands, word for word."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
import yaml

from prediction_exporter import cli
from processes import samples

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
USE_IT = README.split("\n## Use it\n")[1].split("\n## ")[0]
PREDICTIONS = 40
#: Commands are those of the package that this Python has installed.
ENVIRON = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def only(pattern: str) -> str:
    """Return what a pattern finds in the section, once."""
    [found] = re.findall(pattern, USE_IT, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


CONFIGURATION = only(r"^```yaml\n(.*?)^```$")
LINE = only(r"^```json\n(.*?)^```$")
STATE = only(r"`(state_dir: \S+)`")
CONSOLE = "".join(re.findall(r"^```console\n(.*?)^```$", USE_IT, re.MULTILINE | re.DOTALL))
COMMANDS = [re.sub(r"\s+#.*", "", command) for command in re.findall(r"^\$ (.*)$", CONSOLE, re.MULTILINE)]
[ADDRESS] = re.findall(r"# (http://\S+)", CONSOLE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a stranger has: the configuration, a log, and the data that the model was trained on.

    The configuration is README's but for two folders of the machine, which are not a test's to touch: the log's is another, and
    the line is added that README has for those who may not write to the state's.
    """
    log = tmp_path / "log"
    log.mkdir()
    now = datetime.now(UTC).isoformat(timespec="seconds")  # what is older than every window is warned of
    (log / "today.jsonl").write_text(json.dumps(json.loads(LINE) | {"ts": now}) + "\n")
    text = CONFIGURATION.replace("/var/log/credit-risk", str(log))
    assert text != CONFIGURATION
    (tmp_path / "exporter.yml").write_text(f"{text}{STATE}\n")
    chance = random.Random(1)
    line = json.loads(LINE)
    rows = [
        {
            **{
                name: chance.uniform(0.5, 1.5) * value for name, value in line["features"].items() if not isinstance(value, str)
            },
            **{name: chance.choice([value, "other"]) for name, value in line["features"].items() if isinstance(value, str)},
            "decision": chance.choice([line["decision"], "decline"]),
            "probability": chance.random(),
        }
        for _ in range(500)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "training.parquet")
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as a shell does."""
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=ENVIRON, capture_output=True, text=True, timeout=120, check=False
    )


def wait(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until a condition holds, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"no {what} within {seconds} s"
        time.sleep(0.1)


#: Start a command with a network of its own, in which README's port is free whoever else is on this machine.
ALONE = ["unshare", "--user", "--map-root-user", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
FETCH = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


def may_be_alone() -> bool:
    """Whether this machine allows that."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0


def watch(command: str, folder: Path) -> None:
    """Start the command that does not end, let the model predict, scrape until all is counted, and end it."""
    alone = may_be_alone()
    arguments = [*(ALONE if alone else []), *shlex.split(command)]
    with (folder / "run.log").open("w") as output:
        process = subprocess.Popen(arguments, cwd=folder, env=ENVIRON, stdout=output, stderr=output)
    enter = ["nsenter", "--user", "--preserve-credentials", "--net", "--target", str(process.pid)] if alone else []

    def answer(path: str) -> str:
        assert process.poll() is None, (folder / "run.log").read_text()
        fetch = [*enter, sys.executable, "-IS", "-c", FETCH, f"{ADDRESS}{path}"]
        return subprocess.run(fetch, capture_output=True, text=True, timeout=30, check=False).stdout

    def counted() -> float:
        found = samples(answer("metrics"))
        return sum(n for (name, labels), n in found.items() if name == "model_requests_total" and ("version", "12") in labels)

    try:
        wait(lambda: answer("-/ready").strip() == "ready", "answer")
        now = datetime.now(UTC).isoformat()
        with (folder / "log/today.jsonl").open("a") as log:
            log.writelines(json.dumps({**json.loads(LINE), "ts": now, "request_id": str(i)}) + "\n" for i in range(PREDICTIONS))
        wait(lambda: counted() == PREDICTIONS, "full count")
        assert "credit-risk" in answer("")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_a_stranger_follows_the_readme(folder: Path) -> None:
    """Every command of "Use it" in its order: each succeeds and leaves what the next one needs.

    But for ``pip install .``: what is tested is installed already, and tests/test_package.py installs the wheel.
    """
    assert COMMANDS[0] == "pip install ."
    assert [command.split()[1] for command in COMMANDS[1:]] == ["baseline", "check", "run", "kit"]
    for command in COMMANDS[1:]:
        assert command.startswith("prediction-exporter ")
        if command.split()[1] == "run":
            watch(command, folder)
            continue
        done = run(command, folder)
        assert done.returncode == 0, done.stderr
        assert not re.search("warning|Traceback", done.stderr)
    assert (folder / "credit-risk.json").is_file()
    assert (folder / "state").is_dir()
    checked = subprocess.run(
        ["promtool", "check", "rules", *folder.glob("kit/prometheus/rules/*")], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    for part in ("grafana/dashboards/model.json", "docs/runbooks/ModelFeatureDrift.md"):
        assert (folder / "kit" / part).is_file()


def test_what_the_kit_leaves_out_is_said_with_how_to_get_it(folder: Path) -> None:
    """README's configuration names no way to send a message; with what the command says, everything is there and loads."""
    kit = COMMANDS[-1]
    routes = folder / "kit/alertmanager/alertmanager.yml"
    done = run(kit, folder)
    assert done.stderr == (
        "exporter.yml: alertmanager/alertmanager.yml is left out: notifications names no way to send messages; "
        "add slack_api_url_file or smtp to it and render again\n"
    )
    assert not routes.exists()
    assert (routes.parent / "templates/prediction-exporter.tmpl").is_file()
    with (folder / "exporter.yml").open("a") as file:
        file.write("notifications: {slack_api_url_file: /run/secrets/slack}\n")
    done = run(kit, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "#risk-models" in routes.read_text()
    checked = subprocess.run(["amtool", "check-config", routes], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("only", "status", "parts"),
    [
        ("rules", 0, {"prometheus"}),
        ("dashboards", 0, {"grafana"}),
        ("rules,dashboards", 0, {"prometheus", "grafana"}),
        ("docs, rules", 0, {"prometheus", "docs"}),
        ("rules,dashboards,alertmanager", 2, {"prometheus", "grafana", "alertmanager"}),
        ("rules,routes", 2, set()),
        ("", 2, set()),
    ],
)
def test_parts_are_rendered_alone(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    only: str,
    status: int,
    parts: set[str],
) -> None:
    """What is asked for by its name and cannot be rendered is a failure, and does not stop the rest."""
    monkeypatch.chdir(folder)
    arguments = [*shlex.split(COMMANDS[-1])[1:], "--only", only]
    assert cli.main(arguments) == status
    told = capsys.readouterr().err
    assert {path.name for path in folder.glob("kit/*")} == parts
    assert ("is left out" in told) is ("alertmanager" in parts)
    assert ("allowed: one or several of rules,dashboards,alertmanager,docs" in told) is (not parts)


def test_parts_of_the_readme_are_the_commands_parts() -> None:
    """The list that README gives is taken."""
    assert yaml.safe_load(CONFIGURATION).keys() == {"owners", "models"}
    assert "--only rules,dashboards,alertmanager" in USE_IT
