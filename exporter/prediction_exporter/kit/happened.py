"""What changed before an alert began, as its messages tell it: new versions, another baseline, a configuration."""

from __future__ import annotations

from prediction_exporter.collectors.exporter import CONFIG_RELOAD_TIME
from prediction_exporter.collectors.source import SOURCE_UP
from prediction_exporter.collectors.traffic import VERSION_FIRST_SEEN
from prediction_exporter.collectors.windows import BASELINE_CREATED
from prediction_exporter.kit.alert import Alert, given, own, query
from prediction_exporter.kit.promql import INSTANCE_KEY, MODEL_KEY, VERSION_KEY, by, latest, on, select
from prediction_exporter.kit.scale import Scale, duration

#: What is older when an alert begins is not told as what may have begun it.
BEFORE = duration("1d")
#: The newest changes that a message tells, so that a version for each request does not fill it.
SHOWN = 3
#: Prometheus' own series of when the condition of each alert began to hold.
BEGAN = "ALERTS_FOR_STATE"
#: As messages write when an alert began.
_TIME = '{{ (.Value | toTime).UTC.Format "2 Jan 15:04 UTC" }}'


def changed(alert: Alert, scale: Scale) -> str:
    """Return a template that names what changed in the day before the alert began or since, the newest first.

    It is empty where nothing did, where the model is not known, and where nobody can say, as while no exporter answers.
    """
    key = (*MODEL_KEY, *(label for label in alert.key if label not in MODEL_KEY))
    versions = f"min {by(VERSION_KEY)} ({latest(own(VERSION_FIRST_SEEN.name, MODEL_KEY), scale)})"
    baseline = f"max ({latest(own(BASELINE_CREATED.name, MODEL_KEY), scale)})"
    watching = latest(own(SOURCE_UP.name, MODEL_KEY), scale)
    configuration = f"max ({latest(CONFIG_RELOAD_TIME.name, scale)} and {on(INSTANCE_KEY)} {watching})"
    told = " or ".join(
        (
            f'label_replace({versions}, "what", "version $1 first seen", "version", "(.*)")',
            f'label_replace({baseline}, "what", "baseline built", "", "")',
            f'label_replace({configuration}, "what", "configuration read", "", "")',
        )
    )
    # At the first evaluation there is no such series yet.
    began = f"scalar(min({select(BEGAN, given(key), alertname=alert.name)}) or vector(time()))"
    newest = query(f"sort_desc(topk({SHOWN}, ({told}) > {began} - {BEFORE.seconds:g}))", key)
    return f"{{{{ range $i, $each := {newest} }}}}{{{{ if $i }}}}, {{{{ end }}}}{{{{ .Labels.what }}}} {_TIME}{{{{ end }}}}"
