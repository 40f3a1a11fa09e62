# SPDX-License-Identifier: Apache-2.0
"""A well-behaved HTTP/2 client, on h2: it follows the rules, decides when windows open, and remembers every frame.

h2 refuses whatever weir must not send. Misbehaviour goes past it, as bytes, with `send_raw`.
"""

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame
from support.addresses import connect
from support.client import RawClient
from support.http2 import (
    CONNECTION_SPECIFIC,
    PREFACE,
    WINDOW,
    WINDOW_MAX,
    Code,
    Flag,
    Type,
    frame,
    ping,
    priority,
    priority_update,
    rst_stream,
    settings,
    window_update,
)

__all__ = [
    "PREFACE",
    "WINDOW",
    "WINDOW_MAX",
    "Code",
    "ping",
    "priority",
    "priority_update",
    "rst_stream",
    "settings",
    "window_update",
]

STREAMS_MAX = 128
"""How many streams weir lets a connection have at a time."""

Fields = list[tuple[str, str]]


class StreamReset(Exception):
    """weir has ended a stream before its response was whole."""

    def __init__(self, stream: int, code: int) -> None:
        super().__init__(f"stream {stream} was reset with {Code(code)!r}")
        self.code = code


class Ended(Exception):
    """The connection ended while something was still expected."""


@dataclass(frozen=True)
class Received:
    """One frame of weir's: what it is, whose, how long, and whether it ends its stream."""

    kind: str
    stream: int
    length: int
    ends: bool


