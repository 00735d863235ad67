"""Every alert reaches its owner, none vanishes, and what says nothing new is muted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.config import Config, parse
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.alert import AREAS, SEVERITIES, Alert
from prediction_exporter.kit.alertmanager import CONFIG_FILE, alertmanager_config
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.kit.alerts.source_stale import SOURCE_STALE
from prediction_exporter.kit.audience import UNOWNED
from prediction_exporter.kit.scale import Scale
from quick_yaml import load as load_yaml

Run = Callable[..., str]

OWNERS = ("risk-ds", "data-eng", "ml-ops")
SLACK = "slack_api_url_file: /secrets/slack"
SMTP = 'smtp: {smarthost: "smtp.example.com:25", from: a@example.com}'


def configured(owners: str, *notifications: str) -> Config:
    """Return a configuration with these owners and transports."""
    text = f"""
owners: {owners}
models: [{{name: m, owner: a, maturity: 0, predictions: {{log: {{path: /log}}}}}}]
notifications: {{{", ".join(notifications)}}}
"""
    return parse(text, name="test.yml", base=Path("/"), environ={})


def rendered_for(owners: str, *notifications: str) -> dict[str, Any]:
    """Return Alertmanager's configuration for these owners and transports."""
    content: dict[str, Any] = load_yaml(alertmanager_config(configured(owners, *notifications), Scale()))
    return content


def test_alertmanager_loads_it(run: Run, folder: Path) -> None:
    """The oldest supported Alertmanager takes the configuration with its templates."""
    output = run("amtool", "check-config", folder / CONFIG_FILE)
    assert output.count("SUCCESS") == 2


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize("owner", OWNERS)
def test_an_alert_goes_to_its_owner(run: Run, folder: Path, owner: str, area: str, severity: str) -> None:
    """Whatever its area and severity, and to nobody else."""
    labels = [f"owner={owner}", f"area={area}", f"severity={severity}", "model=credit-risk", "alertname=X"]
    command = ["amtool", "config", "routes", "test", f"--config.file={folder / CONFIG_FILE}"]
    run(*command, f"--verify.receivers={owner}", *labels)
    run(*command, f"--verify.receivers={UNOWNED}", *labels, status=1)


@pytest.mark.parametrize("owner", [[], ["owner=somebody-who-left"]])
@pytest.mark.parametrize("severity", SEVERITIES)
def test_an_alert_without_owner_is_not_dropped(run: Run, folder: Path, owner: list[str], severity: str) -> None:
    """No owner, or one that is not configured: the root receiver catches it, and it reaches somebody."""
    command = ["amtool", "config", "routes", "test", f"--config.file={folder / CONFIG_FILE}"]
    run(*command, f"--verify.receivers={UNOWNED}", *owner, f"severity={severity}", "alertname=X")


def test_every_receiver_reaches_somebody(rendered: Mapping[str, str]) -> None:
    """A receiver without channels would swallow its alerts."""
    content = load_yaml(rendered[CONFIG_FILE])
    for receiver in content["receivers"]:
        assert receiver["slack_configs"]
        assert receiver["email_configs"]
        assert all(channel["send_resolved"] for channel in receiver["slack_configs"] + receiver["email_configs"])


def test_only_warnings_on_other_areas_than_service_and_data_wait(rendered: Mapping[str, str]) -> None:
    """Critical alerts, all of the service and faults of data are sent at any time; critical ones are repeated sooner."""
    content = load_yaml(rendered[CONFIG_FILE])
    assert content["time_intervals"][0]["time_intervals"] == [
        {"weekdays": ["monday:friday"], "times": [{"start_time": "08:00", "end_time": "18:00"}], "location": "Europe/Zurich"}
    ]
    for owner in content["route"]["routes"][:-1]:
        *areas, others = owner["routes"]
        assert others == {"matchers": ['severity="critical"'], "repeat_interval": "4h"}
        waiting = {route["matchers"][0] for route in areas if route.get("active_time_intervals") == ["working-hours"]}
        assert waiting == {f'area="{area}"' for area in ("data", "drift", "performance", "cost", "pipelines")}
        # What a child does not say of waiting it does not take from its parent.
        warnings = {"matchers": ['severity="warning"']}
        for route in areas:
            assert route["routes"] == [others, *([warnings] if route["matchers"] == ['area="data"'] else [])]
    assert content["route"]["repeat_interval"] == "24h"


