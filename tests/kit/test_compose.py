"""The compose file, Prometheus' configuration and Grafana's provisioning agree with each other and with what they run."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from prediction_exporter import __version__, cli
from prediction_exporter.baseline import load as load_baseline
from prediction_exporter.commands.run import DEFAULT_ADDRESS
from prediction_exporter.config import Config, check_files
from prediction_exporter.demo.credit_risk import training_data
from prediction_exporter.kit.alerts.feature_drift import FEATURE_DRIFT
from prediction_exporter.kit.alerts.missing_values import MISSING_VALUES
from prediction_exporter.kit.dashboards import BOARDS, FOLDER
from prediction_exporter.kit.promql import JOBS

REPOSITORY = Path(__file__).parents[2]
Run = Callable[..., str]


def read(path: str) -> dict[str, Any]:
    """Return a YAML file of the repository."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / path).read_text())
    return content


COMPOSE = read("docker-compose.yml")
PROMETHEUS = read("prometheus/prometheus.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = SERVICES["exporter"]["image"]

each_service = pytest.mark.parametrize("name", SERVICES)


def mounts(name: str) -> dict[str, str]:
    """Return what a service mounts, by the path in the container."""
    found = {}
    for mount in SERVICES[name].get("volumes", ()):
        source, target, *_ = mount.split(":")
        found[target] = source
    return found


def port(name: str) -> int:
    """Return the port that a service listens on, which it publishes under the same number on loopback alone."""
    (published,) = SERVICES[name]["ports"]
    address, outer, inner = published.split(":")
    assert (address, outer) == ("127.0.0.1", inner)
    return int(inner)


def test_the_stack_is_complete() -> None:
    """A model, what watches it, and what tells people."""
    assert list(SERVICES) == ["model", "exporter", "prometheus", "alertmanager", "grafana"]


@each_service
def test_mounted_files_exist(name: str) -> None:
    """Docker makes an empty folder of a file that is not there. Everything of the repository is mounted read-only."""
    for mount in SERVICES[name].get("volumes", ()):
        source, _, *options = mount.split(":")
        if source.startswith("."):
            assert (REPOSITORY / source).exists(), source
            assert options == ["ro"], source
        else:
            assert source in COMPOSE["volumes"]


@each_service
def test_containers_are_hardened(name: str) -> None:
    """No root, no writable image, no capabilities, and a check of health."""
    service = SERVICES[name]
    uid, gid = service["user"].split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (REPOSITORY / "exporter/Dockerfile").read_text()
    assert "healthcheck" in service or (service["image"] == OURS and "HEALTHCHECK" in dockerfile)


def test_the_file_is_valid() -> None:
    """By the specification's own schema, which knows every key."""
    command = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(REPOSITORY / "docker-compose.yml")]
    done = subprocess.run(
        [str(Path(sys.executable).with_name(command[0])), *command[1:]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each_service
def test_images_are_pinned(name: str) -> None:
    """What runs today runs tomorrow."""
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", SERVICES[name]["image"])
    for base in re.findall(r"^FROM (\S+)", (REPOSITORY / "exporter/Dockerfile").read_text(), re.MULTILINE):
        assert re.fullmatch(r"python:3\.13-(slim-)?[a-z]+", base)


def test_our_image_is_built_once() -> None:
    """Builds of one tag at the same time fail each other; whoever does not build waits for who does, and nothing is pulled."""
    ours = {name: service for name, service in SERVICES.items() if service["image"] == OURS}
    assert list(ours) == ["model", "exporter"]
    assert ["build" in service for service in ours.values()] == [True, False]
    assert {service["pull_policy"] for service in ours.values()} == {"never"}
    assert "model" in SERVICES["exporter"]["depends_on"]
    assert not [name for name, service in SERVICES.items() if "build" in service and name not in ours]


def test_our_image_has_the_tag_of_the_version() -> None:
    """In the compose file, the Dockerfile, the README and the docs."""
    tag = f"prediction-exporter:{__version__}"
    assert tag == OURS
    for path in ("exporter/Dockerfile", "README.md", "docs/operations.md"):
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        assert set(re.findall(r"\bprediction-exporter:[\w.]+", text)) == {tag}, path
        assert set(re.findall(r"docker build [^`\n]*", text)) <= {f"docker build -f exporter/Dockerfile -t {tag} ."}, path


def test_the_head_says_when_what_happens() -> None:
    """Its times are those of the command, and of the rules that wait."""
    head = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8").partition("\nname:")[0]
    told = {
        words: 60 * int(number) if unit == "min" else 3600 * int(number)
        for number, unit, words in re.findall(r"^# +(\d+) (min|h) +([\w ]+)", head, re.MULTILINE)
    }
    times = {
        happens: next(told[words] for words in told if words.startswith(words_of))
        for happens, words_of in {"break": "income goes missing", "drift": "applicants ask", "mend": "income is back"}.items()
    }
    options = cli.parser().parse_args(SERVICES["model"]["command"])
    assert times == {"break": options.breaks, "drift": options.drifts, "mend": options.mends}
    for alert in (MISSING_VALUES, FEATURE_DRIFT):
        [fires] = [at for words, at in told.items() if words.startswith(f"{alert} fires")]
        began = times["break" if alert is MISSING_VALUES else "drift"]
        assert fires > began + alert.conditions[-1].hold.seconds
        assert f"{alert} fires, to" in head
        assert f"the rule waits for {alert.conditions[-1].hold.seconds / 60:g} minutes" in head


def test_secrets_are_files() -> None:
    """No service has a secret in its environment or arguments."""
    for secret in COMPOSE["secrets"].values():
        assert (REPOSITORY / secret["file"]).is_file()
    for service in SERVICES.values():
        for key in service.get("environment", {}):
            assert not re.search("PASSWORD|TOKEN|SECRET", key) or key.endswith("__FILE")


def test_alertmanager_finds_its_files() -> None:
    """The rendered routes name secrets and templates where the compose file puts them."""
    mounted = {secret["target"] for secret in SERVICES["alertmanager"]["secrets"]}
    settings = read("alertmanager/alertmanager.yml")
    assert {settings["global"]["slack_api_url_file"], settings["global"]["smtp_auth_password_file"]} == mounted
    folder = Path("/etc/alertmanager")
    assert mounts("alertmanager")[str(folder / settings["templates"][0]).rpartition("/")[0]] == "./alertmanager/templates"


def test_services_find_each_other() -> None:
    """By name and port, from Prometheus and from Grafana."""
    (targets,) = [job["static_configs"][0]["targets"] for job in PROMETHEUS["scrape_configs"] if _is_ours(job["job_name"])]
    assert targets == [f"exporter:{port('exporter')}"]
    (alertmanager,) = PROMETHEUS["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"][0]["targets"] == [f"alertmanager:{port('alertmanager')}"]
    sources = {
        source["uid"]: source for source in read("grafana/provisioning/datasources/prediction-exporter.yml")["datasources"]
    }
    assert sources["prometheus"]["url"] == f"http://prometheus:{port('prometheus')}"
    assert sources["alertmanager"]["url"] == f"http://alertmanager:{port('alertmanager')}"


def _is_ours(job: str) -> bool:
    pattern = JOBS.removeprefix('job=~"').removesuffix('"')
    return re.fullmatch(pattern, job) is not None


def test_alerts_know_the_job() -> None:
    """ModelExporterDown selects the scrape job by its name, and no other."""
    assert [_is_ours(job["job_name"]) for job in PROMETHEUS["scrape_configs"]] == [True, False]


def test_ports_are_the_defaults(config: Config) -> None:
    """The exporter's own default, and the address of Grafana that messages link to."""
    assert f":{port('exporter')}" == DEFAULT_ADDRESS
    assert f"http://127.0.0.1:{port('exporter')}/-/healthy" in (REPOSITORY / "exporter/Dockerfile").read_text()
    assert config.notifications.grafana_url == f"http://localhost:{port('grafana')}"


def test_prometheus_takes_its_configuration(run: Run) -> None:
    """With the rule files that it names."""
    output = run("promtool", "check", "config", REPOSITORY / "prometheus/prometheus.yml")
    assert "2 rule files found" in output
    assert mounts("prometheus")["/etc/prometheus/rules"] == "./prometheus/rules"


@pytest.mark.parametrize(("name", "binary"), [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")])
def test_servers_take_their_flags(run: Run, name: str, binary: str) -> None:
    """Asked for its help after them, a real server would complain of a flag that it does not know."""
    command = SERVICES[name]["command"]
    assert any(flag.startswith("--config.file=/etc/") and flag.partition("=")[2] in mounts(name) for flag in command)
    known = set(re.findall(r"--(?:\[no-\])?([a-z][\w.-]*)", run(binary, "--help")))
    assert {flag.removeprefix("--").partition("=")[0] for flag in command} <= known


@pytest.mark.parametrize("name", ["model", "exporter"])
def test_the_exporter_takes_its_arguments(name: str) -> None:
    """Checked by its own parser."""
    parser = cli.parser()
    assert isinstance(parser, argparse.ArgumentParser)
    parser.parse_args(SERVICES[name]["command"])


def test_the_image_runs_the_exporter_by_default() -> None:
    """The image's own arguments are valid too, and name the file that the compose file mounts."""
    text = (REPOSITORY / "exporter/Dockerfile").read_text()
    match = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert match is not None
    options = cli.parser().parse_args(yaml.safe_load(match[1]))
    assert str(options.config_file) in mounts("exporter")


def test_the_exporter_reads_what_the_model_writes(config: Config) -> None:
    """The log lies in the volume that both mount; the state has a volume of its own."""
    log = Path(config.models[0].predictions.source.shown)
    assert cli.parser().parse_args(SERVICES["model"]["command"]).log == log
    assert mounts("model")[str(log.parent)] == mounts("exporter")[str(log.parent)] == "predictions"
    assert mounts("exporter")[str(config.state_dir)] == "exporter-state"
    installed = (REPOSITORY / "exporter/Dockerfile").read_text()
    assert f"{config.state_dir} {log.parent}" in installed


def test_grafana_is_provisioned() -> None:
    """The dashboards' folder is mounted where the provider looks, and rates fit the scrape interval."""
    (provider,) = read("grafana/provisioning/dashboards/prediction-exporter.yml")["providers"]
    assert mounts("grafana")[provider["options"]["path"]] == f"./{FOLDER}"
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert home.name == f"{BOARDS[0].name}.json"
    source = read("grafana/provisioning/datasources/prediction-exporter.yml")["datasources"][0]
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]


def test_the_baseline_is_that_of_the_demo(config: Config, tmp_path: Path) -> None:
    """The committed file is what the demo's training data gives."""
    check_files(config, Path("exporter.yml"))
    data = tmp_path / "training.parquet"
    training_data().write_parquet(data)
    built = tmp_path / "baseline.json"
    configuration = REPOSITORY / "examples/credit-risk/exporter.yml"
    arguments = ["baseline", "--config.file", configuration, "--model", "credit-risk", "--data", data, "--output", built]
    assert cli.main([str(argument) for argument in arguments]) == 0
    assert config.models[0].baseline is not None
    assert load_baseline(built).hash == load_baseline(config.models[0].baseline).hash
