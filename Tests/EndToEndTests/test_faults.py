"""What goes wrong at either end, and what the client, the metrics and the operator then see."""

import contextlib
import socket
import threading
import time
from contextlib import closing

import pytest
from support import weir as command
from support.addresses import split, tcp_address
from support.client import RawClient, Response, Truncated, chunked, fetch, request
from support.upstream import OK, Peer, ScriptedUpstream, answering, once
from support.waiting import eventually, eventually_equal

ERROR_BODY_MAX = 1024


def assert_made_by_weir(response: Response, status: int) -> None:
    """The small text answer that weir makes itself (design §4)."""
    assert response.status == status, response
    assert (response.get("content-type") or "").split(";")[0] == "text/plain"
    assert 0 < len(response.body) <= ERROR_BODY_MAX
    assert response.get("content-length") == str(len(response.body))


def assert_gateway_errors(proxy, status: int, count: int) -> None:
    """Each is counted once under a reason, and as the status that the user saw."""
    proxy.expect("flask_response_code", count, status=str(status))
    assert proxy.sum("weir_gateway_errors_total") == count
    assert proxy.sum("flask_requests") == count
    name = "http_server_request_duration_seconds_count"
    assert proxy.sum(name, http_response_status_code=str(status)) == count


# Upstream is not there


def test_absent_upstream_is_502_at_once(weir):
    """RFC 9110 §15.6.3."""
    proxy = weir(tcp_address(), ready=False, upstream_wait="0s")
    begun = time.monotonic()
    response = fetch(proxy.address, request())
    assert time.monotonic() - begun < 2
    assert_made_by_weir(response, 502)
    assert_gateway_errors(proxy, 502, 1)
    metrics = proxy.metrics()
    assert metrics.value("weir_gateway_errors_total", reason="upstream_refused") == 1
    assert metrics.value("weir_upstream_up") == 0
    assert metrics.value("flask_request_duration_count") == 0
    assert metrics.sum("http_server_active_requests") == 0


def test_absent_socket_file_is_502_at_once(weir, short_path):
    """The file is missing while gunicorn restarts; it may also be there with nobody behind it."""
    path = short_path / "app.sock"
    proxy = weir(f"unix:{path}", ready=False, upstream_wait="0s")
    assert_made_by_weir(fetch(proxy.address, request()), 502)
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    assert_made_by_weir(fetch(proxy.address, request()), 502)
    assert_gateway_errors(proxy, 502, 2)
    assert proxy.sum("weir_upstream_up") == 0


def test_client_connection_outlives_a_502(weir, upstream):
    """Nothing is wrong with the client: it may ask again, and weir recovers by itself."""
    address = tcp_address()
    proxy = weir(address, ready=False, upstream_wait="0s")
    with RawClient(proxy.address) as client:
        for _ in range(2):
            response = client.exchange(request())
            assert_made_by_weir(response, 502)
            assert not response.closes
        ready = proxy.ask("/-/ready")
        assert ready.status == 503
        assert ready.body.strip()
        upstream(address=address)
        eventually(lambda: proxy.ask("/-/ready").status == 200, "ready again")
        assert client.exchange(request()).body == b"ok"
    assert proxy.sum("weir_upstream_up") == 1


def test_upload_to_an_absent_upstream_is_502(weir):
    """The client is still sending when the answer is known; the body is never read as a request."""
    proxy = weir(tcp_address(), ready=False, upstream_wait="0s")
    with RawClient(proxy.address) as client:
        response = client.exchange(request("/", "POST", b"x" * 100_000 + request("/smuggled")))
        assert_made_by_weir(response, 502)
        with contextlib.suppress(OSError):
            client.finish_sending()
        client.expect_end()
    assert_gateway_errors(proxy, 502, 1)


def full_backlog(address: str) -> tuple[socket.socket, list[socket.socket]]:
    """A listener that accepts nothing, and the connections that fill its backlog."""
    family, target = split(address)
    listener = socket.socket(family)
    listener.bind(target)
    listener.listen(0)
    waiting: list[socket.socket] = []
    while True:
        one = socket.socket(family)
        one.settimeout(0.3)
        waiting.append(one)
        try:
            one.connect(target)
        except (BlockingIOError, TimeoutError):
            return listener, waiting