@pytest.mark.parametrize("unowned", ["model", "owner"])
def test_grouping_is_each_owners_choice(run: Run, tmp_path: Path, unowned: str) -> None:
    """By alert, namespace and model, or by the alert alone for who wants one message for all models."""
    owners = '{a: {slack: "#a"}, b: {slack: "#b", group: owner}}'
    config = configured(owners, SLACK, f'unowned: {{slack: "#u", group: {unowned}}}')
    (tmp_path / "alertmanager.yml").write_text(alertmanager_config(config, Scale()))
    (tmp_path / "templates").mkdir()
    run("amtool", "check-config", tmp_path / "alertmanager.yml")
    route = load_yaml((tmp_path / "alertmanager.yml").read_text())["route"]
    by = {"model": ["alertname", "namespace", "model"], "owner": ["alertname"]}
    assert route["group_by"] == by[unowned]
    # What a route does not say it takes from the one above.
    taken = {each.get("receiver"): each.get("group_by", route["group_by"]) for each in route["routes"]}
    assert (taken["a"], taken["b"]) == (by["model"], by["owner"])


def test_any_service_is_a_way_to_be_told() -> None:
    """Without Slack and email too, and only what cannot be reached is told of."""
    content = rendered_for("{a: {pagerduty: {routing_key_file: /p}}, b: {webhook: {url: 'http://b'}}}")
    assert [set(receiver) - {"name"} for receiver in content["receivers"]] == [
        {"pagerduty_configs", "webhook_configs"},
        {"pagerduty_configs"},
        {"webhook_configs"},
    ]
    with pytest.raises(ConfigError) as caught:
        rendered_for("{a: {pagerduty: {routing_key_file: /p}}, b: {email: b@example.com}}")
    assert str(caught.value).startswith("owners.b cannot be reached: ")
    assert "\n" not in str(caught.value)


def test_without_working_hours_nothing_waits() -> None:
    """An interval that is not defined would stop Alertmanager."""
    content = rendered_for('{a: {slack: "#a"}}', SLACK)
    assert "time_intervals" not in content
    assert "active_time_intervals" not in str(content)


def test_without_a_contact_for_the_unowned_everybody_is_told() -> None:
    """The root receiver is never empty."""
    content = rendered_for('{a: {slack: "#a"}, b: {email: b@example.com}, c: {slack: "#a"}}', SLACK, SMTP)
    root = content["receivers"][0]
    assert root["name"] == UNOWNED == content["route"]["receiver"]
    assert [channel["channel"] for channel in root["slack_configs"]] == ["#a"]
    assert [channel["to"] for channel in root["email_configs"]] == ["b@example.com"]


def test_a_channel_without_transport_is_left_out_where_another_remains() -> None:
    """A Slack channel may be named for people to read, while alerts go by email."""
    content = rendered_for('{a: {slack: "#a", email: a@example.com}}', SMTP)
    assert [set(receiver) for receiver in content["receivers"]] == [{"name", "email_configs"}] * 2


def test_an_owner_who_cannot_be_reached_is_an_error() -> None:
    """It is told when rendering, not by silence at night."""
    with pytest.raises(ConfigError, match=r"owners\.a cannot be reached.*\n.*notifications\.unowned") as caught:
        rendered_for('{a: {slack: "#a"}}', SMTP)
    assert "owners.b" not in str(caught.value)


#: Everybody and everything that can be told beside an owner.
TELLING = """{
  a: {slack: "#ds", email: ds@example.com, pagerduty: {routing_key_file: /p}, copies: [ops], critical_copies: [head]},
  ops: {email: ds@example.com, opsgenie: {api_key_file: /o}, escalation: {after: 30m, to: a}},
  head: {email: head@example.com, group: owner},
  pager: {pagerduty: {routing_key_file: /q}}}"""
