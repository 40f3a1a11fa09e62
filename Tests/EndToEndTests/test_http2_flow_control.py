# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 flow control: weir as a sender and as a receiver (RFC 9113 §5.2, §6.9).

The client counts both windows at every DATA frame, in all tests; here they are made to matter.
"""

import threading

import pytest
from support.buffering import slot_taken
from support.http2 import (
    FRAME_SIZE,
    WINDOW,
    WINDOW_MAX,
    Code,
    Flag,
    Http2Client,
    Setting,
    block,
    case,
    data,
    head,
    headers,
    opening,
    padded,
    request,
    rst_stream,
    settings,
    window_update,
)
from support.upstream import OK, Arrived, Peer

LARGE = 200_000
"""More than three windows."""
OPEN = opening(1)


def content(size: int) -> bytes:
    """A body in which every part is at its own place."""
    return b"".join(b"%07d\n" % number for number in range(size // 8 + 1))[:size]


def answer(stand, size: int) -> str:
    """A target with a body of that size."""
    return stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + content(size))


def expect_exactly(client, stream: int, size: int) -> None:
    """Waits until so much of a body has come, and fails when more comes without being allowed."""
    one = client.on(stream)
    client.until(lambda: len(one.body) >= size, f"{size} bytes on stream {stream}")
    client.settle()
    assert len(one.body) == size
    assert not one.ended


def expect_whole(client, stream: int, size: int) -> None:
    """Reads the rest of a body, granting what is missing."""
    one = client.on(stream)
    missing = size - len(one.body)
    client.grant(0, missing + 1)
    client.grant(stream, missing + 1)
    assert bytes(client.response(stream).body) == content(size)


@pytest.fixture
def http2_with(stand):
    """Makes connections with settings of the client."""
    opened: list[Http2Client] = []

    def start(**values: int) -> Http2Client:
        opened.append(Http2Client(stand.proxy.address))
        opened[-1].start(**values)
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# As a sender


def test_no_frame_is_larger_than_the_client_takes(stand, http2):
    """RFC 9113 §4.2: 16,384 octets, since nothing else was said."""
    target = answer(stand, LARGE)
    http2.grant(0, LARGE)
    http2.send(request(1, target))
    expect_exactly(http2, 1, WINDOW)
    assert max(http2.on(1).data_sizes) <= FRAME_SIZE
    expect_whole(http2, 1, LARGE)


def test_body_stops_at_the_window_of_the_stream(stand, http2):
    """RFC 9113 §6.9.1: whatever the connection still has."""
    target = answer(stand, LARGE)
    http2.grant(0, LARGE)
    http2.send(request(1, target))
    expect_exactly(http2, 1, WINDOW)
    http2.grant(1, 1)
    expect_exactly(http2, 1, WINDOW + 1)
    expect_whole(http2, 1, LARGE)


def test_body_stops_at_the_window_of_the_connection(stand, http2_with):
    """RFC 9113 §6.9.1, §6.9.2: whatever the stream still has; SETTINGS do not change it."""
    target = answer(stand, LARGE)
    http2 = http2_with(initial_window_size=WINDOW_MAX)
    http2.send(request(1, target))
    expect_exactly(http2, 1, WINDOW)
    http2.grant(0, 1)
    expect_exactly(http2, 1, WINDOW + 1)
    http2.grant(0, LARGE)
    assert bytes(http2.response(1).body) == content(LARGE)


def test_streams_share_the_window_of_the_connection(stand, http2):
    """RFC 9113 §5.2.1, §6.9.1: three bodies, one window."""
    target = answer(stand, 50_000)
    streams = (1, 3, 5)
    http2.send(b"".join(request(stream, target) for stream in streams))
    http2.until(lambda: http2.window == 0, "the window of the connection is used up")
    http2.settle()
    assert sum(len(http2.on(stream).body) for stream in streams) == WINDOW
    http2.grant(0, LARGE)
    assert {bytes(http2.response(stream).body) for stream in streams} == {content(50_000)}


def test_stream_that_is_stopped_stops_no_other(stand, http2_with):
    """RFC 9113 §5.2.2: and neither a head nor what has no body."""
    http2 = http2_with(initial_window_size=1000)
    http2.send(request(1, answer(stand, LARGE)))
    expect_exactly(http2, 1, 1000)
    small = answer(stand, 900)
    for stream in (3, 5, 7):
        http2.send(request(stream, small))
        assert bytes(http2.response(stream).body) == content(900)
    expect_whole(http2, 1, LARGE)


def test_head_needs_no_window(stand, http2_with):
    """RFC 9113 §5.2.1, §6.9: only DATA frames are subject to it."""
    http2 = http2_with(initial_window_size=0)
    http2.send(request(1, answer(stand, 100)))
    http2.until(lambda: http2.on(1).fields is not None, "the head of the response")
    expect_exactly(http2, 1, 0)
    for size in (1, 2, 10):
        before = len(http2.on(1).body)
        http2.grant(1, size)
        expect_exactly(http2, 1, before + size)
    expect_whole(http2, 1, 100)


@pytest.mark.parametrize(
    ("method", "response"),
    [
        case("6.9.1", "length of 0", "GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        case("6.9.1", "HEAD", "HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        case("6.9.1", "204", "GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        case("6.9.1", "304", "GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
    ],
)
def test_response_that_has_no_content_needs_no_window(stand, http2_with, method, response):
    """RFC 9113 §6.9.1: END_STREAM is on the head, or on an empty DATA frame."""
    http2 = http2_with(initial_window_size=0)
    http2.send(request(1, stand.answer(response), method))
    one = http2.response(1)
    assert one.status == int(response[9:12])
    assert bytes(one.body) == b""
    http2.settle()


@pytest.mark.parametrize("size", [10, FRAME_SIZE, WINDOW])
def test_body_that_fills_the_window_ends(stand, http2_with, size):
    """RFC 9113 §6.9.1: END_STREAM is on its last frame or on an empty one, neither of which needs more."""
    http2 = http2_with(initial_window_size=size)
    http2.send(request(1, answer(stand, size)))
    assert bytes(http2.response(1).body) == content(size)


@pytest.mark.parametrize("begun", [b"", b"5\r\nabcde\r\n"], ids=["no content", "content"])
@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nX-Trailer: t\r\n\r\n"], ids=["empty DATA", "trailers"])
def test_end_that_comes_later_needs_one_octet_at_most(stand, http2_with, begun, end):
    """RFC 9113 §6.9.1: an empty frame with END_STREAM may be sent without space; one octet of it is enough."""
    may_end = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + begun)
        peer.wait_for(may_end)
        peer.send(end)

    body = begun.removeprefix(b"5\r\n").removesuffix(b"\r\n")
    http2 = http2_with(initial_window_size=len(body))
    http2.send(request(1, stand.play(exchange)))
    one = http2.on(1)
    http2.until(lambda: one.fields and one.body == body, "the body")
    http2.settle()
    assert not one.ended
    may_end.set()
    http2.settle()
    if not one.ended:
        http2.grant(1, 1)
    assert bytes(http2.response(1).body) == body


def test_larger_initial_window_applies_to_open_streams(stand, http2_with):
    """RFC 9113 §6.9.2: by the difference."""
    http2 = http2_with(initial_window_size=0)
    http2.send(request(1, answer(stand, 1000)) + request(3, answer(stand, 1000)))
    http2.until(lambda: http2.on(1).fields and http2.on(3).fields, "both heads")
    http2.grant(3, 7)
    expect_exactly(http2, 3, 7)
    http2.change(initial_window_size=5)
    expect_exactly(http2, 1, 5)
    expect_exactly(http2, 3, 12)
    http2.change(initial_window_size=100)
    expect_exactly(http2, 1, 100)
    expect_exactly(http2, 3, 107)
    expect_whole(http2, 1, 1000)
    expect_whole(http2, 3, 1000)


def test_smaller_initial_window_makes_windows_negative(stand, http2_with):
    """RFC 9113 §6.9.2: nothing is sent until WINDOW_UPDATE has made them positive."""
    http2 = http2_with(initial_window_size=1000)
    http2.send(request(1, answer(stand, 5000)))
    expect_exactly(http2, 1, 1000)
    http2.change(initial_window_size=100)
    assert http2.on(1).window == -900
    http2.grant(1, 899)
    expect_exactly(http2, 1, 1000)
    http2.grant(1, 1)
    expect_exactly(http2, 1, 1000)
    http2.grant(1, 1)
    expect_exactly(http2, 1, 1001)
    expect_whole(http2, 1, 5000)


def test_negative_window_becomes_positive_by_settings_too(stand, http2_with):
    """RFC 9113 §6.9.2: the difference works both ways."""
    http2 = http2_with(initial_window_size=1000)
    http2.send(request(1, answer(stand, 5000)))
    expect_exactly(http2, 1, 1000)
    http2.change(initial_window_size=0)
    http2.change(initial_window_size=900)
    expect_exactly(http2, 1, 1000)
    http2.change(initial_window_size=1010)
    expect_exactly(http2, 1, 1010)
    expect_whole(http2, 1, 5000)


def test_initial_window_is_that_of_later_streams(stand, http2):
    """RFC 9113 §6.9.2: the last value that was said."""
    target = answer(stand, 5000)
    for stream, size in ((1, 1), (3, 4999), (5, 0), (7, 17)):
        http2.change(initial_window_size=size)
        http2.send(request(stream, target))
        http2.until(lambda: http2.on(stream).fields is not None, "the head")
        expect_exactly(http2, stream, size)


def test_last_of_several_values_counts(stand):
    """RFC 9113 §6.5: SETTINGS are processed in the order in which they appear."""
    with Http2Client(stand.proxy.address) as client:
        pairs = [(Setting.INITIAL_WINDOW_SIZE, size) for size in (WINDOW_MAX, 0, 33)]
        client.start(settings(*pairs), initial_window_size=33)
        client.send(request(1, answer(stand, 1000)))
        expect_exactly(client, 1, 33)


def test_settings_leave_the_window_of_the_connection_alone(stand, http2):
    """RFC 9113 §6.9.2: neither smaller nor larger."""
    http2.change(initial_window_size=0)
    http2.change(initial_window_size=LARGE)
    http2.send(request(1, answer(stand, LARGE)))
    expect_exactly(http2, 1, WINDOW)
    http2.grant(0, LARGE)
    assert bytes(http2.response(1).body) == content(LARGE)


def test_window_of_a_stream_may_grow_before_the_response(stand, http2):
    """RFC 9113 §6.9: as soon as the stream is open."""
    target = answer(stand, LARGE)
    http2.grant(0, LARGE)
    http2.send(opening(1, target))
    http2.grant(1, LARGE)
    http2.send(data(1, b"", Flag.END_STREAM))
    assert bytes(http2.response(1).body) == content(LARGE)


@pytest.mark.parametrize(
    "octets",
    [
        case("6.9.1", "connection", window_update(0, WINDOW_MAX - WINDOW)),
        case("6.9.1", "connection in two steps", window_update(0, 1) + window_update(0, WINDOW_MAX - WINDOW - 1)),
        case("6.9.1", "stream", OPEN + window_update(1, WINDOW_MAX - WINDOW)),
        case("6.9.1", "stream in two steps", OPEN + window_update(1, 1) + window_update(1, WINDOW_MAX - WINDOW - 1)),
    ],
)
def test_largest_window_is_allowed(http2, octets):
    """RFC 9113 §6.9.1: 2^31-1, and not one octet less."""
    http2.send(octets)
    http2.expect_served()


def test_largest_window_is_allowed_by_settings(http2):
    """RFC 9113 §6.9.2: with what the window of a stream has gained before."""
    http2.send(OPEN + window_update(1, 100))
    http2.change(initial_window_size=WINDOW_MAX - 100)
    http2.expect_served()


@pytest.mark.parametrize(
    "octets",
    [
        case("6.9.1", "at once", window_update(0, WINDOW_MAX)),
        case("6.9.1", "by one", window_update(0, WINDOW_MAX - WINDOW + 1)),
        case("6.9.1", "in two steps", window_update(0, WINDOW_MAX - WINDOW) + window_update(0, 1)),
        case("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", settings((Setting.INITIAL_WINDOW_SIZE, 2**31))),
        case("6.5.2", "INITIAL_WINDOW_SIZE of 2^32-1", settings((Setting.INITIAL_WINDOW_SIZE, 2**32 - 1))),
        case(
            "6.9.2",
            "INITIAL_WINDOW_SIZE that makes the window of a stream too large",
            OPEN + window_update(1, 1) + settings((Setting.INITIAL_WINDOW_SIZE, WINDOW_MAX)),
        ),
    ],
)
def test_window_beyond_the_largest_is_a_connection_error(http2, octets):
    """RFC 9113 §6.5.2, §6.9.1, §6.9.2: FLOW_CONTROL_ERROR."""
    http2.send(octets)
    http2.expect_connection_error(Code.FLOW_CONTROL_ERROR)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        case("6.9.1", "beyond the largest", window_update(1, WINDOW_MAX), Code.FLOW_CONTROL_ERROR),
        case("6.9.1", "by one", window_update(1, WINDOW_MAX - WINDOW + 1), Code.FLOW_CONTROL_ERROR),
        case(
            "6.9.1",
            "in two steps",
            window_update(1, WINDOW_MAX - WINDOW) + window_update(1, 1),
            Code.FLOW_CONTROL_ERROR,
        ),
        case("6.9", "increment of 0", window_update(1, 0), Code.PROTOCOL_ERROR),
    ],
)
def test_wrong_window_update_of_a_stream_is_an_error(http2, octets, code):
    """RFC 9113 §6.9, §6.9.1: of the stream, or of the connection."""
    http2.send(OPEN + octets)
    http2.expect_error(1, code)


# As a receiver


class Upload:
    """Sends DATA as far as weir's windows allow."""

    def __init__(self, client: Http2Client, stream: int) -> None:
        self.client, self.stream = client, stream
        self.sent = 0

    def room(self) -> int:
        """What may be sent now; the connection has no other streams that send."""
        granted = (self.client.granted.get(one, WINDOW) for one in (0, self.stream))
        return min(granted) - self.sent

    def send(self, payload: bytes, flags: int = 0) -> None:
        """One frame, once there is room for it."""
        self.client.until(lambda: self.room() >= len(payload), f"room for {len(payload)} more than {self.sent}")
        self.client.send(data(self.stream, payload, flags))
        self.sent += len(payload)


