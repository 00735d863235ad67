"""The law of unfolding: records of several predictions count as the same predictions logged flat, bin by bin."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from counting import assert_equal
from typed_events import NOW, bounded
from unfolded import FORMS, Group, counted, flat_lines, groups, lines_of, of_log, texts_of


@pytest.mark.parametrize("form", FORMS)
def test_a_log_of_records_counts_as_the_flat_log(tmp_path: Path, form: str) -> None:
    """Profiles of every slice, version and segment, all counters, and the rows of entities are equal."""

    @bounded(8)
    @given(groups())
    def law(records: list[Group]) -> None:
        flat = of_log(tmp_path, flat_lines(records))
        assert flat.tally.events + flat.rejected.total() == sum(map(len, records))
        assert_equal(flat, of_log(tmp_path, lines_of(FORMS[form], records), rows=FORMS[form].settings))

    law()


def _jsonl(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _csv(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    pl.DataFrame(rows).write_csv(folder / "p.csv")


def _parquet(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    frame = pl.DataFrame(rows).with_columns(pl.col("ts").str.to_datetime(time_zone="UTC"))
    frame.with_columns(pl.col("predictions").cast(pl.Binary)).write_parquet(folder / "p.parquet")


@pytest.mark.parametrize("write", [_jsonl, _csv, _parquet], ids=["jsonl", "csv", "parquet"])
def test_files_of_records_count_as_the_flat_log(
    tmp_path: Path, write: Callable[[Path, Sequence[dict[str, Any]]], None]
) -> None:
    """Payloads that are texts, and bytes in Parquet, unfold in each format of files."""
    folder = tmp_path / "files"
    folder.mkdir()

    @bounded(6)
    @given(groups())
    def law(records: list[Group]) -> None:
        form = FORMS["text"]
        write(folder, [{"ts": group[0]["ts"].isoformat(), **texts_of(form, group)} for group in records])
        for file in folder.iterdir():
            os.utime(file, (NOW, NOW))  # a file that did not change since what any window holds is not read
        of_files = counted(tmp_path, {"files": {"path": str(folder), "settle": "0s"}, "rows": form.settings})
        assert_equal(of_log(tmp_path, flat_lines(records)), of_files)

    law()