FURTHER = (
    "unowned: {email: un@example.com}",
    'digest: {at: "23:44", days: "monday:friday", timezone: Asia/Kolkata}',
    "escalation: {after: 2h, to: head}",
    'working_hours: {from: "09:00", to: "17:00"}',
)


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with copies, a digest and escalations."""
    config = configured(TELLING.replace("\n", " "), SLACK, SMTP, *FURTHER)
    path = tmp_path_factory.mktemp("telling") / "alertmanager.yml"
    path.write_text(alertmanager_config(config, Scale()))
    return path


@pytest.mark.parametrize(
    ("owner", "severity", "receivers"),
    [
        # Who gets critical ones at once is not told of them again when they stay.
        ("a", "critical", "a/critical"),
        ("a", "warning", "a"),
        ("a", "info", "a/digest"),
        ("ops", "critical", "ops/escalation,ops"),
        ("ops", "info", "ops/digest"),
        ("head", "critical", "head"),
        ("pager", "critical", "pager/escalation,pager"),
        # PagerDuty alone: nobody would close the incident of a digest.
        ("pager", "info", "pager"),
        ("", "critical", f"{UNOWNED}/escalation,{UNOWNED}"),
        ("", "warning", UNOWNED),
        ("", "info", f"{UNOWNED}/digest"),
    ],
)
@pytest.mark.parametrize("area", ["service", "data", "drift"])
def test_who_else_is_told(run: Run, telling: Path, owner: str, severity: str, receivers: str, area: str) -> None:
    """By the real router, whatever the area."""
    labels = [f"owner={owner}", f"area={area}", f"severity={severity}", "model=m", "alertname=ModelX"]
    run("amtool", "config", "routes", "test", f"--config.file={telling}", f"--verify.receivers={receivers}", *labels)


def test_an_address_has_a_message_once(run: Run, telling: Path) -> None:
    """Also where owner and copy share it, or those who are told later were told before; a digest is for reading alone."""
    assert "SUCCESS" in run("amtool", "check-config", telling)
    content = load_yaml(telling.read_text())
    found = {each["name"]: each for each in content["receivers"]}

    def told(name: str) -> dict[str, list[str]]:
        return {
            kind: [entry.get("to") or entry.get("channel") or kind for entry in entries]
            for kind, entries in found[name].items()
            if kind != "name"
        }

    everything = {"slack_configs": ["#ds"], "email_configs": ["ds@example.com"], "pagerduty_configs": ["pagerduty_configs"]}
    assert told("a") == everything | {"opsgenie_configs": ["opsgenie_configs"]}
    assert told("a/critical") == told("a") | {"email_configs": ["ds@example.com", "head@example.com"]}
    assert told("a/digest") == {"slack_configs": ["#ds"], "email_configs": ["ds@example.com"]}
    assert told("ops/escalation") == {"slack_configs": ["#ds"], "pagerduty_configs": ["pagerduty_configs"]}
    assert told("pager/escalation") == {"email_configs": ["head@example.com"]}
    assert not [name for name in found if name.startswith(("a/escalation", "head/e", "pager/digest"))]
    assert not any(entry["send_resolved"] for entries in told("a/digest") for entry in found["a/digest"][entries])


def test_an_escalation_to_nobody_else_is_an_error() -> None:
    """It was asked for, and would never be heard."""
    owners = '{a: {slack: "#ds", escalation: {after: 1h, to: b}}, b: {slack: "#ds"}}'
    with pytest.raises(ConfigError, match=r"owners\.a\.escalation: each channel of b is told of critical alerts at once"):
        rendered_for(owners, SLACK)


def test_the_times_of_digest_and_escalation(telling: Path) -> None:
    """A look in each of the digest's intervals, and no two messages in one; the wait is that of the owner, or of all."""
    content = load_yaml(telling.read_text())
    digest = next(each for each in content["time_intervals"] if each["name"] == "digest")
    [interval] = digest["time_intervals"]
    assert interval["times"] == [{"start_time": "23:44", "end_time": "24:00"}]
    assert (interval["weekdays"], interval["location"]) == (["monday:friday"], "Asia/Kolkata")
    waits = {}
    for route in content["route"]["routes"]:
        for each in route.get("routes", [route]):
            if each.get("receiver", "").endswith("/escalation"):
                waits[each["receiver"]] = each["group_wait"]
            if each.get("receiver", "").endswith("/digest"):
                assert each["group_by"] == ["owner"]
                # 16 minutes are more than a look's 15, and 12 hours more than those and less than 23, a day with summer time.
                assert (each["group_interval"], each["repeat_interval"]) == ("15m", "12h")
    assert waits == {"ops/escalation": "30m", "pager/escalation": "2h", f"{UNOWNED}/escalation": "2h"}


def test_secrets_come_from_files(rendered: Mapping[str, str]) -> None:
    """Neither the webhook's address nor a password stands in the file."""
    content = load_yaml(rendered[CONFIG_FILE])["global"]
    assert content["slack_api_url_file"] == "/etc/alertmanager/secrets/slack_api_url"
    assert content["smtp_auth_password_file"] == "/etc/alertmanager/secrets/smtp_password"
    assert not {"slack_api_url", "smtp_auth_password"} & content.keys()


def _muted(rules: list[dict[str, Any]], source: dict[str, str], target: dict[str, str]) -> bool:
    """Whether Alertmanager would mute an alert in the presence of another."""

    def matches(matchers: list[str], labels: dict[str, str]) -> bool:
        for matcher in matchers:
            name, _, value = matcher.partition("=")
            values = value.removeprefix("~").strip('"').split("|")
            if labels.get(name, "") not in values:
                return False
        return True

    return any(
        matches(rule["source_matchers"], source)
        and matches(rule["target_matchers"], target)
        and all(source.get(label, "") == target.get(label, "") for label in rule["equal"])
        for rule in rules
    )


def _alert(name: str, severity: str = "warning", **labels: str) -> dict[str, str]:
    found = {"alertname": name, "severity": severity, "namespace": "ml", "job": "e", "model": "m", **labels}
    return {label: value for label, value in found.items() if value}


_DRIFT = _alert("ModelFeatureDrift", version="2", column="income")


