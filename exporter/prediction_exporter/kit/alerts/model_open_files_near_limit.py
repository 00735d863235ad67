"""A model server can soon open no more files and connections."""

from __future__ import annotations

from prediction_exporter.collectors.model_process import FDS_RATIO, MAX_FDS, OPEN_FDS, PROCESSES
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing, at_worst, figure, own
from prediction_exporter.kit.cases import MODEL_LABELS, owner, series
from prediction_exporter.kit.promql import MODEL_KEY, by, latest
from prediction_exporter.kit.scale import Scale, duration
from prediction_exporter.kit.wording import COUNT, PERCENT

#: Share of the limit that is near it.
NEAR = 0.9
_MODEL = {"model": "credit-risk"}


def _share(scale: Scale) -> str:
    return f"max {by(MODEL_KEY)} ({latest(FDS_RATIO.name, scale)})"


def _description(scale: Scale) -> str:
    share = latest(own(FDS_RATIO.name, MODEL_KEY), scale)
    most = figure(f"min({latest(own(MAX_FDS.name, MODEL_KEY), scale)} and topk(1, {share}))", MODEL_KEY, COUNT)
    return (
        f"A process of the server of {{{{ $labels.model }}}}{at_worst(share, MODEL_KEY)} has opened "
        f"{PERCENT.of_unscaled('$value')} of the files and connections that it may; the smallest "
        f"limit of a process is {most}. Near is more than {NEAR * 100:g} %."
    )


MODEL_OPEN_FILES_NEAR_LIMIT = Alert(
    name="ModelOpenFilesNearLimit",
    area="service",
    key=MODEL_KEY,
    window=None,
    conditions=(
        Condition(severity="warning", expr=lambda scale: f"{_share(scale)} > {NEAR}", hold=duration("5m"), keep=duration("5m")),
    ),
    summary="A model server has nearly as many files and connections open as it may.",
    description=_description,
    worst=None,
    action="Raise the limit of open files and restart the server; then find out what it does not close.",
    meaning=f"Of the file descriptors that one of its processes may open, more than {NEAR * 100:g} % are in use for long.",
    impact="At the limit it takes no more connections and opens no file: requests fail, though it runs and has CPU and memory.",
    diagnosis=(
        Diagnosis(question="How many are open?", query=OPEN_FDS.where(model="MODEL")),
        Diagnosis(question="Of how many, in each process?", query=MAX_FDS.where(model="MODEL")),
        Diagnosis(question="Since when do they grow?", query=f"deriv({OPEN_FDS.where(model='MODEL')}[1h]) * 3600"),
        Diagnosis(question="Is it more processes?", query=PROCESSES.where(model="MODEL")),
    ),
    mitigation=(
        "1. `ls -l /proc/PID/fd` says what is open: sockets to callers, to a feature store, log files, memory of a library.\n"
        "2. Raise `LimitNOFILE=` of the unit, `ulimit -n` of the container or shell, and restart.\n"
        "3. Sockets that stay open: set time-outs for idle connections, or restart workers after some requests."
    ),
    muted_by=(),
    without_model=False,
    tests=(
        Case(
            name="973 of 1,024 in one process",
            series=(
                series(FDS_RATIO, "0.5x10 0.95x50", _MODEL),
                series(MAX_FDS, "1024x60", _MODEL),
                owner("service", "ml-ops"),
            ),
            checks=(
                Check(at="15m", firing=()),
                Check(
                    at="20m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "owner": "ml-ops"},
                            description=(
                                "A process of the server of credit-risk at a:10900 has opened 95 % of the files and "
                                "connections that it may; the smallest limit of a process is 1,024. Near is more than 90 %."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a moment near the limit, and 89 % for long",
            series=(series(FDS_RATIO, "0.5x10 0.95x3 0.89x50", _MODEL), owner("service", "ml-ops")),
            checks=(Check(at="15m", firing=()), Check(at="40m", firing=())),
        ),
    ),
)
