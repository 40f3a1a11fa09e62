# SPDX-License-Identifier: Apache-2.0
"""The life of a stream: how it is given up, cut, queued, held back, timed, drained, ordered (RFC 9113 §5 to §8)."""

import contextlib
import gzip
import hashlib
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from support.addresses import refuses, tcp_address
from support.buffering import EITHER, KIB, MIB, SLACK, STREAMED, Gated, resting_bytes, slot_taken
from support.client import RawClient
from support.http2_client import (
    PREFACE,
    WINDOW,
    WINDOW_MAX,
    Code,
    Ended,
    StreamClient,
    StreamReset,
    fill,
    headers,
    in_turns,
    priority_update,
    rst_stream,
    settings,
)
from support.upstream import OK, Arrived, Peer, answering
from support.waiting import eventually, eventually_equal, settled

SHORT = "300ms"
LARGE = hashlib.shake_128(b"a large body").digest(16 * MIB)
"""More than the kernel keeps between two sockets."""


@pytest.fixture
def client(stand):
    """A connection to the stand."""
    with StreamClient(stand.proxy.address) as one:
        yield one


class Watched:
    """An exchange that begins to answer, then waits for the end of its connection."""

    def __init__(self, response: bytes = b"", reads_body: bool = True) -> None:
        self.has_begun = threading.Event()
        self.has_ended = threading.Event()
        self._response = response
        self._reads_body = reads_body

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        if self._reads_body:
            peer.read_body(arrived)
        peer.send(self._response)
        self.has_begun.set()
        peer.wait_for_end()
        self.has_ended.set()


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf "


# Given up by the client


def give_up(client: StreamClient, stream: int) -> None:
    """RST_STREAM, as a browser sends it when the user leaves the page."""
    client.reset(stream, Code.CANCEL)


def leave(client: StreamClient, stream: int) -> None:
    """The end of the whole connection, as of a client that crashes."""
    client.abort()


@contextlib.contextmanager
def gives_up(stand, stage: str, status: str) -> Iterator[None]:
    """One request is counted as given up at this stage, and under this status."""
    with stand.counts("weir_client_aborts_total", stage=stage), stand.counts("weir_client_aborts_total"):
        with stand.counts("flask_response_code", status=status), stand.counts("flask_requests"):
            yield


WAYS = pytest.mark.parametrize("away", [give_up, leave], ids=["RST_STREAM", "RST"])


@pytest.mark.parametrize("threads", [1, 4])
@WAYS
def test_stream_given_up_in_the_queue_never_reaches_upstream(stands, away, threads):
    """Those behind it move up."""
    stand = stands(slots=1, threads=threads)
    target, kept = stand.answer(OK), stand.answer(OK)
    with StreamClient(stand.proxy.address) as other, StreamClient(stand.proxy.address) as client:
        with stand.counts("weir_client_aborts_total", stage="waiting"):
            with slot_taken(stand):
                stream = client.open(target)
                stand.proxy.expect("weir_queue_length", 1)
                behind = other.open(kept)
                stand.proxy.expect("weir_queue_length", 2)
                away(client, stream)
                stand.proxy.expect("weir_queue_length", 1)
            assert other.response(behind).body == b"ok"
    assert stand.arrived(target) == []


@WAYS
def test_stream_given_up_while_it_waits_ends_the_upstream_connection(stand, client, away):
    """Nobody works for nobody; the other streams are none the wiser."""
    watched = Watched()
    with gives_up(stand, "waiting", "499"):
        stream = client.open(stand.play(watched), "POST")
        assert watched.has_begun.wait(10)
        away(client, stream)
        assert watched.has_ended.wait(10)
    if away is give_up:
        assert client.fetch().body == b"ok"


@WAYS
def test_stream_given_up_in_its_response_ends_the_upstream_connection(stand, client, away):
    """Whatever has been sent of it."""
    watched = Watched(HALF)
    with gives_up(stand, "response", "200"):
        stream = client.open(stand.play(watched))
        client.until(lambda: client.on(stream).body == b"half ", "half of it")
        away(client, stream)
        assert watched.has_ended.wait(10)
    if away is give_up:
        assert client.fetch().body == b"ok"


@WAYS
def test_collected_body_that_is_given_up_never_reaches_upstream(stand, client, away):
    """Design §5."""
    target = stand.answer(OK)
    with gives_up(stand, "request_body", "499"):
        stream = client.open(target, "POST", ends=False)
        client.send_body(stream, bytes(40_000), ends=False)
        client.settle()
        away(client, stream)
    assert stand.arrived(target) == []


