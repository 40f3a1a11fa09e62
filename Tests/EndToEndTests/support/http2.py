# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client that sends any bytes, right or wrong, and holds what it receives against RFC 9113."""

import contextlib
import re
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NoReturn

import pytest
from hpack import Decoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from support.addresses import connect
from support.kernel import other_end_has_read_all
from support.waiting import eventually

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_SIZE = 16_384
"""The largest payload while SETTINGS_MAX_FRAME_SIZE says nothing else."""
WINDOW = 65_535
"""Both windows at the start of a connection."""
WINDOW_MAX = 2**31 - 1
RESERVED = 1 << 31
"""The bit before a stream identifier or an increment (RFC 9113 §4.1)."""
CONNECTION_SPECIFIC = {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
"""What no HTTP/2 message may carry (RFC 9113 §8.2.2)."""

Fields = list[tuple[bytes, bytes]]


class Type(IntEnum):
    """Frame types (RFC 9113 §6, RFC 9218 §7.1)."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9
    PRIORITY_UPDATE = 0x10


class Flag(IntEnum):
    """Frame flags; the same bit means one thing or another by type."""

    NONE = 0x0
    END_STREAM = 0x1
    ACK = 0x1
    END_HEADERS = 0x4
    PADDED = 0x8
    PRIORITY = 0x20


WHOLE = Flag.END_HEADERS | Flag.END_STREAM
"""The flags of a message that is one HEADERS frame."""


class Code(IntEnum):
    """Error codes (RFC 9113 §7)."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB


class Setting(IntEnum):
    """Settings (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1)."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8
    NO_RFC7540_PRIORITIES = 0x9


def case(section: str, name: str, *values: object) -> object:
    """A row of a table of cases, named by its section and its behaviour."""
    return pytest.param(*values, id=f"{section} {name}")


# Frames


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame of any kind; `length` is what its header says in place of the truth."""
    said = len(payload) if length is None else length
    return struct.pack(">I", said)[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def padded(payload: bytes, padding: int, filling: bytes | None = None) -> bytes:
    """A payload for PADDED frames, `padding` being what its Pad Length says."""
    return bytes([padding]) + payload + (bytes(padding) if filling is None else filling)


def data(stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """DATA."""
    return frame(Type.DATA, flags, stream, payload)


def headers(stream: int, block: bytes, flags: int = WHOLE) -> bytes:
    """HEADERS, as a whole message unless the flags say otherwise."""
    return frame(Type.HEADERS, flags, stream, block)


def continuation(stream: int, block: bytes, flags: int = Flag.END_HEADERS) -> bytes:
    """CONTINUATION, the last one unless the flags say otherwise."""
    return frame(Type.CONTINUATION, flags, stream, block)


def settings(*pairs: tuple[int, int], flags: int = 0) -> bytes:
    """SETTINGS with these parameters in this order."""
    return frame(Type.SETTINGS, flags, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def ping(opaque: bytes = b"weirping", flags: int = 0) -> bytes:
    """PING."""
    return frame(Type.PING, flags, 0, opaque)


def rst_stream(stream: int, code: int = Code.CANCEL) -> bytes:
    """RST_STREAM."""
    return frame(Type.RST_STREAM, 0, stream, struct.pack(">I", code))


def window_update(stream: int, increment: int) -> bytes:
    """WINDOW_UPDATE."""
    return frame(Type.WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def dependency(on: int = 0, weight: int = 15) -> bytes:
    """What PRIORITY consists of, and what HEADERS with that flag begin with."""
    return struct.pack(">IB", on, weight)


def priority(stream: int, on: int = 0, weight: int = 15) -> bytes:
    """PRIORITY."""
    return frame(Type.PRIORITY, 0, stream, dependency(on, weight))


def priority_update(stream: int, value: bytes = b"u=1") -> bytes:
    """PRIORITY_UPDATE for a stream (RFC 9218 §7.1)."""
    return frame(Type.PRIORITY_UPDATE, 0, 0, struct.pack(">I", stream) + value)


def goaway(last_stream: int = 0, code: int = Code.NO_ERROR, debug: bytes = b"") -> bytes:
    """GOAWAY."""
    return frame(Type.GOAWAY, 0, 0, struct.pack(">II", last_stream, code) + debug)


# Field blocks


def integer(value: int, prefix: int, first: int = 0) -> bytes:
    """An integer behind the bits of `first` (RFC 7541 §5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    octets, value = bytearray([first | limit]), value - limit
    while value >= 128:
        octets.append(value % 128 + 128)
        value //= 128
    return bytes([*octets, value])


def string(octets: bytes) -> bytes:
    """A string as it is, without Huffman coding (RFC 7541 §5.2)."""
    return integer(len(octets), 7) + octets


def huffman(octets: bytes) -> bytes:
    """A string that says it is Huffman-coded, of any octets."""
    return integer(len(octets), 7, 0x80) + octets


class Literal(IntEnum):
    """The kinds of literal field lines (RFC 7541 §6.2)."""

    PLAIN = 0x00
    NEVER_INDEXED = 0x10
    INDEXING = 0x40


def literal(name: bytes, value: bytes, kind: Literal = Literal.PLAIN) -> bytes:
    """A field line with a name of its own; by default the dynamic table stays as it is."""
    return bytes([kind]) + string(name) + string(value)


def literal_by_index(index: int, value: bytes, kind: Literal = Literal.PLAIN) -> bytes:
    """A field line whose name is in a table."""
    return integer(index, 6 if kind == Literal.INDEXING else 4, kind) + string(value)


def indexed(index: int) -> bytes:
    """A field line from a table (RFC 7541 §6.1)."""
    return integer(index, 7, 0x80)


def table_size(size: int) -> bytes:
    """A dynamic table size update (RFC 7541 §6.3)."""
    return integer(size, 5, 0x20)


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A field block of literals, which neither needs nor changes any table."""
    return b"".join(literal(name, value) for name, value in fields)


def head(target: str = "/", method: str = "GET", **fields: str) -> Fields:
    """The fields of an ordinary request; `_` in a keyword stands for `-`."""
    control = [
        (b":method", method.encode()),
        (b":scheme", b"http"),
        (b":authority", b"weir.test"),
        (b":path", target.encode()),
    ]
    return control + [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]


def request(stream: int, target: str = "/", method: str = "GET", flags: int = WHOLE, **fields: str) -> bytes:
    """An ordinary request in one HEADERS frame."""
    return headers(stream, block(head(target, method, **fields)), flags)


def opening(stream: int, target: str = "/", method: str = "POST", **fields: str) -> bytes:
    """The head of a request whose content is to follow."""
    return request(stream, target, method, Flag.END_HEADERS, **fields)


# The connection


@dataclass
class Received:
    """What has come on one stream."""

    stream: int
    window: int
    interim: list[Fields] = field(default_factory=list)
    fields: Fields | None = None
    body: bytearray = field(default_factory=bytearray)
    trailers: Fields | None = None
    blocks: list[bytes] = field(default_factory=list)
    data_sizes: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """The status of the final response."""
        assert self.fields is not None, f"no response on stream {self.stream}"
        return int(self.fields[0][1])

    def all(self, name: str) -> list[bytes]:
        """Every value of a field of the final response, in order."""
        return [value for key, value in self.fields or [] if key == name.encode()]

    def take_head(self, fields: Fields, ends: bool) -> None:
        """Sorts a head into interim responses, the final one, and trailers (RFC 9113 §8.1)."""
        self.ended = ends
        names = [name for name, _ in fields]
        assert all(name == name.lower() for name in names), f"upper-case name in {fields}"
        assert not CONNECTION_SPECIFIC & set(names), f"connection-specific field in {fields}"
        pseudo = [name for name in names if name.startswith(b":")]
        if self.fields is not None:
            assert ends and not pseudo, f"trailers {fields} on stream {self.stream}, ended: {ends}"
            self.trailers = fields
            return
        assert pseudo == [b":status"] and names[0] == b":status", f"response head {fields}"
        assert re.fullmatch(b"[1-5][0-9]{2}", fields[0][1]), f"status {fields[0][1]!r}"
        if fields[0][1].startswith(b"1"):
            assert not ends, f"interim response {fields} with END_STREAM"
            self.interim.append(fields)
        else:
            self.fields = fields


class Http2Client:
    """One connection, which reads strictly: a frame that weir must not send fails the test.

    Cases number their streams by hand from 1; `fetch` takes numbers from 1001 upwards.
    """

    def __init__(self, address: str, timeout: float = 10.0) -> None:
        self.socket = connect(address, timeout)
        self.settings: dict[int, int] | None = None
        self.goaway: GoAwayFrame | None = None
        self.pongs: list[bytes] = []
        self.granted: dict[int, int] = {}
        self.window = WINDOW
        self.ended = False
        self._streams: dict[int, Received] = {}
        self._initial_window = WINDOW
        self._decoder = Decoder(max_header_list_size=1 << 20)
        self._unacknowledged: deque[dict[int, int]] = deque()
        self._pending = bytearray()
        self._fragments: tuple[HeadersFrame, bytearray] | None = None
        self._kinds: list[str] = []
        self._next = 1001
        self._pings = 0

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes both directions."""
        self.socket.close()

    # Sending

    def send(self, octets: bytes) -> None:
        """Sends everything, or as much as weir still takes: what it says of that comes by reading."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)

    def finish_sending(self) -> None:
        """Closes the sending direction only."""
        self.socket.shutdown(socket.SHUT_WR)

    def send_cut(self, octets: bytes, *cuts: int) -> None:
        """Sends in pieces, each only after weir has read the one before."""
        edges = [0, *cuts, len(octets)]
        for start, end in zip(edges, edges[1:], strict=False):
            self.socket.sendall(octets[start:end])
            eventually(lambda: other_end_has_read_all(self.socket), f"{end} bytes are read", every=0.001)

    def start(self, first: bytes | None = None, **values: int) -> None:
        """Exchanges prefaces: `start(initial_window_size=0)`, or any `first` SETTINGS that come to these values."""
        self.send(PREFACE)
        self.change(first, **values)

    def change(self, frames: bytes | None = None, **values: int) -> None:
        """Sends SETTINGS, and waits until weir has acknowledged them."""
        chosen = {int(Setting[name.upper()]): value for name, value in values.items()}
        self.send(settings(*chosen.items()) if frames is None else frames)
        self.expect_acknowledgement(chosen)

    def expect_acknowledgement(self, *sent: dict[int, int]) -> None:
        """Waits until weir has acknowledged the SETTINGS that were sent, by default one without parameters."""
        self._unacknowledged.extend(sent or [{}])
        self.until(lambda: not self._unacknowledged and self.settings is not None, "SETTINGS acknowledged")

    def grant(self, stream: int, increment: int) -> None:
        """Sends WINDOW_UPDATE, and counts it."""
        if stream:
            self.on(stream).window += increment
        else:
            self.window += increment
        self.send(window_update(stream, increment))

    def next_stream(self) -> int:
        """A stream identifier above all others."""
        self._next += 2
        return self._next - 2

    # Reading

    def on(self, stream: int) -> Received:
        """What has come on a stream so far."""
        if stream not in self._streams:
            self._streams[stream] = Received(stream, self._initial_window)
        return self._streams[stream]

    @property
    def has_reset(self) -> bool:
        """Whether weir has reset any stream."""
        return any(one.reset is not None for one in self._streams.values())

    def _fail(self, what: str) -> NoReturn:
        said = f"; GOAWAY {self.goaway}" if self.goaway else ""
        raise AssertionError(f"{what}; so far: {' '.join(self._kinds[-20:])}{said}")

    def _has(self, count: int) -> bool:
        """Reads until that many bytes are there; false where the connection ends before."""
        while len(self._pending) < count and not self.ended:
            try:
                octets = self.socket.recv(256 * 1024)
            except ConnectionResetError:
                octets = b""
            except TimeoutError:
                self._fail("nothing more comes")
            self.ended = not octets
            self._pending += octets
        return len(self._pending) >= count

    def read_frame(self) -> Frame | None:
        """The next frame, once the connection's state has followed it; nothing at the end."""
        if not self._has(9):
            if self._pending:
                self._fail(f"the connection ended within a frame header: {bytes(self._pending)!r}")
            return None
        received, length = Frame.parse_frame_header(memoryview(bytes(self._pending[:9])))
        assert length <= FRAME_SIZE, f"a frame of {length} bytes"
        if not self._has(9 + length):
            self._fail(f"the connection ended within {received}")
        received.parse_body(memoryview(bytes(self._pending[9 : 9 + length])))
        del self._pending[: 9 + length]
        self._kinds.append(f"{type(received).__name__.removesuffix('Frame')}({received.stream_id})")
        self._follow(received)
        return received

    def _follow(self, received: Frame) -> None:
        if self.settings is None:
            assert isinstance(received, SettingsFrame) and "ACK" not in received.flags, f"first {received}"
        if self._fragments is not None:
            assert isinstance(received, ContinuationFrame), f"{received} within a field block"
            assert received.stream_id == self._fragments[0].stream_id, f"{received} on another stream"
        match received:
            case SettingsFrame():
                self._follow_settings(received)
            case PingFrame():
                assert "ACK" in received.flags, f"unexpected {received}"
                self.pongs.append(received.opaque_data)
            case GoAwayFrame():
                self.goaway = received
            case WindowUpdateFrame():
                total = self.granted.get(received.stream_id, WINDOW) + received.window_increment
                self.granted[received.stream_id] = total
            case HeadersFrame() | ContinuationFrame() | DataFrame() | RstStreamFrame():
                assert received.stream_id % 2 == 1, f"{received} on a stream that no client has opened"
                self._follow_message(received, self.on(received.stream_id))
            case _:
                self._fail(f"unexpected {received}")

    def _follow_settings(self, received: SettingsFrame) -> None:
        if "ACK" not in received.flags:
            self.settings = dict(received.settings)
            self.send(settings(flags=Flag.ACK))
            return
        assert self._unacknowledged, "an acknowledgement of SETTINGS that should not have been accepted"
        values = self._unacknowledged.popleft()
        if (size := values.get(Setting.INITIAL_WINDOW_SIZE)) is not None:
            for one in self._streams.values():
                one.window += size - self._initial_window
            self._initial_window = size
        if (size := values.get(Setting.HEADER_TABLE_SIZE)) is not None:
            self._decoder.max_allowed_table_size = size

    def _follow_message(self, received: Frame, stream: Received) -> None:
        assert stream.reset is None, f"{received} after RST_STREAM"
        if isinstance(received, RstStreamFrame):
            stream.reset = received.error_code
            return
        if isinstance(received, DataFrame):
            assert not stream.ended, f"{received} after END_STREAM"
            assert stream.fields is not None, f"{received} before a response head"
            stream.window -= received.flow_controlled_length
            self.window -= received.flow_controlled_length
            assert received.flow_controlled_length == 0 or (stream.window >= 0 and self.window >= 0), (
                f"{received} beyond a window: stream {stream.window}, connection {self.window}"
            )
            stream.body += received.data
            stream.data_sizes.append(len(received.data))
            stream.ended = "END_STREAM" in received.flags
            return
        if isinstance(received, HeadersFrame):
            assert not stream.ended, f"{received} after END_STREAM"
            self._fragments = (received, bytearray())
        assert self._fragments is not None, f"{received} without HEADERS"
        first, whole = self._fragments
        whole += received.data
        if "END_HEADERS" in received.flags:
            self._fragments = None
            stream.blocks.append(bytes(whole))
            fields = [tuple(pair) for pair in self._decoder.decode(bytes(whole), raw=True)]
            stream.take_head(fields, "END_STREAM" in first.flags)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Reads frames until the condition holds."""
        while not condition():
            if self.read_frame() is None:
                self._fail(f"the connection ended before: {what}")

    def read_to_end(self) -> None:
        """Reads frames until weir has closed the connection."""
        while self.read_frame() is not None:
            pass

    def survives(self) -> bool:
        """Whether weir answers two PINGs, and so has done all that it can do without anybody else."""
        for _ in range(2):
            self._pings += 1
            opaque = b"%08d" % self._pings
            self.send(ping(opaque))
            while opaque not in self.pongs:
                if self.read_frame() is None:
                    return False
        return True

    def settle(self) -> None:
        """Waits until weir has done all that it can do without anybody else."""
        if not self.survives():
            self._fail("the connection ended")

    # Expectations

    def response(self, stream: int) -> Received:
        """The whole response on a stream."""
        one = self.on(stream)
        self.until(lambda: one.ended or one.reset is not None, f"a response on stream {stream}")
        assert one.ended, f"stream {stream} was reset with {one.reset!r}"
        return one

    def fetch(self, target: str = "/", method: str = "GET", **fields: str) -> Received:
        """One ordinary request on a stream of its own."""
        stream = self.next_stream()
        self.send(request(stream, target, method, **fields))
        return self.response(stream)

    def expect_served(self, target: str = "/alive") -> None:
        """An ordinary request is answered: the connection is as good as before."""
        response = self.fetch(target)
        assert (response.status, bytes(response.body)) == (200, b"ok")
        assert self.goaway is None, self.goaway

    def expect_connection_error(self, *codes: Code) -> None:
        """GOAWAY with one of these codes, then the end of the connection (RFC 9113 §5.4.1)."""
        self.read_to_end()
        if self.goaway is None:
            self._fail("the connection ended without GOAWAY")
        assert self.goaway.error_code in codes, f"{self.goaway} is none of {codes}"

    def expect_stream_error(self, stream: int, *codes: Code) -> None:
        """RST_STREAM with one of these codes, and the connection goes on (RFC 9113 §5.4.2)."""
        one = self.on(stream)
        self.until(lambda: one.reset is not None or one.ended, f"stream {stream} is reset")
        self.until(lambda: one.reset is not None, f"stream {stream} is reset")
        assert one.reset in codes, f"stream {stream} was reset with {one.reset!r}, which is none of {codes}"
        self.expect_served()

    def expect_error(self, stream: int, *codes: Code) -> None:
        """A stream error, or the same as a connection error, which RFC 9113 §5.4.1 always allows."""
        one = self.on(stream)
        while one.reset is None and self.read_frame() is not None:
            pass
        if one.reset is None:
            self.expect_connection_error(*codes)
        else:
            self.expect_stream_error(stream, *codes)

    def expect_discarded(self, stream: int) -> None:
        """Nothing happens: neither an error nor an answer, and the connection goes on."""
        self.settle()
        self.expect_served()
        one = self.on(stream)
        assert (one.fields, one.reset) == (None, None), f"stream {stream} has {one}"

    def expect_discarded_or_error(self, stream: int, *codes: Code) -> None:
        """For closed streams, where RFC 9113 §5.1 leaves the choice: nothing, or one of these codes."""
        if self.survives():
            assert self.on(stream).reset in (None, *codes), f"stream {stream} has {self.on(stream)}"
            self.expect_served()
        else:
            self.expect_connection_error(*codes)

    def expect_malformed(self, stream: int) -> None:
        """PROTOCOL_ERROR on the stream, or 400 before or in place of it (RFC 9113 §8.1.1, §8.2.1)."""
        one = self.on(stream)
        self.until(lambda: one.reset is not None or one.ended, f"stream {stream} is refused")
        self.settle()
        assert one.reset in (None, Code.PROTOCOL_ERROR), f"stream {stream} was reset with {one.reset!r}"
        assert one.fields is None or one.status == 400, f"a malformed request was answered with {one.fields}"
        self.expect_served()
