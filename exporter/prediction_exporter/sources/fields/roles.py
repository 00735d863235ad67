"""Roles: which of the fields is the time, the id, the prediction, the features.

What the configuration says is that and nothing else. Of the rest only what is unambiguous is guessed: one field, of a name that
the field of work uses for nothing else. Two candidates are an error that says what to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

from prediction_exporter.config import UNIT_ENDINGS, FeaturePattern, Fields, ScorePattern, Unit
from prediction_exporter.config.suggesting import closest
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.attributed import attributed
from prediction_exporter.sources.fields.measured import Measured
from prediction_exporter.sources.fields.names import nested
from prediction_exporter.sources.fields.stated import Stated, is_within, score_fields, stated, within
from prediction_exporter.sources.fields.steps import LABEL_KEYS, SCORE_KEYS, plain_key
from prediction_exporter.sources.outcomes import is_set_on_failure

#: Names that top-level fields are recognised by, in lower case.
KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    "time": ("time", "ts", "timestamp", "@timestamp", "datetime", "event_time", "created_at", "request_time"),
    "id": ("id", "request_id", "prediction_id", "event_id", "inference_id", "trace_id", "uuid"),
    "version": ("version", "model_version"),
    "prediction": (
        "prediction",
        "predicted",
        "predicted_class",
        "predicted_label",
        "decision",
        "y_pred",
        "output",
        "pred",
        "y_hat",
    ),
    "score": (
        "score",
        "scores",
        "probability",
        "probabilities",
        "proba",
        "y_score",
        "confidence",
        "y_proba",
        "y_prob",
        "predict_proba",
        "y_pred_proba",
        "class_probabilities",
    ),
    "status": ("status", "status_code", "http_status", "response_code", "error"),
    "features": ("features", "inputs", "input", "feature_values"),
}
LATENCY_STEMS = ("latency", "duration", "elapsed", "response_time", "took")

#: What servers and platforms call them, looked for where none of the names above is there.
SERVER_NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        *("inference_time", "prediction_time", "prediction_timestamp", "prediction_ts", "event_timestamp", "timestamp_ms"),
        "logging_time",
    ),
    "id": ("databricks_request_id", "correlation_id"),
    "version": ("modelversion", "model_version_id", "served_model_version"),
    "prediction": ("predictions", "prediction_label", "predicted_value", "predict", "yhat", "outputs", "model_output"),
    "score": (
        "prediction_score",
        "prediction_scores",
        "prediction_probability",
        "prediction_probabilities",
        "prediction_proba",
        "predicted_probability",
        "predicted_probabilities",
        "class_scores",
        "confidences",
        "probs",
        "prob",
    ),
    "status": ("http_status_code", "http_response_code", "http_code", "grpc_status", "grpc_code"),
    "features": ("instances", "instance", "dataframe_records", "model_input", "model_inputs", "input_data"),
}
SERVER_STEMS = (
    *("inference_time", "inference_latency", "execution_time", "execution_duration", "processing_time", "process_time"),
    *("predict_time", "prediction_time", "request_duration", "request_time", "model_latency", "total_time", "elapsed_time"),
)

#: Keys of the code in an object with a status.
STATUS_CODES = ("code", "status_code", "http_status", "http_status_code", "status", "value")

#: Fields that a message shows.
MOST_SHOWN = 20

#: Names of columns of a training set that hold the truth, which production does not know yet.
LABEL_NAMES = ("label", "labels", "target", "y", "y_true", "ground_truth", "actual", "outcome", "truth")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The names of the fields in each role, as configuration writes them (``features.amount``)."""

    time: str | None
    time_unit: str | None
    id: str | None
    version: str | None
    entity: str | None
    latency: str | None
    latency_unit: str
    status: str | None
    stage: str | None
    prediction: str | None
    scores: tuple[str, ...]
    classes: dict[str, str]  # the columns of scores whose class is written, by their field
    features: dict[str, str]  # by column name
    labels: tuple[str, ...]


