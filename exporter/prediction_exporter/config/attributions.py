"""The part of ``fields`` that names attributions: what each feature contributed to a prediction, as SHAP values do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag

from prediction_exporter.config.section import Section
from prediction_exporter.config.values import Matching, Names, Text, refuse

#: What stands for the name of a feature in a pattern.
ANY_FEATURE = "*"

#: Written unlike the pattern of classes, as documentation tells patterns apart by how they are written.
FeatureInName = Annotated[Text, Matching(r"[^*]*[*][^*]*", "is no pattern", "a name with one * where the feature stands")]


class AttributionPattern(Section):
    """Attributions found by the names of their fields."""

    pattern: FeatureInName = Field(
        description='Name of the fields with one * where the feature stands, nested ones with dots, such as "shap_*".'
    )


FORMS_OF_ATTRIBUTIONS: dict[type, str] = {str: "<object>", list: "<fields>", dict: "<features>"}
_PATTERN = "<pattern>"


def _form(value: Any) -> str | None:
    # A feature may be called "pattern", beside another one.
    if isinstance(value, AttributionPattern) or (isinstance(value, dict) and value.keys() == {"pattern"}):
        return _PATTERN
    return next((tag for kind, tag in FORMS_OF_ATTRIBUTIONS.items() if isinstance(value, kind)), None)


def _check_form(value: Any) -> Any:
    if _form(value) is not None:
        return value
    raise refuse(
        "does not tell where the attributions are",
        "the name of a nested object, a list of fields, {pattern: PATTERN} with * for the feature, or {FEATURE: FIELD}",
    )


#: The name of a nested object, fields that are called like the features, a pattern, or the field of each feature.
Attributions = Annotated[
    Annotated[Text, Tag("<object>")]
    | Annotated[Names, Tag("<fields>")]
    | Annotated[Mapping[Text, Text], Field(min_length=1), Tag("<features>")]
    | Annotated[AttributionPattern, Tag("<pattern>")],
    Discriminator(_form),
    BeforeValidator(_check_form),
]


def stated_attributions(attributions: str | tuple[str, ...] | Mapping[str, str] | AttributionPattern) -> dict[str, str] | None:
    """Return the field of each feature that is named, by its name; None where all features have one.

    >>> stated_attributions(("shap.age", "why")), stated_attributions({"age": "a"}), stated_attributions("shap")
    ({'age': 'shap.age', 'why': 'why'}, {'age': 'a'}, None)
    """
    if isinstance(attributions, tuple):
        return {field.rpartition(".")[2]: field for field in attributions}
    return dict(attributions) if isinstance(attributions, Mapping) else None
