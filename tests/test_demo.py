"""The demo: what it says, when its story happens, and that its log is counted over rotations."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from prediction_exporter import cli
from prediction_exporter.demo.credit_risk import Drift
from prediction_exporter.demo.narrator import Narrator, readable
from prediction_exporter.demo.pace import Pace
from prediction_exporter.demo.service import KEPT, serve
from prediction_exporter.demo.show import PATIENCE_SECONDS, Show
from prediction_exporter.demo.sinks import SlackMessage
from prediction_exporter.demo.stack import prepare
from prediction_exporter.demo.story import Notice, Story
from prediction_exporter.errors import PredictionExporterError
from processes import Exporter

WHOLE = Story(breaks=60, mends=120, drifts=150, worsens=150)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Terminal(io.StringIO):
    """An output that takes itself for a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def slack(notice: Notice) -> SlackMessage:
    """Return a message as Alertmanager posts it."""
    state, color = ("RESOLVED", "good") if notice.resolved else ("WARNING", "warning")
    title = f"[{state}] credit-risk: {notice.alert}"
    return SlackMessage(notice.channel, {"channel": notice.channel, "attachments": [{"title": title, "color": color}]})


def test_messages_do_not_mix() -> None:
    """Many threads tell at once, and each message stands as one block."""
    output = io.StringIO()
    narrator = Narrator(output)
    told = [
        threading.Thread(target=narrator.say, args=(f"from {name}", [f"{name} {line}" for line in range(50)]))
        for name in range(8)
    ]
    for thread in told:
        thread.start()
    for thread in told:
        thread.join()
    blocks = output.getvalue().strip().split("\n\n")
    assert len(blocks) == 8
    for block in blocks:
        head, *lines = block.splitlines()
        name = head.split()[-1]
        assert lines == [f"       | {name} {line}" for line in range(50)]


def test_what_is_waited_for_leaves_no_trace() -> None:
    """On a terminal it is wiped before anything else is printed; in a file it does not appear."""
    terminal, file = Terminal(), io.StringIO()
    for output in (terminal, file):
        narrator = Narrator(output, Clock())
        narrator.wait_for("income goes missing, in 0:10")
        narrator.say("income goes missing")
    assert terminal.getvalue() == " 0:00  income goes missing, in 0:10\r\033[K 0:00  income goes missing\n"
    assert file.getvalue() == " 0:00  income goes missing\n"


def test_a_message_is_read_as_in_slack() -> None:
    """Links by their names with the address on a line of its own, and characters that Slack wants escaped as they are."""
    text = "PSI &gt; 0.2 &amp; more\nOwner: risk-ds · <http://a/?x=1&amp;y=2|Runbook> · <http://b|Silence>"
    assert readable(text) == [
        "PSI > 0.2 & more",
        "Owner: risk-ds · Runbook · Silence",
        "  Runbook: http://a/?x=1&y=2",
        "  Silence: http://b",
    ]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, Drift()),
        (60, Drift(income_missing=0.8)),
        (120, Drift()),
        (150, Drift(loan_factor=1.6, surprising=0.6)),
        (9e9, Drift(loan_factor=1.6, surprising=0.6)),
    ],
)
def test_what_differs_when(seconds: float, expected: Drift) -> None:
    """Income is missing for a while; the drift stays, and so do surprises."""
    assert WHOLE.at(seconds) == expected


def test_the_story_follows_the_pace() -> None:
    """At half the speed everything happens after twice the time; what is given stays, and the rest goes on from it."""
    assert Story.at_pace(Pace()) == WHOLE
    assert Story.at_pace(Pace(0.5)) == Story(breaks=120, mends=240, drifts=300, worsens=300)
    assert Story.at_pace(Pace(), breaks=200) == Story(breaks=200, mends=260, drifts=290, worsens=290)
    assert Story.at_pace(Pace(2), breaks=0, mends=7, drifts=5) == Story(breaks=0, mends=7, drifts=5, worsens=5)


@pytest.fixture
def show(tmp_path: Path) -> tuple[Show, Clock, io.StringIO]:
    """A show of the whole story, the clock that it goes by, and what it prints."""
    clock, output = Clock(), io.StringIO()
    return Show(Narrator(output, clock), WHOLE, Pace(), tmp_path), clock, output


