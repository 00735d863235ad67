"""What is parsed in small pieces counts as what is parsed at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction_exporter import memory
from prediction_exporter.memory import Room
from prediction_exporter.sources import sizes
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.files import readers
from prediction_exporter.sources.json_reader import JsonReader
from prediction_exporter.sources.log import LogSource
from prediction_exporter.sources.sizes import end_of_lines, line_pieces, rows_at_a_time
from prediction_files import ENDINGS, LAYOUT, NOW, Clock, drain, events, predictions_of, source, write
from source_law import assert_same


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a few dozen rows, as where no memory is left."""
    monkeypatch.setattr(memory, "LEAST_PART", 1 << 10)
    monkeypatch.setattr(sizes, "ROOM", Room(lambda: 0))
    monkeypatch.setattr(readers, "LEAST_ROWS", 64)


@given(st.lists(st.sampled_from([b"", b"{}", b'{"a": 1}', b"long" * 9])), st.sampled_from([b"", b"\n"]), st.integers(1, 5))
def test_pieces_are_whole_lines_and_all_of_them(lines: list[bytes], end: bytes, most: int) -> None:
    """No more of them than told, and only the last piece is called so."""
    data = b"\n".join(lines) + (end if lines else b"")
    pieces = list(line_pieces(data, most))
    assert b"".join(piece for piece, _ in pieces) == data
    assert [is_last for _, is_last in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(piece.endswith(b"\n") for piece, is_last in pieces if not is_last)
    # A line takes three bytes unless it is blank, and blank ones are not parsed.
    assert all(piece.count(b"\n") <= most or len(data) <= 3 * most for piece, _ in pieces)
    assert end_of_lines(data, most) == len(pieces[0][0])


def test_many_columns_make_few_rows() -> None:
    """And there is always one."""
    assert rows_at_a_time(1) == 1000 * rows_at_a_time(1000) + rows_at_a_time(1) % 1000
    assert rows_at_a_time(1 << 40) == 1


@pytest.mark.usefixtures("no_room")
@pytest.mark.parametrize("ending", ENDINGS)
def test_files_in_small_pieces_count_the_same(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a record has several lines."""
    write(tmp_path / f"data/a.{ending}", events(1000))
    small = drain(source(tmp_path / "data", Clock()))
    monkeypatch.undo()
    assert_same(small, drain(source(tmp_path / "data", Clock())))


@pytest.mark.usefixtures("no_room")
def test_a_log_in_small_pieces_counts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk's position is behind its last piece alone."""
    lines = [json.dumps(event) if number % 50 else "no event" for number, event in enumerate(events(1000))]
    (tmp_path / "app.log").write_text("\n".join(lines) + "\n")
    configured = predictions_of({"log": {"path": str(tmp_path / "app.log"), "start": "beginning"}}, tmp_path)

    def reader() -> LogSource:
        return LogSource(configured, LAYOUT, where="models[0]", clock=lambda: NOW)

    batches = list(reader().poll())
    assert len(batches) > 10
    assert [batch.is_last for batch in batches] == [False] * (len(batches) - 1) + [True]
    small = drain(reader())
    monkeypatch.undo()
    assert small.rejected["malformed"] == 20
    assert_same(small, drain(reader()))


def test_of_a_line_that_is_read_by_itself_only_what_is_needed_is_kept() -> None:
    """What else stands in it may take twenty times the memory of its text."""
    reader = JsonReader([("a",), ("o", "x")], [])
    _, parsed = reader.read(b'{"a": "text", "o": {"x": {}}, "junk": [[], [], []]}\n', Rejected())
    assert parsed == [{"a": "text", "o": {"x": {}}}]
