"""What is said of a model server's processes agrees with what real ones did, while they fork, die and are replaced."""

from __future__ import annotations

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from model_servers import Server, configured, look, poll_of, reason, serving, value
from prediction_exporter.process.proc import Proc
from watched import Series, total

#: Seconds that something may take on a busy machine.
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may take other users and namespaces")
MIB = 1 << 20


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    """A file for the number of a server."""
    return tmp_path / "model.pid"


def test_it_agrees_with_proc_and_with_what_was_done(tmp_path: Path, pid_file: Path) -> None:
    """A second of CPU, 100 MiB, 8 MiB written, 50 files, three threads, within 5 %; and all of it as psutil has it."""
    with serving() as server:
        pid_file.write_text(f"{server.pid}\n")
        poll = poll_of(tmp_path, pid_file=str(pid_file))
        before = look(poll)
        server.tell("burn", 1)
        server.tell("hold", 100 * MIB)
        server.tell("open", 50)
        server.tell("threads", 3)
        server.tell("write", tmp_path / "written", 8 * MIB)
        after = look(poll)
        oracle = psutil.Process(server.pid)
        assert value(after, "up") == 1

        def growth(name: str) -> float:
            return value(after, name) - value(before, name)

        spent = server.spent
        assert value(after, "cpu_seconds_total") == pytest.approx(spent, rel=0.05)
        assert growth("cpu_seconds_total") == pytest.approx(spent - value(before, "cpu_seconds_total"), rel=0.05)
        assert growth("cpu_seconds_total") >= 1
        assert growth("resident_memory_bytes") == pytest.approx(100 * MIB, rel=0.05)
        assert value(after, "resident_memory_bytes") == pytest.approx(oracle.memory_info().rss, rel=0.05)
        assert value(after, "virtual_memory_bytes") == oracle.memory_info().vms
        assert (growth("open_fds"), growth("threads")) == (50, 3)
        metered = poll.metered()  # what has a price is what is shown
        assert metered is not None
        assert [*metered.cpu_seconds.values()] == pytest.approx([value(after, "cpu_seconds_total")])
        assert metered.memory_bytes == value(after, "resident_memory_bytes")
        assert metered.gpus is None
        assert (value(after, "open_fds"), value(after, "threads")) == (oracle.num_fds(), oracle.num_threads())
        assert value(after, "max_fds") == oracle.rlimit(psutil.RLIMIT_NOFILE)[0]
        assert value(after, "open_fds_ratio") == pytest.approx(oracle.num_fds() / oracle.rlimit(psutil.RLIMIT_NOFILE)[0])
        assert value(after, "start_time_seconds") == pytest.approx(oracle.create_time(), abs=1)
        assert growth("written_bytes_total") in (0, pytest.approx(8 * MIB, rel=0.05))  # 0 where the disk is memory
        assert value(after, "written_bytes_total") == oracle.io_counters().write_bytes
        assert total(after, "model_processes") == 1
        assert reason(after, "network") == "shared"
        assert value(after, "restarts_total") == 0


def test_children_add_up_and_the_dead_stay(tmp_path: Path) -> None:
    """Workers that a look has seen and that none has, waited for and not: each second counts once, and none is lost."""
    with serving("credit-server") as server:
        poll = poll_of(tmp_path, command="credit-server")
        assert value(look(poll), "cpu_seconds_total") == pytest.approx(server.spent, abs=0.05)
        stays = server.tell("fork", 0.3, "stays")
        series = look(poll)
        assert total(series, "model_processes") == 2
        alive = value(series, "cpu_seconds_total")
        assert alive == pytest.approx(server.spent + 0.3, abs=0.06)
        server.tell("end", stays)  # its parent has waited for it, so that its 0.3 seconds are the parent's now
        unseen = server.tell("fork", 0.3, "ends")
        server.tell("wait", unseen)
        zombie = server.tell("fork", 0.2, "ends")
        series = look(poll)
        assert total(series, "model_processes") == 1
        assert value(series, "cpu_seconds_total") == pytest.approx(server.spent + 0.2, abs=0.07)
        assert value(series, "cpu_seconds_total") == pytest.approx(alive + 0.5, abs=0.07)
        server.tell("wait", zombie)
        assert value(look(poll), "cpu_seconds_total") == pytest.approx(server.spent, abs=0.07)
    alone = poll_of(tmp_path, command="credit-server", children=False)
    with serving("credit-server") as server:
        server.tell("fork", 0.2, "stays")
        series = look(alone)
        # Its child has the same command line, and is found by that.
        assert total(series, "model_processes") == 2