def test_the_opening_says_what_happens_when(show: tuple[Show, Clock, io.StringIO]) -> None:
    """Each event and the message that follows, in the order of time, and the end."""
    told, _, output = show
    told.open(50)
    found = re.findall(r"^ +(\d+):(\d\d) ", output.getvalue(), re.MULTILINE)
    times = [int(minutes) * 60 + int(seconds) for minutes, seconds in found]
    assert times == sorted(times)
    assert times[:4] == [0, 60, 120, 150]
    for notice in (
        "ModelMissingValues to #data-eng",
        "RESOLVED ModelMissingValues to #data-eng",
        "ModelFeatureDrift to #risk-models",
        "ModelPerformanceDrop to #risk-models",
    ):
        assert f": {notice}, in Slack and by mail\n" in output.getvalue()
    assert "the story is over" in output.getvalue().splitlines()[-2]


def closing(show: tuple[Show, Clock, io.StringIO], seconds: float) -> str:
    """Return what is said of the end at a time, nothing while it has not come."""
    told, clock, output = show
    clock.now = seconds
    stopping = threading.Event()
    threading.Timer(0.5, stopping.set).start()
    told.run(stopping, None)
    return re.sub(r"\n +\| ", " ", output.getvalue().partition("the story is over")[2])


def test_the_end_comes_with_the_last_message(show: tuple[Show, Clock, io.StringIO]) -> None:
    """Not before it, and with what to look at next."""
    told, _, _ = show
    told.notified = True
    told.sights.append("Every alert and its rule: http://127.0.0.1:1/alerts")
    *first, last = WHOLE.acts(Pace())
    for act in first:
        told.take_slack(slack(act.notice))
    assert closing(show, last.due) == ""
    told.take_slack(slack(last.notice))
    assert "http://127.0.0.1:1/alerts" in closing(show, last.due)
    assert "not come" not in closing(show, last.due)


def test_a_message_that_does_not_come_is_named(show: tuple[Show, Clock, io.StringIO], tmp_path: Path) -> None:
    """The demo does not wait for ever, and says where to look."""
    told, _, _ = show
    told.notified = True
    *first, last = WHOLE.acts(Pace())
    for act in first:
        told.take_slack(slack(act.notice))
    assert f"not come: {last.notice}; see {tmp_path}/*.log" in closing(show, last.due + PATIENCE_SECONDS)


def test_without_servers_the_end_comes_by_the_clock(show: tuple[Show, Clock, io.StringIO]) -> None:
    """Where nobody can be notified, no message is waited for."""
    last = WHOLE.acts(Pace())[-1]
    assert closing(show, last.due - 1) == ""
    assert "What to look at next" in closing(show, last.due)


def test_a_mail_is_kept_to_be_looked_at(show: tuple[Show, Clock, io.StringIO], tmp_path: Path) -> None:
    """Its page as a file, whose address is told."""
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "data-eng@example.com", "[WARNING] credit-risk: ModelMissingValues"
    mail.set_content("plain")
    mail.add_alternative("<p>income</p>", subtype="html")
    told, _, output = show
    told.take_mail(mail)
    assert (tmp_path / "mails/1.html").read_text() == "<p>income</p>\n"
    assert "MAIL to data-eng@example.com\n       | [WARNING] credit-risk: ModelMissingValues\n" in output.getvalue()
    assert str(tmp_path / "mails/1.html") in output.getvalue()


