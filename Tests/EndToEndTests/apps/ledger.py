# SPDX-License-Identifier: Apache-2.0
"""A WSGI app that keeps a ledger of what it was asked, over all its workers and restarts.

`/NUMBER/ACTION/ARGUMENT` names the request and what happens to it. A line of the ledger is an event, the number, the
method and the worker's pid; support/ledger.py reads them.
"""

import os
import signal
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

GATES = Path(os.environ["GATES"])
LEDGER = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
PATTERN = bytes(range(251)) * 4200  # 1 MiB; 251 is prime, so no buffer size repeats in it.


def answer(_: str) -> bytes:
    """At once."""
    return b""


def gate(name: str) -> bytes:
    """Once the test has opened the gate."""
    deadline = time.monotonic() + 60
    while not (GATES / name).exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    return b""


def sleep(milliseconds: str) -> bytes:
    """After so long."""
    time.sleep(int(milliseconds) / 1000)
    return b""


def deaf(milliseconds: str) -> bytes:
    """The same, like a library that does not return to Python: what gunicorn asks the worker is not heard."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT, signal.SIGTERM})
    return sleep(milliseconds)


def size(count: str) -> bytes:
    """With so many bytes more."""
    return (PATTERN * (int(count) // len(PATTERN) + 1))[: int(count)]


ACTIONS: dict[str, Callable[[str], bytes]] = {
    action.__name__: action for action in (answer, gate, sleep, deaf, size)
}


def app(environ: dict, start_response: Callable) -> "Told":
    """Answers with the method, the number and the checksum of the body that came."""
    method = environ["REQUEST_METHOD"]
    number, action, argument = environ["PATH_INFO"].strip("/").split("/")

    def enter(event: str) -> None:
        # One write to a file opened for appending is one line, whoever else writes.
        os.write(LEDGER, f"{event} {number} {method} {os.getpid()}\n".encode())

    enter("begun")
    body = environ["wsgi.input"].read()
    told = f"{method} {number} {zlib.crc32(body)}\n".encode() + ACTIONS[action](argument)
    # Before any of it has left: whoever comes next cannot have begun yet because of this answer.
    enter("made")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(told)))])
    return Told(told, enter)


class Told:
    """A response whose end is entered too."""

    def __init__(self, told: bytes, enter: Callable[[str], None]) -> None:
        self._told = told
        self._enter = enter

    def __iter__(self) -> Iterator[bytes]:
        yield self._told

    def close(self) -> None:
        """Called by gunicorn when its socket has taken everything."""
        self._enter("sent")
