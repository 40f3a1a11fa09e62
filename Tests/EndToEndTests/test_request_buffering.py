# SPDX-License-Identifier: Apache-2.0
"""Request bodies are collected before gunicorn is bothered: in memory, then in a file (design §4, §5)."""

import contextlib
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.addresses import refuses, tcp_address
from support.buffering import (
    KIB,
    LARGE,
    MIB,
    SLACK,
    InParts,
    Sender,
    arrive,
    checked,
    end,
    failures,
    head_of,
    part,
    resting_bytes,
    slot_taken,
    spill_files,
    summary,
)
from support.client import RawClient, request
from support.stand import Stand
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually, settled

FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked"])
THREADS = pytest.mark.parametrize("threads", [1, 4])
LEAVES = pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["RST", "FIN"])
SMALL = {"request_buffer": "64k"}
LIMITED = {"request_buffer": "64k", "spill_limit": "128k"}
SIZES = pytest.mark.parametrize("size", [1000, 300_000], ids=["in memory", "in a file"])
"""On either side of `SMALL`."""
BLOCK_LINKS_MAX = KIB
"""How much of 64 KiB of memory is no body."""
HELD_MAX = 48 * MIB
"""What the kernel may take of a body of 64 MiB that nobody reads."""


@contextlib.contextmanager
def upstream_sees_nothing(stand: Stand) -> Iterator[None]:
    """Expects that no request reaches upstream meanwhile, nor so much as a connection."""
    connects, arrived = stand.proxy.sum("weir_upstream_connects_total"), len(stand.app.requests)
    yield
    assert stand.proxy.sum("weir_upstream_connects_total") == connects
    assert stand.proxy.sum("weir_upstream_connections", state="active") == 0
    assert len(stand.app.requests) == arrived


# Collected


@FRAMINGS
@SIZES
@pytest.mark.parametrize("method", ["POST", "GET", "PURGE"])
def test_upstream_sees_nothing_of_a_body_that_is_not_whole(buffering, framing, size, method):
    """Design §5: then head and body together, with Content-Length however they came."""
    stand = buffering(**SMALL)
    target = stand.answer(OK)
    body = LARGE[:size]
    with stand.client() as client:
        with upstream_sees_nothing(stand):
            arrive(stand, client, head_of(target, framing, size, method))
            arrive(stand, client, part(framing, body[:-1]))
            assert stand.proxy.sum("http_server_active_requests") == 1
            assert stand.proxy.sum("weir_slots_busy") == 0
            assert stand.proxy.sum("weir_spill_files") == (size > 64 * KIB)
        client.send(part(framing, body[-1:]) + end(framing))
        assert client.read_response().status == 200
        assert client.exchange(request()).status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.method, arrived.body == body) == (method, True)
    assert arrived.all("content-length") == [str(size)]
    assert not {"transfer-encoding", "trailer", "x-trailer"} & arrived.names


@FRAMINGS
def test_body_may_be_cut_at_every_byte(buffering, framing):
    """RFC 9112 §7.1: sizes, line ends and trailers are collected like data, and not passed on."""
    stand = buffering(**SMALL)
    target = stand.answer(OK)
    body = b"abc" * 7
    head = head_of(target, framing, len(body))
    data = head + part(framing, body[:9]) + part(framing, body[9:]) + end(framing)
    with stand.client() as client:
        for cut in range(len(head), len(data)):
            client.send_cut(data, cut)
            assert client.read_response().status == 200, f"cut at {cut}"
    assert [bytes(one.raw_body) for one in stand.arrived(target)] == [body] * (len(data) - len(head))
    assert {one.all("content-length")[0] for one in stand.arrived(target)} == {str(len(body))}


@FRAMINGS
@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 131_072, 1_000_003])
def test_bodies_of_every_size_arrive_whole(buffering, framing, size):
    """On either side of the limit, and of the sizes that buffers tend to have."""
    stand = buffering(**SMALL)
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        for _ in range(2):
            arrive(stand, client, head_of(target, framing, size))
            client.send(part(framing, LARGE[:size]) + end(framing))
            assert client.read_response().body == summary(LARGE[:size])


def test_empty_chunked_body_is_a_length_of_0(buffering):
    """RFC 9110 §8.6: also when only its last chunk was waited for."""
    stand = buffering()
    target = stand.answer(OK)
    with stand.client() as client:
        arrive(stand, client, head_of(target, "chunked", 0))
        client.send(end("chunked"))
        assert client.read_response().status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.all("content-length"), arrived.all("transfer-encoding")) == (["0"], [])


@SIZES
def test_http_1_0_upload_is_collected(buffering, size):
    """RFC 9112 §9.3: the connection ends as it always does."""
    stand = buffering(**SMALL)
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        with upstream_sees_nothing(stand):
            arrive(
                stand, client, b"POST %b HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (target.encode(), size)
            )
            arrive(stand, client, LARGE[: size - 1])
        client.send(LARGE[size - 1 : size])
        assert client.read_response().body == summary(LARGE[:size])
        client.expect_end()