@pytest.mark.parametrize("speed", ["0", "5", "fast", "nan"])
def test_a_speed_that_cannot_be_kept_is_refused(speed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what is allowed."""
    with pytest.raises(SystemExit):
        cli.main(["demo", "--speed", speed])
    assert f"'{speed}' is not a number from 0.1 to 4" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
@pytest.mark.parametrize(
    ("command", "flag", "what"),
    [
        (["kit", "--config.file", "c", "--output", "k"], "--time-scale", "a number above 0"),
        (["demo-service", "--log", "l"], "--rate", "a number above 0"),
        (["demo-service", "--log", "l"], "--break-after", "a number of seconds"),
        (["demo"], "--duration", "a number of seconds"),
    ],
)
def test_a_number_that_none_can_be_is_refused(
    command: list[str], flag: str, what: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is done; only a time may be zero."""
    if value == "0" and "seconds" in what:
        assert cli.parser().parse_args([*command, flag, value])
        return
    with pytest.raises(SystemExit):
        cli.main([*command, f"{flag}={value}"])
    assert f"argument {flag}: '{value}' is not {what}\n" in capsys.readouterr().err


def test_no_place_for_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the place of a folder is told and named, as is a folder in the place of the log."""
    taken = tmp_path / "taken"
    taken.touch()
    with pytest.raises(PredictionExporterError, match=f"^{re.escape(str(taken))}: cannot be made a folder: "):
        prepare(taken, slack_url="http://127.0.0.1:1", smtp_port=1, exporter_port=1, pace=Pace())
    for log, blocked in ((taken / "a.log", taken), (tmp_path, tmp_path)):
        assert cli.main(["demo-service", "--log", str(log)]) == 2
        assert capsys.readouterr().err.startswith(f"--log: {blocked}: cannot be written: ")


def test_income_is_not_back_before_it_went_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The times are named."""
    assert cli.main(["demo", "--break-after", "100", "--mend-after", "90"]) == 2
    assert capsys.readouterr().err == "income cannot be back after 90 s: it goes missing after 100 s\n"


def test_the_demo_runs_without_servers(tmp_path: Path) -> None:
    """Where no Prometheus is installed it says so, shows the exporter, and ends when told."""
    environ = {**os.environ, "PATH": str(tmp_path)}
    command = [sys.executable, "-m", "prediction_exporter", "demo", "--directory", str(tmp_path / "demo"), "--speed", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "the model service answers 200 applications a second" in line:
                process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    text = "".join(lines)
    assert re.search(r"^  exporter +http://127\.0\.0\.1:\d+/$", text, re.MULTILINE)
    assert "no `prometheus` on the PATH" in text
    assert text.endswith("stopping\n")


def test_a_demo_of_before_is_not_gone_on_with(tmp_path: Path) -> None:
    """Its drift would be the beginning of this one; nothing of it is touched."""
    (tmp_path / "predictions.jsonl").write_text("of before\n")
    with pytest.raises(PredictionExporterError, match="is there from an earlier demo"):
        prepare(tmp_path, slack_url="http://127.0.0.1:1", smtp_port=1, exporter_port=1, pace=Pace())
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.jsonl"]


def test_any_folder_will_do(tmp_path: Path) -> None:
    """Also one whose name means something to YAML or to the configuration."""
    folder = tmp_path / 'a #1: "$HOME" & more'
    paths, config = prepare(folder, slack_url="http://127.0.0.1:1", smtp_port=1, exporter_port=1, pace=Pace(0.5))
    assert config.state_dir == folder / "state"
    assert config.models[0].baseline == paths.baseline
    assert config.models[0].predictions.source.shown == str(paths.log)
    assert [str(window) for window in config.windows] == ["2m", "48m"]


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[Exporter]:
    """An exporter on the log of the demo's service."""
    config = tmp_path / "exporter.yml"
    config.write_text(
        f"""
state_dir: {tmp_path}/state
interval: 1s
owners: {{me: {{email: me@example.com}}}}
models: [{{name: credit-risk, owner: me, maturity: 0, predictions: {{log: {{path: {tmp_path}/log.jsonl, start: beginning}}}}}}]
"""
    )
    process = Exporter(config)
    yield process
    process.stop()


def test_a_rotated_log_is_counted_exactly(exporter: Exporter, tmp_path: Path) -> None:
    """Every prediction that the service logged, over several rotations of which not all files are kept."""
    stopping = threading.Event()
    logged: list[int] = []

    def run() -> None:
        logged.append(serve(tmp_path / "log.jsonl", rate=300, story=Story(), stopping=stopping, rotate_at=400_000))

    rotated = tmp_path / "log.jsonl.1"
    seen: set[int] = set()

    def often() -> bool:
        if rotated.exists():
            seen.add(rotated.stat().st_ctime_ns)  # a rename changes it
        return len(seen) > KEPT + 1

    exporter.start()
    service = threading.Thread(target=run)
    service.start()
    try:
        exporter.wait_for(often, "rotated often enough")
    finally:
        stopping.set()
        service.join()
    assert {path.name for path in tmp_path.glob("log.jsonl*")} <= {"log.jsonl", "log.jsonl.1", "log.jsonl.2"}
    exporter.wait_for(lambda: exporter.total("prediction_exporter_events_total") >= logged[0], "everything is read")
    assert exporter.total("prediction_exporter_events_total") == logged[0] > 0
    assert exporter.total("prediction_exporter_events_rejected_total") == 0
