"""A model server waits for CPU that its quota does not give it."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import CPU, CPU_QUOTA, PERIODS, THREADS, THROTTLED, THROTTLED_PERIODS
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, at_worst, figure, own
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import NUMBER, PERCENT

#: Share of the periods of the quota in which it is used up, from which requests wait often.
OFTEN = 0.25
_MODEL = {"model": "credit-risk"}


def _share(scale: Scale) -> str:
    throttled, periods = (f"increase({family}[{scale(duration('15m'))}])" for family in (THROTTLED_PERIODS, PERIODS))
    return f"max {by(MODEL_KEY)} ({throttled} / ({periods} > 0))"


def _description(scale: Scale) -> str:
    throttled, periods = (
        f"increase({own(family.name, MODEL_KEY)}[{scale(duration('15m'))}])" for family in (THROTTLED_PERIODS, PERIODS)
    )
    share = f"{throttled} / ({periods} > 0)"
    allowed = latest(own(CPU_QUOTA.name, MODEL_KEY), scale)
    quota = figure(f"max({allowed} and topk(1, {share}))", MODEL_KEY, NUMBER)  # its own, not that of another replica
    return (
        f"The server of {{{{ $labels.model }}}}{at_worst(share, MODEL_KEY)} used up its CPU quota of {quota} cores in "
        f"{PERCENT.of_unscaled('$value')} of its periods of the last quarter of an hour; often is more than {OFTEN * 100:g} %."
    )


MODEL_CPU_THROTTLED = Alert(
    name="ModelCpuThrottled",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(
            severity="warning", expr=lambda scale: f"{_share(scale)} > {OFTEN}", hold=duration("15m"), keep=duration("5m")
        ),
    ),
    summary="A model server often waits because its CPU quota is used up.",
    description=_description,
    worst=None,
    action="Compare with latency: where it suffers, raise the CPU limit, or let the server use no more threads than cores.",
    meaning=(
        "A quota is CPU time for each period, mostly of 100 ms. In more than "
        f"{OFTEN * 100:g} % of those in which the server had something to do, it had used that up and waited for the next."
    ),
    impact="Requests take up to a period longer each time, also where the CPU that is used on the whole looks small.",
    diagnosis=(
        Diagnosis(question="How long does it wait, a second?", query=f"rate({THROTTLED.where(model='MODEL')}[5m])"),
        Diagnosis(question="How many cores does it use?", query=f"rate({CPU.where(model='MODEL')}[5m])"),
        Diagnosis(question="How many may it?", query=CPU_QUOTA.where(model="MODEL")),
        Diagnosis(question="How many threads has it?", query=THREADS.where(model="MODEL")),
    ),
    mitigation=(
        "1. Many threads and few cores: numerical libraries start one for each core of the machine, and not of the quota. Set "
        "`OMP_NUM_THREADS` (also `OPENBLAS_NUM_THREADS`, `MKL_NUM_THREADS`) to the quota, rounded up.\n"
        "2. The load has grown: raise `resources.limits.cpu`, `CPUQuota=` or the container's CPUs, or add replicas.\n"
        "3. Latency does not suffer: silence the alert, or take the limit away and keep the request."
    ),
    muted_by=(),
    without_model=False,
    tests=(
        Case(
            name="the quota is used up in half of the periods",
            series=(
                series(PERIODS, "0+600x60", _MODEL),
                series(THROTTLED_PERIODS, "0+300x60", _MODEL),
                series(CPU_QUOTA, "0.5x60", _MODEL),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="12m", firing=()),
                Check(
                    at="30m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "The server of credit-risk at a:10900 used up its CPU quota of 0.50 cores in 50 % of its "
                                "periods of the last quarter of an hour; often is more than 25 %."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a tenth of the periods, five bad minutes, and a server that has nothing to do",
            series=(
                series(PERIODS, "0+600x60", _MODEL),
                series(THROTTLED_PERIODS, "0+60x20 1200+300x5 2700+60x30", _MODEL),
                series(PERIODS, "5x60", model="idle"),
                series(THROTTLED_PERIODS, "5x60", model="idle"),
                owner("service", "ml-ops"),
            ),
            checks=(Check(at="28m", firing=()), Check(at="50m", firing=())),
        ),
    ),
)
