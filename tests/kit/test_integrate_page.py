"""docs/integrate.md: what it adds to an existing Prometheus, Alertmanager and Operator works there as it stands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
import yaml

from prediction_exporter import cli
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.audience import UNOWNED
from prediction_exporter.kit.formats import prometheus_operator
from prediction_exporter.kit.formats.routing import SECRET
from prediction_exporter.kit.formats.rule_sets import PREFIX
from prediction_exporter.kit.inhibitions import OURS
from prediction_exporter.kit.promql import JOBS

Run = Callable[..., str]

PAGE = Path(__file__).parents[2] / "docs/integrate.md"

#: An Alertmanager that has routes, muting and hours of its own.
EXISTING = """
global: {slack_api_url_file: /secrets/slack, smtp_smarthost: "mail.example.com:25", smtp_from: a@example.com}
templates: [more.tmpl]
route:
  receiver: platform
  group_by: [alertname, cluster]
  routes:
    - {matchers: ['team="shop"'], receiver: shop}
receivers:
  - {name: platform, slack_configs: [{channel: "#platform"}]}
  - {name: shop, email_configs: [{to: shop@example.com}]}
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
time_intervals:
  - {name: nights, time_intervals: [{times: [{start_time: "20:00", end_time: "24:00"}]}]}
"""


def blocks(language: str) -> list[str]:
    """Return the page's blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """Return the command lines of a program that the page shows."""
    shown = re.findall(r"^\$ (.*)$", "".join(blocks("console")), re.MULTILINE)
    return [words for words in map(shlex.split, shown) if words[0] == program]


def test_rules_beside_others(run: Run, folder: Path, tmp_path: Path) -> None:
    """Prometheus takes the configuration of the page, with rules of somebody else beside the kit's."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.rules.yml").write_text("groups: [{name: own, rules: [{record: own, expr: up}]}]\n")
    (tmp_path / "prediction-exporter").symlink_to(folder / "prometheus/rules")
    text = next(block for block in blocks("yaml") if "rule_files" in block)
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/", f"{tmp_path}/"))
    check, test = commands("promtool")
    output = run(*check[:-1], tmp_path / check[-1])
    assert "3 rule files found" in output
    assert output.count("rules found") == 3
    assert test[-1] == "kit/prometheus/tests/*.test.yml"
    assert list((folder / "prometheus/tests").glob("*.test.yml"))
    ours, prometheus = yaml.safe_load(text)["scrape_configs"]
    assert is_ours(ours["job_name"])
    assert not is_ours(prometheus["job_name"])  # it scrapes itself, for the alert on rules that are late


def is_ours(job: str) -> bool:
    """Return whether the rules take a scrape job for one of exporters."""
    [pattern] = re.findall('job=~"(.*)"', JOBS)
    return re.fullmatch(pattern, job) is not None


@pytest.fixture
def merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An Alertmanager's configuration that the page's commands have merged the example's owners into."""
    (tmp_path / "alertmanager.yml").write_text(EXISTING)
    (tmp_path / "exporter.yml").symlink_to(PAGE.parents[1] / "examples/credit-risk/exporter.yml")
    monkeypatch.chdir(tmp_path)
    looked, written = (command for command in commands("prediction-exporter") if any("--into" in word for word in command))
    assert looked == [*written, "--check"]
    assert cli.main(looked[1:]) == 1
    assert (tmp_path / "alertmanager.yml").read_text() == EXISTING
    assert cli.main(written[1:]) == 0
    return tmp_path / "alertmanager.yml"


def test_merged_routes_load(run: Run, merged: Path) -> None:
    """What was there stays as it was, with the owners' receivers, muting, hours and templates beside it."""
    assert run("amtool", "check-config", merged).count("SUCCESS") == 2
    before, after = yaml.safe_load(EXISTING), yaml.safe_load(merged.read_text())
    assert after["global"] == before["global"]
    for key, held in {**before, "routes": before["route"]["routes"]}.items():
        lists = {**after, "routes": after["route"]["routes"]}
        if isinstance(held, list):
            assert lists[key][-len(held) :] == held
            assert len(lists[key]) > len(held)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=ModelMissingValues", "area=data", "owner=data-eng", "severity=critical"], "data-eng"),
        (["alertname=ModelExporterDown", "area=service", "severity=warning"], UNOWNED),
        (["alertname=ModelTrainingLate", "team=shop", "severity=warning"], "shop"),
        (["alertname=Modelling", "area=data", "severity=warning"], "platform"),
        (["alertname=NodeDown", "severity=critical"], "platform"),
        (["alertname=CheckoutSlow", "team=shop", "owner=risk-ds", "severity=warning"], "shop"),
    ],
)
def test_merged_routes_lead_where_they_should(run: Run, merged: Path, labels: list[str], receiver: str) -> None:
    """The kit's alerts to their owners, everybody else's where they went before."""
    run("amtool", "config", "routes", "test", f"--config.file={merged}", f"--verify.receivers={receiver}", *labels)


