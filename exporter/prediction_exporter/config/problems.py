"""Pydantic's errors as problems that a person can act on, without any value that came from the environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from prediction_exporter.config.attributions import FORMS_OF_ATTRIBUTIONS
from prediction_exporter.config.fields import FORMS_OF_FEATURES
from prediction_exporter.config.labels import FORMS_OF_ONLY_FOR
from prediction_exporter.config.models import Config
from prediction_exporter.config.scores import FORMS_OF_SCORE
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.config.tree import Place, Problem, Tree, in_one_line, quote
from prediction_exporter.config.values import REFUSED, REFUSED_KEY, REFUSED_UNSHOWN

#: Problems that a message tells one by one: who has more has mistaken the file.
MOST_TOLD = 100

#: A key that stands in more sections than that is no mistake about the section.
MOST_HOMES = 3

_MARKERS = {
    "[key]",
    *FORMS_OF_FEATURES.values(),
    *FORMS_OF_SCORE.values(),
    *FORMS_OF_ATTRIBUTIONS.values(),
    *FORMS_OF_ONLY_FOR.values(),
}
_TYPES = {
    "string_type": "text",
    "path_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
}
_RANGES = {
    "greater_than": ("is too small", "more than {gt:g}"),
    "greater_than_equal": ("is too small", "at least {ge:g}"),
    "less_than": ("is too large", "less than {lt:g}"),
    "less_than_equal": ("is too large", "at most {le:.0f}"),
    "string_unicode": ("is no valid Unicode", "text"),
    "string_too_short": ("is empty", "at least {min_length} character"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "too_short": ("is empty", "at least {min_length} entry"),
    "too_long": ("has {actual_length} entries", "at most {max_length}"),
    "finite_number": ("is no finite number", "a finite number"),
}


def describe(errors: list[ErrorDetails], tree: Tree) -> list[Problem]:
    """Return the problems of a file: those of its YAML, and those that the errors of pydantic stand for, in its order."""
    told_of = errors[: MOST_TOLD * 10]  # what is told of each is derived from all that may stand at its place
    found = [_describe(error, tree) for error in told_of if not _is_echo(error, told_of)]
    # What encloses a problem of the YAML was checked without a part of it.
    told = {problem.place[:length] for problem in tree.problems for length in range(len(problem.place) + 1)}
    problems = [*tree.problems, *(problem for problem in found if problem.place not in told)]
    return sorted(problems, key=lambda problem: tree.line(problem.place))


def joined(name: str, problems: Sequence[object]) -> str:
    """Return the lines of a message: each problem of a file, or the first ones of very many.

    >>> print(joined("exporter.yml", ["owners: is required", "models: is required"]))
    exporter.yml: owners: is required
    exporter.yml: models: is required
    """
    told = [*problems[:MOST_TOLD], *(["and more, of which these are the first"] if len(problems) > MOST_TOLD else [])]
    return "\n".join(f"{name}: {in_one_line(str(problem))}" for problem in told)


def _is_echo(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether a list counts as too short only because entries of it are wrong."""
    place = error["loc"]
    return error["type"] == "too_short" and any(
        other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in errors
    )


def _describe(error: ErrorDetails, tree: Tree) -> Problem:
    place = (*_place(error["loc"], tree), *error.get("ctx", {}).get("inside", ()))
    kind = error["type"]
    about_key = error["loc"][-1:] == ("[key]",) and place == _place(error["loc"][:-1], tree)
    if about_key or kind == REFUSED_KEY:
        return Problem(place, _key_problem(error, str(place[-1])))
    if kind == REFUSED_UNSHOWN:
        return Problem(place, _with_allowed(error["ctx"]["problem"], error["ctx"]["allowed"]))
    if kind == "missing":
        return Problem(place, f"is required: {_field(place).description}")
    if kind == "extra_forbidden":
        section, key = _section(place[:-1]), str(place[-1])
        # Where a required key is missing, the unknown one rather stands in its place.
        complete = all((*place[:-1], name) in tree.nodes for name in _keys(section, required=True))
        return Problem(place, _unknown("key", key, _keys(section), elsewhere=_homes(key, place) if complete else ()))
    if kind != REFUSED:
        # The field of `time: FIELD` is at the place of `time`. A key that is required by another is at its own.
        place = tree.nearest(place)
    return Problem(place, _value_problem(error, place, tree))


