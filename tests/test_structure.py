"""The architecture stays what docs/architecture.md says: imports point one way, modules are small, no list misses a module."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import ModuleType

import pytest

import prediction_exporter
from prediction_exporter import collectors, commands, performance, statistics
from prediction_exporter.commands import COMMANDS
from prediction_exporter.kit import alerts
from prediction_exporter.kit.alerts import ALERTS
from prediction_exporter.performance import MEASURES
from prediction_exporter.sources.layouts.registry import NAMES as LAYOUTS
from prediction_exporter.statistics import STATISTICS

ROOT = Path(__file__).parents[1]
PACKAGE = Path(prediction_exporter.__file__).parent
NAME = prediction_exporter.__name__

#: The package's modules by their dotted names, the empty name for the package itself.
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

#: Where there is Python of ours.
FOLDERS = ("exporter", "tests", "scripts", "benchmarks", "examples")
#: What makes a checker pass over a line, and what is said of it.
IGNORE = re.compile(r"# (?:noqa: [A-Z0-9, ]*[A-Z0-9]|type: ignore\[[a-z, -]+\])[ #-]*(.*)")

#: What a computation on counts must never need.
ABOVE_COUNTS = {"config", "sources", "baseline", "collectors", "monitor", "web", "kit", "demo", "commands", "cli"}

#: Modules that no module imports, and why they are no dead code.
ENTRANCES = {
    "__main__": "python -m",
    "performance.examples": "the examples in docstrings",
    "statistics.examples": "the examples in docstrings",
}


def unit(module: str) -> str:
    """Return the part of the house that a module belongs to."""
    return module.partition(".")[0]


def house() -> list[str]:
    """Return the parts of the house as the architecture's page lists them, from below to above."""
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    listed = page.partition("<!-- house:begin -->")[2].partition("<!-- house:end -->")[0]
    return re.findall(r"^(\w+)/? +\S", listed, re.MULTILINE)


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports by its full name, also inside functions and for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from imported(node)


def own(names: Iterator[str]) -> set[str]:
    """Return the modules of the package among what is imported: the name itself, or what it is an attribute of."""
    inside = {name.removeprefix(f"{NAME}.") for name in names if name.startswith(f"{NAME}.")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in inside} - {""}


@cache
def tree_of(module: str) -> ast.Module:
    """Return a module, parsed."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


GRAPH = {module: own(imported(tree_of(module))) for module in MODULES}


def needed(modules: set[str]) -> set[str]:
    """Return all that modules need, through others too."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += GRAPH[module]
    return found


def test_the_page_lists_the_whole_house() -> None:
    """Every module and every package at the top has its line."""
    assert sorted(house()) == sorted({unit(module) for module in MODULES} - {"", "__main__"})


def test_imports_point_one_way() -> None:
    """A part of the house imports what the page lists above it, and nothing below."""
    order = {part: index for index, part in enumerate(["", *house(), "__main__"])}
    wrong = [
        f"{module} imports {other}"
        for module, others in GRAPH.items()
        for other in others
        if unit(module) != unit(other) and order[unit(module)] <= order[unit(other)]
    ]
    assert not wrong


def test_no_import_goes_round() -> None:
    """Within a package neither."""
    TopologicalSorter(GRAPH).prepare()


@pytest.mark.parametrize("part", ["counting", "labels", "statistics", "performance"])
def test_counts_know_nothing_of_where_they_come_from(part: str) -> None:
    """They can be used in a notebook, without a source, a configuration or a server, not even through others."""
    assert not {unit(module) for module in needed({m for m in MODULES if unit(m) == part})} & ABOVE_COUNTS


def test_the_kit_renders_without_what_runs() -> None:
    """Rules come from declarations and the configuration alone."""
    kit = needed({module for module in MODULES if unit(module) == "kit"})
    assert not {unit(module) for module in kit} & {"monitor", "web"}
    assert not kit & {"counting.state", "counting.windows", "counting.ledger"}


def test_only_the_command_line_imports_everything() -> None:
    """Nothing else knows of commands and of the demo."""
    top = {"cli", "commands", "demo", "__main__"}
    assert not {f"{m} imports {o}" for m, others in GRAPH.items() if unit(m) not in top for o in others if unit(o) in top}


