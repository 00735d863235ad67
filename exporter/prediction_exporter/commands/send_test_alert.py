"""``prediction-exporter send-test-alert``: see that messages reach an owner, before there is something to tell."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from prediction_exporter.commands.numbers import above_zero

FOUND = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser(
        "send-test-alert",
        help="send an owner a test through the running Alertmanager",
        description="Send a test alert through the running Alertmanager to the real channels of an owner. Each of its texts "
        "says that it is a test, and it is resolved at once. Exit code 0 where every channel sent it, 1 where it goes "
        "elsewhere, is silenced, is not sent or nobody can tell, 2 where Alertmanager cannot be reached or there is no such "
        "owner.",
    )
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    parser.add_argument("--owner", required=True, metavar="NAME", help="the owner, as the configuration names it")
    parser.add_argument(
        "--alertmanager.url",
        dest="url",
        default="http://localhost:9093",
        metavar="URL",
        help="address of Alertmanager (default: %(default)s)",
    )
    parser.add_argument(
        "--http.config.file",
        dest="http_file",
        type=Path,
        metavar="FILE",
        help="how to get in: basic auth, a token, certificates",
    )
    parser.add_argument(
        "--severity",
        choices=("critical", "warning"),
        default="warning",
        help="of the alert; a critical one goes to critical_copies too (default: %(default)s)",
    )
    parser.add_argument(
        "--wait",
        type=above_zero,
        default=20.0,
        metavar="SECONDS",
        help="how long to wait for the messages to be sent (default: %(default)g)",
    )
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Send it, and say what became of it."""
    from prediction_exporter import config  # here: `--help` need not wait for it
    from prediction_exporter.kit.http_config import read_http_config
    from prediction_exporter.kit.running import Alertmanager
    from prediction_exporter.kit.trial import send_test_alert

    loaded = config.load(options.config_file)
    http = None if options.http_file is None else read_http_config(options.http_file)
    running = Alertmanager(options.url, http)
    outcome = send_test_alert(loaded, options.owner, options.severity, running, seconds=options.wait)
    for line in outcome.told:
        print(line)
    for line in outcome.wrong:
        print(line, file=sys.stderr)
    return FOUND if outcome.wrong else 0
