"""`kit --into`: owners' routes in somebody's Alertmanager configuration, of which every other byte stays as it was."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from prediction_exporter import cli

Run = Callable[..., str]

#: A company's own: comments, quotes of all kinds, lists in brackets, dashes under their key, a secret.
THEIRS = """\
# Ask platform@example.com before you change this.
global:
  slack_api_url: https://hooks.slack.example.com/services/SECRET   # of the company
  smtp_smarthost: 'mail.example.com:25'
  smtp_from: "alerts@example.com"

templates: ['/etc/alertmanager/templates/*.tmpl', 'more.tmpl']   # of all teams

route:
  receiver: platform          # whatever nobody takes
  group_by: [alertname, cluster]
  routes:
  # the shop goes first
  - matchers: ['team="shop"']
    receiver: shop

  - {matchers: ['severity="critical"'], receiver: platform}

receivers:
- name: platform
  slack_configs:
  - channel: "#platform"
- {name: shop, email_configs: [{to: shop@example.com}]}   # one line

time_intervals:
"""

RISK = """
owners:
  risk-ds: {slack: "#risk", email: risk@example.com}
models: [{name: m, owner: risk-ds, maturity: 0, predictions: {log: {path: /log}}}]
"""
HOURS = 'notifications: {working_hours: {from: "08:00", to: "17:00"}}\n'
FRAUD = """
owners: {fraud: {slack: "#fraud", group: owner}}
models: [{name: f, owner: fraud, maturity: 0, predictions: {log: {path: /log}}}]
notifications: {slack_api_url_file: /secrets/slack, unowned: {slack: "#ml"}}
"""


@pytest.fixture
def alertmanager(tmp_path: Path) -> Path:
    """The company's configuration, in a folder of its own."""
    (tmp_path / "am").mkdir()
    path = tmp_path / "am/alertmanager.yml"
    path.write_text(THEIRS)
    return path


@dataclass(frozen=True)
class Done:
    """What a command answered."""

    returncode: int
    stdout: str
    stderr: str


Merge = Callable[..., Done]


@pytest.fixture
def merge(tmp_path: Path, alertmanager: Path, capsys: pytest.CaptureFixture[str]) -> Merge:
    """Merge a configuration into the company's, by the command."""

    def run(configuration: str, *flags: str) -> Done:
        file = tmp_path / "exporter.yml"
        file.write_text(configuration)
        capsys.readouterr()
        code = cli.main(["kit", "--config.file", str(file), "--into", str(alertmanager), *flags])
        told = capsys.readouterr()
        return Done(code, told.out, told.err)

    return run


def without_ours(text: str) -> str:
    """Return a text without what is between the marks."""
    return re.sub(r"[ \t]*# BEGIN prediction-exporter: .*\n(?:.*\n)*?[ \t]*# END prediction-exporter: .*\n", "", text)


def test_theirs_stays_as_it_was(merge: Merge, alertmanager: Path) -> None:
    """Byte for byte, beside a list in brackets that is now written in lines, and a list that there was none of."""
    done = merge(RISK + HOURS)
    assert done.returncode == 0
    assert re.fullmatch(rf"{alertmanager}: checked by amtool [\d.]+\n", done.stdout)
    expected = THEIRS.replace(
        "templates: ['/etc/alertmanager/templates/*.tmpl', 'more.tmpl']   # of all teams\n",
        "templates:   # of all teams\n  - '/etc/alertmanager/templates/*.tmpl'\n  - 'more.tmpl'\n",
    )
    assert without_ours(alertmanager.read_text()) == expected + "inhibit_rules:\n"
    assert (alertmanager.parent / "prediction-exporter.tmpl").is_file()