def test_upload_of_many_windows_arrives(stand, http2):
    """RFC 9113 §6.9.1: weir gives back what it has taken, for the stream and for the connection."""
    target = stand.answer(OK)
    body = content(1024 * 1024)
    upload = Upload(http2, 1)
    http2.send(opening(1, target))
    for start in range(0, len(body), FRAME_SIZE):
        upload.send(body[start : start + FRAME_SIZE])
    http2.send(data(1, b"", Flag.END_STREAM))
    assert http2.response(1).status == 200
    assert bytes(stand.arrived(target)[0].body) == body


def test_padding_is_given_back(stand, http2):
    """RFC 9113 §6.1, §6.9.1: the whole payload counts, so the whole payload is given back."""
    target = stand.answer(OK)
    upload = Upload(http2, 1)
    http2.send(opening(1, target))
    for _ in range(1000):
        upload.send(padded(b"x", 254), Flag.PADDED)
    http2.send(data(1, b"", Flag.END_STREAM))
    assert http2.response(1).status == 200
    assert bytes(stand.arrived(target)[0].body) == b"x" * 1000


def test_data_that_nobody_reads_is_given_back_to_the_connection(http2):
    """RFC 9113 §5.1, §6.9: what comes for streams that weir has reset counts too."""
    sent = 0
    for stream in range(1, 41, 2):
        http2.send(headers(stream, block([*head("/malformed", "POST"), (b"X-Upper", b"x")]), Flag.END_HEADERS))
        http2.until(lambda: http2.granted.get(0, WINDOW) - sent >= FRAME_SIZE, "room")
        http2.send(data(stream, bytes(FRAME_SIZE)))
        sent += FRAME_SIZE
    assert sent > 4 * WINDOW
    http2.expect_served()
    assert {http2.on(stream).reset for stream in range(1, 41, 2)} == {Code.PROTOCOL_ERROR}


