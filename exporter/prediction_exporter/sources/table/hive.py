"""PyHive, the driver of Spark's Thrift server, as this package needs it: with limits, short messages and any column name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

from pyhive import hive
from pyhive.exc import Error, OperationalError
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport
from thrift_sasl import TSaslClientTransport

from prediction_exporter.sources.table.dialects import APPLICATION, CONNECT_SECONDS

#: What stands before a message: where it was raised.
_RAISED = re.compile(r"^(?:Error \w+ \w+: )?(?:\[[\w.]+\] )?(?:[\w$]+\.)+[\w$]*(?:Exception|Error): ")

#: What stands behind one: the place in the statement, the statement, the plan.
_BEHIND = re.compile(r"; line \d| \(line \d| == SQL| at org\.apache")

_TIMED_OUT = "TIMEDOUT"


class Cursor(hive.Cursor):  # type: ignore[misc]  # PyHive has no types
    """A cursor whose errors are those of the DB-API and as short as they can be."""

    def execute(self, operation: str, parameters: Mapping[str, Any] | None = None, **options: Any) -> None:
        """Execute a statement; integers of any size are values too."""
        plain = {n: int(v) if isinstance(v, Decimal) and v == int(v) else v for n, v in (parameters or {}).items()}
        with _told():
            super().execute(operation, plain or None, **options)

    def _fetch_more(self) -> None:
        with _told():
            super()._fetch_more()

    def _reset_state(self) -> None:
        with _told():
            super()._reset_state()


class Session(hive.Connection):  # type: ignore[misc]  # PyHive has no types
    """A connection that can always be closed."""

    def cursor(self, *arguments: Any, **options: Any) -> Cursor:
        """Return a cursor."""
        return Cursor(self, *arguments, **options)

    def close(self) -> None:
        """Close it, whether or not the server is there."""
        with suppress(Error, TException, OSError, EOFError):
            super().close()
        self._transport.close()


def connect(arguments: dict[str, Any], *, timeout: float) -> Session:
    """Open a session.

    Args:
        arguments: those of PyHive, from the address.
        timeout: seconds that a statement may take.

    Raises:
        OperationalError: the server is away, or refuses.
    """
    arguments = dict(arguments)
    arguments["username"] = arguments.get("username") or APPLICATION
    if "scheme" in arguments:  # HTTP, which PyHive sets no limits for
        with _told():
            return Session(**arguments)
    host, port, password = arguments.pop("host"), arguments.pop("port"), arguments.pop("password", None)
    auth = arguments.pop("auth", "NONE" if password is None else "LDAP")
    service = arguments.pop("kerberos_service_name", None)
    socket = TSocket(host, int(port))
    socket.setTimeout(CONNECT_SECONDS * 1000)
    with _told():
        if auth != "NOSASL":  # whose transport opens the socket itself
            socket.open()
        # The server ends a statement that takes too long. One that vanishes without a word is noticed a while after that.
        socket.setTimeout((timeout + CONNECT_SECONDS) * 1000)
        return Session(thrift_transport=_transport(socket, auth, service, arguments["username"], password), **arguments)


def _transport(socket: Any, auth: str, service: str | None, username: str, password: str | None) -> Any:
    if auth == "NOSASL":
        return TBufferedTransport(socket)
    mechanism = "GSSAPI" if auth == "KERBEROS" else "PLAIN"

    def client() -> Any:
        return hive.get_installed_sasl(
            host=socket.host, sasl_auth=mechanism, service=service, username=username, password=password or "x"
        )

    return TSaslClientTransport(client, mechanism, socket)


@contextmanager
def _told() -> Iterator[None]:
    """Raise what goes wrong as an error of the DB-API, with a short message."""
    try:
        yield
    except Error as error:
        raise type(error)(message_of(error)) from error
    except (TException, OSError, EOFError, ValueError) as error:
        raise OperationalError(str(error) or type(error).__name__) from error


def message_of(error: Exception) -> str:
    """Return what a server says: its answer has that, where it was raised, and the query's plan."""
    status = getattr(error.args[0] if error.args else None, "status", None)
    text = str(getattr(status, "errorMessage", None) or error)
    if _TIMED_OUT in text:
        return "the statement was cancelled by its timeout"
    plain = _BEHIND.split(" ".join(text.split()), maxsplit=1)[0]
    return _RAISED.sub("", plain) or plain


class _Named:
    """Of a compiler: names columns without their table, as a name with dots would be taken apart otherwise."""

    def visit_column(self, *arguments: Any, **options: Any) -> str:
        options["include_table"] = False
        named: str = SQLCompiler.visit_column(self, *arguments, **options)  # type: ignore[arg-type]  # passed on as they came
        return named


def adapt(dialect: Dialect) -> None:
    """Let SQLAlchemy write names of any characters, and know that whole numbers divide exactly."""
    dialect.div_is_floordiv = False
    compiler: Any = dialect.statement_compiler
    dialect.statement_compiler = type("Compiler", (_Named, compiler), {})
    preparer = dialect.identifier_preparer
    preparer.escape_quote, preparer.escape_to_quote = "`", "``"
