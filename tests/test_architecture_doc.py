"""The page on the architecture tells the truth: its example is applied to a copy of the package and tested there."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from architecture_page import PAGE, ROOT, apply_example, blocks, copy_of, run, section

SECTION = section("Adding a statistic")
KEY = "triangular_discrimination"

#: Prints what follows from a declaration, and where the package was imported from.
FOLLOWS = """
import json, prediction_exporter
from prediction_exporter.config import json_schema, known_thresholds
from prediction_exporter.kit.docs import statistics_markdown
from prediction_exporter.kit.metrics_page import metrics_page
from prediction_exporter.collectors.registry import family_list

print(json.dumps({
    "package": prediction_exporter.__file__,
    "thresholds": known_thresholds(),
    "schema": json.dumps(json_schema()),
    "statistics": statistics_markdown(),
    "metrics": metrics_page(),
    "families": family_list().splitlines(),
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package and of what tests statistics, with the page's example in it."""
    folder = tmp_path_factory.mktemp("copy")
    copy_of(
        folder, "exporter/prediction_exporter", "tests/statistics", "tests/oracles.py", "tests/samples.py", "pyproject.toml"
    )
    apply_example(SECTION, folder)
    return folder


@pytest.fixture(scope="module")
def passed(copy: Path) -> Counter[str]:
    """Run what tests a statistic in the copy, and return how many tests of each module passed, where all did."""
    of_all = ("every_statistic_has_an_oracle", "windows_of_the_same", "every_prefix", "without_a_valid_value")
    files = [f"tests/statistics/test_{name}.py" for name in ("declarations", "laws", "noise", "oracles")]
    done = run(copy, "-m", "pytest", "-v", "-p", "no:cacheprovider", *files, "-k", " or ".join((KEY, *of_all)))
    assert done.returncode == 0, done.stdout + done.stderr
    return Counter(re.findall(r"^tests/statistics/test_(\w+)\.py::\S.* PASSED", done.stdout, re.MULTILINE))


def test_the_example_passes_what_every_statistic_passes(passed: Counter[str]) -> None:
    """Its declaration, its example, the laws, and the simulation of its noise."""
    for name, least in {"declarations": 5, "laws": 10, "noise": 5}.items():
        assert passed[name] >= least


def test_the_example_agrees_with_its_oracle(passed: Counter[str]) -> None:
    """Over all sizes, prefixes and hostile windows; a list without it would fail too."""
    assert passed["oracles"] >= 15


def test_a_wrong_formula_would_be_noticed(copy: Path) -> None:
    """So that the tests above mean something."""
    module = copy / f"exporter/prediction_exporter/statistics/{KEY}.py"
    right = module.read_text(encoding="utf-8")
    wrong = right.replace("return (p - q) ** 2 / ", "return 1.01 * (p - q) ** 2 / ")
    assert wrong != right
    module.write_text(wrong, encoding="utf-8")
    try:
        done = run(copy, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/statistics/test_oracles.py")
    finally:
        module.write_text(right, encoding="utf-8")
    assert done.returncode == 1
    assert KEY in done.stdout


def test_everything_else_follows(copy: Path) -> None:
    """Series, threshold key, schema and pages; the page shows the lines that the golden list needs."""
    done = run(copy, "-c", FOLLOWS)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert Path(found["package"]).is_relative_to(copy)
    assert KEY in found["thresholds"]
    assert f'"{KEY}"' in found["schema"]
    assert f"| [{KEY}](#{KEY}) | numeric and categorical | 0 to 2 | yes | 0.09 |" in found["statistics"]
    assert f"\n### {KEY}\n" in found["statistics"]
    assert f"| `model_column_{KEY}_threshold` | gauge |" in found["metrics"]
    golden = (ROOT / "tests/golden/families.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in found["families"] if line not in golden] == blocks(SECTION, "text")[-1].splitlines()


def test_the_example_is_in_the_house_style(copy: Path) -> None:
    """By the same rules as the rest."""
    for check in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = run(copy, "-m", "ruff", *check, f"exporter/prediction_exporter/statistics/{KEY}.py", "tests")
        assert done.returncode == 0, done.stdout


def test_the_tests_that_it_names_exist() -> None:
    """A guarantee whose test was renamed or removed is no guarantee."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 20
    missing = []
    for file, name in named:
        path = ROOT / file
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module([], [])
        if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            missing.append(f"{file}::{name}")
    assert not missing


def test_the_types_and_files_that_it_names_exist() -> None:
    """The table's types are classes of the modules before them; files of the picture and of links are there."""
    package = ROOT / "exporter/prediction_exporter"
    for module, name in re.findall(r"^\| `([\w.]+)\.([A-Z]\w+)` \|", PAGE, re.MULTILINE):
        path = package.joinpath(*module.split("."))
        files = [path.with_suffix(".py")] if path.with_suffix(".py").exists() else list(path.glob("*.py"))
        assert any(re.search(rf"^class {name}\b", file.read_text("utf-8"), re.MULTILINE) for file in files), name
    for link in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    picture = ET.parse(ROOT / "docs/images/architecture.svg")
    texts = " ".join(node.text or "" for node in picture.iter("{http://www.w3.org/2000/svg}text"))
    for place in re.findall(r"[\w/]+\.py|\w+/(?= |$|,)", texts):
        assert (package / place).exists(), place
