"""Notes on alarms: the real command appends them, and the real exporter counts each once."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from prediction_exporter.cli import main
from prediction_exporter.collectors.notes import ALARMS, NOTES_REJECTED
from prediction_exporter.collectors.switches import Switches
from prediction_exporter.counting.state import State
from prediction_exporter.kit.alerts import ALERTS as KIT_ALERTS
from prediction_exporter.monitor.notes import STORED_AS
from prediction_exporter.notes.file import NOTES_NAME
from prediction_exporter.notes.names import ALERTS, NO_ALERT, VERDICTS
from prediction_exporter.notes.verdicts import MOST_IDS, REASONS
from processes import Exporter
from running import Running
from watched import Series, Watched, config_text, model_text

Start = Callable[..., Exporter]
Alarm = tuple[str, str, str]  # model, alert, verdict

DRIFT = "ModelFeatureDrift"
WRITERS = 20

TWO = (model_text("fraud", more="maturity: 0"), model_text("churn", "b.log", more="maturity: 0"))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A folder with two models, in real time."""
    watched = Watched.live(tmp_path)
    watched.configure(config_text(*TWO))
    (tmp_path / "state").mkdir()
    return watched


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """Its monitor, with real threads."""
    running = Running(tmp_path)
    yield running
    running.stop()


