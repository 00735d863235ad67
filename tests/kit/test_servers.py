"""What model servers count becomes a model's service level, whatever they call it, and no model gets another's requests."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.config import Config, parse
from prediction_exporter.errors import ConfigError
from prediction_exporter.kit.groups import INTERVAL
from prediction_exporter.kit.promql import BRIDGE
from prediction_exporter.kit.recording import BURN_SPANS, FAILED_SHARES, SLOW_SHARES, TRAFFIC
from prediction_exporter.kit.render import render
from prediction_exporter.kit.rules import ALERTS_FILE, RECORDING_FILE, Links, alerting_rules, recording_rules
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.servers import SERVERS_FILE, server_rules
from prediction_exporter.servers import SERVERS
from quick_yaml import dump as dump_yaml
from quick_yaml import load as load_yaml
from server_series import SCRAPED, SHOWN

Run = Callable[..., str]

#: Requests a minute of two models on one server: those that succeeded, that failed, and that took at most half a second.
FRAUD, CHURN = (54, 6, 48), (594, 6, 594)
MODELS = {"fraud": FRAUD, "churn": CHURN}
EXPORTER = {"namespace": "monitoring", "job": "prediction-exporter", "instance": "x:10900"}
SERVER = {"namespace": "ml", "job": "servers"}


def match_of(kind: str, name: str, job: str = "servers") -> dict[str, str]:
    """Return the labels of a model's series."""
    return {label: value.replace("MODEL", name).replace("JOB", job) for label, value in SHOWN[kind][0].items()}


def config_of(*models: Mapping[str, Any]) -> Config:
    """Return a configuration of models without predictions."""
    listed = [{"owner": "ml", "maturity": 0, **model} for model in models]
    text = dump_yaml({"owners": {"ml": {"slack": "#ml"}}, "models": listed})
    return parse(text, name="exporter.yml", base=Path("/"), environ={})


def bounds_of(kind: str) -> tuple[float, float, float]:
    """Return the bounds that a server shows in seconds; its fast requests lie between the first two."""
    duration = SERVERS[kind].duration
    assert duration is not None
    slowest, middle, fastest = sorted((float(le) for le in re.findall(r'le="([\d.]+)"', SHOWN[kind][1])), reverse=True)
    return duration.in_seconds(fastest), duration.in_seconds(middle), duration.in_seconds(slowest)


def model_of(kind: str, name: str) -> dict[str, Any]:
    """Return a model of a kind with every objective that can be watched."""
    slo: dict[str, Any] = {} if SERVERS[kind].failed is None else {"availability": 0.999}
    if SERVERS[kind].duration is not None:
        slo["latency"] = {"under": "500ms", "ratio": 0.99}
    server: dict[str, Any] = {"kind": kind, "match": match_of(kind, name)}
    if SERVERS[kind].duration is not None and name == "churn":  # as its usual ones are read from the other model
        server["buckets"] = list(bounds_of(kind))
    return {"name": f"{kind}-{name}", "server": server, "slo": slo}


EVERY_KIND = config_of(*(model_of(kind, name) for kind in SERVERS for name in MODELS))


def line(name: str, labels: Mapping[str, str], values: str) -> dict[str, str]:
    """Return an input series of promtool."""
    return {"series": f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in labels.items())}}}", "values": values}


def infos(config: Config, target: Mapping[str, str] = EXPORTER, values: str = "1x200") -> list[dict[str, str]]:
    """Return what an exporter shows that ties servers to models."""
    return [
        line(
            "model_server_info",
            {**target, "model": model.name, "kind": model.server.kind, "match": model.server.matched},
            values,
        )
        for model in config.models
        if model.server is not None
    ]


_SERIES = re.compile(r"^\s*([\w:]+)\{(.*)\} (\w+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def shown(
    kind: str, name: str, target: Mapping[str, str], values: Callable[[int], str], *, normalised: bool = False
) -> Iterable[dict[str, str]]:
    """Yield the series of a model; ``values`` gives those of a counter with so many a minute.

    Prometheus' third version writes bounds anew: whole numbers get a decimal.
    """
    ok, failed, fast = MODELS[name]
    rates = {"OK": ok, "FAILED": failed, "FAST": fast, "ALL": ok + failed}
    for metric, inner, rate in _SERIES.findall(SHOWN[kind][1]):
        labels = {label: value.replace("MODEL", name) for label, value in _LABEL.findall(inner)}
        if normalised and "le" in labels and re.fullmatch(r"\d+", labels["le"]):
            labels["le"] += ".0"
        yield line(metric, {**target, **labels}, values(rates[rate] if rate in rates else int(rate)))