@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_full_backlog_is_504_after_the_connect_timeout(weir, short_path, transport):
    """RFC 9110 §15.6.5. Over TCP the SYN is dropped; a unix socket says EAGAIN (connect(2))."""
    address = tcp_address() if transport == "tcp" else f"unix:{short_path / 'app.sock'}"
    listener, waiting = full_backlog(address)
    with contextlib.ExitStack() as stack:
        for one in [listener, *waiting]:
            stack.enter_context(closing(one))
        proxy = weir(address, ready=False, connect_timeout="400ms")
        begun = time.monotonic()
        assert_made_by_weir(fetch(proxy.address, request()), 504)
        assert 0.35 < time.monotonic() - begun < 3
        assert_gateway_errors(proxy, 504, 1)


def test_backlog_of_a_unix_socket_that_drains_in_time_costs_nothing(weir, short_path):
    """EAGAIN is no refusal: weir tries again until --connect-timeout."""
    address = f"unix:{short_path / 'app.sock'}"
    listener, waiting = full_backlog(address)
    proxy = weir(address, ready=False, connect_timeout="20s")

    def drain() -> None:
        """Accepts for ever, answering whoever sends something."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            accepted.append(connection)
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if connection.recv(65_536):
                connection.sendall(OK)

    accepted: list[socket.socket] = []
    with RawClient(proxy.address, timeout=20) as client:
        client.send(request())
        proxy.expect("http_server_active_requests", 1)
        thread = threading.Thread(target=drain, daemon=True)
        thread.start()
        assert client.read_response().body == b"ok"
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    for one in [listener, *waiting, *accepted]:
        one.close()
    assert proxy.sum("weir_gateway_errors_total") == 0


# Upstream misbehaves before its response


def test_silent_upstream_is_504_after_the_response_timeout(weir, upstream):
    """RFC 9110 §15.6.5; the upstream connection is given up."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.wait_for_end()
        ended.set()

    app = upstream(script)
    proxy = weir(app, response_timeout="300ms")
    begun = time.monotonic()
    assert_made_by_weir(fetch(proxy.address, request()), 504)
    assert 0.25 < time.monotonic() - begun < 3
    assert ended.wait(10)
    assert len(app.requests) == 1
    assert_gateway_errors(proxy, 504, 1)


@pytest.mark.parametrize(
    "method, leave",
    [("GET", Peer.close), ("POST", Peer.close), ("POST", Peer.reset)],
    ids=["GET-FIN", "POST-FIN", "POST-RST"],
)
def test_upstream_that_closes_before_its_head_is_502(weir, upstream, leave, method):
    """A fresh connection: no retry, the app may have acted."""

    def script(peer: Peer) -> None:
        peer.read_request()
        leave(peer)

    app = upstream(script)
    proxy = weir(app)
    assert_made_by_weir(fetch(proxy.address, request("/", method, b"x" if method == "POST" else None)), 502)
    assert len(app.requests) == 1
    assert_gateway_errors(proxy, 502, 1)


def test_upstream_that_closes_within_its_head_is_502(weir, upstream):
    """RFC 9112 §8: half a head is no response."""
    app = upstream(once(b"HTTP/1.1 200 OK\r\nContent-Le"))
    proxy = weir(app)
    assert_made_by_weir(fetch(proxy.address, request()), 502)
    assert len(app.requests) == 1
    assert_gateway_errors(proxy, 502, 1)


BROKEN_HEADS = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/0.9 body": b"<html>hello</html>\r\n\r\n",
    "version 2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    "status of two digits": b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    "status below 100": b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "bare CR in a value": b"HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\nok",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "no colon": b"HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok",
    "differing lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    "length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "both framings": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "head without end": b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 10_000,
}  # fmt: skip


@pytest.mark.parametrize("head", BROKEN_HEADS.values(), ids=BROKEN_HEADS.keys())
def test_broken_response_head_is_502(weir, upstream, head):
    """RFC 9112 §4, §5, §6.3; design §4, strict back. That connection is not used again."""

    def broken(peer: Peer) -> None:
        peer.read_request()
        peer.send(head)
        peer.wait_for_end()

    app = upstream(broken, answering())
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        response = client.exchange(request())
        assert_made_by_weir(response, 502)
        assert_gateway_errors(proxy, 502, 1)
        assert client.exchange(request()).body == b"ok"
    assert app.connections == 2


# Upstream misbehaves within its response