@SIZES
def test_uploads_follow_each_other_on_one_connection(buffering, size):
    """RFC 9112 §9.3.2: what is pipelined behind a body is none of it."""
    stand = buffering(**SMALL)
    target = stand.play(checked, keeps=True)
    body = LARGE[:size]
    with stand.client() as client:
        with upstream_sees_nothing(stand):
            arrive(stand, client, head_of(target, "chunked", size) + part("chunked", body))
        client.send(
            end("chunked")
            + request(target)
            + head_of(target, "length", size)
            + body
            + head_of(target, "chunked", size)
            + part("chunked", body)
            + end("chunked")
            + request()
        )
        answers = [client.read_response().body for _ in range(5)]
    assert answers == [summary(body), summary(b""), summary(body), summary(body), b"ok"]
    assert [one.method for one in stand.arrived(target)] == ["POST", "GET", "POST", "POST"]


@SIZES
def test_client_that_has_said_everything_may_close_its_side(buffering, size):
    """RFC 9112 §9.6: a whole request is answered."""
    stand = buffering(**SMALL)
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
        client.send(LARGE[size - 1 : size])
        client.finish_sending()
        assert client.read_response().body == summary(LARGE[:size])
        client.expect_end()


@THREADS
def test_uploads_side_by_side_keep_apart(buffering, threads):
    """Each body comes out of the memory and the file that it went into."""
    stand = buffering(threads=threads, request_buffer="16k", buffer_memory="256k")
    target = stand.play(checked, keeps=True)

    def upload(seed: int) -> None:
        chances = random.Random(seed)
        with stand.client() as client:
            for _ in range(6):
                begin = chances.randrange(len(LARGE) - MIB)
                body = LARGE[begin : begin + chances.randrange(1, MIB)]
                framing = chances.choice(("length", "chunked"))
                data = head_of(target, framing, len(body)) + part(framing, body) + end(framing)
                cut = chances.randrange(len(data))
                client.send(data[:cut])
                client.send(data[cut:])
                assert client.read_response().body == summary(body)

    with ThreadPoolExecutor(12) as pool:
        for one in [pool.submit(upload, seed) for seed in range(12)]:
            one.result(60)
    assert failures(stand) == {}


