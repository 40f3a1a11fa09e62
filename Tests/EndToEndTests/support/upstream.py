"""An upstream that plays a script on each connection and records what arrived."""

import contextlib
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from support.addresses import split, tcp_address
from support.client import CHUNK_SIZE, Malformed, parse_fields
from support.waiting import PATIENCE_SECONDS, eventually_equal

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Gone(Exception):
    """weir has closed the connection."""


@dataclass
class Arrived:
    """One request as it arrived, byte for byte."""

    connection: int
    head: bytes
    fields: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    raw_body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def method(self) -> str:
        """The method."""
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        """The request target."""
        return self.line.split(" ")[1]

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    @property
    def names(self) -> set[str]:
        """The names of all fields, in lower case."""
        return {key.lower() for key, _ in self.fields}


class Peer:
    """One connection from weir, in the hands of a script."""

    def __init__(self, connection: socket.socket, number: int, upstream: "ScriptedUpstream") -> None:
        self.socket = connection
        self.number = number
        self._upstream = upstream
        self._pending = bytearray()

    def _receive(self) -> None:
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionError:
            data = b""
        if not data:
            raise Gone
        self._pending += data

    def _until(self, mark: bytes) -> bytes:
        while (end := self._pending.find(mark)) < 0:
            self._receive()
        taken = bytes(self._pending[: end + len(mark)])
        del self._pending[: end + len(mark)]
        return taken

    def read_line(self) -> bytes:
        """One line with its CRLF, before any request; for PROXY headers."""
        return self._until(b"\r\n")

    def read_head(self) -> Arrived:
        """The next request's head; it is on record from here."""
        raw = self._until(b"\r\n\r\n")
        lines = raw[:-4].split(b"\r\n")
        if not re.fullmatch(rb"[!-~]+ [!-\xff]+ HTTP/1\.1", lines[0]) or b"\n" in b"".join(lines):
            raise Malformed(f"weir sent {raw!r}")
        arrived = Arrived(self.number, raw, parse_fields(lines[1:]))
        self._upstream.record(arrived)
        return arrived

    def read_some_body(self, arrived: Arrived, count: int) -> None:
        """Body bytes of a request with Content-Length, until `count` of them have arrived."""
        while len(arrived.body) < count:
            if not self._pending:
                self._receive()
            piece = self._pending[: count - len(arrived.body)]
            arrived.body += piece
            arrived.raw_body += piece
            del self._pending[: len(piece)]

    def read_chunk(self, arrived: Arrived) -> bool:
        """One chunk of a chunked request body; false after the last one and its trailers."""
        line = self._until(b"\r\n")
        match = CHUNK_SIZE.fullmatch(line[:-2])
        if match is None:
            raise Malformed(f"weir sent the chunk size {line!r}")
        size = int(match[1], 16)
        arrived.raw_body += line
        if size == 0:
            while (trailer := self._until(b"\r\n")) != b"\r\n":
                arrived.raw_body += trailer
            arrived.complete = True
            return False
        while len(self._pending) < size + 2:
            self._receive()
        if self._pending[size : size + 2] != b"\r\n":
            raise Malformed("weir sent a chunk without its CRLF")
        arrived.body += self._pending[:size]
        arrived.raw_body += self._pending[: size + 2]
        del self._pending[: size + 2]
        return True

    def read_body(self, arrived: Arrived) -> None:
        """The whole body, framed as RFC 9112 §6.3 has it."""
        lengths, codings = arrived.all("content-length"), arrived.all("transfer-encoding")
        if (lengths and codings) or len(lengths) > 1 or codings not in ([], ["chunked"]):
            raise Malformed(f"weir framed a request with {lengths} and {codings}")
        if codings:
            while self.read_chunk(arrived):
                pass
        else:
            self.read_some_body(arrived, int(lengths[0]) if lengths else 0)
            arrived.complete = True

    def read_exactly(self, count: int) -> bytes:
        """`count` bytes of whatever follows; for tunnels."""
        while len(self._pending) < count:
            self._receive()
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def read_to_end(self) -> bytes:
        """Everything until weir closes its sending direction; for tunnels."""
        with contextlib.suppress(Gone):
            while True:
                self._receive()
        return bytes(self._pending)

    def finish_sending(self) -> None:
        """Closes the sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def read_some(self) -> bytes:
        """Bytes as they come, at least one; for what is not HTTP any more."""
        if not self._pending:
            self._receive()
        taken = bytes(self._pending)
        self._pending.clear()
        return taken

    def read_request(self) -> Arrived:
        """The next request, whole."""
        arrived = self.read_head()
        self.read_body(arrived)
        return arrived

    def send(self, data: bytes) -> None:
        """Sends everything."""
        try:
            self.socket.sendall(data)
        except ConnectionError as error:
            raise Gone from error

    def wait_for(self, event: threading.Event) -> None:
        """Waits for the test to allow the next step; a test that is over allows nothing more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not event.wait(0.05):
            if self._upstream.closed:
                raise Gone
            if time.monotonic() > deadline:
                raise AssertionError("the test never allowed the next step")

    def wait_for_end(self) -> None:
        """Waits until weir closes the connection; what it still sends is thrown away."""
        with contextlib.suppress(Gone):
            while True:
                self._pending.clear()
                self._receive()

    def reset(self) -> None:
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self.socket.close()


