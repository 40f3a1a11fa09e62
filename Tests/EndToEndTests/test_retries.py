# SPDX-License-Identifier: Apache-2.0
"""What is sent once more when upstream's connections die, and what never is (RFC 9110 §9.2.2)."""

import socket
import threading
import time

import pytest
from support.addresses import tcp_address
from support.client import RawClient, chunked, fetch, request
from support.upstream import OK, Peer, answering
from support.waiting import eventually, eventually_equal

LEAVES = pytest.mark.parametrize("leave", [Peer.close, Peer.reset], ids=["FIN", "RST"])


def serves_then(fate):
    """A script that answers one request, and does `fate` to its connection once the next has arrived."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()
        fate(peer)

    return script


def exchange_two(proxy, second: bytes, method: str = "GET"):
    """A request that leaves a kept connection behind, then `second`; its response."""
    with RawClient(proxy.address) as client:
        assert client.exchange(request("/first")).status == 200
        return client.exchange(second, method)


@LEAVES
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_idempotent_request_is_sent_once_more(weir, upstream, leave, method):
    """RFC 9110 §9.2.2: on a new connection, the same bytes, answered as if nothing had been."""
    app = upstream(serves_then(leave), answering(OK if method != "HEAD" else OK[:-2]))
    proxy = weir(app, threads=1)
    fields = {"X_A": "1", "Cookie": "a=b"}
    assert exchange_two(proxy, request("/second?x", method, **fields), method).status == 200
    assert [one.target for one in app.requests] == ["/first", "/second?x", "/second?x"]
    changing = {"x-request-start"}
    twins = [[pair for pair in one.fields if pair[0].lower() not in changing] for one in app.requests[1:]]
    assert twins[0] == twins[1]
    proxy.expect("weir_upstream_retries_total", 1, reason="connection_died")
    assert proxy.sum("weir_gateway_errors_total") == 0
    assert proxy.sum("flask_requests") == 2


@LEAVES
@pytest.mark.parametrize("method", ["POST", "PATCH", "get", "PURGE", "M-SEARCH"])
@pytest.mark.parametrize("body", [None, b"pay 5"], ids=["no body", "body"])
def test_other_request_is_never_sent_twice(weir, upstream, leave, method, body):
    """RFC 9110 §9.2.2: neither what is known not to be idempotent, nor what is unknown."""
    app = upstream(serves_then(leave), answering())
    proxy = weir(app, threads=1)
    assert exchange_two(proxy, request("/second", method, body)).status == 502
    assert [one.target for one in app.requests] == ["/first", "/second"]
    proxy.expect("weir_gateway_errors_total", 1)
    assert proxy.sum("weir_upstream_retries_total") == 0


@LEAVES
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [1, 1000])
def test_small_body_is_sent_again_whole(weir, upstream, leave, framing, size):
    """RFC 9110 §9.2.2: PUT with all of its body at hand."""
    app = upstream(serves_then(leave), answering())
    proxy = weir(app, threads=1)
    body = bytes(size)
    if framing == "length":
        message = request("/second", "PUT", body)
    else:
        message = request("/second", "PUT", Transfer_Encoding="chunked") + chunked(body)
    assert exchange_two(proxy, message).status == 200
    assert [bytes(one.body) for one in app.requests] == [b"", body, body]


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_large_body_goes_out_on_a_fresh_connection(weir, upstream, size):
    """Design §4: what could not be sent again is not trusted to a kept connection."""
    app = upstream(serves_then(Peer.close), answering())
    proxy = weir(app, threads=1)
    assert exchange_two(proxy, request("/second", "PUT", bytes(size))).status == 200
    assert [(one.connection, one.target, len(one.body)) for one in app.requests] == [
        (1, "/first", 0),
        (2, "/second", size),
    ]
    assert proxy.sum("weir_upstream_retries_total") == 0


@LEAVES
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_second_death_is_502(weir, upstream, leave, method):
    """Once, not until it works."""

    def dead(peer: Peer) -> None:
        peer.read_request()
        leave(peer)

    app = upstream(serves_then(leave), dead, answering())
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        assert client.exchange(request("/first")).status == 200
        assert client.exchange(request("/second", method)).status == 502
        assert client.exchange(request("/third")).status == 200
    assert [one.target for one in app.requests] == ["/first", "/second", "/second", "/third"]
    proxy.expect("weir_gateway_errors_total", 1)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_end_of_a_fresh_connection_is_502(weir, upstream, method):
    """RFC 9112 §9.3.1: that is no race of an idle connection; the app has seen it."""

    def dead(peer: Peer) -> None:
        peer.read_request()
        peer.close()

    app = upstream(dead, answering())
    assert fetch(weir(app, threads=1).address, request("/", method)).status == 502
    assert len(app.requests) == 1


@pytest.mark.parametrize(
    "method, size, attempts",
    [("GET", 0, 2), ("PUT", 2048, 2), ("PUT", 2049, 1), ("DELETE", 0, 2), ("POST", 1, 1)],
)
def test_reset_of_a_fresh_connection(weir, upstream, method, size, attempts):
    """RFC 9110 §9.2.2: upstream has left bytes unread, as it does in a restart; but over TCP that is not sure."""

    def dead(peer: Peer) -> None:
        peer.read_request()
        peer.reset()

    app = upstream(dead, dead, answering())
    proxy = weir(app, threads=1)
    assert fetch(proxy.address, request("/", method, bytes(size) or None)).status == 502
    assert len(app.requests) == attempts
    assert proxy.sum("weir_upstream_retries_total", reason="connection_died") == attempts - 1


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
@pytest.mark.parametrize("size, attempts", [(0, 2), (2048, 2), (2049, 1)])
def test_request_that_nobody_has_read_is_sent_again(weir, upstream, short_path, method, size, attempts):
    """Over a unix socket a reset is sure: closing with unread bytes makes it, and nothing else."""

    def deaf(peer: Peer) -> None:
        assert peer.socket.recv(1, socket.MSG_PEEK)
        peer.close()

    app = upstream(deaf, answering(), address=f"unix:{short_path / 'app.sock'}")
    proxy = weir(app, threads=1)
    status = fetch(proxy.address, request("/", method, bytes(size) or None)).status
    assert status == (200 if attempts == 2 else 502)
    assert proxy.sum("weir_upstream_retries_total", reason="connection_died") == attempts - 1


BEGUN = {
    "a byte": b"H",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "an interim response": b"HTTP/1.1 103 Early Hints\r\n\r\n",
    "rubbish": b"\x00",
}


@LEAVES
@pytest.mark.parametrize("part", BEGUN.values(), ids=BEGUN.keys())
def test_response_that_has_begun_is_never_asked_for_again(weir, upstream, leave, part):
    """RFC 9112 §9.3.1: before any response byte only."""

    def fate(peer: Peer) -> None:
        peer.send(part)
        peer.wait_for(answered)
        leave(peer)

    answered = threading.Event()
    app = upstream(serves_then(fate), answering())
    proxy = weir(app, threads=1)
    with RawClient(proxy.address) as client:
        assert client.exchange(request("/first")).status == 200
        client.send(request("/second"))
        app.wait_for_requests(2)
        answered.set()
        assert client.read_response().status == 502
    assert len(app.requests) == 2
    assert proxy.sum("weir_upstream_retries_total") == 0


def test_every_client_of_dying_connections_is_served(weir, upstream):
    """RFC 9112 §9.3.1: a restart of gunicorn closes all kept connections at once."""
    gate = threading.Barrier(8)

    def dying(peer: Peer) -> None:
        peer.read_request()
        gate.wait(10)
        peer.send(OK)
        peer.read_request()

    app = upstream(*[dying] * 8, answering())
    proxy = weir(app, threads=1, upstream_idle_timeout="60s")
    clients = [RawClient(proxy.address) for _ in range(8)]
    for number in range(2):
        for client in clients:
            client.send(request(f"/{number}"))
        assert [client.read_response().status for client in clients] == [200] * 8
    for client in clients:
        client.close()
    proxy.expect("flask_requests", 16)
    assert proxy.sum("weir_gateway_errors_total") == 0


# Upstream that is not there yet (design §4, §5)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("transport", ["tcp", "unix"])
def test_request_waits_for_an_absent_upstream(weir, upstream, short_path, transport, method):
    """Nothing has been sent: any method may wait, and arrives once."""
    address = tcp_address() if transport == "tcp" else f"unix:{short_path / 'app.sock'}"
    proxy = weir(address, ready=False, threads=1, upstream_wait="20s")
    body = b"pay 5" if method == "POST" else None
    with RawClient(proxy.address, timeout=20) as client:
        client.send(request("/held", method, body))
        proxy.expect("http_server_active_requests", 1)
        assert not client.readable(0.3)
        app = upstream(address=address)
        assert client.read_response().body == b"ok"
    assert [(one.target, bytes(one.body)) for one in app.requests] == [("/held", body or b"")]
    assert proxy.sum("weir_gateway_errors_total") == 0


@pytest.mark.parametrize("wait", ["0s", "300ms"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wait_ends_in_502(weir, wait, method):
    """--upstream-wait; the client's connection goes on."""
    proxy = weir(tcp_address(), ready=False, threads=1, upstream_wait=wait)
    with RawClient(proxy.address) as client:
        for _ in range(2):
            assert client.exchange(request("/", method, b"x" if method == "POST" else None)).status == 502
    proxy.expect("weir_gateway_errors_total", 2, reason="upstream_refused")