def steady(rate: int) -> str:
    """Return a counter of an hour and more."""
    return f"0+{rate}x70"


def agree(tmp_path: Path, run: Run, config: Config, *tests: Mapping[str, Any], alerts: tuple[str, ...] = ()) -> None:
    """Run tests on the servers' rules and on what other rules make of them."""
    texts = {RECORDING_FILE: recording_rules(Scale()), ALERTS_FILE: alerting_rules(Scale(), Links())}
    files = {path: load_yaml(text) for path, text in {**texts, **server_rules(config, Scale())}.items()}
    needed = {str(series) for series in (TRAFFIC, *FAILED_SHARES.values(), *SLOW_SHARES.values())}
    text = json.dumps(files)
    needed |= set(re.findall(r"model(?:_instance|_area)?:[\w:]+", text)) - {"model_column"}
    kept = []
    for path in (RECORDING_FILE, SERVERS_FILE, ALERTS_FILE):
        for group in files[path]["groups"]:
            rules = [
                {key: value for key, value in rule.items() if key != "annotations"}
                for rule in group["rules"]
                if path == SERVERS_FILE
                or (path == RECORDING_FILE and rule["record"] in needed and "column" not in rule["record"])
                or rule.get("alert") in alerts
            ]
            kept.append({"name": group["name"], "interval": str(INTERVAL), "rules": rules})
    (tmp_path / "rules.yml").write_text(dump_yaml({"groups": kept}))
    order = [group["name"] for group in kept]
    # Left to itself, promtool evaluates groups in random order: what ties servers comes before what is made of them.
    first = [name for name in order if name in {"model-replicas", "model-servers"}]
    second = [name for name in order if name.startswith("model-server-")]
    order = [*first, *second, *(name for name in order if name not in {*first, *second})]
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "group_eval_order": order,
        "tests": [{"interval": "1m", **test} for test in tests],
    }
    (tmp_path / "test.yml").write_text(dump_yaml(content))
    run("promtool", "test", "rules", tmp_path / "test.yml")


def close_to(expr: str, value: float, labels: Mapping[str, str], at: str, tolerance: float = 1e-9) -> dict[str, Any]:
    """Expect one value, up to rounding."""
    inner = ", ".join(f"{label}={json.dumps(text)}" for label, text in labels.items())
    return {
        "expr": f"abs({expr} - {value!r}) < bool {tolerance!r}",
        "eval_time": at,
        "exp_samples": [{"labels": f"{{{inner}}}", "value": 1}],
    }


def nothing(expr: str, at: str) -> dict[str, Any]:
    """Expect no series."""
    return {"expr": expr, "eval_time": at, "exp_samples": []}


def of_model(name: str, target: Mapping[str, str] = EXPORTER) -> dict[str, str]:
    """Return the labels of a model in what is recorded."""
    return {"namespace": target["namespace"], "job": target["job"], "model": name}


def test_every_kind_is_shown() -> None:
    """No kind is without the series that its server shows."""
    assert SHOWN.keys() == SERVERS.keys()
    assert set(match_of("seldon", "m")) == {"deployment_name"}


