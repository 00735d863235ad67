"""What was freed is given back to the system, with the allocator that most Linux systems have."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

#: Each thread fills some MiB with pieces that are no mapping of their own, and frees them all but for the last one.
PROGRAM = """
import re, threading
from pathlib import Path
from prediction_exporter.allocator import give_back, keep_few_heaps

def resident():
    return int(re.findall(r"^VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text(), re.M)[0]) >> 10

def heaps():
    lines = Path("/proc/self/maps").read_text().splitlines()
    starts = [int(line.split("-")[0], 16) for line in lines if re.search(r"rw-p 00000000 00:00 0 *$", line)]
    return sum(start % (64 << 20) == 0 for start in starts)

keep_few_heaps()
kept, barrier = [], threading.Barrier(6)

def work():
    pieces = [bytes(50_000) for _ in range(200)]
    barrier.wait()
    kept.append(pieces[-1])

threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
before = resident()
give_back()
after = resident()
give_back()
print(before, after, heaps())
"""


pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library")


def run(**setting: str) -> tuple[int, int, int]:
    """Run the program; return its MiB before and after memory was given back, and its heaps besides the first one."""
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"} | setting
    line = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True, env=environment)
    before, after, heaps = map(int, found.stdout.split())
    return before, after, heaps


def test_what_threads_freed_is_given_back() -> None:
    """Of the 60 MB that six threads had, most would be held behind the pieces that are left."""
    before, after, heaps = run()
    assert before - after > 30
    assert heaps <= 1


def test_an_operators_own_number_of_heaps_is_kept_to() -> None:
    """Where MALLOC_ARENA_MAX says so, each thread has its own."""
    assert run(MALLOC_ARENA_MAX="7")[2] > 1
