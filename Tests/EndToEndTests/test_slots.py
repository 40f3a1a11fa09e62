# SPDX-License-Identifier: Apache-2.0
"""Slots and the queue: who may be in gunicorn, who waits, and who is turned away."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.client import RawClient, fetch, request
from support.gunicorn import Gunicorn
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually_equal


class Held:
    """An upstream that answers nobody until it is told to."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self._may_answer = threading.Semaphore(0)

    def __call__(self, peer: Peer) -> None:
        while True:
            arrived: Arrived = peer.read_head()
            peer.read_body(arrived)
            self.arrived.append(arrived.target)
            assert self._may_answer.acquire(timeout=20)
            peer.send(OK)

    def answer(self, count: int = 1) -> None:
        """Lets that many requests be answered."""
        self._may_answer.release(count)


@pytest.fixture
def held(upstream):
    """The upstream that waits, and its address."""
    script = Held()
    script.address = upstream(script).address
    yield script
    script.answer(100)


def queue_is(proxy, length: int) -> None:
    """Waits until so many requests wait."""
    proxy.expect("weir_queue_length", length)


@pytest.mark.parametrize("threads", [1, 4])
def test_queue_is_served_in_the_order_of_arrival(weir, held, threads):
    """--slots: over all threads, whichever of them a client came to."""
    proxy = weir(held.address, threads=threads, slots=1)
    clients = []
    for number in range(8):
        clients.append(RawClient(proxy.address))
        clients[-1].send(request(f"/{number}"))
        queue_is(proxy, number)
        proxy.expect("weir_slots_busy", 1)
    for number in range(8):
        eventually_equal(lambda: len(held.arrived), number + 1, "one more reaches upstream")
        held.answer()
        assert clients[number].read_response().status == 200
    assert held.arrived == [f"/{number}" for number in range(8)]
    for client in clients:
        client.close()
    proxy.expect("weir_slots_busy", 0)
    metrics = proxy.metrics()
    assert metrics.value("weir_slots") == 1
    assert metrics.value("weir_queue_length") == 0
    assert metrics.value("weir_queue_duration_seconds_count") == 8


@pytest.mark.parametrize("threads", [1, 4])
def test_as_many_reach_upstream_as_there_are_slots(weir, held, threads):
    """--slots, over all threads."""
    proxy = weir(held.address, threads=threads, slots=3)
    clients = [RawClient(proxy.address) for _ in range(7)]
    for client in clients:
        client.send(request())
    queue_is(proxy, 4)
    eventually_equal(lambda: len(held.arrived), 3, "three reach upstream")
    assert proxy.sum("weir_slots_busy") == 3
    held.answer(7)
    for client in clients:
        assert client.read_response().status == 200
        client.close()


def test_full_queue_is_503_at_once(weir, held):
    """--queue-limit, on both sides of its edge (RFC 9110 §15.6.4, §10.2.3)."""
    proxy = weir(held.address, threads=1, slots=1, queue_limit=2)
    waiting = [RawClient(proxy.address) for _ in range(3)]
    for client in waiting:
        client.send(request())
    queue_is(proxy, 2)
    with RawClient(proxy.address) as client:
        response = client.exchange(request())
        assert (response.status, response.get("retry-after")) == (503, "1")
        assert not response.closes
    assert proxy.sum("weir_gateway_errors_total", reason="queue_full") == 1
    held.answer(3)
    for client in waiting:
        assert client.read_response().status == 200
        client.close()


def test_queue_of_none_turns_everybody_away(weir, held):
    """--queue-limit 0: slots alone."""
    proxy = weir(held.address, threads=1, slots=1, queue_limit=0)
    with RawClient(proxy.address) as client:
        client.send(request())
        proxy.expect("weir_slots_busy", 1)
        assert fetch(proxy.address).status == 503
        held.answer()
        assert client.read_response().status == 200


def test_request_that_waits_too_long_is_503(weir, held):
    """--queue-timeout: the request never reaches upstream, the one in its slot is served."""
    proxy = weir(held.address, threads=1, slots=1, queue_timeout="300ms")
    with RawClient(proxy.address) as first, RawClient(proxy.address) as second:
        first.send(request("/first"))
        proxy.expect("weir_slots_busy", 1)
        response = second.exchange(request("/second", "POST", b"x" * 10))
        assert (response.status, response.get("retry-after")) == (503, "1")
        held.answer()
        assert first.read_response().status == 200
    assert held.arrived == ["/first"]
    assert proxy.sum("weir_gateway_errors_total", reason="queue_timeout") == 1
    assert proxy.sum("weir_queue_length") == 0


@pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["RST", "FIN"])
@pytest.mark.parametrize("threads", [1, 4])
def test_client_that_leaves_the_queue_never_reaches_upstream(weir, held, leave, threads):
    """Its request is dropped, and those behind it move up."""
    proxy = weir(held.address, threads=threads, slots=1)
    clients = []
    for number in range(3):
        clients.append(RawClient(proxy.address))
        clients[-1].send(request(f"/{number}"))
        queue_is(proxy, number)
        proxy.expect("weir_slots_busy", 1)
    leave(clients[1])
    queue_is(proxy, 1)
    held.answer(2)
    for number in (0, 2):
        assert clients[number].read_response().status == 200
        clients[number].close()
    assert held.arrived == ["/0", "/2"]
    proxy.expect("flask_response_code", 1, status="499")
    assert proxy.sum("weir_client_aborts_total", stage="waiting") == 1