def test_modules_are_short_and_say_what_they_are() -> None:
    """At most 400 lines, and a docstring that begins with a sentence or a heading."""
    long = {module for module, path in MODULES.items() if len(path.read_text(encoding="utf-8").splitlines()) > 400}
    assert not long
    silent = {m for m in MODULES if not re.fullmatch(r".+[.:]", first_paragraph(m), re.DOTALL)}
    assert not silent


def first_paragraph(module: str) -> str:
    """Return how a module's docstring begins."""
    return (ast.get_docstring(tree_of(module)) or "").partition("\n\n")[0]


def test_an_ignore_says_why() -> None:
    """What it is that makes the checker's rule not hold here: that there is a checker says nothing."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    reasons = [(path, reason) for path in files for reason in IGNORE.findall(path.read_text(encoding="utf-8"))]
    assert len(reasons) > len(FOLDERS)
    assert [(path, reason) for path, reason in reasons if not reason or "for the type checker" in reason] == []


def test_a_start_imports_nothing_that_few_models_need() -> None:
    """A sidecar that reads a log starts without what reads databases and expressions: a third of the time, and much memory."""
    program = "import sys, prediction_exporter.monitor.monitor, prediction_exporter.web.site; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"numpy", "polars"} <= set(done.stdout.split())
    assert set(done.stdout.split()) & {"sqlalchemy", "sqlglot", "duckdb", "pyarrow", "sklearn", "pandas"} == set()


def test_there_is_one_module_object() -> None:
    """From the root, exporter.prediction_exporter would import too, and give a second copy of every module."""
    assert not (ROOT / "exporter/__init__.py").exists()
    folders = [ROOT / name for name in ("exporter", "tests", "benchmarks", "examples", "scripts")]
    files = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert len(files) > len(MODULES)
    second = {path for path in files for name in imported(ast.parse(path.read_text("utf-8"))) if unit(name) == "exporter"}
    assert not second
    for module in sorted(set(MODULES) - {"", "__main__"}):
        importlib.import_module(f"{NAME}.{module}")
    loaded = [str(file) for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))]
    inside = [file for file in loaded if Path(file).is_relative_to(PACKAGE)]
    assert len(inside) == len(set(inside)) >= len(MODULES) - 1  # without __main__


def test_no_module_is_forgotten() -> None:
    """Each is imported by another one, or by a script that renders."""
    used = {other for module, others in GRAPH.items() for other in others if other != module}
    used |= {f"sources.layouts.{name.replace('-', '_')}" for name in LAYOUTS}  # imported by their name
    for script in (ROOT / "scripts").glob("*.py"):
        used |= own(imported(ast.parse(script.read_text(encoding="utf-8"))))
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    assert set(MODULES) - used - packages == set(ENTRANCES)


def modules_with(package: ModuleType, declaration: str) -> set[str]:
    """Return the modules of a package with a line at the top level that begins like this."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    prefix = package.__name__.removeprefix(f"{NAME}.")
    found = {name: MODULES[f"{prefix}.{name}"].read_text(encoding="utf-8") for name in names}
    return {name for name, text in found.items() if re.search(rf"^{declaration}", text, re.MULTILINE)}


def test_lists_miss_no_module() -> None:
    """A statistic, alert or command that is written but not listed would be missing in silence; so would a source."""
    assert modules_with(statistics, r"[A-Z0-9_]+(: Statistic)? = Statistic\(") == {statistic.key for statistic in STATISTICS}
    assert modules_with(performance, r"[A-Z0-9_]+(: Measure)? = Measure\(") == {one.key for one in MEASURES}
    assert len(modules_with(alerts, r"[A-Z_]+(: Alert)? = Alert\(")) == len(ALERTS)
    assert modules_with(collectors, r"COLLECTOR(: \w+)? = ") == set(collectors.NAMES)
    assert modules_with(commands, r"def add\(") == {vars(command)["__name__"].rpartition(".")[2] for command in COMMANDS}
    for name, path in MODULES.items():
        if name.startswith("sources.") and re.search(
            r"^class \w+Source\b(?!\(Protocol)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert name in GRAPH["sources.registry"]