@pytest.mark.parametrize(
    ("source", "target", "muted"),
    [
        (_alert("ModelSourceStale"), _DRIFT, True),
        (_alert("ModelSourceStale", model="other"), _DRIFT, False),
        (_alert("ModelSourceStale", namespace="other"), _DRIFT, False),
        (_alert("ModelSourceStale"), _alert("ModelErrorBudgetBurn", "critical"), False),
        (_alert("ModelExporterDown", instance="a"), _DRIFT, True),
        (_alert("ModelExporterDown", model="", instance="a"), _DRIFT, True),
        (_alert("ModelExporterDown", model="", job="other"), _DRIFT, False),
        (_alert("ModelExporterDown", instance="a"), _alert("ModelExporterDown", instance="b"), False),
        (_alert("ModelSourceStale", "info"), _DRIFT, False),
        (_alert("ModelSourceStale", "info"), _alert("ModelNoPredictions", "critical"), False),
        (_alert("ModelSourceStale"), _alert("ModelNoPredictions", "critical"), True),
        (_alert("ModelSourceStale"), _alert("ModelStatisticFailed", version="2", statistic="psi"), True),
        (_alert("ModelSourceStale"), _alert("ModelBaselineMismatch"), False),
        (_alert("ModelExporterDown", "info", instance="a"), _DRIFT, False),
        (_alert("ModelExporterDown", "info", instance="a"), _alert("ModelSourceStale"), False),
        (_alert("ModelExporterDown", "info", instance="a"), _alert("ModelConfigReloadFailed", instance="a"), False),
        (_alert("ModelNoPredictions", "critical"), _DRIFT, True),
        (_alert("ModelNoPredictions", "critical"), _alert("ModelMissingValues", version="2", column="income"), False),
        (_alert("ModelMissingValues", version="2", column="income"), _DRIFT, True),
        (_alert("ModelMissingValues", version="2", column="age"), _DRIFT, False),
        (_alert("ModelInvalidValues", version="1", column="income"), _DRIFT, False),
        (_alert("ModelWidespreadDrift", "critical", version="2"), _DRIFT, True),
        (_alert("ModelWidespreadDrift", "critical", version="1"), _DRIFT, False),
        (_DRIFT, _alert("ModelWidespreadDrift", "critical", version="2"), False),
        (_alert("ModelErrorBudgetBurn", "critical"), _alert("ModelErrorBudgetBurn"), True),
        (_alert("ModelErrorBudgetBurn"), _alert("ModelErrorBudgetBurn", "critical"), False),
        (_alert("ModelLatencyBudgetBurn", "critical"), _alert("ModelErrorBudgetBurn"), False),
    ],
)
def test_what_mutes_what(rendered: Mapping[str, str], source: dict[str, str], target: dict[str, str], *, muted: bool) -> None:
    """An alert is muted by its cause in the same model, version and column, and by nothing else."""
    assert _muted(load_yaml(rendered[CONFIG_FILE])["inhibit_rules"], source, target) is muted


@pytest.mark.parametrize("alert", ALERTS, ids=str)
def test_alerts_that_need_fresh_data_are_muted_while_there_is_none(alert: Alert) -> None:
    """A source that nobody reads says nothing of the model's data, and would be told again by each of these."""
    # How many requests failed or lines were refused, which baseline is used, and what things cost is true of whatever was read.
    needs_none = {
        "ModelErrorBudgetBurn",
        "ModelLatencyBudgetBurn",
        "ModelLinesRejected",
        "ModelBaselineMismatch",
        "ModelLabelsGivenUp",
    }
    needs_none |= {"ModelSaturated", "ModelReplicasMissing", "ModelCostOverrun", "ModelCostAnomaly", "ModelCostUnknown"}
    about_the_exporter = {  # or about a server, of which it reads nothing
        "ModelServerUnseen",
        "ModelLogVolumeFilling",
        "ModelExporterDown",
        "ModelExporterRestarts",
        "ModelGone",
        "ModelRulesLate",
        "ModelSourceStale",
        "ModelConfigReloadFailed",
        "ModelCollectorFailed",
        "ModelStateDamaged",
    }
    about_processes = {
        "ModelProcessDown",
        "ModelProcessRestarts",
        "ModelMemoryNearLimit",
        "ModelCpuThrottled",
        "ModelOpenFilesNearLimit",
    }
    assert (SOURCE_STALE in alert.muted_by) is (alert.name not in needs_none | about_the_exporter | about_processes)


def test_every_declared_muting_is_rendered(rendered: Mapping[str, str]) -> None:
    """Each pair of the declarations has its rule."""
    rules = load_yaml(rendered[CONFIG_FILE])["inhibit_rules"]
    for alert in ALERTS:
        for source in ALERTS:
            pair = (_alert(source.name, version="2", column="c"), _alert(alert.name, version="2", column="c"))
            assert _muted(rules, *pair) is (source in alert.muted_by)