@STREAMED
@WAYS
def test_streamed_body_that_is_given_up_ends_the_upstream_connection(stand, client, away):
    """--request-buffer 0: upstream must not take what came for the whole."""
    watched = Watched(reads_body=False)
    target = stand.play(watched)
    with gives_up(stand, "request_body", "499"):
        stream = client.open(target, "POST", ends=False, content_length="50000")
        client.send_body(stream, bytes(40_000), ends=False)
        assert watched.has_begun.wait(10)
        away(client, stream)
        assert watched.has_ended.wait(10)
    assert not stand.arrived(target)[0].complete


def test_stream_given_up_with_its_head_makes_no_work(stand, client):
    """Both in one segment: it was no request yet."""
    target = stand.answer(OK)
    with stand.counts("weir_client_aborts_total", stage="head"), stand.counts("flask_requests", 0):
        (stream,) = client.take_streams(1)
        client.send_raw(headers(stream, client.head_block(target)) + rst_stream(stream))
        client.settle()
    assert stand.arrived(target) == []


@pytest.mark.parametrize("threads", [1, 4])
def test_end_of_a_connection_gives_up_all_of_its_streams(stands, threads):
    """Each is counted, and each leaves upstream."""
    stand = stands(threads=threads)
    exchanges = [Watched() for _ in range(20)]
    with stand.counts("weir_client_aborts_total", 20, stage="waiting"):
        client = StreamClient(stand.proxy.address)
        for one in exchanges:
            client.open(stand.play(one))
        assert all(one.has_begun.wait(10) for one in exchanges)
        stand.proxy.expect("http_server_active_requests", 20)
        client.abort()
        assert all(one.has_ended.wait(10) for one in exchanges)
    stand.proxy.expect("http_server_active_requests", 0)


def test_answer_is_taken_by_a_client_that_has_said_goaway(stand, client):
    """RFC 9113 §6.8: it makes no more requests, and waits for what it has asked for."""
    gate = Gated()
    stream = client.open(stand.play(gate, keeps=True))
    client.go_away()
    client.settle()
    gate.may_answer.set()
    assert client.response(stream).body == b"ok"


# Cut by upstream

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def break_off(peer: Peer) -> None:
    """Goes on with what is no chunk."""
    peer.send(b"x\r\n")
    peer.wait_for_end()


CUTS: dict[str, tuple[bytes, Callable[[Peer], None], str]] = {
    "length": (HALF, Peer.close, "response_truncated"),
    "length, RST": (HALF, Peer.reset, "response_truncated"),
    "chunked": (CHUNKED + b"5\r\nhalf \r\n", Peer.close, "response_truncated"),
    "in a chunk": (CHUNKED + b"9\r\nhalf ", Peer.close, "response_truncated"),
    "bad chunk": (CHUNKED + b"5\r\nhalf \r\n", break_off, "bad_response"),
    "until close, RST": (b"HTTP/1.1 200 OK\r\n\r\nhalf ", Peer.reset, "response_truncated"),
    "silence": (HALF, Peer.wait_for_end, "response_timeout"),
}  # fmt: skip


@pytest.mark.parametrize("response_buffer", [0, "1m"])
@pytest.mark.parametrize("case", CUTS.values(), ids=CUTS.keys())
def test_response_that_is_cut_never_looks_whole(stands, case, response_buffer):
    """RFC 9113 §8.1: RST_STREAM INTERNAL_ERROR behind what has come; the connection goes on."""
    begun, fate, reason = case
    stand = stands(response_timeout=SHORT, response_buffer=response_buffer)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(begun)
        peer.wait_for(seen)
        fate(peer)

    with StreamClient(stand.proxy.address) as client:
        with stand.counts("weir_gateway_errors_total", reason=reason):
            with stand.counts("flask_response_code", status="200"):
                seen = threading.Event()
                stream = client.open(stand.play(exchange))
                assert client.head(stream).status == 200
                seen.set()
                answer = client.expect_reset(stream, Code.INTERNAL_ERROR)
        assert not answer.ended
        assert b"half ".startswith(answer.body)
        assert client.fetch().body == b"ok"
        assert client.goaways == []


# Early answers


@STREAMED
def test_early_answer_is_whole_and_ends_the_upload(stand, client):
    """RFC 9113 §8.1: RST_STREAM NO_ERROR says that the rest is not wanted."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_chunk(arrived)
        peer.send(b"HTTP/1.1 413 X\r\nConnection: close\r\nContent-Length: 5\r\n\r\nlarge")
        peer.wait_for_end()

    stream = client.open(stand.play(exchange), "POST", ends=False)
    client.send_body(stream, bytes(10_000), ends=False)
    answer = client.response(stream)
    assert (answer.status, answer.body) == (413, b"large")
    client.expect_reset(stream, Code.NO_ERROR)
    assert client.fetch().body == b"ok"


@STREAMED
def test_early_answer_reaches_a_client_that_goes_on_sending(stand, client):
    """Its DATA is on the way when the reset comes: that is nobody's fault."""

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 401 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_for_end()

    target = stand.play(exchange)
    for _ in range(20):
        stream = client.open(target, "POST", ends=False)
        client.send_body(stream, bytes(60_000), ends=False)
        answer = client.response(stream)
        assert (answer.status, answer.body) == (401, b"no")
    client.settle()
    assert client.fetch().body == b"ok"
    # What came for streams that are over is given back to the connection's window.
    assert client.fetch(stand.answer(OK), "POST", bytes(2 * MIB)).status == 200


