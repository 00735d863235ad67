"""Cgroups: real ones where this machine lets tests make them, and trees of the files that version 2 has."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from model_servers import look, poll_of, reason, serving, value
from prediction_exporter.config import Process
from prediction_exporter.process import cgroup
from prediction_exporter.process.cgroup import cpu_of, memory_of, tightest_cpu, tightest_memory, without
from prediction_exporter.process.look import Looker
from prediction_exporter.process.proc import Proc
from prediction_exporter.process.totals import Totals
from watched import total

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are no cgroups")
MIB = 1 << 20
V1 = Path("/sys/fs/cgroup")


@contextmanager
def own_cgroup(controller: str, **files: object) -> Iterator[Path]:
    """Make a cgroup of v1, with files written to; the test is skipped where that is not possible."""
    folder = V1 / controller / f"prediction-exporter-test-{os.getpid()}"
    try:
        if not (V1 / controller / "cgroup.procs").exists():
            raise FileNotFoundError(controller)
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup of v1 can be made here: {error}")
    try:
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(str(content))
        yield folder
    finally:
        for pid in (folder / "cgroup.procs").read_text().split():
            (folder.parent / "cgroup.procs").write_text(pid)
        folder.rmdir()


def test_the_memory_of_a_real_cgroup(tmp_path: Path) -> None:
    """Its limit, and what counts against it: 100 MiB more after they were held, within 5 %; a file that is cached is not."""
    with own_cgroup("memory", memory__limit_in_bytes=300 * MIB) as folder, serving("limited-server") as server:
        (folder / "cgroup.procs").write_text(str(server.pid))
        poll = poll_of(tmp_path, command="limited-server")
        before = look(poll)
        server.tell("hold", 100 * MIB)
        server.tell("write", tmp_path / "cached", 30 * MIB)
        after = look(poll)
        assert reason(after, "memory_limit") == "ok"
        assert value(after, "memory_limit_bytes") == 300 * MIB
        name = "memory_working_set_bytes"
        assert value(after, name) - value(before, name) == pytest.approx(100 * MIB, rel=0.05)
        memory = memory_of(folder)
        assert memory is not None
        assert memory.limit == 300 * MIB
        found = look(poll_of(tmp_path, cgroup=str(folder)))
        assert (value(found, "up"), total(found, "model_processes")) == (1, 1)
        rss = psutil.Process(server.pid).memory_info().rss
        assert value(found, "resident_memory_bytes") == pytest.approx(rss, rel=0.05)
        assert value(found, "memory_limit_bytes") == 300 * MIB


def test_the_quota_of_a_real_cgroup(tmp_path: Path) -> None:
    """A fifth of a core: 0.3 seconds are those of 15 periods at least, and what was waited is what the kernel's file says."""
    with own_cgroup("cpu", cpu__cfs_period_us=100_000, cpu__cfs_quota_us=20_000) as folder:
        with serving("throttled-server") as server:
            (folder / "cgroup.procs").write_text(str(server.pid))
            server.tell("burn", 0.3)
            os.kill(server.pid, signal.SIGSTOP)
            time.sleep(0.2)  # the last period ends
            series = look(poll_of(tmp_path, command="throttled-server"))
            told = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
        assert value(series, "cpu_quota_cores") == pytest.approx(0.2)
        assert value(series, "cpu_periods_total") == int(told["nr_periods"]) >= 14
        assert value(series, "cpu_throttled_periods_total") == int(told["nr_throttled"])
        assert value(series, "cpu_throttled_seconds_total") == pytest.approx(int(told["throttled_time"]) / 1e9, abs=1e-6)
        assert value(series, "cpu_seconds_total") >= 0.3


# Version 2, by its files


def tree(folder: Path, **files: str) -> Path:
    """Make a cgroup of v2 from the contents of its files, by their names with _ for dots."""
    folder.mkdir(parents=True)
    (folder / "cgroup.procs").write_text("")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def stat(*, anon: int, mapped: int, inactive: int) -> str:
    """Return a memory.stat in the kernel's form."""
    return f"anon {anon}\nfile {mapped + inactive}\nkernel 5\nfile_mapped {mapped}\ninactive_file {inactive}\n"


def cpu(usage: int, periods: int = 0, throttled: int = 0, waited: int = 0) -> str:
    """Return a cpu.stat in the kernel's form."""
    return (
        f"usage_usec {usage}\nuser_usec {usage}\nsystem_usec 0\nnr_periods {periods}\nnr_throttled {throttled}\n"
        f"throttled_usec {waited}\nnr_bursts 0\nburst_usec 0\n"
    )


