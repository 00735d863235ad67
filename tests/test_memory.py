"""Steps are as large as the memory that is left allows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prediction_exporter import memory
from prediction_exporter.memory import CALM_SECONDS, LEAST_PART, SHARE, Room, groups, left

MIB = 1 << 20


class Machine:
    """What is left, and the time."""

    def __init__(self, free: int | None) -> None:
        self.free = free
        self.now = 1000.0
        self.room = Room(lambda: self.free, lambda: self.now)

    def step(self, largest: int) -> int:
        """Return a step some time later."""
        self.now += 1
        return self.room.step(largest)


def test_steps_are_a_share_of_what_is_left() -> None:
    """As large as wanted without a limit, never larger than the share, and never so small that nothing moves."""
    machine = Machine(None)
    assert machine.step(8 * MIB) == 8 * MIB
    for free, expected in (
        (SHARE * 8 * MIB, 8 * MIB),
        (SHARE * MIB, MIB),
        (0, 8 * MIB // LEAST_PART),
        (-MIB, 8 * MIB // LEAST_PART),
    ):
        machine.free = free
        assert machine.step(8 * MIB) == expected
    assert machine.step(3) == 1


def test_steps_that_found_no_room_are_halved_and_grow_again_after_a_while() -> None:
    """Until they are the smallest; then it is told that no smaller ones are left."""
    machine = Machine(None)
    tries = 0
    while machine.room.shorten():
        tries += 1
        assert machine.step(64 * MIB) == 64 * MIB >> tries
    assert 1 << tries == LEAST_PART
    for power in reversed(range(tries)):
        machine.now += CALM_SECONDS
        assert machine.step(64 * MIB) == 64 * MIB >> power
    assert machine.step(64 * MIB) == 64 * MIB


_LIMITED = """
import resource
from prediction_exporter.memory import left

limit = resource.{limit}
resource.setrlimit(limit, (64 << 30, 64 << 30))
before = left()
taken = bytearray(256 << 20)
assert before < 64 << 30, before
assert 250 << 20 < before - left() < 262 << 20, before - left()
"""


@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_the_limits_of_the_process_count(limit: str) -> None:
    """What is left is the limit without what is taken, of which 256 MiB more are taken here."""
    subprocess.run([sys.executable, "-c", _LIMITED.format(limit=limit)], check=True)


def cgroup(folder: Path, *, most: str, used: int, cached: int, names: tuple[str, str, str]) -> None:
    """Write what the system shows of a control group."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zip(
        names, (most, str(used), f"anon 1\n{'total_' if 'limit' in names[0] else ''}inactive_file {cached}"), strict=True
    ):
        (folder / name).write_text(text + "\n")


V2 = ("memory.max", "memory.current", "memory.stat")
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")


@pytest.mark.parametrize(
    ("membership", "folder", "names"),
    [
        ("0::/", ".", V2),  # a container, which sees its own group as the root
        ("0::/kubepods/pod1/c1", "kubepods/pod1/c1", V2),
        ("0::/kubepods/pod1/c1", "kubepods/pod1", V2),  # the pod's own limit
        ("3:cpu:/x\n4:memory:/docker/c1", "memory/docker/c1", V1),
        ("3:cpu:/x\n4:memory:/docker/c1", "memory", V1),  # a container, whose own group lies at the root
    ],
)
def test_the_limits_of_the_control_group_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, membership: str, folder: str, names: tuple[str, str, str]
) -> None:
    """Those of a container and of a pod around it, in both versions; what is only cached of files makes room."""
    (tmp_path / "membership").write_text(membership + "\n")
    cgroup(tmp_path / "root" / folder, most=str(512 * MIB), used=400 * MIB, cached=88 * MIB, names=names)
    found = groups(tmp_path / "root", tmp_path / "membership")
    monkeypatch.setattr(memory, "_GROUPS", found)
    assert left() == 200 * MIB
    cgroup(tmp_path / "root" / folder, most="max" if names is V2 else str((1 << 63) - 4096), used=1, cached=0, names=names)
    assert left() is None
    (tmp_path / "root" / folder / "memory.stat").write_text("nonsense")
    cgroup(tmp_path / "root" / folder, most="nonsense", used=1, cached=0, names=names)
    assert left() is None


def test_a_system_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    """Nor one that cannot be read."""
    assert groups(tmp_path, tmp_path / "missing") == ()
