# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 connections and streams: preface, frame format, field blocks, states, errors (RFC 9113 §3 to §5)."""

import struct

import pytest
from support.client import request as http1_request
from support.http2 import (
    FRAME_SIZE,
    PREFACE,
    RESERVED,
    WHOLE,
    Code,
    Flag,
    Http2Client,
    Setting,
    Type,
    block,
    case,
    continuation,
    data,
    dependency,
    frame,
    goaway,
    head,
    headers,
    literal,
    opening,
    ping,
    priority,
    priority_update,
    request,
    rst_stream,
    settings,
    window_update,
)
from support.upstream import OK

GET = block(head())
OPEN = opening(1)
"""A request on stream 1 that has not ended."""
UNKNOWN = 0xBB
"""A frame type that nobody has defined."""
STREAMS = 128
"""SETTINGS_MAX_CONCURRENT_STREAMS."""
TOO_LARGE = FRAME_SIZE + 1


def filling(size: int) -> bytes:
    """A field line of that many octets."""
    return literal(b"x-filling", b"x" * (size - len(literal(b"x-filling", b"x" * 16_000)) + 16_000))


# §3.4: the preface


@pytest.mark.parametrize("cut", range(1, len(PREFACE)))
def test_preface_is_known_wherever_it_is_cut(stand, cut):
    """RFC 9113 §3.4: 24 octets, in whatever segments they come."""
    with Http2Client(stand.proxy.address) as client:
        client.send_cut(PREFACE, cut)
        client.change()
        client.expect_served()


def test_preface_is_known_byte_by_byte(stand):
    """RFC 9113 §3.4: and the first SETTINGS after it too."""
    with Http2Client(stand.proxy.address) as client:
        octets = PREFACE + settings() + request(1, "/alive")
        client.send_cut(octets, *range(1, len(octets)))
        client.read_frame()
        assert client.settings is not None
        client.expect_acknowledgement()
        assert client.response(1).status == 200


def test_request_need_not_wait_for_the_server_preface(stand):
    """RFC 9113 §3.4: preface, SETTINGS and a request in one segment."""
    with Http2Client(stand.proxy.address) as client:
        client.send(PREFACE + settings() + request(1, "/alive"))
        client.expect_acknowledgement()
        assert client.response(1).status == 200


def test_server_preface_is_settings(http2):
    """RFC 9113 §3.4, §6.5.2: what weir promises, and nothing that a server must not say."""
    assert http2.settings == {
        Setting.MAX_CONCURRENT_STREAMS: STREAMS,
        Setting.INITIAL_WINDOW_SIZE: 65_535,
        Setting.MAX_HEADER_LIST_SIZE: 32 * 1024,
        Setting.ENABLE_CONNECT_PROTOCOL: 1,
        Setting.NO_RFC7540_PRIORITIES: 1,
    }


@pytest.mark.parametrize("position", range(len(PREFACE)))
def test_preface_with_a_wrong_byte_is_no_http2(stand, position):
    """RFC 9113 §3.4: PROTOCOL_ERROR, or what HTTP/1 says to such a head; then the end."""
    wrong = bytearray(PREFACE)
    wrong[position] ^= 0x01
    with stand.client() as client:
        client.send(bytes(wrong) + settings() + request(1))
        # A method that HTTP/1 does not know is refused with its head, a line that it does not end at once.
        said = client.read_to_end()
    if said.startswith(b"HTTP/1.1 "):
        assert said[9:12] in (b"400", b"501", b"505"), said
        assert said.count(b"HTTP/1.1 ") == 1, said
    elif said:
        assert said[3] == Type.SETTINGS and said.count(struct.pack(">I", Code.PROTOCOL_ERROR)), said


@pytest.mark.parametrize("count", [1, 3, 4, 14, 16, 18, 23])
def test_connection_that_ends_within_the_preface_is_closed(stand, count):
    """RFC 9113 §3.4: nobody is told anything but by an HTTP/1 answer, and weir goes on."""
    with stand.client() as client:
        client.send(PREFACE[:count])
        client.finish_sending()
        said = client.read_to_end()
        assert said == b"" or said.startswith(b"HTTP/1.1 400 "), said