# Slots and the queue


class Held:
    """An upstream that answers one request after the other, each when it may."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.may_answer = threading.Semaphore(0)

    def __call__(self, peer: Peer) -> None:
        while True:
            arrived = peer.read_request()
            self.arrived.append(arrived.target)
            assert self.may_answer.acquire(timeout=20)
            peer.send(OK)


@pytest.fixture
def held(upstream):
    """The upstream that waits."""
    script = Held()
    script.address = upstream(script).address
    yield script
    script.may_answer.release(1000)


@pytest.mark.parametrize("threads", [1, 4])
def test_streams_queue_in_the_order_of_arrival(weir, held, threads):
    """--slots: over all streams of all connections."""
    proxy = weir(held.address, threads=threads, slots=1)
    with StreamClient(proxy.address) as one, StreamClient(proxy.address) as other:
        streams = []
        for number in range(8):
            client = (one, other)[number % 2]
            streams.append((client, client.open(f"/{number}")))
            proxy.expect("weir_queue_length", number)
            proxy.expect("weir_slots_busy", 1)
        for number, (client, stream) in enumerate(streams):
            eventually_equal(lambda: len(held.arrived), number + 1, "one more reaches upstream")
            held.may_answer.release()
            assert client.response(stream).status == 200
    assert held.arrived == [f"/{number}" for number in range(8)]
    assert proxy.metrics().value("weir_queue_duration_seconds_count") == 8


def test_as_many_streams_reach_upstream_as_there_are_slots(weir, held):
    """--slots: a connection's streams take as many as they can get."""
    proxy = weir(held.address, threads=1, slots=3)
    with StreamClient(proxy.address) as client:
        streams = [client.open(f"/{number}") for number in range(10)]
        proxy.expect("weir_queue_length", 7)
        eventually_equal(lambda: len(held.arrived), 3, "three reach upstream")
        held.may_answer.release(10)
        assert [client.response(stream).status for stream in streams] == [200] * 10
    proxy.expect("weir_slots_busy", 0)


def test_streams_and_connections_are_bounded_together(weir, held):
    """--max-connections: a stream beyond it may be tried again, and a connection without one takes nobody's place."""
    proxy = weir(held.address, threads=1, max_connections=2)
    with StreamClient(proxy.address) as one, StreamClient(proxy.address) as other:
        served = [(one, one.open("/1")), (other, other.open("/2"))]
        eventually_equal(lambda: len(held.arrived), 2, "both reach upstream")
        with pytest.raises(StreamReset) as refused:
            one.response(one.open("/3"))
        assert refused.value.code == Code.REFUSED_STREAM
        proxy.expect("weir_http2_errors_total", 1, reason="too_many_streams")
        held.may_answer.release(10)
        assert [client.response(stream).status for client, stream in served] == [200, 200]
        assert one.response(one.open("/4")).status == 200
    assert sorted(held.arrived) == ["/1", "/2", "/4"]


def test_request_of_a_dead_connection_is_sent_once_more(weir, upstream):
    """RFC 9110 §9.2.2: as in HTTP/1.1."""

    def dying(peer: Peer) -> None:
        peer.read_request()
        peer.send(OK)
        peer.read_request()

    app = upstream(dying, answering())
    proxy = weir(app, threads=1)
    with StreamClient(proxy.address) as client:
        assert [client.fetch(f"/{number}").status for number in range(2)] == [200, 200]
    assert [one.target for one in app.requests] == ["/0", "/1", "/1"]
    proxy.expect("weir_upstream_retries_total", 1, reason="connection_died")


# Flow control


class Making:
    """An exchange that sends a large body as fast as it is taken, and counts."""

    def __init__(self, size: int) -> None:
        self.sent = 0
        self._size = size

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._size)
        for start in range(0, self._size, 64 * KIB):
            peer.send(LARGE[start : min(start + 64 * KIB, self._size)])
            self.sent = min(start + 64 * KIB, self._size)


