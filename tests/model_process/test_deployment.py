"""What is shipped to run beside a model server: the unit for systemd, and manifests for Kubernetes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from prediction_exporter import config

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/prediction-exporter.service"
PAGE = ROOT / "docs/process.md"
MANIFESTS = [
    list(yaml.safe_load_all(block))
    for block in re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if "kind:" in block
]


def added() -> list[list[str]]:
    """Return the groups of settings that the unit's end lists for ``process``."""
    end = UNIT.read_text(encoding="utf-8").partition("#   [Service]\n")[2]
    return [
        [line.removeprefix("#   ") for line in group.splitlines() if re.match(r"#   [A-Z]\w+=", line)]
        for group in end.split("\n#\n")
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_exposure_is_what_the_page_says(tmp_path: Path) -> None:
    """Under 2 as it is shipped, and with each group of settings in turn what the table tells."""
    told = [float(each) for each in re.findall(r"^\| .* \| (\d\.\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)]
    assert len(told) == len(added()) + 1
    assert told[0] < 2
    content = UNIT.read_text(encoding="utf-8")
    for exposure, group in zip(told, [[], *added()], strict=True):
        drop_in = "\n".join([*group, ""])
        for line in group:  # of the shipped unit they are set otherwise, and lists are added to
            name = line.partition("=")[0]
            content = content if name == "DeviceAllow" else re.sub(rf"^{name}=.*\n", "", content, flags=re.MULTILINE)
        content = content.replace("[Service]\n", f"[Service]\n{drop_in}", 1)
        unit = tmp_path / UNIT.name
        unit.write_text(content)
        command = ["systemd-analyze", "security", "--offline=true", str(unit)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        match = re.search(r"Overall exposure level for \S+: (\d+\.\d)", done.stdout)
        if match is None:
            pytest.skip(f"this systemd-analyze cannot rate a unit of a file: {done.stderr[-300:]}")
        assert float(match[1]) == pytest.approx(exposure, abs=0.11)  # versions weigh settings a little otherwise


def test_every_setting_stands_once() -> None:
    """A second one would take the place of the first, or be added to it, without a word."""
    names = re.findall(r"^([A-Z]\w+)=", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    twice = {name for name in names if names.count(name) > 1}
    assert twice == {"SystemCallFilter"}
    assert "StateDirectory" in names


@pytest.mark.parametrize("manifest", MANIFESTS, ids=["shared", "cgroup"])
def test_manifests_are_whole(manifest: list[dict[str, Any]]) -> None:
    """A native sidecar whose volumes exist, with a configuration that is accepted and reads what is mounted."""
    settings, pod = manifest
    assert (settings["kind"], pod["kind"]) == ("ConfigMap", "Pod")
    spec = pod["spec"]
    (exporter,) = spec["initContainers"]
    (model,) = spec["containers"]
    assert exporter["restartPolicy"] == "Always"
    assert exporter["securityContext"]["readOnlyRootFilesystem"] is True
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in exporter["volumeMounts"]}
    assert {mount["name"] for mount in (*exporter["volumeMounts"], *model["volumeMounts"])} == volumes.keys()
    assert volumes["exporter-config"]["configMap"]["name"] == settings["metadata"]["name"]
    environ = {variable["name"]: "1234-ab" for variable in exporter.get("env", ())}
    loaded = config.parse(
        settings["data"]["exporter.yml"], name="exporter.yml", base=Path("/etc/prediction-exporter"), environ=environ
    )
    process = loaded.models[0].process
    assert process is not None
    assert str(loaded.state_dir) in mounts
    if process.cgroup is None:
        assert spec["shareProcessNamespace"] is True
    else:
        assert "1234-ab" in process.cgroup
        (mount,) = [mount for path, mount in mounts.items() if process.cgroup.startswith(f"{path}/")]
        assert mount["readOnly"] is True
        assert volumes[mount["name"]]["hostPath"]["path"] == "/sys/fs/cgroup"
