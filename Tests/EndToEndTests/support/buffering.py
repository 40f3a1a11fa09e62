# SPDX-License-Identifier: Apache-2.0
"""Bodies that weir keeps: how they are sent in parts, and what they cost meanwhile."""

import contextlib
import hashlib
import os
import socket
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.client import RawClient, request
from support.process import Process
from support.stand import Stand
from support.upstream import OK, Arrived, Peer

STREAMED = pytest.mark.parametrize(
    "stand", [{"request_buffer": 0}], ids=["streamed"], indirect=True
)
"""For tests of bodies that reach upstream while they come."""
EITHER = pytest.mark.parametrize(
    "stand", [{"request_buffer": 0}, {}], ids=["streamed", "collected"], indirect=True
)
"""For tests of what holds either way."""

KIB = 1024
MIB = 1024 * 1024
LARGE = hashlib.shake_128(b"a large body").digest(16 * MIB)
"""More than the kernel keeps between two sockets of which one has a small buffer; no part of it occurs twice."""
PIECE = 10_007
"""The size of chunks: no buffer is a multiple of it."""

SLACK = 256 * KIB
"""What `weir_buffer_bytes` may count beyond `--buffer-memory`: heads, and blocks that are not full."""


def resting_bytes(threads: int) -> int:
    """`weir_buffer_bytes` of a weir that keeps nothing."""
    return threads * 216 * KIB


def head_of(target: str, framing: str, size: int, method: str = "POST", **fields: str) -> bytes:
    """The head of an upload of `size` bytes."""
    how = {"Content_Length": str(size)} if framing == "length" else {"Transfer_Encoding": "chunked"}
    return request(target, method, **how, **fields)


def part(framing: str, data: bytes) -> bytes:
    """A part of a body as it goes over the wire."""
    if framing == "length":
        return data
    pieces = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def end(framing: str) -> bytes:
    """What ends a body, with a trailer where there can be one."""
    return b"" if framing == "length" else b"0\r\nX-Trailer: t\r\n\r\n"


def arrive(stand: Stand, client: RawClient, data: bytes) -> None:
    """Sends `data`, and waits until weir has read all of it."""
    with stand.counts("weir_bytes_total", len(data), direction="receive"):
        client.send(data)


def checked(peer: Peer, arrived: Arrived) -> None:
    """An exchange that answers with length and checksum of the body."""
    peer.read_body(arrived)
    told = summary(arrived.body)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))


def summary(body: bytes) -> bytes:
    """What `checked` answers to this body."""
    return b"%d %d" % (len(body), zlib.crc32(body))


class InParts:
    """An exchange that reads what has come of a body, and the rest only when it may."""

    def __init__(self, count: int) -> None:
        self.has_part = threading.Event()
        self.may_go_on = threading.Event()
        self._count = count

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        if arrived.all("content-length"):
            peer.read_some_body(arrived, self._count)
        else:
            while len(arrived.body) < self._count:
                assert peer.read_chunk(arrived)
        self.has_part.set()
        peer.wait_for(self.may_go_on)
        peer.read_body(arrived)
        peer.send(OK)


class Gated:
    """An exchange that reads its request, and answers it once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.wait_for(self.may_answer)
        peer.send(OK)


@contextlib.contextmanager
def slot_taken(stand: Stand) -> Iterator[None]:
    """Keeps the only slot of a stand with `slots=1` busy meanwhile."""
    gate = Gated()
    target = stand.play(gate, keeps=True)
    with stand.client() as client:
        client.send(request(target))
        stand.proxy.expect("weir_slots_busy", 1)
        try:
            yield
        finally:
            gate.may_answer.set()
        assert client.read_response().status == 200


class Sender:
    """Sends parts in a thread of its own and counts how much has gone out."""

    def __init__(self, connection: socket.socket, parts: Iterator[bytes]) -> None:
        # With a large one the kernel would take more of the body than weir has to hold back.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * KIB)
        self.sent = 0
        self.failure: OSError | None = None
        self._connection = connection
        self._parts = parts
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        try:
            for one in self._parts:
                self._connection.sendall(one)
                self.sent += len(one)
        except OSError as error:
            self.failure = error

    @property
    def is_done(self) -> bool:
        """Whether everything has gone out."""
        return not self._thread.is_alive() and self.failure is None

    def finish(self, within: float = 30) -> None:
        """Waits until everything has gone out."""
        self._thread.join(within)
        assert self.is_done, f"{self.sent} bytes were sent, then {self.failure or 'no more'}"


def spill_files(process: Process, directory: Path) -> list[Path]:
    """The descriptors of a process that are files in `directory`."""
    found = []
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            name = os.readlink(link)
            if name.startswith(f"{directory}/") and name.endswith(" (deleted)"):
                found.append(link)
    return found


def failures(stand: Stand) -> dict[str, float]:
    """How many transfers could not spill, by reason."""
    return stand.proxy.metrics().by("weir_spill_failures_total", "reason")
