"""Connections: a bounded number of them, of which those that do nothing make room for new ones."""

from __future__ import annotations

import logging
import socket
import threading
import time
from dataclasses import dataclass, field
from enum import IntEnum

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
MAX_REFUSALS = 16  # connections above the limit that are told so at the same time; those above are only closed
STALLED_SECONDS = 1.0  # without a byte taken, after which an answer may be cut off for a new connection
STOP_SECONDS = 5.0  # for responses under way when the server stops

LEAVING_SECONDS = 0.2  # for the threads of connections that were told to end


class Stage(IntEnum):
    """What a connection does, the first to be closed first."""

    IDLE = 0
    ASKING = 1
    ANSWERED = 2


@dataclass(slots=True)
class _Connection:
    served: bool  # or only told that there are too many
    stage: Stage = Stage.IDLE
    since: float = field(default_factory=time.monotonic)
    closed: bool = False  # it was told to end for another one
    limited: bool = False  # its answer is one of those of which there are only so many at a time

    @property
    def counts(self) -> bool:
        """Whether it has one of the places."""
        return self.served and not self.closed


class Connections:
    """The open connections of all addresses, bounded together."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open: dict[socket.socket, _Connection] = {}

    def add(self, connection: socket.socket) -> bool:
        """Take a connection in; return False where there is no room even to refuse it."""
        with self._changed:
            served = sum(each.counts for each in self._open.values()) < MAX_CONNECTIONS or self._close_one(counts=True)
            if not self._has_room() and self._close_one(counts=False):
                self._changed.wait_for(self._has_room, timeout=LEAVING_SECONDS)
            if self._has_room():
                self._open[connection] = _Connection(served)
            return connection in self._open

    def end_stalled(self) -> bool:
        """Cut off the limited answer of which nothing was taken for longest, and for a while; return whether there was one."""
        now = time.monotonic()
        with self._changed:
            found = [
                (each.since, connection)
                for connection, each in self._open.items()
                if each.limited and not each.closed and now - each.since >= STALLED_SECONDS
            ]
            if not found:
                return False
            _, connection = min(found, key=lambda each: each[0])
            self._open[connection].closed = True
            _shutdown(connection, socket.SHUT_RDWR)
            return True

    def spare_one(self) -> None:
        """Close one that has no need to stay open, where the process may open nothing more."""
        with self._changed:
            if self._close_one(counts=True) or self._close_one(counts=False):
                self._changed.wait(timeout=LEAVING_SECONDS)

    def _has_room(self) -> bool:
        return len(self._open) < MAX_CONNECTIONS + MAX_REFUSALS

    def _close_one(self, *, counts: bool) -> bool:
        """Close the connection that has been idle longest, else slow to ask, else slow to take its answer.

        It is one of those that count, or of those beside them, which have no time to spare: refused, or told to end before.
        """
        now = time.monotonic()
        found = [
            (each.stage, each.since, connection)
            for connection, each in self._open.items()
            if each.counts == counts and (not counts or each.stage < Stage.ANSWERED or now - each.since >= STALLED_SECONDS)
        ]
        if not found:
            return False
        stage, _, connection = min(found, key=lambda each: each[:2])
        self._open[connection].closed = True
        # A request that has arrived meanwhile is still read and answered.
        _shutdown(connection, socket.SHUT_RDWR if stage == Stage.ANSWERED else socket.SHUT_RD)
        return True

    def served(self, connection: socket.socket) -> bool:
        """Return whether a connection is within the limit."""
        with self._changed:
            return self._open[connection].served

    def is_at(self, connection: socket.socket, stage: Stage, *, limited: bool = False) -> None:
        """Note what a connection does from now on; the same stage again is progress in it."""
        with self._changed:
            each = self._open[connection]
            each.stage, each.since, each.limited = stage, time.monotonic(), limited

    def replace(self, connection: socket.socket, encrypted: socket.socket) -> None:
        """Put the encrypted socket in the place of the one that it took over."""
        with self._changed:
            self._open[encrypted] = self._open.pop(connection)
            if self._open[encrypted].closed:  # perhaps while neither of them could be told
                _shutdown(encrypted, socket.SHUT_RD)

    def discard(self, connection: socket.socket) -> None:
        """Forget a connection that ended."""
        with self._changed:
            self._open.pop(connection, None)
            self._changed.notify_all()

    def drain(self, how: int) -> bool:
        """Shut all connections down and return whether they ended in time: SHUT_RD lets responses finish."""
        with self._changed:
            for connection in self._open:
                _shutdown(connection, how)
            return self._changed.wait_for(lambda: not self._open, timeout=STOP_SECONDS)


def _shutdown(connection: socket.socket, how: int) -> None:
    try:
        # Not the method of a TLS socket, which drops its encryption first.
        socket.socket.shutdown(connection, how)
    except OSError as error:
        logger.debug("connection was closed already: %s", error)
