"""Rules that make a model's service level of what its server counts, under the names that this exporter's own counts have.

The series are a model server's own, so that their names and the model's labels on them are known from the configuration alone:
this is the one file of rules that differs between installations. Each series keeps its labels but those that tell how a request
ended: a sum over what may come and go alone, as a replica or a version, would read as a reset when one of them goes. Cluster,
namespace and job become those of the exporter, which knows the owner and the objectives; what they were stays beside them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW
from prediction_exporter.config import Config, Model, Server
from prediction_exporter.kit.groups import INTERVAL
from prediction_exporter.kit.promql import Recorded, bracketed, indented, joined, names, on
from prediction_exporter.kit.scale import Scale
from prediction_exporter.kit.serving import OF_CLUSTER, OF_NAMESPACE
from prediction_exporter.kit.texts import to_yaml
from prediction_exporter.servers import Counted, Histogram

SERVERS_FILE = "prometheus/rules/prediction-exporter-servers.rules.yml"

#: From where on, and below which, numbers are written with an exponent.
MILLION, TINY = 1e6, 1e-4

#: Labels that would be taken for the exporter's or the model's own, and what they are called beside these.
_RENAMED = {"namespace": "server_namespace", "job": "server_job", "version": "server_version"}


def server_groups(config: Config, scale: Scale) -> list[dict[str, Any]]:
    """Return a group for each model that has a server."""
    return [
        {"name": f"model-server-{model.name}", "interval": scale.interval(INTERVAL), "rules": list(_rules(model, model.server))}
        for model in config.models
        if model.server is not None
    ]


def server_rules(config: Config, scale: Scale) -> dict[str, str]:
    """Return the file of rules by its path, with a group for each model that has a server; none where none has."""
    groups = server_groups(config, scale)
    if not groups:
        return {}
    return {
        SERVERS_FILE: to_yaml(
            {"groups": groups},
            "What model servers count, under the names that the other rules read. It follows from the configuration: render it",
            "again when a server or its match has changed there.",
        )
    }


def _rules(model: Model, server: Server) -> Iterator[Mapping[str, Any]]:
    kind, tied = server.of_kind, _Tied(model, server)
    if "requests" in model.of_server:
        yield tied.rule(str(REQUESTS), tied.sum_of(kind.requests))
    if "failed" in model.of_server and kind.failed is not None:
        failed = tied.sum_of(kind.failed)
        if kind.failed.none_is_zero:
            failed = joined(failed, "or", f"{tied.sum_of(kind.requests)} * 0")
        yield tied.rule(str(REQUESTS_FAILED), failed)
    if "duration" in model.of_server and kind.duration is not None:
        yield from _durations(model, server, kind.duration, tied)


def _durations(model: Model, server: Server, of: Histogram, tied: _Tied) -> Iterator[Mapping[str, Any]]:
    count = tied.sum_of(Counted(names=(f"{of.name}_count",), matchers=of.matchers))
    total = tied.sum_of(Counted(names=(f"{of.name}_sum",), matchers=of.matchers))
    yield tied.rule(f"{REQUEST_DURATION}_count", count)
    yield tied.rule(f"{REQUEST_DURATION}_sum", total if of.unit == 1.0 else f"{total} * {of.unit:g}")
    if of.unit == 1.0:
        yield tied.rule(f"{REQUEST_DURATION}_bucket", tied.sum_of(Counted(names=(f"{of.name}_bucket",), matchers=of.matchers)))
    else:
        for seconds in (*server.bounds, math.inf):  # PromQL does not reckon with labels
            bound = "+Inf" if math.isinf(seconds) else f"{seconds:g}"
            yield tied.rule(f"{REQUEST_DURATION}_bucket", tied.sum_of(_below(of, seconds), "le"), le=bound)
    if model.latency_bound is not None:
        fast = tied.sum_of(_below(of, model.latency_bound.lower), "le")
        yield tied.rule(str(REQUESTS_SLOW), joined(count, "-", fast))


def _below(of: Histogram, seconds: float) -> Counted:
    """Return what counts durations up to a bound."""
    written = "|".join(form.replace(".", "[.]").replace("+", "[+]") for form in _forms(of.in_unit(seconds)))
    return Counted(names=(f"{of.name}_bucket",), matchers=(*of.matchers, f'le=~"{written}"'))


def _forms(bound: float) -> tuple[str, ...]:
    """Return how a bound may be written, by the server's client or by Prometheus, whose third version writes it anew.

    >>> _forms(0.5), _forms(100.0), _forms(2500000.0)
    (('0.5',), ('100', '100.0'), ('2500000', '2500000.0', '2.5e+06'))
    """
    if math.isinf(bound):
        return ("+Inf",)
    plain = f"{bound:.12f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{bound:e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return (plain, *(() if "." in plain else (f"{plain}.0",)), *((short,) if bound >= MILLION or bound < TINY else ()))


class _Tied:
    """The series of a model's server, and what they become."""

    def __init__(self, model: Model, server: Server) -> None:
        self._model = model
        self._server = server
        self._own = [f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in sorted(server.match.items())]

    def sum_of(self, counted: Counted, *without: str) -> str:
        """Return what is counted, by all labels but those that tell how a request ended, and further ones."""
        if len(counted.names) == 1:
            name, named = counted.names[0], []
        else:
            name, named = "", [f'__name__=~"{"|".join(counted.names)}"']
        selector = f"{name}{{{', '.join([*named, *self._own, *counted.matchers])}}}"
        return f"sum without {names((*self._server.of_kind.outcome, *without))} ({selector})"

    def rule(self, record: str, series: str, **labels: str) -> Mapping[str, Any]:
        """Return a rule that records series of the server as the model's."""
        return {"record": record, "expr": self._expr(_renamed(series)), "labels": {"model": self._model.name, **labels}}

    def _expr(self, series: str) -> str:
        here, near = (self._info(recorded) for recorded in (OF_NAMESPACE, OF_CLUSTER))
        same = ("cluster", "namespace")
        elsewhere = f"{bracketed(series)}\nunless {on(same)}\n{here}"
        return (
            f"{bracketed(series)}\n* {on(same)} group_left (job)\n{here}\n"
            f"or\n{bracketed(elsewhere)}\n* {on(('cluster',))} group_left (namespace, job)\n{near}"
        )

    def _info(self, recorded: Recorded) -> str:
        named = {"model": self._model.name, "kind": self._server.kind}
        match = f"match={json.dumps(self._server.matched, ensure_ascii=False)}"
        return recorded.where(match, **named)


def _renamed(series: str) -> str:
    for label, other in _RENAMED.items():
        series = f'label_replace(\n{indented(series)},\n  "{other}", "$1", "{label}", "(.+)"\n)'
    return f'label_replace(\n{indented(series)},\n  "version", "", "", ""\n)'
