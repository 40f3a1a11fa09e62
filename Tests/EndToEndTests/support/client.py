"""A client that sends exactly the bytes it is given and reads responses strictly (RFC 9112)."""

import re
import select
import socket
import struct
from dataclasses import dataclass, field

from support.addresses import connect, split
from support.kernel import has_read_all
from support.waiting import eventually

STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2}) ([\t \x21-\x7e\x80-\xff]*)")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", re.DOTALL)
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\r\n]*)?")
HEAD_BYTES_MAX = 256 * 1024


class Truncated(Exception):
    """The connection ended before the message did."""


class Malformed(Exception):
    """The message breaks RFC 9112."""


@dataclass
class Head:
    """A status line and its fields."""

    version: str
    status: int
    reason: str
    fields: list[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        """The value of a field that may occur once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        """The names of all fields, in lower case."""
        return {key.lower() for key, _ in self.fields}

    @property
    def closes(self) -> bool:
        """Whether the sender announces the end of the connection (RFC 9112 §9.3)."""
        options = {option.strip().lower() for value in self.all("connection") for option in value.split(",")}
        return "close" in options or (self.version == "1.0" and "keep-alive" not in options)


@dataclass
class Response(Head):
    """A whole response."""

    body: bytes = b""
    interim: list[Head] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def parse_fields(lines: list[bytes]) -> list[tuple[str, str]]:
    """Field lines as (name, value), values as Latin-1 so that every byte survives."""
    fields = []
    for line in lines:
        match = FIELD_LINE.fullmatch(line)
        if match is None or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line):
            raise Malformed(f"field line {line!r}")
        fields.append((match[1].decode(), match[2].decode("latin-1")))
    return fields


class RawClient:
    """One client connection."""

    def __init__(self, address: str, timeout: float = 10.0, receive_buffer: int | None = None) -> None:
        self.address = address
        self.socket = connect(address, timeout, receive_buffer)
        self._pending = bytearray()
        self._ended = False

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes both directions."""
        self.socket.close()

    def abort(self) -> None:
        """Closes with a reset, as a client that crashes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self) -> None:
        """Closes the sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data: bytes) -> None:
        """Sends everything."""
        self.socket.sendall(data)

    def send_cut(self, data: bytes, *cuts: int) -> None:
        """Sends `data` in pieces, each only after the peer has read the one before."""
        edges = [0, *cuts, len(data)]
        for start, end in zip(edges, edges[1:], strict=False):
            self.socket.sendall(data[start:end])
            if end < len(data):
                eventually(self._peer_has_read_all, f"weir reads the first {end} bytes", every=0.001)

    def _peer_has_read_all(self) -> bool:
        """Whether the receive queue at the other end is empty."""
        return has_read_all(split(self.address)[1], self.socket.getsockname())

    def _receive(self) -> bool:
        """Reads once into the buffer; false at the end of the connection."""
        if self._ended:
            return False
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            data = b""
        self._ended = not data
        self._pending += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def _line(self) -> bytes:
        """One line without its CRLF; a bare LF or CR is malformed."""
        while (end := self._pending.find(b"\n")) < 0:
            if len(self._pending) > HEAD_BYTES_MAX:
                raise Malformed("a line without end")
            if not self._receive():
                raise Truncated(f"in a line: {bytes(self._pending)!r}")
        line = self._take(end + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Malformed(f"line end of {line!r}")
        return line[:-2]

    def _fields(self) -> list[tuple[str, str]]:
        lines = []
        while line := self._line():
            lines.append(line)
        return parse_fields(lines)

    def readable(self, within: float) -> bool:
        """Whether bytes or the end of the connection arrive in time."""
        return bool(self._pending) or bool(select.select([self.socket], [], [], within)[0])

    def read_head(self) -> Head:
        """One head, interim or final."""
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if match is None:
            raise Malformed(f"status line {line!r}")
        fields = self._fields()
        return Head(f"1.{match[1].decode()}", int(match[2]), match[3].decode("latin-1"), fields)

    def read_exactly(self, count: int) -> bytes:
        """`count` bytes."""
        while len(self._pending) < count:
            if not self._receive():
                raise Truncated(f"{len(self._pending)} of {count} bytes")
        return self._take(count)

    def read_some(self) -> bytes:
        """Bytes as they come; empty at the end."""
        if not self._pending:
            self._receive()
        return self._take(len(self._pending))

    def read_chunk(self) -> bytes:
        """One chunk of a chunked body; empty for the last one, whose trailers are read too."""
        line = self._line()
        match = CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Malformed(f"chunk size {line!r}")
        size = int(match[1], 16)
        if size == 0:
            self._fields()
            return b""
        chunk = self.read_exactly(size)
        if self.read_exactly(2) != b"\r\n":
            raise Malformed("chunk without its CRLF")
        return chunk

    def read_to_end(self) -> bytes:
        """Everything until the connection ends."""
        while self._receive():
            pass
        return self._take(len(self._pending))

    def read_body(self, head: Head, method: str = "GET") -> bytes:
        """The body that follows `head` (RFC 9112 §6.3)."""
        lengths, codings = head.all("content-length"), head.all("transfer-encoding")
        if lengths and codings:
            raise Malformed("Content-Length beside Transfer-Encoding")
        if len(lengths) > 1 or any(not re.fullmatch("[0-9]+", length) for length in lengths):
            raise Malformed(f"Content-Length {lengths}")
        if codings and (codings != ["chunked"] or head.version == "1.0"):
            raise Malformed(f"Transfer-Encoding {codings} with HTTP/{head.version}")
        if head.status < 200 or head.status == 204:
            if lengths or codings:
                raise Malformed(f"framing fields with {head.status}")
            return b""
        if method == "HEAD" or head.status == 304:
            return b""
        if codings:
            body = bytearray()
            while chunk := self.read_chunk():
                body += chunk
            return bytes(body)
        if lengths:
            return self.read_exactly(int(lengths[0]))
        return self.read_to_end()

    def read_response(self, method: str = "GET") -> Response:
        """One whole response, with the interim ones before it."""
        interim: list[Head] = []
        while (head := self.read_head()).status < 200:
            interim.append(head)
        body = self.read_body(head, method)
        return Response(head.version, head.status, head.reason, head.fields, body, interim)

    def exchange(self, request: bytes, method: str = "GET") -> Response:
        """Sends a request and reads its response."""
        self.send(request)
        return self.read_response(method)

    def expect_end(self) -> None:
        """Fails unless the connection ends with nothing more on it."""
        rest = self.read_to_end()
        assert rest == b"", f"bytes after the end: {rest[:200]!r}"


def request(
    target: str = "/", method: str = "GET", body: bytes | None = None, **fields: str
) -> bytes:
    """A plain HTTP/1.1 request; `_` in a keyword stands for `-`."""
    lines = [f"{method} {target} HTTP/1.1", "Host: weir.test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def fetch(address: str, data: bytes | None = None, method: str = "GET") -> Response:
    """One request on a connection of its own."""
    with RawClient(address) as client:
        return client.exchange(data if data is not None else request(), method)


def chunked(*chunks: bytes) -> bytes:
    """A chunked body (RFC 9112 §7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