def command(watched: Watched, *arguments: str) -> subprocess.Popen[str]:
    """Start the command."""
    line = [sys.executable, "-m", "prediction_exporter", "note", "--config.file", str(watched.file), *arguments]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def note(watched: Watched, *arguments: str) -> tuple[int, str, str]:
    """Run the command, here in this process; return its exit code and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main(["note", "--config.file", str(watched.file), *arguments])
        except SystemExit as ended:
            code = int(str(ended.code))
    return code, out.getvalue(), err.getvalue()


def file_of(watched: Watched) -> Path:
    """Return the file of notes."""
    return watched.folder / "state" / NOTES_NAME


def write(watched: Watched, *notes: Mapping[str, object] | str) -> None:
    """Append lines by hand, as other tools do."""
    with file_of(watched).open("a") as file:
        file.writelines((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in notes)


def series(exporter: Exporter | Running) -> Series:
    """Return what it shows now."""
    return exporter.metrics(("notes",)) if isinstance(exporter, Exporter) else exporter.series


def alarms(exporter: Exporter | Running) -> dict[Alarm, int]:
    """Return the alarms that were judged, by model, alert and verdict."""
    found = [(dict(labels), value) for (name, labels), value in series(exporter).items() if name == str(ALARMS) and value]
    return {(of["model"], of["alert"], of["verdict"]): int(value) for of, value in found}


def rejected(exporter: Exporter | Running) -> dict[str, int]:
    """Return the lines that count for no model, by reason."""
    found = {labels: value for (name, labels), value in series(exporter).items() if name == str(NOTES_REJECTED) and value}
    return {dict(labels)["reason"]: int(value) for labels, value in found.items()}


def counts(exporter: Exporter | Running, expected: Mapping[Alarm, int]) -> None:
    """Wait for these alarms; fail where there are others in the end."""
    total = sum(expected.values())
    if isinstance(exporter, Exporter):
        exporter.wait_for(lambda: sum(alarms(exporter).values()) >= total, f"counted: {expected}")
    else:
        exporter.wait(lambda: sum(alarms(exporter).values()) >= total)
    assert alarms(exporter) == expected


# The command


def test_what_the_command_says_is_what_the_exporter_counts(watched: Watched, start_exporter: Start) -> None:
    """All verdicts of all alerts begin at 0; what is noted before the start, and of a second model, is there too."""
    assert note(watched, "fraud", "--verdict", "true")[0] == 0
    exporter = start_exporter(watched.file)
    every = 2 * (1 + len(ALERTS)) * len(VERDICTS)
    exporter.wait_for(lambda: [name for name, _ in exporter.metrics(("notes",))].count("model_alarms_total") == every, "a look")
    counts(exporter, {("fraud", NO_ALERT, "true"): 1})
    code, out, err = note(
        watched, "--verdict", "false", "churn", "--alert", DRIFT, "--column", "income", "--at", "2026-05-04T09:30+02:00",
        "--by", "ada", "--comment", "two\nlines \x1b[31m ü",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out == f"noted in {file_of(watched)}: churn {DRIFT} at 2026-05-04T07:30:00Z: false\n"
    counts(exporter, {("fraud", NO_ALERT, "true"): 1, ("churn", DRIFT, "false"): 1})
    line = json.loads(file_of(watched).read_text().splitlines()[-1])
    assert line["comment"] == "two lines \ufffd[31m ü"
    assert {line[name] for name in ("model", "alert", "column", "verdict", "by")} == {"churn", DRIFT, "income", "false", "ada"}
    listed = note(watched, "--list")[1].splitlines()
    assert [row.split()[1] for row in listed] == ["model", "churn", "fraud"]
    assert [row.split()[1] for row in note(watched, "--list", "fraud")[1].splitlines()] == ["model", "fraud"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("fruad", "--verdict", "true"), 'no model is called "fruad"; did you mean fraud? (there is: fraud, churn)'),
        (("--list", "fruad"), 'no model is called "fruad"; did you mean fraud?'),
        (("--verdict", "true"), "which model? (there is: fraud, churn)"),
        (
            ("fraud", "--verdict", "maybe"),
            "invalid choice: 'maybe' (choose from 'true', 'false', 'expected')",
        ),
        (("fraud", "--verdict", "true", "--alert", "ModelFeatureDrif"), "did you mean ModelFeatureDrift?"),
        (("fraud",), "one of the arguments --verdict --list is required"),
        (("fraud", "--verdict", "true", "--at", "tomorrow"), '"tomorrow" is no time; allowed: a time such as 2026-'),
        (("fraud", "--verdict", "true", "--at", "2999-01-01"), "has not come yet"),
        (("fraud", "--verdict", "true", "--comment", 501 * "x"), "the comment has 501 characters; allowed: at most 500"),
    ],
)
def test_what_cannot_be_meant_is_refused(watched: Watched, arguments: tuple[str, ...], told: str) -> None:
    """With what is allowed; nothing is appended."""
    code, out, err = note(watched, *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert not file_of(watched).exists()


def test_a_file_that_cannot_be_written_is_told(watched: Watched) -> None:
    """With what to do about it."""
    file_of(watched).mkdir()
    assert note(watched, "fraud", "--verdict", "true") == (
        2, "", f"{file_of(watched)}: cannot be written, nothing is noted: Is a directory\n",
    )  # fmt: skip
    file_of(watched).rmdir()
    file_of(watched).parent.rmdir()
    assert "the folder is made when the exporter starts" in note(watched, "fraud", "--verdict", "true")[2]


def test_a_user_without_a_name(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a container is."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 3_999_999)
    assert note(watched, "fraud", "--verdict", "true")[0] == 0
    assert "by" not in json.loads(file_of(watched).read_text())


def test_many_writers_at_once(watched: Watched, start_exporter: Start) -> None:
    """Lines are whole, and each counts: those of commands, and those of threads that append as the command does."""
    exporter = start_exporter(watched.file)
    started = [command(watched, "fraud", "--verdict", "true", "--comment", 500 * "ü") for _ in range(4)]
    threads = "\n".join(
        [
            "import sys; from concurrent.futures import ThreadPoolExecutor; from pathlib import Path",
            "from prediction_exporter.notes.file import append; from prediction_exporter.notes.note import make_note",
            "made = lambda: make_note(models=['churn'], model='churn', verdict='false', comment=500*'💸')",
            "def one(_): append(Path(sys.argv[1]), made())",
            f"list(ThreadPoolExecutor({WRITERS}).map(one, range(50)))",
        ]
    )
    others = [subprocess.Popen([sys.executable, "-c", threads, str(watched.folder / "state")]) for _ in range(2)]
    printed = [process.communicate(timeout=60) for process in started]
    assert all(out.startswith("noted in ") and not err for out, err in printed)
    assert {process.wait(60) for process in others} == {0}
    lines = [line for line in file_of(watched).read_text().splitlines() if line]
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 4 + 2 * 50
    counts(exporter, {("fraud", NO_ALERT, "true"): 4, ("churn", NO_ALERT, "false"): 100})
    assert not rejected(exporter)


def test_a_line_that_was_cut_short_costs_itself_alone(watched: Watched, running: Running) -> None:
    """A disk that was full in the middle of a line leaves no newline; the next note begins a line of its own."""
    file_of(watched).write_text('{"model": "fraud", "verd')
    assert note(watched, "fraud", "--verdict", "expected")[0] == 0
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "expected"): 1})
    assert rejected(running) == {"malformed": 1}


def test_the_names_of_alerts_are_those_of_the_kit() -> None:
    """What runs does not load the kit, so it has a list of its own: a new alert is added there too."""
    assert [alert.name for alert in KIT_ALERTS] == list(ALERTS)


# The reader


def test_each_note_counts_once_over_restarts_and_kills(watched: Watched, start_exporter: Start) -> None:
    """However often the exporter is killed while it reads, and whatever is written meanwhile."""
    expected = {("fraud", NO_ALERT, "true"): 0, ("churn", DRIFT, "false"): 0}
    exporter = start_exporter(watched.file)
    for turn in range(2):
        many = [{"model": "fraud", "verdict": "true"}, {"model": "churn", "verdict": "false", "alert": DRIFT, "id": f"i{turn}"}]
        write(watched, *(300 * many[:1]), many[1])
        expected["fraud", NO_ALERT, "true"] += 300
        expected["churn", DRIFT, "false"] += 1
        time.sleep(turn)  # before it reads, and, an interval being a second, about when it does
        exporter.kill()
        exporter.start()
    exporter.stop()
    exporter.start()
    counts(exporter, expected)
    assert not rejected(exporter)


def test_an_error_between_counting_and_storing_counts_nothing_twice(
    watched: Watched, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader is made anew from what was stored last; the models go on."""
    usual = State.commit
    failed: list[str] = []

    def commit(state: State, model: str, *arguments: Any, **more: Any) -> None:
        if model == STORED_AS and len(failed) < 2:
            failed.append(model)
            raise OSError("a defect")
        usual(state, model, *arguments, **more)

    write(watched, *5 * [{"model": "fraud", "verdict": "true"}])
    monkeypatch.setattr(State, "commit", commit)
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 5})
    assert len(failed) == 2
    running.stop()
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 5})


