"""How weir leaves: TERM finishes what is under way, refuses what is new, and tells in its status."""

import signal
import threading
import time

import pytest
from support.addresses import refuses
from support.client import RawClient, Truncated, fetch, request
from support.upstream import OK, Peer, answering
from support.waiting import eventually


def held(release: threading.Event):
    """A script that answers once the test allows it."""

    def script(peer: Peer) -> None:
        while True:
            peer.read_request()
            peer.wait_for(release)
            peer.send(OK)

    return script


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_request_in_flight_finishes_and_new_connections_are_refused(weir, upstream, number):
    """Design §9: drain, exit 0."""
    release = threading.Event()
    app = upstream(held(release))
    proxy = weir(app, drain_timeout="20s")
    with RawClient(proxy.address) as client:
        client.send(request())
        app.wait_for_requests(1)
        proxy.signal(number)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        assert proxy.exit_status is None
        release.set()
        response = client.read_response()
        assert (response.status, response.body) == (200, b"ok")
        client.expect_end()
    assert proxy.wait() == 0


def test_every_request_in_flight_finishes(weir, upstream):
    """Over all threads, with bodies on their way in both directions."""
    release = threading.Event()

    def script(peer: Peer) -> None:
        arrived = peer.read_head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
        peer.wait_for(release)
        peer.read_body(arrived)
        peer.send(b"re")

    app = upstream(script)
    proxy = weir(app, threads=4, drain_timeout="20s", request_buffer=0)
    clients = [RawClient(proxy.address) for _ in range(20)]
    for client in clients:
        client.send(request("/", "POST", Content_Length="6") + b"abc")
    app.wait_for_requests(20)
    proxy.signal(signal.SIGTERM)
    eventually(lambda: refuses(proxy.address), "new connections are refused")
    release.set()
    for client in clients:
        client.send(b"def")
        response = client.read_response()
        assert (response.status, response.body) == (200, b"here")
        client.expect_end()
        client.close()
    assert proxy.wait() == 0
    assert {bytes(arrived.body) for arrived in app.requests} == {b"abcdef"}


@pytest.mark.parametrize("threads", [1, 4])
def test_queue_is_served_before_the_end(weir, upstream, threads):
    """Design §9: who waits for a slot when TERM comes is served like those who have one."""
    release = threading.Event()
    app = upstream(held(release))
    proxy = weir(app, threads=threads, slots=1, drain_timeout="20s")
    clients = [RawClient(proxy.address) for _ in range(6)]
    for client in clients:
        client.send(request())
    proxy.expect("weir_queue_length", 5)
    proxy.signal(signal.SIGTERM)
    eventually(lambda: refuses(proxy.address), "new connections are refused")
    release.set()
    for client in clients:
        response = client.read_response()
        assert (response.status, response.closes) == (200, True)
        client.expect_end()
        client.close()
    assert proxy.wait() == 0
    assert len(app.requests) == 6


def test_upload_that_is_still_coming_is_served(weir, upstream):
    """A request that is being collected is in flight."""
    app = upstream()
    proxy = weir(app, drain_timeout="20s")
    with RawClient(proxy.address) as client:
        client.send(request("/", "POST", Content_Length="6") + b"abc")
        proxy.expect("http_server_active_requests", 1)
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        assert app.requests == []
        client.send(b"def")
        response = client.read_response()
        assert (response.status, response.closes) == (200, True)
    assert proxy.wait() == 0
    assert bytes(app.requests[0].body) == b"abcdef"


def test_client_that_is_behind_gets_its_response_to_the_end(weir, upstream):
    """gunicorn may be gone: what weir has taken of a response, it delivers."""
    body = bytes(range(256)) * 40_000
    app = upstream(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body))
    proxy = weir(app, drain_timeout="20s", response_buffer="64k")
    with RawClient(proxy.address) as client:
        client.send(request())
        proxy.expect("weir_upstream_duration_seconds_count", 1)
        assert proxy.sum("weir_spill_bytes") > 0
        proxy.signal(signal.SIGTERM)
        app.close()
        assert proxy.exit_status is None
        assert client.read_response().body == body
    assert proxy.wait() == 0


