"""The volume of a model's files: what they grow by, over rotation in every way, the room that is left; and nothing waits."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from prediction_exporter.collectors import volume
from prediction_exporter.collectors.base import Poll
from prediction_exporter.config import Config
from prediction_exporter.errors import SourceError
from prediction_exporter.monitor.polling import Poller
from processes import Exporter, samples
from watched import Watched, config_text, model_text

WRITTEN = "prediction_exporter_source_written_bytes_total"
FREE, SIZE = "prediction_exporter_source_volume_free_bytes", "prediction_exporter_source_volume_size_bytes"


def poll_of(loaded: Config) -> Poll:
    """Return the poll of the only model."""
    [poll] = volume.COLLECTOR.open(loaded).values()
    return poll


def values(poll: Poll) -> dict[str, float]:
    """Return what a poll gives, by name."""
    text = "".join(f"{line}\n" for lines in poll.poll().lines.values() for line in lines)
    return {name: value for (name, _), value in samples(text).items()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log that holds something before it is looked at first."""
    path = tmp_path / "app.log"
    path.write_bytes(b"x" * 1000)
    return path


def polled(log: Path, *, pattern: str = "app.log") -> Poll:
    """Return a poll that has looked once."""
    poll = poll_of(Watched(log.parent).configure(config_text(model_text(log=pattern))))
    assert values(poll)[WRITTEN] == 0  # what was there before is no growth
    return poll


def append(path: Path, count: int) -> None:
    """Write more."""
    with path.open("ab") as file:
        file.write(b"y" * count)


@pytest.mark.parametrize("pattern", ["app.log", "app.log*", "app*"])
def test_growth_over_rotation(log: Path, pattern: str) -> None:
    """Renamed, copied and truncated, compressed and deleted: what is written counts once, and what is copied does not."""
    poll = polled(log, pattern=pattern)
    append(log, 10)
    assert values(poll)[WRITTEN] == 10
    append(log, 5)
    log.rename(log.with_suffix(".log.1"))
    log.write_bytes(b"n" * 7)
    assert values(poll)[WRITTEN] == 22
    rotated = log.with_suffix(".log.1")
    Path(f"{rotated}.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    rotated.unlink()
    assert values(poll)[WRITTEN] == 22
    shutil.copy(log, rotated)
    os.truncate(log, 0)
    append(log, 3)
    assert values(poll)[WRITTEN] == 25
    append(log, 1)
    assert values(poll)[WRITTEN] == 26


def test_files_in_a_folder(tmp_path: Path) -> None:
    """Each new one counts whole, also a compressed one, for nothing was copied."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.parquet").write_bytes(b"a" * 50)
    text = config_text(model_text()).replace("{log: {path: app.log, start: beginning}", "{files: {path: in}")
    poll = poll_of(Watched(tmp_path).configure(text))
    assert values(poll)[WRITTEN] == 0
    (tmp_path / "in" / "b.csv.gz").write_bytes(b"b" * 20)
    assert values(poll)[WRITTEN] == 20


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_the_volume_is_that_of_the_newest_file(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the file system tells it; what it cannot tell is absent, and a file that is not there is no volume."""
    asked: list[str] = []

    def usage(path: str) -> _Usage:
        asked.append(path)
        return _Usage(total=1000, used=990, free=4)  # what is reserved for root is not free

    monkeypatch.setattr(shutil, "disk_usage", usage)
    newest = log.with_name("b.log")
    newest.write_bytes(b"")
    os.utime(log, (1, 1))
    assert values(polled(log, pattern="'*.log'")) == {WRITTEN: 0, FREE: 4, SIZE: 1000}
    assert set(asked) == {str(newest.resolve())}
    empty = poll_of(Watched(log.parent).configure(config_text(model_text(log="nothing.log"))))
    assert set(values(empty)) == {WRITTEN}


def test_a_volume_without_a_limit_is_not_full(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tmpfs of size=0 tells 0 of 0 bytes: that is no room that is left."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(total=0, used=0, free=0))
    assert set(values(polled(log))) == {WRITTEN}


def test_a_volume_that_cannot_be_asked_for_is_a_failure(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the file and the reason."""

    def usage(_: str) -> _Usage:
        raise OSError(107, "Transport endpoint is not connected")

    poll = polled(log)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    with pytest.raises(SourceError, match=r"volume of .*app\.log: Transport endpoint is not connected"):
        poll.poll()


def test_a_mount_that_never_answers_keeps_nobody_waiting(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its series are withdrawn, and the collector says so."""

    def usage(_: str) -> _Usage:
        time.sleep(1.0)
        return _Usage(total=1, used=1, free=1)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    poll = poll_of(Watched(log.parent).configure(config_text(model_text())))
    poll.timeout = 0.05
    poller = Poller("volume", "m", poll)
    poller.start()
    time.sleep(0.2)
    outcome = poller.outcome()
    poller.stopping.set()
    assert outcome is not None
    assert not outcome.success
    assert not outcome.samples.lines


def test_what_is_in_no_file_system_has_no_poll(tmp_path: Path) -> None:
    """A table and a bucket."""
    table = "{table: {url: 'sqlite:///p.db', name: p}"
    bucket = "{files: {path: 's3://b/p'}"
    for place in (table, bucket):
        text = config_text(model_text()).replace("{log: {path: app.log, start: beginning}", place)
        assert not volume.COLLECTOR.open(Watched(tmp_path).configure(text))


def test_a_scrape_shows_it(tmp_path: Path, start_exporter: Callable[..., Exporter]) -> None:
    """Soon after the start, with what the file system says."""
    watched = Watched(tmp_path)
    watched.configure()
    watched.log(3, at=time.time())
    exporter = start_exporter(watched.file)
    exporter.wait_for(lambda: exporter.total(SIZE, model="m") == shutil.disk_usage(tmp_path).total, "the volume")
    assert 0 <= (exporter.total(FREE, model="m") or -1) <= shutil.disk_usage(tmp_path).total
    assert exporter.total(WRITTEN, model="m") == 0
