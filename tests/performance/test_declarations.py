"""The declarations are complete, consistent with each other and with Prometheus, and their examples run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
import pkgutil
import re
from types import ModuleType

import pytest

import prediction_exporter.performance as package
from labelled import Pairs, binary, multiclass, regression
from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.families import PERFORMANCE
from prediction_exporter.performance import MEASURES, Measure, measure

#: What is shared by measures and is none.
SHARED = {
    "base",
    "classes",
    "confusion",
    "counts",
    "curves",
    "evaluation",
    "exact",
    "examples",
    "grouping",
    "label_drift",
    "layout",
    "lists",
    "scale",
    "moments",
    "numbers",
    "summary",
    "thresholds",
    "weights",
}

MODULES = {module.name for module in pkgutil.iter_modules(package.__path__)}

every_measure = pytest.mark.parametrize("one", MEASURES, ids=lambda one: one.key)


def module_of(one: Measure) -> ModuleType:
    """Return the module that is called like the measure."""
    return importlib.import_module(f"{package.__name__}.{one.key}")


def test_every_module_is_registered_once() -> None:
    """A measure's key is the name of its module, and no module is forgotten."""
    assert sorted(one.key for one in MEASURES) == sorted(MODULES - SHARED)


def test_families_are_unique() -> None:
    """No two measures, and no measure and another family, write the same series."""
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
    assert {family.name for one in MEASURES for family in one.families} <= set(names)


@every_measure
def test_names_follow_the_habits_of_prometheus(one: Measure) -> None:
    """Gauges in snake case, without the endings of other types, and a sentence of help."""
    assert one.family.name == f"model_{one.key}"
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", one.key)
    assert not one.key.endswith(("_total", "_count", "_sum", "_bucket", "_info", "_created"))
    assert one.family.type == "gauge"
    assert one.family.labels == (*PERFORMANCE, *one.labels)
    assert re.fullmatch(r"[A-Z].*\.", one.family.help)
    assert (one.unit == "percentunit") == one.key.endswith("_ratio")
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.name) for reason in one.reasons)


@every_measure
def test_the_parts_of_a_declaration_fit_together(one: Measure) -> None:
    """A threshold needs an error; its constant and its function are of the module that is called like it."""
    assert getattr(module_of(one), one.key.upper()) is one
    assert inspect.getmodule(one.compute) is module_of(one)
    assert one.lower < one.upper
    assert (one.effect is None) == (one.error is None)
    assert one.effect is None or (one.effect.default > 0 and one.effect.meaning)
    texts = [one.title, one.reference, one.error_formula, inspect.getdoc(one.compute), module_of(one).__doc__]
    assert all(text and text.strip() for text in texts)


@pytest.mark.parametrize("pairs", [binary(200, 1), multiclass(200, 1), regression(200, 1)], ids=lambda p: p.layout.task)
def test_entries_and_ranges(pairs: Pairs) -> None:
    """Each entry has a value for each label of its own, no two are the same, and values lie within the range."""
    counted = pairs.counted()
    for one in MEASURES:
        assert one.applies(pairs.layout) == (one.key in measure([one], counted, None, alpha=0.01, min_labels=1))
        if not one.applies(pairs.layout):
            continue
        entries, values = one.entries(pairs.layout), one.compute(counted)
        assert values.shape == (len(entries),) == (len(set(entries)),)
        assert {len(entry) for entry in entries} == {len(one.labels)}
        assert all(one.lower <= value <= one.upper or math.isnan(value) for value in values.tolist())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_examples_run(name: str) -> None:
    """Every measure shows a call and what it returns."""
    found = doctest.testmod(importlib.import_module(f"{package.__name__}.{name}"))
    assert found.failed == 0
    assert found.attempted or name in SHARED
