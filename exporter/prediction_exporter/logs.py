"""The exporter's own log, on standard error, in logfmt as Prometheus writes it or as JSON lines."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from types import TracebackType

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
FORMATS = ("logfmt", "json")

#: Seconds between two log lines about the same thing that goes on.
QUIET_SECONDS = 60.0

logger = logging.getLogger(__name__)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Quiet:
    """Lets a message that repeats itself through once in a while, by a key of what it is about."""

    def __init__(self, seconds: float = QUIET_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._last: dict[Hashable, float] = {}

    def lets(self, key: Hashable) -> bool:
        """Return whether it is time for a message of this key; it counts as told then."""
        now = self._clock()
        if now - self._last.get(key, -self._seconds) < self._seconds:
            return False
        self._last[key] = now
        return True


class _Formatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self._kind = style

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, bool | float | str] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": {"warning": "warn", "critical": "error"}.get(record.levelname.lower(), record.levelname.lower()),
            "caller": record.module,
            "msg": record.getMessage(),
            **{key: _value(value) for key, value in vars(record).items() if key not in _STANDARD},
        }
        if record.exc_info is not None:
            entry["err"] = self.formatException(record.exc_info)
        if self._kind == "json":
            return json.dumps(entry)
        return " ".join(f"{key}={_logfmt(value)}" for key, value in entry.items())


def _value(value: object) -> bool | float | str:
    return value if isinstance(value, bool | int | float) else str(value)


def _logfmt(value: bool | float | str) -> str:  # noqa: FBT001 - any of them
    if not isinstance(value, str):
        return json.dumps(value)
    plain = value.isprintable() and value and not set(value) & set(' "=\\')
    return value if plain else json.dumps(value, ensure_ascii=False)


def configure(level: str, style: str) -> None:
    """Send the log to standard error; level and style are keys of :data:`LEVELS` and :data:`FORMATS`.

    What Python itself would write there comes as entries too: warnings, and errors that nobody caught.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(style))
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    """Log an error that ends its thread or the process."""
    logger.critical("failed unexpectedly: %s", kind.__name__, exc_info=(kind, error or kind(), traceback))
