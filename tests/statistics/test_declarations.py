"""The declarations are complete, consistent with each other and with Prometheus, and their examples run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import re
from types import ModuleType

import pytest

import prediction_exporter.statistics as package
from prediction_exporter.collectors.registry import FAMILIES
from prediction_exporter.families import COLUMN, WINDOW
from prediction_exporter.statistics import STATISTICS, Statistic

#: What is shared by statistics and is none.
SHARED = {"base", "comparison", "evaluation", "examples", "noise", "seasons"}

MODULES = {module.name for module in pkgutil.iter_modules(package.__path__)}
UNITS = {"short", "percentunit", "bool"}

every_statistic = pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.key)


def module_of(statistic: Statistic) -> ModuleType:
    """Return the module that is called like the statistic."""
    return importlib.import_module(f"{package.__name__}.{statistic.key}")


def test_every_module_is_registered_once() -> None:
    """A statistic's key is the name of its module, and no module is forgotten."""
    keys = [statistic.key for statistic in STATISTICS]
    assert sorted(keys) == sorted(MODULES - SHARED)


@every_statistic
def test_the_module_holds_its_declaration_and_its_function(statistic: Statistic) -> None:
    """The constant is called like the key, and the function is of the same module."""
    module = module_of(statistic)
    assert getattr(module, statistic.key.upper()) is statistic
    assert inspect.getmodule(statistic.compute) is module


def test_families_are_unique() -> None:
    """No two statistics, and no statistic and a core family, write the same series."""
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))


@every_statistic
def test_names_follow_the_habits_of_prometheus(statistic: Statistic) -> None:
    """Gauges in snake case, without the endings of other types, with the labels of their scope, and a sentence of help."""
    for family in statistic.families:
        assert re.fullmatch(r"model_[a-z0-9]+(_[a-z0-9]+)*", family.name)
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket", "_info", "_created"))
        assert family.type == "gauge"
        assert re.fullmatch(r"[A-Z0-9p].*\.", family.help)
    extra = () if statistic.extra is None else (statistic.extra[0],)
    assert statistic.family.labels == ((*COLUMN, *extra) if statistic.scope == "column" else WINDOW)
    assert statistic.family.name.endswith(statistic.key)
    assert statistic.family.name.endswith("_ratio") == statistic.key.endswith("_ratio")
    assert (statistic.unit == "percentunit") == (
        statistic.key.endswith("_ratio") or statistic.key == "total_variation_distance"
    ), "a share is shown in per cent"


@every_statistic
def test_the_parts_of_a_declaration_fit_together(statistic: Statistic) -> None:
    """A noise floor belongs to a distance, a threshold lies within the range, a reason is a label value."""
    assert (statistic.noise is not None) == statistic.is_distance
    assert not statistic.is_distance or (statistic.compares and statistic.lower == 0.0)
    assert not statistic.smoothed or statistic.is_distance
    assert statistic.lower < statistic.upper
    assert statistic.kinds
    assert statistic.unit in UNITS
    if statistic.threshold is not None:
        assert statistic.lower < statistic.threshold.default < statistic.upper
        assert (statistic.threshold.baseline is None) == statistic.compares
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", statistic.undefined)


@every_statistic
def test_everything_is_described(statistic: Statistic) -> None:
    """Title, source, formula and meaning are written, and so are the docstrings of the module and of its function."""
    texts = [
        statistic.title,
        statistic.reference,
        inspect.getdoc(statistic.compute),
        module_of(statistic).__doc__,
    ]
    texts += [] if statistic.noise is None else [statistic.noise.formula]
    texts += [] if statistic.threshold is None else [statistic.threshold.meaning]
    assert all(text and text.strip() for text in texts)


@every_statistic
def test_the_example_runs(statistic: Statistic) -> None:
    """Every function shows a call and what it returns."""
    module = module_of(statistic)
    [found] = [
        test for test in doctest.DocTestFinder().find(module) if test.name == f"{module.__name__}.{statistic.compute.__name__}"
    ]
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0


@pytest.mark.parametrize("name", ["categories", "layout", "profile", "binning", "profiler", "hours"])
def test_the_examples_of_what_they_stand_on_run(name: str) -> None:
    """As those of the statistics do."""
    assert doctest.testmod(importlib.import_module(f"prediction_exporter.counting.{name}")).failed == 0
