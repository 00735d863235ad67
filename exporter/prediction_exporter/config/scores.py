"""Where the scores of classes stand: a field, a list, a field for each class, or what their fields have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import ClassPattern, Names, Text, refuse

#: What stands for the class in a pattern of scores.
ANY_CLASS = "*"


class ScorePattern(Section):
    """Scores of classes found by the names of their fields."""

    pattern: ClassPattern = Field(
        description='Name of the fields with one * where the class stands, nested ones with dots, such as "prob_*".'
    )

    def class_of(self, name: str) -> str | None:
        """Return the class whose score a field holds by its name; None where it holds none."""
        before, _, behind = self.pattern.partition(ANY_CLASS)
        is_one = name.startswith(before) and name.endswith(behind) and len(name) > len(before) + len(behind)
        return name[len(before) : len(name) - len(behind)] if is_one else None

    def field_of(self, name: str) -> str:
        """Return the field of a class."""
        return self.pattern.replace(ANY_CLASS, name)


FORMS_OF_SCORE: dict[type, str] = {str: "<field>", list: "<fields>", dict: "<classes>"}
_SCORE_PATTERN = "<pattern>"


def _form_of_score(value: Any) -> str | None:
    # A class may be called "pattern", beside another one.
    if isinstance(value, ScorePattern) or (isinstance(value, dict) and value.keys() == {"pattern"}):
        return _SCORE_PATTERN
    return next((tag for kind, tag in FORMS_OF_SCORE.items() if isinstance(value, kind)), None)


def _check_form_of_score(value: Any) -> Any:
    if _form_of_score(value) is not None:
        return value
    raise refuse(
        "does not tell where the scores are", "the name of a field, a list of fields, {CLASS: FIELD}, or {pattern: PATTERN}"
    )


#: A mapping with nothing but a pattern is one.
_NO_PATTERN: dict[str, JsonValue] = {"not": {"required": ["pattern"], "maxProperties": 1}}

#: One field, an object or a list of the scores of all classes; or a field for each class. The tags keep the errors apart.
Score = Annotated[
    Annotated[Text, Tag("<field>")]
    | Annotated[Names, Tag("<fields>")]
    | Annotated[ScorePattern, Tag(_SCORE_PATTERN)]
    | Annotated[Annotated[dict[str, Text], Field(min_length=1, json_schema_extra=_NO_PATTERN)], Tag("<classes>")],
    Discriminator(_form_of_score),
    BeforeValidator(_check_form_of_score),
]