def test_early_answer_to_a_collected_body_is_passed_on(buffering):
    """RFC 9110 §7.5: upstream need not read it; the client's connection is as good as before."""

    def refusing(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        peer.wait_for_end()

    stand = buffering(**SMALL)
    target = stand.play(refusing)
    with stand.client() as client:
        client.send(head_of(target, "length", len(LARGE)) + LARGE)
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (413, b"no", False)
        assert client.exchange(request()).body == b"ok"


def test_upstream_is_needed_only_when_the_body_is_whole(weir, upstream):
    """--upstream-wait 0s: it may be away as long as the client is slow."""
    address = tcp_address()
    proxy = weir(address, ready=False, threads=1, upstream_wait="0s")
    with RawClient(proxy.address) as client:
        client.send(request("/", "POST", Content_Length="2") + b"a")
        proxy.expect("http_server_active_requests", 1)
        app = upstream(address=address)
        client.send(b"b")
        assert client.read_response().status == 200
        assert bytes(app.only.body) == b"ab"
        app.close()
        client.send(request("/", "POST", Content_Length="2") + b"a")
        proxy.expect("http_server_active_requests", 1)
        client.send(b"b")
        assert client.read_response().status == 502


@SIZES
def test_body_is_kept_while_upstream_is_away(weir, upstream, size):
    """--upstream-wait: a restart of gunicorn is a pause for uploads too; when it is over in vain, all is free."""
    address = tcp_address()
    proxy = weir(address, ready=False, threads=1, upstream_wait="20s", **SMALL)
    hasty = weir(address, ready=False, threads=1, upstream_wait="0s", **SMALL)
    data = head_of("/", "chunked", 0) + part("chunked", LARGE[:size]) + end("chunked")
    with RawClient(proxy.address, timeout=20) as client, RawClient(hasty.address) as other:
        for _ in range(2):
            other.send(data[:500])
            hasty.expect("http_server_active_requests", 1)
            other.send(data[500:])
            assert other.read_response().status == 502
            hasty.expect("weir_spill_files", 0)
        client.send(data[:500])
        proxy.expect("http_server_active_requests", 1)
        client.send(data[500:])
        proxy.expect("weir_bytes_total", len(data), direction="receive")
        assert not client.readable(0.3)
        app = upstream(address=address)
        assert client.read_response().status == 200
    assert app.only.body == LARGE[:size]
    proxy.expect("weir_spill_files", 0)


@SIZES
def test_silent_upstream_is_504_for_a_collected_body(buffering, size):
    """RFC 9110 §15.6.5: the client's connection goes on, what was kept is free."""
    stand = buffering(**SMALL, response_timeout="300ms")

    def silent(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.wait_for_end()

    target = stand.play(silent)
    with stand.client() as client:
        for _ in range(2):
            arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
            client.send(LARGE[size - 1 : size])
            assert client.read_response().status == 504
        assert stand.proxy.sum("weir_spill_files") == 0
        assert client.exchange(request()).status == 200


def test_termination_cuts_a_body_that_does_not_come(weir, upstream):
    """Design §9: --drain-timeout, exit 1; upstream never hears of it."""
    app = upstream()
    proxy = weir(app, threads=1, drain_timeout="300ms", request_buffer="16k")
    with RawClient(proxy.address) as client:
        client.send(head_of("/", "length", 100_001) + LARGE[:100_000])
        proxy.expect("weir_spill_files", 1)
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 1
    assert app.requests == []


def test_termination_waits_for_the_rest_of_a_body(weir, upstream):
    """Design §9: a request that is being collected is in flight."""
    app = upstream()
    proxy = weir(app, threads=1, drain_timeout="20s", request_buffer="16k")
    body = LARGE[:100_000]
    with RawClient(proxy.address) as client:
        client.send(head_of("/", "length", len(body)) + body[:-1])
        proxy.expect("weir_spill_files", 1)
        proxy.signal(signal.SIGTERM)
        eventually(lambda: refuses(proxy.address), "new connections are refused")
        assert app.requests == []
        client.send(body[-1:])
        response = client.read_response()
        assert (response.status, response.closes) == (200, True)
    assert proxy.wait() == 0
    assert app.only.body == body


# Clocks and the queue


PAUSE_SECONDS = 0.5


def pause() -> None:
    """What a slow client does between two parts of its body; what is measured is at least this long."""
    threading.Event().wait(PAUSE_SECONDS)


@SIZES
def test_time_of_the_application_begins_when_the_body_is_whole(buffering, size):
    """Design §2: t1. The users' time contains the upload, that of the application and the queue do not."""
    stand = buffering(**SMALL, slots=1)
    target = stand.answer(OK)
    names = {
        "total": "http_server_request_duration_seconds_sum",
        "app": "flask_request_duration_sum",
        "queue": "weir_queue_duration_seconds_sum",
        "service": "weir_upstream_duration_seconds_sum",
    }
    before = stand.proxy.metrics()
    with stand.client() as client:
        arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
        pause()
        with stand.counts("flask_requests"):
            client.send(LARGE[size - 1 : size])
            assert client.read_response().status == 200
    after = stand.proxy.metrics()
    taken = {key: after.sum(name) - before.sum(name) for key, name in names.items()}
    assert taken["total"] >= PAUSE_SECONDS
    for key in ("app", "queue", "service"):
        # Whatever the machine does, the pause lies before t1 and within the total.
        assert taken[key] <= taken["total"] - PAUSE_SECONDS + 0.005, taken
    assert taken["app"] == pytest.approx(taken["queue"] + taken["service"], abs=1e-6)


@FRAMINGS
@SIZES
def test_slow_upload_takes_no_slot(buffering, framing, size):
    """--slots 1: others are served while a client dribbles (design §1, §5)."""
    stand = buffering(**SMALL, slots=1)
    target = stand.play(checked, keeps=True)
    body = LARGE[:size]
    with stand.client() as client:
        arrive(stand, client, head_of(target, framing, size) + part(framing, body[:-1]))
        for _ in range(3):
            assert stand.fetch(request()).body == b"ok"
        assert stand.proxy.sum("weir_queue_length") == 0
        client.send(part(framing, body[-1:]) + end(framing))
        assert client.read_response().body == summary(body)


@THREADS
def test_upload_takes_its_turn_when_it_is_whole(buffering, threads):
    """Design §5: in the order in which requests become ready, not in which they begin."""
    stand = buffering(**SMALL, slots=1, threads=threads)
    upload, other = stand.answer(OK), stand.answer(OK)
    seen = len(stand.app.requests)
    with stand.client() as slow, stand.client() as quick:
        with slot_taken(stand):
            arrive(stand, slow, head_of(upload, "length", 200_000) + LARGE[:100_000])
            assert stand.proxy.sum("weir_queue_length") == 0
            quick.send(request(other))
            stand.proxy.expect("weir_queue_length", 1)
            slow.send(LARGE[100_000:200_000])
            stand.proxy.expect("weir_queue_length", 2)
            assert len(stand.app.requests) == seen + 1
        assert [one.read_response().status for one in (quick, slow)] == [200, 200]
    assert [one.target for one in stand.app.requests[seen + 1 :]] == [other, upload]
    assert stand.arrived(upload)[0].body == LARGE[:200_000]


def test_time_in_the_queue_begins_when_the_body_is_whole(buffering):
    """--queue-timeout is for requests that are ready."""
    stand = buffering(slots=1, queue_timeout="300ms")
    target = stand.answer(OK)
    with stand.client() as client:
        with slot_taken(stand):
            arrive(stand, client, head_of(target, "length", 2) + b"a")
            pause()
        client.send(b"b")
        assert client.read_response().status == 200
        with slot_taken(stand):
            arrive(stand, client, head_of(target, "length", 2) + b"a")
            client.send(b"b")
            assert client.read_response().status == 503
    assert len(stand.arrived(target)) == 1


@SIZES
def test_full_queue_gives_up_what_was_collected(buffering, size):
    """--queue-limit: 503 when the body is whole; memory and file are free while others still have theirs."""
    stand = buffering(**SMALL, slots=1, queue_limit=0)
    target = stand.answer(OK)
    with stand.client() as client:
        with slot_taken(stand):
            for _ in range(2):
                arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
                client.send(LARGE[size - 1 : size])
                assert client.read_response().status == 503
            stand.proxy.expect("weir_spill_files", 0)
        assert client.exchange(request(target)).status == 200
    assert [one.method for one in stand.arrived(target)] == ["GET"]


def test_upload_that_pauses_is_neither_idle_nor_a_slow_head(buffering):
    """--idle-timeout and --header-timeout are for what comes before a body."""
    stand = buffering(**SMALL, idle_timeout="300ms", header_timeout="300ms")
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        arrive(stand, client, head_of(target, "length", 3) + b"a")
        pause()
        client.send(b"bc")
        assert client.read_response().body == summary(b"abc")


# Refused, and given up


@FRAMINGS
@SIZES
@pytest.mark.parametrize(
    "leave",
    [RawClient.abort, RawClient.close, RawClient.finish_sending],
    ids=["RST", "FIN", "half closed"],
)
def test_client_that_leaves_an_upload_never_reaches_upstream(buffering, framing, size, leave):
    """RFC 9112 §8: half a request is none; 499, and what it took is free again."""
    stand = buffering(**SMALL)
    target = stand.answer(OK)
    with stand.client() as client, upstream_sees_nothing(stand):
        arrive(stand, client, head_of(target, framing, size + 1) + part(framing, LARGE[:size]))
        with stand.counts("weir_client_aborts_total", stage="request_body"):
            with stand.counts("flask_response_code", status="499"):
                leave(client)
        stand.proxy.expect("http_server_active_requests", 0)


@FRAMINGS
@SIZES
def test_body_that_stops_is_408(buffering, framing, size):
    """RFC 9110 §15.5.9: --body-timeout, without upstream having seen anything."""
    stand = buffering(**SMALL, body_timeout="300ms")
    target = stand.answer(OK)
    with stand.client() as client, upstream_sees_nothing(stand):
        with stand.counts("weir_gateway_errors_total", reason="body_timeout"):
            client.send(head_of(target, framing, size + 1) + part(framing, LARGE[:size]))
            response = client.read_response()
            assert (response.status, response.closes) == (408, True)
            client.expect_end()


@pytest.mark.parametrize("limit", [1000, 300_000], ids=["in memory", "in a file"])
def test_chunks_above_the_limit_are_413(buffering, limit):
    """--max-body on both sides of its edge: upstream sees the whole or nothing."""
    stand = buffering(**SMALL, max_body=limit)
    target = stand.play(checked, keeps=True)
    body = LARGE[:limit]
    with stand.client() as client:
        arrive(stand, client, head_of(target, "chunked", limit) + part("chunked", body[:-1]))
        client.send(part("chunked", body[-1:]) + end("chunked"))
        assert client.read_response().body == summary(body)
        with upstream_sees_nothing(stand):
            arrive(stand, client, head_of(target, "chunked", limit) + part("chunked", body))
            with stand.counts("weir_gateway_errors_total", reason="body_too_large"):
                client.send(part("chunked", b"x"))
                response = client.read_response()
                assert (response.status, response.closes) == (413, True)


@pytest.mark.parametrize(
    ("rest", "reason"),
    [(b"xyz\r\n", "bad_chunk_size"), (b"1\r\nabc", "bad_chunk_end"), (b"0\r\nX : y\r\n\r\n", "bad_trailer")],
    ids=["size", "end", "trailer"],
)
@SIZES
def test_broken_chunk_is_400_and_never_reaches_upstream(buffering, size, rest, reason):
    """RFC 9112 §7.1: also behind much that was good."""
    stand = buffering(**SMALL)
    target = stand.answer(OK)
    with stand.client() as client, upstream_sees_nothing(stand):
        arrive(stand, client, head_of(target, "chunked", size) + part("chunked", LARGE[:size]))
        with stand.counts("weir_gateway_errors_total", reason=reason):
            client.send(rest)
            response = client.read_response()
            assert (response.status, response.closes) == (400, True)
            client.expect_end()


@LEAVES
@SIZES
def test_client_that_leaves_the_queue_leaves_nothing(buffering, leave, size):
    """Design §5: a whole request whose client has gone is dropped, with its body."""
    stand = buffering(**SMALL, slots=1)
    target = stand.answer(OK)
    with stand.client() as client, slot_taken(stand):
        arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
        client.send(LARGE[size - 1 : size])
        stand.proxy.expect("weir_queue_length", 1)
        with stand.counts("weir_client_aborts_total", stage="waiting"):
            leave(client)
        stand.proxy.expect("weir_queue_length", 0)
        stand.proxy.expect("weir_spill_files", 0)
    assert stand.arrived(target) == []


@SIZES
def test_client_that_leaves_upstream_at_work_leaves_nothing(buffering, size):
    """Upstream learns it from its connection, whether it has read the body or not."""
    ended = threading.Event()

    def busy(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for_end()
        ended.set()

    stand = buffering(**SMALL)
    target = stand.play(busy)
    with stand.client() as client:
        arrive(stand, client, head_of(target, "length", size) + LARGE[: size - 1])
        client.send(LARGE[size - 1 : size])
        eventually(lambda: stand.arrived(target), "it reaches upstream")
        with stand.counts("weir_client_aborts_total", stage="waiting"):
            client.abort()
        assert ended.wait(10)


# Expect: 100-continue


@FRAMINGS
@SIZES
def test_weir_asks_for_the_body_that_it_collects(buffering, framing, size):
    """RFC 9110 §10.1.1: one 100 of weir's own, while upstream knows of nothing, then or later."""
    stand = buffering(**SMALL, slots=1)
    target = stand.answer(OK)
    body = LARGE[:size]
    with stand.client() as client:
        with slot_taken(stand):
            client.send(head_of(target, framing, size, Expect="100-continue"))
            assert client.read_head().status == 100
            assert stand.arrived(target) == []
            arrive(stand, client, part(framing, body[:-1]))
            assert stand.arrived(target) == []
            client.send(part(framing, body[-1:]) + end(framing))
            stand.proxy.expect("weir_queue_length", 1)
        response = client.read_response()
        assert (response.status, response.interim) == (200, [])
        assert client.exchange(request()).status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.body == body, arrived.all("expect")) == (True, [])


def test_100_of_upstream_is_nobody_s_after_that_of_weir(buffering):
    """RFC 9110 §15.2: an app may say 100 unasked; the client has been told already."""

    def unasked(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    stand = buffering()
    target = stand.play(unasked, keeps=True)
    with stand.client() as client:
        for _ in range(2):
            client.send(head_of(target, "length", 3, Expect="100-continue"))
            assert client.read_head().status == 100
            client.send(b"abc")
            response = client.read_response()
            assert (response.status, response.interim) == (200, [])


def test_body_that_was_asked_for_and_does_not_fit_streams(buffering):
    """Weir has said 100 when it finds out; upstream is not told of an expectation that has been met."""

    def unasked(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        checked(peer, arrived)

    stand = buffering(**LIMITED)
    target = stand.play(unasked, keeps=True)
    with stand.client() as client:
        client.send(head_of(target, "chunked", 0, Expect="100-continue"))
        assert client.read_head().status == 100
        client.send(part("chunked", LARGE[:MIB]) + end("chunked"))
        response = client.read_response()
        assert (response.interim, response.body) == ([], summary(LARGE[:MIB]))
    [arrived] = stand.arrived(target)
    assert arrived.all("expect") == []


def test_body_that_is_too_large_is_not_asked_for(buffering):
    """RFC 9110 §10.1.1: 413 instead of 100."""
    stand = buffering(max_body=1000)
    with stand.client() as client, upstream_sees_nothing(stand):
        client.send(head_of("/", "length", 1001, Expect="100-continue"))
        response = client.read_response()
        assert (response.status, response.interim) == (413, [])


def test_http_1_0_is_not_asked_for_its_body(buffering):
    """RFC 9110 §10.1.1: its expectation is ignored."""
    stand = buffering()
    target = stand.answer(OK)
    head = f"POST {target} HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n".encode()
    with stand.client() as client:
        with upstream_sees_nothing(stand):
            arrive(stand, client, head)
            assert not client.readable(0.1)
        client.send(b"abc")
        response = client.read_response()
        assert (response.status, response.interim) == (200, [])


# Without a buffer


@FRAMINGS
def test_without_a_buffer_upstream_sees_the_head_first(buffering, framing):
    """--request-buffer 0: each part as it comes, framed as it came; Expect passes."""
    stand = buffering(request_buffer=0)
    exchange = InParts(10)
    target = stand.play(exchange)
    with stand.client() as client:
        arrive(stand, client, head_of(target, framing, 20, Expect="100-continue"))
        eventually(lambda: stand.arrived(target), "upstream has the head")
        client.send(part(framing, LARGE[:10]))
        assert exchange.has_part.wait(10)
        exchange.may_go_on.set()
        client.send(part(framing, LARGE[10:20]) + end(framing))
        assert client.read_response().status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.body == LARGE[:20], arrived.all("expect")) == (True, ["100-continue"])
    assert arrived.all("transfer-encoding") == ([] if framing == "length" else ["chunked"])


@FRAMINGS
def test_without_a_buffer_nothing_spills(buffering, framing):
    """--request-buffer 0: the slow side stops the fast one."""
    stand = buffering(request_buffer=0)
    stopped = threading.Event()

    def reluctant(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for(stopped)
        checked(peer, arrived)

    target = stand.play(reluctant)
    with stand.client() as client, stand.counts("weir_spill_failures_total", 0):
        client.send(head_of(target, framing, len(LARGE)))
        sender = Sender(client.socket, iter([part(framing, LARGE) + end(framing)]))
        eventually(lambda: stand.arrived(target), "upstream has the head")
        assert stand.proxy.sum("weir_spill_files") == 0
        stopped.set()
        assert client.read_response().body == summary(LARGE)
        sender.finish()


# Memory


@FRAMINGS
@pytest.mark.parametrize(("size", "files"), [(65_536, 0), (65_537, 1)])
def test_memory_of_one_body_is_bounded(buffering, framing, size, files):
    """--request-buffer on both sides of its edge."""
    stand = buffering(**SMALL, slots=1)
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        with slot_taken(stand):
            before = stand.proxy.sum("weir_buffer_bytes")
            arrive(stand, client, head_of(target, framing, size))
            client.send(part(framing, LARGE[:size]) + end(framing))
            stand.proxy.expect("weir_queue_length", 1)
            metrics = stand.proxy.metrics()
            assert metrics.value("weir_spill_files") == files
            assert metrics.value("weir_spill_bytes") <= size * files
            assert metrics.value("weir_buffer_bytes") - before <= 128 * KIB
        assert client.read_response().body == summary(LARGE[:size])


@THREADS
def test_memory_is_one_for_all_bodies(buffering, threads):
    """--buffer-memory, over all threads: what is beyond spills, and what is given back serves others."""
    stand = buffering(threads=threads, request_buffer="1m", buffer_memory="1m")
    target = stand.play(checked, keeps=True)
    base = resting_bytes(threads)
    sizes = [700_000, *[150_000] * 6]
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(stand.client()) for _ in sizes]
            arrive(stand, clients[0], head_of(target, "chunked", 0) + part("chunked", LARGE[: sizes[0]]))
            assert stand.proxy.sum("weir_spill_files") == 0, "one body may have what nobody else has"
            for client, size in zip(clients[1:], sizes[1:], strict=True):
                arrive(stand, client, head_of(target, "chunked", 0) + part("chunked", LARGE[:size]))
            metrics = stand.proxy.metrics()
            assert metrics.value("weir_spill_files") >= 3
            assert metrics.value("weir_spill_bytes") >= sum(sizes) - MIB
            assert metrics.value("weir_buffer_bytes") - base <= MIB + SLACK
            for client, size in zip(clients, sizes, strict=True):
                client.send(end("chunked"))
                assert client.read_response().body == summary(LARGE[:size])
        stand.proxy.expect("weir_spill_files", 0)
        stand.proxy.expect("weir_buffer_bytes", base)
    assert failures(stand) == {}


@pytest.mark.parametrize("options", [{}, {"spill_limit": 0}], ids=["files", "no files"])
@FRAMINGS
def test_without_memory_bodies_still_arrive(buffering, framing, options):
    """--buffer-memory 0: all of it is in a file, or streams."""
    stand = buffering(buffer_memory=0, **options)
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        for size in (1, 1000, 100_000, MIB):
            arrive(stand, client, head_of(target, framing, size))
            client.send(part(framing, LARGE[:size]) + end(framing))
            assert client.read_response().body == summary(LARGE[:size])


# Files


def test_files_have_no_name_and_belong_to_weir_alone(buffering, tmp_path_factory):
    """--spill-directory: unlinked at once, mode 0600, closed with the exchange."""
    directory = tmp_path_factory.mktemp("spill")
    stand = buffering(**SMALL, spill_directory=directory)
    target = stand.answer(OK)
    with stand.client() as client:
        arrive(stand, client, head_of(target, "length", 300_000) + LARGE[:299_999])
        [link] = spill_files(stand.proxy, directory)
        status = link.stat()
        assert (status.st_mode & 0o777, status.st_nlink) == (0o600, 0)
        metrics = stand.proxy.metrics()
        assert metrics.value("weir_spill_files") == 1
        assert metrics.value("weir_spill_bytes") == status.st_size >= 299_999 - 64 * KIB
        assert list(directory.iterdir()) == []
        client.send(LARGE[299_999:300_000])
        assert client.read_response().status == 200
    stand.proxy.expect("weir_spill_files", 0)
    assert (spill_files(stand.proxy, directory), list(directory.iterdir())) == ([], [])
    assert stand.arrived(target)[0].body == LARGE[:300_000]


@pytest.mark.parametrize("variable", [True, False], ids=["TMPDIR", "/tmp"])
def test_files_are_in_the_directory_for_temporary_ones(weir, upstream, tmp_path, monkeypatch, variable):
    """--spill-directory: `$TMPDIR` by default, else /tmp."""
    if variable:
        monkeypatch.setenv("TMPDIR", str(tmp_path))
    else:
        monkeypatch.delenv("TMPDIR", raising=False)
    proxy = weir(upstream(), threads=1, **SMALL)
    with RawClient(proxy.address) as client:
        client.send(head_of("/", "length", 300_000) + LARGE[:299_999])
        proxy.expect("weir_spill_files", 1)
        assert len(spill_files(proxy, tmp_path if variable else Path("/tmp"))) == 1
        client.send(LARGE[299_999:300_000])
        assert client.read_response().status == 200


@FRAMINGS
@pytest.mark.parametrize("limit", [131_072, 150_000])
def test_body_that_fits_is_collected(buffering, framing, limit):
    """--spill-limit, below its edge: memory and file together, less what memory needs to be kept in order."""
    stand = buffering(**SMALL, spill_limit=limit)
    target = stand.answer(OK)
    size = 64 * KIB + limit - BLOCK_LINKS_MAX
    body = LARGE[:size]
    with stand.client() as client, stand.counts("weir_spill_failures_total", 0):
        with upstream_sees_nothing(stand):
            arrive(stand, client, head_of(target, framing, size) + part(framing, body[:-1]))
        client.send(part(framing, body[-1:]) + end(framing))
        assert client.read_response().status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.body == body, arrived.all("content-length")) == (True, [str(size)])


def test_chunks_that_do_not_fit_stream(buffering):
    """--spill-limit, above its edge: upstream gets what was collected, then what follows, in chunks."""
    stand = buffering(**SMALL, spill_limit="128k")
    size = 192 * KIB
    fits = size - BLOCK_LINKS_MAX
    exchange = InParts(size + 1)
    target = stand.play(exchange)
    with stand.client() as client:
        with upstream_sees_nothing(stand):
            arrive(stand, client, head_of(target, "chunked", 0) + part("chunked", LARGE[:fits]))
        with stand.counts("weir_spill_failures_total", reason="limit"):
            client.send(part("chunked", LARGE[fits : size + 1]))
            assert exchange.has_part.wait(10)
            client.send(part("chunked", LARGE[size + 1 : MIB]))
            exchange.may_go_on.set()
            client.send(end("chunked"))
            assert client.read_response().status == 200
        assert client.exchange(request()).status == 200
    [arrived] = stand.arrived(target)
    assert (arrived.body == LARGE[:MIB], arrived.all("transfer-encoding")) == (True, ["chunked"])
    assert "x-trailer" not in bytes(arrived.raw_body[-100:]).decode("latin-1").lower()


@pytest.mark.parametrize("spill_limit", ["128k", "0"])
def test_length_that_cannot_fit_streams_from_the_start(buffering, spill_limit):
    """Design §5: nothing is collected in vain; Expect passes, as without a buffer."""
    stand = buffering(**SMALL, spill_limit=spill_limit)
    size = 64 * KIB + (128 * KIB if spill_limit == "128k" else 0) + 1

    def willing(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        checked(peer, arrived)

    target = stand.play(willing, keeps=True)
    with stand.client() as client:
        client.send(head_of(target, "length", size, Expect="100-continue"))
        eventually(lambda: stand.arrived(target), "upstream has the head")
        assert client.read_head().status == 100
        client.send(LARGE[:size])
        assert client.read_response().body == summary(LARGE[:size])
    [arrived] = stand.arrived(target)
    assert (arrived.all("content-length"), arrived.all("expect")) == ([str(size)], ["100-continue"])


@THREADS
def test_spill_limit_is_one_for_all_files(buffering, threads):
    """--spill-limit, over all threads: beyond, that request streams, and others are collected as before."""
    stand = buffering(**SMALL, threads=threads, spill_limit="1m")
    size = 900_000
    first, second = InParts(size), InParts(size)
    body = part("chunked", LARGE[:size])
    with contextlib.ExitStack() as stack:
        patient, other, third = [stack.enter_context(stand.client()) for _ in range(3)]
        kept, streamed = stand.play(first, keeps=True), stand.play(second, keeps=True)
        with stand.counts("weir_spill_failures_total", reason="limit"):
            arrive(stand, patient, head_of(kept, "chunked", 0) + body)
            assert failures(stand) == {}
            arrive(stand, other, head_of(streamed, "chunked", 0) + body)
            assert second.has_part.wait(10)
            assert stand.arrived(kept) == []
            second.may_go_on.set()
            other.send(end("chunked"))
            assert other.read_response().status == 200
            first.may_go_on.set()
            patient.send(end("chunked"))
            assert patient.read_response().status == 200
            stand.proxy.expect("weir_spill_files", 0)
            with upstream_sees_nothing(stand):
                arrive(stand, third, head_of(kept, "chunked", 0) + body)
            third.send(end("chunked"))
            assert third.read_response().status == 200
    arrived = [*stand.arrived(kept), *stand.arrived(streamed)]
    assert [one.body == LARGE[:size] for one in arrived] == [True] * 3
    assert [one.all("content-length") for one in arrived] == [[str(size)], [str(size)], []]


# Files that cannot be


PROC = Path("/proc")


@pytest.fixture(params=["missing", "a file", "/proc", "removed later"])
def unusable(request, tmp_path_factory) -> Iterator[Path]:
    """A directory in which no file can be made, not even by root."""
    path = tmp_path_factory.mktemp("spill") / "unusable"
    match request.param:
        case "a file":
            path.touch()
        case "removed later":
            path.mkdir()
        case "/proc":
            path = PROC
    yield path
    assert request.param != "a file" or path.read_bytes() == b""


@contextlib.contextmanager
def one_stand(directory: Path, **options: object) -> Iterator[Stand]:
    """A stand for one test, whose faults fail it."""
    stand = Stand(directory, **options)
    try:
        yield stand
        stand.check()
        for name in ("weir_spill_files", "weir_spill_bytes"):
            stand.proxy.expect(name, 0)
    finally:
        stand.close()


@FRAMINGS
def test_upload_streams_where_no_file_can_be_made(tmp_path, unusable, framing):
    """Design §5: it never fails because of that; each is counted once."""
    size = 1_000_000
    with one_stand(tmp_path, **SMALL, spill_directory=unusable) as stand:
        if unusable.is_dir() and unusable != PROC:
            unusable.rmdir()
        for count in (1, 2):
            exchange = InParts(64 * KIB)
            target = stand.play(exchange, keeps=True)
            with stand.client() as client:
                client.send(head_of(target, framing, size) + part(framing, LARGE[:100_000]))
                assert exchange.has_part.wait(10)
                exchange.may_go_on.set()
                client.send(part(framing, LARGE[100_000:size]) + end(framing))
                assert client.read_response().status == 200
            [arrived] = stand.arrived(target)
            assert arrived.body == LARGE[:size]
            how = ([str(size)], []) if framing == "length" else ([], ["chunked"])
            assert (arrived.all("content-length"), arrived.all("transfer-encoding")) == how
            assert failures(stand) == {"system": count}
        small = stand.play(checked, keeps=True)
        with stand.client() as client, upstream_sees_nothing(stand):
            arrive(stand, client, head_of(small, framing, 1000) + part(framing, LARGE[:999]))
        assert failures(stand) == {"system": 2}


@FRAMINGS
def test_upload_streams_when_the_disk_is_full(tmp_path, small_disk, framing):
    """write(2), ENOSPC: what is in the file comes first, then what was in hand, then the rest."""
    with one_stand(tmp_path, **SMALL, spill_directory=small_disk) as stand:
        for count in (1, 2):
            exchange = InParts(256 * KIB)
            target = stand.play(exchange, keeps=True)
            with stand.client() as client:
                client.send(head_of(target, framing, MIB) + part(framing, LARGE[: MIB - 1]))
                assert exchange.has_part.wait(10)
                exchange.may_go_on.set()
                client.send(part(framing, LARGE[MIB - 1 : MIB]) + end(framing))
                assert client.read_response().status == 200
            assert stand.arrived(target)[0].body == LARGE[:MIB]
            assert failures(stand) == {"system": count}


# Streaming because of that


def many_parts(framing: str) -> Iterator[bytes]:
    """64 MiB, the same 16 four times."""
    for _ in range(4):
        for start in range(0, len(LARGE), 65_536):
            data = LARGE[start : start + 65_536]
            yield data if framing == "length" else b"10000\r\n" + data + b"\r\n"
    yield b"" if framing == "length" else b"0\r\n\r\n"


@FRAMINGS
@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (LIMITED, 192 * KIB),
        ({**LIMITED, "spill_limit": 0}, 64 * KIB),
        ({**LIMITED, "spill_directory": PROC}, 64 * KIB),
        ({"request_buffer": "64m", "buffer_memory": "1m", "spill_limit": 0}, MIB),
    ],
    ids=["small file", "no file", "no directory", "little memory"],
)
def test_upstream_that_does_not_read_stops_an_upload_that_does_not_fit(
    weir, upstream, framing, options, kept
):
    """Design §5: back-pressure; memory and files stay within their limits."""
    may_read = threading.Event()

    def reluctant(peer: Peer) -> None:
        arrived = peer.read_head()
        peer.wait_for(may_read)
        for begin in range(0, 4 * len(LARGE), 65_536):
            if framing == "length":
                peer.read_some_body(arrived, 65_536)
            else:
                while len(arrived.body) < 65_536:
                    assert peer.read_chunk(arrived)
            assert arrived.body[:65_536] == LARGE[begin % len(LARGE) :][:65_536]
            del arrived.body[:65_536]
            arrived.raw_body.clear()
        assert framing == "length" or not peer.read_chunk(arrived)
        peer.send(OK)

    proxy = weir(upstream(reluctant, receive_buffer=65_536), threads=1, **options)
    base = resting_bytes(threads=1)
    with RawClient(proxy.address, timeout=30) as client:
        client.send(head_of("/", framing, 4 * len(LARGE)))
        sender = Sender(client.socket, many_parts(framing))
        assert settled(lambda: sender.sent, "what the client could send") < HELD_MAX
        metrics = proxy.metrics()
        held = metrics.value("weir_spill_bytes") + metrics.value("weir_buffer_bytes") - base
        assert metrics.value("weir_spill_bytes") <= 128 * KIB
        assert held <= kept + SLACK
        may_read.set()
        assert client.read_response().status == 200
        sender.finish()
    proxy.expect("weir_spill_files", 0)
    proxy.expect("weir_buffer_bytes", base)


@FRAMINGS
def test_upload_that_does_not_fit_waits_for_its_slot(buffering, framing):
    """--slots: it is in the queue like any other; meanwhile its client is stopped, and not to blame."""
    stand = buffering(**LIMITED, slots=1, body_timeout="300ms")
    target = stand.play(checked, keeps=True)
    with stand.client() as client:
        with slot_taken(stand):
            client.send(head_of(target, framing, len(LARGE)))
            sender = Sender(client.socket, iter([part(framing, LARGE) + end(framing)]))
            stand.proxy.expect("weir_queue_length", 1)
            pause()
            assert stand.arrived(target) == []
            assert stand.proxy.sum("weir_queue_length") == 1
        assert client.read_response().body == summary(LARGE)
        sender.finish()


@FRAMINGS
@LEAVES
def test_client_that_leaves_a_streamed_upload_frees_upstream(buffering, framing, leave):
    """RFC 9112 §8: upstream never sees it whole."""
    stand = buffering(**LIMITED)
    exchange = InParts(192 * KIB)
    ended = threading.Event()

    def cut(peer: Peer, arrived: Arrived) -> None:
        try:
            exchange(peer, arrived)
        finally:
            ended.set()

    exchange.may_go_on.set()
    target = stand.play(cut)
    with stand.client() as client:
        client.send(head_of(target, framing, MIB) + part(framing, LARGE[:300_000]))
        assert exchange.has_part.wait(10)
        with stand.counts("weir_client_aborts_total", stage="request_body"):
            leave(client)
        assert ended.wait(10)
    assert not stand.arrived(target)[0].complete


def test_broken_chunk_of_a_streamed_upload_is_never_the_end(buffering):
    """RFC 9112 §7.1: 400 for the client, and upstream is cut off."""
    stand = buffering(**LIMITED)
    exchange = InParts(192 * KIB)
    exchange.may_go_on.set()
    target = stand.play(exchange)
    with stand.client() as client:
        client.send(head_of(target, "chunked", 0) + part("chunked", LARGE[:300_000]))
        assert exchange.has_part.wait(10)
        client.send(b"xyz\r\n")
        assert client.read_response().status == 400
    assert not stand.arrived(target)[0].complete


def test_streamed_upload_may_be_answered_early(buffering):
    """RFC 9112 §9.6: as without a buffer, the client gets the answer and the close."""

    def refusing(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")

    stand = buffering(**LIMITED)
    target = stand.play(refusing)
    with stand.client() as client:
        client.send(head_of(target, "length", len(LARGE)) + LARGE[:300_000])
        response = client.read_response()
        assert (response.status, response.body, response.closes) == (413, b"no", True)


def test_failures_are_there_from_the_first_scrape(weir, upstream):
    """Both reasons at 0, as every bounded label."""
    metrics = weir(upstream(), threads=1).metrics()
    assert metrics.value("weir_spill_failures_total", reason="limit") == 0
    assert metrics.value("weir_spill_failures_total", reason="system") == 0
    assert (metrics.value("weir_spill_files"), metrics.value("weir_spill_bytes")) == (0, 0)
    assert metrics.types["weir_spill_failures_total"] == "counter"
    assert (metrics.types["weir_spill_files"], metrics.types["weir_spill_bytes"]) == ("gauge", "gauge")