def test_preface_after_an_http1_request_is_refused(stand):
    """RFC 9113 §3.3, §3.4: prior knowledge begins with the connection, and never within it."""
    with stand.client() as client:
        client.send(http1_request("/alive") + PREFACE + settings() + request(1))
        assert client.read_response().status == 200
        response = client.read_response()
        assert response.status in (400, 501, 505)
        assert response.closes
        client.expect_end()


@pytest.mark.parametrize(
    "first",
    [
        case("3.4", "PING", ping()),
        case("3.4", "HEADERS", request(1)),
        case("3.4", "DATA", data(1)),
        case("3.4", "WINDOW_UPDATE", window_update(0, 1)),
        case("3.4", "GOAWAY", goaway()),
        case("3.4", "acknowledgement of SETTINGS", settings(flags=Flag.ACK)),
        case("3.4", "PRIORITY", priority(1)),
    ],
)
def test_first_frame_that_is_not_settings_is_a_connection_error(stand, first):
    """RFC 9113 §3.4: PROTOCOL_ERROR; GOAWAY may be left out."""
    with Http2Client(stand.proxy.address) as client:
        client.send(PREFACE + first + settings() + request(3))
        client.read_to_end()
        assert client.goaway is None or client.goaway.error_code == Code.PROTOCOL_ERROR
        assert client.on(3).fields is None


def test_second_preface_is_a_frame_that_is_too_large(http2):
    """RFC 9113 §3.4, §4.2: read as a frame it has a length of 5,263,945."""
    http2.send(PREFACE + settings())
    http2.expect_connection_error(Code.FRAME_SIZE_ERROR)


# §4.1, §5.5: the frame format, and what is unknown

