"""The kit for the Prometheus Operator, kube-prometheus-stack and Mimir: valid there, whole, and within what each takes."""

from __future__ import annotations

import copy
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from gzip import compress
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are not installed with it
import pytest

import forked
from prediction_exporter.commands import kit as command
from prediction_exporter.config import Config, parse
from prediction_exporter.errors import KitError
from prediction_exporter.kit import formats
from prediction_exporter.kit.alertmanager import TEMPLATE_FILE
from prediction_exporter.kit.audience import UNOWNED
from prediction_exporter.kit.boards.board import Board
from prediction_exporter.kit.dashboards import BOARDS, file_of
from prediction_exporter.kit.formats.mimir import PART_EVALUATED
from prediction_exporter.kit.formats.order import Order
from prediction_exporter.kit.formats.routing import SECRET, secret_keys
from prediction_exporter.kit.groups import RECORDING_GROUPS
from prediction_exporter.kit.health import EVALUATED
from prediction_exporter.kit.render import links_of
from prediction_exporter.kit.rules import alerting_rules, recording_rules
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.servers import server_rules
from quick_yaml import dump
from quick_yaml import load as load_yaml

Run = Callable[..., str]

SCHEMAS = Path(__file__).parent / "operator-schema"

#: An owner who is told in every way that there is, a model whose server is measured, and hours that Kubernetes can say.
EVERYTHING = """
owners:
  a:
    slack: "#a"
    email: a@example.com
    pagerduty: {routing_key_file: /run/pagerduty/key, url: "https://events.eu.pagerduty.com/v2/enqueue"}
    opsgenie: {api_key_file: /run/opsgenie/key, api_url: "https://o.example.com", responders: [{team: t}, {user: u@a.com}]}
    discord: {webhook_url_file: /run/discord}
    msteams: {webhook_url_file: /run/teams}
    webhook: {url_file: /run/hook, credentials_file: /run/token, max_alerts: 5}
  b: {webhook: {url: "https://hook.example.com/b"}, group: owner}
alertmanager: {version: "0.28"}
models:
  - {name: m, owner: a, maturity: 0, predictions: {log: {path: /log}}, server: {kind: triton, match: {model: m}}}
notifications:
  slack_api_url_file: /run/slack
  smtp: {smarthost: "mail.example.com:587", from: am@example.com, username: am, password_file: /run/smtp}
  working_hours: {}
"""
#: Bytes of an object that `kubectl apply` keeps in an annotation.
ANNOTATION = 256 * 1024
#: Names of objects, of DNS labels at most.
NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
#: Receivers that Alertmanager has since 0.25, 0.28, or with other keys.
LATER = {"discord_configs", "msteamsv2_configs", "webhook_configs"}
#: The keys of the Secret that its files become: as long as it takes to tell two of them apart.
KEYS = {"pagerduty-key", "opsgenie-key", "discord", "teams", "hook", "token", "slack", "smtp"}


@pytest.fixture(scope="module")
def everything() -> Config:
    """That configuration."""
    return parse(EVERYTHING, name="test.yml", base=Path("/"), environ={})


@pytest.fixture(scope="module")
def files(everything: Config) -> Mapping[str, Mapping[str, str]]:
    """Every file of every format, by path."""
    order = Order(config=everything, labels={"release": "prometheus"}, namespace="monitoring")
    found = {}
    for name, parts in formats.FORMATS.items():
        found[name], missing = formats.render(name, order, parts.keys())
        assert missing == []
    return found


@pytest.fixture(scope="module")
def plain(everything: Config) -> Mapping[str, Any]:
    """The groups of rules of the kit as it is without a format, by name."""
    scale = Scale()
    texts = [recording_rules(scale), alerting_rules(scale, links_of(everything)), *server_rules(everything, scale).values()]
    assert len(texts) == 3
    return {group["name"]: group for text in texts for group in load_yaml(text)["groups"]}


