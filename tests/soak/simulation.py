"""A log is rotated at each of the reader's own system calls, and the reader dies there; every line must come exactly once.

One number names what happens, so that a failure can be seen again:

    make soak ARGS="--replay 1204017042999"

It consists of the scenario and, three digits each, of the calls before which its two events happen and the reader dies.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from prediction_exporter.errors import SourceError
from prediction_exporter.sources.tail import Tail
from soak.calls import Calls, Killed
from soak.disk import Disk
from soak.rotations import ROTATIONS

NEVER = 999
CLOSE = 8  # races are won within few calls
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where files cost least
MAX_LINE = 200
CUTS = 12
WIDTHS = (5, 90)
BANNER = b"=== model server 1.2.3 starting, this line never changes ===\n" * 20
PATTERNS = ("app.log", "app*.log*", "**/app*.log*")

#: What a log has for its whole life, and never mixed with other rotations.
ALONE = {"only_copied", "replaced", "relinked", "reserved"}

#: First rotation, and in how many of its steps it is cut in two, or the second rotation.
PLANS: tuple[tuple[str, int | str], ...] = tuple(
    (first, second)
    for first in ROTATIONS
    for second in (*range(CUTS), *(name for name in ROTATIONS if name == first or not {name, first} & ALONE))
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the log and its reader are like.

    Attributes:
        pattern: what the reader follows.
        small: whether the reader takes a few lines at a time, or all.
        width: how long lines may be.
        banner: whether each file begins with the same lines.
        many: whether a new file is longer than the old one.
        beside: what lies beside the log: nothing, an ``old`` file, or another process's log, a ``twin``.
        known: whether the reader has read the log before.
    """

    pattern: str
    small: bool
    width: int
    banner: bool
    many: bool
    beside: str
    known: bool


