"""Where the attributions of a model's features stand."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from prediction_exporter.config import Fields
from prediction_exporter.config.attributions import ANY_FEATURE, AttributionPattern, stated_attributions
from prediction_exporter.config.suggesting import suggest
from prediction_exporter.counting.layout import Layout, Role
from prediction_exporter.sources.fields.stated import within

#: Their key in ``fields``, and their role there.
ATTRIBUTIONS = "attributions"


def common_place(fields: Fields) -> str | None:
    """Return where the configuration says what the attributions of all features have in common; None where it names each.

    >>> common_place(Fields(attributions="shap")), common_place(Fields(attributions={"age": "a"}))
    ('attributions', None)
    """
    told = fields.attributions
    if isinstance(told, AttributionPattern):
        return f"{ATTRIBUTIONS}.pattern"
    return ATTRIBUTIONS if isinstance(told, str) else None


def attribution_fields(fields: Fields, features: Iterable[str]) -> dict[str, str]:
    """Return the field with the attribution of each feature that has one, by the feature's name.

    >>> attribution_fields(Fields(attributions={"pattern": "shap_*"}), ["age", "income"])
    {'age': 'shap_age', 'income': 'shap_income'}
    """
    told = fields.attributions
    if told is None:
        return {}
    named = stated_attributions(told)
    if named is not None:
        return {name: named[name] for name in features if name in named}
    if isinstance(told, AttributionPattern):
        return {name: told.pattern.replace(ANY_FEATURE, name) for name in features}
    return {name: f"{told}.{name}" for name in features}


def attribution_problems(fields: Fields, layout: Layout) -> list[str]:
    """Return a sentence for each feature that attributions are said of and the model does not have."""
    features = features_of(layout)
    named = (None if fields.attributions is None else stated_attributions(fields.attributions)) or {}
    shown = ", ".join(features[:20])
    return [
        f"{name} is no feature of the baseline{suggest(name, features)} (it has: {shown})"
        for name in named
        if name not in features
    ]


def features_of(layout: Layout) -> list[str]:
    """Return the features that a model may rely on: the columns of the baseline that are not made of others."""
    return [column.name for column in layout.columns if column.role is Role.FEATURE and not column.is_derived]


def attributed(fields: Fields, names: Iterable[str]) -> set[str]:
    """Return the fields among some that hold attributions, and so are no features, whatever the model's features are."""
    told = fields.attributions
    if told is None:
        return set()
    if isinstance(told, AttributionPattern):
        return {name for name in names if fnmatchcase(name, told.pattern)}
    named = stated_attributions(told)
    return set(within(names, [str(told)] if named is None else named.values()))