def test_each_kind_becomes_a_service_level(run: Run, tmp_path: Path) -> None:
    """By its real names: requests, failures and slow ones of two models side by side on two replicas, one of which restarts.

    By hand: 2 replicas of 60 requests a minute are 3,600 in half an hour, 6 of 60 failed are 0.1, 12 of 60 slow are 0.2; for
    the other model 36,000, 0.01 and 0.01. Half of the fast ones lie in the middle of their bucket.
    """
    series, expected = infos(EVERY_KIND), []
    for kind, server in SERVERS.items():
        for name, (ok, failed, fast) in MODELS.items():
            series += shown(kind, name, {**SERVER, "instance": "a:1"}, steady)
            series += shown(kind, name, {**SERVER, "instance": "b:1"}, lambda rate: f"0+{rate}x4 0+{rate}x40", normalised=True)
            model, labels, all_ = f"{kind}-{name}", of_model(f"{kind}-{name}"), ok + failed
            expected.append(close_to(TRAFFIC.where(model=model), 60 * all_, labels, "40m", 1e-6))
            for span in BURN_SPANS[:2]:
                failing, slow = FAILED_SHARES[span].where(model=model), SLOW_SHARES[span].where(model=model)
                found = (
                    close_to(failing, failed / all_, labels, "40m") if server.failed is not None else nothing(failing, "40m")
                )
                expected.append(found)
                has_durations = server.duration is not None
                expected.append(close_to(slow, 1 - fast / all_, labels, "40m") if has_durations else nothing(slow, "40m"))
            if server.duration is not None:
                below, above, _ = bounds_of(kind)
                median = below + (above - below) * (0.5 * all_) / fast
                buckets = f'rate(model_request_duration_seconds_bucket{{model="{model}"}}[{BRIDGE}])'
                expected.append(close_to(f"histogram_quantile(0.5, sum by (le) ({buckets}))", median, {}, "40m", 1e-4 * above))
    # A server's place is not that of the exporter, which is recorded.
    places = "group by (namespace, job) (model_requests_total)"
    made = {"labels": '{namespace="monitoring", job="prediction-exporter"}', "value": 1}
    expected.append({"expr": places, "eval_time": "40m", "exp_samples": [made]})
    agree(tmp_path, run, EVERY_KIND, {"input_series": series, "promql_expr_test": expected})


_SCRAPED_SERIES = re.compile(r"^([\w:]+)\{(.*?),?\} (\S+)$", re.MULTILINE)


def test_what_real_servers_show_is_what_they_were_asked_for(run: Run, tmp_path: Path) -> None:
    """Their own lines, as they were scraped, of each kind that was seen running, with the buckets taken for it."""
    assert SCRAPED.keys() == {kind for kind, server in SERVERS.items() if server.seen is not None}
    series: list[dict[str, str]] = []
    models, expected = [], []
    for kind, (match, requests, failed, slow) in SCRAPED.items():
        text = (Path(__file__).parent / "scraped_servers" / f"{kind}.txt").read_text()
        target = {**SERVER, "instance": f"{kind}:1"}
        series += [line(name, {**target, **dict(_LABEL.findall(inner))}, f"{value}x10") for name, inner, value in
                   _SCRAPED_SERIES.findall(text)]  # fmt: skip
        duration = SERVERS[kind].duration
        slo: dict[str, Any] = {} if failed is None else {"availability": 0.999}
        if duration is not None:
            slo["latency"] = {"under": "500ms", "ratio": 0.99}
            bounds = re.findall(rf'{duration.name}_bucket{{.*le="([\d.]+)"', text)
            assert {float(bound) for bound in bounds} == set(duration.buckets), kind
        models.append({"name": kind, "server": {"kind": kind, "match": {**match, "instance": f"{kind}:1"}}, "slo": slo})
        told = {"requests": requests, "requests_failed": failed, "requests_slow": slow}
        for name, value in told.items():
            total = f'sum(model_{name}_total{{model="{kind}"}})'
            expected.append(nothing(total, "5m") if value is None else close_to(total, value, {}, "5m"))
        if slow is not None:  # one in ten is slow: half of the requests lie far below the objective, one in twenty above it
            for quantile, compared in ((0.5, "< bool 0.1"), (0.95, "> bool 0.5")):
                buckets = f'sum by (le) (model_request_duration_seconds_bucket{{model="{kind}"}})'
                expr = f"histogram_quantile({quantile}, {buckets}) {compared}"
                expected.append({"expr": expr, "eval_time": "5m", "exp_samples": [{"labels": "{}", "value": 1}]})
    config = config_of(*models)
    agree(tmp_path, run, config, {"input_series": [*infos(config), *series], "promql_expr_test": expected})


