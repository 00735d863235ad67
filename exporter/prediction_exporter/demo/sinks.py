"""Stand-ins for Slack and for a mail provider, on loopback: what they receive is handed to a function."""

from __future__ import annotations

import email
import email.policy
import http.server
import itertools
import json
import os
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from typing import Any, Self

from prediction_exporter.demo.story import Notice
from prediction_exporter.errors import PredictionExporterError

LOOPBACK = "127.0.0.1"

FIRST_PORT = 20_000
PORT_PARTS = 240
PORTS_IN_PART = 50
_looked_at = itertools.count()


def free_port() -> int:
    """Return a port of loopback that nothing listens on, and that this process has not returned lately.

    Each process looks in a part of the range of its own, below the ports of outgoing connections: a port that the system picks
    may be taken by another process before it is used.
    """
    first = FIRST_PORT + os.getpid() % PORT_PARTS * PORTS_IN_PART
    for _ in range(PORTS_IN_PART):
        port = first + next(_looked_at) % PORTS_IN_PART
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue  # taken
            return port
    raise PredictionExporterError(f"none of the ports {first} to {first + PORTS_IN_PART - 1} is free")


def alert_named(text: str) -> str:
    """Return the alert that a message is about: the first that it names.

    >>> alert_named("[WARNING] credit-risk: ModelFeatureDrift (2)")
    'ModelFeatureDrift'
    """
    found = re.search(r"\bModel[A-Z]\w+", text)
    return found[0] if found is not None else "an alert of somebody else"


@dataclass(frozen=True, slots=True)
class SlackMessage:
    """A message as Alertmanager posts it to Slack's webhook."""

    channel: str
    payload: dict[str, Any]

    @property
    def text(self) -> str:
        """All that a reader sees: title and text of the message and its attachments."""
        parts = [self.payload.get("text", "")]
        for attachment in self.payload.get("attachments", []):
            parts += [attachment.get("title", ""), attachment.get("text", "")]
        return "\n".join(part for part in parts if part)

    @property
    def notice(self) -> Notice:
        """What it is about."""
        resolved = any(attachment.get("color") == "good" for attachment in self.payload.get("attachments", []))
        return Notice(self.channel, alert_named(self.text), resolved)


class SlackSink:
    """Takes what is posted to it for Slack messages."""

    def __init__(self, take: Callable[[SlackMessage], None]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")
                take(SlackMessage(payload.get("channel", ""), payload))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
                pass

        self._server = http.server.ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="slack sink", daemon=True)

    @property
    def url(self) -> str:
        """Address of the webhook."""
        return f"http://{LOOPBACK}:{self._server.server_port}/services/demo"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class MailSink:
    """Takes mail by SMTP. Needs the package's ``demo`` extra."""

    def __init__(self, take: Callable[[EmailMessage], None]) -> None:
        from aiosmtpd.controller import Controller

        class Handler:
            async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
                message = email.message_from_bytes(envelope.content, policy=email.policy.default)
                if isinstance(message, EmailMessage):
                    take(message)
                return "250 OK"

        self.port = free_port()  # the controller connects to its own port once, so it must know it
        self._controller = Controller(Handler(), hostname=LOOPBACK, port=self.port)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._controller.stop()
