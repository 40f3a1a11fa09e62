# SPDX-License-Identifier: Apache-2.0
"""Heads of responses: what passes, what becomes a 502, interim ones (RFC 9110 §15, RFC 9112 §4 to §6)."""

import threading

import pytest
from support.client import chunked, request
from support.upstream import OK, Arrived, Peer

TWO = b"Content-Length: 2\r\n\r\nok"

# Status lines


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", 200, "OK"),
        (b"HTTP/1.1 200 ", 200, ""),
        (b"HTTP/1.1 404 Not  Found ", 404, "Not  Found "),
        (b"HTTP/1.1 200 a\tb", 200, "a\tb"),
        (b"HTTP/1.1 200 D'accord \xe9t\xe9", 200, "D'accord \xe9t\xe9"),
        (b"HTTP/1.1 299 " + b"r" * 1000, 299, "r" * 1000),
        (b"HTTP/1.1 299 200 OK", 299, "200 OK"),
        (b"HTTP/1.1 418 :/?#[]@!$&'()*+,;=\"", 418, ":/?#[]@!$&'()*+,;=\""),
        (b"HTTP/1.2 200 OK", 200, "OK"),
        *(
            (b"HTTP/1.1 %d X" % status, status, "X")
            for status in (200, 299, 300, 399, 400, 451, 499, 500, 511, 599)
        ),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, bytes) else "",
)
def test_status_and_reason_pass(stand, line, status, reason):
    """RFC 9112 §4: the phrase is opaque text; RFC 9110 §2.5: a higher minor version is read as 1.1."""
    response = stand.fetch(request(stand.answer(line + b"\r\n" + TWO)))
    assert (response.version, response.status, response.reason) == ("1.1", status, reason)
    assert response.body == b"ok"


BAD_LINES = [
    b"", b" ", b"HTTP/1.1", b"HTTP/1.1 ", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1200 OK",
    b"HTTP/1.1 200OK", b"HTTP/1.1 2 00 OK",
    b"HTTP/1.1 20x OK", b"HTTP/1.1 abc OK", b"HTTP/1.1 -20 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 2.0 OK",
    b"HTTP/1.1 0x1 OK", b"HTTP/1.1 200\tOK",
    b"HTTP/1.1 000 X", b"HTTP/1.1 001 X", b"HTTP/1.1 099 X", b"HTTP/1.1 20 X", b"HTTP/1.1 2 X",
    b"HTTP/1.1 2000 X", b"HTTP/1.1 \xb2\xb0\xb0 X",
    b"http/1.1 200 OK", b"HTTP/1.10 200 OK", b"HTTP/11 200 OK", b"HTTP/1 200 OK", b"HTTP/1. 200 OK",
    b"HTTP/.1 200 OK", b"HTTP/0.9 200 OK",
    b"HTTP/2 200", b"HTTP/2.0 200 OK", b"HTTP/3.0 200 OK", b"HTTPS/1.1 200 OK", b"XHTTP/1.1 200 OK",
    b" HTTP/1.1 200 OK", b"ICY 200 OK", b"200 OK",
    b"\xef\xbb\xbfHTTP/1.1 200 OK", b"GET / HTTP/1.1", b"<html>", b"\x15\x03\x01\x00\x02\x02\x0a",
    b"\x00\x00\x12\x04\x00", b"HTTP/1.1 200 a\x00b",
    b"HTTP/1.1 200 a\x01b", b"HTTP/1.1 200 a\x7fb", b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200 \x0b",
    b"HTTP/1.1\x00 200 OK", b"HTTP/1.1 200\x00 OK",
]  # fmt: skip


@pytest.mark.parametrize("line", BAD_LINES, ids=ascii)
def test_broken_status_line_is_502(stand, line):
    """RFC 9112 §4, design §4: not repaired, not passed on; the client may go on, upstream may not."""
    with stand.counts("weir_gateway_errors_total", reason="bad_response"):
        broken(stand, line + b"\r\n" + TWO)


def broken(stand, response: bytes) -> None:
    """Expects a 502 for `response`, and that neither client nor upstream suffers from it."""
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(response)
        peer.wait_for_end()
        ended.set()

    target = stand.play(exchange)
    with stand.client() as client:
        answer = client.exchange(request(target))
        assert answer.status == 502, answer
        assert client.exchange(request()).body == b"ok"
    assert ended.wait(10)
    assert len(stand.arrived(target)) == 1


