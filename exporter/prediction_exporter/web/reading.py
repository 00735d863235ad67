"""The reading side of a connection: what a request may take, and how its head must look.

Python reads heads as mail, which is lenient: a space before a colon, a line without one or a carriage return alone hide the
length of a body, which a proxy before the exporter may understand otherwise. So each line is looked at before it is read.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from typing import Any

from prediction_exporter.web.connections import Connections, Stage

IDLE_SECONDS = 330.0  # longer than Prometheus keeps a connection, 300, so that it never asks on one that is just being closed
REQUEST_SECONDS = 10.0  # from the first byte of a request to the last
MAX_HEAD_BYTES = 1 << 16  # of all lines together

#: A field of RFC 9112: a token, a colon, and nothing that ends a line or means nothing in one.
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r?\n")
_NOTHING = (b"\r\n", b"\n", b"")


class Deadline(io.RawIOBase):
    """The bytes of a connection. A request has a deadline as a whole: a byte now and then does not extend it."""

    def __init__(self, connection: socket.socket, connections: Connections) -> None:
        super().__init__()
        self._connection = connection
        self._connections = connections
        self._end = time.monotonic() + REQUEST_SECONDS  # a new connection has no reason to wait
        self._idle = False
        self._silent = True

    def wait(self) -> None:
        """Expect the next request, or none for a while."""
        self._end = time.monotonic() + IDLE_SECONDS
        self._idle = self._silent = True
        self._connections.is_at(self._connection, Stage.IDLE)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:  # typeshed's WriteableBuffer exists only for type checkers
        """Read what has arrived, or wait for it until the deadline."""
        self._connection.settimeout(remaining(self._end))
        count = self._connection.recv_into(buffer)
        if self._idle:
            self._end = time.monotonic() + REQUEST_SECONDS
            self._idle = False
        if self._silent:  # once for each request: bytes that trickle in are no progress
            self._connections.is_at(self._connection, Stage.ASKING)
            self._silent = False
        return count


def remaining(end: float) -> float:
    """Return the seconds until a deadline, which is in the future: 0 would be a socket that never waits."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("deadline exceeded")
    return seconds


class Requests(io.BufferedReader):
    """Requests, line by line.

    Attributes:
        malformed: whether a line of the present head is no field.
    """

    def __init__(self, deadline: Deadline) -> None:
        super().__init__(deadline)
        self._deadline = deadline
        self.begin()

    def begin(self) -> None:
        """Expect the first line of a request."""
        self.malformed = False
        self._read = 0

    def wait(self) -> None:
        """Expect the next request, or none for a while."""
        self.begin()
        self._deadline.wait()

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line of a head.

        Raises:
            LineTooLong: the lines are too long together.
        """
        line = super().readline(size)
        if not self._read:
            if line in (b"\r\n", b"\n"):  # clients may end the request before with one too many
                line = super().readline(size)
        elif line not in _NOTHING and not _FIELD.fullmatch(line):
            self.malformed = True
        if self._read + len(line) > MAX_HEAD_BYTES and self._read:  # the first line has a limit of its own
            raise http.client.LineTooLong("head")
        self._read += len(line)
        return line
