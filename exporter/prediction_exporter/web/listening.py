"""Listening sockets: those of addresses, and those that systemd hands over."""

from __future__ import annotations

import errno
import os
import re
import socket
from collections.abc import Sequence

from prediction_exporter.errors import ConfigError

_BACKLOG = 1024  # what comes above it is tried again by its kernel, a second later

_ADDRESS = re.compile(r"(?:\[([\w:.%]+)\]|([^:\[\]]*)):([0-9]{1,5})")
_MAX_PORT = 65535
_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)


def shown(listening: socket.socket) -> str:
    """Return the address that a socket listens on, as people write it."""
    address = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return f"unix:{address}"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# Addresses


def parse(address: str) -> tuple[str, int]:
    """Return host and port of an address.

    >>> parse(":10900"), parse("[::1]:10900")
    (('', 10900), ('::1', 10900))

    Raises:
        ConfigError: it is none.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match[3]) > _MAX_PORT:
        raise ConfigError(f'--web.listen-address: "{address}" is not :PORT, HOST:PORT or [IPV6]:PORT')
    return match[1] or match[2], int(match[3])


def listen(addresses: Sequence[str]) -> list[socket.socket]:
    """Listen on all addresses, or on none.

    Raises:
        ConfigError: an address is in use or not one of this machine.
    """
    opened: list[socket.socket] = []
    try:
        for address in addresses:
            opened.append(_listen(address))  # noqa: PERF401 - what was opened before a failure is closed
    except ConfigError:
        for listening in opened:
            listening.close()
        raise
    return opened


def _listen(address: str) -> socket.socket:
    host, port = parse(address)
    try:
        if host:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            return _bound(family, host, port)
        return _everywhere(port)
    except (OSError, UnicodeError) as error:  # a host that no name service would take is a UnicodeError
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"--web.listen-address: cannot listen on {address}: {reason}") from error


def _everywhere(port: int) -> socket.socket:
    try:
        return _bound(socket.AF_INET6, "::", port)
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        return _bound(socket.AF_INET, "0.0.0.0", port)  # noqa: S104 - what ":PORT" means, without IPv6


def _bound(family: int, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # As in Go: all addresses are those of IPv6 and IPv4.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


# systemd


def activated() -> list[socket.socket]:
    """Take over the sockets that systemd listens on for this process.

    Raises:
        ConfigError: there are none, or one is no listening socket.
    """
    count, owner = (os.environ.pop(name, "") for name in ("LISTEN_FDS", "LISTEN_PID"))
    os.environ.pop("LISTEN_FDNAMES", None)  # none of it is meant for a process that this one may start
    if not (count.isdecimal() and int(count) and owner.isdecimal()):
        raise ConfigError(
            "--web.systemd-socket: systemd handed over no socket; start the .socket unit, or give --web.listen-address instead"
        )
    if int(owner) != os.getpid():
        raise ConfigError(
            f"--web.systemd-socket: the sockets are for process {owner} and this is {os.getpid()}; let a shell exec it"
        )
    return [_taken(descriptor) for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))]


def _taken(descriptor: int) -> socket.socket:
    try:
        taken = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError(f"--web.systemd-socket: descriptor {descriptor} is no socket: {error.strerror}") from error
    if taken.type != socket.SOCK_STREAM or not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        taken.close()
        raise ConfigError(
            f"--web.systemd-socket: descriptor {descriptor} does not listen; the unit needs ListenStream and no Accept=yes"
        )
    taken.set_inheritable(False)
    taken.setblocking(True)
    return taken
