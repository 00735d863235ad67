"""``prediction-exporter demo``: a model service with a story, the exporter, and what watches it, on this machine alone."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.commands.demo_service import add_story

if TYPE_CHECKING:
    from prediction_exporter.demo.service import Story
    from prediction_exporter.demo.sinks import SlackMessage


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "demo",
        help="see it work: a model service, a story of drift, the exporter and its alerts",
        description="Run a model service with traffic, the exporter on its log and, where their binaries are installed, "
        "Prometheus and Alertmanager with the shipped rules and routes. An hour is a minute here. Ctrl-C ends all.",
    )
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where files go (default: one that is removed)")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="end by itself after so long")
    add_story(parser)
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Run everything until interrupted."""
    from prediction_exporter.demo.service import Story, serve

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    story = Story(None, None) if options.quiet else Story(options.breaks, options.drifts)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:4.0f} s] {text}", flush=True)

    with ExitStack() as stack:
        folder = options.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prediction-exporter-demo-")))
        log = _start(stack, folder.resolve(), say)
        service = threading.Thread(
            target=serve, args=(log,), kwargs={"rate": options.rate, "story": story, "stopping": stopping}, name="service"
        )
        service.start()
        stack.callback(service.join)
        stack.callback(stopping.set)
        say(f"the model service answers {options.rate:g} applications a second and logs them to {log}")
        _tell(story, stopping, say, options.duration)
        say("stopping")
    return 0


def _start(stack: ExitStack, folder: Path, say: Callable[[str], None]) -> Path:
    """Start everything but the service; return the path of its log."""
    from prediction_exporter.demo import stack as processes
    from prediction_exporter.demo.sinks import LOOPBACK, SlackSink, free_port

    slack = stack.enter_context(SlackSink(lambda message: say(_slack_text(message))))
    paths, _ = processes.prepare(folder, slack_url=slack.url, smtp_port=_start_mail(stack, say))
    exporter_port = free_port()
    stack.enter_context(processes.exporter(paths, exporter_port))
    say(f"exporter      http://{LOOPBACK}:{exporter_port}/  (the page shows each column beside its baseline)")
    say(f"metrics       http://{LOOPBACK}:{exporter_port}/metrics")
    if processes.prometheus_binary() is None:
        say("no `prometheus` on the PATH: no rules are evaluated; install it (Debian: prometheus) to see the alerts")
        return paths.log
    alertmanager_port = None
    if processes.alertmanager_binary() is None:
        say("no `alertmanager` on the PATH: nobody is notified; install it (Debian: prometheus-alertmanager)")
    else:
        alertmanager_port = free_port()
        stack.enter_context(processes.alertmanager(paths, alertmanager_port))
        say(f"Alertmanager  http://{LOOPBACK}:{alertmanager_port}/")
    port = free_port()
    stack.enter_context(processes.prometheus(paths, port, exporter_port=exporter_port, alertmanager_port=alertmanager_port))
    say(f"Prometheus    http://{LOOPBACK}:{port}/alerts")
    return paths.log


def _start_mail(stack: ExitStack, say: Callable[[str], None]) -> int:
    from prediction_exporter.demo.sinks import MailSink, free_port

    if importlib.util.find_spec("aiosmtpd") is None:
        say("no mailbox: install prediction-exporter[demo] to see the mails too")
        return free_port()
    return stack.enter_context(MailSink(lambda message: say(_mail_text(message)))).port


def _tell(story: Story, stopping: threading.Event, say: Callable[[str], None], duration: float | None) -> None:
    """Say what is about to happen, when it happens, until told to stop."""
    from prediction_exporter.demo.service import LOAN_FACTOR

    events = [
        (story.breaks, "income goes missing from most applications: watch for ModelMissingValues, to #data-eng"),
        (story.drifts, f"applicants ask for {LOAN_FACTOR:g} times the amount: watch for ModelFeatureDrift, to #risk-models"),
    ]
    planned = sorted((at, text) for at, text in events if at is not None)
    for at, text in planned:
        say(f"in {at:.0f} s {text}")
    began = time.monotonic()
    end = began + duration if duration is not None else None
    while not stopping.is_set() and (end is None or time.monotonic() < end):
        if planned and time.monotonic() - began >= planned[0][0]:
            say(f"now {planned.pop(0)[1]}")
        stopping.wait(0.2)


def _slack_text(message: SlackMessage) -> str:
    return f"SLACK to {message.channel}\n" + "\n".join(f"       | {line}" for line in message.text.splitlines())


def _mail_text(message: EmailMessage) -> str:
    return f"MAIL to {message['To']}: {message['Subject']}"
