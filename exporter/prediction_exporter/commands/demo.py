"""``prediction-exporter demo``: a model service with a story, the exporter, and what watches it, on this machine alone."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from prediction_exporter.commands.demo_service import RATE, add_story, told
from prediction_exporter.commands.numbers import seconds

if TYPE_CHECKING:
    from prediction_exporter.demo.narrator import Narrator
    from prediction_exporter.demo.pace import Pace
    from prediction_exporter.demo.show import Show
    from prediction_exporter.demo.stack import Paths

SLOWEST, FASTEST = 0.1, 4.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "demo",
        help="see it work: a model service, a story of drift, the exporter and its alerts",
        description="Run a model service with traffic, the exporter on its log and, where their binaries are installed, "
        "Prometheus and Alertmanager with the shipped rules and routes. An hour is a minute here. Ctrl-C ends all.",
    )
    parser.add_argument("--directory", type=Path, metavar="DIR", help="where files go (default: one that is removed)")
    parser.add_argument("--duration", type=seconds, metavar="SECONDS", help="end by itself after so long")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help=f"run so many times faster: {SLOWEST:g} to {FASTEST:g} (default 1: an hour is a minute)",
    )
    add_story(parser)
    parser.set_defaults(function=run)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {SLOWEST:g} to {FASTEST:g}")
    return speed


def run(options: argparse.Namespace) -> int:
    """Run everything until interrupted."""
    from prediction_exporter.demo.narrator import Narrator
    from prediction_exporter.demo.pace import Pace
    from prediction_exporter.demo.service import serve
    from prediction_exporter.demo.show import Show

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    pace = Pace(options.speed)
    story = told(options, pace)
    rate = options.rate or RATE * pace.speed
    narrator = Narrator(sys.stdout)
    with ExitStack() as stack:
        folder = options.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prediction-exporter-demo-")))
        show = Show(narrator, story, pace, folder.resolve())
        show.open(rate)
        paths = _start(stack, folder.resolve(), show, narrator, pace)
        more = {"rate": rate, "story": story, "stopping": stopping, "outcomes": paths.outcomes, "soon": pace.soon}
        service = threading.Thread(target=serve, args=(paths.log,), kwargs=more, name="service")
        narrator.restart()
        service.start()
        stack.callback(service.join)
        stack.callback(stopping.set)
        narrator.say(f"the model service answers {rate:g} applications a second; its log is {paths.log}")
        show.run(stopping, options.duration)
        narrator.say("stopping")
    return 0


def _start(stack: ExitStack, folder: Path, show: Show, narrator: Narrator, pace: Pace) -> Paths:
    """Start everything but the service; return where its files are."""
    from prediction_exporter.demo import stack as processes
    from prediction_exporter.demo.sinks import LOOPBACK, SlackSink, free_port
    from prediction_exporter.kit.figures import PSI

    def started(name: str, process: processes.Process, port: int, path: str = "/") -> str:
        narrator.wait_for(f"starting {name} ...")
        stack.enter_context(process)
        address = f"http://{LOOPBACK}:{port}"
        narrator.plain(f"  {name:14}{address}{path}")
        return address

    narrator.wait_for("building the baseline from training data ...")
    slack = stack.enter_context(SlackSink(show.take_slack))
    mail_port = _start_mail(stack, show, narrator)
    port, exporter_port, alertmanager_port = free_port(), free_port(), free_port()
    paths, _ = processes.prepare(folder, slack_url=slack.url, smtp_port=mail_port, exporter_port=exporter_port, pace=pace)
    address = started("exporter", processes.exporter(paths, exporter_port), exporter_port)
    show.sights.append(f"Each column beside its baseline, loan_amount first of all: {address}/")
    if processes.prometheus_binary() is None:
        narrator.plain(
            "  no `prometheus` on the PATH: no rules are evaluated; install it (Debian: prometheus) to see the alerts"
        )
        return paths
    show.notified = processes.alertmanager_binary() is not None
    if show.notified:
        address = started("Alertmanager", processes.alertmanager(paths, alertmanager_port), alertmanager_port)
        show.sights.append(f"Who was told of what, and how to silence it: {address}/")
    else:
        narrator.plain("  no `alertmanager` on the PATH: nobody is told; install it (Debian: prometheus-alertmanager)")
    server = processes.prometheus(
        paths,
        port,
        exporter_port=exporter_port,
        alertmanager_port=alertmanager_port if show.notified else None,
        pace=pace,
    )
    address = started("Prometheus", server, port, "/alerts")
    drift = PSI.over.where(column="loan_amount")
    show.sights.append(f"The drift over its threshold: {address}/graph?{urlencode({'g0.expr': drift, 'g0.tab': 0})}")
    show.sights.append(f"Every alert and its rule: {address}/alerts")
    narrator.plain("")
    return paths


def _start_mail(stack: ExitStack, show: Show, narrator: Narrator) -> int:
    from prediction_exporter.demo.sinks import MailSink, free_port

    if importlib.util.find_spec("aiosmtpd") is None:
        narrator.plain("  no mailbox: install prediction-exporter[demo] to see the mails too")
        return free_port()
    return stack.enter_context(MailSink(show.take_mail)).port
