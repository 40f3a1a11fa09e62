"""Addresses as weir writes them: `host:port` and `unix:PATH`."""

import random
import socket
from contextlib import closing

HOST = "127.0.0.1"

# Below the ephemeral range, so that no outgoing connection takes a port between its choice and its use.
_PORTS = range(18_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing uses and that no earlier call returned."""
    while True:
        port = random.choice(_PORTS)
        if port in _given:
            continue
        with closing(socket.socket()) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _given.add(port)
        return port


def tcp_address() -> str:
    """A free `host:port`."""
    return f"{HOST}:{free_port()}"


def split(address: str) -> tuple[int, str | tuple[str, int]]:
    """The socket family and the socket address that `address` names."""
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    host, port = address.rsplit(":", 1)
    if host.startswith("["):
        return socket.AF_INET6, (host.strip("[]"), int(port))
    return socket.AF_INET, (host, int(port))


def connect(address: str, timeout: float = 10.0, receive_buffer: int | None = None) -> socket.socket:
    """A connected socket that sends each write at once."""
    family, target = split(address)
    connection = socket.socket(family)
    connection.settimeout(timeout)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        connection.connect(target)
    except BaseException:
        connection.close()
        raise
    if family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def refuses(address: str) -> bool:
    """Whether nothing accepts connections at `address` any more."""
    try:
        connect(address, timeout=1).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    except OSError:
        return False
    return False
