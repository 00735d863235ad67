"""Labels: predictions put to wait, and labels joined with those that wait, in batches of 10,000, on one core.

``ROWS`` in the environment says how many wait, spread over 30 days as they would come. *Cold* is what the first batch of labels
after a start meets, with the file dropped from the cache of the system where it can be; *warm* what later ones meet. Counted is
the processor's time of the process, in user mode and in the kernel.

Memory is what waiting predictions take beside what each batch does, in a store of 10,000 already.

Aims: 200,000 puts a second, 20,000 joins a second at 10**7 waiting, 70 bytes each on disk, 32 MB of anonymous memory more at
10**7, and a day dropped in under 100 ms.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from prediction_exporter.allocator import GivingBack
from prediction_exporter.counting.state import FILE_NAME, State, Step, StoredModel
from prediction_exporter.labels import Labels, Predictions, Shape, Store

ROWS = int(float(os.environ.get("ROWS", "1e6")))
BATCH = 10_000
DAYS = 30
DAY = 86_400
BEGIN = 20_000 * DAY
MODEL = "bench"
SHAPE = Shape("class", scores=1, segments=1)
JOINS = 10


def anonymous() -> float:
    """Return the anonymous memory of this process, in MB."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found.group(1)) / 1000


def names(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.Series:
    """Return ids as services make them, of 20 characters."""
    return "request-" + pl.Series(numbers).cast(pl.String).str.zfill(12)


def predictions(rng: np.random.Generator, first: int, size: int) -> Predictions:
    """Return predictions, whose numbers tell their times."""
    scores = rng.random(size)
    times = BEGIN + np.arange(first, first + size) * (DAYS * DAY / ROWS)
    return Predictions(
        ids=names(np.arange(first, first + size)),
        times=(times * 1e6).astype(np.int64),
        versions=pl.Series(np.where(rng.random(size) < 0.9, "1", "2")),
        predicted=pl.Series(np.where(scores > 0.5, "yes", "no")),
        segments=(pl.Series(rng.choice(["north", "south", "east", "west"], size)),),
        scores=scores.reshape(-1, 1),
    )


def labels(rng: np.random.Generator, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Labels:
    """Return labels of predictions."""
    return Labels(ids=names(numbers), actual=pl.Series(np.where(rng.random(len(numbers)) > 0.5, "yes", "no")))


class Bench:
    """A store in a state file, and how long its steps take."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / FILE_NAME
        self.open()

    def open(self) -> None:
        """Open both."""
        self.state = State(self._folder, models=[MODEL])
        self._claim = self.state.claim(MODEL)
        self.store = Store(SHAPE, max_size=1 << 40)

    @contextmanager
    def step(self, seconds: list[float]) -> Iterator[Step]:
        """One committed step; note what it took, but not the making of its batch."""
        began = time.process_time()
        with self.state.step(MODEL, claim=self._claim) as step:
            yield step
            step.commit(StoredModel("s", None, {}), None, (), keep_from={})
        seconds.append(time.process_time() - began)


def fill(bench: Bench, rng: np.random.Generator) -> list[float]:
    """Put all predictions; return the seconds of each batch."""
    seconds: list[float] = []
    for first in range(0, ROWS, BATCH):
        batch = predictions(rng, first, min(BATCH, ROWS - first))
        with bench.step(seconds) as step:
            bench.store.put_predictions(step, batch, float(batch.times[-1] / 1e6))
    return seconds


def join(bench: Bench, rng: np.random.Generator, wanted: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[float]:
    """Put labels of these predictions; return the seconds of each batch."""
    seconds: list[float] = []
    for first in range(0, len(wanted), BATCH):
        batch = labels(rng, wanted[first : first + BATCH])
        with bench.step(seconds) as step:
            joined = bench.store.put_labels(step, batch, BEGIN + DAYS * DAY - 1.0)
        assert len(joined.added) == len(batch)
    return seconds


def drop_from_cache(path: Path) -> None:
    """Let the system forget what it has of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def rate(seconds: list[float]) -> str:
    """Return how many rows a second of the processor is worth, by the median of batches."""
    return f"{BATCH / statistics.median(seconds):12,.0f} /s"


def warm_up(folder: Path, rng: np.random.Generator) -> None:
    """Take the memory that any batch needs, however few predictions wait."""
    bench = Bench(folder)
    with bench.step([]) as step:
        bench.store.put_predictions(step, predictions(rng, 0, BATCH), BEGIN + 1.0)
    join(bench, rng, np.arange(BATCH))
    bench.state.close()


def main() -> None:
    """Print the figures."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        give_back = GivingBack()  # as the exporter does
        warm_up(Path(name) / "small", rng)
        before = anonymous()
        puts = fill(bench, rng)
        give_back()
        filled = anonymous() - before
        wanted = rng.choice(ROWS, (2 * JOINS + 1) * BATCH, replace=False)
        warm = join(bench, rng, wanted[: JOINS * BATCH])
        give_back()
        used = anonymous() - before
        bench.state.close()
        bytes_each = bench.file.stat().st_size / ROWS
        drop_from_cache(bench.file)
        began = time.process_time()
        bench.open()
        loading: list[float] = []
        with bench.step(loading) as step:
            bench.store.waiting(step)
        started = time.process_time() - began
        bench.state.close()
        bench.open()
        with bench.step([]) as step:
            bench.store.waiting(step)
        drop_from_cache(bench.file)
        cold = join(bench, rng, wanted[JOINS * BATCH : (JOINS + 1) * BATCH])
        later = join(bench, rng, wanted[(JOINS + 1) * BATCH :])
        days: list[float] = []
        for day in range(3):
            with bench.step(days) as step:
                bench.store.expire(step, BEGIN + (DAYS + 1 + day) * DAY)
        bench.state.close()
    print(f"labels: {ROWS:,} predictions in {DAYS} days, batches of {BATCH:,}, CPU of one core")
    print(f"  puts, all              {len(puts) * BATCH / sum(puts):12,.0f} /s   (aim: 200,000)")
    print(f"  puts, last tenth       {rate(puts[-len(puts) // 10 :])}")
    print(f"  joins, warm            {rate(warm)}   (aim: 20,000)")
    print(f"  joins, cold            {rate(cold)}")
    print(f"  joins, after a start   {rate(later)}")
    print(
        f"  on disk                {bytes_each:12.1f} bytes each, labels of {min(JOINS * BATCH, ROWS):,} included   (aim: 70)"
    )
    print(f"  anonymous memory       {filled:12.1f} MB more when filled, {used:.1f} MB after joins   (aim: 32 MB at 10**7)")
    print(f"  filters                {bench.store.nbytes / 1e6:12.1f} MB of it")
    print(f"  a start                {started:12.2f} s")
    print(f"  a day expired          {max(days) * 1000:12.1f} ms  (aim: 100 ms)")


if __name__ == "__main__":
    main()