# Fields

BAD_FIELDS = [
    # RFC 9112 §2.2, §5
    b"X-A : b", b"X-A\t: b", b" X-A: b", b"\tX-A: b", b"X-A: b\r\n c", b"X-A: b\r\n\tc", b"X-A: b\r\n ",
    b"X-A", b": b", b"X A: b", b"X(A): b",
    b"X\xe9: b", b"X\x00A: b", b"X-A: \x00", b"X-A: b\x00c", b"X-A: b\rc", b"X-A: b\nX-B: c", b"X-A: b\n",
    b"\nX-A: b", b"X-A: b\r", b"X-A: \x01",
    b"X-A: b\x08", b"X-A: \x7f", b"X-A: \x1b[0m", b"HTTP/1.1 200 OK", b"X-A\r\n: b",
    # RFC 9110 §8.6, RFC 9112 §6.3
    *(
        b"Content-Length: " + value
        for value in (
            b"", b"-1", b"+2", b"2a", b"0x2", b"2.0", b"2 2", b"2,", b",2", b"2, 3", b"2,02,3", b'"2"',
            b"two", b"2;", b"2_0", b"\xb2", b"18446744073709551618", b"99999999999999999999",
            b"9" * 100, b"2\x0b",
        )
    ),
    b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 3\r\ncontent-length: 2",
    b"Content-Length: 2\r\nContent-Length:",
    b"Content-Length: 2\r\nX-A: b\r\nContent-Length: +2",
    # RFC 9112 §6.1
    *(
        b"Transfer-Encoding: " + value
        for value in (
            b"", b"chunked, chunked", b"gzip, chunked", b"chunked, gzip", b"gzip", b"identity", b"xchunked",
            b"chunked;q=1", b'"chunked"', b"chunked,", b"chunke", b"chunked x", b"\x0bchunked",
            b"chunked\x00", b"chunked\x7f",
        )
    ),
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding : chunked", b"Transfer-Encoding:\r\n chunked",
    b"Content-Length: 2\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 2", b"Transfer-Encoding: identity\r\nContent-Length: 2",
    b"Transfer-Encoding: chunked\r\nContent-Length: 0",
]  # fmt: skip


@pytest.mark.parametrize("fields", BAD_FIELDS, ids=ascii)
def test_broken_field_of_a_response_is_502(stand, fields):
    """RFC 9112 §5, §6: the same strictness as for requests."""
    broken(
        stand, b"HTTP/1.1 200 OK\r\nX-First: 1\r\n" + fields + b"\r\nX-Last: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    )


def test_coding_in_a_response_of_http_1_0_is_502(stand):
    """RFC 9112 §6.1: the framing is faulty."""
    broken(stand, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"ok"))