def test_a_file_that_is_rotated_deleted_and_truncated(watched: Watched, running: Running) -> None:
    """What was read does not count again, and what is written to the new file does."""
    running.start(*TWO)
    write(watched, {"model": "fraud", "verdict": "true", "comment": "first"})
    counts(running, {("fraud", NO_ALERT, "true"): 1})
    file_of(watched).unlink()
    write(watched, {"model": "fraud", "verdict": "true", "comment": "second"})
    counts(running, {("fraud", NO_ALERT, "true"): 2})
    file_of(watched).rename(file_of(watched).with_suffix(".jsonl.1"))
    write(watched, {"model": "fraud", "verdict": "true", "comment": "third"})
    counts(running, {("fraud", NO_ALERT, "true"): 3})
    running.stop()
    os.truncate(file_of(watched), 0)
    write(watched, {"model": "fraud", "verdict": "true", "comment": "and the fourth one, which is longer"})
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 4})


def test_a_file_that_is_copied_truncated_and_edited(watched: Watched, running: Running) -> None:
    """As logrotate does with copytruncate, and people do with an editor: what was noted does not count again."""
    running.start(*TWO)
    assert all(note(watched, "fraud", "--verdict", verdict)[0] == 0 for verdict in ("true", "false", "expected"))
    expected = {("fraud", NO_ALERT, verdict): 1 for verdict in ("true", "false", "expected")}
    counts(running, expected)
    new = file_of(watched).with_suffix(".new")
    new.write_text(file_of(watched).read_text().replace('"verdict":"false"', '"verdict":"true"'))
    new.rename(file_of(watched))
    assert note(watched, "churn", "--verdict", "true")[0] == 0
    counts(running, expected | {("churn", NO_ALERT, "true"): 1})
    shutil.copy2(file_of(watched), file_of(watched).with_suffix(".jsonl.1"))
    os.truncate(file_of(watched), 0)
    assert note(watched, "churn", "--verdict", "true")[0] == 0
    counts(running, expected | {("churn", NO_ALERT, "true"): 2})
    running.stop()
    running.start(*TWO)
    counts(running, expected | {("churn", NO_ALERT, "true"): 2})


