# SPDX-License-Identifier: Apache-2.0
"""Clients that use HTTP/2 to make work or to take up memory: each bound on both sides of its edge (RFC 9113 §10.5)."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.buffering import KIB, MIB, SLACK, resting_bytes
from support.client import fetch, request
from support.http2_client import (
    STREAMS_MAX,
    WINDOW,
    WINDOW_MAX,
    Code,
    Ended,
    StreamClient,
    continuation,
    data,
    fill,
    headers,
    ping,
    priority,
    priority_update,
    rst_stream,
    settings,
    window_update,
)
from support.upstream import OK, Arrived, Peer
from support.waiting import eventually_equal, settled

BURST = 1000
"""How many frames that cost nothing may come at once."""
FAR_BEYOND = 4 * BURST
"""More than the 33 a second that are forgiven can make up for on any machine."""
LARGE = hashlib.shake_128(b"a large body").digest(8 * MIB)


@pytest.fixture
def client(stand):
    """A connection to the stand."""
    with StreamClient(stand.proxy.address) as one:
        yield one


def is_served(client: StreamClient) -> bool:
    """Whether the connection is as good as before."""
    return client.fetch().body == b"ok" and client.goaways == []


# Floods: the frames of each, in rounds after which a client that abides by the rules has to read

Flood = Callable[[StreamClient, int], Iterator[bytes]]


def resets(client: StreamClient, count: int) -> Iterator[bytes]:
    """Requests that are taken back at once, the attack of 2023 (CVE-2023-44487)."""
    yield b"".join(headers(stream, client.head_block()) + rst_stream(stream) for stream in client.take_streams(count))


def malformed(client: StreamClient, count: int) -> Iterator[bytes]:
    """Requests that make weir reset their streams; until it has they count as open (RFC 9113 §5.1.2)."""
    for start in range(0, count, 100):
        streams = client.take_streams(min(100, count - start))
        yield b"".join(headers(stream, client.head_block(connection="close")) for stream in streams)
        client.until(lambda streams=streams: all(client.on(stream).is_over for stream in streams), "weir resets them")


def overlong(client: StreamClient, count: int) -> Iterator[bytes]:
    """The same with more content than they have said (RFC 9113 §8.1.1)."""
    for start in range(0, count, 100):
        streams = client.take_streams(min(100, count - start))
        yield b"".join(
            headers(stream, client.head_block("/", "POST", content_length="1"), ends_stream=False) + data(stream, b"ab")
            for stream in streams
        )
        client.until(lambda streams=streams: all(client.on(stream).is_over for stream in streams), "weir resets them")


def empty_data(client: StreamClient, count: int) -> Iterator[bytes]:
    """DATA without bytes on a request that goes on (CVE-2019-9518)."""
    (stream,) = client.take_streams(1)
    yield headers(stream, client.head_block("/", "POST"), ends_stream=False) + data(stream) * count


def priorities(_: StreamClient, count: int) -> Iterator[bytes]:
    """PRIORITY of streams that do not exist (CVE-2019-9513)."""
    yield b"".join(priority(stream) for stream in range(1001, 1001 + 2 * count, 2))


def repeated(frame: bytes) -> Flood:
    """The same frame over and over."""
    return lambda _, count: iter([frame * count])


FLOODS: dict[str, tuple[Flood, str, int]] = {
    # The last number is how many the connection has spent before: its own SETTINGS, and its ACK of weir's.
    "resets": (resets, "rapid_reset", 0),
    "malformed requests": (malformed, "rapid_reset", 0),
    "overlong bodies": (overlong, "rapid_reset", 0),
    "SETTINGS": (repeated(settings((4, WINDOW))), "settings_flood", 2),
    "empty SETTINGS": (repeated(settings()), "settings_flood", 2),
    "PING": (repeated(ping()), "ping_flood", 0),
    "empty DATA": (empty_data, "empty_frame_flood", 0),
    "PRIORITY": (priorities, "priority_flood", 0),
    "PRIORITY_UPDATE": (repeated(priority_update(1, b"u=1")), "priority_flood", 0),
    "WINDOW_UPDATE": (repeated(window_update(0, 1)), "window_update_flood", 0),
}


def send_all(client: StreamClient, rounds: Iterator[bytes]) -> None:
    """Sends as many of the rounds as weir lets it."""
    with contextlib.suppress(Ended):
        for one in rounds:
            sender = threading.Thread(target=client.send_raw, args=(one,))
            sender.start()
            client.settle()
            sender.join(10)


@pytest.mark.parametrize("name", FLOODS)
def test_burst_is_harmless(stand, client, name):
    """As many as may be: the connection goes on."""
    flood, reason, spent = FLOODS[name]
    with stand.counts("weir_http2_errors_total", 0, reason=reason):
        for one in flood(client, BURST - spent):
            client.send_raw(one)
        assert is_served(client)


@pytest.mark.parametrize("name", FLOODS)
def test_flood_ends_the_connection(stand, client, name):
    """GOAWAY ENHANCE_YOUR_CALM, counted once under its reason; others are served."""
    flood, reason, _ = FLOODS[name]
    with stand.counts("weir_http2_errors_total", reason=reason):
        send_all(client, flood(client, FAR_BEYOND))
        client.expect_goaway(Code.ENHANCE_YOUR_CALM)
    stand.proxy.expect("http_server_active_requests", 0)
    assert stand.fetch(request()).body == b"ok"


@pytest.mark.parametrize("name", [name for name in FLOODS if FLOODS[name][0] not in (malformed, overlong)])
def test_flood_of_who_does_not_read_ends_too(stand, name):
    """What weir would answer takes up no memory without end."""
    flood, reason, _ = FLOODS[name]
    with StreamClient(stand.proxy.address, receive_buffer=4096) as client:
        with stand.counts("weir_http2_errors_total", reason=reason):
            for one in flood(client, FAR_BEYOND):
                client.send_raw(one)
    assert stand.fetch(request()).body == b"ok"


def test_window_updates_are_earned_by_data(stand, client):
    """A client that reads a large body in small steps is no flood: ten for each DATA frame."""
    body = LARGE[:MIB]
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    for _ in range(20):
        assert client.fetch(target).body == body
    frames = sum(one.kind == "Data" for one in client.frames)
    client.send_raw(window_update(0, 1) * (BURST + 5 * frames))
    assert is_served(client)


@pytest.mark.parametrize("in_flight", [0, 50])
def test_resets_reach_upstream_only_as_far_as_they_were_requests(stand, in_flight):
    """CVE-2023-44487: the upstream is not flooded by what is taken back at once."""
    target = stand.answer(OK)
    seen = len(stand.app.requests)
    with StreamClient(stand.proxy.address) as client:
        streams = [client.open(target) for _ in range(in_flight)]
        block = b"".join(
            headers(stream, client.head_block(target)) + rst_stream(stream) for stream in client.take_streams(750)
        )
        client.send_raw(block)
        assert [client.response(stream).body for stream in streams] == [b"ok"] * in_flight
        client.settle()
    assert len(stand.app.requests) - seen == in_flight


CONTINUATIONS = 32


@pytest.mark.parametrize("count", [CONTINUATIONS, CONTINUATIONS + 1])
@pytest.mark.parametrize("size", [0, 1, 200])
def test_head_in_too_many_pieces_ends_the_connection(stand, client, count, size):
    """CVE-2024-27316: CONTINUATION frames of one head are counted, whatever is in them."""
    block = client.encode(
        [(":method", "GET"), (":scheme", "http"), (":authority", "w"), (":path", "/"), ("x-a", "~" * (size * count))]
    )
    rest = len(block) - size * count
    pieces = [block[rest + size * number : rest + size * (number + 1)] for number in range(count)]
    (stream,) = client.take_streams(1)
    frames = headers(stream, block[:rest], ends_headers=False)
    frames += b"".join(continuation(stream, piece) for piece in pieces[:-1])
    frames += continuation(stream, pieces[-1], ends_headers=True)
    if count == CONTINUATIONS:
        client.send_raw(frames)
        assert client.response(stream).status == 200
        assert is_served(client)
    else:
        with stand.counts("weir_http2_errors_total", reason="continuation_flood"):
            client.send_raw(frames)
            client.expect_goaway(Code.ENHANCE_YOUR_CALM)


# Streams at a time


def test_as_many_streams_as_were_promised_are_served(stand):
    """RFC 9113 §5.1.2: SETTINGS_MAX_CONCURRENT_STREAMS, over and over."""
    gate, target = threading.Event(), None

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.wait_for(gate)
        peer.send(OK)

    target = stand.play(exchange, keeps=True)
    with StreamClient(stand.proxy.address) as client, stand.counts("weir_http2_errors_total", 0):
        for _ in range(2):
            gate.clear()
            streams = [client.open(target) for _ in range(STREAMS_MAX)]
            stand.proxy.expect("http_server_active_requests", STREAMS_MAX)
            gate.set()
            assert [client.response(stream).body for stream in streams] == [b"ok"] * STREAMS_MAX


def test_more_streams_than_that_are_not(stand):
    """RFC 9113 §5.1.2: the one too many is refused, or ends a client that was told so; upstream never sees it."""
    watched, target = threading.Event(), None

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for_end()
        watched.set()

    target, extra = stand.play(exchange), stand.answer(OK)
    refusal = stand.counts("weir_http2_errors_total", reason="too_many_streams")
    with StreamClient(stand.proxy.address) as client, refusal:
        for _ in range(STREAMS_MAX):
            client.open(target)
        stand.proxy.expect("http_server_active_requests", STREAMS_MAX)
        (stream,) = client.take_streams(1)
        client.send_raw(headers(stream, client.head_block(extra)))
        answer = client.on(stream)
        try:
            client.until(lambda: answer.is_over, "it is refused")
            assert answer.reset == Code.REFUSED_STREAM
        except Ended:
            assert client.goaways[-1][1] in (Code.PROTOCOL_ERROR, Code.REFUSED_STREAM, Code.ENHANCE_YOUR_CALM)
    assert stand.arrived(extra) == []


# Memory


def settled_memory(stand) -> int:
    """Resident memory when nothing moves any more."""
    return settled(lambda: stand.proxy.resident_bytes // MIB, "memory") * MIB


def bomb(client: StreamClient, size: int, count: int) -> bytes:
    """A field block that names a large value many times by its place in the dynamic table (RFC 7541 §2.3.3)."""
    first = [(":method", "GET"), (":scheme", "http"), (":authority", "w"), (":path", "/"), ("x-bomb", "a" * size)]
    block = client.encode(first)
    once = client.encode([("x-bomb", "a" * size)])
    assert len(once) == 1, "it is in the table"
    return block + once * count


def test_head_that_unfolds_is_431(stand):
    """RFC 7541 §7.3: 60 MB of fields in 16 KB; neither kept nor forwarded, and the table stays in step."""
    with StreamClient(stand.proxy.address) as client:
        assert client.fetch(x_bomb="a" * 3900).status == 200
        seen, before = len(stand.app.requests), settled_memory(stand)
        with stand.counts("weir_http2_errors_total", 50, reason="header_list_too_large"):
            for stream in client.take_streams(50):
                client.send_raw(headers(stream, bomb(client, 3900, 12_000)))
                assert client.response(stream).status == 431
        assert len(stand.app.requests) == seen
        assert is_served(client)
    assert settled_memory(stand) - before < 8 * MIB


def test_head_that_never_ends_is_not_kept(stand):
    """CVE-2024-27316: 31 CONTINUATION frames of 16 KiB, on 20 connections, and no end."""
    before = settled_memory(stand)
    # Literals with names of their own, so that the block means the same on every connection (RFC 7541 §6.2.2).
    block = b"".join(b"\x00\x05x-%03d\x7f\xe1\x06" % number + b"~" * 992 for number in range(550))
    block = b"\x82\x86\x84" + block
    assert len(block) > 31 * 16_384
    with ExitStack() as stack:
        for _ in range(20):
            client = stack.enter_context(StreamClient(stand.proxy.address))
            client.send_raw(headers(1, block[:16_384], ends_headers=False))
            for start in range(16_384, 31 * 16_384, 16_384):
                client.send_raw(continuation(1, block[start : start + 16_384]))
        assert stand.fetch(request()).body == b"ok"
        assert settled_memory(stand) - before < 8 * MIB


def test_idle_connections_cost_little(stand):
    """300 that have each had a request."""
    before = settled_memory(stand)
    with ExitStack() as stack:
        for _ in range(300):
            client = stack.enter_context(StreamClient(stand.proxy.address))
            assert client.fetch(x_some="value", user_agent="a" * 100).body == b"ok"
        grown = settled_memory(stand) - before
        print(f"{grown / 300 / KIB:.1f} KiB a connection")
        assert grown < 300 * 48 * KIB
        assert stand.proxy.sum("weir_buffer_bytes") == resting_bytes(1)


class Flooding:
    """An exchange that sends a large body as fast as it is taken."""

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE))
        peer.send(LARGE)


TIGHT = {"response_buffer": "256k", "request_buffer": "256k", "buffer_memory": "4m", "spill_limit": "16m"}
"""Room for a few of a hundred streams in memory, for some more in files; the others wait where they are."""


def expect_bounded(stand, before: int, streams: int) -> None:
    """Memory is what was allowed, and a block or so for each stream, as for each connection of HTTP/1.1."""
    assert stand.proxy.sum("weir_buffer_bytes") <= resting_bytes(1) + 4 * MIB + SLACK + streams * 96 * KIB
    assert stand.proxy.sum("weir_spill_bytes") <= 16 * MIB
    assert stand.proxy.resident_bytes - before < 24 * MIB


def innocents_are_served(stand, count: int = 20) -> None:
    """Clients of both versions have their answers while others misbehave."""
    with StreamClient(stand.proxy.address) as two:
        for _ in range(count):
            assert fetch(stand.proxy.address, request()).body == b"ok"
            assert two.fetch().body == b"ok"
            assert two.fetch("/", "POST", b"a" * 1000).body == b"ok"


@pytest.mark.parametrize("window", [0, 1, 1000])
def test_stalled_windows_take_up_what_is_allowed_and_no_more(buffering, window):
    """100 streams of 8 MiB each whose windows stay closed, over 4 connections; everybody else is served."""
    stand = buffering(**TIGHT)
    fetch(stand.proxy.address)
    target = stand.play(Flooding())
    before = stand.proxy.resident_bytes
    with ExitStack() as stack:
        clients = [
            stack.enter_context(StreamClient(stand.proxy.address, window=window, grants=False)) for _ in range(4)
        ]
        for client in clients:
            client.grant(0, WINDOW_MAX - WINDOW)
            streams = [client.open(target) for _ in range(25)]
            for stream in streams:
                assert client.head(stream).status == 200
        innocents_are_served(stand)
        expect_bounded(stand, before, 100)
    stand.proxy.expect("http_server_active_requests", 0)


def test_windows_of_one_byte_keep_nobody_from_being_served(stand):
    """100 streams that are read a byte at a time, all the while."""
    size = 200
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + LARGE[:size])
    failures: list[BaseException] = []

    def crawl(client: StreamClient) -> None:
        try:
            answers = [client.on(client.open(target)) for _ in range(100)]
            for step in range(1, size + 1):
                for one in answers:
                    client.grant(one.stream, 1)
                client.until(lambda step=step: all(len(one.body) >= step for one in answers), "a byte each")
            assert all(one.body == LARGE[:size] for one in answers)
        except BaseException as error:
            failures.append(error)

    with StreamClient(stand.proxy.address, window=0, grants=False) as client:
        crawler = threading.Thread(target=crawl, args=(client,))
        crawler.start()
        while crawler.is_alive():
            innocents_are_served(stand, 3)
        crawler.join(30)
    assert failures == []


def test_connection_window_that_stays_closed_holds_up_its_own_streams_only(buffering):
    """RFC 9113 §5.2.1: 100 streams with room of their own, and none for all of them."""
    stand = buffering(**TIGHT)
    fetch(stand.proxy.address)
    target = stand.play(Flooding())
    before = stand.proxy.resident_bytes
    with StreamClient(stand.proxy.address, window=WINDOW_MAX, grants=False) as client:
        streams = [client.open(target) for _ in range(100)]
        for stream in streams:
            assert client.head(stream).status == 200
        innocents_are_served(stand)
        expect_bounded(stand, before, 100)
        assert sum(len(client.on(stream).body) for stream in streams) == WINDOW


def test_stalled_uploads_take_up_what_is_allowed_and_no_more(buffering):
    """400 streams that send all that their windows allow and no more of it: 25 MiB, of which 4 may be in memory."""
    stand = buffering(**TIGHT)
    fetch(stand.proxy.address)
    before = stand.proxy.resident_bytes
    with ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(StreamClient(stand.proxy.address))
            for _ in range(100):
                stream = client.open("/", "POST", ends=False, content_length=str(MIB))
                client.send_body(stream, LARGE[:WINDOW], ends=False)
            client.settle()
        innocents_are_served(stand)
        expect_bounded(stand, before, 100)


def processor_seconds(stand) -> float:
    """The processor time that weir has used."""
    fields = Path(f"/proc/{stand.proxy.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_has_stalled_takes_no_processor_time(stands):
    """Closed windows, full sockets, half heads and half bodies: whoever waits for them sleeps."""
    stand = stands(request_buffer=0, response_buffer="64k", spill_limit=0)

    def deaf(peer: Peer, arrived: Arrived) -> None:
        peer.wait_for(over)

    over = threading.Event()
    large, unread = stand.play(Flooding()), stand.play(deaf)
    with ExitStack() as stack:
        stack.callback(over.set)
        kinds = [{"window": 100}, {"window": WINDOW_MAX}, {"window": WINDOW_MAX, "receive_buffer": 4096}]
        clients = [stack.enter_context(StreamClient(stand.proxy.address, grants=False, **kind)) for kind in kinds]
        for client in clients:
            client.grant(0, 10 * MIB)
            client.head(client.open(large))
        client = stack.enter_context(StreamClient(stand.proxy.address))
        fill(client, client.open(unread, "POST", ends=False), memoryview(LARGE))
        client.send_some(client.open(unread, "POST", ends=False, content_length="5"), b"half")
        client.send_raw(headers(client.take_streams(1)[0], b"\x82\x86", ends_headers=False))
        stand.proxy.expect("http_server_active_requests", 5)
        before = processor_seconds(stand)
        assert not threading.Event().wait(1.0)
        assert processor_seconds(stand) - before < 0.25


def test_client_that_never_reads_keeps_its_answers_from_nobody_else(stand):
    """Requests by the hundred whose answers stay in the socket: the client's own, and bounded."""
    before = settled_memory(stand)
    body = bytes(8 * KIB)
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    with StreamClient(stand.proxy.address, receive_buffer=4096, window=WINDOW_MAX, grants=False) as client:
        client.grant(0, WINDOW_MAX - WINDOW)
        for _ in range(STREAMS_MAX):
            client.open(target)
        innocents_are_served(stand)
        assert stand.proxy.resident_bytes - before < 16 * MIB


def test_upstream_is_left_alone_by_all_of_this(stand, client):
    """Floods of requests that nobody waits for leave nothing behind."""
    target = stand.answer(OK)
    for _ in range(5):
        streams = [client.open(target) for _ in range(100)]
        for stream in streams:
            client.reset(stream)
    eventually_equal(lambda: stand.proxy.sum("http_server_active_requests"), 0, "nothing is left")
    stand.proxy.expect("weir_upstream_connections", 0, state="active")
    assert is_served(client)