def test_memory_and_cpu_of_version_2(tmp_path: Path) -> None:
    """Each field from the kernel's files; max is no limit; what a kernel does not have is not told."""
    folder = tree(
        tmp_path / "a",
        memory__current=f"{900 * MIB}\n",
        memory__max=f"{1024 * MIB}\n",
        memory__stat=stat(anon=500 * MIB, mapped=40 * MIB, inactive=300 * MIB),
        cpu__stat=cpu(12_345_678, 1000, 250, 7_500_000),
        cpu__max="150000 100000\n",
    )
    assert memory_of(folder) == cgroup.Memory(540 * MIB, 600 * MIB, 1024 * MIB)
    assert cpu_of(folder) == cgroup.Cpu(12.345678, 1.5, 1000, 250, 7.5)
    unlimited = tree(tmp_path / "b", memory__current="5\n", memory__max="max\n", cpu__stat=cpu(1), cpu__max="max 100000\n")
    memory, spent = memory_of(unlimited), cpu_of(unlimited)
    assert memory is not None
    assert spent is not None
    assert (memory.limit, spent.quota) == (None, None)
    root = tree(tmp_path / "root", cpu__stat="usage_usec 5\n")
    assert (memory_of(root), tightest_memory([root]), tightest_cpu([root])) == (None, None, None)


def test_the_tightest_of_all_above_counts(tmp_path: Path) -> None:
    """A pod's limit may be nearer than a container's; the smallest quota is the one that is waited for."""
    pod = tree(
        tmp_path / "pod",
        memory__current=f"{190}\n",
        memory__max="200\n",
        cpu__stat=cpu(9, 40, 4, 4_000_000),
        cpu__max="50000 100000\n",
    )
    inner = tree(
        pod / "container", memory__current="100\n", memory__max="150\n", cpu__stat=cpu(9, 30, 3), cpu__max="100000 100000\n"
    )
    assert tightest_memory([inner]) == (190, 200)
    found = tightest_cpu([inner])
    assert found is not None
    assert (found[0], found[1].quota, found[1].throttled) == (pod, 0.5, 4.0)


def container(folder: Path, anon: int, usage: int, *, populated: int = 1, procs: str = "0\n") -> Path:
    """Make the cgroup of a container whose processes belong to another namespace, which the kernel lists as 0."""
    made = tree(
        folder,
        memory__current=f"{anon}\n",
        memory__stat=stat(anon=anon, mapped=0, inactive=0),
        cpu__stat=cpu(usage),
        cgroup__events=f"populated {populated}\nfrozen 0\n",
    )
    (made / "cgroup.procs").write_text(procs)
    return made


def test_a_pod_whose_processes_cannot_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory and CPU of its cgroup without the exporter's own container, and its limits; what needs processes is absent."""
    pod = tree(
        tmp_path / "kubepods.slice" / "kubepods-burstable-pod12ab_34cd.slice",
        memory__current=f"{900 * MIB}\n",
        memory__max=f"{1000 * MIB}\n",
        memory__stat=stat(anon=900 * MIB, mapped=0, inactive=0),
        cpu__stat=cpu(99_000_000, 10, 5, 2_000_000),
        cpu__max="200000 100000\n",
        cgroup__events="populated 1\n",
    )
    model = container(pod / "cri-model.scope", 600 * MIB, 50_000_000)
    own = container(pod / "cri-exporter.scope", 200 * MIB, 40_000_000)
    container(pod / "cri-pause.scope", MIB, 10_000)
    found = own.stat()
    monkeypatch.setattr("prediction_exporter.process.look.own_folder", lambda _: (found.st_dev, found.st_ino))
    poll = poll_of(tmp_path, cgroup=f"{tmp_path}/kubepods*/**/*pod12ab-34cd*")
    series = look(poll)
    assert value(series, "up") == 1
    assert value(series, "resident_memory_bytes") == 601 * MIB
    assert value(series, "cpu_seconds_total") == pytest.approx(50.01)
    assert (value(series, "memory_working_set_bytes"), value(series, "memory_limit_bytes")) == (900 * MIB, 1000 * MIB)
    assert (value(series, "cpu_quota_cores"), value(series, "cpu_throttled_seconds_total")) == (2, 2)
    assert total(series, "model_processes") is None
    assert {reason(series, part) for part in ("fds", "io", "network")} == {"unseen"}

    # The container is restarted: another cgroup, whose counter begins at 0.
    shutil.rmtree(model)
    series = look(poll)
    assert (value(series, "up"), value(series, "restarts_total")) == (1, 0)
    container(pod / "cri-model-2.scope", 600 * MIB, 3_000_000)
    series = look(poll)
    assert value(series, "restarts_total") == 1
    assert value(series, "cpu_seconds_total") == pytest.approx(53.01)
    again = look(poll_of(tmp_path, cgroup=f"{tmp_path}/kubepods*/**/*pod12ab-34cd*"))
    assert value(again, "restarts_total") == 1
    assert value(again, "cpu_seconds_total") == pytest.approx(53.01)


def test_a_container_that_starts_after_the_exporter_is_no_restart(tmp_path: Path) -> None:
    """As with a native sidecar: first the pod's own, then the model's."""
    pod = tree(tmp_path / "pod", cgroup__events="populated 1\n")
    own = container(pod / "exporter", 1, 1)
    container(pod / "pause", 1, 1)
    parts = without(pod, (own.stat().st_dev, own.stat().st_ino))
    assert [part.name for part in parts] == ["pause"]
    totals = Totals()
    for seen, restarts in ((["pause"], 0), (["pause", "model"], 0), (["pause"], 0), (["pause", "model2"], 1)):
        totals.parts_are(seen)
        assert totals.of("restarts") == restarts


