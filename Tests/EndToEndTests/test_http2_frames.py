# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames, one kind after another: what each must be, and what it does (RFC 9113 §6, §7)."""

import pytest
from support.http2 import (
    FRAME_SIZE,
    WHOLE,
    WINDOW,
    WINDOW_MAX,
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
    opening,
    padded,
    ping,
    request,
    rst_stream,
    settings,
    window_update,
)
from support.upstream import OK

GET = block(head())
OPEN = opening(1)
"""A request on stream 1 that has not ended."""
PROMISE = b"\0\0\0\2" + GET
"""A stream of the server's, and a request for it."""
UNKNOWN_CODE = 0xDEAD_BEEF


def upload(stand, http2, octets: bytes) -> bytes:
    """The body that reaches upstream when a request has these frames."""
    target = stand.answer(OK)
    http2.send(opening(1, target) + octets)
    assert http2.response(1).status == 200
    return bytes(stand.arrived(target)[0].body)


# What every kind must be

PROTOCOL_ERRORS = [
    case("6.1", "DATA on stream 0", data(0, b"x")),
    case("6.1", "DATA padded beyond its end", OPEN + data(1, padded(b"", 5, b"1234"), Flag.PADDED)),
    case("6.1", "DATA padded by its whole length", OPEN + data(1, padded(b"x", 2, b""), Flag.PADDED)),
    case("6.1", "DATA padded by all that there is not", OPEN + data(1, b"\xff", Flag.PADDED)),
    case("6.2", "HEADERS on stream 0", request(0)),
    case("6.2", "HEADERS padded beyond their end", headers(1, padded(GET, 255, b""), WHOLE | Flag.PADDED)),
    case("6.2", "HEADERS padded by their whole length", headers(1, padded(b"x", 2, b""), WHOLE | Flag.PADDED)),
    case(
        "6.2",
        "HEADERS padded into their priority",
        headers(1, padded(dependency(), 1, b""), WHOLE | Flag.PADDED | Flag.PRIORITY),
    ),
    case("6.2", "trailers on stream 0", OPEN + headers(0, block([(b"x-trailer", b"t")]))),
    case("6.3", "PRIORITY on stream 0", frame(Type.PRIORITY, 0, 0, dependency(1))),
    case("6.4", "RST_STREAM on stream 0", rst_stream(0)),
    case("6.5", "SETTINGS on a stream", frame(Type.SETTINGS, 0, 1)),
    case("6.5", "SETTINGS on an open stream", OPEN + frame(Type.SETTINGS, 0, 1)),
    case("6.5", "acknowledgement of SETTINGS on a stream", frame(Type.SETTINGS, Flag.ACK, 1)),
    case("6.5.2", "ENABLE_PUSH of 2", settings((Setting.ENABLE_PUSH, 2))),
    case("6.5.2", "ENABLE_PUSH of 2^32-1", settings((Setting.ENABLE_PUSH, 2**32 - 1))),
    case("6.5.2", "MAX_FRAME_SIZE of 0", settings((Setting.MAX_FRAME_SIZE, 0))),
    case("6.5.2", "MAX_FRAME_SIZE of 2^14-1", settings((Setting.MAX_FRAME_SIZE, 2**14 - 1))),
    case("6.5.2", "MAX_FRAME_SIZE of 2^24", settings((Setting.MAX_FRAME_SIZE, 2**24))),
    case("6.5.2", "MAX_FRAME_SIZE of 2^32-1", settings((Setting.MAX_FRAME_SIZE, 2**32 - 1))),
    case("6.5.3", "wrong value after a right one", settings((Setting.ENABLE_PUSH, 0), (Setting.ENABLE_PUSH, 2))),
    case("RFC 9218 2.1", "NO_RFC7540_PRIORITIES of 2", settings((Setting.NO_RFC7540_PRIORITIES, 2))),
    case("8.4", "PUSH_PROMISE on an open stream", OPEN + frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 1, PROMISE)),
    case("8.4", "PUSH_PROMISE on stream 0", frame(Type.PUSH_PROMISE, Flag.END_HEADERS, 0, PROMISE)),
    case("6.7", "PING on a stream", frame(Type.PING, 0, 1, b"weirping")),
    case("6.7", "PING on an open stream", OPEN + frame(Type.PING, 0, 1, b"weirping")),
    case("6.7", "acknowledgement of PING on a stream", frame(Type.PING, Flag.ACK, 1, b"weirping")),
    case("6.8", "GOAWAY on a stream", frame(Type.GOAWAY, 0, 1, bytes(8))),
    case("6.9", "WINDOW_UPDATE of 0 for the connection", window_update(0, 0)),
    case("6.9", "WINDOW_UPDATE of the reserved bit alone", window_update(0, 1 << 31)),
    case("6.10", "CONTINUATION on stream 0", continuation(0, GET)),
    case("6.10", "CONTINUATION on stream 0 within a block", headers(1, GET, Flag.END_STREAM) + continuation(0, b"")),
    case("6.10", "CONTINUATION after a whole block", OPEN + continuation(1, GET)),
    case("6.10", "CONTINUATION after DATA", OPEN + data(1, b"x") + continuation(1, GET)),
    case(
        "6.10",
        "CONTINUATION after the last",
        headers(1, GET, Flag.NONE) + continuation(1, b"") + continuation(1, block([(b"x-more", b"m")])),
    ),
]