@pytest.mark.parametrize(
    ("kind", "requests", "failures"),
    [
        (
            "fastapi",
            ("http_requests_total", {"handler": "/fraud", "status": "2xx"}),
            ("http_requests_total", {"status": "5xx"}),
        ),
        (  # Ray's failures tell the type of their exception, which its requests do not
            "ray_serve",
            ("ray_serve_deployment_request_counter_total", {"application": "fraud", "deployment": "Model"}),
            ("ray_serve_deployment_error_counter_total", {"exception_type": "ValueError"}),
        ),
    ],
)
def test_a_first_failure_counts(
    run: Run, tmp_path: Path, kind: str, requests: tuple[str, dict[str, str]], failures: tuple[str, dict[str, str]]
) -> None:
    """Its series appears with it; from nothing to five in a scrape is five."""
    config = config_of(model_of(kind, "fraud"))
    target = {**SERVER, "instance": "a:1", **requests[1]}
    series = [
        *infos(config),
        line(requests[0], target, "0+60x90"),
        line(failures[0], {**target, **failures[1]}, "_x50 5x40"),
    ]
    grown = close_to(
        "sum(round(max_over_time(model_requests_failed_total[20m]) - min_over_time(model_requests_failed_total[20m])))",
        5,
        {},
        "60m",
    )
    agree(tmp_path, run, config, {"input_series": series, "promql_expr_test": [grown]})


def test_a_version_or_replica_that_goes_takes_nothing_along(run: Run, tmp_path: Path) -> None:
    """Were all versions one series, what is left of them would read as a counter that began anew."""
    config = config_of(model_of("triton", "fraud"))
    target = {**SERVER, "instance": "a:1", "model": "fraud"}
    series = [
        *infos(config),
        line("nv_inference_request_success", {**target, "version": "1"}, "100000+60x50"),
        line("nv_inference_request_success", {**target, "version": "2"}, "5000x50 5060+60x60"),
    ]
    # Of the last half hour at 60 m, version 1 has 20 minutes, and version 2 ten.
    expected = [close_to(TRAFFIC.where(model="triton-fraud"), 1800, of_model("triton-fraud"), "1h", 130)]
    expected.append({
        "expr": "count by (server_version, server_job, server_namespace) (model_requests_total)",
        "eval_time": "1h",
        "exp_samples": [{"labels": '{server_version="2", server_job="servers", server_namespace="ml"}', "value": 1}],
    })  # fmt: skip
    agree(tmp_path, run, config, {"input_series": series, "promql_expr_test": expected})


def test_models_of_one_name_are_told_apart_by_their_place(run: Run, tmp_path: Path) -> None:
    """Staging and production of one configuration; another cluster; and a server that two exporters could mean is nobody's."""
    config = config_of(model_of("triton", "fraud"))
    a, b = ({"cluster": cluster, "namespace": "ml", "job": "prediction-exporter"} for cluster in "ab")
    staging = {**a, "namespace": "staging"}
    series = [each for place in (a, b, staging) for each in infos(config, {**place, "instance": "x:1"})]
    series += infos(config, {**a, "instance": "y:1"})  # a replica of the exporter changes nothing
    for place, rate in (
        (a, 60),
        (b, 600),
        (staging, 6),
        ({**a, "namespace": "elsewhere"}, 6000),
        ({**b, "namespace": "far"}, 1),
    ):
        labels = {**place, "job": "servers", "instance": f"{rate}:1", "model": "fraud", "version": "1"}
        series.append(line("nv_inference_request_success", labels, steady(rate)))
    expected = [
        {
            "expr": f"round({TRAFFIC.name})",
            "eval_time": "1h",
            "exp_samples": [
                {"labels": place_of(a), "value": 30 * 60},
                {"labels": place_of(b), "value": 30 * 601},
                {"labels": place_of(staging), "value": 30 * 6},
            ],
        }
    ]
    agree(tmp_path, run, config, {"input_series": series, "promql_expr_test": expected})


def place_of(place: Mapping[str, str]) -> str:
    """Return the labels of the model at a place."""
    return "{" + ", ".join(f"{label}={json.dumps(value)}" for label, value in {**place, "model": "triton-fraud"}.items()) + "}"


