"""Memory: the peak of a model's monitor is the same for 10**5 and 10**7 events, and is bounded whatever their shape.

Aims: under 300 MiB and the same for both sizes; for each shape, what docs/limits.md says of its windows and 300 MiB besides.
"""

from __future__ import annotations

import logging
import multiprocessing
import random
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data import CATEGORIES, lines, prepare

from prediction_exporter import config
from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor

PART = 100_000
PARTS = 3  # a file that is its predecessor's predecessor, byte for byte and by its inode, which is used again, would be none
SIZES = (100_000, 10_000_000)
DAY = 86_400.0


@dataclass(frozen=True)
class Shape:
    """Lines that would take much memory.

    Attributes:
        name: what is special about them.
        aim: MiB.
        rows: how many there are.
        seconds: how far back their times are spread.
        short: whether they hold little; the others have 42 columns.
        segments: how many columns of 12 values are segments.
        versions: how many versions they name.
        windows: the configured ones.
        in_order: whether they are sorted by time.
    """

    name: str
    aim: int
    rows: int
    seconds: float
    short: bool = True
    segments: int = 0
    versions: int = 1
    windows: str = "[1h, 24h]"
    in_order: bool = True


SHAPES = (
    Shape("a day, five segments", 400, 10_000, DAY - 600, short=False, segments=5),
    Shape("a day, short lines, five segments", 400, 110_000, DAY - 600, segments=5),
    Shape("a day, short lines, many versions", 300, 110_000, DAY - 600, versions=110_000),
    Shape("31 days, late, two segments", 600, 110_000, 31 * DAY, segments=2, windows="[1m, 1h, 24h, 31d]", in_order=False),
    Shape("31 days in one window, many versions", 300, 110_000, 31 * DAY, versions=110_000, windows="[31d]", in_order=False),
)


def run(events: int, folder: Path, result: multiprocessing.Queue[tuple[float, int]]) -> None:
    """Read so many events and report the peak of this process."""
    logging.disable(logging.WARNING)  # each part begins with the lines of the one before, which is told
    loaded = prepare(folder)
    log = folder / "app.log"
    (folder / "parts").mkdir()
    for number in range(PARTS):
        apart(write_part, folder / f"parts/{number}", number)
    state = State(loaded.state_dir)
    monitor = ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=8)
    for number in range(events // PART):
        if log.exists():
            log.rename(folder / "app.log.1")
        shutil.copyfile(folder / f"parts/{number % PARTS}", log)
        monitor.read(until=lambda: False)
        monitor.evaluate()
    report = monitor.evaluate()
    result.put((peak(), report.source.events))
    monitor.close()
    state.close()


def run_shape(shape: Shape, folder: Path, result: multiprocessing.Queue[tuple[float, int]]) -> None:
    """Read the lines of a shape twice, once of them from the state, and report the peak of this process."""
    prepare(folder)
    path = folder / "exporter.yml"
    segments = ", ".join(f"cat_{index:02}" for index in range(shape.segments))
    settings = f"windows: {shape.windows}\nseries_limit: 5000000\n"
    path.write_text(f"{settings}{path.read_text().rstrip()}\n    segments: [{segments}]\n")
    loaded = config.load(path)
    apart(write_shape, folder / "app.log", shape)
    events = 0
    for _ in range(2):
        state = State(loaded.state_dir)
        monitor = ModelMonitor(loaded, loaded.models[0], place="models[0]", state=state, max_versions=8)
        monitor.read(until=lambda: False)
        source = monitor.evaluate().source
        events = source.events + sum(source.rejected.values())
        monitor.close()
        state.close()
    result.put((peak(), events))


def peak() -> float:
    """Return the most memory that this process had so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(function: Callable[..., None], *arguments: object) -> None:
    """Call a function in a process of its own: making events takes more memory than reading them."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()


def write_part(path: Path, seed: int) -> None:
    """Write a part of the log."""
    path.write_bytes(lines(PART, seed=seed, until=time.time(), seconds=3000))


def write_shape(path: Path, shape: Shape) -> None:
    """Write the lines of a shape."""
    now = time.time()
    if not shape.short:
        path.write_bytes(lines(shape.rows, seed=1, until=now, seconds=shape.seconds))
        return
    drawn = random.Random(1)
    ages = [shape.seconds * (1 - row / shape.rows) for row in range(shape.rows)]
    if not shape.in_order:
        drawn.shuffle(ages)
    with path.open("w") as file:
        for row, age in enumerate(ages):
            values = ",".join(f'"cat_{n:02}":"value_{n}_{drawn.randrange(CATEGORIES)}"' for n in range(max(shape.segments, 1)))
            file.write(f'{{"ts":{now - age:.1f},"model_version":"v{row % shape.versions}","features":{{{values}}}}}\n')


def measured(target: Callable[..., None], of: object, expected: int) -> float:
    """Return the peak of a process that reads a log."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        result: multiprocessing.Queue[tuple[float, int]] = context.Queue()
        process = context.Process(target=target, args=(of, Path(folder), result))
        process.start()
        most, counted = result.get()
        process.join()
    assert counted == expected, (counted, expected)
    return most


def main() -> None:
    """Print the peaks."""
    print("memory: peak of a monitor of 42 columns")
    for shape in SHAPES:
        print(f"  {shape.name:40} {measured(run_shape, shape, shape.rows):8.0f} MiB   (aim: under {shape.aim})", flush=True)
    peaks = []
    for events in SIZES:
        peaks.append(measured(run, events, events))
        print(f"  {events:12,} events {'':20} {peaks[-1]:8.0f} MiB   (aim: under 300)", flush=True)
    print(f"  ratio {'':34} {peaks[1] / peaks[0]:8.2f}       (aim: 1)")


if __name__ == "__main__":
    main()
