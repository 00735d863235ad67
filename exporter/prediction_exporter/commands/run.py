"""``prediction-exporter run``: the exporter."""

from __future__ import annotations

import argparse
import hashlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prediction_exporter.allocator import keep_few_heaps
from prediction_exporter.commands.collector_flags import add_collector_flags, collector_flags
from prediction_exporter.logs import FORMATS, LEVELS, configure
from prediction_exporter.version import this_build

if TYPE_CHECKING:  # see run
    from prediction_exporter.config import Config
    from prediction_exporter.counting.state import State
    from prediction_exporter.monitor.monitor import Monitor
    from prediction_exporter.web.prefix import Prefix
    from prediction_exporter.web.server import WebServer
    from prediction_exporter.web.site import Endpoint
    from prediction_exporter.web.web_config import WebConfig

logger = logging.getLogger(__name__)

DEFAULT_ADDRESS = ":10900"
DEFAULT_MAX_REQUESTS = 40
DEFAULT_BACKUP_SECONDS = 3600.0


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser."""
    parser = commands.add_parser("run", help="run the exporter", description="Run the exporter until SIGTERM; SIGHUP reloads.")
    parser.add_argument("--config.file", dest="config_file", type=Path, required=True, metavar="FILE", help="configuration")
    listening = parser.add_mutually_exclusive_group()
    listening.add_argument(
        "--web.listen-address",
        dest="listen",
        action="append",
        metavar="ADDRESS",
        help=f"address to listen on, as :10900 or 127.0.0.1:10900; repeatable (default {DEFAULT_ADDRESS})",
    )
    listening.add_argument(
        "--web.systemd-socket", dest="systemd_socket", action="store_true", help="listen on the sockets that systemd hands over"
    )
    parser.add_argument(
        "--web.telemetry-path", dest="telemetry_path", default="/metrics", metavar="PATH", help="path of the metrics"
    )
    parser.add_argument(
        "--web.external-url",
        dest="external_url",
        metavar="URL",
        help="how people reach it, through a proxy; its path is the default of --web.route-prefix",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        metavar="PATH",
        help="what every path begins with (default: the path of --web.external-url)",
    )
    parser.add_argument(
        "--web.max-requests",
        dest="max_requests",
        type=_max_requests,
        default=DEFAULT_MAX_REQUESTS,
        metavar="N",
        help=f"scrapes that are answered at a time; 0 is no limit (default {DEFAULT_MAX_REQUESTS})",
    )
    parser.add_argument(
        "--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS and basic auth, as for other exporters"
    )
    parser.add_argument(
        "--web.probes-without-password",
        dest="open_probes",
        action="store_true",
        help="answer /-/healthy and /-/ready without a password where --web.config.file asks for one",
    )
    parser.add_argument("--web.enable-lifecycle", dest="lifecycle", action="store_true", help="allow POST /-/reload")
    parser.add_argument(
        "--web.start-timestamps",
        dest="start_timestamps",
        action="store_true",
        help="tell OpenMetrics since when each counter counts (_created), so that first increments are not lost",
    )
    parser.add_argument(
        "--state.recover",
        dest="recover",
        action="store_true",
        help="go on with what is whole where the position in the state is damaged; such a model begins as if it were new",
    )
    parser.add_argument(
        "--state.backup-dir", dest="backup_dir", type=Path, metavar="DIR", help="where a copy of the state is kept for backups"
    )
    parser.add_argument(
        "--state.backup-interval",
        dest="backup_interval",
        type=_interval,
        default=DEFAULT_BACKUP_SECONDS,
        metavar="DURATION",
        help="how old that copy may grow, as 15m or 1d (default 1h)",
    )
    parser.add_argument(
        "--log.level", dest="log_level", choices=tuple(LEVELS), default="info", help="least level (default info)"
    )
    parser.add_argument(
        "--log.format", dest="log_format", choices=FORMATS, default="logfmt", help="format of the log (default logfmt)"
    )
    add_collector_flags(parser)
    parser.set_defaults(function=run)


def _max_requests(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'"{text}" is not a number of requests')
    return int(text)


def _interval(text: str) -> float:
    from prediction_exporter.config.units import Duration  # a light module, but its package is not

    try:
        seconds = Duration.parse(text).seconds
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not seconds:
        raise argparse.ArgumentTypeError("0 is no interval")
    return seconds


def run(options: argparse.Namespace) -> int:
    """Run until a signal ends it; what was read is committed."""
    configure(options.log_level, options.log_format)
    keep_few_heaps()  # before there are threads that have one
    signals = _Signals()  # before anything that takes time: what arrives meanwhile is answered after it
    # Imported here: the other commands need none of it, and a wrong flag is told before anything is loaded.
    from prediction_exporter.collectors.switches import Switches
    from prediction_exporter.counting.state import State
    from prediction_exporter.monitor.monitor import Monitor
    from prediction_exporter.monitor.stored import stored_names
    from prediction_exporter.web.prefix import prefix_of
    from prediction_exporter.web.server import WebServer
    from prediction_exporter.web.site import Site

    prefix = prefix_of(options.external_url, options.route_prefix)
    switches = Switches(*collector_flags(options))
    file = _ConfigurationFile(options.config_file)
    loaded = file.load()
    web_config = _web_config(options, loaded)
    names = stored_names(loaded)
    with closing(State(loaded.state_dir, models=names, recover=options.recover)) as state, _backups(state, options):
        site = Site(snapshot=None, landing=bytes, ready=lambda: (False, "starting"))
        monitor = Monitor(
            loaded,
            state=state,
            publish=partial(setattr, site, "snapshot"),
            switches=switches,
            start_timestamps=options.start_timestamps,
        )
        site.ready = monitor.ready
        site.landing = partial(_landing, monitor, options.telemetry_path)
        site.runbook = _runbook
        site.notes = partial(_notes_form, monitor, options.external_url)

        def reload() -> str | None:
            problem = monitor.reload(file.load, also=reload_web)
            if problem is None:
                file.tell(monitor.config)
            return problem

        def reload_web() -> None:
            server.reload_web_config(_web_config(options, file.loaded))

        server = WebServer(
            None if options.systemd_socket else options.listen or [DEFAULT_ADDRESS],
            site,
            web_config=web_config,
            telemetry_path=options.telemetry_path,
            prefix=prefix,
            max_requests=options.max_requests,
            open_probes=options.open_probes,
            reload=reload if options.lifecycle else None,
        )
        server.start()
        try:
            logger.info("prediction-exporter starts", extra=this_build()._asdict())
            file.tell(loaded)
            _tell_addresses(options, server, prefix)
            monitor.start()
            reloads = threading.Event()
            threading.Thread(target=_reload_always, args=(reloads, reload), name="reload", daemon=True).start()
            while signals.wait() == signal.SIGHUP:
                reloads.set()
            logger.info("stopping")
            monitor.stop()
        finally:
            server.stop()
    return 0


def _web_config(options: argparse.Namespace, loaded: Config) -> WebConfig | None:
    """Return what the web configuration file holds now, checked against the configuration."""
    from prediction_exporter.web.web_config import load_web_config, refuse_open_form  # here for the reason that run gives

    web_config = load_web_config(options.web_config) if options.web_config is not None else None
    refuse_open_form(loaded, web_config)
    return web_config


@contextmanager
def _backups(state: State, options: argparse.Namespace) -> Iterator[None]:
    """Write copies of the state meanwhile, where they are wanted."""
    from prediction_exporter.monitor.backups import Backups  # here for the reason that run gives

    if options.backup_dir is None:
        yield
        return
    backups = Backups(state, options.backup_dir, options.backup_interval)
    backups.start()
    try:
        yield
    finally:
        backups.stop()


def _reload_always(asked: threading.Event, reload: Callable[[], object]) -> None:
    """Reload whenever it is asked for, beside the main thread: SIGTERM must not wait for a source that hangs at a reload."""
    while True:
        asked.wait()
        asked.clear()
        reload()


class _ConfigurationFile:
    """The configuration's file, and what it held when it was read last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sha256 = ""
        self.loaded: Config  # perhaps one that was refused

    def load(self) -> Config:
        from prediction_exporter import config  # here for the reason that run gives
        from prediction_exporter.config.reading import read_bytes

        loaded = config.load(self._path)
        if loaded.series.exclude:  # else there is no need to know what the kit reads
            from prediction_exporter.kit.readers import refuse_excluded

            refuse_excluded(loaded, self._path)
        self._sha256 = hashlib.sha256(read_bytes(self._path)).hexdigest()
        self.loaded = loaded
        return loaded

    def tell(self, loaded: Config) -> None:
        """Say in the log which configuration is in use, and what may be wrong with it."""
        from prediction_exporter.monitor.inspection import at_start  # as above

        told = {"file": self._path, "sha256": self._sha256, "models": len(loaded.models)}
        logger.info("configuration loaded", extra=told)
        for warning in at_start(loaded, self._path):
            logger.warning("%s", warning)


def _tell_addresses(options: argparse.Namespace, server: WebServer, prefix: Prefix) -> None:
    told = {
        "addresses": ", ".join(server.addresses),
        "path": prefix.route + options.telemetry_path,
        "tls": server.security.certificates is not None,
        "basic_auth": server.security.auth is not None,
    }
    logger.info("listening", extra=told)
    if options.telemetry_path == "/":
        logger.warning("--web.telemetry-path is /: the metrics stand there in the place of the page, which is served nowhere")


# Pages are loaded when the first is asked for: most exporters are only ever scraped.


def _landing(monitor: Monitor, telemetry_path: str) -> bytes:
    from prediction_exporter.commands.pages import landing_page

    return landing_page(monitor, telemetry_path=telemetry_path)


def _runbook(name: str) -> tuple[bool, bytes]:
    from prediction_exporter.commands.pages import served_runbook

    return served_runbook(name)


def _notes_form(monitor: Monitor, external_url: str | None) -> Endpoint | None:
    if not monitor.config.notes.form:
        return None
    from prediction_exporter.commands.pages import notes_form

    return notes_form(monitor, external_url)


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