def test_closed_window_holds_up_nobody_else(stands):
    """RFC 9113 §5.2: a stream that is not read waits alone."""
    stand = stands(response_buffer="64k")
    making = Making(len(LARGE))
    with StreamClient(stand.proxy.address, window=0, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stuck = [client.open(stand.play(making, keeps=True)) for _ in range(10)]
        for stream in stuck:
            assert client.head(stream).status == 200
        for _ in range(20):
            stream = client.open(stand.answer(OK))
            client.grant(stream, 10)
            assert client.response(stream).body == b"ok"
        assert [client.on(stream).body for stream in stuck] == [b""] * 10
        for stream in stuck:
            client.reset(stream)


SPILLS = {"1m memory": {"response_buffer": "1m", "spill_limit": 0}, "none": {"response_buffer": 0},
          "64k memory": {"response_buffer": "64k", "spill_limit": 0}}  # fmt: skip


@pytest.mark.parametrize("options", SPILLS.values(), ids=SPILLS.keys())
def test_response_is_kept_up_to_its_buffer_and_no_further(buffering, options):
    """--response-buffer: behind a closed window, then upstream waits; whole when the window opens."""
    stand = buffering(**options)
    making = Making(len(LARGE))
    limit = {"1m": MIB, 0: 0, "64k": 64 * KIB}[options["response_buffer"]]
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stream = client.open(stand.play(making, keeps=True))
        client.until(lambda: len(client.on(stream).body) == WINDOW, "as much as the window lets through")
        assert settled(lambda: making.sent, "what upstream could send") < len(LARGE)
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + limit + SLACK
        assert stand.proxy.sum("weir_spill_bytes") == 0
        client.grant(stream, WINDOW_MAX - WINDOW)
        assert client.response(stream).body == LARGE


def test_response_is_spilled_behind_a_closed_window(buffering, tmp_path):
    """--spill-limit: upstream is free at once, and the body is whole when the window opens."""
    stand = buffering(response_buffer="64k", spill_directory=str(tmp_path.parent))
    making = Making(len(LARGE))
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stream = client.open(stand.play(making, keeps=True))
        eventually_equal(lambda: making.sent, len(LARGE), "upstream is through")
        stand.proxy.expect("weir_upstream_connections", 0, state="active")
        assert stand.proxy.sum("weir_spill_bytes") > len(LARGE) // 2
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + 64 * KIB + SLACK
        client.until(lambda: len(client.on(stream).body) == WINDOW, "as much as the window lets through")
        client.grant(stream, WINDOW_MAX - WINDOW)
        assert client.response(stream).body == LARGE


@pytest.mark.parametrize("window", [1, 100, 16_383])
def test_small_window_is_enough(stand, window):
    """RFC 9113 §6.9: a frame at a time, each as large as what was granted."""
    size = min(20 * window, 100_000)
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + LARGE[:size])
    with StreamClient(stand.proxy.address, window=window, grants=False) as client:
        client.grant(0, MIB)
        stream = client.open(target)
        answer = client.on(stream)
        for step in range(window, size + 1, window):
            client.until(lambda step=step: len(answer.body) >= step, "what was granted")
            assert len(answer.body) == step
            if step < size:
                client.grant(stream, window)
        assert client.response(stream).body == LARGE[:size]


@STREAMED
def test_upload_waits_where_upstream_does_not_read(stand):
    """--request-buffer 0: the client's window stays closed, and weir holds no more than that."""
    may_read = threading.Event()

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for(may_read)
        peer.read_body(arrived)
        peer.send(OK)

    target = stand.play(exchange)
    with StreamClient(stand.proxy.address) as client:
        stream = client.open(target, "POST", ends=False, content_length=str(len(LARGE)))
        sent = fill(client, stream, memoryview(LARGE))
        assert sent < len(LARGE)
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + WINDOW + SLACK
        assert client.fetch().body == b"ok"
        may_read.set()
        client.send_body(stream, LARGE[sent:])
        assert client.response(stream).status == 200
    assert stand.arrived(target)[0].body == LARGE


@pytest.mark.parametrize("stand", [{"slots": 1, "request_buffer": 0}], ids=["1 slot"], indirect=True)
def test_upload_that_waits_for_its_slot_is_held_to_its_window(stand, client):
    """Design §5: what has come of it waits in weir, the rest with the client."""
    target = stand.answer(OK)
    body = LARGE[:MIB]
    with slot_taken(stand):
        streams = [client.open(target, "POST", ends=False, content_length=str(MIB)) for _ in range(10)]
        for stream in streams:
            count = 0
            while client.room(stream):
                count += client.send_some(stream, memoryview(body)[count:])
            assert count == WINDOW
        stand.proxy.expect("weir_queue_length", 10)
        client.settle()
        assert [client.room(stream) for stream in streams] == [0] * 10
        assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + 10 * WINDOW + SLACK
    for _ in in_turns(client, {stream: body[WINDOW:] for stream in streams}, 16_384):
        pass
    assert [client.response(stream).status for stream in streams] == [200] * 10
    assert all(one.body == body for one in stand.arrived(target))


@EITHER
def test_large_upload_beside_a_stalled_one(stand, client):
    """A stream whose body does not go on costs the others nothing of the connection's window."""
    target = stand.answer(OK)
    stuck = client.open(target, "POST", ends=False, content_length="100000")
    client.send_body(stuck, bytes(30_000), ends=False)
    assert client.fetch(stand.answer(OK), "POST", LARGE[: 4 * MIB]).status == 200
    client.send_body(stuck, bytes(70_000))
    assert client.response(stuck).status == 200