def test_garbage_is_counted_by_its_reason_and_survived(watched: Watched, start_exporter: Start) -> None:
    """A line that counts for no model is told once with an example, and the next one counts."""
    exporter = start_exporter(watched.file)
    write(
        watched,
        *("?", "[]", '{"model": "fraud"}', '{"model": 1, "verdict": "true"}', 50_000 * "["),
        {"model": "fraud", "verdict": "true", "id": 65 * "x"},
        {"model": "fraud", "verdict": "true", "comment": 70_000 * "x"},
        {"model": "gone", "verdict": "true"},
        {"model": "fraud", "verdict": "perhaps"},
        {"model": "fraud", "verdict": "true", "alert": "Mine"},
        {"model": "fraud", "verdict": "true", "id": "twice"},
        "",
        {"model": "fraud", "verdict": "true", "id": "twice"},
        '{"model": "churn", "verdict": false}',
    )
    with file_of(watched).open("ab") as file:
        file.write(b'{"model": "fraud", "verdict": "\xff"}\n\0\0\0\n{"model": "churn", "verdict": "false"}\n')
    counts(exporter, {("fraud", NO_ALERT, "true"): 1, ("churn", NO_ALERT, "false"): 2})
    found = {"malformed": 7, "oversized": 1, "unknown_model": 1, "unknown_verdict": 1, "unknown_alert": 1, "repeated": 1}
    assert rejected(exporter) == found
    assert set(found) == set(REASONS)
    log = exporter.log.read_text()
    for reason in REASONS:
        assert log.count(f"a line counts for no model ({reason}), such as") == 1


def test_ids_that_are_remembered_are_bounded(watched: Watched, running: Running) -> None:
    """So is the state; it is the last ones that come twice."""
    ids = [str(number) for number in range(2 * MOST_IDS)]
    write(watched, *({"model": "fraud", "verdict": "true", "id": each} for each in [*ids, ids[-1], ids[-MOST_IDS]]))
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 2 * MOST_IDS})
    running.stop()
    write(watched, {"model": "fraud", "verdict": "true", "id": ids[-1]}, {"model": "fraud", "verdict": "true", "id": "new"})
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 2 * MOST_IDS + 1})
    assert rejected(running) == {"repeated": 3}


def test_a_model_that_is_taken_out_takes_its_counts_along(watched: Watched, running: Running) -> None:
    """As all that is stored of it; the others' stay, and a note on it counts for nothing then."""
    write(watched, {"model": "fraud", "verdict": "true"}, {"model": "churn", "verdict": "true"})
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 1, ("churn", NO_ALERT, "true"): 1})
    both = watched.file.read_text()
    assert running.rewrite(config_text(TWO[0])) is None
    write(watched, {"model": "churn", "verdict": "true"})
    running.wait(lambda: rejected(running) == {"unknown_model": 1})
    assert alarms(running) == {("fraud", NO_ALERT, "true"): 1}
    assert running.rewrite(both) is None
    running.wait(lambda: running.total("model_alarms_total", model="churn") is not None)
    assert alarms(running) == {("fraud", NO_ALERT, "true"): 1}


def test_nothing_is_read_where_the_collector_is_off(watched: Watched, running: Running) -> None:
    """The notes are kept for when it is on."""
    write(watched, {"model": "fraud", "verdict": "true"})
    running.switches = Switches({"notes": False})
    running.start(*TWO)
    assert running.total("model_alarms_total") is None
    running.stop()
    running.switches = Switches()
    running.start(*TWO)
    counts(running, {("fraud", NO_ALERT, "true"): 1})


def test_a_file_that_cannot_be_read_is_tried_again(
    watched: Watched, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, it stops no model, and nothing is lost by it."""
    file_of(watched).symlink_to("loop")
    (file_of(watched).parent / "loop").symlink_to(NOTES_NAME)
    running.start(*TWO)
    running.wait(lambda: "the notes cannot be read" in caplog.text)
    file_of(watched).unlink()
    write(watched, {"model": "fraud", "verdict": "true"})
    counts(running, {("fraud", NO_ALERT, "true"): 1})
