"""Try for long what the tests try for seconds: that each line of a log counts once. ``make soak`` runs it.

First the simulation of every rotation at each of the reader's system calls, then the real exporter under signals while its logs
rotate. What was tried goes into ``docs/proof.json``, from which the table of docs/operations.md is rendered.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

from proof import record

from soak import simulation
from soak.kills import Run
from soak.rotations import ROTATIONS
from soak.simulation import Schedule
from soak.writers import WAYS

SCHEDULES = 100_000
SIGNALS = 1_000
PER_RUN = 50  # signals; then everything comes to rest and is counted
WAYS_OF_RUN = 12
PROGRESS_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Simulated:
    """How many schedules were run, and how many of them went wrong."""

    tried: int
    wrong: int


@dataclass(frozen=True, slots=True)
class Struck:
    """What was sent to exporters, how many lines their logs had, and how many runs went wrong."""

    sent: Counter[str]
    lines: int
    wrong: int


def simulate(numbers: Iterable[int], jobs: int, what: str) -> Simulated:
    """Run schedules, and show those that go wrong."""
    tried = wrong = 0
    shown = time.monotonic()
    with Pool(jobs) as pool:
        for number, faults in pool.imap_unordered(_outcome, numbers, chunksize=50):
            tried += 1
            if faults:
                wrong += 1
                print(f"WRONG {Schedule.of(number)}: {faults}", flush=True)
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                print(f"{what}: {tried} schedules, {wrong} wrong", flush=True)
    print(f"{what}: {tried} schedules, {wrong} wrong", flush=True)
    return Simulated(tried, wrong)


def _outcome(number: int) -> tuple[int, str]:
    return number, simulation.run(number).faults


def strike(seed: int, signals: int, jobs: int) -> Struck:
    """Run exporters under so many signals in all, half of them reading a few lines at a time, and show what goes wrong."""
    rng = random.Random(seed)  # noqa: S311 - it must repeat
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
    return Struck(sent, lines, wrong)


def _run(seed: int, small: bool) -> tuple[Counter[str], int, list[str]]:  # noqa: FBT001 - of a list
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    ways = random.Random(seed).sample(list(WAYS), WAYS_OF_RUN)  # noqa: S311 - it must repeat
    run = Run(folder, seed, small=small, ways=ways)
    try:
        faults = run.run(PER_RUN)
    except Exception as error:  # noqa: BLE001 - other runs go on
        faults = [repr(error)]
    if faults:
        faults = [*faults, f"see {folder}"]
    else:
        shutil.rmtree(folder)
    return run.signals, sum(writer.written().requests for writer in run.writers.values()), faults


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Tries for long that each line of a log counts once.")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="of all that is random")
    parser.add_argument("--schedules", type=int, default=SCHEDULES, help="of two events, drawn from the seed; %(default)s")
    parser.add_argument("--signals", type=int, default=SIGNALS, help="to the real exporter; %(default)s")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes; %(default)s here")
    parser.add_argument("--replay", type=int, metavar="NUMBER", help="run a single schedule, and show the reader's calls")
    parser.add_argument("--run", type=int, metavar="SEED", help="run the exporter under signals once, with the seed of a run")
    parser.add_argument("--small", action="store_true", help="with --run: the exporter reads a few lines at a time")
    options = parser.parse_args()
    if options.replay is not None:
        outcome = simulation.run(options.replay)
        print(Schedule.of(options.replay), " ".join(outcome.calls), outcome.faults or "each line came once", sep="\n")
        return 1 if outcome.faults else 0
    if options.run is not None:
        _, lines, faults = _run(options.run, options.small)
        print(*faults, f"{lines} lines", sep="\n")
        return 1 if faults else 0
    print(f"seed {options.seed}", flush=True)
    return 1 if soak(options.seed, options.schedules, options.signals, options.jobs) else 0


def soak(seed: int, schedules: int, signals: int, jobs: int) -> int:
    """Try everything, keep what came of it, and return how much went wrong."""
    wrong = 0
    if schedules:
        one = simulate(simulation.each_call(), jobs, "one rotation")
        two = simulate(itertools.islice(simulation.draw(seed), schedules), jobs, "two rotations")
        what = f"simulation: each of {len(ROTATIONS)} rotations before each single system call of the reader"
        record("log-1", what=what, times=one.tried, unit="schedules", wrong=one.wrong, seed=None)
        what = "simulation: two rotations or one in two parts, before any two calls; in half of them the reader dies at a third"
        record("log-2", what=what, times=two.tried, unit="schedules", wrong=two.wrong, seed=seed)
        wrong += one.wrong + two.wrong
    if signals:
        struck = strike(seed, signals, jobs)
        sent = ", ".join(f"{count:,} {name}" for name, count in struck.sent.most_common())
        logs = f"{WAYS_OF_RUN} of {len(WAYS)} logs at a time, each rotated in another way, {struck.lines:,} lines"
        what = f"the exporter under signals ({sent}), reading {logs}"
        record("log-3", what=what, times=struck.sent.total(), unit="signals", wrong=struck.wrong, seed=seed)
        wrong += struck.wrong
    return wrong


if __name__ == "__main__":
    sys.exit(main())
