"""OpenSLO documents: what is written is valid, what is written is read as the same, and what cannot be kept to is refused."""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import forked
from prediction_exporter import config
from prediction_exporter.config import FreshnessObjective, LatencyObjective, Slo
from prediction_exporter.config.units import Duration
from prediction_exporter.errors import ConfigError

HEAD = "owners: {a: {email: a@example.com}}\nmodels:\n"
RATIOS = st.floats(min_value=0.0, max_value=1.0, exclude_min=True, exclude_max=True).filter(lambda ratio: ratio > 1e-6)
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def model(name: str, slo: Any) -> str:
    """Return a model's line of a configuration."""
    return f"- {{name: {name}, owner: a, maturity: 0, predictions: {{log: {{path: m.log}}}}, slo: {slo}}}\n"


def written(folder: Path, text: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run the real command on a configuration."""
    (folder / "exporter.yml").write_text(HEAD + text)
    return forked.run("kit", "--config.file", folder / "exporter.yml", "--output", folder, *more)


def loaded(folder: Path, document: Any, *, name: str = "credit_risk") -> Slo:
    """Return the objectives that a configuration with this file has."""
    text = document if isinstance(document, str) else yaml.safe_dump_all(document if isinstance(document, list) else [document])
    (folder / "slo.yaml").write_text(text)
    (folder / "exporter.yml").write_text(HEAD + model(name, "{openslo: slo.yaml}"))
    return config.load(folder / "exporter.yml").models[0].slo


def test_what_is_written_is_valid_and_is_read_as_the_same(tmp_path: Path) -> None:
    """The rules of OpenSLO v1 for each kind of object that is written, and all three objectives there and back."""
    slo = "{availability: 0.9995, latency: {under: 250ms, ratio: 0.99}, freshness: {within: 1h30m, ratio: 0.95}}"
    done = written(tmp_path, model("Credit_risk", slo) + model("other", "{}"), "--format", "openslo")
    assert (done.returncode, done.stderr) == (0, "")
    (path,) = (tmp_path / "openslo").iterdir()
    documents = list(yaml.safe_load_all(path.read_text()))
    assert [document["kind"] for document in documents] == ["Service", "SLO", "SLO", "SLO"]
    for document in documents:
        check(document)
        assert document["kind"] == "Service" or document["spec"]["service"] == documents[0]["metadata"]["name"]
    assert len({(document["kind"], document["metadata"]["name"]) for document in documents}) == len(documents)
    assert loaded(tmp_path, path.read_text(), name="Credit_risk") == Slo(
        availability=0.9995,
        latency=LatencyObjective(under=Duration.parse("250ms"), ratio=0.99),
        freshness=FreshnessObjective(within=Duration.parse("1h30m"), ratio=0.95),
    )
    assert written(tmp_path, model("Credit_risk", slo), "--format", "openslo", "--check").returncode == 0
    changed = written(tmp_path, model("Credit_risk", slo.replace("0.95}", "0.9}")), "--format", "openslo", "--check")
    assert changed.returncode == 1
    assert "+    - op: lte" not in changed.stderr
    assert "+      target: 0.9\n" in changed.stderr


def check(document: Mapping[str, Any]) -> None:
    """Check an object by the rules of the specification's own library, for the fields that are written."""
    assert document["apiVersion"] == "openslo/v1"
    names = [document["metadata"]["name"]]
    spec = document["spec"]
    assert len(spec["description"]) <= 1050
    assert len(document["metadata"]["displayName"]) <= 63
    if document["kind"] == "SLO":
        names += [spec["service"], spec["indicator"]["metadata"]["name"]]
        (window,) = spec["timeWindow"]
        assert window == {"duration": "30d", "isRolling": True}
        (objective,) = spec["objectives"]
        assert 0 <= objective["target"] < 1
        indicator = spec["indicator"]["spec"]
        (kind,) = indicator
        assert (kind == "thresholdMetric") == ("op" in objective) == ("value" in objective)
        assert (spec["budgetingMethod"] == "Timeslices") == ("timeSliceTarget" in objective)
        metrics = [indicator[kind]] if kind == "thresholdMetric" else [indicator[kind]["bad"], indicator[kind]["total"]]
        assert all(metric["metricSource"]["spec"]["query"] for metric in metrics)
        assert all(isinstance(value, str) for value in document["metadata"]["labels"].values())
    assert all(LABEL.fullmatch(name) and len(name) <= 63 for name in names)


@settings(max_examples=20)
@given(availability=RATIOS, latency=RATIOS, milliseconds=st.integers(1, 3_600_000))
def test_shares_are_kept_to_the_last_digit(
    tmp_path_factory: pytest.TempPathFactory, availability: float, latency: float, milliseconds: int
) -> None:
    """And a percentage is the share that its digits say: 99.9 % is 0.999, which 99.9 / 100 is not."""
    documents = [
        document("availability", {"target": availability}),
        document("latency", {"target": latency, "op": "lt", "value": milliseconds / 1000}, threshold=True),
    ]
    found = loaded(tmp_path_factory.mktemp("slo"), documents)
    assert (found.availability, found.latency) == (
        availability, LatencyObjective(under=Duration.parse(f"{milliseconds}ms"), ratio=latency)
    )  # fmt: skip


def test_a_percentage_is_what_its_digits_say(tmp_path: Path) -> None:
    """99.9 / 100 is not 0.999."""
    assert loaded(tmp_path, document("availability", {"targetPercent": 99.9})).availability == 0.999
    assert 99.9 / 100 != 0.999


def document(which: str | None, objective: Mapping[str, Any], *, threshold: bool = False, **more: Any) -> dict[str, Any]:
    """Return an objective; ``more`` replaces keys of its specification."""
    source = {"metricSource": {"type": "Prometheus", "spec": {"query": "sum(http_requests_total)"}}}
    indicator = {"thresholdMetric": source} if threshold else {"ratioMetric": {"counter": True, "bad": source, "total": source}}
    labels = {} if which is None else {"labels": {"slo": which}}
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": f"a-{which}".lower(), **labels},
        "spec": {
            "service": "credit-risk",
            "indicator": {"metadata": {"name": "x"}, "spec": indicator},
            "budgetingMethod": "Occurrences",
            "objectives": [dict(objective)],
        }
        | more,
    }


