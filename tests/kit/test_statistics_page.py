"""The page of the statistics is what their declarations say."""

from __future__ import annotations

from pathlib import Path

import pytest

from prediction_exporter.kit.docs import STATISTICS_PAGE, statistics_markdown, statistics_page
from prediction_exporter.statistics import STATISTICS, Statistic

PAGE = Path(__file__).parents[2] / STATISTICS_PAGE


def test_the_committed_page_is_up_to_date() -> None:
    """Where this fails, a declaration or docstring changed and the page was not rendered anew."""
    page = PAGE.read_text(encoding="utf-8")
    assert statistics_page(page) == page


@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda statistic: statistic.key)
def test_every_statistic_has_a_section_with_its_series(statistic: Statistic) -> None:
    """Its key is the anchor, and all of its families are named."""
    section = statistics_markdown().split(f"\n### {statistic.key}\n")[1].split("\n### ")[0]
    assert all(f"`{family}`" in section for family in statistic.families)
    assert f"`{statistic.undefined}`" in section
    assert ">>> " in section


def test_a_page_without_its_markers_is_an_error() -> None:
    """Nothing is rendered into a page that has no place for it."""
    with pytest.raises(ValueError, match="lacks"):
        statistics_page("# Statistics\n")
