"""Every line is delivered exactly once, whatever happens to the files between two system calls of the reader."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from soak.marked import MARKS
from soak.simulation import NEVER, PLANS, SETTINGS, Schedule, draw, run

ROOT = Path(__file__).parents[2]
SEED = 20_261_128
SCHEDULES = 2_000


def test_rotation_at_any_system_call_loses_and_repeats_nothing() -> None:
    """Two rotations, or one in two parts, at any of the reader's calls, and its death at any: each line comes once."""
    numbers = list(islice(draw(SEED), SCHEDULES))
    with get_context("spawn").Pool(1) as pool:  # what a dead reader had open is closed behind its back
        outcomes = pool.map(run, numbers, chunksize=100)
    wrong = [f"{Schedule.of(number)}: {one.faults}" for number, one in zip(numbers, outcomes, strict=True) if one.faults]
    assert not wrong, "\n".join(wrong[:20])


def test_a_number_names_a_schedule() -> None:
    """A schedule is replayed by its number alone, call by call."""
    schedule = Schedule(plan=len(PLANS) - 1, setting=len(SETTINGS) - 1, first=17, second=123, death=NEVER)
    assert Schedule.of(schedule.number) == schedule
    assert run(schedule.number) == run(schedule.number)


def test_the_command_replays_a_number() -> None:
    """As docs/operations.md says."""
    command = [sys.executable, str(ROOT / "scripts/run_soak.py"), "--replay", str(Schedule(0, 0, 3, 5, 7).number)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    assert "renamed, cut behind step 0, at calls 3 and 5, dies at 7" in said
    assert said.endswith("each line came once\n")


#: What the system sees of each of Python's calls. What follows the first reads nothing that a writer may change.
MADE_OF = {
    "stat": ["status"],
    "lstat": ["status"],
    "fstat": ["status"],
    "open": ["openat", "status", "ioctl", "lseek", "status"],  # the last is of the simulation
    "pread": ["pread64"],
    "read": ["read", "read"],
    "scandir": ["openat", "status"],
    "getdents": ["getdents64", "status", "getdents64", "close"],  # `**` asks whether the link leads to a folder
}


def test_no_system_call_is_missed(tmp_path: Path) -> None:
    """Whatever the system sees of the reader in the log's folder is a call before which the writer may act."""
    with get_context("spawn").Pool(1) as pool:
        drawn = list(islice(draw(SEED), 300))
        linked = next(n for n, one in zip(drawn, pool.imap(run, drawn), strict=True) if "stat" in one.calls)  # for links alone
    numbers = [str(number) for number in (linked, *islice(draw(SEED), 8))]
    trace = tmp_path / "trace"
    command = ["strace", "-y", "-o", str(trace), "-e", "trace=%file,%desc", sys.executable, "-m", "soak.marked", str(tmp_path)]
    subprocess.run([*command, *numbers], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    allowed: list[str] | None = None
    seen = set()
    for line in trace.read_text(errors="replace").splitlines():
        if mark := re.search(rf'"{MARKS}/(\w+)"', line):
            name = mark[1]
            allowed = None if name == "others" else [] if name == "reader" else list(MADE_OF.get(name, [name]))
            seen.add(name)
        elif allowed is not None and re.search(rf"{tmp_path}/\d", line):
            call = re.sub(r"^(newfstatat|stat|lstat|fstat|statx)$", "status", line.partition("(")[0])
            while allowed and allowed[0] != call:
                allowed.pop(0)
            assert allowed, f"nobody acts before {line}"
            allowed.pop(0)
    assert seen > {"others", "reader", *MADE_OF}
