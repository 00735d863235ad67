"""A webhook of Slack and a mail server, which keep what Alertmanager sends."""

from __future__ import annotations

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from prediction_exporter.demo.sinks import free_port


@dataclass
class Inbox:
    """What arrived, by either way; a mail also as it was sent."""

    slack: list[dict[str, Any]] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: ARG002, N802 - aiosmtpd's
        """Take a mail from the mail server."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.sent.append(envelope.content)
        self.mails.append(message)
        return "250 OK"


@contextmanager
def inbox_of() -> Iterator[tuple[Inbox, int, int]]:
    """Run a webhook and a mail server; give what they got so far, and their ports."""
    received = Inbox()

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.slack.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Webhook) as webhook:
        thread = threading.Thread(target=webhook.serve_forever)
        thread.start()
        mailbox = Controller(received, hostname="127.0.0.1", port=free_port())
        mailbox.start()
        try:
            yield received, webhook.server_address[1], mailbox.port
        finally:
            mailbox.stop()
            webhook.shutdown()
            thread.join()


def part(mail: EmailMessage, kind: str) -> str:
    """Return the plain or the HTML part of a mail."""
    body = mail.get_body((kind,))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n")
