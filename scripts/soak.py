"""Try for long what the tests try for seconds: that each line of a log counts once. ``make soak`` runs it.

First the simulation of every rotation at each of the reader's system calls, then the real exporter under signals while its logs
rotate. What was tried goes into ``docs/proof.json``, from which ``make generate`` renders the table of docs/operations.md.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pool
from pathlib import Path

from proof import record
from soak import simulation
from soak.kills import Run
from soak.simulation import Schedule

PER_RUN = 25


def simulate(numbers: Iterable[int], jobs: int, what: str) -> tuple[int, int]:
    """Run schedules; return how many, and how many of them went wrong."""
    tried = wrong = 0
    shown = time.monotonic()
    with Pool(jobs) as pool:
        for number, faults in pool.imap_unordered(_outcome, numbers, chunksize=50):
            tried += 1
            if faults:
                wrong += 1
                print(f"WRONG {Schedule.of(number)}: {faults}", flush=True)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{what}: {tried} schedules, {wrong} wrong", flush=True)
    print(f"{what}: {tried} schedules, {wrong} wrong", flush=True)
    return tried, wrong


def _outcome(number: int) -> tuple[int, str]:
    return number, simulation.run(number).faults


def strike(seed: int, signals: int, jobs: int) -> tuple[Counter[str], int, int]:
    """Run exporters under so many signals in all; return what was sent, the lines that were written, and the faults."""
    rng = random.Random(seed)
    seeds = [rng.randrange(1 << 32) for _ in range(-(-signals // PER_RUN))]
    sent: Counter[str] = Counter()
    lines = wrong = 0
    with ThreadPoolExecutor(jobs) as pool:
        for at, (struck, written, faults) in enumerate(pool.map(_run, seeds, itertools.cycle([False, True]))):
            sent += struck
            lines += written
            wrong += bool(faults)
            print(f"signals: {sent.total()} of {signals}, {lines} lines, {wrong} runs wrong", flush=True)
            for fault in faults:
                print(f"WRONG run {at} with seed {seeds[at]}: {fault}", flush=True)
    return sent, lines, wrong


def _run(seed: int, small: bool) -> tuple[Counter[str], int, list[str]]:  # noqa: FBT001 - of a list
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    run = Run(folder, seed, small=small)
    faults = run.run(PER_RUN)
    if faults:
        faults = [*faults, f"see {folder}"]
    return run.signals, sum(writer.written().good for writer in run.writers.values()), faults


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--schedules", type=int, default=100_000, help="drawn from the seed, beside one rotation at each call")
    parser.add_argument("--signals", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=int, help="run a single schedule and show the reader's calls")
    parser.add_argument("--run", type=int, help="run the exporter with a single seed")
    options = parser.parse_args()
    if options.replay is not None:
        outcome = simulation.run(options.replay)
        print(Schedule.of(options.replay), *outcome.calls, outcome.faults or "exactly once", sep="\n")
        return 1 if outcome.faults else 0
    print(f"seed {options.seed}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