HALF = {"target": 0.5}


def test_an_objective_is_recognised_by_the_series_that_it_reads(tmp_path: Path) -> None:
    """And an indicator may stand in a document of its own; others' services and alert policies are passed by and told."""
    own = document(None, HALF, indicator=None, indicatorRef="failed", alertPolicies=[{"alertPolicyRef": "page"}])
    del own["spec"]["indicator"]
    query = 'sum(rate(model_requests_failed_total{model="credit_risk"}[5m]))'
    source = {"metricSource": {"spec": {"query": query}}}
    indicator = {
        "apiVersion": "openslo/v1",
        "kind": "SLI",
        "metadata": {"name": "failed"},
        "spec": {"ratioMetric": {"counter": True, "bad": source, "total": source}},
    }
    other = document("availability", {"target": 0.1}, service="other")
    labelled = document("latency", {"target": 0.1}, service="credit-risk")
    labelled["metadata"]["labels"]["model"] = "credit.risk"
    found = loaded(tmp_path, [own, indicator, other, labelled])
    assert (found.availability, found.latency) == (0.5, None)
    assert found.unused == ("alertPolicies of a-none: alerts follow the burn rates of the kit",)


def _without(path: str) -> dict[str, Any]:
    changed = copy.deepcopy(document("availability", HALF))
    *steps, last = path.split(".")
    inner = changed
    for step in steps:
        inner = inner[step]
    del inner[last]
    return changed