def _place(loc: Place, tree: Tree) -> Place:
    place: Place = ()
    for step in loc:
        inner = (*place, step)
        # Pydantic adds the tags of a union, and [key] where a key itself is wrong. A key may have such a name, too.
        if step not in _MARKERS or inner in tree.nodes:
            place = inner
    return place


def _value_problem(error: ErrorDetails, place: Place, tree: Tree) -> str:
    kind, context, shown = error["type"], error.get("ctx", {}), tree.show(place)
    subject = f"{shown} " if shown else ""
    if kind == REFUSED:
        return subject + _with_allowed(context["problem"], context["allowed"])
    if kind == "literal_error":
        return subject + _with_allowed("is unknown", context["expected"].replace("'", ""))
    if kind in _RANGES:
        problem, allowed = _RANGES[kind]
        return subject + _with_allowed(problem.format(**context), allowed.format(**context))
    found, wanted = tree.kind(place), _TYPES[kind]
    if shown and wanted == "text":
        return f"{shown} is read as {found} and must be text; put it in quotes: {quote(shown)}"
    return f"{subject}is {found} and must be {wanted}"


def _key_problem(error: ErrorDetails, key: str) -> str:
    context = error.get("ctx", {})
    if error["type"] in (REFUSED, REFUSED_KEY):
        return _with_allowed(context["problem"], context["allowed"])
    if error["type"] == "literal_error":
        return _unknown("key", key, context["expected"].replace("'", "").replace(" or ", ", ").split(", "))
    problem, allowed = _RANGES[error["type"]]
    return _with_allowed(f"the key {problem}", allowed.format(**context))


def _unknown(what: str, word: str, allowed: list[str], *, elsewhere: Sequence[str] = ()) -> str:
    hint = suggest(word, allowed)
    if not hint and 0 < len(elsewhere) <= MOST_HOMES:
        hint = f"; it belongs to {' or '.join(elsewhere)}"
    return _with_allowed(f"unknown {what}{hint}", ", ".join(allowed))


def _homes(key: str, at: Place) -> list[str]:
    """Return the sections of the configuration that have a key of this name, by their places.

    Within a section of a model, those of the same section are meant where there are any.
    """
    homes = [place or "the top level" for place, model in _sections(Config, "") if key in _keys(model)]
    match at:
        case ("models", _, section, _, *_):
            return [home for home in homes if home.startswith(f"models[].{section}.")] or homes
    return homes


def _sections(annotation: Any, place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield every section of an annotation, by its place."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield place, annotation
        for name, field in annotation.model_fields.items():
            yield from _sections(field.annotation, f"{place}.{field.alias or name}".removeprefix("."))
        return
    origin = get_origin(annotation)
    step = "[]" if origin in (tuple, list) else ".NAME" if isinstance(origin, type) and issubclass(origin, Mapping) else ""
    for part in get_args(annotation):
        yield from _sections(part, f"{place}{step}")


def _keys(model: type[BaseModel], *, required: bool = False) -> list[str]:
    fields = model.model_fields.items()
    return [field.alias or name for name, field in fields if field.is_required() or not required]


def _with_allowed(problem: str, allowed: str) -> str:
    return f"{problem} (allowed: {allowed})" if allowed else problem


def _section(place: Place) -> type[BaseModel]:
    """Return the model of the mapping at a place."""
    annotation: Any = Config
    for step in place:
        annotation = _inner(_model_in(annotation) or annotation, step)
    model = _model_in(annotation)
    assert model is not None  # noqa: S101  # pydantic reports unknown and missing keys in models only
    return model


def _field(place: Place) -> FieldInfo:
    return _by_key(_section(place[:-1]), str(place[-1]))


def _by_key(model: type[BaseModel], key: str) -> FieldInfo:
    return next(field for name, field in model.model_fields.items() if key == (field.alias or name))


def _inner(annotation: Any, step: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _by_key(annotation, str(step)).annotation
    if get_origin(annotation) in (Union, UnionType):  # with None, as of a mapping that may be absent
        return _inner(next(part for part in get_args(annotation) if part is not type(None)), step)
    if hasattr(annotation, "__metadata__"):
        return _inner(get_args(annotation)[0], step)
    # The entries of a tuple, or the values of a mapping.
    return get_args(annotation)[0 if isinstance(step, int) else 1]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that an annotation holds, perhaps as one alternative of several."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType):
        return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
    return _model_in(get_args(annotation)[0]) if hasattr(annotation, "__metadata__") else None
