"""A model server of which nothing is seen, or not all that is promised of it."""

from __future__ import annotations

from collections.abc import Mapping

from prediction_exporter.collectors.server import SERVER_EXPECTED, SERVER_INFO
from prediction_exporter.collectors.traffic import REQUEST_DURATION, REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW
from prediction_exporter.families import Family
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest, on, select
from prediction_exporter.kit.scale import Scale, duration

#: How long ago a server may have been seen: one that is scaled to nothing over a weekend is no mistake.
SEEN = duration("7d")

_KEY = (*MODEL_KEY, "series")
#: Rules make these of a server's series.
_MADE: Mapping[Family, str] = {
    REQUESTS: REQUESTS.name,
    REQUESTS_FAILED: REQUESTS_FAILED.name,
    REQUEST_DURATION: f"{REQUEST_DURATION}_count",
    REQUESTS_SLOW: REQUESTS_SLOW.name,
}
#: What they tell of the model's requests.
_TOLD: Mapping[Family, str] = {
    REQUESTS: "How many requests {} gets",
    REQUESTS_FAILED: "How many requests of {} fail",
    REQUEST_DURATION: "How long requests of {} take",
    REQUESTS_SLOW: "How many requests of {} are slow",
}


def _unseen(scale: Scale) -> str:
    # What an exporter counted itself, before there was a server, has a version.
    return "\nor\n".join(
        f"max {by(_KEY)} ({latest(SERVER_EXPECTED.where(series=family.name), scale)})\n"
        f"unless {on(MODEL_KEY)}\nincrease({select(made, version='')}[{scale(SEEN)}])"
        for family, made in _MADE.items()
    )


def _description(_: Scale) -> str:
    words = "".join(
        f'{{{{ if eq $labels.series "{family}" }}}}{told.format("{{ $labels.model }}")}{{{{ end }}}}'
        for family, told in _TOLD.items()
    )
    return f"{words} has not been known for a week: no {{{{ $labels.series }}}} is made of the series of its model server."


def _firing(of: Family) -> Firing:
    return Firing(
        severity="warning",
        labels={**MODEL_LABELS, "series": of.name, "owner": "ml-ops"},
        description=(
            f"{_TOLD[of].format('credit-risk')} has not been known for a week: no {of} is made of the series of its model "
            "server."
        ),
    )


_MODEL = {"model": "credit-risk"}
_EXPECTED = tuple(
    series(SERVER_EXPECTED, "1x200", _MODEL, series=family.name) for family in (REQUESTS, REQUESTS_FAILED, REQUESTS_SLOW)
)
_TIED = series(SERVER_INFO, "1x200", _MODEL, kind="fastapi", match="handler=/predict")

MODEL_SERVER_UNSEEN = Alert(
    name="ModelServerUnseen",
    area="service",
    key=_KEY,
    window=None,
    conditions=(Condition(severity="warning", expr=_unseen, hold=duration("1h"), keep=duration("5m")),),
    summary="Requests of a model server, or which of them fail or are slow, are not seen: no alert can be about them.",
    description=_description,
    worst=None,
    action="Ask Prometheus for the server's series by the match in the configuration; then see whether their rules are loaded.",
    meaning=(
        "The model has a `server` in the exporter's configuration, and the rules of `prediction-exporter-servers.rules.yml` "
        "have made none of the series that follow from its kind for a week: all of them, or failures or slow requests alone."
    ),
    impact="Requests, failures or latencies of the model are not watched, and its objectives cannot be missed.",
    diagnosis=(
        Diagnosis(question="Which series are looked for?", query=SERVER_INFO.where(model="MODEL")),
        Diagnosis(question="Which of them are made?", query='{__name__=~"model_requests.*_total", model="MODEL"}'),
        Diagnosis(
            question="Does a match tie one server to several models of a cluster?",
            query="count by (cluster, model, kind, match) (model:model_server_info:of_namespace) > 1",
        ),
    ),
    mitigation=(
        "1. No series at all: is the server scraped, with these labels, and is `prediction-exporter-servers.rules.yml` loaded? "
        "It follows from the configuration: render it again with `prediction-exporter kit` after every change of a match.\n"
        "2. Slow requests alone: no bucket of the server has the bound; write its buckets to `server.buckets`.\n"
        "3. Failures alone: this release of the server does not tell them.\n"
        "4. Two exporters watch a model of the same name and match: tell their servers apart by a label of the target."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=False,
    tests=(
        Case(
            name="nothing of the server for an hour",
            series=(*_EXPECTED, _TIED, owner("service", "ml-ops")),
            checks=(
                Check(at="59m", firing=()),
                Check(at="70m", firing=(_firing(REQUESTS), _firing(REQUESTS_FAILED), _firing(REQUESTS_SLOW))),
            ),
        ),
        Case(
            name="a bucket that the server does not have",
            series=(
                *_EXPECTED,
                _TIED,
                series(REQUESTS.name, "0+60x200", _MODEL),
                series(REQUESTS_FAILED.name, "0x200", _MODEL),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="70m", firing=(_firing(REQUESTS_SLOW),)),),
        ),
        Case(
            name="a model whose log was counted before",
            series=(
                series(SERVER_EXPECTED, "1x200", _MODEL, series=REQUESTS.name),
                _TIED,
                series(REQUESTS, "0+60x30", _MODEL, version="2"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="70m", firing=(_firing(REQUESTS),)),),
        ),
        Case(
            name="a server that was seen, and is scaled to nothing",
            begun_by="series of a target that ends in the middle of its first hour",
            series=(
                *_EXPECTED,
                _TIED,
                *(series(name, "0+60x30", _MODEL) for name in (REQUESTS.name, REQUESTS_FAILED.name, REQUESTS_SLOW.name)),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="150m", firing=()),),
        ),
    ),
)
