"""The page of performance: its measures are what their declarations say, and its example does what it shows."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from prediction_exporter.cli import main
from prediction_exporter.kit.docs import PERFORMANCE_PAGE, performance_markdown, performance_page
from prediction_exporter.performance import MEASURES, Measure

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / PERFORMANCE_PAGE).read_text(encoding="utf-8")
LOANS = ROOT / "tests/public_sets/nannyml/binary.parquet"


def block(language: str) -> str:
    """Return the page's first block in a language."""
    [first, *_] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(first)


def test_the_committed_page_is_up_to_date() -> None:
    """Where this fails, a declaration or docstring changed and the page was not rendered anew."""
    assert performance_page(PAGE) == PAGE


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.key)
def test_every_measure_has_a_section(measure: Measure) -> None:
    """Its key is the anchor; its series, its reasons and an example are there."""
    section = performance_markdown().split(f"\n### {measure.key}\n")[1].split("\n### ")[0]
    assert f"`{measure.family}`" in section
    assert all(f"`{reason.name}`" in section for reason in measure.reasons)
    assert ">>> " in section
    assert "import" not in section
    assert ("by no more than the bound" in section) == (measure.bound is not None)


def test_the_example_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The configuration is accepted, and five thousand car loans read as they do there."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exporter.yml").write_text(block("yaml"), encoding="utf-8")
    pairs = pl.read_parquet(LOANS).filter((pl.col("period") == "reference") & (pl.col("chunk") == 0))
    rows = pairs.select(pl.exclude("pairs").repeat_by("pairs").explode())
    rows.select(y_pred="predicted", y_pred_proba="score", repaid="actual").write_parquet("validation.parquet")
    program, *arguments = block("sh").split()
    assert program == "prediction-exporter"
    assert main(arguments) == 0
    assert capsys.readouterr().out.replace(f"{tmp_path}/", "") == block("text")