def test_connection_ends_behind_a_response_that_had_begun(weir, upstream):
    """RFC 9112 §9.5: its head could not announce the close; nothing is waited for behind it all the same."""
    release = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
        peer.wait_for(release)
        peer.send(b"re")

    proxy = weir(upstream(script), drain_timeout="30s")
    with RawClient(proxy.address) as client:
        client.send(request())
        head = client.read_head()
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        release.set()
        assert client.read_body(head) == b"here"
        client.expect_end()
        assert proxy.wait(5) == 0


def test_response_of_the_drain_announces_the_close(weir, upstream):
    """RFC 9112 §9.6: `Connection: close` in the last response, when its head is sent after TERM."""
    release = threading.Event()
    app = upstream(held(release))
    proxy = weir(app, drain_timeout="20s")
    with RawClient(proxy.address) as client:
        client.send(request())
        app.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        release.set()
        assert client.read_response().closes
    assert proxy.wait() == 0


def test_idle_connections_are_closed_at_once(weir, upstream):
    """Both after a response and before any request; weir does not wait for the drain time-out."""
    proxy = weir(upstream(), drain_timeout="30s")
    with RawClient(proxy.address) as used, RawClient(proxy.address) as fresh:
        assert used.exchange(request()).status == 200
        proxy.expect("weir_connections", 2)
        proxy.signal(signal.SIGTERM)
        used.expect_end()
        fresh.expect_end()
        assert proxy.wait(5) == 0


def test_without_connections_it_exits_at_once(weir, upstream):
    """Nothing to wait for."""
    proxy = weir(upstream(), drain_timeout="30s")
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(5) == 0


def test_drain_timeout_cuts_and_says_so(weir, upstream):
    """Design §9: exit 1 if something had to be cut off, and the client never sees a whole response."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
        peer.wait_for_end()

    app = upstream(script)
    proxy = weir(app, drain_timeout="300ms")
    with RawClient(proxy.address) as client:
        client.send(request())
        assert client.read_head().status == 200
        begun = time.monotonic()
        proxy.signal(signal.SIGTERM)
        with pytest.raises(Truncated):
            client.read_exactly(10)
        assert proxy.wait() == 1
        assert 0.25 < time.monotonic() - begun < 3


def test_second_signal_cuts_at_once(weir, upstream):
    """Design §9."""
    release = threading.Event()
    app = upstream(held(release))
    proxy = weir(app, drain_timeout="30s")
    with RawClient(proxy.address) as client:
        client.send(request())
        app.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        assert proxy.exit_status is None
        proxy.signal(signal.SIGTERM)
        assert proxy.wait(3) == 1
        with pytest.raises(Truncated):
            client.read_response()
    release.set()


def test_lame_duck_is_not_ready_but_still_accepts(weir, upstream):
    """Design §2, §9: load balancers get `--shutdown-delay` to notice."""
    app = upstream()
    proxy = weir(app, shutdown_delay="1500ms", drain_timeout="5s")
    assert proxy.ask("/-/ready").status == 200
    begun = time.monotonic()
    proxy.signal(signal.SIGTERM)
    answer = eventually(
        lambda: (answer := proxy.ask("/-/ready")).status == 503 and answer, "not ready", within=1.2
    )
    assert answer.body.strip()
    assert proxy.ask("/-/healthy").status == 200
    assert fetch(proxy.address, request("/late")).status == 200
    assert time.monotonic() - begun < 1.5, "the machine is too slow to tell"
    assert app.requests[-1].target == "/late"
    assert proxy.wait() == 0
    assert time.monotonic() - begun >= 1.4


def test_second_signal_ends_the_lame_duck(weir, upstream):
    """A second TERM cuts at once: with nothing under way that is status 0."""
    proxy = weir(upstream(), shutdown_delay="30s")
    proxy.signal(signal.SIGTERM)
    eventually(lambda: proxy.ask("/-/ready").status == 503, "not ready")
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3) == 0