SETTINGS = tuple(
    Setting(pattern, small, width, banner, many, beside, known)
    for pattern in PATTERNS
    for small in (True, False)
    for width in WIDTHS
    for banner in (False, True)
    for many in (False, True)
    for beside in (("", "old") if pattern == PATTERNS[0] else ("", "old", "twin"))
    for known in ((True, False) if pattern != PATTERNS[0] else (True,))
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens, and when: the numbers of calls before which the two events happen, and the reader dies."""

    plan: int
    setting: int
    first: int
    second: int
    death: int

    @property
    def number(self) -> int:
        """The one number that names it."""
        scenario = self.plan * len(SETTINGS) + self.setting
        return ((scenario * 1000 + self.first) * 1000 + self.second) * 1000 + self.death

    @classmethod
    def of(cls, number: int) -> Schedule:
        """Return what a number names."""
        rest, death = divmod(number, 1000)
        rest, second = divmod(rest, 1000)
        scenario, first = divmod(rest, 1000)
        return cls(*divmod(scenario, len(SETTINGS)), first, second, death)

    def __str__(self) -> str:
        first, second = PLANS[self.plan]
        what = f"{first}, then {second}" if isinstance(second, str) else f"{first}, cut behind step {second}"
        died = "" if self.death == NEVER else f", dies at {self.death}"
        return f"{self.number}: {what}, at calls {self.first} and {self.second}{died}; {SETTINGS[self.setting]}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a schedule ended.

    Attributes:
        faults: what is wrong; empty where nothing is.
        calls: the reader's calls while others might act.
    """

    faults: str
    calls: tuple[str, ...]


class Simulation:
    """One run of a schedule."""

    def __init__(self, folder: Path, schedule: Schedule) -> None:
        self.schedule = schedule
        self.setting = setting = SETTINGS[schedule.setting]
        self.folder = folder
        self.disk = Disk(
            folder,
            width=setting.width,
            banner=BANNER if setting.banner else b"",
            sees=self._sees,
        )
        self.calls: list[str] = []
        self.quiet = True
        self.errors: list[str] = []
        self.watched = Calls(folder, self._before, self.disk.inodes)
        self.events = self._events()
        self.stored: str | None = None
        self.tail = self._new()

    def _sees(self, path: Path) -> bool:
        """Return whether the reader is told of a file: by the pattern, or because rotation may have named it."""
        beside = path.parent == self.folder
        if self.setting.pattern == PATTERNS[0]:
            return beside and path.name.startswith(("app.log", "app-"))
        return fnmatch(path.name, PATTERNS[1]) and (beside or "**" in self.setting.pattern)

    def _new(self) -> Tail:
        tail = Tail(
            str(self.disk.folder / self.setting.pattern),
            start="beginning",
            max_line_bytes=MAX_LINE,
            chunk_bytes=300 if self.setting.small else 1 << 20,
            clock=lambda: self.disk.now,
        )
        tail.restore(self.stored)
        return tail

    def _events(self) -> list[Callable[[], None]]:
        first, second = PLANS[self.schedule.plan]
        lines = 60 if self.setting.many else 2
        steps = ROTATIONS[first](self.disk, lines)
        if isinstance(second, str):
            return [lambda: exhaust(steps), lambda: exhaust(ROTATIONS[second](self.disk, lines))]
        return [lambda: exhaust(steps, second), lambda: exhaust(steps)]

    def _before(self, name: str) -> None:
        if self.quiet:
            return
        at = len(self.calls)
        self.calls.append(name)
        for point, count in ((self.schedule.first, 2), (self.schedule.second, 1)):
            if at == point and len(self.events) == count:
                self.events.pop(0)()
        if at == self.schedule.death:
            raise Killed

    def run(self) -> Outcome:
        """Run it."""
        with self.watched:
            self._prepare()
            self.quiet = False
            for _ in range(2):
                self._read()
            self.quiet = True
            while self.events:
                self.events.pop(0)()
            self._settle()
        self.disk.close()
        return Outcome("; ".join([*self.errors, *self.disk.faults()]), tuple(self.calls))

    def _prepare(self) -> None:
        disk = self.disk
        if self.setting.beside == "twin":
            disk.write_beside(disk.name("appb.log"), 9)
        if self.setting.beside == "old":
            disk.write(9)
            exhaust(ROTATIONS["renamed"](disk, 0))
            if self.setting.pattern == PATTERNS[0]:  # what was rotated before the log was first seen is no part of it
                disk.forget()
            disk.now += 3600
        disk.write(12)
        if self.setting.known:
            self._read()
        disk.now += 10
        disk.write(12)
        if self.setting.beside == "twin":
            disk.write_beside(disk.name("appb.log"), 5)

    def _read(self) -> None:
        """Read all there is; a reader that dies is followed by another."""
        try:
            with self.watched.watching():
                self._consume()
        except Killed:
            self.restart()
            self._read()
        except SourceError as error:
            self.errors.append(f"raised: {error}")

    def _consume(self) -> None:
        for lines in self.tail.read():
            self.disk.seen.update(text for line in lines.data.split(b"\n") if (text := line.strip(b"\0 ")))
            self.stored = self.tail.position()
            self.watched.point("counting")
        self.stored = self.tail.position()

    def restart(self) -> None:
        """Lose all that the process knew, but for its position."""
        self.watched.close_all()
        self.disk.reader_died()
        self.tail = self._new()

    def _settle(self) -> None:
        """Let everything come to rest: some looks, one of them a new process's, and some more lines."""
        for turn in range(5):
            self._read()
            self.disk.now += 61
            if turn == 2:
                self.restart()
                self.disk.write(1)
        self.watched.close_all()


def exhaust(steps: Iterator[None], count: int = NEVER) -> None:
    """Go on by so many steps."""
    with suppress(StopIteration):
        for _ in range(count):
            next(steps)


def run(number: int) -> Outcome:
    """Run the schedule of a number."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        return Simulation(Path(folder), Schedule.of(number)).run()


@cache
def dry_run(setting: int) -> int:
    """Return how many calls a reader makes where nobody acts."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        simulation = Simulation(Path(folder), Schedule(0, setting, NEVER, NEVER, NEVER))
        simulation.events.clear()
        return len(simulation.run().calls)


def each_call() -> Iterator[int]:
    """Yield the numbers of every rotation before each single call."""
    for setting, what in enumerate(SETTINGS):
        if what.beside:
            continue
        for call in range(dry_run(setting)):
            for plan, (_, second) in enumerate(PLANS):
                if second == 0:
                    yield Schedule(plan, setting, call, call, NEVER).number


def draw(seed: int) -> Iterator[int]:
    """Yield numbers of schedules of two rotations, or of one in two parts, and perhaps a death; without end."""
    rng = random.Random(seed)
    while True:
        setting = rng.randrange(len(SETTINGS))
        calls = dry_run(setting)
        first = rng.randrange(calls)
        last = calls + calls // 2  # what happens makes more calls
        second = rng.randrange(first, rng.choice([last, first + CLOSE]))
        death = rng.choice([NEVER, NEVER, rng.randrange(last), rng.randrange(max(first - 1, 0), second + CLOSE)])
        yield Schedule(rng.randrange(len(PLANS)), setting, first, second, death).number