def test_alerts_are_about_the_model_that_fails_and_the_server_that_stops(run: Run, tmp_path: Path) -> None:
    """Errors of one of two models are an alert to its owner; a server of which nothing is left has had no request."""
    config = config_of(*(model_of("fastapi", name) for name in MODELS))
    series = infos(config, values="1x400")
    for model in config.models:
        labels = {**EXPORTER, "model": model.name}
        series.append(line("model_slo_objective_ratio", {**labels, "slo": "availability"}, "0.99x400"))
        owned = {**labels, "area": "service", "owner": "ml", "slack": "#ml", "email": ""}
        series.append(line("model_owner_info", owned, "1x400"))
    for name in MODELS:
        series += shown("fastapi", name, {**SERVER, "instance": "a:1"}, lambda rate: f"0+{rate}x200")

    def alerts(name: str, severities: dict[str, list[str]], at: str) -> dict[str, Any]:
        samples = [
            {"labels": f'{{model="{model}", owner="ml", severity="{severity}"}}', "value": 1}
            for model, found in severities.items()
            for severity in found
        ]
        firing = f'count by (model, owner, severity) (ALERTS{{alertname="{name}", alertstate="firing"}})'
        return {"expr": firing, "eval_time": at, "exp_samples": samples}

    expected = [
        # 0.1 failed of an allowed 0.01 are ten times; 14.4 times would be needed for an hour, 6 times for six, 3 for a day.
        alerts("ModelErrorBudgetBurn", {"fastapi-fraud": ["critical", "warning"]}, "3h"),
        alerts("ModelNoPredictions", {}, "3h"),
        alerts("ModelNoPredictions", {"fastapi-fraud": ["critical"], "fastapi-churn": ["critical"]}, "4h10m"),
    ]
    test = {"input_series": series, "promql_expr_test": expected}
    agree(tmp_path, run, config, test, alerts=("ModelErrorBudgetBurn", "ModelNoPredictions"))


def test_prometheus_loads_the_rules(run: Run, tmp_path: Path) -> None:
    """Those of every kind, without a finding of promtool's linter; none are rendered where no model has a server."""
    (tmp_path / "rules.yml").write_text(server_rules(EVERY_KIND, Scale())[SERVERS_FILE])
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "rules.yml")
    assert SERVERS_FILE not in render(None)


@pytest.mark.parametrize(
    ("under", "buckets", "le"),
    [("500ms", None, "0.5"), ("300ms", None, "0.1"), ("20s", None, "1"), ("300ms", [0.2, 0.4], "0.2")],
)
def test_the_bucket_below_the_objective_counts(under: str, buckets: list[float] | None, le: str) -> None:
    """A request that may have been too slow is never taken for fast enough."""
    server = {"kind": "fastapi", "match": {"handler": "/"}} | ({"buckets": buckets} if buckets else {})
    config = config_of({"name": "m", "server": server, "slo": {"latency": {"under": under, "ratio": 0.9}}})
    rules = [rule for group in load_yaml(server_rules(config, Scale())[SERVERS_FILE])["groups"] for rule in group["rules"]]
    [slow] = [rule["expr"] for rule in rules if rule["record"] == "model_requests_slow_total"]
    [bounds] = set(re.findall(r'le=~"([^"]*)"', slow))
    assert bounds.replace("[.]", ".").split("|")[0] == le
    assert config.models[0].latency_bound is not None
    assert config.models[0].latency_bound.lower == float(le)


def test_what_a_value_holds_stays_text() -> None:
    """Quotes and backslashes of a label's value end no selector."""
    config = config_of({"name": "m", "server": {"kind": "vllm", "match": {"model_name": 'a"b\\c'}}})
    text = load_yaml(server_rules(config, Scale())[SERVERS_FILE])["groups"][0]["rules"][0]["expr"]
    assert r'model_name="a\"b\\c"' in text
    assert r'match="model_name=a\"b\\c"' in text


def test_an_objective_that_nothing_tells_is_refused() -> None:
    """It would never be missed."""
    for slo in ({"latency": {"under": "1s", "ratio": 0.9}}, {"availability": 0.9}):
        with pytest.raises(ConfigError, match=r"models\[0\]\.slo: has"):
            config_of({"name": "m", "server": {"kind": "torchserve", "match": {"model_name": "m"}}, "slo": slo})
