"""A changed configuration was refused."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import CONFIG_RELOAD_SUCCESSFUL, CONFIG_RELOAD_TIME
from prediction_exporter.kit.alert import Alert, Case, Check, Condition, Diagnosis, Firing
from prediction_exporter.kit.alerts.exporter_down import EXPORTER_DOWN
from prediction_exporter.kit.cases import MODEL_LABELS, TARGET, owner, series
from prediction_exporter.kit.fleet import of_models
from prediction_exporter.kit.promql import INSTANCE_KEY, latest
from prediction_exporter.kit.scale import duration

CONFIG_RELOAD_FAILED = Alert(
    name="ModelConfigReloadFailed",
    area="service",
    key=(*INSTANCE_KEY, "model"),
    window=None,
    conditions=(
        Condition(
            severity="warning",
            expr=lambda scale: of_models(f"{latest(CONFIG_RELOAD_SUCCESSFUL.name, scale)} == 0", scale),
            hold=duration("5m"),
            keep=duration("5m"),
        ),
    ),
    summary="The exporter refused its changed configuration and goes on with the former one.",
    description=lambda _: (
        "{{ $labels.instance }} could not load its configuration{{ with $labels.model }}; it watches {{ . }}{{ end }}. "
        "The former configuration is still in use, and a restart would fail."
    ),
    worst=None,
    action="Run `prediction-exporter check config FILE`: it names every error with its place. Correct the file and reload.",
    meaning="The exporter was told to reload (SIGHUP or `/-/reload`) and the file, or a baseline it names, cannot be used.",
    impact="Changes to models, owners and thresholds are not in effect. The exporter will not start again with this file.",
    diagnosis=(
        Diagnosis(question="Which exporters?", query=f"{CONFIG_RELOAD_SUCCESSFUL} == 0"),
        Diagnosis(question="How old is the configuration in use?", query=f"time() - {CONFIG_RELOAD_TIME}"),
    ),
    mitigation=(
        "1. `prediction-exporter check config FILE` on the file as it is in the container.\n"
        "2. Correct it, or roll the change back.\n"
        "3. `kill -HUP` the exporter; the alert ends once a load has succeeded."
    ),
    muted_by=(EXPORTER_DOWN,),
    without_model=True,
    tests=(
        Case(
            name="a reload that fails",
            series=(series(CONFIG_RELOAD_SUCCESSFUL, "1x10 0x20"), owner("service", "ml-ops")),
            checks=(
                Check(at="10m", firing=()),
                Check(
                    at="17m",
                    firing=(
                        Firing(
                            severity="warning",
                            labels={**MODEL_LABELS, "instance": TARGET["instance"], "owner": "ml-ops"},
                            description=(
                                "a:10900 could not load its configuration; it watches credit-risk. "
                                "The former configuration is still in use, and a restart would fail."
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Case(
            name="a reload that succeeds",
            series=(series(CONFIG_RELOAD_SUCCESSFUL, "1x30"), owner("service")),
            checks=(Check(at="20m", firing=()),),
        ),
    ),
)
