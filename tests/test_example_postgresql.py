"""The example with PostgreSQL: its page shows what it finds on a real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from databases import PASSWORDS, Server

EXAMPLE = Path(__file__).parents[1] / "examples" / "postgresql"

#: The payments of the last hour are those of a moment: their number, and so the figures, differ a little from run to run.
RELATIVE, ABSOLUTE = 0.1, 0.02


@pytest.fixture(scope="module")
def printed() -> str:
    """What the example prints."""
    server = Server("postgresql")
    try:
        database = server.new_database()
        place = f"127.0.0.1:{server.port}/{database.name}"
        command = [sys.executable, str(EXAMPLE / "example.py"), place, "owner", PASSWORDS["owner"]]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    finally:
        server.remove()


def figures(table: str) -> dict[str, list[str]]:
    """Return the figures of a Markdown table by column."""
    lines = [line.strip("| ").split("|") for line in table.strip().splitlines() if line.startswith("|")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines[2:]}


def test_page_shows_what_the_example_finds(printed: str) -> None:
    """Every figure on the page is the example's."""
    page = (EXAMPLE / "README.md").read_text()
    shown = figures(page.split("<!-- table:begin -->")[1].split("<!-- table:end -->")[0])
    found = figures(printed)
    assert shown.keys() == found.keys()
    for column, on_page in shown.items():
        assert [float(cell) for cell in found[column] if cell] == pytest.approx(
            [float(cell) for cell in on_page if cell], rel=RELATIVE, abs=ABSOLUTE
        ), column


def test_only_the_last_hour_of_amounts_drifted(printed: str) -> None:
    """What was changed shows, in the window that it fills, and nothing else does."""
    found = figures(printed)
    drifted = {
        (column, window)
        for column, cells in found.items()
        for window, (psi, threshold) in {"24h": cells[:2], "1h": cells[2:4]}.items()
        if float(psi) > float(threshold)
    }
    assert drifted == {("amount", "1h")}
    assert "in the windows now: 20,000 in 24h" in printed
