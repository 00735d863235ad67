"""A model server is about to be killed for its memory."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import MEMORY_LIMIT, PROCESSES, RESIDENT, RESTARTS, WORKING_SET
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, at_worst, figure, own
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import BYTES, PERCENT

#: Share of the limit that is near it.
NEAR = 0.9
_GIB = 1 << 30
_B = {**TARGET, "instance": "b:10900"}


def _share(scale: Scale) -> str:
    return f"max {by(MODEL_KEY)} ({latest(WORKING_SET.name, scale)} / {latest(MEMORY_LIMIT.name, scale)})"


def _description(scale: Scale) -> str:
    allowed = latest(own(MEMORY_LIMIT.name, MODEL_KEY), scale)
    share = f"{latest(own(WORKING_SET.name, MODEL_KEY), scale)} / {allowed}"
    limit = figure(f"max({allowed} and topk(1, {share}))", MODEL_KEY, BYTES)  # its own, not that of another replica
    return (
        f"The server of {{{{ $labels.model }}}}{at_worst(share, MODEL_KEY)} uses {PERCENT.of_unscaled('$value')} of its memory "
        f"limit, which is {limit}; near is more than {NEAR * 100:g} %."
    )


def _used(values: str, limit: float = 2 * _GIB, target: dict[str, str] = TARGET) -> tuple[str, ...]:
    return (
        series(WORKING_SET, values, model="credit-risk", target=target),
        series(MEMORY_LIMIT, f"{limit:.0f}x60", model="credit-risk", target=target),
    )


MODEL_MEMORY_NEAR_LIMIT = Alert(
    name="ModelMemoryNearLimit",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning", expr=lambda scale: f"{_share(scale)} > {NEAR}", hold=duration("10m"), keep=duration("5m")
        ),
    ),
    summary="A model server has nearly used up its memory limit, and would be killed at it.",
    description=_description,
    worst=None,
    action="Raise the limit or run fewer workers now; then find out whether the memory grows from hour to hour.",
    meaning=(
        "Of the cgroup that the server runs in, or one above it, what counts against the memory limit is more than "
        f"{NEAR * 100:g} % of it for ten minutes. The cache of files that the kernel takes back first is not counted."
    ),
    impact="At the limit the kernel kills a process of the cgroup: requests under way are lost, and the model loads again.",
    diagnosis=(
        Diagnosis(question="How much is used?", query=WORKING_SET.where(model="MODEL")),
        Diagnosis(question="How much is allowed?", query=MEMORY_LIMIT.where(model="MODEL")),
        Diagnosis(question="How fast does it grow?", query=f"deriv({WORKING_SET.where(model='MODEL')}[6h]) * 3600"),
        Diagnosis(question="Is it more workers?", query=PROCESSES.where(model="MODEL")),
        Diagnosis(question="Was it killed before?", query=f"increase({RESTARTS.where(model='MODEL')}[1d])"),
        Diagnosis(question="What do the processes themselves hold?", query=RESIDENT.where(model="MODEL")),
    ),
    mitigation=(
        "1. Raise `resources.limits.memory`, `MemoryMax=` or the container's memory; or run fewer workers, each of "
        "which holds a model.\n"
        "2. It grows steadily: a leak. Let the server replace its workers after some requests (gunicorn's `max_requests`) "
        "until it is mended.\n"
        "3. It grew with a version: a larger model, or larger batches. Go back, or give it what it needs."
    ),
    muted_by=(),
    without_model=False,
    tests=(
        Case(
            name="1.9 of 2 GiB on one of two machines",
            series=(
                *_used(f"{1 * _GIB}x10 {1.9 * _GIB:.0f}x50"),
                *_used(f"{1 * _GIB}x60", 4 * _GIB, _B),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="20m", firing=()),
                Check(
                    at="25m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "The server of credit-risk at a:10900 uses 95 % of its memory limit, which is 2 GiB; near is "
                                "more than 90 %."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a moment near the limit, 89 % for long, and no limit at all",
            series=(
                *_used(f"{1 * _GIB}x10 {1.9 * _GIB:.0f}x5 {0.89 * 2 * _GIB:.0f}x40"),
                series(WORKING_SET, f"{9 * _GIB}x60", model="other"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="16m", firing=()), Check(at="45m", firing=())),
        ),
    ),
)