CUT_SHORT = {
    "by length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this",
    "by length, no byte": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this",
    "between chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    "before the last CRLF": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n",
    "in a chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n1",
}


@pytest.mark.parametrize("response", CUT_SHORT.values(), ids=CUT_SHORT.keys())
@pytest.mark.parametrize("leave", [Peer.close, Peer.reset], ids=["FIN", "RST"])
def test_response_cut_short_is_never_complete(weir, upstream, response, leave):
    """RFC 9112 §8: the client must be able to tell. weir cuts its connection, it neither pads nor ends it."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(response)
        peer.wait_for(seen)
        leave(peer)

    seen = threading.Event()
    app = upstream(script)
    proxy = weir(app)
    with RawClient(proxy.address) as client:
        client.send(request())
        head = client.read_head()
        assert head.status == 200
        seen.set()
        with pytest.raises(Truncated):
            client.read_body(head)
    assert len(app.requests) == 1


BROKEN_CHUNKS = {
    "no hex": b"xyz\r\n",
    "negative": b"-1\r\n",
    "prefix": b"0x1\r\na\r\n",
    "too large": b"fffffffffffffffff\r\n",
    "bare LF": b"1\na\r\n",
    "surplus data": b"1\r\nabc\r\n0\r\n\r\n",
    "empty size": b"\r\n",
}


@pytest.mark.parametrize("chunks", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS.keys())
def test_broken_chunk_of_a_response_cuts_it(weir, upstream, chunks):
    """RFC 9112 §7.1."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n")
        peer.wait_for(seen)
        peer.send(chunks)
        peer.wait_for_end()

    seen = threading.Event()
    with RawClient(weir(upstream(script)).address) as client:
        client.send(request())
        client.read_head()
        assert client.read_chunk() == b"good"
        seen.set()
        with pytest.raises(Truncated):
            while client.read_chunk():
                pass


def test_silence_within_a_response_cuts_it(weir, upstream):
    """--response-timeout is silence between reads; a response that has begun cannot become a 504."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
        peer.wait_for_end()

    with RawClient(weir(upstream(script), response_timeout="300ms").address) as client:
        client.send(request())
        head = client.read_head()
        with pytest.raises(Truncated):
            client.read_body(head)


# A connection that died while idle


def test_get_on_a_connection_that_dies_is_retried_once(weir, upstream):
    """RFC 9112 §9.3.1: the keep-alive race must not reach the user."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    app = upstream(dying, answering())
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        assert client.exchange(request("/1")).status == 200
        assert client.exchange(request("/2")).status == 200
    assert [(one.connection, one.target) for one in app.requests] == [(1, "/1"), (1, "/2"), (2, "/2")]
    proxy.expect("weir_upstream_retries_total", 1)
    assert proxy.sum("weir_gateway_errors_total") == 0
    proxy.expect("flask_requests", 2)


def test_retry_happens_once_only(weir, upstream):
    """On a new connection, whose failure is the answer."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    def dead(peer: Peer) -> None:
        peer.read_request()

    app = upstream(dying, dead)
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        assert client.exchange(request()).status == 200
        assert_made_by_weir(client.exchange(request()), 502)
    assert len(app.requests) == 3


def test_post_is_never_sent_twice(weir, upstream):
    """RFC 9110 §9.2.2: not idempotent."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    app = upstream(dying, answering())
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        assert client.exchange(request()).status == 200
        assert_made_by_weir(client.exchange(request("/", "POST", b"pay 5")), 502)
    assert [one.method for one in app.requests] == ["GET", "POST"]
    assert proxy.sum("weir_upstream_retries_total") == 0


