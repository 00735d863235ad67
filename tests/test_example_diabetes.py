"""The example on real data: its page shows what it really finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "diabetes"

#: Figures are shown with three decimals; another BLAS may round a prediction across the edge of a bin.
TOLERANCE = 0.02


def rows(table: str) -> dict[str, list[str]]:
    """Return the cells of a Markdown table by the first one of each row."""
    lines = [line.strip("| ").split("|") for line in table.strip().splitlines() if not line.startswith("|---")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """The table that the example prints."""
    result = subprocess.run([sys.executable, str(EXAMPLE / "example.py")], check=True, capture_output=True, text=True)
    return rows(result.stdout)


def test_page_shows_what_the_example_finds(found: dict[str, list[str]]) -> None:
    """Every figure on the page is the example's, and so is every verdict."""
    page = (EXAMPLE / "README.md").read_text()
    shown = rows(page.split("<!-- table:begin -->")[1].split("<!-- table:end -->")[0])
    assert shown.keys() == found.keys()
    for column, cells in shown.items():
        assert cells[-1] == found[column][-1], column
        if column != "column":
            for on_page, computed in zip(cells[:-1], found[column][:-1], strict=True):
                assert (on_page == "") == (computed == ""), column
                if on_page:
                    assert float(on_page) == pytest.approx(float(computed), abs=TOLERANCE), column


def test_example_finds_what_differs_by_construction(found: dict[str, list[str]]) -> None:
    """Age, by which the patients were divided, is entirely out of the baseline's range and drifted most."""
    names = [name for name in found if name != "column"]
    assert names[0] == "age"
    assert found["age"][-1] == "**yes**"
    assert found["age"][found["column"].index("out of range ratio")] == "1.000"