HARMLESS = [
    case("4.1", "unknown type on the connection", frame(UNKNOWN, 0, 0, b"payload")),
    case("4.1", "unknown type without payload", frame(UNKNOWN)),
    case("4.1", "unknown type with every flag", frame(UNKNOWN, 0xFF, 0, b"payload")),
    case("4.1", "unknown type as large as frames may be", frame(UNKNOWN, 0, 0, bytes(FRAME_SIZE))),
    case("4.1", "every undefined type", b"".join(frame(kind, 0, 0, b"x") for kind in range(0x11, 0x100))),
    case("5.1", "unknown type on an idle stream", frame(UNKNOWN, 0, 7, b"payload")),
    case("5.1", "unknown type on an open stream", OPEN + frame(UNKNOWN, 0, 1, b"payload")),
    case("5.1", "unknown type on a stream of the server", frame(UNKNOWN, 0, 2, b"payload")),
    case("4.1", "reserved bit of PING", frame(Type.PING, 0, RESERVED, b"weirping")),
    case("4.1", "reserved bit of WINDOW_UPDATE", frame(Type.WINDOW_UPDATE, 0, RESERVED, b"\0\0\0\1")),
    case("6.9", "reserved bit of an increment", window_update(0, RESERVED | 1)),
    case("4.1", "reserved bit of PRIORITY", priority(RESERVED | 9)),
    case("4.1", "reserved bit of an unknown type", frame(UNKNOWN, 0, RESERVED)),
    case("4.1", "undefined flags of PING", ping(flags=0xFE)),
    case("4.1", "undefined flags of WINDOW_UPDATE", frame(Type.WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1")),
    case("4.1", "undefined flags of PRIORITY", frame(Type.PRIORITY, 0xFF, 9, dependency())),
    case("4.1", "undefined flags of RST_STREAM", OPEN + frame(Type.RST_STREAM, 0xFF, 1, b"\0\0\0\x08")),
    case("4.1", "undefined flags of DATA", OPEN + data(1, b"x", 0xF6)),
    case("5.3", "PRIORITY on an idle stream", priority(9)),
    case("5.3", "PRIORITY on an open stream", OPEN + priority(1, on=0, weight=255)),
    case("5.3", "PRIORITY on an unused stream that depends on an unused one", priority(9, on=77, weight=0)),
    case("5.3", "PRIORITY with the exclusive flag", OPEN + priority(1, on=RESERVED)),
    case("5.3", "PRIORITY on a stream of the server", priority(2)),
    case("RFC 9218 7.1", "PRIORITY_UPDATE for an open stream", OPEN + priority_update(1, b"u=0, i")),
    case("RFC 9218 7.1", "PRIORITY_UPDATE for an idle stream", priority_update(9, b"u=7")),
    case("RFC 9218 4", "PRIORITY_UPDATE with unknown parameters", OPEN + priority_update(1, b"u=1, x=?0, y")),
]


@pytest.mark.parametrize("octets", HARMLESS)
def test_changes_nothing(http2, octets):
    """RFC 9113 §4.1, §5.1, §5.3, §5.5: the unknown, undefined and reserved is ignored, priorities never refused."""
    http2.send(octets)
    http2.expect_served()


@pytest.mark.parametrize(
    "octets",
    [
        case("4.1", "reserved bit", frame(Type.SETTINGS, 0, RESERVED)),
        case("4.1", "undefined flags", frame(Type.SETTINGS, 0xFE, 0)),
    ],
)
def test_settings_are_acknowledged_whatever_is_undefined_in_their_frame(http2, octets):
    """RFC 9113 §4.1, §6.5: unused flags and the reserved bit are ignored on receipt."""
    http2.send(octets)
    http2.expect_acknowledgement()
    http2.expect_served()


@pytest.mark.parametrize("stream", [1, RESERVED | 1], ids=["plain", "reserved bit"])
@pytest.mark.parametrize("flags", [WHOLE, WHOLE | 0xD2], ids=["plain flags", "undefined flags"])
def test_request_is_served_whatever_is_undefined_in_its_frame(http2, stream, flags):
    """RFC 9113 §4.1: unused flags and the reserved bit are ignored on receipt."""
    http2.send(headers(stream, block(head("/alive")), flags))
    assert http2.response(1).status == 200


def test_unknown_frames_within_a_message_are_ignored(stand, http2):
    """RFC 9113 §5.5: between HEADERS, DATA and trailers."""
    target = stand.answer(OK)
    between = frame(UNKNOWN, 0xFF, 1, b"x" * 100)
    trailers = headers(1, block([(b"x-trailer", b"t")]))
    http2.send(opening(1, target) + between + data(1, b"ab") + between + data(1, b"cd") + between + trailers)
    assert http2.response(1).status == 200
    assert bytes(stand.arrived(target)[0].body) == b"abcd"


def test_unknown_frame_on_a_closed_stream_is_ignored(http2):
    """RFC 9113 §5.1: in whatever state."""
    http2.send(request(1, "/alive"))
    http2.response(1)
    http2.send(frame(UNKNOWN, 0, 1, b"payload"))
    http2.expect_served()


# §4.2: the size of frames


@pytest.mark.parametrize("size", [FRAME_SIZE - 1, FRAME_SIZE])
def test_data_of_the_largest_size_arrives(stand, http2, size):
    """RFC 9113 §4.2: 16,384 octets are always allowed."""
    target = stand.answer(OK)
    http2.send(opening(1, target) + data(1, b"x" * size, Flag.END_STREAM))
    assert http2.response(1).status == 200
    assert len(stand.arrived(target)[0].body) == size


def test_field_block_of_the_largest_frame_arrives(stand, http2):
    """RFC 9113 §4.2: a HEADERS frame of exactly 16,384 octets."""
    target = stand.answer(OK)
    control = block(head(target))
    whole = control + filling(FRAME_SIZE - len(control))
    http2.send(headers(1, whole))
    assert http2.response(1).status == 200
    assert filling(FRAME_SIZE - len(control)).endswith(stand.arrived(target)[0].all("x-filling")[0].encode())


@pytest.mark.parametrize("size", [FRAME_SIZE - 1, FRAME_SIZE])
def test_continuation_of_the_largest_size_is_served(http2, size):
    """RFC 9113 §4.2, §6.10: and CONTINUATION like any other."""
    http2.send(headers(1, block(head("/alive")), Flag.END_STREAM) + continuation(1, filling(size)))
    assert http2.response(1).status == 200


CONNECTION_FRAME_SIZE_ERRORS = [
    case("4.2", "HEADERS", headers(1, GET + filling(TOO_LARGE - len(GET)))),
    case("4.2", "HEADERS of which only the frame header comes", frame(Type.HEADERS, WHOLE, 1, length=2**24 - 1)),
    case("4.2", "CONTINUATION", headers(1, GET, Flag.END_STREAM) + continuation(1, filling(TOO_LARGE))),
    case("4.2", "CONTINUATION before the last", headers(1, GET, 0) + continuation(1, filling(TOO_LARGE), 0)),
    case("4.2", "SETTINGS", settings(*[(0xFF00, 0)] * (TOO_LARGE // 6 + 1))),
    case("4.2", "SETTINGS of which only the frame header comes", frame(Type.SETTINGS, length=2**24 - 4)),
    case("4.2", "PING", ping(bytes(TOO_LARGE))),
    case("4.2", "GOAWAY", goaway(debug=bytes(TOO_LARGE - 8))),
    case("4.2", "WINDOW_UPDATE of the connection", frame(Type.WINDOW_UPDATE, 0, 0, bytes(TOO_LARGE))),
    case("4.2", "HEADERS without the room for what PRIORITY announces", headers(1, bytes(4), WHOLE | Flag.PRIORITY)),
]


@pytest.mark.parametrize("octets", CONNECTION_FRAME_SIZE_ERRORS)
def test_frame_of_a_wrong_size_that_concerns_all_is_a_connection_error(http2, octets):
    """RFC 9113 §4.2: FRAME_SIZE_ERROR, for the whole connection where a frame could alter its state."""
    http2.send(octets)
    http2.expect_connection_error(Code.FRAME_SIZE_ERROR)


@pytest.mark.parametrize(
    "octets",
    [
        case("4.2", "DATA", OPEN + data(1, bytes(TOO_LARGE))),
        case("4.2", "PRIORITY", OPEN + frame(Type.PRIORITY, 0, 1, bytes(TOO_LARGE))),
        case("4.2", "unknown type", OPEN + frame(UNKNOWN, 0, 1, bytes(TOO_LARGE))),
    ],
)
def test_frame_that_is_too_large_for_a_stream_is_an_error(http2, octets):
    """RFC 9113 §4.2: FRAME_SIZE_ERROR, of the stream or of the connection."""
    http2.send(octets)
    http2.expect_error(1, Code.FRAME_SIZE_ERROR)


# §4.3: field blocks


def test_field_block_is_known_wherever_it_is_cut(stand, http2):
    """RFC 9113 §4.3: a cut may be within an integer, a name or a value."""
    target = stand.answer(OK)
    whole = block(head(target, x_long="v" * 200))
    streams = range(1, 2 * len(whole) + 2, 2)
    for cut, stream in enumerate(streams):
        http2.send(headers(stream, whole[:cut], Flag.END_STREAM) + continuation(stream, whole[cut:]))
        assert http2.response(stream).status == 200
    assert [one.all("x-long") for one in stand.arrived(target)] == [["v" * 200]] * len(streams)


@pytest.mark.parametrize(
    "pieces",
    [
        case("6.10", "empty pieces", [b"", b"", GET, b"", b""]),
        case("6.10", "many pieces", [GET[at : at + 3] for at in range(0, len(GET), 3)]),
    ],
)
def test_field_block_in_many_pieces_is_served(http2, pieces):
    """RFC 9113 §4.3, §6.10: any number of CONTINUATION frames, some of them empty."""
    assert len(pieces) <= 32
    first, *middle, last = pieces
    between = b"".join(continuation(1, piece, Flag.NONE) for piece in middle)
    http2.send(headers(1, first, Flag.END_STREAM) + between + continuation(1, last))
    assert http2.response(1).status == 200


INTERRUPTIONS = [
    case("6.2", "DATA", data(1, b"x")),
    case("6.2", "HEADERS of another stream", request(3)),
    case("6.2", "HEADERS of the same stream", request(1)),
    case("6.3", "PRIORITY", priority(1)),
    case("6.2", "PRIORITY of another stream", priority(9)),
    case("6.2", "RST_STREAM", rst_stream(1)),
    case("6.2", "SETTINGS", settings()),
    case("6.2", "acknowledgement of SETTINGS", settings(flags=Flag.ACK)),
    case("8.4", "PUSH_PROMISE", frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, b"\0\0\0\2" + GET)),
    case("6.2", "PING", ping()),
    case("6.2", "GOAWAY", goaway()),
    case("6.2", "WINDOW_UPDATE", window_update(0, 1)),
    case("6.2", "WINDOW_UPDATE of the stream", window_update(1, 1)),
    case("6.10", "CONTINUATION of another stream", continuation(3, GET[10:])),
    case("5.5", "unknown type", frame(UNKNOWN, 0, 0, b"payload")),
    case("5.5", "unknown type on the stream", frame(UNKNOWN, 0, 1, b"payload")),
    case("5.5", "PRIORITY_UPDATE", priority_update(1)),
]


@pytest.mark.parametrize("pieces", [1, 2], ids=["after HEADERS", "after CONTINUATION"])
@pytest.mark.parametrize("octets", INTERRUPTIONS)
def test_frame_within_a_field_block_is_a_connection_error(http2, octets, pieces):
    """RFC 9113 §4.3, §5.5, §6.2, §6.10: PROTOCOL_ERROR."""
    begun = headers(1, GET[:10], Flag.END_STREAM)
    if pieces == 2:
        begun += continuation(1, GET[10:20], Flag.NONE)
    http2.send(begun + octets)
    http2.expect_connection_error(Code.PROTOCOL_ERROR)


def test_trailers_are_not_interrupted_either(http2):
    """RFC 9113 §4.3: a field block is a field block."""
    http2.send(OPEN + headers(1, block([(b"x-trailer", b"t")]), Flag.END_STREAM) + ping())
    http2.expect_connection_error(Code.PROTOCOL_ERROR)


# §5.1: idle streams

IDLE = [
    case("5.1", "DATA", data(1, b"x")),
    case("5.1", "DATA of nothing", data(1)),
    case("5.1", "RST_STREAM", rst_stream(1)),
    case("5.1", "WINDOW_UPDATE", window_update(1, 1)),
    case("5.1", "CONTINUATION", continuation(1, GET)),
    case("5.1", "PUSH_PROMISE", frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, b"\0\0\0\2" + GET)),
    case("5.1", "DATA above an open stream", OPEN + data(3, b"x")),
    case("5.1", "RST_STREAM above an open stream", OPEN + rst_stream(3)),
    case("5.1", "WINDOW_UPDATE above an open stream", OPEN + window_update(3, 1)),
    case("5.1", "DATA on a stream of the server", data(2, b"x")),
    case("5.1", "RST_STREAM on a stream of the server", rst_stream(2)),
    case("5.1", "WINDOW_UPDATE on a stream of the server", window_update(2, 1)),
]


@pytest.mark.parametrize("octets", IDLE)
def test_frame_on_an_idle_stream_is_a_connection_error(http2, octets):
    """RFC 9113 §5.1, §6.4: PROTOCOL_ERROR for all but HEADERS and PRIORITY."""
    http2.send(octets)
    http2.expect_connection_error(Code.PROTOCOL_ERROR)


# §5.1: half-closed (remote)


@pytest.mark.parametrize(
    "octets",
    [
        case("5.1", "DATA", data(1, b"x")),
        case("5.1", "DATA of nothing", data(1)),
        case("5.1", "DATA that ends again", data(1, b"", Flag.END_STREAM)),
        case("5.1", "HEADERS", request(1)),
        case("5.1", "trailers", headers(1, block([(b"x-trailer", b"t")]))),
    ],
)
def test_more_of_a_request_that_has_ended_is_stream_closed(stand, http2, gate, octets):
    """RFC 9113 §5.1: STREAM_CLOSED, of the stream or of the connection."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.send(octets)
    http2.expect_error(1, Code.STREAM_CLOSED)


def test_continuation_of_a_request_that_has_ended_is_an_error(stand, http2, gate):
    """RFC 9113 §5.1, §6.10: two rules, either may be the one that is found broken."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.send(continuation(1, GET))
    http2.expect_error(1, Code.PROTOCOL_ERROR, Code.STREAM_CLOSED)


@pytest.mark.parametrize(
    "octets",
    [
        case("5.1", "WINDOW_UPDATE", window_update(1, 1)),
        case("5.1", "PRIORITY", priority(1)),
        case("5.1", "PRIORITY_UPDATE", priority_update(1)),
        case("5.1", "unknown type", frame(UNKNOWN, 0, 1)),
    ],
)
def test_request_that_has_ended_is_answered_in_spite_of_it(stand, http2, gate, octets):
    """RFC 9113 §5.1: what half-closed (remote) streams may receive."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.send(octets)
    http2.expect_served()
    gate.may_answer.set()
    assert http2.response(1).status == 200


def test_reset_of_a_request_that_has_ended_is_not_answered(stand, http2, gate):
    """RFC 9113 §5.1, §5.4.2: RST_STREAM ends it, and is never answered with RST_STREAM."""
    with stand.counts("weir_client_aborts_total", stage="waiting"):
        stand.deliver(http2, request(1, gate.target), gate.target)
        http2.send(rst_stream(1))
        http2.expect_discarded(1)
    gate.may_answer.set()
    http2.expect_discarded(1)


# §5.1: closed streams

LATE = [
    case("5.1", "DATA", data(1, b"x")),
    case("5.1", "DATA that ends", data(1, b"", Flag.END_STREAM)),
    case("5.1.1", "HEADERS", request(1, "/again")),
    case("5.1", "trailers", headers(1, block([(b"x-trailer", b"t")]))),
]
HARMLESS_LATE = [
    case("5.1", "WINDOW_UPDATE", window_update(1, 1)),
    case("5.1", "RST_STREAM", rst_stream(1)),
    case("5.1", "PRIORITY", priority(1)),
    case("5.1", "PRIORITY_UPDATE", priority_update(1)),
]


@pytest.mark.parametrize("octets", LATE)
def test_frame_on_a_stream_that_has_ended_is_never_a_request(stand, http2, octets):
    """RFC 9113 §5.1, §5.1.1: STREAM_CLOSED, PROTOCOL_ERROR, or minimal processing, as the RFC lets weir choose."""
    http2.send(request(1, "/alive"))
    http2.response(1)
    http2.send(octets)
    http2.expect_discarded_or_error(1, Code.STREAM_CLOSED, Code.PROTOCOL_ERROR)
    assert stand.arrived("/again") == []


@pytest.mark.parametrize("octets", LATE)
def test_frame_on_a_stream_that_the_client_has_reset_is_never_a_request(stand, http2, gate, octets):
    """RFC 9113 §5.1: STREAM_CLOSED, PROTOCOL_ERROR, or minimal processing."""
    stand.deliver(http2, opening(1, "/ignored") + rst_stream(1) + request(3, gate.target), gate.target)
    http2.send(octets)
    http2.expect_discarded_or_error(1, Code.STREAM_CLOSED, Code.PROTOCOL_ERROR)
    assert stand.arrived("/again") == []


@pytest.mark.parametrize("octets", HARMLESS_LATE)
def test_frame_that_crosses_the_end_of_a_response_is_no_error(http2, octets):
    """RFC 9113 §5.1, §6.9: the client may not have known yet."""
    http2.send(request(1, "/alive"))
    http2.response(1)
    http2.send(octets)
    http2.expect_served()
    assert http2.on(1).reset is None


@pytest.mark.parametrize("octets", [*LATE, *HARMLESS_LATE])
def test_frame_that_crosses_a_reset_by_weir_is_no_error(stand, http2, octets):
    """RFC 9113 §5.1, §5.4.2: processed minimally, and answered with nothing more."""
    malformed = headers(1, block([*head("/malformed", "POST"), (b"X-Upper", b"x")]), Flag.END_HEADERS)
    http2.send(malformed + octets)
    http2.expect_stream_error(1, Code.PROTOCOL_ERROR)
    http2.settle()
    assert stand.arrived("/malformed") == stand.arrived("/again") == []


# §5.1.1: stream identifiers


@pytest.mark.parametrize(
    "octets",
    [
        case("5.1.1", "even", request(2)),
        case("5.1.1", "even after an odd one", request(1) + request(4)),
        case("5.1.1", "below a stream that is open", opening(5) + request(3)),
        case("5.1.1", "below by far", opening(2**31 - 1) + request(1)),
    ],
)
def test_unexpected_stream_identifier_is_a_connection_error(http2, octets):
    """RFC 9113 §5.1.1: PROTOCOL_ERROR."""
    http2.send(octets)
    http2.expect_connection_error(Code.PROTOCOL_ERROR)


def test_stream_identifier_below_one_that_has_ended_is_a_connection_error(stand, http2):
    """RFC 9113 §5.1.1: also when nothing is open any more."""
    http2.send(request(5, "/alive"))
    http2.response(5)
    http2.send(request(3, "/skipped"))
    http2.expect_connection_error(Code.PROTOCOL_ERROR)
    assert stand.arrived("/skipped") == []


@pytest.mark.parametrize(
    "octets",
    [case("5.1.1", "DATA", data(3, b"x")), case("5.1.1", "trailers", headers(3, block([(b"x-trailer", b"t")])))],
)
def test_stream_that_was_skipped_is_closed(http2, octets):
    """RFC 9113 §5.1, §5.1.1: by the first use of a higher one."""
    http2.send(request(5, "/alive"))
    http2.response(5)
    http2.send(octets)
    http2.expect_discarded_or_error(3, Code.STREAM_CLOSED, Code.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "octets", [case("5.1.1", "WINDOW_UPDATE", window_update(3, 1)), case("5.1.1", "PRIORITY", priority(3))]
)
def test_stream_that_was_skipped_takes_what_closed_ones_do(http2, octets):
    """RFC 9113 §5.1, §5.1.1."""
    http2.send(request(5, "/alive"))
    http2.response(5)
    http2.send(octets)
    http2.expect_served()


def test_identifiers_may_be_skipped_up_to_the_last(http2):
    """RFC 9113 §5.1.1: 31 bits, no need to be next to each other."""
    for stream in (1, 7, 101, 65_537, 2**31 - 1):
        http2.send(request(stream, "/alive"))
        assert http2.response(stream).status == 200


# §5.1.2: concurrent streams


def test_as_many_streams_as_allowed_are_served_and_one_more_is_refused(stand, http2, gate):
    """RFC 9113 §5.1.2, §8.7: REFUSED_STREAM, so that the client may try again; the others go on."""
    streams = range(1, 2 * STREAMS + 1, 2)
    stand.deliver(http2, b"".join(request(one, gate.target) for one in streams), gate.target, STREAMS)
    late = streams[-1] + 2
    http2.send(request(late, "/late"))
    http2.until(lambda: http2.on(late).reset is not None, "the stream beyond the limit is reset")
    assert http2.on(late).reset == Code.REFUSED_STREAM
    gate.may_answer.set()
    assert {http2.response(one).status for one in streams} == {200}
    assert stand.arrived("/late") == []
    http2.expect_served()


def test_open_streams_count_until_they_are_reset(stand, http2):
    """RFC 9113 §5.1.2: requests that have not ended count like those that wait for an answer."""
    streams = range(1, 2 * STREAMS + 1, 2)
    http2.send(b"".join(opening(one) for one in streams))
    late = streams[-1] + 2
    http2.send(request(late, "/late"))
    http2.until(lambda: http2.on(late).reset is not None, "the stream beyond the limit is reset")
    assert http2.on(late).reset == Code.REFUSED_STREAM
    http2.send(rst_stream(1))
    http2.expect_served()
    http2.send(b"".join(rst_stream(one) for one in streams[1:]))
    http2.expect_served()
    assert stand.arrived("/late") == []


# §5.3: priorities


@pytest.mark.parametrize(
    "signal",
    [
        case("5.3", "default", dependency()),
        case("5.3", "exclusive", dependency(RESERVED)),
        case("5.3", "heaviest", dependency(weight=255)),
        case("5.3", "on an idle stream", dependency(on=99)),
        case("5.3", "on a stream of the server", dependency(on=2)),
    ],
)
def test_request_with_priority_is_served(http2, signal):
    """RFC 9113 §5.3.2, §6.2: deprecated, and still to be read."""
    http2.send(headers(1, signal + block(head("/alive")), WHOLE | Flag.PRIORITY))
    assert http2.response(1).status == 200


@pytest.mark.parametrize(
    "octets",
    [
        case("5.3", "HEADERS", headers(1, dependency(on=1) + block(head("/alive")), WHOLE | Flag.PRIORITY)),
        case("5.3", "PRIORITY", priority(1, on=1) + request(1, "/alive")),
    ],
)
def test_stream_that_depends_on_itself_is_served_or_refused(http2, octets):
    """RFC 9113 §5.3.2 has no rule for it; RFC 7540 §5.3.1 had: PROTOCOL_ERROR."""
    http2.send(octets)
    one = http2.on(1)
    while not one.ended and one.reset is None and http2.read_frame() is not None:
        pass
    if one.ended:
        assert one.status == 200
        http2.expect_served()
    else:
        http2.expect_error(1, Code.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        case("RFC 9218 7.1", "on a stream", frame(Type.PRIORITY_UPDATE, 0, 1, b"\0\0\0\1u=1"), Code.PROTOCOL_ERROR),
        case("RFC 9218 7.1", "for stream 0", priority_update(0), Code.PROTOCOL_ERROR),
        case("RFC 9218 7.1", "too short", frame(Type.PRIORITY_UPDATE, 0, 0, b"\0\0\1"), Code.FRAME_SIZE_ERROR),
    ],
)
def test_wrong_priority_update_is_a_connection_error(http2, octets, code):
    """RFC 9218 §7.1, RFC 9113 §4.2."""
    http2.send(OPEN + octets)
    http2.expect_connection_error(code)


# §5.4: errors


def test_connection_error_names_the_last_stream(http2):
    """RFC 9113 §5.4.1, §6.8: what has a higher number may be tried again."""
    for stream in (1, 5):
        http2.send(request(stream, "/alive"))
        http2.response(stream)
    http2.send(data(0, b"x") + request(7))
    http2.expect_connection_error(Code.PROTOCOL_ERROR)
    assert http2.goaway.last_stream_id == 5


def test_connection_error_before_any_request_names_none(http2):
    """RFC 9113 §6.8: 0."""
    http2.send(data(0, b"x"))
    http2.expect_connection_error(Code.PROTOCOL_ERROR)
    assert http2.goaway.last_stream_id == 0


def test_connection_error_ends_every_exchange(stand, http2, gate):
    """RFC 9113 §5.4.1: what waits for an answer on that connection gets none, others are served."""
    with Http2Client(stand.proxy.address) as other:
        other.start()
        with stand.counts("weir_client_aborts_total", 2, stage="waiting"):
            stand.deliver(http2, request(1, gate.target) + request(3, gate.target), gate.target, 2)
            http2.send(data(0, b"x"))
            http2.expect_connection_error(Code.PROTOCOL_ERROR)
        other.expect_served()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        case("5.4.1", "connection error", data(0, b"x"), "protocol_error"),
        case("5.4.1", "compression error", headers(1, b"\x80"), "protocol_error"),
        case("5.4.2", "stream error", headers(1, block([*head(), (b"X-Upper", b"x")])), "stream_error"),
        case(
            "5.1.2",
            "one stream more than allowed",
            b"".join(opening(stream) for stream in range(1, 2 * STREAMS + 3, 2)),
            "too_many_streams",
        ),
    ],
)
def test_error_is_counted_once(stand, http2, octets, reason):
    """RFC 9113 §5.4: what an operator sees of it."""
    with stand.counts("weir_http2_errors_total", reason=reason):
        http2.send(octets)
        http2.until(lambda: http2.goaway or http2.has_reset, "an error")
        http2.close()


def test_stream_error_leaves_other_streams_alone(stand, http2, gate):
    """RFC 9113 §5.4.2: before, between and after them."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.send(headers(3, block([*head(), (b"X-Upper", b"x")])))
    http2.expect_stream_error(3, Code.PROTOCOL_ERROR)
    late = http2.next_stream()
    stand.deliver(http2, request(late, gate.target), gate.target, 2)
    gate.may_answer.set()
    assert [http2.response(stream).status for stream in (1, late)] == [200, 200]


@pytest.mark.parametrize("count", [1, 8, 9, 10, 20])
def test_connection_that_ends_within_a_frame_is_closed(stand, count):
    """RFC 9113 §5.4.3: weir waits for nothing more."""
    with Http2Client(stand.proxy.address) as client:
        client.start()
        client.send(request(1)[:count])
        client.finish_sending()
        client.read_to_end()
        assert client.goaway is None or client.goaway.error_code in (Code.NO_ERROR, Code.PROTOCOL_ERROR)