@dataclass
class Answer:
    """What has come on one stream."""

    stream: int
    interim: list[Fields] = field(default_factory=list)
    fields: Fields | None = None
    body: bytearray = field(default_factory=bytearray)
    trailers: Fields | None = None
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """The status of the final response."""
        assert self.fields is not None, f"stream {self.stream} has no response, reset: {self.reset}"
        return int(self.fields[0][1])

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.reset is not None

    @property
    def interim_statuses(self) -> list[int]:
        """The statuses of what came before it."""
        return [int(one[0][1]) for one in self.interim]

    def all(self, name: str) -> list[str]:
        """Every value of a field, in order."""
        return [value for key, value in self.fields or [] if key == name]

    def get(self, name: str) -> str | None:
        """The value of a field that may occur once."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} occurs {len(values)} times: {values}"
        return values[0] if values else None

    @property
    def names(self) -> set[str]:
        """The names of all fields."""
        return {key for key, _ in self.fields or []}

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


def named(fields: dict[str, str]) -> Fields:
    """Keywords as fields: `_` stands for `-`."""
    return [(name.replace("_", "-"), value) for name, value in fields.items()]


class StreamClient:
    """One connection with any number of streams; whoever waits on one serves all of them."""

    def __init__(
        self,
        address: str,
        timeout: float = 10.0,
        receive_buffer: int | None = None,
        window: int = WINDOW,
        grants: bool = True,
        first: bytes = b"",
    ) -> None:
        """Connects, sends `first` and the preface, and waits for weir's SETTINGS and its acknowledgement.

        `window` is the initial one of each stream; with `grants` whatever has come is granted anew, else the
        windows open only by `grant`.
        """
        self.address = address
        self.socket = connect(address, timeout, receive_buffer)
        self.frames: list[Received] = []
        self.goaways: list[tuple[int, int]] = []
        self.ended = False
        self.settings: dict[int, int] = {}
        self._grants = grants
        self._answers: dict[int, Answer] = {}
        self._raw: set[int] = set()
        self._pending = bytearray()
        self._acknowledged = self._pongs = self._pings = 0
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
        initial = dict(self._h2.local_settings.items())
        initial[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        initial[h2.settings.SettingCodes.ENABLE_PUSH] = 0
        self._h2.local_settings = h2.settings.Settings(client=True, initial_values=initial)
        self._h2.initiate_connection()
        self.socket.sendall(first + self._h2.data_to_send())
        try:
            self.until(lambda: self.settings and self._acknowledged, "SETTINGS and their acknowledgement")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self) -> "StreamClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes both directions, without GOAWAY."""
        self.socket.close()

    def abort(self) -> None:
        """Closes with a reset, as a client that crashes."""
        RawClient.abort(self)

    # Requests

    def open(
        self,
        target: str = "/",
        method: str = "GET",
        ends: bool = True,
        extra: Iterable[tuple[str, str]] = (),
        authority: str = "weir.test",
        protocol: str | None = None,
        **fields: str,
    ) -> int:
        """Sends a head; `_` in a keyword stands for `-`, `extra` goes out as it is."""
        head = [(":method", method), (":scheme", "http"), (":authority", authority), (":path", target)]
        if protocol is not None:
            head.append((":protocol", protocol))
        return self.open_with([*head, *named(fields), *extra], ends)

    def open_with(self, fields: Iterable[tuple[str, str]], ends: bool = True) -> int:
        """Sends a head of these fields, pseudo-fields included."""
        stream = self._h2.get_next_available_stream_id()
        # h2 would make UTF-8 of text; every byte is to survive.
        octets = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        self._h2.send_headers(stream, octets, end_stream=ends)
        self._flush()
        return stream

    def request(self, target: str = "/", method: str = "GET", body: bytes | None = None, **fields: str) -> int:
        """Sends a request, with Content-Length if it has a body."""
        if body is None:
            return self.open(target, method, **fields)
        stream = self.open(target, method, ends=False, content_length=str(len(body)), **fields)
        self.send_body(stream, body)
        return stream

    def send_some(self, stream: int, data: bytes | memoryview, ends: bool = False) -> int:
        """Sends one frame, as much as the windows allow; how much that was."""
        count = min(len(data), self.room(stream), self._h2.max_outbound_frame_size)
        if count or not data:
            self._h2.send_data(stream, bytes(data[:count]), end_stream=ends and count == len(data))
            self._flush()
        return count

    def send_body(self, stream: int, data: bytes, ends: bool = True) -> None:
        """Sends all of it, as fast as the windows open, unless the response ends before."""
        left, answer = memoryview(data), self.on(stream)
        while True:
            self.until(lambda: answer.is_over or not left or self.room(stream), f"room on stream {stream}")
            if answer.is_over:
                return
            left = left[self.send_some(stream, left, ends) :]
            if not left:
                return

    def send_padded(self, stream: int, data: bytes, padding: int) -> None:
        """Sends a body in frames of which each has so many bytes of padding."""
        left, overhead = memoryview(data), padding + 1
        while left:
            self.until(lambda: self.room(stream) > overhead, f"room on stream {stream}")
            count = min(len(left), self.room(stream) - overhead, 1000)
            self._h2.send_data(stream, bytes(left[:count]), count == len(left), pad_length=padding)
            self._flush()
            left = left[count:]

    def send_trailers(self, stream: int, **fields: str) -> None:
        """Ends a request with fields."""
        self._h2.send_headers(stream, named(fields), end_stream=True)
        self._flush()

    def room(self, stream: int) -> int:
        """How many bytes of a body the windows let this stream send."""
        return self._h2.local_flow_control_window(stream)

    def reset(self, stream: int, code: Code = Code.CANCEL) -> None:
        """RST_STREAM."""
        self._h2.reset_stream(stream, code)
        # What is on its way is read and forgotten: h2 would answer each frame of it with a reset.
        self._raw.add(stream)
        self._flush()

    def grant(self, stream: int, count: int) -> None:
        """WINDOW_UPDATE; stream 0 is the connection."""
        self._h2.increment_flow_control_window(count, stream or None)
        self._flush()

    def go_away(self) -> None:
        """GOAWAY, after which no more requests are to come."""
        frame = GoAwayFrame(last_stream_id=0)
        self.send_raw(frame.serialize())

    def encode(self, fields: Iterable[tuple[str, str]]) -> bytes:
        """A field block in the state that this connection's compression has; it has to be sent."""
        return self._h2.encoder.encode(fields)

    def head_block(self, target: str = "/", method: str = "GET", **fields: str) -> bytes:
        """The field block of an ordinary request, for frames of one's own."""
        head = [(":method", method), (":scheme", "http"), (":authority", "weir.test"), (":path", target)]
        return self.encode(head + named(fields))

    def take_streams(self, count: int) -> list[int]:
        """The next so many stream identifiers, of which h2 learns only that they are used up."""
        first = self._h2.get_next_available_stream_id()
        taken = list(range(first, first + 2 * count, 2))
        self._h2.highest_outbound_stream_id = taken[-1]
        self._raw.update(taken)
        return taken

    def send_raw(self, data: bytes) -> None:
        """Sends bytes of which h2 learns nothing; what weir does not take any more is no error."""
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(data)

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self.send_raw(data)

    # Responses

    def on(self, stream: int) -> Answer:
        """What has come on a stream so far."""
        return self._answers.setdefault(stream, Answer(stream))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Reads until the condition holds."""
        while not condition():
            if not self._read():
                raise Ended(f"before: {what}; GOAWAY: {self.goaways}; last: {self.frames[-5:]}")

    def _read(self) -> bool:
        """Reads once; false at the end of the connection."""
        if self.ended:
            return False
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            data = b""
        except TimeoutError:
            raise AssertionError(f"nothing more comes; GOAWAY: {self.goaways}; last: {self.frames[-5:]}") from None
        self.ended = not data
        self._pending += data
        position = 0
        while len(self._pending) - position >= 9:
            length = int.from_bytes(self._pending[position : position + 3], "big")
            if len(self._pending) - position < 9 + length:
                break
            self._take(bytes(self._pending[position : position + 9 + length]))
            position += 9 + length
        del self._pending[:position]
        self._flush()
        return not self.ended

    def _take(self, octets: bytes) -> None:
        frame, _ = Frame.parse_frame_header(memoryview(octets[:9]))
        kind = type(frame).__name__.removesuffix("Frame")
        self.frames.append(Received(kind, frame.stream_id, len(octets) - 9, "END_STREAM" in frame.flags))
        if isinstance(frame, GoAwayFrame):
            # For h2 that would be the end, while streams in flight are still served (RFC 9113 §6.8).
            frame.parse_body(memoryview(octets[9:]))
            self.goaways.append((frame.last_stream_id, frame.error_code))
            return
        if frame.stream_id in self._raw:
            frame.parse_body(memoryview(octets[9:]))
            self._follow_raw(frame)
            return
        for event in self._h2.receive_data(octets):
            self._follow(event)

    def _follow_raw(self, frame: Frame) -> None:
        """What comes on a stream that was opened past h2."""
        answer = self.on(frame.stream_id)
        match frame:
            case HeadersFrame():
                assert "END_HEADERS" in frame.flags, frame
                fields = self._h2.decoder.decode(frame.data, raw=False)
                answer.fields = self._checked([(str(name), str(value)) for name, value in fields])
            case DataFrame():
                answer.body += frame.data
                if self._grants and frame.flow_controlled_length:
                    self.send_raw(window_update(0, frame.flow_controlled_length))
            case RstStreamFrame():
                answer.reset = frame.error_code
        answer.ended = answer.ended or "END_STREAM" in frame.flags

    def _follow(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self.settings |= {int(code): one.new_value for code, one in event.changed_settings.items()}
            case h2.events.SettingsAcknowledged():
                self._acknowledged += 1
            case h2.events.PingAckReceived():
                self._pongs += 1
            case h2.events.InformationalResponseReceived():
                self.on(event.stream_id).interim.append(self._checked(event.headers))
            case h2.events.ResponseReceived():
                self.on(event.stream_id).fields = self._checked(event.headers)
            case h2.events.TrailersReceived():
                self.on(event.stream_id).trailers = self._checked(event.headers)
            case h2.events.DataReceived():
                self.on(event.stream_id).body += event.data
                if self._grants and event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.on(event.stream_id).ended = True
            case h2.events.StreamReset():
                self.on(event.stream_id).reset = event.error_code

    def _checked(self, fields: Fields) -> Fields:
        """Fields as they came, none of which is for one connection only."""
        assert all(name == name.lower() for name, _ in fields), fields
        assert not CONNECTION_SPECIFIC & {name.encode() for name, _ in fields}, fields
        return [(name, value) for name, value in fields]

    def response(self, stream: int) -> Answer:
        """The whole response on a stream."""
        answer = self.on(stream)
        self.until(lambda: answer.is_over, f"a response on stream {stream}")
        if not answer.ended:
            raise StreamReset(stream, answer.reset)
        return answer

    def head(self, stream: int) -> Answer:
        """A response whose head has come, and of its body what was there with it."""
        answer = self.on(stream)
        self.until(lambda: answer.fields is not None or answer.reset is not None, f"a head on stream {stream}")
        if answer.fields is None:
            raise StreamReset(stream, answer.reset)
        return answer

    def fetch(self, target: str = "/", method: str = "GET", body: bytes | None = None, **fields: str) -> Answer:
        """One request and its response."""
        return self.response(self.request(target, method, body, **fields))

    def expect_reset(self, stream: int, code: Code) -> Answer:
        """RST_STREAM with this code; what came before it."""
        answer = self.on(stream)
        self.until(lambda: answer.reset is not None, f"stream {stream} is reset")
        assert answer.reset == code, f"stream {stream} was reset with {Code(answer.reset)!r}"
        return answer

    def of(self, stream: int) -> list[Received]:
        """The frames of one stream."""
        return [one for one in self.frames if one.stream == stream]

    def settle(self) -> None:
        """Waits until weir has done with all that was sent before, as far as that needs nobody else."""
        for _ in range(2):
            self._pings += 1
            self._h2.ping(struct.pack(">Q", self._pings))
            self._flush()
            self.until(lambda: self._pongs >= self._pings, "PING answered")

    def read_to_end(self) -> None:
        """Reads until weir has closed the connection."""
        while self._read():
            pass

    def expect_goaway(self, code: Code) -> None:
        """GOAWAY with this code, and the end of the connection."""
        self.read_to_end()
        assert self.goaways, f"the connection ended without GOAWAY; last: {self.frames[-5:]}"
        assert self.goaways[-1][1] == code, self.goaways


# Frames past h2


def data(stream: int, payload: bytes = b"", ends: bool = False) -> bytes:
    """DATA."""
    return frame(Type.DATA, Flag.END_STREAM if ends else 0, stream, payload)


def headers(stream: int, block: bytes, ends_stream: bool = True, ends_headers: bool = True) -> bytes:
    """HEADERS."""
    flags = (Flag.END_STREAM if ends_stream else 0) | (Flag.END_HEADERS if ends_headers else 0)
    return frame(Type.HEADERS, flags, stream, block)


def continuation(stream: int, block: bytes, ends_headers: bool = False) -> bytes:
    """CONTINUATION."""
    return frame(Type.CONTINUATION, Flag.END_HEADERS if ends_headers else 0, stream, block)


def in_turns(client: StreamClient, bodies: dict[int, bytes], piece: int) -> Iterator[int]:
    """Sends many bodies a piece at a time, each in its turn; gives the stream that has sent."""
    left = {stream: memoryview(body) for stream, body in bodies.items()}
    while left:
        client.until(lambda: any(client.room(stream) for stream in left), "room on any stream")
        for stream in list(left):
            part = left[stream][:piece]
            count = client.send_some(stream, part, ends=len(part) == len(left[stream]))
            left[stream] = left[stream][count:]
            if not left[stream]:
                del left[stream]
            yield stream


def fill(client: StreamClient, stream: int, body: memoryview) -> int:
    """Sends of a body what weir and upstream take without anybody reading it; how much that was."""
    sent = rounds = 0
    while sent < len(body) and rounds < 3:
        while client.room(stream) and sent < len(body):
            sent += client.send_some(stream, body[sent:])
        # What is taken at once is given back at once; what comes later says that somebody reads.
        client.settle()
        rounds = 0 if client.room(stream) else rounds + 1
    return sent