def test_children_may_be_left_out(tmp_path: Path, pid_file: Path) -> None:
    """Neither the living nor the dead count then."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        poll = poll_of(tmp_path, pid_file=str(pid_file), children=False)
        own = value(look(poll), "cpu_seconds_total")
        server.tell("fork", 0.2, "stays")
        ended = server.tell("fork", 0.2, "ends")
        server.tell("wait", ended)
        series = look(poll)
        assert total(series, "model_processes") == 1
        assert value(series, "cpu_seconds_total") == pytest.approx(own, abs=0.05)


def test_children_that_nobody_waits_for_count_too(tmp_path: Path, pid_file: Path) -> None:
    """Where a server ignores SIGCHLD, the kernel adds what they spent to nobody: what was seen of it stays."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        server.tell("ignore")
        poll = poll_of(tmp_path, pid_file=str(pid_file))
        worker = server.tell("fork", 0.3, "stays")
        seen = value(look(poll), "cpu_seconds_total")
        os.kill(int(worker), signal.SIGKILL)
        psutil.wait_procs([psutil.Process(int(worker))] if psutil.pid_exists(int(worker)) else [], timeout=5)
        assert value(look(poll), "cpu_seconds_total") == pytest.approx(seen, abs=0.03)
        assert server.spent < seen - 0.2


@pytest.mark.parametrize("seed", range(2))
def test_whatever_forks_and_dies_each_second_counts_once(tmp_path: Path, pid_file: Path, seed: int) -> None:
    """Looked at and started anew at any moment; the counter never falls, and ends where the server's own account is."""
    chance = random.Random(seed)
    with serving() as server:
        pid_file.write_text(str(server.pid))
        poll = poll_of(tmp_path, pid_file=str(pid_file))
        workers: list[str] = []
        last = 0.0
        for _ in range(25):
            match chance.randrange(5):
                case 0:
                    workers.append(server.tell("fork", 0.04, "stays"))
                case 1 if workers:
                    server.tell("end", workers.pop(chance.randrange(len(workers))))
                case 2:
                    server.tell("wait", server.tell("fork", 0.04, "ends"))
                case 3:
                    server.tell("burn", 0.02)
                case _:
                    poll = poll_of(tmp_path, pid_file=str(pid_file)) if chance.random() < 0.3 else poll
                    now = value(look(poll), "cpu_seconds_total")
                    assert now >= last
                    last = now
        for worker in workers:
            server.tell("end", worker)
        now = value(look(poll), "cpu_seconds_total")
        assert now >= last
        assert now == pytest.approx(server.spent, rel=0.05, abs=0.05)


