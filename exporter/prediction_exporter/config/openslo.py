"""OpenSLO documents to objectives: https://github.com/OpenSLO/OpenSLO, version v1.

What is measured is what the exporter measures: queries of a document are not run. So a document has to say which of the
objectives it is about, by the label ``slo`` or by a query that reads the exporter's own series, and anything else is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from prediction_exporter.config.reading import read_bytes
from prediction_exporter.config.units import Duration

API_VERSION = "openslo/v1"
#: Kinds of document that say nothing of an objective.
ASIDE = ("AlertCondition", "AlertNotificationTarget", "AlertPolicy", "DataSource", "Service")
#: The objectives by the series that tells of what breaks them.
SERIES = {
    "model_requests_failed_total": "availability",
    "model_requests_slow_total": "latency",
    "prediction_exporter_source_lag_seconds": "freshness",
}
OBJECTIVES = tuple(SERIES.values())
#: The annotations that hold the duration which an objective is about, as a ratio of counters cannot.
BOUNDS = {"latency": "under", "freshness": "within"}
#: How each objective's budget is counted.
METHODS = {"availability": "Occurrences", "latency": "Occurrences", "freshness": "Timeslices"}
#: The span of an error budget, which burn rates count on.
WINDOW = "30d"


class OpenSloError(Exception):
    """A document that cannot be used: what is wrong with it, where, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Objectives:
    """What documents say of one model.

    Attributes:
        availability: the share of requests that must succeed.
        latency: ``under`` and ``ratio``.
        freshness: ``within`` and ``ratio``.
        unused: what has no effect, a sentence each.
    """

    availability: float | None = None
    latency: Mapping[str, Any] | None = None
    freshness: Mapping[str, Any] | None = None
    unused: tuple[str, ...] = ()


def service_name(model: str) -> str:
    """Return a model's name as OpenSLO takes names: a DNS label.

    >>> service_name("Credit_risk.v2")
    'credit-risk-v2'
    """
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-") or "model"


def read(path: Path, *, model: str) -> Objectives:
    """Read the objectives of a model.

    Args:
        path: YAML, with one document or several, or lists of them.
        model: its name: documents are the model's by ``spec.service``, or by the label ``model``.

    Raises:
        OpenSloError: the file cannot be read, or says what cannot be kept to.
    """
    documents = _documents(path)
    indicators = {document.name: document for document in documents if document.kind == "SLI"}
    found: dict[str, tuple[float, Duration | None]] = {}
    unused: list[str] = []
    objectives = [document for document in documents if document.kind == "SLO"]
    own = [document for document in objectives if _is_of(document, model)]
    if not own:
        there = ", ".join(sorted({str(document.service) for document in objectives})) or "none"
        raise OpenSloError(f"it has no SLO of the service {service_name(model)} (services there: {there})")
    for document in own:
        which = _which(document, indicators)
        if which in found:
            raise document.error("metadata.labels.slo", f"a second objective of {which}", "one document for each")
        found[which] = _objective(document, which)
        if document.spec.get("alertPolicies"):
            unused.append(f"alertPolicies of {document.name}: alerts follow the burn rates of the kit")
    bounds = {which: {BOUNDS[which]: bound, "ratio": target} for which, (target, bound) in found.items() if bound is not None}
    return Objectives(
        found["availability"][0] if "availability" in found else None,
        bounds.get("latency"),
        bounds.get("freshness"),
        tuple(unused),
    )


def _is_of(document: _Document, model: str) -> bool:
    """Return whether a document is a model's: by the label, and without one by its service."""
    return document.model == model if document.model is not None else document.service in (model, service_name(model))


