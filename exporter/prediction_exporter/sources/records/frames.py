"""Frames of records to lines, so that they unfold as those of a log do."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator

import polars as pl


class _Everything(Collection[str]):
    """All names: of records that are unfolded, each column may hold a part."""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


EVERYTHING: Collection[str] = _Everything()


def lines_of(frame: pl.DataFrame) -> bytes:
    """Return a JSON object for each row; bytes are the text that they are in UTF-8, and nothing where they are none."""
    texts = [column.cast(pl.String, strict=False) for column in frame if column.dtype == pl.Binary]
    buffer = io.BytesIO()
    frame.with_columns(texts).write_ndjson(buffer)
    return buffer.getvalue()
