"""Waiting: the memory that requests take which wait for their responses, once they are in the state file.

What is measured is the anonymous memory of a process beside what it has with few halves waiting. The index has 17 bytes of
each. Its arrays are made anew at each commit, one after the other, and what came since the last one waits as it is.
Aim: at most 20 bytes a half, and 40 MB beside that, however many they are.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from labels import anonymous
from prediction_exporter.allocator import give_back
from prediction_exporter.counting.state import State, StoredModel
from prediction_exporter.counting.state_days import HALVES
from prediction_exporter.sources.base import Rejected
from prediction_exporter.sources.layouts.base import Half
from prediction_exporter.sources.records.waiting import WaitingHalves

COUNTS = (100_000, 1_000_000)

#: Halves that come together.
BLOCK = 2000

#: Aims: bytes for each half, and MB for those that came since the last commit, and what is read and written at a time.
PER_HALF, BESIDE = 20, 40


def main() -> None:
    """Print the memory of waiting halves."""
    print("waiting: anonymous memory of requests of 100 bytes that wait in the state file")
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as process:
            grown, most, stored = process.submit(_waiting, Path(folder), count).result()
        print(
            f"  {count:9,} halves   {grown:5.1f} MB ({grown * 1e6 / count:4.0f} bytes a half)   at most {most:5.1f} MB, "
            f"aim {PER_HALF * count / 1e6 + BESIDE:5.1f}   in the file {stored / count:5.1f} bytes a half"
        )


def _waiting(folder: Path, count: int) -> tuple[float, float, int]:
    """Return the MB that memory grew by, at the end and at most, and the bytes in the state file."""
    state = State(folder, models=["m"])
    halves = WaitingHalves(state.kept("m", HALVES), within=3600.0, most=1 << 32, clock=lambda: 1e9)
    claim = state.claim("m")
    _add(halves, range(BLOCK))
    _commit(state, halves, claim)
    before = most = anonymous()
    for begin in range(BLOCK, count, BLOCK):
        _add(halves, range(begin, begin + BLOCK))
        if halves.is_full:
            _commit(state, halves, claim)
        most = max(most, anonymous())
    _commit(state, halves, claim)
    most = max(most, anonymous())
    give_back()
    waiting = halves.waiting()
    state.close()
    if waiting.requests != count:
        raise AssertionError(f"{waiting.requests} of {count} halves wait")
    return anonymous() - before, most - before, waiting.size


def _add(halves: WaitingHalves, numbers: range) -> None:
    lines = [
        b'{"kind": "request", "id": "%012d", "amount": %f, "region": "north", "channel": "web"}' % (n, n / 7) for n in numbers
    ]
    halves.meet([Half(f"{number:012}", "request") for number in numbers], lines, Rejected())


def _commit(state: State, halves: WaitingHalves, claim: int) -> None:
    with state.step("m", claim=claim) as step:
        halves.put(step)
        step.commit(StoredModel("log", "1", {}), None, (), keep_from={})


if __name__ == "__main__":
    main()