@pytest.mark.parametrize("octets", PROTOCOL_ERRORS)
def test_frame_that_breaks_its_rules_is_a_connection_error(http2, octets):
    """RFC 9113 §6, §8.4: PROTOCOL_ERROR."""
    http2.send(octets)
    http2.expect_connection_error(Code.PROTOCOL_ERROR)


FRAME_SIZE_ERRORS = [
    *(case("6.4", f"RST_STREAM of {size}", OPEN + frame(Type.RST_STREAM, 0, 1, bytes(size))) for size in (0, 3, 5, 8)),
    *(case("6.5", f"SETTINGS of {size}", frame(Type.SETTINGS, 0, 0, bytes(size))) for size in (1, 5, 7, 13)),
    *(case("6.5", f"acknowledgement of {size}", frame(Type.SETTINGS, Flag.ACK, 0, bytes(size))) for size in (1, 6)),
    *(case("6.7", f"PING of {size}", ping(bytes(size))) for size in (0, 7, 9, 16)),
    *(case("6.7", f"acknowledgement of PING of {size}", ping(bytes(size), Flag.ACK)) for size in (0, 7, 9)),
    *(case("6.8", f"GOAWAY of {size}", frame(Type.GOAWAY, 0, 0, bytes(size))) for size in (0, 4, 7)),
    *(case("6.9", f"WINDOW_UPDATE of {size}", frame(Type.WINDOW_UPDATE, 0, 0, bytes(size))) for size in (0, 3, 5, 8)),
    *(
        case("6.9", f"WINDOW_UPDATE of {size} on a stream", OPEN + frame(Type.WINDOW_UPDATE, 0, 1, bytes(size)))
        for size in (0, 3, 5)
    ),
]


@pytest.mark.parametrize("octets", FRAME_SIZE_ERRORS)
def test_frame_of_a_wrong_length_is_a_connection_error(http2, octets):
    """RFC 9113 §6.4, §6.5, §6.7 to §6.9: FRAME_SIZE_ERROR."""
    http2.send(octets)
    http2.expect_connection_error(Code.FRAME_SIZE_ERROR)


@pytest.mark.parametrize("size", [0, 1, 4, 6, 10])
@pytest.mark.parametrize("begun", [case("6.3", "idle", b""), case("6.3", "open", OPEN)])
def test_priority_of_a_wrong_length_is_an_error(http2, begun, size):
    """RFC 9113 §6.3: FRAME_SIZE_ERROR of the stream, or of the connection, which an idle stream cannot do without."""
    http2.send(begun + frame(Type.PRIORITY, 0, 1, bytes(size)))
    http2.expect_error(1, Code.FRAME_SIZE_ERROR)


