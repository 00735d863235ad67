"""The memory of a running exporter is bounded whatever the shape of what it reads, and it gets through under a limit."""

from __future__ import annotations

import json
import random
import re
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from prediction_exporter import baseline, config
from prediction_exporter.baseline.builder import build
from prediction_exporter.baseline.tables import read_table
from processes import Exporter

NUMERIC, CATEGORICAL, CATEGORIES = 30, 10, 12
DAY = 86_400.0
MIB = 1 << 20

CONFIG = """
state_dir: state
interval: 1s
windows: [1h, 24h]
series_limit: 1000000
owners: {{me: {{slack: "#me"}}}}
models:
  - name: m
    owner: me
    baseline: baseline.json
    segments: [{segments}]
    predictions: {{log: {{path: app.log, start: beginning}}}}
"""

#: Nothing is evaluated: hundreds of thousands of series would take longer than what is tested.
COUNTERS = ("--no-collector.statistics", "--no-collector.windows")


def features(chance: random.Random) -> dict[str, float | str]:
    """Return the features of an event."""
    values: dict[str, float | str] = {f"num_{n}": round(chance.lognormvariate(3, 1), 3) for n in range(NUMERIC)}
    return values | {f"cat_{n}": f"value {chance.randrange(CATEGORIES)}" for n in range(CATEGORICAL)}


def ordinary(rows: int) -> Iterator[str]:
    """Yield lines with all columns, spread over a day."""
    chance = random.Random(1)
    drawn = [json.dumps(features(chance))[1:] for _ in range(500)]
    now = time.time()
    for row in range(rows):
        yield f'{{"ts": {now - (DAY - 3600) * (1 - row / rows):.1f}, "id": {row}, {drawn[row % 500]}\n'


def short(rows: int, versions: int = 110_000) -> Iterator[str]:
    """Yield lines with the segments alone, spread over a day."""
    chance = random.Random(1)
    now = time.time()
    for row in range(rows):
        values = ", ".join(f'"cat_{n}": "value {chance.randrange(CATEGORIES)}"' for n in range(5))
        yield f'{{"ts": {now - (DAY - 3600) * (1 - row / rows):.1f}, "id": {row}, "version": "v{row % versions}", {values}}}\n'


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    """An exporter of a model of forty features, five of which are segments, and a log without lines."""
    chance = random.Random(2)
    pl.DataFrame([features(chance) for _ in range(2000)]).write_parquet(tmp_path / "training.parquet")
    fields = config.Fields.model_validate({})
    built = build(read_table(tmp_path / "training.parquet"), fields, kinds={}, task=None, where="models[0]")
    baseline.save(built.record, tmp_path / "baseline.json")
    (tmp_path / "exporter.yml").write_text(CONFIG.format(segments=", ".join(f"cat_{n}" for n in range(5))))
    (tmp_path / "app.log").touch()
    running = Exporter(tmp_path / "exporter.yml", arguments=COUNTERS)
    running.start()
    yield running
    assert running.stop() == 0


def of_process(exporter: Exporter, field: str) -> int:
    """Return a size of the process in bytes, as the system shows it."""
    assert exporter.process is not None
    status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    return int(re.findall(rf"^{field}:\s+(\d+)", status, re.MULTILINE)[0]) << 10


def give(exporter: Exporter, lines: Iterator[str], rows: int) -> None:
    """Write lines and wait until they are counted, each once."""
    with (exporter.config.parent / "app.log").open("a") as log:
        log.writelines(lines)
    exporter.wait_for(lambda: exporter.total("prediction_exporter_events_total") >= rows, "counted", seconds=60)
    assert exporter.total("prediction_exporter_events_total") == rows
    assert exporter.total("model_requests_total") == rows


@pytest.mark.parametrize(("lines", "rows"), [(ordinary, 10_000), (short, 110_000)])
def test_a_day_of_lines_in_five_segments_takes_bounded_memory(
    exporter: Exporter, lines: Callable[[int], Iterator[str]], rows: int
) -> None:
    """A dense profile for each minute, version and segment value of a chunk took 1.3 and 2.6 GiB."""
    give(exporter, lines(rows), rows)
    assert of_process(exporter, "VmHWM") < 400 * MIB


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
def test_a_limit_is_got_through_in_smaller_steps(exporter: Exporter) -> None:
    """With little room left, which a whole chunk does not find, each line counts once all the same."""
    assert exporter.process is not None
    limit = of_process(exporter, "VmData") + 160 * MIB  # a third of it for the windows
    resource.prlimit(exporter.process.pid, resource.RLIMIT_DATA, (limit, limit))
    give(exporter, short(110_000, versions=1), 110_000)
    assert of_process(exporter, "VmData") <= limit