@EITHER
def test_padding_is_given_back(stand, client):
    """RFC 9113 §6.1, §6.9.1: it counts against the windows like data, and is consumed like data."""
    target = stand.answer(OK)
    body = LARGE[: 2 * MIB]
    stream = client.open(target, "POST", ends=False, content_length=str(len(body)))
    client.send_padded(stream, body, 255)
    assert client.response(stream).status == 200
    assert stand.arrived(target)[0].body == body


@EITHER
def test_bodies_that_are_given_up_cost_nothing_of_the_connection_window(stand, client):
    """RFC 9113 §6.9: 6 MiB of it, which only the whole connection could miss."""
    target = stand.answer(OK)
    for _ in range(100):
        stream = client.open(target, "POST", ends=False)
        client.send_body(stream, LARGE[:60_000], ends=False)
        client.reset(stream)
    client.settle()
    assert client.fetch(target, "POST", LARGE[: 4 * MIB]).status == 200
    # Those that were given up may come to an end after it.
    assert LARGE[: 4 * MIB] in [arrived.body for arrived in stand.arrived(target)]


@pytest.mark.parametrize("stand", [{"gzip": 1, "response_buffer": "64k", "spill_limit": 0}], ids=["1"], indirect=True)
def test_compressed_response_waits_for_its_window(stand):
    """--gzip: back-pressure and content are as without it."""
    text = LARGE[: 4 * MIB].hex().encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(text)
    target = stand.answer(head + text)
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stream = client.open(target, accept_encoding="gzip")
        client.until(lambda: len(client.on(stream).body) == WINDOW, "as much as the window lets through")
        assert client.fetch().body == b"ok"
        client.grant(stream, WINDOW_MAX - WINDOW)
        assert gzip.decompress(client.response(stream).body) == text


def test_trailers_wait_for_the_body_before_them(stand):
    """RFC 9113 §8.1: however late its window opens."""
    size = 100_000
    response = CHUNKED + b"%x\r\n%s\r\n0\r\nX-Checksum: 7\r\n\r\n" % (size, LARGE[:size])
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stream = client.open(stand.answer(response))
        client.until(lambda: len(client.on(stream).body) == WINDOW, "as much as the window lets through")
        client.settle()
        assert client.on(stream).trailers is None
        client.grant(stream, WINDOW)
        answer = client.response(stream)
        assert (answer.body, answer.trailers) == (LARGE[:size], [("x-checksum", "7")])


# Time


@pytest.mark.parametrize("response_buffer", [0, "1m"])
def test_stream_whose_window_stays_closed_is_given_up(stands, response_buffer):
    """--send-timeout: that stream, and no other."""
    stand = stands(send_timeout="500ms", response_buffer=response_buffer)
    making = Making(len(LARGE))
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        with stand.counts("weir_gateway_errors_total", reason="send_timeout"):
            stream = client.open(stand.play(making))
            answer = client.on(stream)
            client.until(lambda: answer.is_over, "it is given up")
        assert answer.reset is not None and not answer.ended
        assert LARGE.startswith(answer.body)
        assert client.fetch().body == b"ok"
        assert client.goaways == []


def test_window_that_opens_now_and_then_is_progress(stands):
    """--send-timeout is the pause between two, not the time of all."""
    stand = stands(send_timeout="1s")
    body = LARGE[:20_000]
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    with StreamClient(stand.proxy.address, window=0, grants=False) as client:
        stream = client.open(target)
        for step in range(1, 6):
            assert not threading.Event().wait(0.4)
            client.grant(stream, 4000)
            client.until(lambda step=step: len(client.on(stream).body) == 4000 * step, "what was granted")
        assert client.response(stream).body == body


def test_client_that_reads_nothing_is_cut(stands):
    """--send-timeout: a connection that takes no bytes at all, with all of its streams."""
    stand = stands(send_timeout="500ms")
    making = Making(len(LARGE))
    before = stand.proxy.metrics().value("weir_gateway_errors_total", reason="send_timeout")
    with stand.counts("weir_gateway_errors_total", 2, reason="send_timeout"):
        with StreamClient(stand.proxy.address, receive_buffer=4096, window=WINDOW_MAX, grants=False) as client:
            client.grant(0, WINDOW_MAX - WINDOW)
            for _ in range(2):
                client.open(stand.play(making))
            stand.proxy.expect("weir_gateway_errors_total", before + 2, reason="send_timeout")
            # Who reads now learns so, of each stream or of the connection.
            with contextlib.suppress(Ended):
                client.until(lambda: client.on(1).is_over and client.on(3).is_over, "both are given up")
            assert not client.on(1).ended and not client.on(3).ended


