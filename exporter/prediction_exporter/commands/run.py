"""``prediction-exporter run``: the exporter."""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from prediction_exporter import __version__
from prediction_exporter.commands.collector_flags import add_collector_flags, collector_flags
from prediction_exporter.logs import FORMATS, LEVELS, configure

logger = logging.getLogger(__name__)

DEFAULT_ADDRESS = ":10900"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser("run", help="run the exporter", description="Run the exporter until SIGTERM; SIGHUP reloads.")
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="ADDRESS",
        help=f"address to listen on, as :10900 or 127.0.0.1:10900; repeatable (default {DEFAULT_ADDRESS})",
    )
    parser.add_argument(
        "--web.telemetry-path", dest="telemetry_path", default="/metrics", metavar="PATH", help="path of the metrics"
    )
    parser.add_argument(
        "--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS and basic auth, as for other exporters"
    )
    parser.add_argument("--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload")
    parser.add_argument(
        "--log.level", dest="log_level", choices=tuple(LEVELS), default="info", help="least level (default info)"
    )
    parser.add_argument(
        "--log.format", dest="log_format", choices=FORMATS, default="logfmt", help="format of the log (default logfmt)"
    )
    add_collector_flags(parser)
    parser.set_defaults(function=run)


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it; what was read is committed."""
    configure(options.log_level, options.log_format)
    signals = _Signals()  # before anything that takes time: what arrives meanwhile is answered after it
    # Imported here: the other commands need none of it, and a wrong flag is told before anything is loaded.
    from prediction_exporter import config
    from prediction_exporter.collectors.switches import Switches
    from prediction_exporter.config import Config
    from prediction_exporter.counting.state import State
    from prediction_exporter.monitor.inspection import at_start
    from prediction_exporter.monitor.monitor import Monitor
    from prediction_exporter.web.landing import render_page
    from prediction_exporter.web.server import WebServer
    from prediction_exporter.web.site import Site
    from prediction_exporter.web.web_config import load_web_config

    switches = Switches(collector_flags(options))

    def load() -> Config:
        found = config.load(options.config_file)
        if found.series.exclude:  # else there is no need to know what the kit reads
            from prediction_exporter.kit.readers import refuse_excluded

            refuse_excluded(found)
        return found

    loaded = load()
    web_config = load_web_config(options.web_config) if options.web_config is not None else None
    state = State(loaded.state_dir)
    try:
        site = Site(snapshot=None, landing=bytes, ready=lambda: (False, "starting"))
        monitor = Monitor(loaded, state=state, publish=partial(setattr, site, "snapshot"), switches=switches)
        site.ready = monitor.ready
        site.landing = lambda: render_page(
            list(monitor.reports.values()),
            monitor.config,
            now=time.time(),
            telemetry_path=options.telemetry_path,
            problem=monitor.problem,
        )

        def reload() -> str | None:
            problem = monitor.reload(load, also=reload_web)
            if problem is None:
                _warn(at_start(monitor.config, options.config_file))
            return problem

        def reload_web() -> None:
            if options.web_config is not None:
                server.reload_web_config(load_web_config(options.web_config))

        server = WebServer(
            options.listen or [DEFAULT_ADDRESS],
            site,
            web_config=web_config,
            telemetry_path=options.telemetry_path,
            reload=reload if options.lifecycle else None,
        )
        server.start()
        try:
            monitor.start()
            _warn(at_start(loaded, options.config_file))
            logger.info("prediction-exporter %s listens on port %s", __version__, ", ".join(map(str, server.ports)))
            while signals.wait() == signal.SIGHUP:
                reload()
            logger.info("stopping")
            monitor.stop()
        finally:
            server.stop()
    finally:
        state.close()
    return 0


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        logger.warning("%s", warning)


class _Signals:
    """SIGHUP, SIGTERM and SIGINT, handed to the main thread in the order of their arrival.

    Their numbers come through a socket: a Python handler alone would not run while the main thread waits, where the signal
    arrived just before that or in another thread.
    """

    def __init__(self) -> None:
        self._arrived, self._arriving = socket.socketpair()
        self._arriving.setblocking(False)
        signal.set_wakeup_fd(self._arriving.fileno())
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)

    def wait(self) -> int:
        """Return the next signal."""
        return self._arrived.recv(1)[0]