def test_client_that_leaves_while_it_waits_is_forgotten(weir, upstream):
    """Design §5: waiting requests whose client has gone never reach gunicorn."""
    address = tcp_address()
    proxy = weir(address, ready=False, threads=1, upstream_wait="20s")
    client = RawClient(proxy.address)
    client.send(request("/gone"))
    proxy.expect("http_server_active_requests", 1)
    client.abort()
    proxy.expect("http_server_active_requests", 0)
    app = upstream(address=address)
    eventually(lambda: proxy.ask("/-/ready").status == 200, "ready")
    assert fetch(proxy.address, request("/here")).status == 200
    assert [one.target for one in app.requests] == ["/here"]


def test_restart_of_upstream_loses_nothing(weir, upstream):
    """Design §1, fact 5: stop it, ask, start it again at the same address."""
    first = upstream()
    proxy = weir(first, threads=1, upstream_wait="20s")
    with RawClient(proxy.address, timeout=20) as client:
        assert client.exchange(request("/1")).status == 200
        first.close()
        client.send(request("/2", "POST", b"x"))
        proxy.expect("http_server_active_requests", 1)
        second = upstream(address=first.address)
        assert client.read_response().status == 200
        eventually_equal(lambda: [one.target for one in second.requests], ["/2"], "arrived after the restart")
    assert proxy.sum("weir_gateway_errors_total") == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_hold_begins_with_the_first_refusal(weir, upstream, short_path, method):
    """Design §5: how long a request has waited in a backlog that is gone does not count against --upstream-wait."""
    path = short_path / "app.sock"
    deaf = socket.socket(socket.AF_UNIX)
    deaf.bind(str(path))
    deaf.listen(8)
    proxy = weir(f"unix:{path}", threads=1, upstream_wait="2s")
    with RawClient(proxy.address) as client:
        begun = time.monotonic()
        client.send(request("/", method, b"x" if method == "POST" else None))
        eventually(lambda: time.monotonic() - begun > 2.1, "it has waited for longer than it may be held")
        path.unlink()
        deaf.close()
        app = upstream(answering(), address=f"unix:{path}")
        assert client.read_response().status == 200
    assert len(app.requests) == 1
    assert proxy.sum("weir_upstream_retries_total", reason="connection_died") == 1