@pytest.mark.parametrize(
    "octets",
    [
        case("6.1", "DATA", OPEN + data(1, b"", Flag.PADDED)),
        case("6.2", "HEADERS", headers(1, b"", WHOLE | Flag.PADDED)),
        case("6.2", "HEADERS with PRIORITY", headers(1, b"\0" + bytes(4), WHOLE | Flag.PADDED | Flag.PRIORITY)),
    ],
)
def test_frame_without_the_padding_length_or_priority_it_announces_is_an_error(http2, octets):
    """RFC 9113 §4.2, §6.1, §6.2: too small for what is mandatory, or padded by more than there is."""
    http2.send(octets)
    http2.expect_error(1, Code.FRAME_SIZE_ERROR, Code.PROTOCOL_ERROR)


# §6.1: DATA


@pytest.mark.parametrize(
    ("octets", "body"),
    [
        case("6.1", "in one frame", data(1, b"abc", Flag.END_STREAM), b"abc"),
        case("6.1", "in several", data(1, b"a") + data(1, b"bc") + data(1, b"", Flag.END_STREAM), b"abc"),
        case("6.1", "with empty frames between", data(1) + data(1, b"abc") + data(1) * 3 + data(1, b"", 1), b"abc"),
        case("6.1", "of nothing", data(1, b"", Flag.END_STREAM), b""),
        case("6.1", "padded", data(1, padded(b"abc", 10), Flag.PADDED | Flag.END_STREAM), b"abc"),
        case("6.1", "padded by a length of 0", data(1, padded(b"abc", 0), Flag.PADDED | Flag.END_STREAM), b"abc"),
        case("6.1", "padded by 255", data(1, padded(b"abc", 255), Flag.PADDED | Flag.END_STREAM), b"abc"),
        case("6.1", "padding alone", data(1, padded(b"", 255), Flag.PADDED) + data(1, b"abc", 1), b"abc"),
        case("6.1", "padding alone at the end", data(1, b"abc") + data(1, padded(b"", 7), Flag.PADDED | 1), b"abc"),
        case(
            "6.1",
            "padded to the largest frame",
            data(1, padded(b"x" * (FRAME_SIZE - 256), 255), Flag.PADDED | Flag.END_STREAM),
            b"x" * (FRAME_SIZE - 256),
        ),
    ],
)
def test_data_arrives_without_its_padding(stand, http2, octets, body):
    """RFC 9113 §6.1."""
    assert upload(stand, http2, octets) == body


def test_padding_that_is_not_zero_is_ignored_or_an_error(http2):
    """RFC 9113 §6.1: a receiver need not look; where it does, PROTOCOL_ERROR."""
    http2.send(opening(1, "/alive") + data(1, padded(b"", 4, b"text"), Flag.PADDED | Flag.END_STREAM))
    if http2.survives():
        assert http2.response(1).status == 200
    else:
        http2.expect_connection_error(Code.PROTOCOL_ERROR)


# §6.2: HEADERS


@pytest.mark.parametrize(
    ("payload", "flags"),
    [
        case("6.2", "padded", padded(block(head("/alive")), 20), Flag.PADDED),
        case("6.2", "padded by a length of 0", padded(block(head("/alive")), 0), Flag.PADDED),
        case("6.2", "padded by 255", padded(block(head("/alive")), 255), Flag.PADDED),
        case("6.2", "with PRIORITY", dependency() + block(head("/alive")), Flag.PRIORITY),
        case("6.2", "with both", padded(dependency() + block(head("/alive")), 9), Flag.PADDED | Flag.PRIORITY),
    ],
)
def test_headers_are_read_without_padding_and_priority(http2, payload, flags):
    """RFC 9113 §6.2."""
    http2.send(headers(1, payload, WHOLE | flags))
    assert http2.response(1).status == 200


