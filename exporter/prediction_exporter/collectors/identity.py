"""Identity: what a model is, whose it is, and what was promised of it."""

from __future__ import annotations

from prediction_exporter.families import MODEL, Family

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
    help="Share of requests that must succeed (slo=availability) or be fast enough (slo=latency), as configured.",
)

SLO_LATENCY = Family(
    name="model_slo_latency_seconds",
    type="gauge",
    labels=MODEL,
    group="identity",
    help="Duration under which a request counts as fast enough, as configured.",
)


#: In the order of exposition.
FAMILIES: tuple[Family, ...] = (
    MODEL_INFO,
    MODEL_OWNER_INFO,
    MODEL_DEPENDENCY_INFO,
    SLO_OBJECTIVE,
    SLO_LATENCY,
)
