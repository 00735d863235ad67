"""What is committed is what the declarations and the example's configuration give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import forked
from prediction_exporter.kit import render as kit
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.rules import ALERTS_FILE

REPOSITORY = Path(__file__).parents[2]


def test_committed_files_are_up_to_date(rendered: Mapping[str, str]) -> None:
    """`make generate` changes nothing."""
    assert kit.diff(rendered, REPOSITORY) == []


@pytest.mark.parametrize(
    "pattern",
    ["prometheus/rules/*", "prometheus/tests/*", "alertmanager/**/*", "grafana/dashboards/*", "docs/runbooks/*"],
)
def test_nothing_is_left_of_former_renderings(rendered: Mapping[str, str], pattern: str) -> None:
    """A file of an alert that is gone would be taken for one that exists."""
    present = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob(pattern) if path.is_file()}
    assert present
    assert present <= rendered.keys()


def test_rendering_is_repeatable(rendered: Mapping[str, str], folder: Path) -> None:
    """The same declarations give the same bytes, and what is written is what is compared."""
    assert kit.diff(rendered, folder) == []


def test_differences_are_shown(rendered: Mapping[str, str], tmp_path: Path) -> None:
    """A changed and a missing file, as a person would want to see them."""
    kit.write(rendered, tmp_path)
    changed = tmp_path / "docs/alerts.md"
    changed.write_text(changed.read_text().replace("# Alerts", "# Alarms"))
    missing = tmp_path / "docs/runbooks/ModelFeatureDrift.md"
    missing.unlink()
    lines = kit.diff(rendered, tmp_path)
    assert "-# Alarms" in lines
    assert "+# Alerts" in lines
    assert f"--- {missing}" in lines


def test_files_that_are_behind_are_named(tmp_path: Path) -> None:
    """A changed one, a missing one, and ones that are rendered no more; those of others are none of ours."""
    configuration = tmp_path / "exporter.yml"
    text = (
        "owners: {a: {email: a@example.com}}\nmodels: [{name: m, owner: a, maturity: 0, predictions: {log: {path: m.log}}}]\n"
    )
    configuration.write_text(text + "notifications: {smtp: {smarthost: 'm:25', from: a@example.com}}\n")
    folder = tmp_path / "kit"
    command = ("kit", "--config.file", configuration, "--output", folder)
    assert forked.run(*command).returncode == 0
    (folder / "prometheus/rules/others.yml").write_text("groups: []\n")
    done = forked.run(*command, "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    configuration.write_text(configuration.read_text().replace("{email: a@", "{email: b@"))
    (folder / ALERTS_FILE).rename((folder / ALERTS_FILE).with_name("old.rules.yml"))
    (folder / "grafana/dashboards/model.json").rename(folder / "grafana/dashboards/all.json")
    done = forked.run(*command, "--check")
    assert done.returncode == 1
    *lines, last = done.stderr.splitlines()
    assert last == "render them again, without --check"
    count = next(i for i, line in enumerate(lines) if line.endswith(" files behind the configuration:"))
    assert lines[count].startswith("5 of ")
    assert {line.strip() for line in lines[count + 1 :]} == {
        "alertmanager/alertmanager.yml",
        "grafana/dashboards/all.json (rendered no more)",
        "grafana/dashboards/model.json (missing)",
        f"{ALERTS_FILE} (missing)",
        "prometheus/rules/old.rules.yml (rendered no more)",
    }


def test_no_place_to_write_to(tmp_path: Path) -> None:
    """A file in the place of the folder, or a folder in the place of a file, is told and named."""
    configuration = tmp_path / "exporter.yml"
    configuration.write_text(
        "owners: {a: {email: a@example.com}}\nmodels: [{name: m, owner: a, maturity: 0, predictions: {log: {path: m.log}}}]\n"
    )
    taken = tmp_path / "taken"
    taken.touch()
    folder = tmp_path / "kit" / ALERTS_FILE
    folder.mkdir(parents=True)
    for output, blocked in ((taken, taken), (tmp_path / "kit", folder)):
        done = forked.run("kit", "--config.file", configuration, "--only", "rules", "--output", output)
        assert done.returncode == 2
        assert done.stderr.startswith(str(blocked))
        assert ": cannot be written: " in done.stderr
        assert done.stderr.count("\n") == 1


def test_without_a_configuration_routes_are_left_out(rendered: Mapping[str, str]) -> None:
    """Rules, dashboards and runbooks need none."""
    assert rendered.keys() - kit.render(None).keys() == {"alertmanager/alertmanager.yml"}


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_a_runbook_has_its_sections(rendered: Mapping[str, str], alert: object) -> None:
    """Meaning, impact, diagnosis and mitigation, in this order."""
    page = rendered[f"docs/runbooks/{alert}.md"]
    places = [page.index(f"\n## {section}\n") for section in ("Meaning", "Impact", "Diagnosis", "Mitigation")]
    assert places == sorted(places)
    assert "```promql" in page


def test_links_between_pages_work(rendered: Mapping[str, str]) -> None:
    """Every alert is listed, and every link leads to a page."""
    overview = rendered["docs/alerts.md"]
    for alert in ALERTS:
        assert f"[{alert}](runbooks/{alert}.md)" in overview
        assert f"docs/runbooks/{alert}.md" in rendered


def test_every_module_of_the_kit_reaches_the_installed_package() -> None:
    """The message templates lie beside the code and are read from the package."""
    assert "prediction-exporter.slack.text" in kit.render(None)["alertmanager/templates/prediction-exporter.tmpl"]
