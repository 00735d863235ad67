"""Files that are kept for a model, and trainings: sums by hand, each training once, and what is not known is absent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from prediction_exporter.artifacts.files import UnseenError, files_of
from prediction_exporter.collectors import artifacts
from prediction_exporter.collectors.base import Poll
from prediction_exporter.config import Config, Cost
from prediction_exporter.cost.rates import Account
from prediction_exporter.cost.usage import Usage
from processes import Exporter, samples
from watched import Watched, config_text, model_text

STORED, RUNS, TIMESTAMP = "model_stored_bytes", "model_retraining_runs_total", "model_artifact_timestamp_seconds"

Values = dict[str, float]


def configure(folder: Path, more: str) -> Config:
    """Return the configuration of a model with more lines."""
    return Watched(folder).configure(config_text(model_text(more=f"maturity: 0\n{more}")))


def poll_of(folder: Path, more: str) -> Poll:
    """Return the poll of the only model, which keeps its count in a folder that is there."""
    loaded = configure(folder, more)
    loaded.state_dir.mkdir(exist_ok=True)
    [poll] = artifacts.COLLECTOR.open(loaded).values()
    return poll


def told(poll: Poll) -> tuple[Values, dict[str, str]]:
    """Return the figures of a look by name, and the reason of each part."""
    text = "".join(f"{line}\n" for lines in poll.poll().lines.values() for line in lines)
    found = samples(text)
    reasons = {dict(of)["part"]: dict(of)["reason"] for name, of in found if name == artifacts.STATUS.name}
    return {name: value for (name, _), value in found.items() if name != artifacts.STATUS.name}, reasons


def write(path: Path, size: int, *, modified: float | None = None) -> Path:
    """Write a file of a size, modified when it is said, as Unix time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    if modified is not None:
        os.utime(path, (modified, modified))
    return path


