"""Counters of several processes that never go backwards: what the dead have spent stays, and nothing counts twice.

``/proc`` tells what a process has spent since its start, and what those of its children have that it has waited for. So a
worker that ends and is waited for is in its parent's figure from then on: of what that grew by, what was counted of the worker
while it lived is taken off. What a worker spent after the last look is in the rest, and all of one that no look has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from prediction_exporter.process.proc import Identity, Stat

CPU, READ, WRITTEN, RECEIVED, SENT, RESTARTS = "cpu", "read", "written", "received", "sent", "restarts"
PERIODS, THROTTLED_PERIODS, THROTTLED = "periods", "throttled_periods", "throttled"


@dataclass(slots=True)
class Seen:
    """What was last seen of a process: its figures are those of :class:`Stat`, ``read`` and ``written`` None where denied."""

    parent: str | None
    cpu: float
    reaped_cpu: float
    faults: int
    reaped_faults: int
    read: int | None
    written: int | None

    @property
    def whole_cpu(self) -> float:
        """CPU seconds, with those of the children that it has waited for."""
        return self.cpu + self.reaped_cpu


@dataclass(slots=True)
class Totals:
    """Counters, and what they were counted from; all of it can be kept over a restart of the exporter.

    Attributes:
        boot: which boot of the machine the processes are of.
        since: when the counters began, as Unix time; None before anything was seen.
        looked: when was last looked, in ticks after the boot.
        counts: the counters.
        seen: processes by number and start.
        values: what else is counted, by its key: a cgroup or a network namespace.
        mains: the processes that were the server when it was last there.
    """

    boot: str = ""
    since: float | None = None
    looked: int = 0
    counts: dict[str, float] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)
    mains: list[str] = field(default_factory=list)

    def look(
        self,
        found: Collection[Stat],
        io: Mapping[int, tuple[int, int]],
        alive: Callable[[Identity], bool],
        parents: Mapping[int, Identity],
        *,
        children: bool,
        ticks: int,
    ) -> None:
        """Count what processes have spent since the last look.

        Args:
            found: the server's processes.
            io: bytes read and written, by process; without those that deny it.
            alive: whether a process is there, found or not.
            parents: who the parent of each is.
            children: whether children belong to the server, also those that no look has seen.
            ticks: now, after the boot.
        """
        first = not self.looked
        now = {key_of(stat.identity): stat for stat in found}
        heirs = self._heirs(now, alive)
        for key, stat in now.items():
            before = self.seen.get(key)
            dead = [self.seen[each] for each in heirs.pop(key, ())]
            # One that was there before, and belongs to the server only now, begins to count now.
            whole = first or stat.identity.started >= self.looked
            self._grow(CPU, _cpu_growth(stat, before, dead, whole=whole, children=children))
            read = written = None
            if stat.pid in io:
                read, written = io[stat.pid]
                # What was waited for shows in its page faults too, of which every process has some.
                waited = before is not None and stat.reaped_faults - before.reaped_faults >= sum(
                    each.faults + each.reaped_faults for each in dead
                )
                counted = dead if waited and children else []
                for name, value in ((READ, read), (WRITTEN, written)):
                    past = None if before is None else getattr(before, name)
                    base = past if past is not None else 0 if whole and before is None else value
                    self._grow(name, value - base - sum(getattr(each, name) or 0 for each in counted))
            elif before is not None:
                read, written = before.read, before.written
            parent = parents.get(stat.parent)
            self.seen[key] = Seen(
                parent=None if parent is None else key_of(parent),
                cpu=stat.cpu,
                reaped_cpu=stat.reaped_cpu,
                faults=stat.faults,
                reaped_faults=stat.reaped_faults,
                read=read,
                written=written,
            )
        waiting = {each for keys in heirs.values() for each in keys}
        self.seen = {key: seen for key, seen in self.seen.items() if key in now or key in waiting or alive(identity_of(key))}
        self.looked = max(ticks, 1)

    def _heirs(self, now: Collection[str], alive: Callable[[Identity], bool]) -> dict[str, list[str]]:
        """Return the dead by who may have waited for them: the nearest ancestor that is still there."""
        dead = {key for key in self.seen if key not in now and not alive(identity_of(key))}
        heirs: dict[str, list[str]] = {}
        for key in dead:
            heir = self.seen[key].parent
            while heir is not None and heir in dead:
                heir = self.seen[heir].parent
            if heir is not None and heir in self.seen:
                heirs.setdefault(heir, []).append(key)
        return heirs

    def value(self, name: str, key: str, value: float) -> None:
        """Count what a counter of the system grew by, or all of it where it is seen for the first time or began anew."""
        place = f"{name} {key}"
        before = self.values.get(place, 0.0)
        self._grow(name, value - before if value >= before else value)
        self.values[place] = value

    def forget(self, name: str, keys: Collection[str]) -> None:
        """Drop what was counted from of those that are not among the keys."""
        kept = {f"{name} {key}" for key in keys}
        self.values = {place: v for place, v in self.values.items() if place in kept or place.partition(" ")[0] != name}

    def mains_are(self, mains: Collection[str]) -> None:
        """Say which processes are the server, before they are looked at.

        Where none of the former is among them, and one is new, it was restarted. Workers that outlive it are no new server.
        """
        if self.mains and not set(self.mains) & set(mains):
            if all(main in self.seen for main in mains):
                return
            self._grow(RESTARTS, 1)
        self.mains = list(mains)

    def parts_are(self, parts: Collection[str]) -> None:
        """Say which containers the server is made of: as many as there were at a time belong to it, and more were restarts."""
        new = set(parts) - set(self.mains)
        ever, most = self.values.get("parts ever", 0.0) + len(new), max(self.values.get("parts most", 0.0), len(parts))
        self.values |= {"parts ever": ever, "parts most": most}
        self._grow(RESTARTS, ever - most - self.of(RESTARTS))
        self.mains = list(parts)

    def of(self, name: str) -> float:
        """Return a counter."""
        return self.counts.get(name, 0.0)

    def _grow(self, name: str, by: float) -> None:
        self.counts[name] = self.counts.get(name, 0.0) + max(by, 0.0)

    def rebooted(self, boot: str) -> None:
        """Forget processes of another boot: their numbers and ticks begin anew."""
        if boot != self.boot:
            if self.looked:
                self.looked = 1
            self.seen, self.values, self.boot = {}, {}, boot

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Any) -> Totals:
        """Return what was kept.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        seen = {key: Seen(**values) for key, values in content["seen"].items()}
        for key in seen:
            identity_of(key)
        numbers = {name: float(value) for name, value in content["counts"].items()}
        values = {name: float(value) for name, value in content["values"].items()}
        mains = [str(main) for main in content["mains"]]
        since = None if content["since"] is None else float(content["since"])
        return cls(str(content["boot"]), since, int(content["looked"]), numbers, seen, values, mains)


def key_of(identity: Identity) -> str:
    """Return a process as a text.

    >>> identity_of(key_of(Identity(7, 4242)))
    Identity(pid=7, started=4242)
    """
    return f"{identity.pid}@{identity.started}"


def identity_of(key: str) -> Identity:
    """Return the process of a text."""
    pid, _, started = key.partition("@")
    return Identity(int(pid), int(started))


def _cpu_growth(stat: Stat, before: Seen | None, dead: Collection[Seen], *, whole: bool, children: bool) -> float:
    if before is None:
        return (stat.cpu + (stat.reaped_cpu if children else 0.0)) if whole else 0.0
    reaped = stat.reaped_cpu - before.reaped_cpu - sum(each.whole_cpu for each in dead)
    return max(stat.cpu - before.cpu, 0.0) + (max(reaped, 0.0) if children else 0.0)