def test_restarts(tmp_path: Path, pid_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Down while nobody is there, and a restart when another takes its place, also over one of the exporter."""
    caplog.set_level(logging.INFO)
    poll = poll_of(tmp_path, pid_file=str(pid_file))
    series = look(poll)
    assert (value(series, "up"), reason(series, "process")) == (0, "not_found")
    assert total(series, "model_process_cpu_seconds_total") is None  # 0 would say that it spent none
    with serving() as server:
        pid_file.write_text(str(server.pid))
        server.tell("burn", 0.3)
        first = value(look(poll), "cpu_seconds_total")
        assert first == pytest.approx(server.spent, abs=0.05)
    series = look(poll)
    assert (value(series, "up"), reason(series, "process")) == (0, "not_found")
    assert value(series, "cpu_seconds_total") == first
    assert total(series, "model_process_resident_memory_bytes") is None
    poll = poll_of(tmp_path, pid_file=str(pid_file))
    with serving() as server:
        pid_file.write_text(str(server.pid))
        server.tell("burn", 0.2)
        series = look(poll)
        assert (value(series, "up"), value(series, "restarts_total")) == (1, 1)
        assert value(series, "cpu_seconds_total") == pytest.approx(first + server.spent, abs=0.05)
        again = look(poll_of(tmp_path, pid_file=str(pid_file)))
        assert value(again, "restarts_total") == 1
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == f"model m: its process is not found: there is no pid file {pid_file}"
    assert told[1].startswith("model m: its processes are found by pid file ")
    assert "which is not there" in told[2]


def test_workers_that_outlive_their_server_are_no_restart(tmp_path: Path) -> None:
    """They were its own; another server is one."""
    poll = poll_of(tmp_path, command="orphaning-server")
    with serving("orphaning-server") as server:
        server.tell("fork", 0, "stays")
        assert total(look(poll), "model_processes") == 2
        server.process.kill()
        server.process.wait()
        series = look(poll)
        assert total(series, "model_processes") == 1
        assert (value(series, "up"), value(series, "restarts_total")) == (1, 0)
    with serving("orphaning-server"):
        assert value(look(poll), "restarts_total") == 1


def test_a_zombie_is_down(tmp_path: Path, pid_file: Path) -> None:
    """It has a number and a pid file, and answers nobody."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pid_file.write_text(str(process.pid))
    poll = poll_of(tmp_path, pid_file=str(pid_file))
    assert value(look(poll), "up") == 1
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)
    series = look(poll)
    assert (value(series, "up"), reason(series, "process")) == (0, "zombie")
    assert total(series, "model_processes") is None
    process.wait()
    assert reason(look(poll), "process") == "not_found"