# Storage


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder of 1 + 20 + 300 bytes below models, 4,000 in a log, 50,000 elsewhere, and what is nothing."""
    models = tmp_path / "models"
    write(models / "a.pkl", 1)
    write(models / "old/deep/b.pkl", 20)
    write(models / ".hidden", 300)
    write(tmp_path / "logs/app.log", 4_000)
    write(tmp_path / "elsewhere/big.bin", 50_000)
    (models / "again.pkl").hardlink_to(models / "a.pkl")
    (models / "round").symlink_to(models)
    (models / "nowhere").symlink_to(tmp_path / "not-there")
    (models / "itself").symlink_to(models / "itself")
    os.mkfifo(models / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "size"),
    [
        ("[models]", 321),
        ("[models, models/a.pkl, models/again.pkl, 'models/*']", 321),
        ("['models/*.pkl']", 1),
        ("['models/**/*.pkl']", 21),
        ("['*/app.log', models/old]", 4_020),
        ("[logs/app.log]", 4_000),
        ("[.]", 54_321),
    ],
)
def test_files_add_up_each_of_them_once(kept: Path, paths: str, size: int) -> None:
    """Whatever names and patterns lead to them; a pipe and links to nothing have no size."""
    more = configure(kept, f"storage: {{paths: {paths}}}").models[0].storage
    assert more is not None
    own = {kept / name for name in ("exporter.yml", "app.log", "baseline.json", "baseline.parquet")}
    for file in own:
        file.unlink(missing_ok=True)
    assert sum(file.size for file in files_of(more.paths)) == size


def test_a_link_is_followed_and_an_empty_folder_takes_nothing(kept: Path) -> None:
    """As a current log is a link; and 0 is said where somebody has looked."""
    (kept / "current").symlink_to(kept / "elsewhere")
    (kept / "empty").mkdir()
    assert told(poll_of(kept, "storage: {paths: [current]}")) == ({STORED: 50_000}, {"storage": "ok"})
    assert told(poll_of(kept, "storage: {paths: [empty]}")) == ({STORED: 0}, {"storage": "ok"})


@pytest.mark.parametrize("path", ["not-there", "models/*.onnx", "models/a.pkl/below", "models/nowhere"])
def test_what_is_not_there_is_no_zero(kept: Path, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not even where other paths have something; it is told once, and costs nothing."""
    poll = poll_of(kept, f"storage: {{paths: [logs, '{path}']}}")
    assert told(poll) == told(poll) == ({}, {"storage": "not_found"})
    assert [record.getMessage() for record in caplog.records] == [f"model m: storage: nothing is there by {kept / path}"]
    metered = poll.metered()
    assert metered is not None
    assert metered.stored_bytes is None


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a while, where the tests are run by root, who may read everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("path", ["", "*", "*/model.pkl", "**/model.pkl", "*/deep"])
def test_what_may_not_be_read_is_not_left_out(path: str) -> None:
    """A sum without it would be too small. What a check of the file system found is no model's, and may be locked."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "open/model.pkl", 10)
        write(folder / "open/deep/model.pkl", 10)
        for locked in ("lost+found", "locked"):
            folder.chmod(0o755)
            (folder / locked).mkdir(mode=0o000)
            with without_privileges():
                if locked == "lost+found":
                    assert files_of([str(folder / path)])
                else:
                    with pytest.raises(UnseenError, match=r"/locked.* may not be read") as denied:
                        files_of([str(folder / path)])
                    assert denied.value.reason == "denied"


def test_a_look_is_bounded(tmp_path: Path) -> None:
    """In files and in time."""
    for number in range(10):
        write(tmp_path / f"{number}", 1)
    ticking = iter(range(100))
    assert len(files_of([str(tmp_path)], most=10)) == 10
    with pytest.raises(UnseenError, match="more than 9 files and folders") as many:
        files_of([str(tmp_path)], most=9)
    with pytest.raises(UnseenError, match="more than 5 s") as slow:
        files_of([str(tmp_path)], seconds=5, clock=lambda: float(next(ticking)))
    assert (many.value.reason, slow.value.reason) == ("too_many", "too_slow")


# Trainings

NEWEST = "retraining: {artifact: 'models/*.pkl'}"


def runs(poll: Poll, looks: int = 2) -> float | None:
    """Return how many trainings are counted after so many looks."""
    for _ in range(looks):
        values, _ = told(poll)
    return values.get(RUNS)


def test_a_training_counts_once_and_over_restarts(tmp_path: Path) -> None:
    """What is there at first is none; one while the exporter is away counts when it is back."""
    begin = time.time() - 10_000
    write(tmp_path / "models/1.pkl", 10, modified=begin)
    poll = poll_of(tmp_path, NEWEST)
    assert told(poll) == ({RUNS: 0, TIMESTAMP: pytest.approx(begin)}, {"retraining": "ok"})
    assert runs(poll, 3) == 0
    write(tmp_path / "models/2.pkl", 10, modified=begin + 100)
    assert runs(poll) == 1
    assert runs(poll, 5) == 1
    again = poll_of(tmp_path, NEWEST)
    assert runs(again, 3) == 1
    write(tmp_path / "models/3.pkl", 10, modified=begin + 200)
    later = poll_of(tmp_path, NEWEST)
    assert runs(later) == 2
    assert told(later)[0][TIMESTAMP] == pytest.approx(begin + 200)
    assert runs(poll_of(tmp_path, NEWEST), 3) == 2


def test_a_file_that_is_written_anew(tmp_path: Path) -> None:
    """In place, or by another one that takes its name; while it grows it is not whole."""
    begin = time.time() - 10_000
    artifact = write(tmp_path / "model.pkl", 10, modified=begin)
    poll = poll_of(tmp_path, "retraining: {artifact: model.pkl}")
    assert runs(poll) == 0
    for step in range(1, 6):
        write(artifact, 10 + step, modified=begin + step)
        assert told(poll)[0] == {RUNS: 0, TIMESTAMP: pytest.approx(begin)}
    assert told(poll)[0] == {RUNS: 1, TIMESTAMP: pytest.approx(begin + 5)}
    write(tmp_path / "new", 15, modified=begin + 50).replace(artifact)
    assert runs(poll) == 2


def test_a_way_back_is_no_training(tmp_path: Path) -> None:
    """Neither an older artefact in the newer one's place, nor the newer one that returns, nor a copy with its time."""
    begin = time.time() - 10_000
    write(tmp_path / "1", 10, modified=begin)
    write(tmp_path / "2", 20, modified=begin + 100)
    link = tmp_path / "model.pkl"

    def lead_to(name: str) -> None:
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / name)

    lead_to("1")
    poll = poll_of(tmp_path, "retraining: {artifact: model.pkl}")
    assert runs(poll) == 0
    for name, count in (("2", 1), ("1", 1), ("2", 1)):
        lead_to(name)
        assert runs(poll) == count
    write(tmp_path / "3", 20, modified=begin + 100)
    lead_to("3")
    assert runs(poll) == 1