#: Where the real Alertmanager's router must send alerts, by their labels.
SENT = {
    "alertname=ModelMissingValues area=data owner=risk-ds severity=critical": "risk-ds",
    "alertname=ModelFeatureDrift area=drift owner=fraud severity=warning": "fraud",
    "alertname=ModelExporterDown area=service severity=critical": "_unowned",
    "alertname=ModelExporterDown area=service owner=who-left severity=warning": "_unowned",
    "alertname=ModelTrainingLate team=shop severity=warning": "shop",
    "alertname=NodeDown severity=critical": "platform",
    "alertname=CheckoutSlow team=shop owner=risk-ds severity=warning": "shop",
    "alertname=Other area=data owner=risk-ds": "platform",
}


@pytest.mark.parametrize("order", [(RISK + HOURS, FRAUD), (FRAUD, RISK + HOURS)], ids=["risk first", "fraud first"])
def test_two_teams_merge_into_one_file(run: Run, merge: Merge, alertmanager: Path, order: tuple[str, str]) -> None:
    """Each from its own configuration, in any order: the kit's alerts go to their owners, others where they went before."""
    for configuration in order:
        done = merge(configuration)
        assert done.returncode == 0, done.stderr
    command = ["amtool", "config", "routes", "test", f"--config.file={alertmanager}"]
    assert {labels: run(*command, *labels.split()).splitlines()[0] for labels in SENT} == SENT


def test_copies_digest_and_escalation_merge_too(run: Run, merge: Merge, alertmanager: Path) -> None:
    """Each owner with intervals and receivers of its own; what is no more is gone when merging again."""
    telling = RISK.replace(
        "email: risk@example.com}", "email: risk@example.com, copies: [ops]}\n  ops: {email: ops@example.com}"
    )
    telling += 'notifications: {digest: {at: "09:00"}, escalation: {after: 1h, to: ops}}\n'
    for configuration in (FRAUD, telling, telling):
        done = merge(configuration)
        assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(": nothing to change\n")
    assert "SUCCESS" in run("amtool", "check-config", alertmanager)
    command = ["amtool", "config", "routes", "test", f"--config.file={alertmanager}"]
    of_risk = ["alertname=ModelFeatureDrift", "area=drift", "owner=risk-ds"]
    run(*command, "--verify.receivers=risk-ds/digest", *of_risk, "severity=info")
    # Who has a copy is told at once.
    run(*command, "--verify.receivers=risk-ds", *of_risk, "severity=critical")
    run(*command, "--verify.receivers=fraud", "alertname=ModelFeatureDrift", "area=drift", "owner=fraud", "severity=info")
    content = yaml.safe_load(alertmanager.read_text())
    assert [each["name"] for each in content["time_intervals"]] == ["ops-digest", "risk-ds-digest"]
    merge(RISK)
    assert "risk-ds-digest" not in alertmanager.read_text()
    assert "risk-ds/digest" not in alertmanager.read_text()


def test_merging_again_changes_nothing(merge: Merge, alertmanager: Path) -> None:
    """And is told; `--check` agrees."""
    merge(RISK + HOURS)
    merge(FRAUD)
    once = alertmanager.read_text()
    for configuration in (RISK + HOURS, FRAUD):
        assert merge(configuration).stdout == f"{alertmanager}: nothing to change\n"
        done = merge(configuration, "--check")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert alertmanager.read_text() == once


def test_a_change_replaces_what_is_the_owners(merge: Merge, alertmanager: Path) -> None:
    """In its place, wherever somebody moved it, and what is no longer so goes; another owner's stays."""
    merge(RISK + HOURS)
    merge(FRAUD)
    block = re.search(
        r" *# BEGIN prediction-exporter: route.routes of risk-ds\n(?:.*\n)*?.*END.*risk-ds\n", alertmanager.read_text()
    )
    assert block is not None
    shop = "  # the shop goes first\n  - matchers: ['team=\"shop\"']\n    receiver: shop\n"
    alertmanager.write_text(alertmanager.read_text().replace(block[0], "").replace(shop, shop + block[0]))
    assert merge(RISK.replace("#risk", "#risk-models")).returncode == 0
    text = alertmanager.read_text()
    content = yaml.safe_load(text)
    channels = {each["name"]: each["slack_configs"][0]["channel"] for each in content["receivers"] if "slack_configs" in each}
    assert channels == {"platform": "#platform", "risk-ds": "#risk-models", "fraud": "#fraud", "_unowned": "#ml"}
    assert [route["receiver"] for route in content["route"]["routes"]] == ["fraud", "_unowned", "shop", "risk-ds", "platform"]
    assert "working-hours" not in text


