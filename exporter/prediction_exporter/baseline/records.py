"""Data for a baseline that are records of several predictions, as the model's source has them: made flat first."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import polars as pl

from prediction_exporter.baseline.tables import CHUNK, Table, read_table
from prediction_exporter.config import Predictions
from prediction_exporter.errors import BaselineError, ConfigError
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.json_reader import parse_lines
from prediction_exporter.sources.records.frames import lines_of
from prediction_exporter.sources.records.unfolding import Unfolding

#: Lines and rows that tell whether data are records.
_SAMPLE = 200

#: Rows of a frame that are made lines at a time.
_ROWS = 10_000

_LINES = {".jsonl", ".ndjson", ".json"}


@contextmanager
def open_data(path: Path, predictions: Predictions, *, where: str, whole: Sequence[str] = ()) -> Iterator[Table]:
    """Give the table of a file of data; where its rows are records, of what these unfold to.

    Args:
        path: Parquet, CSV or JSON lines; flat rows, or records as ``predictions.rows`` or ``layout`` says.
        predictions: how the model's predictions are read.
        where: their place in the configuration, for messages.
        whole: columns whose lists are values, and not columns of their items.

    Raises:
        BaselineError: the file cannot be read.
        ConfigError: the names of features are those of the baseline, which is not there yet.
    """
    if not predictions.unfolds or not path.is_file():
        yield read_table(path, predictions.null_values, whole=whole)
        return
    sampling = Unfolding(predictions, None, None, clock=lambda: 0.0, numbered=False)
    try:
        is_flat = not _unfolds(next(_pieces(path, predictions.null_values, most=_SAMPLE), b""), sampling)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        is_flat = True  # what is wrong with it is told where it is read
    if is_flat:
        yield read_table(path, predictions.null_values, whole=whole)
        return
    if predictions.rows is not None and predictions.rows.names == "baseline":
        raise ConfigError(
            f"{where}.rows.names: are those of the baseline, which is being built of {path}; write the names, or give data "
            f"whose rows are single predictions with named columns"
        )
    refused = Rejected()
    unfolding = Unfolding(predictions, None, None, clock=lambda: 0.0, numbered=False)
    with tempfile.TemporaryDirectory() as folder:
        flat = Path(folder) / "flat.jsonl"
        with flat.open("wb") as file:
            for piece in _pieces(path, predictions.null_values):
                for part in unfolding.pieces(piece, refused):
                    file.write(part.data)
        if not flat.stat().st_size:
            reason, example = next(iter(refused.examples.items()), ("", ""))
            told = f"; refused as {reason}: {predictions.example(example)}" if reason else ""
            raise BaselineError(f"{path}: its records hold no prediction{told}")
        table = read_table(flat, whole=whole)
        table.name = str(path)
        table.refused.merge(refused)
        yield table


def _unfolds(sample: bytes, unfolding: Unfolding) -> bool:
    """Return whether some record of a sample is something else than one prediction as it stands."""
    for line in sample.split(b"\n"):
        records = list(parse_lines([line], Rejected()))
        events = list(parse_lines(unfolding.unfold(line, rejected := Rejected()).data.split(b"\n"), Rejected()))
        if (events and events != records) or rejected.counts.keys() - {"malformed", "encoding"}:
            return True
    return False


def _pieces(path: Path, null_values: Sequence[str], most: int | None = None) -> Iterator[bytes]:
    """Yield the lines or rows of a file as lines of JSON, some of them at a time."""
    if path.suffix.lower() in _LINES:
        with path.open("rb") as file:
            if most is not None:
                yield b"".join(islice(file, most))
                return
            while lines := file.readlines(CHUNK):
                yield b"".join(lines)
        return
    if path.suffix.lower() == ".csv":
        frame = pl.scan_csv(path, infer_schema=False, glob=False, null_values=list(null_values))
    else:
        frame = pl.scan_parquet(path, glob=False)
    total = int(frame.select(pl.len()).collect().item()) if most is None else most
    for at in range(0, total, _ROWS):
        yield lines_of(frame.slice(at, min(_ROWS, total - at)).collect())
