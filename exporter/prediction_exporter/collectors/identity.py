"""Identity: what a model is, whose it is, and what was promised of it."""

from __future__ import annotations

import re
from typing import get_args

from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.config import Area, Model
from prediction_exporter.config.reading import read_bytes
from prediction_exporter.errors import ConfigError
from prediction_exporter.exposition import Samples
from prediction_exporter.families import MODEL, Family

AREAS = get_args(Area)

MODEL_INFO = Family(
    name="model_info",
    type="gauge",
    labels=("model", "task", "framework", "training_data"),
    group="identity",
    help="What the model is, as its configuration says. Always 1.",
)

MODEL_OWNER_INFO = Family(
    name="model_owner_info",
    type="gauge",
    labels=("model", "area", "owner", "slack", "email"),
    group="identity",
    help="Who owns an area of the model's problems, and how to reach them. Always 1.",
)

MODEL_DEPENDENCY_INFO = Family(
    name="model_dependency_info",
    type="gauge",
    labels=("model", "package", "package_version"),
    group="identity",
    help="A package that the model server runs with, from its requirements file. Always 1.",
)

SLO_OBJECTIVE = Family(
    name="model_slo_objective_ratio",
    type="gauge",
    labels=("model", "slo"),
    group="identity",
    help=(
        "Share of requests that must succeed (slo=availability) or be fast enough (slo=latency), or of the time in which the "
        "newest prediction must be new enough (slo=freshness), as configured."
    ),
)

SLO_LATENCY = Family(
    name="model_slo_latency_seconds",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Duration under which a request counts as fast enough, as configured.",
)

SLO_FRESHNESS = Family(
    name="model_slo_freshness_seconds",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Age up to which the newest prediction counts as fresh, as configured.",
)

CAPACITY_REQUESTS = Family(
    name="model_capacity_requests_per_second",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Requests a second that all replicas of the service bear together, as configured.",
)

CAPACITY_CONCURRENT = Family(
    name="model_capacity_concurrent_requests",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Requests at the same time that all replicas of the service bear together, as configured.",
)

REPLICAS_EXPECTED = Family(
    name="model_replicas_expected",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Replicas of the service that are to run, as configured.",
)


class IdentitySeries(ModelSeries):
    """What the configuration alone says of one model.

    Raises:
        ConfigError: the model's requirements file cannot be read.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._samples = Samples()
        self._render_info(subject)
        self._render_objectives(subject.model)
        self._render_size(subject.model)

    def _render_info(self, subject: Subject) -> None:
        model, add = subject.model, self._samples.add
        task = model.task or (subject.baseline.task if subject.baseline else None) or ""
        add(MODEL_INFO, self._subject.labels(MODEL_INFO, task, model.info.framework or "", model.info.training_data or ""), 1)
        for area in AREAS:
            name = model.owner_of(area)
            owner = subject.config.owners[name]
            add(MODEL_OWNER_INFO, self._subject.labels(MODEL_OWNER_INFO, area, name, owner.slack or "", owner.email or ""), 1)
        for package, version in _dependencies(model):
            add(MODEL_DEPENDENCY_INFO, self._subject.labels(MODEL_DEPENDENCY_INFO, package, version), 1)

    def _render_objectives(self, model: Model) -> None:
        add = self._samples.add
        if model.slo.availability is not None:
            add(SLO_OBJECTIVE, self._subject.labels(SLO_OBJECTIVE, "availability"), model.slo.availability)
        if model.slo.latency is not None:
            add(SLO_OBJECTIVE, self._subject.labels(SLO_OBJECTIVE, "latency"), model.slo.latency.ratio)
            add(SLO_LATENCY, self._subject.labels(SLO_LATENCY), model.slo.latency.under.seconds)
        if model.slo.freshness is not None:
            add(SLO_OBJECTIVE, self._subject.labels(SLO_OBJECTIVE, "freshness"), model.slo.freshness.ratio)
            add(SLO_FRESHNESS, self._subject.labels(SLO_FRESHNESS), model.slo.freshness.within.seconds)

    def _render_size(self, model: Model) -> None:
        capacity = model.capacity
        sizes = (
            (CAPACITY_REQUESTS, capacity.requests_per_second if capacity is not None else None),
            (CAPACITY_CONCURRENT, capacity.concurrency if capacity is not None else None),
            (REPLICAS_EXPECTED, model.replicas.expected if model.replicas is not None else None),
        )
        for family, size in sizes:
            if size is not None:
                self._samples.add(family, self._subject.labels(family), size)

    def render(self, _: Moment) -> Samples:
        """Return the same at every moment."""
        return self._samples

    def most(self) -> Most:
        """Count them."""
        return Most.of(self._samples)


def _dependencies(model: Model) -> list[tuple[str, str]]:
    """Return package and version of each pinned line of the model's requirements file."""
    if model.dependencies is None:
        return []
    try:
        lines = read_bytes(model.dependencies).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"dependencies of model {model.name}: {model.dependencies} cannot be read: {reason}") from error
    pinned = [re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;#]+)", line) for line in lines]
    return sorted({(found.group(1), found.group(2)) for found in pinned if found is not None})


COLLECTOR = ModelCollector(
    name="identity",
    summary="What a model is, who owns it, what it depends on, and what was promised of it.",
    families=(
        MODEL_INFO,
        MODEL_OWNER_INFO,
        MODEL_DEPENDENCY_INFO,
        SLO_OBJECTIVE,
        SLO_LATENCY,
        SLO_FRESHNESS,
        CAPACITY_REQUESTS,
        CAPACITY_CONCURRENT,
        REPLICAS_EXPECTED,
    ),
    maturity=0,
    open=IdentitySeries,
)