@pytest.mark.parametrize(
    "fields", [b"Content-Length: 2\r\nContent-Length: 2\r\n", b"Content-Length: 2, 2\r\n"], ids=ascii
)
def test_equal_lengths_never_reach_the_client_twice(stand, fields):
    """RFC 9112 §6.3: one of them, or an error."""
    response = stand.fetch(request(stand.answer(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\nok")))
    assert response.status in (200, 502)
    if response.status == 200:
        assert (response.get("content-length"), response.body) == ("2", b"ok")


def test_every_byte_of_a_value_passes(stand):
    """RFC 9110 §5.5: order, case, inner white space and obs-text are untouched."""
    value = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
    fields = [
        (b"X-All", b"<" + value + b">"), (b"x-lower", b"a"), (b"X-Dup", b"1"), (b"X-EMPTY", b""),
        (b"X-dup", b"2"), (b"X-Dup", b""),
        (b"X_Under_score", b"_"), (b"!#$%&'*+-.^_`|~09", b"x"),
        (b"Set-Cookie", b"a=b; Expires=Thu, 01 Jan 2026 00:00:00 GMT"),
        (b"Set-Cookie", b"c=d, e"), (b"ETag", b'W/"a,b"'), (b"Set-cookie", b"f"),
    ]  # fmt: skip
    lines = b"".join(b"%s: \t%s \r\n" % pair for pair in fields)
    response = stand.fetch(request(stand.answer(b"HTTP/1.1 200 OK\r\n" + lines + TWO)))
    assert [pair for pair in response.fields if pair[0] not in ("Content-Length", "Date")] == [
        (name.decode(), text.decode("latin-1")) for name, text in fields
    ]


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        (b"Connection: X-A\r\nX-A: 1\r\n", {"x-a"}),
        (b"X-A: 1\r\nx-a: 2\r\nConnection: close,x-A\r\nConnection: X-B\r\nX-B: 3\r\n", {"x-a", "x-b"}),
        (b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n", {"keep-alive", "proxy-connection"}),
        (b"Upgrade: h2c\r\nConnection: Upgrade\r\n", {"upgrade"}),
        (b"TE: trailers\r\nConnection: te\r\n", {"te"}),
    ],
    ids=range(5),
)
def test_fields_of_the_upstream_hop_stay_behind(stand, fields, gone):
    """RFC 9110 §7.6.1."""
    with stand.client() as client:
        response = client.exchange(request(stand.answer(b"HTTP/1.1 200 OK\r\nX-Stays: 9\r\n" + fields + TWO)))
        assert (response.status, response.closes, response.get("x-stays")) == (200, False, "9")
        assert not gone & response.names
        assert client.exchange(request()).status == 200


@pytest.mark.parametrize(
    "name", ["Content-Length", "Set-Cookie", "Content-Type", "Cache-Control", "Content-Encoding"]
)
def test_connection_of_a_response_cannot_take_away_what_matters(stand, name):
    """RFC 9110 §7.6.1, design §4."""
    fields = b"Set-Cookie: a=b\r\nContent-Type: text/x\r\nCache-Control: private\r\nContent-Encoding: br\r\n"
    head = b"HTTP/1.1 200 OK\r\nConnection: " + name.encode() + b"\r\n" + fields + TWO
    response = stand.fetch(request(stand.answer(head)))
    assert len(response.all(name)) == 1
    assert response.body == b"ok"


@pytest.mark.parametrize("date", [None, "Thu, 01 Jan 2026 00:00:00 GMT", "yesterday", ""])
@pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
def test_date_is_added_only_where_it_is_missing(stand, date, status):
    """RFC 9110 §6.6.1: a proxy adds one that is missing, and leaves what is there."""
    field = b"" if date is None else f"Date: {date}\r\n".encode()
    length = b"Content-Length: 0\r\n" if status not in (204, 304) else b""
    response = stand.fetch(request(stand.answer(b"HTTP/1.1 %d X\r\n%s%s\r\n" % (status, field, length))))
    dates = response.all("date")
    assert len(dates) == 1
    assert dates[0].endswith(" GMT") if date is None else dates == [date]


# Limits: the last that passes, the first that does not


def head_of(size: int) -> bytes:
    """A response whose head has `size` bytes."""
    start, end = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Fill: ", b"\r\n\r\n"
    return start + b"v" * (size - len(start) - len(end)) + end + b"ok"


def test_head_of_32_kib_passes_and_one_byte_more_is_502(stand):
    """README, reasons: `response_head_too_large`."""
    assert stand.fetch(request(stand.answer(head_of(32 * 1024)))).body == b"ok"
    with stand.counts("weir_gateway_errors_total", reason="response_head_too_large"):
        broken(stand, head_of(32 * 1024 + 1))


def test_256_fields_pass_and_one_more_is_502(stand):
    """README, reasons: `response_head_too_large`."""
    many = b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 255
    assert len(stand.fetch(request(stand.answer(many + TWO))).all("x-a")) == 255
    with stand.counts("weir_gateway_errors_total", reason="response_head_too_large"):
        broken(stand, many + b"X-A: b\r\n" + TWO)


@pytest.mark.parametrize(
    "data",
    [b"x" * 100_000, b"HTTP/1.1 200 " + b"r" * 100_000, b"HTTP/1.1 200 OK\r\n" + b"n" * 100_000],
    ids=range(3),
)
def test_head_without_end_is_502(stand, data):
    """Design §4: refused once the limit is passed, or at its first wrong byte."""
    broken(stand, data)


def test_head_may_arrive_byte_by_byte(stand):
    """TCP keeps no boundaries."""

    def drip(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        for byte in b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A:  b \r\n" + TWO:
            peer.send(bytes([byte]))

    response = stand.fetch(request(stand.play(drip, keeps=True)))
    assert (response.status, response.get("x-a"), response.body) == (200, "b", b"ok")
    assert [(one.status, one.get("link")) for one in response.interim] == [(103, "</a>")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"H",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
        b"HTTP/1.1 200 OK\r\nX",
        b"\r\n",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset], ids=["FIN", "RST"])
def test_head_that_ends_early_is_502(stand, data, leave):
    """RFC 9112 §8: half a head is no response."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(data)
        leave(peer)

    target = stand.play(exchange)
    with stand.client() as client:
        assert client.exchange(request(target, "POST", b"x")).status == 502
        assert client.exchange(request()).status == 200


# Interim responses (RFC 9110 §15.2)


@pytest.mark.parametrize("status", [100, 102, 103, 104, 199])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_interim_response_passes_with_its_fields(stand, status, method):
    """RFC 9110 §15.2: MUST be forwarded; the final one follows as ever."""
    interim = b"HTTP/1.1 %d Soon\r\nLink: </a>; rel=preload\r\nlink: </b>\r\nX-I: \xe9\r\n\r\n" % status
    final = OK if method != "HEAD" else OK[:-2]
    target = stand.answer(interim + interim + final)
    with stand.client() as client:
        for _ in range(2):
            response = client.exchange(request(target, method, b"b" if method == "POST" else None), method)
            assert [(one.status, one.all("link"), one.get("x-i")) for one in response.interim] == [
                (status, ["</a>; rel=preload", "</b>"], "\xe9")
            ] * 2
            assert response.status == 200


@pytest.mark.parametrize("status", [100, 102, 103])
def test_interim_response_never_reaches_http_1_0(stand, status):
    """RFC 9110 §15.2: MUST NOT."""
    target = stand.answer(b"HTTP/1.1 %d Soon\r\nLink: </a>\r\n\r\n" % status * 3 + OK)
    response = stand.fetch(f"GET {target} HTTP/1.0\r\n\r\n".encode())
    assert (response.interim, response.status, response.body) == ([], 200, b"ok")


def test_interim_response_passes_before_the_final_one_exists(stand):
    """RFC 8297 §2: that is what it is for."""
    seen = threading.Event()

    def hints(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.wait_for(seen)
        peer.send(OK)

    with stand.client() as client:
        client.send(request(stand.play(hints, keeps=True)))
        assert client.read_head().status == 103
        seen.set()
        assert client.read_response().status == 200


def test_fields_of_one_hop_leave_interim_responses_too(stand):
    """RFC 9110 §7.6.1, RFC 9112 §6.1, §6.3: nor has it any framing."""
    interim = (
        b"HTTP/1.1 103 Early Hints\r\nConnection: X-A, close\r\nX-A: 1\r\nKeep-Alive: 1\r\nX-Stays: 2\r\n"
        b"Content-Length: 5\r\n\r\n"
    )
    response = stand.fetch(request(stand.answer(interim + OK)))
    assert response.status in (200, 502)
    for one in response.interim:
        assert not {"x-a", "keep-alive", "connection", "content-length"} & one.names
        assert one.get("x-stays") == "2"


def test_32_interim_responses_pass_and_one_more_is_502(stand):
    """A flood of them would be a response without end."""
    soon = b"HTTP/1.1 102 Soon\r\n\r\n"
    assert len(stand.fetch(request(stand.answer(soon * 32 + OK))).interim) == 32
    with stand.counts("weir_gateway_errors_total", reason="too_many_interim"):
        assert stand.fetch(request(stand.answer(soon * 33 + OK, keeps=False))).status == 502


@pytest.mark.parametrize(
    "second", [b"", b"HTTP/1.1 2", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\nX: y\n\n"], ids=ascii
)
def test_broken_final_response_behind_an_interim_one_is_502(stand, second):
    """RFC 9110 §15.2: the client still waits for a final one."""
    response = stand.fetch(request(stand.answer(b"HTTP/1.1 103 Soon\r\n\r\n" + second, keeps=False)))
    assert ([one.status for one in response.interim], response.status) == ([103], 502)


@pytest.mark.parametrize(
    "fields", [b"Connection: upgrade\r\nUpgrade: websocket\r\n", b"", b"Upgrade: h2c\r\n"], ids=ascii
)
def test_switch_that_nobody_asked_for_is_502(stand, fields):
    """RFC 9110 §15.2.2, §7.8: a server must not switch to what was not offered."""
    with stand.counts("weir_gateway_errors_total", reason="unexpected_upgrade"):
        broken(stand, b"HTTP/1.1 101 Switching Protocols\r\n" + fields + b"\r\n" + OK)
