"""Memory: the peak of a whole monitor that reads its log from the beginning, for 10**5 and for 10**7 events.

The log is rotated as it would be, so that the larger run needs no more disk than a part of it.
Aim: under 300 MiB, and the same.
"""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from data import lines, prepare

from prediction_exporter.counting.state import State
from prediction_exporter.monitor.model_monitor import ModelMonitor

PART = 100_000
SIZES = (100_000, 10_000_000)


def run(events: int, folder: Path, result: multiprocessing.Queue[tuple[float, int]]) -> None:
    """Read so many events and report the peak of this process."""
    config = prepare(folder)
    log = folder / "app.log"
    (folder / "parts").mkdir()
    made = multiprocessing.get_context("spawn").Process(target=write_part, args=(folder / "parts/part",))
    made.start()
    made.join()
    state = State(config.state_dir)
    monitor = ModelMonitor(config, config.models[0], place="models[0]", state=state, max_versions=8)
    for number in range(events // PART):
        if log.exists():
            log.rename(folder / "app.log.1")
        with log.open("wb") as file:
            # A first line of its own, as the files of a real log have: equal beginnings are taken for the same file.
            file.write(b'{"part": %d, "padding": "%s"}\n' % (number, b"." * 1200))
            with (folder / "parts/part").open("rb") as source:
                while piece := source.read(1 << 20):
                    file.write(piece)
        monitor.read(until=lambda: False)
        monitor.evaluate()
    report = monitor.evaluate()
    result.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, report.source.events))
    monitor.close()
    state.close()


def write_part(path: Path) -> None:
    """Write a part of the log, in a process of its own: making the events takes more memory than reading them."""
    path.write_bytes(lines(PART, seed=1, until=time.time(), seconds=3000))


def main() -> None:
    """Print both peaks and their ratio."""
    context = multiprocessing.get_context("spawn")
    peaks = []
    print("memory: peak of a monitor of 42 columns and 2 windows")
    for events in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            result: multiprocessing.Queue[tuple[float, int]] = context.Queue()
            process = context.Process(target=run, args=(events, Path(folder), result))
            process.start()
            peak, counted = result.get()
            process.join()
        assert counted == events, (counted, events)
        peaks.append(peak)
        print(f"  {events:12,} events   {peak:8.0f} MiB   (aim: under 300)")
    print(f"  ratio                 {peaks[1] / peaks[0]:8.2f}       (aim: 1)")


if __name__ == "__main__":
    main()