@pytest.mark.parametrize("response_buffer", [0, "1m"])
def test_client_that_pauses_is_no_silence_of_upstream(stands, response_buffer):
    """--response-timeout runs while weir waits for upstream, not while upstream waits for a window."""
    stand = stands(response_timeout=SHORT, response_buffer=response_buffer, spill_limit=0)
    with StreamClient(stand.proxy.address, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        stream = client.open(stand.play(Making(len(LARGE)), keeps=True))
        assert client.head(stream).status == 200
        assert not threading.Event().wait(1.0)
        client.grant(stream, WINDOW_MAX - WINDOW)
        assert client.response(stream).body == LARGE


def test_upstream_that_pauses_is_no_stalled_client(stands):
    """--send-timeout runs while there is something to be sent."""
    stand = stands(send_timeout=SHORT)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(HALF)
        assert not threading.Event().wait(1.0)
        peer.send(b"whole")

    with StreamClient(stand.proxy.address) as client:
        assert client.fetch(stand.play(exchange, keeps=True)).body == b"half whole"


def test_client_that_may_not_send_is_not_slow(stands):
    """--body-timeout runs while weir waits for the client, not while the client waits for its window."""
    stand = stands(body_timeout=SHORT, request_buffer=0)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        assert not threading.Event().wait(1.2)
        peer.read_body(arrived)
        peer.send(OK)

    with StreamClient(stand.proxy.address) as client:
        assert client.fetch(stand.play(exchange), "POST", LARGE).status == 200


@pytest.mark.parametrize("stand", [{"slots": 1, "queue_timeout": SHORT}], ids=["1 slot"], indirect=True)
def test_stream_that_waits_too_long_for_a_slot_is_503(stand, client):
    """--queue-timeout; the one in its slot is served."""
    with slot_taken(stand):
        with stand.counts("weir_gateway_errors_total", 3, reason="queue_timeout"):
            asked = {"GET": None, "POST": b"x", "PUT": b""}
            streams = [client.request("/", method, body) for method, body in asked.items()]
            assert [client.response(stream).status for stream in streams] == [503] * 3
    assert client.fetch().body == b"ok"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_streams_wait_for_an_absent_upstream(weir, upstream, method):
    """Design §5: a restart of gunicorn is a pause; each request arrives once."""
    address = tcp_address()
    proxy = weir(address, ready=False, threads=1, upstream_wait="20s")
    with StreamClient(proxy.address) as client:
        streams = [client.request(f"/{number}", method, b"x" if method == "POST" else None) for number in range(10)]
        gone = client.request("/gone", method, b"x" if method == "POST" else None)
        proxy.expect("http_server_active_requests", 11)
        client.reset(gone)
        proxy.expect("http_server_active_requests", 10)
        app = upstream(address=address)
        assert [client.response(stream).body for stream in streams] == [b"ok"] * 10
    assert sorted(one.target for one in app.requests) == sorted(f"/{number}" for number in range(10))


@pytest.mark.parametrize("used", [0, 3])
def test_idle_connection_ends_with_goaway(stands, used):
    """--idle-timeout, RFC 9113 §9.1: the client learns that what it sends now is not served."""
    stand = stands(idle_timeout=SHORT)
    with StreamClient(stand.proxy.address) as client:
        for _ in range(used):
            assert client.fetch().status == 200
        client.expect_goaway(Code.NO_ERROR)
        assert client.goaways[-1][0] == max(0, 2 * used - 1)


def test_connection_with_a_stream_is_not_idle(stands):
    """--idle-timeout is for connections without a request."""
    stand = stands(idle_timeout=SHORT)
    gate = Gated()
    with StreamClient(stand.proxy.address) as client:
        stream = client.open(stand.play(gate, keeps=True))
        assert not threading.Event().wait(1.0)
        client.settle()
        gate.may_answer.set()
        assert client.response(stream).body == b"ok"
        client.expect_goaway(Code.NO_ERROR)


@pytest.mark.parametrize("part", [b"", b"\x00", b"\x00\x00\x05\x01"], ids=["frame", "continuation", "frame header"])
def test_head_that_does_not_end_is_given_up(stands, part):
    """--header-timeout: nothing can come on the connection before the rest of a head does (RFC 9113 §6.10)."""
    stand = stands(header_timeout=SHORT, idle_timeout="20s")
    with stand.counts("weir_gateway_errors_total", reason="header_timeout"):
        with StreamClient(stand.proxy.address) as client:
            block = client.head_block()
            if len(part) == 4:
                client.send_raw(headers(1, block[:10], ends_headers=False) + part)
            else:
                client.send_raw(headers(1, block, ends_headers=False)[: None if part == b"\x00" else -3])
            client.read_to_end()
            assert client.goaways


def test_head_that_does_not_end_is_given_up_beside_others(stands):
    """--header-timeout: streams that are being served do not make it harmless."""
    stand = stands(header_timeout=SHORT)
    watched = Watched()
    with StreamClient(stand.proxy.address) as client:
        client.open(stand.play(watched))
        assert watched.has_begun.wait(10)
        client.send_raw(headers(3, client.head_block(), ends_headers=False))
        client.read_to_end()
        assert watched.has_ended.wait(10)


@pytest.mark.parametrize("count", [1, 3, 14, 23])
def test_preface_that_does_not_end_is_given_up(stands, count):
    """--header-timeout: until it is whole it might still be a head of HTTP/1."""
    stand = stands(header_timeout=SHORT)
    with stand.counts("weir_gateway_errors_total", reason="header_timeout"), RawClient(stand.proxy.address) as raw:
        raw.send(PREFACE[:count])
        raw.read_to_end()


# The end of weir


def test_streams_in_flight_are_served_at_a_drain(weir, upstream):
    """RFC 9113 §6.8: GOAWAY for all that may be on the way, then for the last one; exit 0."""
    gate = Gated()
    app = upstream(lambda peer: gate(peer, peer.read_head()))
    proxy = weir(app, threads=1)
    with StreamClient(proxy.address) as client, StreamClient(proxy.address) as idle:
        streams = [client.open(f"/{number}") for number in range(5)]
        app.wait_for_requests(5)
        proxy.signal(signal.SIGTERM)
        client.until(lambda: len(client.goaways) == 2, "both of them")
        assert client.goaways == [(WINDOW_MAX, Code.NO_ERROR), (streams[-1], Code.NO_ERROR)]
        idle.expect_goaway(Code.NO_ERROR)
        assert proxy.exit_status is None
        gate.may_answer.set()
        assert [client.response(stream).body for stream in streams] == [b"ok"] * 5
        client.read_to_end()
    assert proxy.wait() == 0


def test_request_on_its_way_at_a_drain_is_served(weir, upstream):
    """RFC 9113 §6.8: whoever has not read the first GOAWAY cannot know."""
    gate = Gated()
    app = upstream(lambda peer: gate(peer, peer.read_head()))
    proxy = weir(app, threads=1)
    with StreamClient(proxy.address) as client:
        first = client.open("/first")
        app.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        second = client.open("/second")
        app.wait_for_requests(2)
        gate.may_answer.set()
        assert [client.response(stream).body for stream in (first, second)] == [b"ok"] * 2
        client.read_to_end()
        assert client.goaways == [(WINDOW_MAX, Code.NO_ERROR), (second, Code.NO_ERROR)]
    assert proxy.wait() == 0


def test_request_after_the_last_goaway_is_not_served(weir, upstream):
    """RFC 9113 §6.8: its number is above the last one, so the client knows that it may send it elsewhere."""
    gate = Gated()
    app = upstream(lambda peer: gate(peer, peer.read_head()))
    proxy = weir(app, threads=1)
    with StreamClient(proxy.address) as client:
        first = client.open("/first")
        app.wait_for_requests(1)
        proxy.signal(signal.SIGTERM)
        client.until(lambda: len(client.goaways) == 2, "both of them")
        late = client.open("/late")
        client.settle()
        gate.may_answer.set()
        assert client.response(first).body == b"ok"
        client.read_to_end()
        assert client.on(late).fields is None
    assert [one.target for one in app.requests] == ["/first"]
    assert proxy.wait() == 0


def test_streams_in_the_queue_are_served_at_a_drain(weir, held):
    """Design §9: what has come is finished, a body that is still on its way too."""
    proxy = weir(held.address, threads=1, slots=1)
    with StreamClient(proxy.address) as client:
        streams = [client.open(f"/{number}") for number in range(3)]
        proxy.expect("weir_queue_length", 2)
        upload = client.open("/upload", "POST", ends=False, content_length="100000")
        client.send_body(upload, bytes(50_000), ends=False)
        proxy.expect("http_server_active_requests", 4)
        proxy.signal(signal.SIGTERM)
        client.until(lambda: len(client.goaways) == 2, "both of them")
        client.send_body(upload, bytes(50_000))
        held.may_answer.release(4)
        assert [client.response(stream).status for stream in (*streams, upload)] == [200] * 4
        client.read_to_end()
    assert proxy.wait() == 0
    assert held.arrived == ["/0", "/1", "/2", "/upload"]


def test_drain_ends_although_a_client_never_answers(weir, upstream):
    """A client that has nothing to do and does not read: nothing is cut off, so exit 0."""
    proxy = weir(upstream(), threads=1, drain_timeout="1s")
    with StreamClient(proxy.address) as client:
        assert client.fetch().status == 200
        proxy.signal(signal.SIGTERM)
        assert proxy.wait(5) == 0


def test_drain_timeout_cuts_streams_and_says_so(weir, upstream):
    """Design §9: exit 1 if something had to be cut off, and nothing looks whole that is not."""
    app = upstream(lambda peer: Watched(HALF)(peer, peer.read_head()))
    proxy = weir(app, threads=1, drain_timeout=SHORT)
    with StreamClient(proxy.address) as client:
        stream = client.open()
        assert client.head(stream).status == 200
        proxy.signal(signal.SIGTERM)
        with pytest.raises((Ended, StreamReset)):
            client.response(stream)
    assert proxy.wait() == 1


# Counting connections


def test_connections_are_counted_by_what_they_speak(weir, upstream):
    """Once it is known: before the preface is whole a connection speaks nothing yet, or HTTP/1.1."""
    proxy = weir(upstream(), threads=1)
    clients = [StreamClient(proxy.address) for _ in range(3)]
    with RawClient(proxy.address) as other:
        other.send(b"GET / HTTP/1.1\r\n")
        proxy.expect("weir_connections", 3, protocol="http/2")
        proxy.expect("weir_connections", 1, protocol="http/1.1")
        assert proxy.sum("weir_connections_total", protocol="http/2") == 3
        for client in clients:
            for _ in range(2):
                assert client.fetch().status == 200
            client.close()
        proxy.expect("weir_connections", 0, protocol="http/2")
    proxy.expect("weir_connections", 0)
    assert proxy.sum("weir_connections_total", protocol="http/2") == 3
    assert proxy.sum("weir_connections_total", protocol="http/1.1") == 1
    proxy.expect("flask_requests", 6)


@pytest.mark.parametrize("ends", [RawClient.close, RawClient.abort], ids=["FIN", "RST"])
@pytest.mark.parametrize("sent", [PREFACE, PREFACE + settings(), PREFACE + settings()[:5]], ids=range(3))
def test_connection_without_a_request_leaves_nothing(stand, sent, ends):
    """However far it has come."""
    raw = RawClient(stand.proxy.address)
    with stand.counts("weir_bytes_total", len(sent), direction="receive"):
        raw.send(sent)
    ends(raw)
    stand.proxy.expect("weir_connections", 0)


# Priorities

PART = 30_000


def order_of_data(client: StreamClient) -> list[int]:
    """The streams in the order in which DATA has come, each as often as it begins anew."""
    order: list[int] = []
    for one in client.frames:
        if one.kind == "Data" and one.length and (not order or order[-1] != one.stream):
            order.append(one.stream)
    return order


def answered_behind_a_closed_window(stand, client: StreamClient, *fields: dict[str, str]) -> list[int]:
    """Streams whose responses are in weir, which could not send any DATA of them yet."""
    filling = client.open(stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % WINDOW + bytes(WINDOW)))
    client.response(filling)
    streams = []
    for some in fields:
        body = LARGE[:PART]
        target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % PART + body)
        streams.append(client.open(target, **some))
    for stream in streams:
        client.head(stream)
    stand.proxy.expect("weir_upstream_connections", 0, state="active")
    client.frames.clear()
    return streams