def assign(names: Sequence[str], fields: Fields, *, where: str, labels: Sequence[str] = ()) -> Roles:
    """Assign roles to fields.

    Args:
        names: the fields that there are.
        fields: what the configuration says of them.
        where: its place in the configuration, for messages.
        labels: fields that hold the truth, and have no other role.

    Raises:
        ConfigError: several fields could have a role, and the configuration does not say which.
    """
    names = [name for name in names if name not in labels]
    chooser = _Chooser(names, where, _not_stated(names, fields), exact=not fields.RECOGNISED)
    time = chooser.value("time", fields.time.field if fields.time else None)
    latency, latency_unit = chooser.latency(fields)
    prediction = chooser.value("prediction", fields.prediction)
    guessed = None
    if fields.score is None:
        guessed = chooser.choose("score", None) or beside(prediction, names)
    by_pattern = _by_pattern(names, fields, where)
    parents = [guessed] if guessed is not None else [*score_fields(fields).values(), *by_pattern]
    identity = chooser.value("id", fields.id)
    version = chooser.value("version", fields.version)
    entity = chooser.value("entity", fields.entity)
    stage = chooser.value("stage", fields.stage)
    listed = fields.features if isinstance(fields.features, tuple) else ()
    status = chooser.status(fields.status.field if fields.status else None, listed)
    scores = tuple(
        dict.fromkeys(
            name
            for parent in parents
            for name in [at for at in names if is_within(at, parent) and (at == parent or at not in listed)] or [parent]
        )
    )
    further = (field for _, field in Measured.of(fields).duration_fields())
    roles = {time, latency, prediction, identity, version, entity, status, stage, *scores, *further, *attributed(fields, names)}
    taken = set(within(names, roles))
    truths = [name for name in chooser.free if name.lower() in LABEL_NAMES and name not in taken]
    return Roles(
        time=time,
        time_unit=fields.time.unit if fields.time else None,
        id=identity,
        version=version,
        entity=entity,
        latency=latency,
        latency_unit=latency_unit,
        status=status,
        stage=stage,
        prediction=prediction,
        scores=scores,
        classes=by_pattern or {field: f"score{key}" for key, field in score_fields(fields).items() if key.startswith(".")},
        features=chooser.features(fields, {*taken, *truths}),
        labels=(*labels, *truths),
    )


def meant(one: Stated, names: Sequence[str], fields: Fields) -> str:
    """Return "; did you mean X?" with the fields that are spelt like a stated one that is not there, or called like its role.

    >>> latency = Fields(latency={"field": "took", "unit": "ms"})
    >>> meant(Stated("latency", "latency", "took"), ["ts", "latency_ms"], latency)
    '; did you mean latency_ms?'
    >>> meant(Stated("id", "id", "order"), ["ts", " order"], Fields(id="order"))
    "; did you mean ' order'?"
    """
    chooser = _Chooser(names, "", _not_stated(names, fields))
    parents = {name[: mark.start()] for name in names for mark in re.finditer(r"[.\[]", name)}
    known = [nested(one.name, names)] if one.role == "features" else chooser.known(one.role)
    if one.role == "latency" and not known:
        known = [name for name in names if snake(name) in (*LATENCY_STEMS, *SERVER_STEMS)]
    close = closest(one.name, [*names, *parents])
    found = (name for name in (close, *known[:1]) if name is not None)
    # Of a name with a blank before it, as CSV has it behind a comma, nothing else would be seen.
    likely = dict.fromkeys(repr(name) if name != name.strip() else name for name in found)
    return f"; did you mean {' or '.join(likely)}?" if likely else ""


def _not_stated(names: Sequence[str], fields: Fields) -> list[str]:
    """Return the fields that the configuration does not speak of, which may be guessed, where any may."""
    if not fields.RECOGNISED:
        return []
    # What is measured may have another role too: the time may be the end of a duration, and a sum be a feature.
    spoken = {*within(names, (one.name for one in stated(fields) if not one.is_measured)), *attributed(fields, names)}
    matched = fields.score.class_of if isinstance(fields.score, ScorePattern) else lambda _: None
    return [name for name in names if name not in spoken and matched(name) is None]