Script = Callable[[Peer], None]


def answering(response: bytes = OK) -> Script:
    """A script that reads whole requests and gives each the same response, for ever."""

    def script(peer: Peer) -> None:
        while True:
            peer.read_request()
            peer.send(response)

    return script


def once(response: bytes) -> Script:
    """A script that answers one request and closes the connection."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(response)

    return script


class ScriptedUpstream:
    """Plays a script on each connection that sends a byte; others are probes of weir's readiness."""

    def __init__(
        self, *scripts: Script, address: str | None = None, receive_buffer: int | None = None
    ) -> None:
        self.address = address or tcp_address()
        self.requests: list[Arrived] = []
        self.failures: list[BaseException] = []
        self._scripts = list(scripts) or [answering()]
        self.closed = False
        self._connections = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        family, target = split(self.address)
        self._listener = socket.socket(family)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.bind(target)
        self._listener.listen(1024)
        self._stopped, self._stop = os.pipe()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    @property
    def connections(self) -> int:
        """How many connections have sent at least one byte."""
        with self._lock:
            return self._connections

    def record(self, arrived: Arrived) -> None:
        """Puts a request on record."""
        with self._lock:
            self.requests.append(arrived)

    @property
    def only(self) -> Arrived:
        """The one request that arrived."""
        assert len(self.requests) == 1, f"{len(self.requests)} requests arrived"
        return self.requests[0]

    def wait_for_requests(self, count: int) -> None:
        """Waits until `count` heads have arrived."""
        eventually_equal(lambda: len(self.requests), count, "requests at the upstream")

    @property
    def open_connections(self) -> int:
        """Connections that are being served, probes included."""
        with self._lock:
            return len(self._open)

    def _accept(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._stopped], [], [])
            if self._stopped in ready:
                return
            connection, _ = self._listener.accept()
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open.add(connection)
                self._threads.append(thread)
            thread.start()

    def _script(self) -> tuple[int, Script]:
        """The next script; the last one repeats."""
        with self._lock:
            self._connections += 1
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            return self._connections, script

    def _serve(self, connection: socket.socket) -> None:
        try:
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not connection.recv(1, socket.MSG_PEEK):
                return
            number, script = self._script()
            script(Peer(connection, number, self))
        except (Gone, ConnectionError):
            pass
        except OSError as error:
            if not self.closed:
                self.failures.append(error)
        except BaseException as error:
            self.failures.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def close(self) -> None:
        """Stops listening, cuts what is open and reports what scripts found wrong."""
        if self.closed:
            return
        self.closed = True
        os.write(self._stop, b"x")
        self._acceptor.join(PATIENCE_SECONDS)
        self._listener.close()
        with self._lock:
            still_open, threads = list(self._open), list(self._threads)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        os.close(self._stopped)
        os.close(self._stop)
        if self.failures:
            raise self.failures[0]