def test_get_is_not_retried_once_the_response_has_begun(weir, upstream):
    """The app has answered, however little."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()
        peer.send(b"HTTP/1.1 200")

    app = upstream(dying, answering())
    with RawClient(weir(app, threads=1).address) as client:
        assert client.exchange(request()).status == 200
        assert_made_by_weir(client.exchange(request()), 502)
    assert len(app.requests) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_connection_closed_while_idle_is_noticed(weir, upstream, method):
    """Then it is simply not used, not even for POST."""
    app = upstream(once(OK), answering())
    proxy = weir(app, threads=1, upstream_idle_timeout="60s")
    with RawClient(proxy.address) as client:
        assert client.exchange(request()).status == 200
        proxy.expect("weir_upstream_connections", 0)
        assert client.exchange(request("/", method, b"body")).status == 200
    assert app.connections == 2
    assert proxy.sum("weir_upstream_retries_total") == 0
    assert proxy.sum("weir_gateway_errors_total") == 0


def test_idle_upstream_connection_is_closed_in_time(weir, upstream):
    """--upstream-idle-timeout."""
    app = upstream()
    proxy = weir(app, threads=1, upstream_idle_timeout="300ms")
    assert fetch(proxy.address, request()).status == 200
    proxy.expect("weir_upstream_connections", 0)
    eventually_equal(lambda: app.open_connections, 0, "connections at the upstream")


# Clients that are slow


def drip(client: RawClient, data: bytes) -> None:
    """A byte every 50 ms, until weir says or closes something."""
    for byte in data:
        if client.readable(0.05):
            return
        try:
            client.send(bytes([byte]))
        except ConnectionError:
            return


@pytest.mark.parametrize("dripping", [False, True], ids=["silent", "dripping"])
def test_slow_head_is_408(weir, upstream, dripping):
    """RFC 9110 §15.5.9. The whole head has --header-timeout; a byte now and then buys no time."""
    app = upstream()
    proxy = weir(app, header_timeout="400ms")
    with RawClient(proxy.address) as client:
        begun = time.monotonic()
        client.send(b"GET / HTTP/1.1\r\nHost: weir")
        if dripping:
            drip(client, b"x" * 200)
        response = client.read_response()
        assert 0.35 < time.monotonic() - begun < 3
        assert_made_by_weir(response, 408)
        assert response.closes
        client.expect_end()
    assert app.requests == []
    proxy.expect("flask_response_code", 1, status="408")
    assert proxy.sum("flask_requests") == 1
    assert proxy.sum("flask_request_duration_count") == 0


@pytest.mark.parametrize("request_buffer", [0, "1m"])
def test_slow_body_is_408(weir, upstream, request_buffer):
    """RFC 9110 §15.5.9; the upstream never sees a whole request."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        try:
            peer.read_request()
        finally:
            ended.set()

    app = upstream(script)
    proxy = weir(app, body_timeout="400ms", request_buffer=request_buffer)
    with RawClient(proxy.address) as client:
        begun = time.monotonic()
        client.send(request("/", "POST", Content_Length="100") + b"only this")
        response = client.read_response()
        assert 0.35 < time.monotonic() - begun < 3
        assert_made_by_weir(response, 408)
        assert response.closes
        client.expect_end()
    if app.connections:
        assert ended.wait(10)
    assert not any(arrived.complete for arrived in app.requests)
    proxy.expect("flask_response_code", 1, status="408")


@pytest.mark.parametrize("request_buffer", [0, "1m"])
def test_body_that_keeps_coming_is_not_slow(weir, upstream, request_buffer):
    """--body-timeout runs between two reads."""
    app = upstream()
    body = b"0123456789" * 2
    with RawClient(weir(app, body_timeout="400ms", request_buffer=request_buffer).address) as client:
        client.send(request("/", "POST", Content_Length=str(len(body))))
        begun = time.monotonic()
        drip(client, body)
        assert time.monotonic() - begun > 0.8
        assert client.read_response().status == 200
    assert bytes(app.only.body) == body


@pytest.mark.parametrize("used", [True, False], ids=["after a response", "before any request"])
def test_idle_connection_is_closed(weir, upstream, used):
    """--idle-timeout; without a word, since nobody asked anything."""
    app = upstream()
    proxy = weir(app, idle_timeout="400ms")
    with RawClient(proxy.address) as client:
        if used:
            assert client.exchange(request()).status == 200
        begun = time.monotonic()
        client.expect_end()
        assert 0.3 < time.monotonic() - begun < 3
    proxy.expect("weir_connections", 0)
    assert proxy.sum("flask_requests") == used