def test_aliases_cost_nothing(tmp_path: Path) -> None:
    """Neither one that names what it stands in, nor such as stand for a billion others."""
    bomb = "\n".join(f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]" for n in range(12))
    own = document(None, HALF, indicatorRef="failed")
    del own["spec"]["indicator"]
    sli = "kind: SLI\napiVersion: openslo/v1\nmetadata: {name: failed}\nspec: &loop\n  own: *loop\n"
    sli = f"---\n{sli}  query: model_requests_failed_total\n  bomb:\n{bomb}\n---\n"
    assert loaded(tmp_path, yaml.safe_dump(own) + sli).availability == 0.5
    looped = "spec: {service: credit-risk, budgetingMethod: &l [*l]}"
    with pytest.raises(ConfigError, match="budgetingMethod: a list is not how"):
        loaded(tmp_path, "apiVersion: openslo/v1\nkind: SLO\nmetadata: {labels: {slo: latency}}\n" + looped)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "it has no SLO of the service credit-risk (services there: none)"),
        (document("availability", HALF, service="other"), "it has no SLO of the service credit-risk (services there: other)"),
        (document(None, HALF), "metadata.labels.slo: is missing, and its queries do not read one of the exporter's own series"),
        (document("speed", HALF), 'metadata.labels.slo: "speed" is unknown (allowed: availability, latency, freshness)'),
        ([document("availability", HALF)] * 2, "a second objective of availability (allowed: one document for each)"),
        (_without("apiVersion"), "apiVersion: nothing is unknown (allowed: openslo/v1)"),
        (document("availability", HALF) | {"apiVersion": "openslo/v2alpha"}, '"openslo/v2alpha" is unknown'),
        (document("availability", HALF) | {"kind": "Slo"}, 'kind: "Slo" is unknown (allowed: AlertCondition, '),
        (_without("spec.budgetingMethod"), "budgetingMethod: nothing is not how availability is counted"),
        (document("availability", HALF, budgetingMethod="Timeslices"), "(allowed: Occurrences)"),
        (document("freshness", HALF | {"op": "lte", "value": 60}, threshold=True), "(allowed: Timeslices)"),
        (document("availability", HALF, objectives=[HALF, HALF]), "spec.objectives: is no list of one objective"),
        (document("availability", HALF, objectives=[{}]), "has both or none of target and targetPercent"),
        (document("availability", HALF | {"targetPercent": 50}), "has both or none of target and targetPercent"),
        (document("availability", {"target": 99.9}), "target: 99.9 is no share (allowed: above 0 and below 1)"),
        (document("availability", {"target": True}), "target: true is no share"),
        (document("availability", {"targetPercent": "99"}), 'targetPercent: "99" is no share (allowed: above 0 and below 100)'),
        (document("availability", HALF | {"indicatorRef": "x"}), "is part of a composite objective"),
        (
            document("availability", HALF, indicatorRef="y", indicator=None) | {"metadata": {"name": "a"}},
            '"y" is in no document',
        ),
        (document("latency", HALF), "metadata.annotations.under: is missing (allowed: a duration such as 100ms)"),
        (
            document("latency", HALF | {"op": "gt", "value": 1}, threshold=True),
            'op: "gt" asks for slow ones (allowed: lt, lte)',
        ),
        (document("latency", HALF | {"op": "lt", "value": 0}, threshold=True), "value: 0 is no number of seconds"),
        (document("latency", HALF | {"op": "lt", "value": 7200}, threshold=True), "has an objective out of range"),
        (document("availability", HALF, timeWindow=[{"duration": "7d", "isRolling": True}]), "one rolling window of 30d"),
        (
            document("availability", HALF, timeWindow=[{"duration": "1M", "calendar": {"timeZone": "UTC"}}]),
            "is another span (allowed: one rolling window of 30d)",
        ),
        (document("availability", HALF, timeWindow=[]), "spec.timeWindow: is no list of one window"),
        ("a: b: c", "is no YAML"),
        ("- just\n- text", "document 1 is no mapping"),
    ],
)
def test_what_cannot_be_kept_to_is_refused(tmp_path: Path, content: Any, told: str) -> None:
    """With the place in the configuration, the place in the document, and what is allowed."""
    with pytest.raises(ConfigError, match=r"models\[0\]\.slo") as refused:
        loaded(tmp_path, content)
    assert told in str(refused.value)


def test_one_says_it_or_the_other(tmp_path: Path) -> None:
    """Not both; a file that is not there is told; and two models that OpenSLO takes for one are not written over each other."""
    (tmp_path / "exporter.yml").write_text(HEAD + model("m", "{openslo: slo.yaml, availability: 0.9}"))
    with pytest.raises(ConfigError, match="has openslo beside other objectives"):
        config.load(tmp_path / "exporter.yml")
    (tmp_path / "exporter.yml").write_text(HEAD + model("m", "{openslo: slo.yaml}"))
    with pytest.raises(ConfigError, match=r"the file cannot be read: No such file"):
        config.load(tmp_path / "exporter.yml")
    both = model("a_b", "{availability: 0.9}") + model("a.b", "{availability: 0.9}")
    done = written(tmp_path, both, "--format", "openslo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "a_b and another model are both a-b in OpenSLO; rename one of them\n"
    done = written(tmp_path, model("a", "{}"), "--format", "openslo")
    assert done.stderr == "no model has an objective: add slo to one\n"
    done = written(tmp_path, both, "--format", "openslo", "--only", "rules")
    assert "--only and --time-scale have no meaning with it" in done.stderr
