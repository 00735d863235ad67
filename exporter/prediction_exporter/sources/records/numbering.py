"""Row numbers: which of the predictions of a record that share its id an event is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prediction_exporter.sources.fields.schema import Path, lookup
from prediction_exporter.sources.values import text_of


def row_numbers(events: Sequence[Mapping[str, Any]], id_at: Path | None) -> Sequence[int]:
    """Return which row of its record each event is, from 0; 0 for one whose id no other event of the record has.

    Args:
        events: all of one record, in their order.
        id_at: where their id stands; None where it is not known, so that it may be that of the record.

    >>> events = [{"id": "a"}, {"id": "a"}, {"id": "b"}]
    >>> row_numbers(events, ("id",)), list(row_numbers(events, None))
    ([0, 1, 0], [0, 1, 2])
    """
    rows = range(len(events))
    if id_at is None or len(events) <= 1:
        return rows
    ids = [lookup(event, id_at) for event in events]
    first = ids[0]
    if all(value is first for value in ids):  # that of the record
        return rows
    texts = [text_of(value) for value in ids]
    many = Counter(texts)
    return [row if many[text] > 1 else 0 for row, text in zip(rows, texts, strict=True)]