def test_the_page_shows_where_an_alert_goes(run: Run, merged: Path) -> None:
    """Its last command prints what stands below it; every alert of the kit is taken by the routes' matchers."""
    [test] = commands("amtool")
    output = run(*(word.replace("alertmanager.yml", str(merged)) for word in test))
    [shown] = re.findall(r"^\$ amtool config routes test.*\n(.*)$", "".join(blocks("console")), re.MULTILINE)
    assert output.splitlines()[0] == shown
    patterns = dict(re.findall('(\\w+)=~"(.*)"', "\n".join(OURS)))
    assert all(
        re.fullmatch(patterns["alertname"], alert.name) and re.fullmatch(patterns["area"], alert.area) for alert in ALERTS
    )


def test_the_page_shows_what_is_merged(merged: Path) -> None:
    """The marks and the matchers of its example are those of the file."""
    [shown] = [block for block in blocks("yaml") if "# BEGIN prediction-exporter" in block]
    text = merged.read_text()
    marks = re.findall("# (?:BEGIN|END) .*", shown)
    assert len(marks) == 2
    assert all(mark in text for mark in marks)
    example, held = yaml.safe_load(shown)["route"], yaml.safe_load(text)["route"]
    [ours] = [route for route in held["routes"] if route["receiver"] == "risk-ds"]
    assert ours == {**ours, **example["routes"][0]}
    assert (example["receiver"], example["routes"][1]) == (held["receiver"], held["routes"][-1])


def rendered_by(command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run a command of the page on the example and return where it writes to."""
    (tmp_path / "exporter.yml").symlink_to(PAGE.parents[1] / "examples/credit-risk/exporter.yml")
    monkeypatch.chdir(tmp_path)
    assert cli.main(command[1:]) == 0
    return tmp_path / "kit"


def test_files_of_the_page_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given to `percli`, `kubectl`, `helm` and `mimirtool` is what the command before it writes, and all of that."""
    perses, operator, helm, mimir = (
        command for command in commands("prediction-exporter") if any("--format" in word for word in command)
    )
    for command in (perses, operator, helm, mimir):
        (tmp_path / "exporter.yml").unlink(missing_ok=True)
        rendered_by(command, tmp_path, monkeypatch)
    [kubectl] = commands("kubectl")
    assert (tmp_path / kubectl[kubectl.index("-f") + 1]).is_dir()
    assert "--recursive" in kubectl
    [upgrade] = commands("helm")
    values = {word for word in upgrade if word.startswith("kit/")}
    assert values == {str(path.relative_to(tmp_path)) for path in (tmp_path / "kit/helm-values").iterdir()}
    [apply] = commands("percli")
    assert {path.suffix for path in (tmp_path / apply[apply.index("--directory") + 1]).iterdir()} == {".yaml"}
    [load] = commands("mimirtool")
    assert {*tmp_path.glob(load[-1])} == {*(tmp_path / "kit/mimir").iterdir()}


def test_names_of_the_page_are_those_of_objects() -> None:
    """Labels, ports, jobs, the Secret and the ConfigMap that it tells of are what is rendered."""
    text = PAGE.read_text(encoding="utf-8")
    [(label, value)] = prometheus_operator.POD_LABEL.items()
    assert f'`{label}: "{value}"`' in text
    [(label, value)] = prometheus_operator.SERVICE_LABEL.items()
    assert f"`{label}: {value}`" in text
    assert f"The port is called `{prometheus_operator.PORT}`" in text
    assert f"`{SECRET}`" in text
    [alertmanager] = [block for block in blocks("yaml") if "alertmanagerConfiguration" in block]
    named = yaml.safe_load(alertmanager)["spec"]["alertmanagerConfiguration"]
    template = {"name": prometheus_operator.TEMPLATES, "key": PurePath(TEMPLATE_FILE).name}
    assert named == {"name": PREFIX, "templates": [{"configMap": template}]}
    # Jobs are called by a monitor and by a Service, both of this name.
    assert is_ours(f"shop/{PREFIX}")
    assert is_ours(PREFIX)
    operations = (PAGE.parent / "operations.md").read_text(encoding="utf-8")
    assert f"name: {prometheus_operator.PORT}, containerPort: {prometheus_operator.NUMBER}" in operations