def test_data_of_uploads_that_were_reset_is_given_back_to_the_connection(http2):
    """RFC 9113 §6.9: whether or not anything of it was used."""
    sent = 0
    for stream in range(1, 41, 2):
        http2.send(opening(stream))
        http2.until(lambda: http2.granted.get(0, WINDOW) - sent >= FRAME_SIZE, "room")
        http2.send(data(stream, bytes(FRAME_SIZE)))
        http2.send(rst_stream(stream))
        sent += FRAME_SIZE
    http2.expect_served()


WAITS = pytest.mark.parametrize("stand", [{"slots": 1, "request_buffer": 0}], ids=["slots=1"], indirect=True)


@WAITS
def fill(http2, upload: Upload) -> None:
    """Sends until weir grants nothing more, which it must not do forever."""
    while upload.sent < 1024 * 1024:
        http2.settle()
        if upload.room() == 0:
            return
        upload.send(bytes(min(upload.room(), FRAME_SIZE)))
    raise AssertionError(f"weir has taken {upload.sent} bytes that nobody reads")


@WAITS
def test_upload_that_waits_fills_its_window_and_ends(stand, http2):
    """RFC 9113 §6.9.1: the window can be used to its last octet, and END_STREAM needs none."""
    target = stand.answer(OK)
    upload = Upload(http2, 1)
    with slot_taken(stand):
        http2.send(opening(1, target))
        fill(http2, upload)
        http2.send(data(1, b"", Flag.END_STREAM))
        http2.settle()
    assert http2.response(1).status == 200
    assert len(stand.arrived(target)[0].body) == upload.sent


@WAITS
def test_data_beyond_a_window_is_an_error(stand, http2):
    """RFC 9113 §6.9.1: FLOW_CONTROL_ERROR, of the stream or of the connection."""
    target = stand.answer(OK)
    upload = Upload(http2, 1)
    with slot_taken(stand):
        http2.send(opening(1, target))
        fill(http2, upload)
        http2.send(data(1, b"x"))
        http2.until(lambda: http2.on(1).reset is not None or http2.goaway, "an error")
    http2.expect_error(1, Code.FLOW_CONTROL_ERROR)
    assert [one for one in stand.arrived(target) if one.complete] == []
