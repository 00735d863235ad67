"""Requests and responses of their own count as the same predictions in one record each, bin by bin, exactly once."""

from __future__ import annotations

import gzip
import random
import shutil
from pathlib import Path

import pytest

from halves import Predictions, configuration, counted, line
from watched import Watched, read

#: How logs are rotated, and whether requests and responses are in logs of their own.
WAYS = [("rename", True), ("copytruncate", False), ("gz", True)]


class Logs:
    """Two logs of one glob, or one, that are written and rotated."""

    def __init__(self, folder: Path, way: str, chance: random.Random, *, apart: bool) -> None:
        self._folder, self._way, self._chance = folder, way, chance
        self._names = (
            {"request": "request.jsonl", "response": "response.jsonl"}
            if apart
            else dict.fromkeys(("request", "response"), "both.jsonl")
        )
        self._rotations = 0
        self._pending: list[tuple[str, str]] = []
        for name in set(self._names.values()):
            (folder / name).touch()

    def add(self, *records: dict[str, object]) -> None:
        """Take records that are written some time later, in whatever order."""
        self._pending += [(self._names[str(record["kind"])], line(record)) for record in records]

    def write(self, *, everything: bool = False) -> None:
        """Write some of the records, or all."""
        self._chance.shuffle(self._pending)
        keep = 0 if everything else self._chance.randrange(len(self._pending) + 1)
        for name, text in self._pending[keep:]:
            with (self._folder / name).open("a") as file:
                file.write(text)
        del self._pending[keep:]

    def rotate(self) -> None:
        """Rotate one of the logs."""
        self._rotations += 1
        path = self._folder / self._chance.choice(sorted(set(self._names.values())))
        rotated = path.with_name(f"{path.name}.{self._rotations}")
        if self._way == "copytruncate":
            shutil.copyfile(path, rotated)
            path.write_bytes(b"")
            return
        path.rename(rotated)
        path.touch()
        if self._way == "gz":
            with gzip.open(f"{rotated}.gz", "wb") as packed:
                packed.write(rotated.read_bytes())
            rotated.unlink()


@pytest.mark.parametrize(("way", "apart"), WAYS, ids=[f"{way}, {1 + apart} logs" for way, apart in WAYS])
def test_halves_count_as_whole_records(tmp_path: Path, way: str, apart: bool) -> None:
    """In any order, over rotations and restarts; what waits alone waits, and then counts as refused, by its side."""
    chance = random.Random(f"{way} {apart}")
    joined, flat = Watched(tmp_path / "joined"), Watched(tmp_path / "flat")
    for watched in (joined, flat):
        watched.folder.mkdir()
    loaded = joined.configure(configuration('log: {path: "*.jsonl", start: beginning}'))
    predictions = Predictions(chance)
    logs = Logs(joined.folder, way, chance, apart=apart)
    monitor = joined.start(loaded)
    read(monitor, joined.clock)
    for _ in range(24):
        for _ in range(chance.randrange(30)):
            logs.add(*predictions.make(at=joined.clock()))
        logs.write()
        if chance.random() < 0.5:
            read(monitor, joined.clock)
            if chance.random() < 0.6:
                logs.rotate()
        if chance.random() < 0.3:
            monitor = joined.start(loaded)
        joined.clock.now += chance.randrange(20)
    lonely = Predictions(chance)
    alone = [lonely.make(at=joined.clock()) for _ in range(7)]
    for number, both in enumerate(alone):
        logs.add({**both[number > 2], "id": f"alone{number}"})
    logs.write(everything=True)
    report, _ = read(monitor, joined.clock)
    assert report.source.waiting is not None
    assert (report.source.waiting.requests, report.source.waiting.responses) == (3, 4)
    flat.clock.now = joined.clock.now
    flat.write(predictions.flat(), to="flat.jsonl")
    expected, _ = read(
        flat.start(flat.configure(configuration('log: {path: "*.jsonl", start: beginning}', join=None))), flat.clock
    )
    assert expected.source.events == len(predictions.made) > 200
    assert counted(report) == counted(expected)
    assert not any(report.source.rejected.values())
    joined.clock.now += 601
    report, _ = read(joined.start(loaded), joined.clock)
    assert {reason: count for reason, count in report.source.rejected.items() if count} == {"no_response": 3, "no_request": 4}
    assert report.source.waiting is not None
    assert (report.source.waiting.requests, report.source.waiting.responses, report.source.waiting.size) == (0, 0, 0)
    assert report.source.events == len(predictions.made)
