"""The example of files: its page shows what the exporter really finds in them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from processes import Exporter

EXAMPLE = Path(__file__).parents[1] / "examples" / "parquet-folder"

#: The predictions of the last hour are those of a moment.
RELATIVE, ABSOLUTE = 0.1, 0.02

#: 23 hours, 3 regions, 2000 customers.
PREDICTIONS = 138_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the job has written to, with the example beside it."""
    place = tmp_path_factory.mktemp("churn")
    command = [sys.executable, str(EXAMPLE / "job.py"), str(place)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed == f"{PREDICTIONS:,} predictions\n"
    for name in ("exporter.yml", "baseline.json"):
        shutil.copy(EXAMPLE / name, place)
    return place


@pytest.fixture(scope="module")
def found(folder: Path) -> Iterator[dict[tuple[str, ...], float]]:
    """What is exposed once all is read: of the last hour by name, segment and column."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXAMPLE_DIR", str(folder))
        exporter = Exporter(folder / "exporter.yml")
        exporter.start()
        try:
            exporter.wait_for(lambda: samples(exporter).get(("prediction_exporter_events_total",)) == PREDICTIONS, "all read")
            yield samples(exporter)
        finally:
            exporter.stop()


def samples(exporter: Exporter) -> dict[tuple[str, ...], float]:
    """Return what an exporter exposes."""
    text = requests.get(f"{exporter.url}/metrics", timeout=5).text
    kept: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("window", "1h") == "1h":
                names = (sample.labels[name] for name in ("segment", "column") if name in sample.labels)
                kept[sample.name, *names] = sample.value
    return kept


def test_page_shows_what_the_exporter_finds(found: dict[tuple[str, ...], float]) -> None:
    """Every figure on the page is exposed, and what the page leaves empty is not."""
    page = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    table = page.split("<!-- table:begin -->")[1].split("<!-- table:end -->")[0].strip().splitlines()
    keys = [f"model_column_{cell.strip().replace(' ', '_')}" for cell in table[0].strip("|").split("|")[2:]]
    for line in table[2:]:
        segment, column, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        for key, cell in zip(keys, cells, strict=True):
            value = found.get((key, segment, column))
            assert (value is None) == (cell == ""), (key, segment, column)
            if value is not None:
                assert float(cell) == pytest.approx(value, rel=RELATIVE, abs=ABSOLUTE), (key, segment, column)


def test_only_what_broke_drifted(found: dict[tuple[str, ...], float]) -> None:
    """The fee of the south, and with it that of all; other regions and columns are as they were, and so is the source."""
    drifted = {key[1:] for key, value in found.items() if key[0] == "model_column_psi" and value > 0.2}
    columns = {column for segment, column in drifted if segment == "region=south"}
    assert ("region=south", "monthly_fee") in drifted
    assert {segment for segment, _ in drifted} <= {"all", "region=south"}
    assert columns <= {"monthly_fee", "region"}
    assert found["prediction_exporter_source_up",] == 1
    assert found["prediction_exporter_source_unread_bytes",] == 0


def test_baseline_is_that_of_the_training_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same data gives the same file."""
    monkeypatch.setenv("EXAMPLE_DIR", str(folder))
    model = config.load(EXAMPLE / "exporter.yml").models[0]
    result = build(read_table(folder / "training.parquet"), model.predictions.fields, kinds={}, task=None, where="models[0]")
    assert not baseline.save(result.record, folder / "baseline.json")
