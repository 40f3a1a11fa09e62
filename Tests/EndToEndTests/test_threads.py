"""One event loop or several: the same answers, and no count lost between them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.client import RawClient, chunked, request
from support.upstream import Peer
from support.waiting import eventually_equal

CLIENTS = 200
STATUSES = (200, 201, 302, 404, 500)
TOTAL = CLIENTS * len(STATUSES)


def naming(peer: Peer) -> None:
    """Answers with the status that the path asks for, naming the path and the length of the body."""
    while True:
        arrived = peer.read_request()
        status = arrived.target.split("/")[1]
        body = f"{arrived.method} {arrived.target} {len(arrived.body)}".encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        peer.send(head + body)


@pytest.mark.parametrize("threads", [1, 4])
def test_two_hundred_connections_at_once_are_counted_exactly(weir, upstream, threads):
    """Every client gets its own answers; every family agrees with what the clients saw."""
    app = upstream(naming)
    proxy = weir(app, threads=threads)

    def work(number: int) -> None:
        for turn, status in enumerate(STATUSES):
            target, client = f"/{status}/{number}", clients[number]
            if turn % 2:
                response = client.exchange(request(target, "POST", b"b" * number))
                expected = f"POST {target} {number}"
            else:
                response = client.exchange(request(target))
                expected = f"GET {target} 0"
            assert (response.status, response.text) == (status, expected)

    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(RawClient(proxy.address, timeout=30)) for _ in range(CLIENTS)
        ]
        with ThreadPoolExecutor(CLIENTS) as pool:
            for working in [pool.submit(work, number) for number in range(CLIENTS)]:
                working.result(60)
        proxy.expect("flask_requests", TOTAL)
        proxy.expect("weir_connections", CLIENTS)

    each = {str(status): CLIENTS for status in STATUSES}
    eventually_equal(
        lambda: proxy.metrics().by("flask_response_code", "status"), each, "flask_response_code"
    )
    after = proxy.metrics()
    name = "http_server_request_duration_seconds_count"
    assert after.by(name, "http_response_status_code") == each
    assert after.by(name, "http_request_method") == {"GET": CLIENTS * 3, "POST": CLIENTS * 2}
    assert after.value("flask_requests") == TOTAL
    assert after.value("flask_request_duration_count") == TOTAL
    assert after.sum("weir_upstream_duration_seconds_count") == TOTAL
    assert after.sum("weir_upstream_response_start_seconds_count") == TOTAL
    assert after.sum("http_server_active_requests") == 0
    assert after.sum("weir_gateway_errors_total") == 0
    assert after.sum("weir_client_aborts_total") == 0
    assert after.sum("weir_connections_total") == CLIENTS
    assert after.sum("weir_upstream_connects_total") == app.connections
    assert len(app.requests) == TOTAL
    proxy.expect("weir_connections", 0)


@pytest.mark.parametrize("threads", [1, 4])
def test_core_flows_work_on_every_loop(weir, upstream, threads):
    """Bodies, pipelining and errors on enough connections that each loop has some."""
    proxy = weir(upstream(naming), threads=threads)
    clients = [RawClient(proxy.address) for _ in range(8 * threads)]
    for number, client in enumerate(clients):
        chunks = request(f"/200/{number}", "POST", Transfer_Encoding="chunked") + chunked(b"abc", b"de")
        client.send(request(f"/201/{number}") + chunks + request(f"/404/{number}"))
    for number, client in enumerate(clients):
        assert client.read_response().text == f"GET /201/{number} 0"
        assert client.read_response().text == f"POST /200/{number} 5"
        assert client.read_response().text == f"GET /404/{number} 0"
    for client in clients[::2]:
        assert client.exchange(b"BAD\r\n\r\n").status == 400
        client.expect_end()
    for client in clients[1::2]:
        assert client.exchange(request("/200/again")).status == 200
    for client in clients:
        client.close()
    count = len(clients)
    eventually_equal(
        lambda: proxy.metrics().by("flask_response_code", "status"),
        {"200": count + count // 2, "201": count, "400": count // 2, "404": count},
        "flask_response_code",
    )
    proxy.expect("flask_request_duration_count", count * 3 + count // 2)
    proxy.expect("weir_connections", 0)
