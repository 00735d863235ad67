"""Roles: which of the fields is the time, the id, the prediction, the features.

What the configuration says is that and nothing else. Of the rest only what is unambiguous is guessed: one field, of a name that
the field of work uses for nothing else. Two candidates are an error that says what to write.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from prediction_exporter.config import UNIT_ENDINGS, FeaturePattern, Fields
from prediction_exporter.errors import ConfigError
from prediction_exporter.sources.fields.stated import is_within, score_fields, stated, within

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

#: Names of columns of a training set that hold the truth, which production does not know yet.
LABEL_NAMES = ("label", "labels", "target", "y", "y_true", "ground_truth", "actual", "outcome", "truth")


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The names of the fields in each role, as configuration writes them (``features.amount``)."""

    time: str | None
    time_unit: str | None
    id: str | None
    version: str | None
    latency: str | None
    latency_unit: str
    status: str | None
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
    chooser = _Chooser(names, where, _not_stated(names, fields))
    time = chooser.value("time", fields.time.field if fields.time else None)
    latency, latency_unit = chooser.latency(fields)
    prediction = chooser.value("prediction", fields.prediction)
    guessed = chooser.choose("score", None) if fields.score is None else None
    parents = [guessed] if guessed is not None else list(score_fields(fields).values())
    identity = chooser.value("id", fields.id)
    version = chooser.value("version", fields.version)
    status = chooser.choose("status", fields.status.field if fields.status else None)
    listed = fields.features if isinstance(fields.features, tuple) else ()
    scores = tuple(
        dict.fromkeys(
            name
            for parent in parents
            for name in [at for at in names if is_within(at, parent) and (at == parent or at not in listed)] or [parent]
        )
    )
    roles = {time, latency, prediction, identity, version, status, *scores}
    taken = set(within(names, roles))
    truths = [name for name in chooser.free if name.lower() in LABEL_NAMES and name not in taken]
    return Roles(
        time=time,
        time_unit=fields.time.unit if fields.time else None,
        id=identity,
        version=version,
        latency=latency,
        latency_unit=latency_unit,
        status=status,
        prediction=prediction,
        scores=scores,
        classes={field: f"score{key}" for key, field in score_fields(fields).items() if key.startswith(".")},
        features=chooser.features(fields, {*taken, *truths}),
        labels=(*labels, *truths),
    )


def _not_stated(names: Sequence[str], fields: Fields) -> list[str]:
    """Return the fields that the configuration does not speak of, which may be guessed."""
    spoken = set(within(names, (one.name for one in stated(fields))))
    return [name for name in names if name not in spoken]


@dataclass(frozen=True)
class _Chooser:
    names: Sequence[str]
    where: str
    free: Sequence[str]  # those that may be guessed
    top: dict[str, None] = field(init=False)  # top-level names of these, each once, in their order
    lower: dict[str, list[str]] = field(init=False)  # these, by their lower case

    def __post_init__(self) -> None:
        object.__setattr__(self, "top", dict.fromkeys(re.split(r"[.\[]", name, maxsplit=1)[0] for name in self.free))
        object.__setattr__(self, "lower", {})
        for top in self.top:
            self.lower.setdefault(top.lower(), []).append(top)

    def choose(self, role: str, configured: str | None) -> str | None:
        if configured is not None:
            return configured
        return self._only(role, [top for name in KNOWN_NAMES[role] for top in self.lower.get(name, ())])

    def value(self, role: str, configured: str | None) -> str | None:
        """Choose a field that holds one value."""
        chosen = self.choose(role, configured)
        if chosen is None or chosen in self.names:
            return chosen
        inside = [name for name in (self.names if configured else self.free) if is_within(name, chosen)]
        if role == "time" and len(inside) > 1 and inside[0] == f"{chosen}[0]":
            raise ConfigError(
                f"{self.where}.time: {chosen} is a list of numbers, as Jackson writes dates by default; have it write text: "
                f"disable SerializationFeature.WRITE_DATES_AS_TIMESTAMPS "
                f"(in Spring: spring.jackson.serialization.write-dates-as-timestamps: false)"
            )
        return self._only(role, inside) if inside else chosen

    def _only(self, role: str, candidates: list[str]) -> str | None:
        if len(candidates) > 1:
            raise ConfigError(
                f"{self.where}.{role}: several fields could be the {role}: {', '.join(candidates)}; "
                f"write the right one, for example {role}: {min(candidates, key=_is_part)}"
            )
        return candidates[0] if candidates else None

    def latency(self, fields: Fields) -> tuple[str | None, str]:
        if fields.latency is not None:
            return fields.latency.field, fields.latency.unit
        units = {
            name: unit
            for name in self.top
            for ending, unit in UNIT_ENDINGS.items()
            if name.lower().endswith(ending) and name.lower().removesuffix(ending) in LATENCY_STEMS
        }
        chosen = self._only("latency", list(units))
        return chosen, units[chosen] if chosen is not None else "s"

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