def test_headers_padded_and_continued_are_one_block(http2):
    """RFC 9113 §6.2, §6.10: only HEADERS have padding."""
    whole = block(head("/alive"))
    first = headers(1, padded(whole[:20], 30), Flag.PADDED | Flag.END_STREAM)
    http2.send(first + continuation(1, whole[20:]))
    assert http2.response(1).status == 200


def test_headers_of_nothing_but_padding_are_malformed(http2):
    """RFC 9113 §6.2, §8.3.1: a field block of no fields."""
    http2.send(headers(1, padded(b"", 10), WHOLE | Flag.PADDED))
    http2.expect_malformed(1)


def test_continuation_has_no_end_stream(stand, http2):
    """RFC 9113 §6.10: bits that it does not define say nothing, so the request goes on."""
    target = stand.answer(OK)
    whole = block(head(target, "POST"))
    http2.send(headers(1, whole[:20], Flag.NONE) + continuation(1, whole[20:], 0xFF))
    http2.settle()
    assert http2.on(1).fields is None
    http2.send(data(1, b"abc", Flag.END_STREAM))
    assert http2.response(1).status == 200
    assert bytes(stand.arrived(target)[0].body) == b"abc"


# §6.4, §7: RST_STREAM and error codes


@pytest.mark.parametrize(
    "code", [*Code, 0x0E, 0xFF, UNKNOWN_CODE, 2**32 - 1], ids=lambda code: f"7 {getattr(code, 'name', hex(code))}"
)
def test_reset_ends_the_exchange_whatever_its_code(stand, http2, gate, code):
    """RFC 9113 §6.4, §7: known or not, it closes the stream and nothing else."""
    with stand.counts("weir_client_aborts_total", stage="waiting"):
        stand.deliver(http2, request(1, gate.target), gate.target)
        http2.send(rst_stream(1, code))
        http2.expect_discarded(1)
    gate.may_answer.set()
    http2.settle()
    assert http2.on(1).fields is None


def test_reset_of_an_upload_keeps_it_from_upstream(stand, http2):
    """RFC 9113 §5.1, §6.4: a request that is reset before its end never was one."""
    target = stand.answer(OK)
    with stand.counts("weir_client_aborts_total", stage="request_body"):
        http2.send(opening(1, target) + data(1, b"abc"))
        http2.settle()
        http2.send(rst_stream(1))
        http2.expect_discarded(1)
    assert [one for one in stand.arrived(target) if one.complete] == []


# §6.5: SETTINGS

ACCEPTED = [
    case("6.5", "none", []),
    case("6.5.2", "HEADER_TABLE_SIZE of 0", [(Setting.HEADER_TABLE_SIZE, 0)]),
    case("6.5.2", "HEADER_TABLE_SIZE of 2^32-1", [(Setting.HEADER_TABLE_SIZE, 2**32 - 1)]),
    case("6.5.2", "ENABLE_PUSH of 0", [(Setting.ENABLE_PUSH, 0)]),
    case("6.5.2", "ENABLE_PUSH of 1", [(Setting.ENABLE_PUSH, 1)]),
    case("6.5.2", "MAX_CONCURRENT_STREAMS of 0", [(Setting.MAX_CONCURRENT_STREAMS, 0)]),
    case("6.5.2", "MAX_CONCURRENT_STREAMS of 2^32-1", [(Setting.MAX_CONCURRENT_STREAMS, 2**32 - 1)]),
    case("6.5.2", "INITIAL_WINDOW_SIZE of 2^31-1", [(Setting.INITIAL_WINDOW_SIZE, WINDOW_MAX)]),
    case("6.5.2", "MAX_FRAME_SIZE of 2^14", [(Setting.MAX_FRAME_SIZE, 2**14)]),
    case("6.5.2", "MAX_FRAME_SIZE of 2^24-1", [(Setting.MAX_FRAME_SIZE, 2**24 - 1)]),
    case("6.5.2", "MAX_HEADER_LIST_SIZE of 2^32-1", [(Setting.MAX_HEADER_LIST_SIZE, 2**32 - 1)]),
    case("6.5.2", "unknown identifier 0", [(0, 1)]),
    case("6.5.2", "unknown identifier 7", [(7, 2**32 - 1)]),
    case("6.5.2", "unknown identifier 255", [(0xFF, 1)]),
    case("6.5.2", "unknown identifier 65,535", [(0xFFFF, 0)]),
    case("6.5", "many unknown ones", [(0xFF00 + number, number) for number in range(30)]),
    case("6.5", "one again and again", [(Setting.INITIAL_WINDOW_SIZE, size) for size in (1, WINDOW_MAX, 0, WINDOW)]),
]