def test_check_shows_what_would_change_and_nothing_of_theirs(merge: Merge, alertmanager: Path) -> None:
    """A secret may stand in a line around it."""
    done = merge(RISK, "--check")
    assert done.returncode == 1
    assert "+    # BEGIN prediction-exporter: templates of all owners" in done.stderr.replace("+  #", "+    #")
    assert "SECRET" not in done.stderr
    assert alertmanager.read_text() == THEIRS
    assert [path.name for path in alertmanager.parent.iterdir()] == ["alertmanager.yml"]


def test_transports_are_the_owners_or_the_companys(merge: Merge, alertmanager: Path) -> None:
    """A receiver names its own where the configuration has one; else it is reached by what the company has."""
    merge(RISK)
    merge(FRAUD)
    receivers = {each["name"]: each for each in yaml.safe_load(alertmanager.read_text())["receivers"]}
    assert "api_url_file" not in receivers["risk-ds"]["slack_configs"][0]
    assert "smarthost" not in receivers["risk-ds"]["email_configs"][0]
    assert receivers["fraud"]["slack_configs"][0]["api_url_file"] == "/secrets/slack"


def test_grouping_and_muting_are_the_owners_alone(merge: Merge, alertmanager: Path) -> None:
    """What their routes group by is not taken over; what mutes by severity mutes alerts of the kit alone."""
    merge(RISK)
    merge(FRAUD)
    content = yaml.safe_load(alertmanager.read_text())
    groups = {route["receiver"]: route.get("group_by") for route in content["route"]["routes"]}
    model = ["alertname", "namespace", "model"]
    assert groups == {"fraud": ["alertname"], "risk-ds": model, "_unowned": model, "shop": None, "platform": None}
    for rule in content["inhibit_rules"]:
        for side in (rule["source_matchers"], rule["target_matchers"]):
            assert any(matcher.startswith("alertname=") for matcher in side)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("- name: platform", "- name: risk-ds"), "receivers: there is another risk-ds already; rename it, or the owner"),
        (
            ("time_intervals:\n", "mute_time_intervals:\n- {name: risk-ds-working-hours}\n"),
            "time_intervals: there is another risk-ds-working-hours already; rename it, or the owner",
        ),
        (("route:\n", "route: {receiver: platform}\nothers:\n"), "route is not written with a key a line; write it so"),
        (("more.tmpl'", "more.tmpl', # x\n 'y'"), "templates is not written with an entry a line; write it so"),
        (("route:\n", "routes:\n"), "is no configuration of Alertmanager: it has no route"),
        (("  group_by: [", "  group_by: [["), "is no YAML that can be read: line "),
        (
            ("receivers:\n", "receivers:\n# BEGIN prediction-exporter: receivers of a\n"),
            "the mark of receivers of a has no end",
        ),
        (("receivers:\n", "receivers:\n# END prediction-exporter: receivers of a\n"), "has no mark that belongs to it"),
        (("receiver: shop", "receiver: gone"), "is left as it was, as amtool refuses what it would be:"),
    ],
)
def test_what_cannot_be_merged_is_left_as_it_was(merge: Merge, alertmanager: Path, change: tuple[str, str], told: str) -> None:
    """And the reason is told, with the file's name, and nothing that may be a secret."""
    text = THEIRS.replace(*change, 1)
    assert text != THEIRS
    alertmanager.write_text(text)
    done = merge(RISK + HOURS)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{alertmanager}: ")
    assert told in done.stderr
    assert "SECRET" not in done.stderr
    assert alertmanager.read_text() == text
    assert not [path for path in alertmanager.parent.iterdir() if path.name.startswith(".")]


