"""OpenSLO documents of the configured objectives, with a file for each model: https://github.com/OpenSLO/OpenSLO, version v1.

Queries are those of counters as they are scraped, so that a tool without the kit's recorded series can read them. What
``slo.openslo`` reads of them is the same objective again.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from prediction_exporter.collectors.source import SOURCE_LAG
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW
from prediction_exporter.config import Config, Model
from prediction_exporter.config.openslo import API_VERSION, BOUNDS, METHODS, WINDOW, service_name
from prediction_exporter.errors import KitError
from prediction_exporter.kit.promql import select
from prediction_exporter.kit.texts import to_yaml, yaml_lines

FOLDER = "openslo"


def openslo(config: Config) -> dict[str, str]:
    """Return a file for each model that has objectives, by path.

    Raises:
        KitError: no model has one, or two models have the same name as OpenSLO writes names.
    """
    models = [model for model in config.models if _objectives(model)]
    if not models:
        raise KitError("no model has an objective: add slo to one")
    names = Counter(service_name(model.name) for model in models)
    for model in models:
        if names[service_name(model.name)] > 1:
            raise KitError(f"{model.name} and another model are both {service_name(model.name)} in OpenSLO; rename one of them")
    return {f"{FOLDER}/{service_name(model.name)}.yaml": _file(model) for model in models}


def _file(model: Model) -> str:
    service = {"apiVersion": API_VERSION, "kind": "Service", "metadata": _metadata(service_name(model.name), model.name)}
    documents = [{**service, "spec": {"description": "A machine-learning model."}}, *_objectives(model)]
    first, *others = documents
    return "---\n".join([to_yaml(first), *("\n".join((*yaml_lines(document), "")) for document in others)])


def _metadata(name: str, shown: str, **more: Any) -> dict[str, Any]:
    return {"name": name[:_LONGEST_NAME].rstrip("-"), "displayName": shown[:_LONGEST_NAME], **more}


#: A name is a label of DNS.
_LONGEST_NAME = 63


def _objectives(model: Model) -> list[dict[str, Any]]:
    """Return a document for each objective of a model."""
    slo, found = model.slo, []
    if slo.availability is not None:
        indicator = _ratio(bad=_sum(REQUESTS_FAILED.name, model), total=_sum(REQUESTS.name, model))
        found.append(_document(model, "availability", "Requests that succeed.", indicator, {"target": slo.availability}))
    if slo.latency is not None:
        indicator = _ratio(bad=_sum(REQUESTS_SLOW.name, model), total=_sum(f"{REQUEST_DURATION}_count", model))
        text = f"Requests that take no longer than {slo.latency.under}."
        target = {"target": slo.latency.ratio}
        found.append(_document(model, "latency", text, indicator, target, str(slo.latency.under)))
    if slo.freshness is not None:
        age = _source(f"min({select(SOURCE_LAG.name, model=model.name)})")
        text = f"Time in which the newest prediction is no older than {slo.freshness.within}."
        compared: dict[str, Any] = {"op": "lte", "value": slo.freshness.within.seconds, "target": slo.freshness.ratio}
        sliced = {**compared, "timeSliceTarget": 1.0, "timeSliceWindow": "1m"}
        found.append(_document(model, "freshness", text, {"thresholdMetric": age}, sliced, str(slo.freshness.within)))
    return found


def _document(
    model: Model, which: str, text: str, indicator: dict[str, Any], objective: dict[str, Any], bound: str | None = None
) -> dict[str, Any]:
    name = f"{service_name(model.name)[: _LONGEST_NAME - len(which) - 1].rstrip('-')}-{which}"
    annotations = {} if bound is None else {"annotations": {BOUNDS[which]: bound}}
    labels = {"model": model.name, "slo": which, "owner": model.owner_of("service")}
    return {
        "apiVersion": API_VERSION,
        "kind": "SLO",
        "metadata": _metadata(name, f"{model.name} {which}", labels=labels, **annotations),
        "spec": {
            "description": text,
            "service": service_name(model.name),
            "indicator": {"metadata": {"name": name}, "spec": indicator},
            "timeWindow": [{"duration": WINDOW, "isRolling": True}],
            "budgetingMethod": METHODS[which],
            "objectives": [objective],
        },
    }


def _ratio(*, bad: str, total: str) -> dict[str, Any]:
    return {"ratioMetric": {"counter": True, "bad": _source(bad), "total": _source(total)}}


def _source(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _sum(series: str, model: Model) -> str:
    return f"sum({select(series, model=model.name)})"
