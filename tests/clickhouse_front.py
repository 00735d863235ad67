"""An HTTP interface to ClickHouse's engine, which runs in this process: the part of the server that its drivers talk to.

The engine itself checks rights and limits: requests with the same settings in their address share a session in which these are
SET. Run as ``python clickhouse_front.py PORT FOLDER``; the environment's ``PASSWORDS`` has the users, as JSON.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb

#: Parameters of a request that are no settings.
_OF_HTTP = {"query", "user", "password", "database", "default_format", "wait_end_of_query", "session_id", "session_timeout"}
_OF_HTTP |= {"session_check", "query_id", "quota_key", "compress", "decompress", "enable_http_compression", "buffer_size"}
_OF_HTTP |= {"http_headers_progress_interval_ms", "send_progress_in_http_headers", "client_protocol_version", "role"}

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")


def quoted(text: str) -> str:
    """Return a text as SQL has it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Front(ThreadingHTTPServer):
    """The server."""

    daemon_threads = True

    def __init__(self, port: int, folder: str, passwords: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder = folder
        self.passwords = passwords
        self.lock = threading.Lock()
        self.sessions: dict[tuple[Any, ...], Any] = {}
        self.kept = self.session()  # the engine ends with its last session
        self.zone = self.kept.query("SELECT timezone()", "TabSeparated").bytes().decode().strip()

    def session(self) -> Any:
        """Open a session."""
        connect: Any = chdb.connect
        return connect(self.folder)

    def query(self, sql: str, form: str, database: str, settings: Mapping[str, str], bound: Mapping[str, str]) -> bytes:
        """Return what the engine answers, in a session that has these settings; one statement at a time."""
        with self.lock:
            key = (database, *sorted(settings.items()))
            if key not in self.sessions:
                session = self.session()
                session.query(f"USE {database}")
                for name, value in sorted(settings.items(), key=lambda item: item[0] == "readonly"):  # which forbids SET
                    session.query(f"SET {name} = {quoted(value)}")
                self.sessions[key] = session
            session = self.sessions[key]
            result = session.query(sql, form, params=bound) if bound else session.query(sql, form)
            return bytes(result.bytes() or b"")


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    protocol_version = "HTTP/1.1"
    server: Front

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer a query in the address, or whether this is alive."""
        self._answer("")

    def do_POST(self) -> None:
        """Answer a query in the body."""
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, body: str) -> None:
        address = urlsplit(self.path)
        parameters = dict(parse_qsl(address.query, keep_blank_values=True))
        sql = "\n".join(filter(None, (parameters.get("query"), body)))
        if address.path == "/ping" or not sql:
            self._send(200, b"Ok.\n")
            return
        user = self._user(parameters)
        if user is None:
            self._fail("Code: 516. DB::Exception: Authentication failed: no such user, or password")
            return
        found = _FORMAT.search(sql)
        form = self.headers.get("X-ClickHouse-Format") or parameters.get("default_format", "TabSeparated")
        if found is not None:
            form, sql = found[1], sql[: found.start()]
        bound = {name.removeprefix("param_"): value for name, value in parameters.items() if name.startswith("param_")}
        settings = {n: v for n, v in parameters.items() if n not in _OF_HTTP and not n.startswith("param_")}
        if user == "reader":
            settings["readonly"] = "2" if settings.get("readonly", "2") == "2" else "1"
        try:
            result = self.server.query(sql, form, parameters.get("database") or "default", settings, bound)
            self._send(200, result, {"X-ClickHouse-Format": form})
        except Exception as error:  # noqa: BLE001 - whatever it is, a client is told
            self._fail(str(error))

    def _user(self, parameters: dict[str, str]) -> str | None:
        user = self.headers.get("X-ClickHouse-User") or parameters.get("user", "")
        password = self.headers.get("X-ClickHouse-Key") or parameters.get("password")
        given = self.headers.get("Authorization")
        if given is not None:
            import base64

            user, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        return user if self.server.passwords.get(user) == password else None

    def _fail(self, text: str) -> None:
        code = _CODE.search(text)
        self._send(500, text.encode(), {"X-ClickHouse-Exception-Code": code[1] if code else "1002"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        told = {"X-ClickHouse-Timezone": self.server.zone, "X-ClickHouse-Summary": "{}", "Content-Length": str(len(body))}
        for name, value in {**told, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    Front(int(sys.argv[1]), sys.argv[2], json.loads(os.environ["PASSWORDS"])).serve_forever()