def test_client_that_takes_nothing_is_cut(weir, upstream):
    """--send-timeout: no progress for that long, and the upstream is free again."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
        try:
            for _ in range(1024):
                peer.send(bytes(65_536))
        finally:
            ended.set()

    proxy = weir(upstream(script), send_timeout="400ms")
    with RawClient(proxy.address, receive_buffer=65_536) as client:
        client.send(request())
        assert client.read_head().status == 200
        assert ended.wait(10)
        proxy.expect("weir_connections", 0)
        with pytest.raises(Truncated):
            client.read_exactly(64 * 1024 * 1024)


# Requests that are refused

HOST = b"Host: weir.test\r\n"
REFUSED = [
    # (what, bytes, status): RFC 9112 §2.2
    ("bare LF", b"GET / HTTP/1.1\nHost: weir.test\n\n", 400),
    ("bare LF after a field", b"GET / HTTP/1.1\r\nHost: weir.test\nX-A: b\r\n\r\n", 400),
    ("bare CR in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\rb\r\n\r\n", 400),
    ("bare CR as a line end", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n", 400),
    # RFC 9112 §3
    ("no version", b"GET /\r\n\r\n", 400),
    ("no target", b"GET HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("two spaces", b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("tab as a separator", b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("space in the target", b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("control byte in the target", b"GET /a\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("DEL in the target", b"GET /a\x7f HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("relative target", b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("method that is no token", b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("leading space", b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("version in lower case", b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    ("version without a dot", b"GET / HTTP/11\r\n" + HOST + b"\r\n", 400),
    ("trailing space", b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ("CONNECT", b"CONNECT weir.test:443 HTTP/1.1\r\nHost: weir.test:443\r\n\r\n", 405),
    # RFC 9112 §2.3, RFC 9110 §15.6.6
    ("HTTP/2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    ("HTTP/9.9", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 505),
    # RFC 9112 §3.2
    ("no Host", b"GET / HTTP/1.1\r\nX-A: b\r\n\r\n", 400),
    ("two Hosts", b"GET / HTTP/1.1\r\n" + HOST + b"Host: other.test\r\n\r\n", 400),
    ("two equal Hosts", b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
    ("Host with a space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("Host with a slash", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("Host with userinfo", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    ("Host with a bad port", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
    # RFC 9112 §5, RFC 9110 §5.5
    ("space before the colon", b"GET / HTTP/1.1\r\n" + HOST + b"X-A : b\r\n\r\n", 400),
    ("tab before the colon", b"GET / HTTP/1.1\r\n" + HOST + b"X-A\t: b\r\n\r\n", 400),
    ("obs-fold", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\r\n b\r\n\r\n", 400),
    ("white space before the first field", b"GET / HTTP/1.1\r\n " + HOST + b"\r\n", 400),
    ("no colon", b"GET / HTTP/1.1\r\n" + HOST + b"X-A\r\n\r\n", 400),
    ("empty name", b"GET / HTTP/1.1\r\n" + HOST + b": b\r\n\r\n", 400),
    ("name that is no token", b"GET / HTTP/1.1\r\n" + HOST + b"X(A): b\r\n\r\n", 400),
    ("name with a byte above 127", b"GET / HTTP/1.1\r\n" + HOST + b"X\xe9: b\r\n\r\n", 400),
    ("NUL in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n", 400),
    ("control byte in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x08b\r\n\r\n", 400),
    ("DEL in a value", b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\x7fb\r\n\r\n", 400),
    # RFC 9110 §8.6
    *[
        (f"Content-Length {value!r}", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + value + b"\r\n\r\nabcde", 400)
        for value in (b"+3", b"-3", b"3a", b"0x3", b"3.0", b"3 3", b"", b"3,", b"3, 03", b"3, 4", b"\"3\"", b"9" * 30)
    ],
    ("differing Content-Lengths", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    # RFC 9112 §6.1, §6.3
    ("both framings", b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("both framings, other order", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    ("chunked twice", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("chunked twice, two fields", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("empty Transfer-Encoding", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    ("Transfer-Encoding of HTTP/1.0", b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("unknown coding", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: brotli, chunked\r\n\r\n0\r\n\r\n", 501),
    ("chunked with a control byte", b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
]  # fmt: skip


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """One weir and its upstream for the table below: none of it may leave a trace in either."""
    app = ScriptedUpstream()
    proxy = command.Weir(tmp_path_factory.mktemp("strict"), app.address, threads=1)
    yield proxy, app
    proxy.kill()
    app.close()


@pytest.mark.parametrize(("data", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_request_is_refused_and_never_forwarded(strict, data, status):
    """One reading only: what two parties could read differently is refused, and the connection closed."""
    proxy, app = strict
    seen, before = len(app.requests), proxy.metrics()
    with RawClient(proxy.address) as client:
        client.send(data + request("/smuggled"))
        response = client.read_response()
        assert_made_by_weir(response, status)
        assert response.closes
        client.expect_end()
    counted = before.sum("flask_response_code", status=str(status)) + 1
    proxy.expect("flask_response_code", counted, status=str(status))
    assert proxy.sum("flask_request_duration_count") == before.sum("flask_request_duration_count")
    assert len(app.requests) == seen
    assert fetch(proxy.address, request()).status == 200


REQUEST_CHUNKS = {
    **BROKEN_CHUNKS,
    "space before the size": b" 1\r\na\r\n0\r\n\r\n",
    "space after the size": b"1 \r\na\r\n0\r\n\r\n",
    "extension with a bare LF": b"1;a\nb\r\na\r\n0\r\n\r\n",
    "extension with a bare CR": b"1;a\rb\r\na\r\n0\r\n\r\n",
    "bare LF after the data": b"1\r\na\n0\r\n\r\n",
    "missing CRLF after the data": b"1\r\na0\r\n\r\n",
    "extension without end": b"1;" + b"x" * 100_000,
    "broken trailer": b"1\r\na\r\n0\r\nX Y: z\r\n\r\n",
    "size with an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("request_buffer", [0, "1m"])
@pytest.mark.parametrize("chunks", REQUEST_CHUNKS.values(), ids=REQUEST_CHUNKS.keys())
def test_broken_chunk_of_a_request_is_400(weir, upstream, chunks, request_buffer):
    """RFC 9112 §7.1, §7.1.1; upstream never sees a whole request, nor what follows."""
    app = upstream()
    proxy = weir(app, threads=1, request_buffer=request_buffer)
    with RawClient(proxy.address) as client:
        head = request("/", "POST", Transfer_Encoding="chunked")
        with contextlib.suppress(ConnectionError):
            client.send(head + b"4\r\ngood\r\n" + chunks + request("/smuggled"))
        response = client.read_response()
        assert_made_by_weir(response, 400)
        assert response.closes
        client.expect_end()
    assert not any(arrived.complete or arrived.target == "/smuggled" for arrived in app.requests)
    assert fetch(proxy.address, request("/after")).status == 200


# Limits: the last that passes, the first that does not


def assert_limit(proxy, app: ScriptedUpstream, largest: bytes, beyond: bytes, status: int) -> None:
    """One request at the limit passes, one above it is refused before upstream hears of it."""
    assert fetch(proxy.address, largest).status == 200
    with RawClient(proxy.address) as client:
        response = client.exchange(beyond)
        assert_made_by_weir(response, status)
        assert response.closes
        client.expect_end()
    assert len(app.requests) == 1


def test_target_limit_is_414(weir, upstream):
    """RFC 9110 §15.5.15."""
    app = upstream()
    proxy = weir(app, max_target=100)
    assert_limit(proxy, app, request("/" + "a" * 99), request("/" + "a" * 100), 414)


def test_target_limit_by_default_is_16_kib(weir, upstream):
    """Design §3."""
    app = upstream()
    assert_limit(weir(app), app, request("/" + "a" * 16_383), request("/" + "a" * 16_384), 414)


def test_field_count_limit_is_431(weir, upstream):
    """RFC 6585 §5."""
    app = upstream()
    proxy = weir(app, max_headers=10)
    nine, ten = ({f"X_{number}": "v" for number in range(count)} for count in (9, 10))
    assert_limit(proxy, app, request(**nine), request(**ten), 431)


def test_head_size_limit_is_431(weir, upstream):
    """RFC 6585 §5: bytes of the head with its empty line."""
    app = upstream()
    proxy = weir(app, max_header_bytes="1k")
    room = 1024 - len(request(X_Fill=""))
    largest, beyond = request(X_Fill="v" * room), request(X_Fill="v" * (room + 1))
    assert len(largest) == 1024
    assert_limit(proxy, app, largest, beyond, 431)


def test_head_without_end_is_431(weir, upstream):
    """RFC 6585 §5: refused as soon as the limit is passed, not once the head ends."""
    app = upstream()
    proxy = weir(app, max_header_bytes="1k")
    with RawClient(proxy.address) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: weir.test\r\nX-Fill: " + b"v" * 1024)
        assert_made_by_weir(client.read_response(), 431)
        client.expect_end()
    assert app.requests == []


def test_body_limit_is_413_by_length(weir, upstream):
    """RFC 9110 §15.5.14: refused by its head."""
    app = upstream()
    proxy = weir(app, max_body="1k")
    assert_limit(
        proxy, app, request("/", "POST", b"b" * 1024), request("/", "POST", Content_Length="1025"), 413
    )


@pytest.mark.parametrize("request_buffer", [0, "1m"])
def test_body_limit_is_413_in_chunks(weir, upstream, request_buffer):
    """RFC 9110 §15.5.14: known only on the way; upstream never sees a whole request."""
    app = upstream()
    proxy = weir(app, max_body="1k", threads=1, request_buffer=request_buffer)
    head = request("/", "POST", Transfer_Encoding="chunked")
    assert fetch(proxy.address, head + chunked(b"b" * 1000, b"b" * 24)).status == 200
    with RawClient(proxy.address) as client:
        response = client.exchange(head + chunked(b"b" * 1000, b"b" * 25).removesuffix(b"0\r\n\r\n"))
        assert_made_by_weir(response, 413)
        assert response.closes, "what follows cannot be told from a request"
        client.expect_end()
    assert sum(arrived.complete for arrived in app.requests) == 1


def test_connections_beyond_the_limit_wait_their_turn(weir, upstream):
    """--max-connections: weir stops accepting, it neither crashes nor refuses."""
    proxy = weir(upstream(), threads=1, max_connections=2)
    with RawClient(proxy.address) as first, RawClient(proxy.address) as second:
        assert first.exchange(request()).status == 200
        assert second.exchange(request()).status == 200
        with RawClient(proxy.address) as third:
            third.send(request())
            assert not third.readable(0.3)
            assert proxy.sum("weir_connections") == 2
            first.close()
            assert third.read_response().status == 200


# What weir refuses to start with

BAD_OPTIONS = [
    (("--threads", "0"), ("threads", "0")),
    (("--threads", "many"), ("threads", "many")),
    (("--connect-timeout", "soon"), ("connect-timeout", "soon")),
    (("--header-timeout", "10 parsecs"), ("header-timeout", "10 parsecs")),
    (("--max-header-bytes", "255"), ("max-header-bytes", "255")),
    (("--max-headers", "0"), ("max-headers", "0")),
    (("--max-body", "1x"), ("max-body", "1x")),
    (("--listen", "nowhere"), ("listen", "nowhere")),
    (("--listen", "127.0.0.1:65536"), ("listen", "127.0.0.1:65536")),
    (("--upstream", "unix:"), ("upstream", "unix:")),
    (("--metrics-path", "metrics"), ("metrics-path", "metrics")),
    (("--metrics-prefix", "9lives"), ("metrics-prefix", "9lives")),
    (("--log-level", "loud"), ("log-level", "loud")),
    (("--no-such-option",), ("--no-such-option",)),
]


@pytest.mark.parametrize(("options", "named"), BAD_OPTIONS, ids=[" ".join(row[0]) for row in BAD_OPTIONS])
def test_wrong_option_is_one_line_and_64(options, named):
    """Design §3: the line names the option and the value."""
    result = command.run(*options)
    assert result.returncode == 64
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert all(word in lines[0] for word in named), lines[0]


@pytest.mark.parametrize("option", ["--listen", "--metrics"])
def test_port_in_use_is_named_and_69(option):
    """Design §3."""
    addresses = {"--listen": tcp_address(), "--metrics": tcp_address(), "--upstream": tcp_address()}
    with closing(socket.create_server(split(addresses[option])[1])):
        result = command.run(*[word for pair in addresses.items() for word in pair])
    assert result.returncode == 69
    assert addresses[option] in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_address_of_another_machine_is_named_and_69():
    """RFC 5737: 192.0.2.1 is nobody's."""
    result = command.run("--listen", "192.0.2.1:8000", "--metrics", tcp_address(), "--upstream", tcp_address())
    assert result.returncode == 69
    assert "192.0.2.1:8000" in result.stderr


def test_listening_addresses_are_logged(weir, upstream):
    """Port 0 is allowed since the log names the port that was given."""
    app = upstream()
    proxy = weir(app)
    assert any(
        "listening" in line and f"address={proxy.address}" in line for line in proxy.stderr.splitlines()
    )