def test_upload_waits_in_its_socket(weir, held):
    """A body that is not there yet is read when the slot is granted, whole and in order."""
    proxy = weir(held.address, threads=1, slots=1, request_buffer=0)
    body = bytes(range(256)) * 4096
    with RawClient(proxy.address) as first, RawClient(proxy.address) as second:
        first.send(request("/first"))
        proxy.expect("weir_slots_busy", 1)
        sender = threading.Thread(target=second.send, args=(request("/second", "POST", body),))
        sender.start()
        queue_is(proxy, 1)
        held.answer(2)
        assert first.read_response().status == 200
        assert second.read_response().status == 200
        sender.join(10)


def test_pipelined_request_takes_its_turn(weir, held):
    """A connection has one request in the queue at a time (RFC 9112 §9.3.2)."""
    proxy = weir(held.address, threads=1, slots=1)
    with RawClient(proxy.address) as client:
        client.send(request("/a") + request("/b"))
        proxy.expect("weir_slots_busy", 1)
        assert proxy.sum("weir_queue_length") == 0
        held.answer(2)
        assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert held.arrived == ["/a", "/b"]


def test_slot_of_a_failed_request_is_free_again(weir, upstream):
    """Whatever ends the exchange gives the slot back."""

    def failing(peer: Peer) -> None:
        peer.read_head()
        peer.reset()

    proxy = weir(upstream(failing).address, threads=1, slots=1)
    for _ in range(3):
        assert fetch(proxy.address, request("/", "POST", b"x")).status == 502
    assert proxy.sum("weir_slots_busy") == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_queued_request_is_not_sent_again_because_it_was_queued(weir, upstream, method):
    """A new connection that ends in order has done so because of the request (RFC 9110 §9.2.2)."""
    arrived = []
    first = threading.Event()

    def dying(peer: Peer) -> None:
        arrived.append(peer.read_head().target)
        assert first.wait(20)
        peer.close()

    proxy = weir(upstream(dying).address, threads=1, slots=1)
    with RawClient(proxy.address) as one, RawClient(proxy.address) as other:
        one.send(request("/one"))
        proxy.expect("weir_slots_busy", 1)
        other.send(request("/other", method))
        queue_is(proxy, 1)
        first.set()
        assert [one.read_response().status, other.read_response().status] == [502, 502]
    assert arrived == ["/one", "/other"]


def test_queued_request_uses_a_kept_connection(weir, held):
    """What waited for a slot finds the connection of the one before."""
    proxy = weir(held.address, threads=1, slots=1)
    with RawClient(proxy.address) as one, RawClient(proxy.address) as other:
        one.send(request("/one"))
        proxy.expect("weir_slots_busy", 1)
        other.send(request("/other"))
        queue_is(proxy, 1)
        held.answer(2)
        assert [one.read_response().status, other.read_response().status] == [200, 200]
    assert proxy.sum("weir_upstream_connects_total") == 1


def test_waiting_is_measured_where_it_happens(weir, tmp_path, short_path):
    """One sync worker: whoever waits for it waits in weir's clock, not only in the user's.

    Three requests queue behind one that is held, then each takes a second. Only bounds that hold on
    a busy machine as well: the others have waited at least 0, 1 and 2 s, and taken 1, 2 and 3.
    """
    gunicorn = Gunicorn(tmp_path, f"unix:{short_path / 'app.sock'}", worker_class="sync", workers=1)
    try:
        proxy = weir(gunicorn.address, threads=2, slots=1)
        with ThreadPoolExecutor(4) as pool:
            held = pool.submit(fetch, proxy.address, request("/gated/held"))
            proxy.expect("weir_slots_busy", 1)
            slow = request("/mix?status=200&micros=1000000")
            others = [pool.submit(fetch, proxy.address, slow) for _ in range(3)]
            queue_is(proxy, 3)
            (gunicorn.gates / "held").touch()
            assert [one.result().status for one in [held, *others]] == [200] * 4
        proxy.expect("flask_requests", 4)
    finally:
        gunicorn.stop()
    metrics = proxy.metrics()
    waited = metrics.value("weir_queue_duration_seconds_sum")
    served = metrics.value("weir_upstream_duration_seconds_sum")
    assert metrics.value("weir_queue_duration_seconds_count") == 4
    assert metrics.value("weir_queue_duration_seconds_bucket", le="0.75") <= 2
    assert metrics.value("weir_upstream_duration_seconds_bucket", le="0.75") <= 1
    assert waited >= 3
    assert served >= sum(gunicorn.durations("/mix")) >= 3
    assert metrics.value("flask_request_duration_sum") == pytest.approx(waited + served)
    assert metrics.value("weir_slots_busy_seconds_total") == pytest.approx(served)
