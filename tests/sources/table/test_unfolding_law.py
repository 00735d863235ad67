"""The law of unfolding in tables: rows of several predictions count as the same predictions in a flat log, bin by bin."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from counting import assert_equal
from databases import Database
from typed_events import TIME, time_bound
from unfolded import FORMS, LISTED, Group, bounded, counted, flat_lines, groups, of_log, texts_of


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_tables_of_records_count_as_the_flat_log(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """Payloads that are texts in columns unfold; their predictions have the time of their row."""
    database: Database = request.getfixturevalue(kind)
    form = FORMS["text"]
    columns = ["inputs", *(f"{name}s" for name in LISTED)]
    listed = ", ".join(f"{name} TEXT" for name in columns)
    database.execute(f"CREATE TABLE p (ts {TIME.get(kind, TIME[''])}, {listed})")

    @bounded(4)
    @given(groups())
    def law(records: list[Group]) -> None:
        database.execute("DELETE FROM p")
        # NUL is no character to PostgreSQL, and JSON has it escaped.
        database.insert("p", [{"ts": time_bound(kind, group[0]["ts"]), **texts_of(form, group)} for group in records])
        of_table = counted(tmp_path, {"table": {"url": database.url(), "name": "p"}, "rows": form.settings})
        assert_equal(of_log(tmp_path, flat_lines(records)), of_table)

    law()