def test_an_owner_whom_nobody_could_tell(merge: Merge, alertmanager: Path) -> None:
    """Neither the configuration nor the company has a way."""
    alertmanager.write_text("route:\n  receiver: a\nreceivers:\n  - name: a\n")
    done = merge(RISK)
    assert done.returncode == 2
    assert "owners.risk-ds cannot be reached: slack needs notifications.slack_api_url_file" in done.stderr


def test_what_the_installed_amtool_does_not_know_is_not_refused(merge: Merge, alertmanager: Path) -> None:
    """It cannot check what a later Alertmanager takes, and that is said."""
    done = merge(
        RISK.replace("email: risk@example.com", "msteams: {webhook_url_file: /t}") + 'alertmanager: {version: "99.0"}\n'
    )
    assert done.returncode == 0
    assert done.stdout == f"{alertmanager}: amtool is older than alertmanager.version, 99.0, and cannot check it\n"
    assert "msteamsv2_configs" in alertmanager.read_text()


def test_a_link_stays_one_and_rights_stay(merge: Merge, alertmanager: Path) -> None:
    """The file behind the link is replaced, with the rights that it had."""
    behind = alertmanager.with_name("behind.yml")
    alertmanager.rename(behind)
    behind.chmod(0o640)
    alertmanager.symlink_to(behind.name)
    assert merge(RISK).returncode == 0
    assert alertmanager.is_symlink()
    assert "# BEGIN prediction-exporter" in behind.read_text()
    assert stat.S_IMODE(behind.stat().st_mode) == 0o640


FORMS = {
    "no routes": "route:\n  receiver: a\nreceivers: [{name: a}]\n",
    "an empty list": "route:\n  receiver: a\n  routes: []\nreceivers:\n  - name: a\n",
    "nothing": "route:\n  receiver: a\n  routes: null # none\nreceivers:\n- name: a\ntemplates: ~\n",
    "brackets over lines": (
        "route:\n    receiver: a\n    routes: [\n      {receiver: a},\n      {receiver: a}\n    ] # c\nreceivers:\n-   name: a"
    ),
    "dashes alone": "route:\n  receiver: a\n  routes:\n  -\n    receiver: a\nreceivers: &r\n    -\n      name: a\n",
    "quoted keys": '"route":\n  "receiver": a\n  "routes":\n    - receiver: a\n"receivers":\n- name: a\n',
    "a document": "---\nroute:\n  receiver: a\nreceivers:\n- name: a\n...\n",
    "lines of Windows": "route:\r\n  receiver: a\r\nreceivers:\r\n- name: a\r\n",
    "lines of both": "route:\r\n  receiver: a\nreceivers:\r\n- name: a\r\n",
    "a mark of the byte order": "\ufeffroute:\n  receiver: a\nreceivers:\n- name: a\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_people_write(merge: Merge, alertmanager: Path, form: str) -> None:
    """Alertmanager takes the result, all of theirs is in it, and merging again changes nothing."""
    alertmanager.write_bytes(FORMS[form].encode())
    before = yaml.safe_load(FORMS[form])
    assert ": checked by amtool " in merge(FRAUD).stdout
    after: dict[str, Any] = yaml.safe_load(alertmanager.read_bytes().decode())
    assert after["receivers"][-1] == before["receivers"][-1]
    assert after["route"]["routes"][2:] == (before["route"].get("routes") or [])
    for line in FORMS[form].splitlines(keepends=True)[:2]:
        assert line in alertmanager.read_bytes().decode()
    assert merge(FRAUD).stdout == f"{alertmanager}: nothing to change\n"


def test_only_has_no_meaning_here(merge: Merge) -> None:
    """It is told, as what was asked for would be done by half."""
    done = merge(RISK, "--only=rules")
    assert (done.returncode, done.stderr) == (
        2,
        "--into merges routes and receivers, and neither --only nor --format has a meaning with it\n",
    )