def _by_pattern(names: Sequence[str], fields: Fields, where: str) -> dict[str, str]:
    """Return the columns of scores by their fields, which a pattern tells.

    Raises:
        ConfigError: it takes in a field that is known as something else.
    """
    pattern = fields.score
    if not isinstance(pattern, ScorePattern):
        return {}
    spoken = set(within(names, (one.name for one in stated(fields) if one.pattern is None and not one.is_measured)))
    found = {name: pattern.class_of(name) for name in names if name not in spoken}
    others = {known: role for role, of_role in KNOWN_NAMES.items() if role != "score" for known in of_role}
    for name, of in found.items():
        if of is not None and name.lower() in others:
            role = others[name.lower()]
            raise ConfigError(
                f"{where}.score.pattern: {pattern.pattern} takes in {name}, which is known as the {role}; "
                f"write which it is, for example {role}: {name}, or a pattern that leaves it out"
            )
    return {name: f"score.{of}" for name, of in found.items() if of is not None}


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """Return a name as Python spells it; records have the same ones again and again.

    >>> snake("requestId"), snake("PredictedLabel"), snake("x-request-id")
    ('request_id', 'predicted_label', 'x_request_id')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("-", "_").lower()


def _key(name: str) -> str:
    return plain_key(name.rpartition(".")[2])


def label_within(names: Sequence[str]) -> str | None:
    """Return the label of an object that holds the predicted class with its score."""
    labels = [name for name in names if _key(name) in LABEL_KEYS]
    scores = [name for name in names if _key(name) in SCORE_KEYS]
    return labels[0] if len(labels) == len(scores) == 1 else None


def beside(prediction: str | None, names: Sequence[str]) -> str | None:
    """Return the score that stands beside the predicted class in an object of both.

    >>> beside("output.label", ["ts", "output.label", "output.score"])
    'output.score'
    """
    home, dot, _ = (prediction or "").rpartition(".")
    inside = [name for name in names if dot and is_within(name, home)]
    if label_within(inside) != prediction:
        return None
    return next((name for name in inside if _key(name) in SCORE_KEYS), None)


@dataclass(frozen=True)
class _Chooser:
    names: Sequence[str]
    where: str
    free: Sequence[str]  # those that may be guessed
    exact: bool = False  # whether what is configured is the field itself, and never one inside of it
    top: dict[str, None] = field(init=False)  # top-level names of these, each once, in their order
    lower: dict[str, list[str]] = field(init=False)  # these, by their lower case
    snake: dict[str, list[str]] = field(init=False)  # and as Python spells them

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", dict.fromkeys(re.split(r"[.\[]", name, maxsplit=1)[0] for name in self.free))
        object.__setattr__(self, "lower", {})
        object.__setattr__(self, "snake", {})
        for top in self.top:
            self.lower.setdefault(top.lower(), []).append(top)
            self.snake.setdefault(snake(top), []).append(top)

    def choose(self, role: str, configured: str | None) -> str | None:
        if configured is not None:
            return configured
        return self._only(role, self.known(role))

    def known(self, role: str) -> list[str]:
        """Return the top-level fields that are called like a role."""
        if role == "latency":
            return list(self.durations())
        usual = [top for name in KNOWN_NAMES.get(role, ()) for top in self.lower.get(name, ())]
        names = (*KNOWN_NAMES.get(role, ()), *SERVER_NAMES.get(role, ()))
        return usual or [top for name in names for top in self.snake.get(name, ())]

    def value(self, role: str, configured: str | None) -> str | None:
        """Choose a field that holds one value."""
        chosen = self.choose(role, configured)
        if chosen is None or chosen in self.names or self.exact:
            return chosen
        inside = [name for name in (self.names if configured else self.free) if is_within(name, chosen)]
        if role == "time" and len(inside) > 1 and inside[0] == f"{chosen}[0]":
            raise ConfigError(
                f"{self.where}.time: {chosen} is a list of numbers, as Jackson writes dates by default; have it write text: "
                f"disable SerializationFeature.WRITE_DATES_AS_TIMESTAMPS "
                f"(in Spring: spring.jackson.serialization.write-dates-as-timestamps: false)"
            )
        if role == "prediction" and label_within(inside) is not None:
            return label_within(inside)
        scores = f"; where they are the scores of all classes, write score: {chosen}" if role == "prediction" else ""
        return self._only(role, inside, scores) if inside else chosen

    def status(self, configured: str | None, listed: Sequence[str]) -> str | None:
        """Choose the field of the status: of an object, the code in it, as a span of OpenTelemetry has it."""
        chosen = self.choose("status", configured)
        if chosen is None or chosen in self.names or is_set_on_failure(chosen):
            return chosen
        inside = [name for name in self.names if is_within(name, chosen) and name not in listed]
        codes = [name for name in inside if snake(name.rpartition(".")[2]) in STATUS_CODES]
        return codes[0] if len(codes) == 1 else chosen

    def _only(self, role: str, candidates: list[str], more: str = "") -> str | None:
        if len(candidates) > 1:
            raise ConfigError(
                f"{self.where}.{role}: several fields could be the {role}: {', '.join(candidates[:MOST_SHOWN])}; "
                f"write the right one, for example {role}: {min(candidates, key=_is_part)}{more}"
            )
        return candidates[0] if candidates else None

    def latency(self, fields: Fields) -> tuple[str | None, str]:
        if fields.latency is not None:
            return fields.latency.field, fields.latency.unit
        units = self.durations()
        chosen = self._only("latency", list(units))
        return chosen, units[chosen] if chosen is not None else "s"

    def durations(self) -> dict[str, Unit]:
        """Return the units of the fields that are called like a duration of a request."""
        return self._durations(str.lower, LATENCY_STEMS) or self._durations(snake, (*LATENCY_STEMS, *SERVER_STEMS))

    def _durations(self, form: Callable[[str], str], stems: Sequence[str]) -> dict[str, Unit]:
        return {
            name: unit
            for name in self.top
            for ending, unit in UNIT_ENDINGS.items()
            if form(name).endswith(ending) and form(name).removesuffix(ending) in stems
        }

    def features(self, fields: Fields, taken: set[str | None]) -> dict[str, str]:
        if isinstance(fields.features, tuple):
            return {name: name for name in fields.features}
        if isinstance(fields.features, FeaturePattern):
            return {name: name for name in self.names if fnmatchcase(name, fields.features.pattern) and name not in taken}
        parent = self.choose("features", fields.features)
        inside = {name[len(parent) + 1 :]: name for name in self.names if parent and name.startswith(f"{parent}.")}
        if inside:
            return inside
        listed = {name: name for name in self.names if parent and name.startswith(f"{parent}[")}
        return listed or {name: name for name in self.names if name not in taken}


def _is_part(name: str) -> bool:
    """Return whether a field is only a part of a value: the fraction of a second, as protobuf and log4j write it."""
    return "nano" in name.lower()