def test_a_cgroup_that_is_not_there_or_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And one that is no cgroup: each is said in its own words."""
    caplog.set_level(logging.WARNING)
    (tmp_path / "plain").mkdir()
    container(tmp_path / "empty", 0, 0, populated=0, procs="")
    for name, words in (("missing", "is not there"), ("plain", "has no cgroup.procs"), ("empty", "no process is in")):
        series = look(poll_of(tmp_path, cgroup=str(tmp_path / name)))
        assert (value(series, "up"), reason(series, "process")) == (0, "not_found")
        assert words in caplog.records[-1].getMessage()


def test_processes_that_can_be_seen_are_read_themselves(tmp_path: Path) -> None:
    """As with shareProcessNamespace: figures from /proc, limits from the cgroup that is mounted; the sandbox is left out."""
    with serving() as server:
        pod = tree(
            tmp_path / "pod", memory__current="100\n", memory__max="400\n", cpu__stat=cpu(5), cgroup__events="populated 1\n"
        )
        container(pod / "model", 100, 5, procs=f"{server.pid}\n")
        container(pod / "exporter", 100, 5, procs=f"{os.getpid()}\n")
        series = look(poll_of(tmp_path, cgroup=str(pod)))
        assert total(series, "model_processes") == 1
        assert value(series, "open_fds") == psutil.Process(server.pid).num_fds()
        assert value(series, "cpu_seconds_total") == pytest.approx(server.spent, abs=0.05)


def fake_proc(folder: Path, cgroups: dict[int, str]) -> Proc:
    """Make a /proc of processes that are in cgroups, for a reader that is in the root of a namespace."""
    for pid, path in cgroups.items():
        (folder / str(pid)).mkdir(parents=True)
        (folder / str(pid) / "stat").write_text(f"{pid} (model) S 1 {'0 ' * 17} 5 0 0 {'0 ' * 28}\n")
        (folder / str(pid) / "cgroup").write_text(f"0::{path}\n")
        (folder / str(pid) / "limits").write_text("Max open files            1024                 4096                 files\n")
        (folder / str(pid) / "fd").mkdir()
    (folder / "self").mkdir()
    (folder / "self" / "cgroup").write_text("0::/\n")
    mounted = str(folder.parent / "cgroup").replace(" ", "\\040")
    (folder / "self" / "mountinfo").write_text(
        f"24 1 0:5 / /proc rw - proc proc rw\n30 1 0:26 / {mounted} rw,nosuid - cgroup2 cgroup2 rw\n"
    )
    (folder / "stat").write_text("cpu 0\nbtime 1700000000\n")
    return Proc(folder)


def test_by_unit(tmp_path: Path) -> None:
    """In system.slice, in a cgroup that the unit made, and not another unit whose name is longer."""
    (tmp_path / "a b").mkdir()
    base = tmp_path / "a b"
    tree(base / "cgroup" / "system.slice" / "model.service" / "worker", memory__current="5\n", memory__max="10\n")
    tree(base / "cgroup" / "system.slice" / "other-model.service")
    (base / "cgroup" / "system.slice" / "model.service" / "cgroup.procs").write_text("")
    proc = fake_proc(
        base / "proc",
        {
            7: "/system.slice/model.service/worker",
            8: "/system.slice/other-model.service",
            9: "/system.slice/model.service/worker",
        },
    )
    process = Process(unit="model")
    found = Looker(process, Totals(), proc).look()
    assert (found.up, found.pids) == (True, (7, 9))
    assert (found.gauges["memory_working_set_bytes"], found.gauges["memory_limit_bytes"]) == (5, 10)
    assert found.gauges["max_fds"] == 1024
    missing = Looker(Process(unit="gone.service"), Totals(), proc).look()
    assert not missing.up
    assert missing.problem == (
        "the unit gone.service has no process: it is not running, or not seen from here; processes of other users are hidden "
        "from the exporter (hidepid, ProtectProc=)"
    )


@pytest.mark.parametrize(
    ("unit", "folder"),
    [
        ("model-v1.2", "model-v1.2.service"),  # what follows the dot is no kind of unit
        ("model.scope", "model.scope"),
        ("model@1", "model@1.service"),
        ("system-model.slice", "system-model.slice/model@7.service"),
        ("memory", "_memory.service"),  # a unit whose folder would be taken for a file of the controller
    ],
)
def test_the_folder_of_a_unit(tmp_path: Path, unit: str, folder: str) -> None:
    """Whatever it is called."""
    path = f"/system.slice/{folder}"
    tree(tmp_path / "cgroup" / path.lstrip("/"))
    proc = fake_proc(tmp_path / "proc", {7: path, 8: f"/system.slice/other-{folder}"})
    assert Looker(Process(unit=unit), Totals(), proc).look().pids == (7,)