def test_a_pid_file_that_names_another_program(tmp_path: Path, pid_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its number was given to a process that began after it was written."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        os.utime(pid_file, (time.time() - 3600,) * 2)
        series = look(poll_of(tmp_path, pid_file=str(pid_file)))
    assert (value(series, "up"), reason(series, "process")) == (0, "not_found")
    assert "another program's" in caplog.text


@pytest.mark.parametrize("text", ["", "server\n", "-1", "99999999"])
def test_a_pid_file_without_a_process(tmp_path: Path, pid_file: Path, text: str) -> None:
    """Empty while it is written, words, and a number that nobody has."""
    pid_file.write_text(text)
    series = look(poll_of(tmp_path, pid_file=str(pid_file)))
    assert (value(series, "up"), reason(series, "process")) == (0, "not_found")


def test_a_start_does_not_move_with_the_clock(tmp_path: Path, pid_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is set moves when the machine seems to have been booted; a process was started once."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        poll = poll_of(tmp_path, pid_file=str(pid_file))
        started = value(look(poll), "start_time_seconds")
        booted = Proc().booted()
        monkeypatch.setattr(Proc, "booted", lambda _: booted - 1)
        assert value(look(poll), "start_time_seconds") == started


def test_by_port(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The server that listens, with a worker that has its socket too; a port on which nobody listens has none."""
    with serving() as server:
        port = int(server.tell("listen"))
        server.tell("fork", 0, "stays")
        series = look(poll_of(tmp_path, port=port))
        assert (value(series, "up"), total(series, "model_processes")) == (1, 2)
        assert value(series, "start_time_seconds") == pytest.approx(psutil.Process(server.pid).create_time(), abs=1)
    until = time.monotonic() + PATIENCE
    while reason(series := look(poll_of(tmp_path, port=port)), "process") != "not_found":
        assert time.monotonic() < until, series  # a worker that was killed holds the socket until it is gone
        time.sleep(0.05)
    assert value(series, "up") == 0
    assert f"nothing listens on port {port}" in caplog.text


def test_the_exporter_is_not_the_model_server(tmp_path: Path, pid_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A pid file that names it, as a mistake, and a command line that it has too."""
    pid_file.write_text(str(os.getpid()))
    series = look(poll_of(tmp_path, pid_file=str(pid_file)))
    assert (value(series, "up"), reason(series, "process")) == (0, "not_found")
    assert "the exporter itself" in caplog.text
    # In a process of its own, as those that run tests side by side have one command line: this text is a part of its own.
    series = in_a_process(tmp_path, {"command": "*a text that nothing else has*"})
    assert reason(series, "process") == "not_found"


POLL = """
import sys, json
from pathlib import Path
from model_servers import look, poll_of
series = look(poll_of(Path(sys.argv[1]), **json.loads(sys.argv[2])))
print(json.dumps([[name, dict(labels), number] for (name, labels), number in series.items()]))
"""


def as_nobody(folder: Path, **process: object) -> Series:
    """Return what an exporter of another user says."""
    folder.chmod(0o777)
    return in_a_process(folder, process, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def in_a_process(folder: Path, process: Mapping[str, object], *by: str) -> Series:
    """Return what an exporter in a process of its own says, started ``by`` a command."""
    configured(folder, dict(process))
    shutil.rmtree(folder / "state")
    command = [*by, sys.executable, "-c", POLL, str(folder), json.dumps(process)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    if "Permission denied" in done.stderr and not done.stdout:
        pytest.skip("another user may not read this environment")
    assert done.returncode == 0, done.stderr
    return {(name, frozenset(labels.items())): number for name, labels, number in json.loads(done.stdout)}


@root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is not installed")
def test_what_another_user_is_denied_is_absent_and_said() -> None:
    """CPU and memory are for everybody; I/O is not, and 0 would be wrong. Whose port it is cannot be told either."""
    with TemporaryDirectory() as name, serving("denying-server") as server:
        folder = Path(name)
        server.tell("burn", 0.2)
        port = int(server.tell("listen"))
        series = as_nobody(folder, command="denying-server")
        assert value(series, "up") == 1
        assert value(series, "cpu_seconds_total") == pytest.approx(server.spent, abs=0.05)
        assert value(series, "resident_memory_bytes") == pytest.approx(psutil.Process(server.pid).memory_info().rss, rel=0.05)
        assert (reason(series, "io"), reason(series, "network")) == ("denied", "denied")
        assert total(series, "model_process_read_bytes_total") is None
        assert total(series, "model_process_network_receive_bytes_total") is None
        if reason(series, "fds") == "ok":  # from Linux 6.2 on, for everybody
            assert value(series, "open_fds") == psutil.Process(server.pid).num_fds()
        else:
            assert total(series, "model_process_open_fds") is None
        series = as_nobody(folder, port=port)
        assert (value(series, "up"), reason(series, "process")) == (0, "denied")


@root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_a_network_namespace_of_its_own_has_bytes(tmp_path: Path, pid_file: Path) -> None:
    """Without its loopback, none here: the namespace has no other device."""
    with serving(before=("unshare", "--net")) as server:
        pid_file.write_text(str(server.pid))
        series = look(poll_of(tmp_path, pid_file=str(pid_file)))
    assert reason(series, "network") == "ok"
    assert (value(series, "network_receive_bytes_total"), value(series, "network_transmit_bytes_total")) == (0, 0)


def stopped(server: Server) -> None:
    """Stop a server, so that it cannot change meanwhile."""
    os.kill(server.pid, signal.SIGSTOP)


def test_a_stopped_server_is_there(tmp_path: Path, pid_file: Path) -> None:
    """Whether it answers is for what its predictions say."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        stopped(server)
        assert value(look(poll_of(tmp_path, pid_file=str(pid_file))), "up") == 1


def test_damaged_counters_begin_anew(tmp_path: Path, pid_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and nothing fails; so it is where they are of another way to find the server, which needs no word."""
    with serving() as server:
        pid_file.write_text(str(server.pid))
        look(poll_of(tmp_path, pid_file=str(pid_file)))
        kept = tmp_path / "state" / "process-m.json"
        for damage in ("", "[]", "{}", kept.read_text()[:-9], kept.read_text().replace('"cpu"', '"cpu": null, "x"', 1)):
            kept.write_text(damage)
            caplog.clear()
            series = look(poll_of(tmp_path, pid_file=str(pid_file)))
            assert value(series, "cpu_seconds_total") == pytest.approx(server.spent, abs=0.05)
            assert "begin anew" in caplog.text
        caplog.clear()
        assert value(look(poll_of(tmp_path, command="model-server")), "up") == 1
        assert "begin anew" not in caplog.text