def documents(texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the objects of files."""
    return [load_yaml(document) for text in texts.values() for document in re.split(r"^---$", text, flags=re.MULTILINE)]


@pytest.fixture(scope="module")
def objects(files: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The objects for the operator."""
    return documents(files["prometheus-operator"])


def refused(content: dict[str, Any]) -> list[str]:
    """Return what the definition of an object's kind refuses of it, an unknown key among it."""
    schema = json.loads((SCHEMAS / f"{content['kind']}.json").read_text())
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def the(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return a copy of the one object of a kind."""
    [found] = [content for content in objects if content["kind"] == kind]
    return copy.deepcopy(found)


def test_objects_are_of_their_definitions(objects: list[dict[str, Any]]) -> None:
    """Every object, with the labels and the namespace that were asked for, and no two of one name."""
    assert {content["kind"] for content in objects} == {path.stem for path in SCHEMAS.glob("*.json")}
    for content in objects:
        assert refused(content) == []
        assert re.fullmatch(NAME, content["metadata"]["name"])
        assert content["metadata"]["namespace"] == "monitoring"
        assert content["metadata"]["labels"]["release"] == "prometheus"
    assert len({(content["kind"], content["metadata"]["name"]) for content in objects}) == len(objects)


@pytest.mark.parametrize(
    ("kind", "spoil"),
    [
        ("PodMonitor", lambda spec: spec.update(podMetricEndpoints=spec.pop("podMetricsEndpoints"))),
        ("PodMonitor", lambda spec: spec["podMetricsEndpoints"][0].update(interval="15 s")),
        ("ServiceMonitor", lambda spec: spec.pop("selector")),
        ("Service", lambda spec: spec["ports"][0].update(port="metrics")),
        ("Service", lambda spec: spec["ports"][0].update(name="metrics_of_models")),
        ("Service", lambda spec: spec["ports"][0].update(port=70000)),
        ("AlertmanagerConfig", lambda spec: spec["route"]["matchers"][0].update(matchType="~")),
        ("AlertmanagerConfig", lambda spec: spec["route"]["routes"][0]["routes"][0].update(group_by=["model"])),
        ("AlertmanagerConfig", lambda spec: spec["route"]["routes"][0].update(matchers=['owner="a"'])),
        ("AlertmanagerConfig", lambda spec: spec["muteTimeIntervals"][0]["timeIntervals"][0].update(location="UTC")),
        ("AlertmanagerConfig", lambda spec: spec["receivers"][0]["slackConfigs"][0].update(apiURL="https://hook.example.com")),
    ],
)
def test_wrong_objects_are_refused(objects: list[dict[str, Any]], kind: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    """The definitions refuse what is near to right: the check above says something."""
    content = the(objects, kind)
    spoil(content["spec"])
    assert refused(content) != []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["metadata"]["labels"].update(owner="a" * 64),
        lambda content: content["metadata"]["labels"].update(owner="the data team"),
        lambda content: content["metadata"]["labels"].update({"the owner": "a"}),
        lambda content: content["metadata"].update(name="prediction_exporter"),
        lambda content: content["metadata"].update(annotation={}),
        lambda content: content.update(spec={}),
        lambda content: content["data"].update({"grafana/fleet.json": ""}),
        lambda content: content["data"].update(fleet={}),
    ],
)
def test_wrong_config_maps_are_refused(objects: list[dict[str, Any]], spoil: Callable[[dict[str, Any]], object]) -> None:
    """What Kubernetes says of names, labels and keys too, which its schemas leave to the server."""
    content = copy.deepcopy(next(content for content in objects if content["kind"] == "ConfigMap"))
    spoil(content)
    assert refused(content) != []


def test_kubectl_and_the_operator_take_the_largest_object(objects: list[dict[str, Any]]) -> None:
    """`kubectl apply` keeps an object as JSON in an annotation of 256 KiB (prometheus-operator#6751, tanka#50).

    It is less than the 512 KiB that the operator takes of rules, and than the 1 MiB of a store.
    """
    sizes = {content["metadata"]["name"]: len(json.dumps(content, separators=(",", ":")).encode()) for content in objects}
    assert max(sizes.values()) < ANNOTATION, sizes


def with_runbooks(owners: int) -> Order:
    """Return the order of a configuration with so many owners, each with runbooks of its own."""
    named = "".join(
        f'a{i}: {{email: a@example.com, runbooks: "https://wiki.example.com/teams/a{i}/runbooks"}}, ' for i in range(owners)
    )
    text = f"owners: {{{named}}}\nmodels: [{{name: m, owner: a1, maturity: 0, predictions: {{log: {{path: /log}}}}}}]\n"
    return Order(config=parse(text, name="test.yml", base=Path("/"), environ={}))


def test_rules_that_kubectl_cannot_annotate_say_so() -> None:
    """Runbooks of many owners stand in each alert."""
    texts, _ = formats.render("prometheus-operator", with_runbooks(70), ["rules"])
    large = {name for name, text in texts.items() if len(json.dumps(load_yaml(text), separators=(",", ":"))) > ANNOTATION}
    assert large
    assert large == {name for name, text in texts.items() if "add --server-side" in text.partition("apiVersion")[0]}


def test_rules_that_the_operator_would_drop_are_refused() -> None:
    """It takes 512 KiB of an object, and of a larger one it only logs that it is dropped."""
    with pytest.raises(KitError, match=r"the PrometheusRule prediction-exporter-\w+ has [\d,]+ bytes, .* 524,288 at most"):
        formats.render("prometheus-operator", with_runbooks(200), ["rules"])


def test_every_format_has_all_rules(files: Mapping[str, Mapping[str, str]], plain: Mapping[str, Any]) -> None:
    """As they are in the files that `promtool` checks and tests, templates in braces unescaped (helm-charts#2726)."""
    rules = [content for content in documents(files["prometheus-operator"]) if content["kind"] == "PrometheusRule"]
    assert {group["name"]: group for content in rules for group in content["spec"]["groups"]} == plain
    values = load_yaml(files["helm-values"]["helm-values/rules.yaml"])["additionalPrometheusRulesMap"]
    assert {group["name"]: group for portion in values.values() for group in portion["groups"]} == plain
    assert all("{{" in rule["annotations"]["description"] for rule in plain["model-data"]["rules"] if "alert" in rule)


def test_names_of_the_charts_rules_are_whole(files: Mapping[str, Mapping[str, str]]) -> None:
    """It puts up to 26 letters and a hyphen before a name and cuts it at 63; the alert on late rules knows them by theirs."""
    values = load_yaml(files["helm-values"]["helm-values/rules.yaml"])["additionalPrometheusRulesMap"]
    assert all(re.fullmatch(r"prediction-exporter[-a-z]{1,17}", name) for name in values)


def test_dashboards_have_files_of_their_own(objects: list[dict[str, Any]], files: Mapping[str, Mapping[str, str]]) -> None:
    """Grafana's sidecar writes what has one key into one file, whatever ConfigMap it is of (k8s-sidecar#72)."""
    found = [c["data"] for c in objects if c["metadata"]["labels"].get("grafana_dashboard") == "1" and c["kind"] == "ConfigMap"]
    assert len(found) == len(BOARDS)
    data = {key: json.loads(text) for each in found for key, text in each.items()}
    expected = {f"prediction-exporter-{Path(file_of(board)).name}": content_of(board) for board in BOARDS}
    assert data == expected
    values = load_yaml(files["helm-values"]["helm-values/dashboards.yaml"])["grafana"]
    charted = values["dashboards"]
    assert {f"{key}.json": json.loads(each["json"]) for keys in charted.values() for key, each in keys.items()} == expected
    paths = {
        each["name"]: each["options"]["path"] for each in values["dashboardProviders"]["prediction-exporter.yaml"]["providers"]
    }
    # The chart mounts the dashboards of a provider there.
    assert paths == {name: f"/var/lib/grafana/dashboards/{name}" for name in charted}
    # A volume of the pod is called so.
    assert all(re.fullmatch(NAME, f"dashboards-{name}") for name in charted)
    # Nothing fills in what an export leaves open (NVIDIA/DCGM#4): the data source is a variable.
    assert all("__inputs" not in content for content in data.values())
    assert {*re.findall(r"\$\{DS_\w+", json.dumps(data))} == set()
    # Grafana takes a file of this ending alone (k8s-sidecar#147), and nothing more where two dashboards have one uid or title.
    assert all(key.endswith(".json") for key in data)
    for key in ("uid", "title"):
        assert len({content[key] for content in data.values()}) == len(data)


def test_no_object_of_the_chart_is_too_large(files: Mapping[str, Mapping[str, str]]) -> None:
    """It makes one of each provider's dashboards; Argo CD applies it with an annotation (VictoriaMetrics/helm-charts#1409)."""
    values = load_yaml(files["helm-values"]["helm-values/dashboards.yaml"])["grafana"]["dashboards"]
    sizes = {name: len(json.dumps({key: each["json"] for key, each in keys.items()})) for name, keys in values.items()}
    assert max(sizes.values()) < ANNOTATION * 0.95, sizes


def test_nobody_fills_in_variables_on_the_way(objects: list[dict[str, Any]]) -> None:
    """Flux takes "${datasource}" for a variable of its own, and leaves nothing of it (flux2-monitoring-example#45)."""
    found = [content for content in objects if re.search(r"\$\{\w", json.dumps(content))]
    assert len(found) > len(BOARDS)
    key = "kustomize.toolkit.fluxcd.io/substitute"
    assert all(content["metadata"]["labels"].get(key) == "disabled" for content in found)


def content_of(board: Board) -> Any:
    """Return a dashboard as JSON has it."""
    return json.loads(json.dumps(board.content()))


def test_monitors_find_their_port(objects: list[dict[str, Any]]) -> None:
    """The Service of the ServiceMonitor, by its label and the port's name; a pod beside a model by a label of its own."""
    pods, services, service = (the(objects, kind) for kind in ("PodMonitor", "ServiceMonitor", "Service"))
    wanted = services["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    assert [endpoint["port"] for endpoint in services["spec"]["endpoints"]] == [port["name"]]
    # Else a pod that has both would be scraped twice.
    assert not pods["spec"]["selector"]["matchLabels"].keys() & service["spec"]["selector"].keys()


def test_the_chart_knows_each_value(files: Mapping[str, Mapping[str, str]]) -> None:
    """Each key that is not free is one of the chart's own; a monitor is one of the operator's."""
    known = {path: set(keys) for path, keys in json.loads((SCHEMAS.parent / "helm-chart.json").read_text())["keys"].items()}

    def unknown(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
        for key, value in values.items():
            below = f"{path}.{key}".lstrip(".")
            if key not in known[path]:
                yield below
            if below in known:
                yield from unknown(value, below)

    values = [load_yaml(text) for text in files["helm-values"].values()]
    assert [found for each in values for found in unknown(each)] == []
    assert list(unknown({"grafana": {"dashboard": {}}})) == ["grafana.dashboard"]
    [monitor] = [each["prometheus"]["additionalPodMonitors"] for each in values if "prometheus" in each]
    [spec] = monitor
    meta = {"name": spec.pop("name")}
    assert refused({"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": meta, "spec": spec}) == []


def test_a_release_with_all_values_fits_into_its_secret(files: Mapping[str, Mapping[str, str]]) -> None:
    """Helm keeps values and objects of a release in one of 1 MiB, zipped (helm-charts#2307): the kit takes a quarter."""
    once = "".join(files["helm-values"].values()).encode()
    # The values, and the objects that are made of them, which say the same once more.
    assert 2 * len(b64encode(compress(once))) < 2**20 / 4


@pytest.fixture(scope="module")
def charted(files: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The values for Alertmanager."""
    found: dict[str, Any] = load_yaml(files["helm-values"]["helm-values/alertmanager.yaml"])["alertmanager"]
    return found


def test_the_chart_mounts_what_receivers_read(charted: dict[str, Any]) -> None:
    """Each file is a key of the one Secret, where the operator mounts it."""
    assert charted["alertmanagerSpec"] == {"secrets": [SECRET]}
    paths = re.findall(r"_file: (\S+)", dump(charted["config"]))
    assert set(paths) == {f"/etc/alertmanager/secrets/{SECRET}/{key}" for key in KEYS}


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=ModelMissingValues", "area=data", "owner=a", "severity=critical"], "a"),
        (["alertname=ModelFeatureDrift", "area=drift", "owner=b", "severity=warning"], "b"),
        (["alertname=ModelExporterDown", "area=service", "severity=warning"], UNOWNED),
        (["alertname=KubePodCrashLooping", "namespace=shop", "severity=warning"], "null"),
    ],
)
def test_alertmanager_takes_the_charts_values(
    run: Run, tmp_path: Path, charted: dict[str, Any], labels: list[str], receiver: str
) -> None:
    """With the chart's own alerts where they went before: to nobody."""
    (tmp_path / "kit.tmpl").write_text(charted["templateFiles"][Path(TEMPLATE_FILE).name])
    config = charted["config"]
    assert config["templates"] == ["/etc/alertmanager/config/*.tmpl"]
    # The amtool that is tested with may be older than what these need; what they are rendered to is compared below.
    receivers = [{kind: each for kind, each in one.items() if kind not in LATER} for one in config["receivers"]]
    (tmp_path / "alertmanager.yml").write_text(dump({**config, "receivers": receivers, "templates": ["*.tmpl"]}))
    assert run("amtool", "check-config", tmp_path / "alertmanager.yml").count("SUCCESS") == 2
    path = tmp_path / "alertmanager.yml"
    run("amtool", "config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *labels)


def test_no_two_secrets_have_one_key() -> None:
    """Whatever files are called, a key is one of a Secret's, and two files never share one."""
    names = ("/x/a-b", "/a/b", "/c/b", "/b", "b", "/a b/c", "/a_b/c", "/a-b/ü", "/a/b-ü", "/a-b--2", "/é", "/è")
    for paths in (names, names[::-1]):
        keys = secret_keys([{f"{number}_file": path} for number, path in enumerate(paths)])
        assert keys.keys() == {*names}
        assert len({*keys.values()}) == len(names)
        assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in keys.values())


def texts(matchers: list[dict[str, str]]) -> list[str]:
    """Return matchers as the operator writes them."""
    return [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in matchers]


def made_of(route: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the operator makes of a route, but for the namespace."""
    found = {re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key): value for key, value in route.items()}
    found["matchers"] = texts(route["matchers"])
    return {**found, "routes": [made_of(each) for each in found["routes"]]} if "routes" in found else found


@pytest.mark.parametrize(("namespace", "receiver"), [("shop", "a"), ("bank", "platform")])
def test_an_object_sees_its_own_namespace(
    run: Run, tmp_path: Path, objects: list[dict[str, Any]], namespace: str, receiver: str
) -> None:
    """The operator adds a matcher of the object's namespace to its first route (prometheus-operator#3737, #4289)."""
    spec = the(objects, "AlertmanagerConfig")["spec"]
    route = made_of(spec["route"])
    enforced = {**route, "matchers": [*route["matchers"], 'namespace="shop"'], "continue": True}
    names = ["platform", *(one["name"] for one in spec["receivers"])]
    hours = [{"name": one["name"], "time_intervals": []} for one in spec["muteTimeIntervals"]]
    config = {
        "route": {"receiver": "platform", "routes": [enforced]},
        "receivers": [{"name": name} for name in names],
        "time_intervals": hours,
    }
    path = tmp_path / "alertmanager.yml"
    path.write_text(dump(config))
    labels = ["alertname=ModelMissingValues", "area=data", "owner=a", "severity=critical", f"namespace={namespace}"]
    run("amtool", "config", "routes", "test", f"--config.file={path}", f"--verify.receivers={receiver}", *labels)


def test_routes_of_the_operator_are_those_of_alertmanager(objects: list[dict[str, Any]], charted: dict[str, Any]) -> None:
    """Each matcher says how it matches: without, the operator takes a pattern for text (prometheus-operator#7569)."""
    spec = the(objects, "AlertmanagerConfig")["spec"]
    assert [made_of(spec["route"])] == charted["config"]["route"]["routes"]
    rules = [
        {"source_matchers": texts(rule["sourceMatch"]), "target_matchers": texts(rule["targetMatch"]), "equal": rule["equal"]}
        for rule in spec["inhibitRules"]
    ]
    assert rules == charted["config"]["inhibit_rules"]
    # What the operator asks of routes: receivers and intervals that there are, and a receiver at the root.
    assert {receiver["name"] for receiver in spec["receivers"]} == {UNOWNED, "a", "b"}
    assert spec["route"]["receiver"] == UNOWNED
    used = set(re.findall(r"active_time_intervals: \[(.*?)\]", json.dumps(made_of(spec["route"])).replace('"', "")))
    assert used == {interval["name"] for interval in spec["muteTimeIntervals"]}


def test_each_receiver_of_the_operator_has_its_transport(objects: list[dict[str, Any]]) -> None:
    """Nothing global stands behind it, and one entry without would stop them all (prometheus-operator#4006)."""
    needed = {"slackConfigs": {"apiURL", "channel"}, "emailConfigs": {"smarthost", "from", "to"}}
    entries = [
        (kind, entry)
        for receiver in the(objects, "AlertmanagerConfig")["spec"]["receivers"]
        for kind, found in receiver.items()
        if kind in needed
        for entry in found
    ]
    assert {kind for kind, _ in entries} == needed.keys()
    assert all(needed[kind] <= entry.keys() for kind, entry in entries)


def test_an_object_says_which_namespace_it_sees(files: Mapping[str, Mapping[str, str]]) -> None:
    """And what the Secret beside it has to hold."""
    head = files["prometheus-operator"]["prometheus-operator/alertmanager/prediction-exporter.yaml"].partition("apiVersion")[0]
    assert "alertmanagerConfigMatcherStrategy" in head
    assert re.search(rf"Needs the Secret {SECRET} in the same namespace, with {', '.join(sorted(KEYS))}\.", head)


def test_receivers_of_the_operator_say_what_alertmanagers_do(objects: list[dict[str, Any]], charted: dict[str, Any]) -> None:
    """Nothing of a message is lost on the way; what is secret is a key of the Secret."""
    spec = the(objects, "AlertmanagerConfig")["spec"]

    def values(content: Any) -> list[str]:
        """Return all texts and numbers, whatever they are called; the name of a key or header stands beside its text."""
        if isinstance(content, dict):
            if content.get("name") == SECRET:
                return [f"/etc/alertmanager/secrets/{SECRET}/{content['key']}"]
            if content.keys() == {"key", "value"}:
                return [content["value"]]
            return [found for value in content.values() for found in values(value)]
        return [found for each in content for found in values(each)] if isinstance(content, list) else [str(content)]

    for receiver, other in zip(spec["receivers"], charted["config"]["receivers"][1:], strict=True):
        assert sorted(values(receiver)) == sorted(values(other))


def test_hours_in_a_time_zone_leave_the_object_out(config: Config) -> None:
    """It has no time zones, unlike Alertmanager itself (alertmanager#2771): the hours would be others, and that is told."""
    assert config.notifications.working_hours is not None
    assert config.notifications.working_hours.timezone != "UTC"
    files, missing = formats.render("prometheus-operator", Order(config=config), ["alertmanager"])
    assert files == {}
    assert "notifications.working_hours.timezone is Europe/Zurich" in missing[0]
    files, missing = formats.render("helm-values", Order(config=config), ["alertmanager"])
    assert "location: Europe/Zurich" in files["helm-values/alertmanager.yaml"]
    assert missing == []


@pytest.fixture(scope="module")
def mimir(files: Mapping[str, Mapping[str, str]]) -> dict[str, list[dict[str, Any]]]:
    """Groups by their namespace."""
    read = [load_yaml(text) for text in files["mimir"].values()]
    assert all(each.keys() == {"namespace", "groups"} for each in read)
    found = {each["namespace"]: each["groups"] for each in read}
    assert len(found) == len(read)  # mimirtool refuses a namespace that is there twice
    return found


def test_mimir_takes_the_groups(run: Run, tmp_path: Path, mimir: dict[str, list[dict[str, Any]]]) -> None:
    """At most 20 rules in each and 70 of them, as it comes, and not one less than the limit (mimir#1885, cortex#3615)."""
    groups = [group for each in mimir.values() for group in each]
    assert len(groups) <= 70
    assert max(len(group["rules"]) for group in groups) == 20
    for namespace, each in mimir.items():
        assert len({group["name"] for group in each}) == len(each)
        (tmp_path / f"{namespace}.yml").write_text(dump({"groups": each}))
    run("promtool", "check", "rules", *sorted(tmp_path.iterdir()))


def test_no_text_begins_with_a_blank(mimir: dict[str, list[dict[str, Any]]]) -> None:
    """Rulers that write rules anew cannot read it again, and drop the whole file (mimir#6763, thanos#3545, cortex#3522)."""
    rules = [rule for groups in mimir.values() for group in groups for rule in group["rules"]]
    found = [text for rule in rules for text in (rule["expr"], *rule.get("annotations", {}).values())]
    assert found
    assert [text for text in found if text[:1].isspace()] == []


def test_mimir_has_every_rule_in_its_order(mimir: dict[str, list[dict[str, Any]]], plain: Mapping[str, Any]) -> None:
    """Parts of a group have its rules and interval, and read nothing that a later part records."""
    for name, group in plain.items():
        same = re.compile(rf"{re.escape(name)}(-\d+)?")
        parts = [each for groups in mimir.values() for each in groups if same.fullmatch(each["name"])]
        assert len(parts) == 1 or len(parts) > 1 == (len(group["rules"]) > 20)
        assert {part["interval"] for part in parts} == {group["interval"]}
        rules = [rule for part in parts for rule in part["rules"] if rule.get("record") != PART_EVALUATED]
        unmarked = [rule for rule in rules if rule.get("record") != EVALUATED.name]
        assert unmarked == [rule for rule in group["rules"] if rule.get("record") != EVALUATED.name]
        seen: set[str] = set()
        recorded = {rule["record"] for rule in unmarked if "record" in rule}
        for rule in unmarked:
            assert not (recorded - seen) & set(re.findall(r"[\w:]+", rule["expr"])) - {rule.get("record")}
            seen.add(rule.get("record", ""))


def test_a_group_is_evaluated_while_all_its_parts_are(run: Run, tmp_path: Path, mimir: dict[str, list[dict[str, Any]]]) -> None:
    """Health is not known where a part of a group is not evaluated: as without parts, every group says that it is."""
    groups = mimir["prediction-exporter-recording"]
    split = sorted(group["name"] for group in groups if group["name"].endswith("-1"))
    assert split
    names = sorted(group.name for group in RECORDING_GROUPS)
    for gone, expected in ((None, names), (split[0], sorted({*names} - {split[0].removesuffix("-1")}))):
        kept = [group for group in groups if group["name"] != gone]
        marks = [{**group, "rules": group["rules"][-1:]} for group in kept]  # what they record is tested elsewhere
        (tmp_path / "rules.yml").write_text(dump({"groups": marks}))
        samples = [{"labels": f'{EVALUATED}{{rule_group="{name}"}}', "value": 1} for name in expected]
        asked = {"expr": EVALUATED.name, "eval_time": "12m", "exp_samples": samples}
        test = {"interval": "1m", "input_series": [], "promql_expr_test": [asked]}
        order = [group["name"] for group in kept]
        tested = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "group_eval_order": order, "tests": [test]}
        (tmp_path / "test.yml").write_text(dump(tested))
        run("promtool", "test", "rules", tmp_path / "test.yml")


def written(folder: Path, *more: str, text: str = EVERYTHING) -> Any:
    """Run the real command."""
    (folder / "exporter.yml").write_text(text)
    return forked.run("kit", "--config.file", folder / "exporter.yml", "--output", folder / "kit", *more)


def test_the_command_knows_each_format() -> None:
    """Its choices are the modules' and those that are no folder of them."""
    assert {*command.FORMATS} == {*formats.FORMATS, command.PROMETHEUS, command.OPENSLO}


@pytest.mark.parametrize(
    ("name", "parts"), [("prometheus-operator", "monitors,alertmanager"), ("helm-values", "monitors"), ("mimir", "rules")]
)
def test_check_compares_what_is_there(tmp_path: Path, name: str, parts: str) -> None:
    """Nothing differs behind the writing; a line that was changed by hand does."""
    done = written(tmp_path, "--format", name, "--only", parts)
    assert (done.returncode, done.stderr) == (0, "")
    assert written(tmp_path, "--format", name, "--only", parts, "--check").returncode == 0
    changed = next(path for path in sorted((tmp_path / "kit" / name).rglob("*.yaml")) if "interval: " in path.read_text())
    changed.write_text(changed.read_text().replace("interval: ", "interval:  ", 1))
    done = written(tmp_path, "--format", name, "--only", parts, "--check")
    assert done.returncode == 1
    assert f"--- {changed}" in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--format=mimir", "--only=docs"), "--format mimir has no part 'docs'; allowed: one or several of rules"),
        (("--only=monitors",), "--format prometheus has no part 'monitors'; allowed: one or several of rules,"),
        (("--format=mimir", "--label=a=b"), "it has a meaning with --format prometheus-operator alone"),
        (("--format=mimir", "--namespace=a"), "it has a meaning with --format prometheus-operator and perses alone"),
        (("--format=perses", "--only=rules"), "--format perses has no part 'rules'; allowed: one or several of dashboards"),
        (("--format=perses", "--time-scale=60"), "--time-scale has no meaning with it"),
        (("--format=helm-values", "--rules-per-group=9"), "--rules-per-group has a meaning with --format mimir alone"),
        (("--format=prometheus-operator", "--label=a"), "'a' is no label of Kubernetes"),
        (("--format=prometheus-operator", "--label=a=ü"), "'a=ü' is no label of Kubernetes"),
        (("--format=prometheus-operator", "--label=release=a", "--label=release=b"), "--label names release twice"),
        (("--format=prometheus-operator", "--label=app.kubernetes.io/name=a"), "app.kubernetes.io/name is the kit's own"),
        (("--format=prometheus-operator", "--namespace=A"), "'A' is no name of a namespace"),
        (("--format=mimir", "--rules-per-group=1"), "'1' is no limit of rules"),
    ],
)
def test_flags_without_a_meaning_are_refused(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    """With what is allowed, before anything is written."""
    done = written(tmp_path, *flags)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "kit").exists()


def test_what_is_asked_for_and_left_out_fails(tmp_path: Path) -> None:
    """Routes without a way to send messages: told in any case, and a failure where they were named."""
    text = "owners: {a: {email: a@a.com}}\nmodels: [{name: m, owner: a, maturity: 0, predictions: {log: {path: m.log}}}]\n"
    done = written(tmp_path, "--format=helm-values", "--only=rules,alertmanager", text=text)
    assert done.returncode == 2
    assert "alertmanager is left out of helm-values: notifications names no way to send messages" in done.stderr
    assert {path.name for path in (tmp_path / "kit/helm-values").iterdir()} == {"rules.yaml"}


def test_a_group_of_any_size_goes_to_a_mimir_without_a_limit(tmp_path: Path, plain: Mapping[str, Any]) -> None:
    """As it is."""
    done = written(tmp_path, "--format=mimir", "--rules-per-group=0")
    assert done.returncode == 0
    read = [load_yaml(path.read_text()) for path in (tmp_path / "kit/mimir").iterdir()]
    assert {group["name"]: group for each in read for group in each["groups"]} == plain