@dataclass(frozen=True, slots=True)
class _Document:
    """One object, of a kind that is known."""

    place: str
    kind: str
    content: Mapping[str, Any]

    @property
    def metadata(self) -> Mapping[str, Any]:
        return _mapping(self.content.get("metadata"))

    @property
    def spec(self) -> Mapping[str, Any]:
        return _mapping(self.content.get("spec"))

    @property
    def name(self) -> str:
        return str(self.metadata.get("name", ""))

    @property
    def service(self) -> Any:
        return self.spec.get("service")

    @property
    def model(self) -> str | None:
        return self.label("model")

    def label(self, key: str) -> str | None:
        """Return a label's only value."""
        value = _mapping(self.metadata.get("labels")).get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        return value if isinstance(value, str) else None

    def error(self, place: str, problem: str, allowed: str) -> OpenSloError:
        """Return what is wrong with the document."""
        return OpenSloError(f"{self.place} {self.name}: {place}: {problem} (allowed: {allowed})")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _documents(path: Path) -> list[_Document]:
    try:
        loaded = list(yaml.safe_load_all(read_bytes(path).decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise OpenSloError(f"the file is not UTF-8 text, at byte {error.start}") from None
    except OSError as error:
        raise OpenSloError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise OpenSloError("the file cannot be read: its name holds what no name may") from None
    except yaml.YAMLError as error:
        raise OpenSloError(f"the file is no YAML: {' '.join(str(error).split())}") from None
    flat = [each for content in loaded for each in (content if isinstance(content, list) else [content]) if each is not None]
    return list(_checked(flat))


def _checked(contents: Iterable[Any]) -> Iterable[_Document]:
    for number, content in enumerate(contents, start=1):
        if not isinstance(content, dict):
            raise OpenSloError(f"document {number} is no mapping")
        kind = content.get("kind")
        document = _Document(f"document {number}", str(kind), content)
        if content.get("apiVersion") != API_VERSION:
            raise document.error("apiVersion", f"{_shown(content.get('apiVersion'))} is unknown", API_VERSION)
        if kind not in ("SLO", "SLI", *ASIDE):
            raise document.error("kind", f"{_shown(kind)} is unknown", ", ".join(sorted(("SLO", "SLI", *ASIDE))))
        yield document


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):  # which may hold itself, by an alias
        return "a mapping" if isinstance(value, dict) else "a list"
    return json.dumps(value, default=str)


def _texts(content: Any) -> list[str]:
    """Return the texts that stand anywhere in a content, each part of it looked at once, however often aliases name it."""
    found, seen, waiting = [], set[int](), [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict | list) and id(part) not in seen:
            seen.add(id(part))
            waiting.extend(part.values() if isinstance(part, dict) else part)
    return found


def _indicator(document: _Document, indicators: Mapping[str, _Document]) -> Mapping[str, Any]:
    """Return the specification of a document's indicator, which may stand in another one."""
    reference = document.spec.get("indicatorRef")
    if reference is None:
        return _mapping(_mapping(document.spec.get("indicator")).get("spec"))
    if reference not in indicators:
        known = ", ".join(sorted(indicators)) or "no SLI is there"
        raise document.error("spec.indicatorRef", f"{_shown(reference)} is in no document of the file", known)
    return indicators[reference].spec


def _which(document: _Document, indicators: Mapping[str, _Document]) -> str:
    """Return which objective a document is about."""
    which = document.label("slo")
    if which is not None:
        if which not in OBJECTIVES:
            raise document.error("metadata.labels.slo", f"{_shown(which)} is unknown", ", ".join(OBJECTIVES))
        return which
    asked = _texts(_indicator(document, indicators))
    named = {objective for series, objective in SERIES.items() if any(re.search(rf"\b{series}\b", text) for text in asked)}
    if len(named) != 1:
        raise document.error(
            "metadata.labels.slo",
            "is missing, and its queries do not read one of the exporter's own series, so what it is about is not known",
            ", ".join(OBJECTIVES),
        )
    return named.pop()


def _objective(document: _Document, which: str) -> tuple[float, Duration | None]:
    """Return the target of a document, and the duration that it is about."""
    spec = document.spec
    method = spec.get("budgetingMethod")
    if method != METHODS[which]:
        raise document.error("spec.budgetingMethod", f"{_shown(method)} is not how {which} is counted", METHODS[which])
    _check_window(document)
    objectives = spec.get("objectives")
    if not isinstance(objectives, list) or len(objectives) != 1 or not isinstance(objectives[0], dict):
        raise document.error("spec.objectives", "is no list of one objective", "one objective with a target")
    (objective,) = objectives
    if "indicator" in objective or "indicatorRef" in objective:
        raise document.error("spec.objectives[0]", "is part of a composite objective", "an indicator in spec")
    target = _target(document, objective)
    return target, _bound(document, which, objective) if which in BOUNDS else None


def _check_window(document: _Document) -> None:
    windows = document.spec.get("timeWindow")
    if windows is None:
        return
    allowed = f"one rolling window of {WINDOW}"
    if not isinstance(windows, list) or len(windows) != 1 or not isinstance(windows[0], dict):
        raise document.error("spec.timeWindow", "is no list of one window", allowed)
    if windows[0].get("isRolling") is not True or windows[0].get("duration") not in (WINDOW, "1M"):
        raise document.error("spec.timeWindow[0]", f"{_shown(windows[0])} is another span", allowed)


def _target(document: _Document, objective: Mapping[str, Any]) -> float:
    percent = "targetPercent" in objective
    if percent == ("target" in objective):
        raise document.error("spec.objectives[0]", "has both or none of target and targetPercent", "one of them")
    place, whole = ("targetPercent", 100) if percent else ("target", 1)
    value = objective[place]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < whole:
        raise document.error(f"spec.objectives[0].{place}", f"{_shown(value)} is no share", f"above 0 and below {whole}")
    # By the digits that stand there: 99.9 / 100 is not 0.999.
    return float(f"{value!r}e-2") if percent else float(value)


def _bound(document: _Document, which: str, objective: Mapping[str, Any]) -> Duration:
    """Return the duration of a latency or an age, from an annotation or from what a metric is compared with, in seconds."""
    key = BOUNDS[which]
    text = _mapping(document.metadata.get("annotations")).get(key)
    if text is not None:
        try:
            return Duration.parse(text)
        except (TypeError, ValueError):
            raise document.error(f"metadata.annotations.{key}", f"{_shown(text)} is no duration", "such as 100ms") from None
    operator, value = objective.get("op"), objective.get("value")
    if operator is None and value is None:
        raise document.error(f"metadata.annotations.{key}", "is missing", "a duration such as 100ms")
    if operator not in ("lt", "lte"):
        raise document.error("spec.objectives[0].op", f"{_shown(operator)} asks for slow ones", "lt, lte")
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise document.error("spec.objectives[0].value", f"{_shown(value)} is no number of seconds", "above 0")
    return Duration.parse(f"{round(value * 1000)}ms")