@pytest.mark.parametrize("first", [True, False], ids=["in the preface", "later"])
@pytest.mark.parametrize("pairs", ACCEPTED)
def test_settings_are_acknowledged(stand, pairs, first):
    """RFC 9113 §6.5.2, §6.5.3: each value that is allowed, each identifier that is unknown."""
    with Http2Client(stand.proxy.address) as client:
        client.start(settings(*pairs) if first else settings())
        if not first:
            client.send(settings(*pairs))
            client.expect_acknowledgement()
        client.expect_served()


@pytest.mark.parametrize("value", [0, 1])
def test_client_may_say_whether_it_sends_priorities(stand, value):
    """RFC 9218 §2.1: in its first SETTINGS."""
    with Http2Client(stand.proxy.address) as client:
        client.start(no_rfc7540_priorities=value)
        client.expect_served()


def test_every_settings_frame_is_acknowledged_once(http2):
    """RFC 9113 §6.5.3: in order, and acknowledgements not at all."""
    http2.send(settings() * 10)
    http2.expect_acknowledgement(*[{}] * 10)
    http2.settle()
    http2.expect_served()


# §6.7: PING


@pytest.mark.parametrize("opaque", [bytes(8), b"\xff" * 8, b"weirping"], ids=ascii)
def test_ping_is_answered_with_what_it_carried(http2, opaque):
    """RFC 9113 §6.7."""
    http2.send(ping(opaque))
    http2.until(lambda: http2.pongs, "PING is answered")
    assert http2.pongs == [opaque]


def test_pings_are_answered_each(http2):
    """RFC 9113 §6.7: an acknowledgement is not."""
    sent = [b"number%02d" % number for number in range(20)]
    http2.send(b"".join(ping(one) for one in sent[:10]) + ping(b"answered", Flag.ACK))
    http2.send(b"".join(ping(one) for one in sent[10:]))
    http2.until(lambda: len(http2.pongs) >= 20, "PINGs are answered")
    assert http2.pongs == sent
    http2.expect_served()
    assert len(http2.pongs) == 20


def test_ping_is_answered_while_a_request_waits(stand, http2, gate):
    """RFC 9113 §6.7: at once."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.settle()
    gate.may_answer.set()
    assert http2.response(1).status == 200


# §6.8: GOAWAY


@pytest.mark.parametrize(
    "octets",
    [
        case("6.8", "NO_ERROR", goaway()),
        case("6.8", "with debug data", goaway(0, Code.NO_ERROR, b"so long")),
        case("6.8", "with as much debug data as fits", goaway(0, Code.NO_ERROR, bytes(FRAME_SIZE - 8))),
        case("6.8", "of a stream that weir never opens", goaway(2**31 - 2)),
        case("6.8", "reserved bit", goaway(1 << 31)),
        case("6.8", "undefined flags", frame(Type.GOAWAY, 0xFF, 0, bytes(8))),
        case("7", "unknown code", goaway(0, UNKNOWN_CODE)),
        case("6.8", "twice", goaway(2**31 - 2) + goaway(0)),
    ],
)
def test_client_that_is_leaving_still_gets_its_responses(stand, http2, gate, octets):
    """RFC 9113 §6.8: what was begun is finished."""
    stand.deliver(http2, request(1, gate.target), gate.target)
    http2.send(octets)
    http2.settle()
    gate.may_answer.set()
    assert http2.response(1).status == 200
