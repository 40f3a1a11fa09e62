# SPDX-License-Identifier: Apache-2.0
"""Every time-out: its status, its reason, what it does not apply to (RFC 9110 §15.5.9, §15.6.5)."""

import contextlib
import threading

import pytest
from support.client import RawClient, Truncated, chunked, request
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually

SHORT = "300ms"
LONGER = "700ms"
"""For what must not time out, with room for a machine that is busy with other work."""
BETWEEN = 0.1
"""Seconds between two bytes of something slow that is not silent."""


def drip(client: RawClient, data: bytes) -> None:
    """Sends a byte now and then, until weir says or closes something."""
    for byte in data:
        if client.readable(BETWEEN):
            return
        with contextlib.suppress(ConnectionError):
            client.send(bytes([byte]))


def times_out(stand, client: RawClient, status: int, reason: str) -> None:
    """Expects this answer, counted once under its reason, and the end."""
    with stand.counts("weir_gateway_errors_total", reason=reason):
        with stand.counts("flask_response_code", status=str(status)):
            response = client.read_response()
            assert (response.status, response.closes) == (status, True)
            client.expect_end()


# Heads


@pytest.mark.parametrize(
    "data", [b"G", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: w\r\n",
    b"GET / HTTP/1.1\r\nHost: w\r\n\r"], ids=ascii
)  # fmt: skip
@pytest.mark.parametrize("good", [0, 2])
def test_head_that_stops_is_408(stands, data, good):
    """RFC 9110 §15.5.9: wherever it stops, also behind good requests."""
    stand = stands(header_timeout=SHORT)
    with stand.client() as client:
        client.send(request() * good + data)
        assert [client.read_response().status for _ in range(good)] == [200] * good
        times_out(stand, client, 408, "header_timeout")


def test_head_that_drips_is_408(stands):
    """RFC 9110 §15.5.9: a byte now and then does not start the time anew."""
    stand = stands(header_timeout=SHORT)
    with stand.counts("weir_gateway_errors_total", reason="header_timeout"):
        with stand.client() as client:
            drip(client, b"GET / HTTP/1.1\r\nHost: weir.test\r\nX-Slow: " + b"x" * 50)
            assert client.read_response().status == 408
            client.expect_end()


def test_head_in_time_is_served_however_slowly_it_came(stands):
    """RFC 9110 §15.5.9: the limit is for the whole head."""
    stand = stands(header_timeout="8s")
    with stand.client() as client:
        data = request()
        drip(client, data[:4])
        client.send(data[4:])
        assert client.read_response().status == 200


def test_slow_heads_keep_nobody_from_being_served(stands):
    """Design §1, fact 4: half heads block neither gunicorn nor others, and time out by themselves."""
    stand = stands(header_timeout="2s")
    slow = [stand.client() for _ in range(200)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: w\r\nX-Slow: ")
    for _ in range(20):
        assert stand.fetch(request()).status == 200
    assert not any(client.readable(0) for client in slow)
    assert [client.read_response().status for client in slow] == [408] * 200
    for client in slow:
        client.expect_end()
        client.close()


# Bodies


@pytest.mark.parametrize("request_buffer", [0, "1m"])
@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({"Content_Length": "10"}, b""),
        ({"Content_Length": "10"}, b"012345678"),
        ({"Transfer_Encoding": "chunked"}, b""),
        ({"Transfer_Encoding": "chunked"}, b"a"),
        ({"Transfer_Encoding": "chunked"}, b"a\r\n01234"),
        ({"Transfer_Encoding": "chunked"}, b"a\r\n0123456789\r\n"),
        ({"Transfer_Encoding": "chunked"}, b"a\r\n0123456789\r\n0\r\n"),
        ({"Transfer_Encoding": "chunked"}, b"a\r\n0123456789\r\n0\r\nX: y\r\n"),
    ],
    ids=lambda value: ascii(value) if isinstance(value, bytes) else "",
)
def test_body_that_stops_is_408(stands, fields, part, request_buffer):
    """RFC 9110 §15.5.9: in data, sizes and trailers alike; upstream never sees it whole."""
    stand = stands(body_timeout=SHORT, request_buffer=request_buffer)
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target, "POST", **fields) + part)
        times_out(stand, client, 408, "body_timeout")
    assert not any(one.complete for one in stand.arrived(target))


@pytest.mark.parametrize("request_buffer", [0, "1m"])
def test_body_that_drips_is_taken(stands, request_buffer):
    """--body-timeout is the pause between two reads, not the time of all."""
    stand = stands(body_timeout=LONGER, request_buffer=request_buffer)
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="10"))
        drip(client, b"0123456789")
        assert client.read_response().status == 200
    assert bytes(stand.arrived(target)[0].body) == b"0123456789"