def test_a_time_in_the_future_keeps_no_later_training_from_counting(tmp_path: Path) -> None:
    """As a clock that was wrong leaves one."""
    artifact = write(tmp_path / "model.pkl", 10, modified=time.time() + 1e8)
    poll = poll_of(tmp_path, "retraining: {artifact: model.pkl}")
    assert runs(poll, 3) == 0
    write(artifact, 10, modified=time.time() + 1)
    assert runs(poll, 3) == 1


def test_the_first_artefact_of_all_is_a_training(tmp_path: Path) -> None:
    """Where somebody looked before it was there, and said that nothing is; gone again, it takes no count along."""
    poll = poll_of(tmp_path, NEWEST)
    assert told(poll) == ({}, {"retraining": "not_found"})
    artifact = write(tmp_path / "models/1.pkl", 10, modified=time.time() + 1)
    assert runs(poll) == 1
    artifact.unlink()
    assert told(poll) == ({}, {"retraining": "not_found"})
    write(artifact, 10, modified=time.time() + 2)
    assert runs(poll) == 2


@pytest.mark.parametrize("content", ["", "{}", '{"section": 1}', "[]", None])
def test_a_damaged_count_begins_anew(tmp_path: Path, content: str | None) -> None:
    """Also one of another artefact, which is told by no damage."""
    write(tmp_path / "models/1.pkl", 10, modified=1e9)
    poll = poll_of(tmp_path, NEWEST)
    runs(poll)
    write(tmp_path / "models/2.pkl", 10, modified=2e9 - 5e8)
    assert runs(poll) == 1
    if content is None:
        assert runs(poll_of(tmp_path, "retraining: {artifact: models}")) == 0
    else:
        (tmp_path / "state/artifacts-m.json").write_text(content)
        assert runs(poll_of(tmp_path, NEWEST)) == 0


# Costs


def test_a_training_costs_its_price_once(tmp_path: Path) -> None:
    """2 trainings of 12.50 each, one of them while the exporter was away; 3 GB for 730 hours at 0.02."""
    cost = Cost.model_validate({"per_retraining_run": "12.50", "per_gb_stored": "0.02"})
    begin = time.time() - 10_000
    write(tmp_path / "models/1.pkl", 0, modified=begin)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(3 << 30)  # a size, of which nothing is written
    more = f"{NEWEST}\nstorage: {{paths: [large]}}"
    now = begin
    account = Account(now, 0.0)

    def count(poll: Poll, hours: float) -> dict[str, Decimal]:
        runs(poll)
        metered = poll.metered()
        assert metered is not None
        account.count(cost, Usage(metered=metered), now=now + hours * 3600, monotonic=hours * 3600)
        return {share.component: amount for share, amount in account.costs().totals.items()}

    poll = poll_of(tmp_path, more)
    assert count(poll, 0) == {"retraining": 0, "storage": 0}
    write(tmp_path / "models/2.pkl", 0, modified=begin + 1)
    assert count(poll, 365) == {"retraining": Decimal("12.5"), "storage": Decimal("0.03")}
    write(tmp_path / "models/3.pkl", 0, modified=begin + 2)
    assert count(poll_of(tmp_path, more), 730) == {"retraining": 25, "storage": Decimal("0.06")}


def test_the_exporter_serves_and_prices_them(tmp_path: Path, start_exporter: Callable[..., Exporter]) -> None:
    """From the smallest configuration; its openmetrics says since when it counts."""
    watched = Watched.live(tmp_path)
    write(tmp_path / "models/1.pkl", 1 << 20, modified=time.time() - 60)
    more = f"maturity: 0\n{NEWEST}\nstorage: {{paths: [models]}}\ncost: {{per_gb_stored: 1000000, per_retraining_run: 12}}"
    watched.configure(config_text(model_text(more=more)))
    watched.log(5)
    exporter = start_exporter(watched.file)
    exporter.wait_for(lambda: exporter.total(STORED) == 1 << 20, "looked")
    exporter.wait_for(lambda: (exporter.total("model_cost_total", component="storage") or 0) > 0, "priced")
    assert exporter.total(RUNS) == 0
    assert exporter.total("model_cost_total", component="retraining") == 0
    assert exporter.total("model_artifacts_status", reason="ok") == 2
