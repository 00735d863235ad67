"""Measure false alarms and delays, and render the tables of docs/alarms.md: ``make bench-alarms``.

What was done with the same rule is not done again, so it may be interrupted, and run in two processes with a part of the
worlds each (``--only``). ``--sets`` is a folder that ``sets.py`` filled, ``--others`` a Python with other tools.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import polars as pl

from alarms import entities, real, results, windows
from alarms.results import Line
from alarms.simulate import AFTER, BEFORE, DAYS, SLICES, batches, changed, quiet
from alarms.streams import Stream
from alarms.table import PAGE, page
from alarms.worlds import CHANGES, NONE, QUICK, WORLDS, Change, World

#: Worlds that every change is tried in; in the others it is half a standard deviation alone.
CHANGED = (
    "independent-50-10",
    "independent-500-10",
    "independent-5000-10",
    "sessions-3-500-10",
    "sessions-10-500-10",
    "daily-500",
)

#: Worlds that other rules are tried in.
COMPARED = ("independent-500-10", "sessions-3-50-10", "sessions-10-500-10", "daily-500", "weekly-500", "calendar-500")
OTHERS = ("sessions-10-500-10", "independent-500-10", "daily-500")

#: Days that other tools are given, without a change and with one: each takes them seconds.
OTHERS_DAYS, OTHERS_AFTER = 10, 3

HALF = "mean-0.5"


#: Kind of a line, its world, and its round.
Key = tuple[str, str, int]


@dataclass(frozen=True)
class Task:
    """Something to simulate.

    Attributes:
        keys: what its lines are of; it is done when there is a line of each.
        run: does it.
    """

    keys: tuple[Key, ...]
    run: Callable[[], Iterable[Line]]


def tasks(arguments: argparse.Namespace, done: Container[Key]) -> Iterator[Task]:
    """Yield what is to be done and is not, a month of every world first."""
    chosen = [world for world in WORLDS if not arguments.only or any(part in world.key for part in arguments.only)]
    if arguments.quick:
        chosen = [world for world in chosen if world.key in QUICK]
    by_key = {world.key: world for world in chosen}
    for number in range(1, arguments.rounds + 1):
        waiting = [world for world in chosen if ("change", world.key, number) not in done]
        yield from _months([world for world in waiting if not world.has_many_rows], number)
        for key in CHANGED:
            if key in by_key:
                yield Task((("changes", key, number),), partial(_changes, by_key[key], number))
        if number == 1 and not arguments.quick:
            yield from _once(by_key, arguments)
        yield from _months([world for world in waiting if world.has_many_rows], number)
    for case in () if arguments.quick else entities.CASES:
        if case.world in by_key:
            for number in range(1, entities.ROUNDS + 1):
                yield Task((("entities", case.key, number),), partial(entities.lines, case, number))


def _months(worlds: Sequence[World], number: int) -> Iterator[Task]:
    """Yield a month of worlds."""
    for some in batches(worlds):
        keys = tuple((kind, world.key, number) for kind in ("quiet", "change") for world in some)
        yield Task(keys, partial(_month, some, number))


def _once(by_key: Mapping[str, World], arguments: argparse.Namespace) -> Iterator[Task]:
    """Yield what is done in one round alone: other rules, and real sets."""
    for key in COMPARED:
        if key in by_key:
            yield Task((("windows", key, 1),), partial(_windows, by_key[key]))
    if arguments.others:
        for key in OTHERS:
            if key in by_key:
                yield Task((("others", key, 1),), partial(_others, by_key[key], arguments.others))
    if arguments.sets:
        for path in sorted(arguments.sets.glob("*.parquet")):
            yield Task((("real", path.stem, 1),), partial(real.lines, path))


def _month(worlds: Sequence[World], number: int) -> Iterator[Line]:
    streams = [Stream(world, number) for world in worlds]
    yield from quiet(streams, number)
    yield from changed(streams, number, (HALF,), replay=True)


def _changes(world: World, number: int) -> Iterator[Line]:
    stream = Stream(world, number + 1_000)
    for line in changed([stream], number, [change.key for change in CHANGES], replay=True):
        yield line | {"kind": "changes"}


def _windows(world: World) -> Iterator[Line]:
    """Yield what rules that compare windows say of a month without a change, and of half a standard deviation."""
    stream = Stream(world, 2_000)
    compared = windows.Compared([stream])
    [change] = [change for change in CHANGES if change.key == HALF]
    [still], [moved] = stream.live(DAYS), stream.live(BEFORE + AFTER, change, BEFORE)
    alarms, found = windows.run(compared, still), windows.run(compared, moved)
    for rule, onsets in alarms.items():
        hours = windows.delays(found[rule], world.columns, BEFORE * SLICES)
        yield {
            "kind": "windows",
            "rule": rule,
            "world": world.key,
            "round": 1,
            "months": DAYS / 30,
            "alarms": len(onsets),
            "hours": hours,
            "trials": world.columns - world.calendar,
        }


def _others(world: World, python: Path) -> Iterator[Line]:
    """Yield what other tools say of the days of a month without a change, and of half a standard deviation."""
    [change] = [change for change in CHANGES if change.key == HALF]
    said = [dict(_asked(world, python, days, of)) for days, of in ((OTHERS_DAYS, NONE), (OTHERS_AFTER, change))]
    for tool, still in said[0].items():
        moved = said[1][tool]
        begun = [now and not before for days in still["drifted"].values() for before, now in pairwise([False, *days])]
        found = [days.index(True) for days in moved["drifted"].values() if True in days]
        yield {
            "kind": "others",
            "rule": f"{tool} {still['version']}",
            "world": world.key,
            "round": 1,
            "months": OTHERS_DAYS / 30,
            "alarms": sum(begun),
            "hours": sorted(24.0 * (day + 1) for day in found),
            "trials": world.columns,
        }


def _asked(world: World, python: Path, days: int, change: Change) -> Iterator[tuple[str, Line]]:
    stream = Stream(world, 3_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, (length, of) in {"baseline": (world.days, NONE), "production": (days, change)}.items():
            time_of, values = stream.rows(length, of)
            rows = pl.DataFrame({"time": time_of, **{f"c{n}": column for n, column in enumerate(values)}})
            rows.write_parquet(folder / f"{part}.parquet")
        script = Path(__file__).with_name("others.py")
        asked = subprocess.run([python, script, folder], check=True, capture_output=True, text=True)
    for line in asked.stdout.splitlines():
        if line.startswith("{"):
            of_tool = json.loads(line)
            yield of_tool["tool"], of_tool


def main() -> None:
    """Do what is not done yet, and render what is there."""
    parser = argparse.ArgumentParser(prog="alarms", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few worlds, about a minute")
    parser.add_argument("--rounds", type=int, default=2, help="months of each world")
    parser.add_argument("--only", nargs="*", default=[], help="worlds whose names hold one of these")
    parser.add_argument("--results", type=Path, default=results.FILE, help="file of results")
    parser.add_argument("--sets", type=Path, help="folder of real sets, as sets.py writes it")
    parser.add_argument("--others", type=Path, help="a Python that has other tools installed")
    parser.add_argument("--render", action="store_true", help="render the tables alone")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 1
    engine = results.engine()
    found = results.lines(arguments.results)
    done = {(line["kind"], line["world"], line["round"]) for line in found if line["engine"] == engine}
    wanted = [] if arguments.render else list(tasks(arguments, done))
    open_tasks = [task for task in wanted if not set(task.keys) <= done]
    began = time.monotonic()
    for number, task in enumerate(open_tasks):
        _show(number, len(open_tasks), time.monotonic() - began, task)
        for line in task.run():
            results.write(arguments.results, {"round": 1, **line, "engine": engine})
    if open_tasks:
        _show(len(open_tasks), len(open_tasks), time.monotonic() - began, None)
        results.drop_replaced(arguments.results)
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), list(results.lines(arguments.results))), encoding="utf-8")


def _show(done: int, total: int, seconds: float, task: Task | None) -> None:
    """Show how far it is."""
    filled = round(30 * done / max(total, 1))
    names = ", ".join(sorted({key[1] for key in task.keys})) if task else ""
    text = f"[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {seconds / 60:.0f} min {names}"
    end = "\r" if sys.stderr.isatty() and task else "\n"
    print(f"{text[:150]:150}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
