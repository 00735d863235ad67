"""Traffic: what was asked and answered, as counters since the exporter first saw the model, kept over restarts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from prediction_exporter.collectors.base import ModelCollector, ModelSeries, Moment, Most, Subject
from prediction_exporter.counting.breakdowns import CLASS_GROUPS, CLASSES, STAGE_GROUPS, STAGES, shown
from prediction_exporter.counting.traffic import SCORE_BOUNDS, Histogram, Sum, Traffic, VersionTraffic
from prediction_exporter.exposition import Exemplar, Samples, label_text
from prediction_exporter.families import VERSION, Family
from prediction_exporter.servers import Part
from prediction_exporter.sources.fields.attributed import attribution_fields, features_of
from prediction_exporter.sources.layouts.registry import measured_of

REQUESTS = Family(
    name="model_requests_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests read from the model's source, failed ones included.",
)

REQUESTS_FAILED = Family(
    name="model_requests_failed_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests that failed: HTTP status 500 or above, or an error set in the status field.",
)

RESPONSES = Family(
    name="model_responses_total",
    type="counter",
    labels=(*VERSION, "class"),
    group="traffic",
    help="Requests by class of status: 1xx to 5xx where it is one of HTTP, else success, error, or none where there is none.",
)

STAGE_REQUESTS = Family(
    name="model_stage_requests_total",
    type="counter",
    labels=(*VERSION, "stage"),
    group="traffic",
    help="Requests by what they were for: champion, challenger, shadow, other, or none without that field.",
)

REQUESTS_SLOW = Family(
    name="model_requests_slow_total",
    type="counter",
    labels=VERSION,
    group="traffic",
    help="Requests that took longer than the latency objective.",
)

REQUEST_DURATION = Family(
    name="model_request_duration_seconds",
    type="histogram",
    labels=VERSION,
    group="traffic",
    help="Time the model server took for a request, as it wrote it down.",
)

FIELD_AMOUNT = Family(
    name="model_field_amount_total",
    type="counter",
    labels=(*VERSION, "field"),
    group="traffic",
    help="Sum of a field over all requests, such as tokens or costs, in the unit of the field.",
)

FIELD_VALUES = Family(
    name="model_field_values_total",
    type="counter",
    labels=(*VERSION, "field", "state"),
    group="traffic",
    help="Requests by what they have of a field that is added up: valid where it was added, missing, or invalid where it is no "
    "finite number from 0 on.",
)

ATTRIBUTION = Family(
    name="model_attribution_magnitude_total",
    type="counter",
    labels=(*VERSION, "column"),
    group="traffic",
    help="Sum over predictions of how much a feature contributed to each, whatever the sign, in the unit of the attributions.",
)

ATTRIBUTION_VALUES = Family(
    name="model_attribution_values_total",
    type="counter",
    labels=(*VERSION, "column", "state"),
    group="traffic",
    help="Predictions by what they have as the attribution of a feature: valid where it was added, missing, or invalid where "
    "it is no finite number.",
)

BASELINE_ATTRIBUTION = Family(
    name="model_baseline_attribution_ratio",
    type="gauge",
    labels=("model", "column"),
    group="traffic",
    help="The feature's share of all attribution in the data of the baseline, by mean magnitudes, from 0 to 1.",
)

DURATION = Family(
    name="model_duration_seconds",
    type="histogram",
    labels=(*VERSION, "duration"),
    group="traffic",
    help="Further durations of a request, such as the time to its first token, as configured or as its layout tells.",
)

PREDICTIONS = Family(
    name="model_predictions_total",
    type="counter",
    labels=(*VERSION, "class"),
    group="traffic",
    help="Predictions by predicted class; a class that the baseline does not hold is counted as other.",
)

PREDICTION_SCORE = Family(
    name="model_prediction_score",
    type="histogram",
    labels=(*VERSION, "column"),
    group="traffic",
    help="Scores of the predictions, as probability of the positive class or of the class that column names.",
)

PREDICTION_VALUE = Family(
    name="model_prediction_value",
    type="histogram",
    labels=VERSION,
    group="traffic",
    help="Predicted values of a regression model; the bucket bounds are deciles of the baseline.",
)

VERSION_FIRST_SEEN = Family(
    name="model_version_first_seen_timestamp_seconds",
    type="gauge",
    labels=VERSION,
    group="traffic",
    help="Event time of the first request of this version that was read, as Unix time.",
)

VERSION_LAST_REQUEST = Family(
    name="model_version_last_request_timestamp_seconds",
    type="gauge",
    labels=VERSION,
    group="traffic",
    help="Event time of the newest request of this version that was read, as Unix time.",
)


#: What a request may have of a field that is added up.
STATES = ("valid", "missing", "invalid")

#: What is made of each part of a server's metrics.
FAMILIES_OF: Mapping[Part, tuple[Family, ...]] = {
    "requests": (REQUESTS,),
    "failed": (REQUESTS_FAILED,),
    "duration": (REQUEST_DURATION, REQUESTS_SLOW),
}


class TrafficSeries(ModelSeries):
    """The counters of one model; what its server tells, rules make of the server's series under the same names."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._measured = measured_of(subject.model.predictions)
        self._attributed: Mapping[str, str] = {}
        self._fixed = Samples()
        if subject.baseline is not None:
            self._attributed = attribution_fields(subject.model.predictions.fields, features_of(subject.baseline.layout))
            known = subject.baseline.attributions
            whole = sum(known.values())
            for name in self._attributed if whole else ():
                if name in known:
                    labels = subject.labels(BASELINE_ATTRIBUTION, name)
                    self._fixed.add(BASELINE_ATTRIBUTION, labels, known[name] / whole)
        self._of_server = {str(family) for part in subject.model.of_server for family in FAMILIES_OF[part]}

    def render(self, moment: Moment) -> Samples:
        """Return the counters of every version; what the source does not tell is absent."""
        return self._render(moment, self._fixed.copy())

    def _render(self, moment: Moment, samples: Samples) -> Samples:
        traffic = moment.traffic
        for version, counted in sorted(traffic.versions.items()):
            labels = self._subject.labels(REQUESTS, version)
            samples.add(VERSION_FIRST_SEEN, labels, counted.first_seen)
            samples.add(VERSION_LAST_REQUEST, labels, counted.last_seen)
            add = partial(samples.add, created=counted.first_seen)
            histogram = partial(samples.histogram, created=counted.first_seen)
            add(REQUESTS, labels, counted.requests)
            if counted.failed is not None:
                add(REQUESTS_FAILED, labels, counted.failed)
            for family, name, count in self._breakdowns(counted):
                add(family, self._subject.labels(family, version, name), count)
            if counted.slow is not None:
                add(REQUESTS_SLOW, labels, counted.slow)
            if counted.durations is not None:
                bounds, of = traffic.duration_bounds, counted.durations
                histogram(REQUEST_DURATION, labels, bounds, of.counts, of.total, exemplars=_exemplars(moment, version))
            self._add_measured(samples, version, counted, traffic.duration_bounds)
            for label, count in counted.classes.items():
                add(PREDICTIONS, self._subject.labels(PREDICTIONS, version, label), count)
            for column, of in counted.scores.items():
                histogram(
                    PREDICTION_SCORE, self._subject.labels(PREDICTION_SCORE, version, column), SCORE_BOUNDS, of.counts, of.total
                )
            if counted.values is not None:
                histogram(PREDICTION_VALUE, labels, traffic.value_bounds, counted.values.counts, counted.values.total)
        return samples.without(self._of_server) if self._of_server else samples

    def _add_measured(self, samples: Samples, version: str, counted: VersionTraffic, bounds: Sequence[float]) -> None:
        """Add sums, attributions and further durations of now; the state keeps those that were left out since."""
        for families, names, found in (
            ((FIELD_AMOUNT, FIELD_VALUES), self._measured.sums, counted.sums),
            ((ATTRIBUTION, ATTRIBUTION_VALUES), self._attributed, counted.attributions),
        ):
            total, values = families
            for name in names:
                of = found.get(name)
                if of is None:
                    continue
                samples.add(total, self._subject.labels(total, version, name), of.total, created=counted.first_seen)
                for state in STATES:
                    labels = self._subject.labels(values, version, name, state)
                    samples.add(values, labels, getattr(of, state), created=counted.first_seen)
        for name in self._measured.durations:
            histogram = counted.timings.get(name)
            if histogram is not None:
                labels = self._subject.labels(DURATION, version, name)
                samples.histogram(DURATION, labels, bounds, histogram.counts, histogram.total, created=counted.first_seen)

    def _breakdowns(self, counted: VersionTraffic) -> Iterator[tuple[Family, str, int]]:
        """Yield requests by class of status, and by stage."""
        for name, count in shown(counted.statuses or {}, CLASS_GROUPS, CLASSES).items():
            yield RESPONSES, name, count
        if self._subject.model.predictions.fields.stage is not None:  # the state keeps what it was before it was left out
            for name, count in shown(counted.stages or {}, STAGE_GROUPS, STAGES).items():
                yield STAGE_REQUESTS, name, count

    def most(self) -> Most:
        """Count a version whose source tells everything."""
        model, baseline = self._subject.model, self._subject.baseline
        slow_after = model.slo.latency.under.seconds if model.slo.latency is not None else None
        traffic = Traffic(baseline.layout if baseline is not None else None, slow_after=slow_after)
        counted = traffic.versions["1"] = traffic.new_version(0.0)
        counted.failed = 0
        counted.statuses, counted.stages = dict.fromkeys(CLASSES, 0), dict.fromkeys(STAGES, 0)
        counted.slow = 0 if slow_after is not None else None
        counted.durations = Histogram.empty(traffic.duration_bounds)
        counted.sums = {name: Sum() for name in self._measured.sums}
        counted.attributions = {name: Sum() for name in self._attributed}
        counted.timings = {name: Histogram.empty(traffic.duration_bounds) for name in self._measured.durations}
        return Most.of(fixed=self._fixed, per_version=self._render(Moment((), traffic), Samples()))


def _exemplars(moment: Moment, version: str) -> dict[int, Exemplar]:
    if moment.exemplars is None:
        return {}
    found = moment.exemplars.of(version)
    return {
        bucket: Exemplar(label_text(("request_id",), (request.id,)), request.seconds, request.time)
        for bucket, request in found.items()
    }


COLLECTOR = ModelCollector(
    name="traffic",
    summary="What was asked of a model and what it answered, as counters.",
    families=(
        REQUESTS,
        REQUESTS_FAILED,
        RESPONSES,
        STAGE_REQUESTS,
        REQUESTS_SLOW,
        REQUEST_DURATION,
        DURATION,
        FIELD_AMOUNT,
        FIELD_VALUES,
        ATTRIBUTION,
        ATTRIBUTION_VALUES,
        BASELINE_ATTRIBUTION,
        PREDICTIONS,
        PREDICTION_SCORE,
        PREDICTION_VALUE,
        VERSION_FIRST_SEEN,
        VERSION_LAST_REQUEST,
    ),
    maturity=0,
    of_predictions=True,
    open=TrafficSeries,
)