@pytest.mark.parametrize("request_buffer", [0, "1m"])
def test_slow_upload_does_not_use_up_the_response_timeout(stands, request_buffer):
    """--response-timeout: weir does not wait for upstream before the request is whole."""
    stand = stands(response_timeout=SHORT, request_buffer=request_buffer)
    target = stand.answer(OK)
    with stand.client() as client:
        client.send(request(target, "POST", Content_Length="5"))
        drip(client, b"01234")
        assert client.read_response().status == 200


# Responses


@pytest.mark.parametrize(
    "part", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"], ids=ascii
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_silent_upstream_is_504(stands, part, method):
    """RFC 9110 §15.6.5: before a final head; the client's connection goes on."""
    stand = stands(response_timeout=SHORT)
    ended = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(part)
        peer.wait_for_end()
        ended.set()

    target = stand.play(exchange)
    with stand.client() as client, stand.counts("weir_gateway_errors_total", reason="response_timeout"):
        assert client.exchange(request(target, method, b"x" if method == "POST" else None)).status == 504
        assert ended.wait(10)
        assert client.exchange(request()).body == b"ok"
    assert len(stand.arrived(target)) == 1


@pytest.mark.parametrize(
    "response", [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"], ids=["length", "chunked"]
)  # fmt: skip
def test_silence_in_a_response_cuts_it(stands, response):
    """RFC 9112 §8: it has begun, so no other can follow; the status counted is the one that was sent."""
    stand = stands(response_timeout=SHORT)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(response)
        peer.wait_for_end()

    with stand.client() as client, stand.counts("weir_gateway_errors_total", reason="response_timeout"):
        client.send(request(stand.play(exchange)))
        with pytest.raises(Truncated):
            client.read_response()


def test_response_that_drips_is_passed_on(stands):
    """--response-timeout is silence between two reads, in head and body."""
    stand = stands(response_timeout=LONGER)
    pause = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        for part in (
            b"HTTP",
            b"/1.1 ",
            b"200 ",
            b"OK\r\n",
            b"Content-",
            b"Length:",
            b" 2\r\n",
            b"\r\n",
            b"o",
            b"k",
        ):
            pause.wait(BETWEEN)
            peer.send(part)

    assert stand.fetch(request(stand.play(exchange, keeps=True))).body == b"ok"


@pytest.mark.parametrize("response_buffer", [0, "1m"])
def test_client_that_pauses_is_no_silence_of_upstream(stands, response_buffer):
    """--response-timeout runs while weir waits for upstream, not while upstream waits for the client."""
    stand = stands(response_timeout=SHORT, response_buffer=response_buffer)
    size = 32 * 1024 * 1024
    with stand.client(receive_buffer=65_536) as client:
        client.send(
            request(stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)))
        )
        assert client.read_head().status == 200
        assert not threading.Event().wait(1.0)
        assert len(client.read_exactly(size)) == size


@pytest.mark.parametrize("response_buffer", [0, "1m"])
def test_client_that_takes_nothing_is_cut_and_counted(stands, response_buffer):
    """--send-timeout: a reset, so that nobody takes what came for the whole."""
    stand = stands(send_timeout=SHORT, response_buffer=response_buffer)
    size = 32 * 1024 * 1024
    with stand.counts("weir_gateway_errors_total", reason="send_timeout"):
        with stand.client(receive_buffer=65_536) as client:
            client.send(
                request(stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)))
            )
            assert client.read_head().status == 200
            eventually(lambda: stand.proxy.sum("http_server_active_requests") == 0, "it is given up")
            with pytest.raises(Truncated):
                client.read_exactly(size)


# Idle connections


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\r\n\r\n"], ids=ascii)
@pytest.mark.parametrize("used", [0, 3])
def test_idle_connection_ends_without_a_word(stands, before, used):
    """RFC 9112 §9.5: nobody has asked anything; empty lines are nothing either."""
    stand = stands(idle_timeout=SHORT, header_timeout="500ms")
    with stand.client() as client:
        for _ in range(used):
            assert client.exchange(request()).status == 200
        client.send(before)
        answer = client.read_to_end()
        assert answer == b"" or (before and answer.startswith(b"HTTP/1.1 408 "))


def test_request_that_takes_long_is_not_idle(stands):
    """RFC 9112 §9.5: --idle-timeout is for connections without a request."""
    stand = stands(idle_timeout=SHORT, header_timeout="500ms")
    pause = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        pause.wait(0.5)
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        pause.wait(0.5)
        peer.send(chunked(b"late"))

    with stand.client() as client:
        assert client.exchange(request(stand.play(exchange, keeps=True), "POST", b"x")).body == b"late"
        assert client.exchange(request()).body == b"ok"


def test_each_response_starts_the_idle_time_anew(stands):
    """RFC 9112 §9.5."""
    stand = stands(idle_timeout="1s")
    with stand.client() as client:
        for _ in range(5):
            assert client.exchange(request()).status == 200
            assert not client.readable(0.3)
        client.expect_end()