def test_urgent_streams_come_first(stand):
    """RFC 9218 §10: each as a whole, in the order of their urgency, not of their requests."""
    with StreamClient(stand.proxy.address, grants=False) as client:
        last, first, third, second = answered_behind_a_closed_window(
            stand, client, {"priority": "u=7"}, {"priority": "u=0"}, {}, {"priority": "u=2"}
        )
        client.grant(0, 10 * PART)
        for stream in (first, second, third, last):
            assert client.response(stream).body == LARGE[:PART]
        assert order_of_data(client) == [first, second, third, last]


def test_priority_may_change_while_a_response_waits(stand):
    """RFC 9218 §7.1: PRIORITY_UPDATE has the last word."""
    with StreamClient(stand.proxy.address, grants=False) as client:
        one, other = answered_behind_a_closed_window(stand, client, {"priority": "u=1"}, {"priority": "u=5"})
        client.send_raw(priority_update(one, b"u=6"))
        client.settle()
        client.frames.clear()
        client.grant(0, 10 * PART)
        for stream in (one, other):
            client.response(stream)
        assert order_of_data(client) == [other, one]


def test_incremental_streams_take_turns(stand):
    """RFC 9218 §4.2: of the same urgency."""
    with StreamClient(stand.proxy.address, grants=False) as client:
        streams = answered_behind_a_closed_window(stand, client, {"priority": "u=3, i"}, {"priority": "u=3, i"})
        client.grant(0, 10 * PART)
        for stream in streams:
            client.response(stream)
        assert len(order_of_data(client)) > 2


def test_rubbish_in_priority_is_ignored(stand, client):
    """RFC 9218 §4: it is a hint."""
    for value in ("", "u=9", "u=-1", "u", "i=2", "u=1, u=x", "?", "a" * 1000):
        assert client.fetch(priority=value).body == b"ok"
