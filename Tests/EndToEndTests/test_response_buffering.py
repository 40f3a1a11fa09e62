# SPDX-License-Identifier: Apache-2.0
"""Responses are taken from gunicorn as fast as it sends, and kept for clients that are slower (design §4, §5)."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.addresses import refuses
from support.buffering import (
    KIB,
    LARGE,
    MIB,
    SLACK,
    arrive,
    checked,
    end,
    head_of,
    part,
    resting_bytes,
    spill_files,
    summary,
)
from support.client import RawClient, Truncated, chunked, request
from support.kernel import other_end_has_read_all
from support.stand import Stand
from support.upstream import OK, Arrived, Gone, Peer
from support.waiting import eventually, settled

THREADS = pytest.mark.parametrize("threads", [1, 4])
LEAVES = pytest.mark.parametrize("leave", [RawClient.abort, RawClient.close], ids=["RST", "FIN"])
SMALL = {"response_buffer": "64k"}
NARROW = 65_536
"""The receive buffer of clients that are to be slow: the kernel takes little for them."""
HELD_MAX = 48 * MIB
"""What the kernel may take of a response of 64 MiB that nobody reads."""


def large(framing: str, body: bytes = LARGE) -> bytes:
    """A response as upstream frames it."""
    if framing == "length":
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    if framing == "chunked":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + part("chunked", body) + b"0\r\n\r\n"
    return b"HTTP/1.0 200 OK\r\n\r\n" + body


FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunked", "close"])


class Sending:
    """An exchange that sends a response and tells when the last byte has left."""

    def __init__(self, response: bytes) -> None:
        self.has_sent = threading.Event()
        self.ended = threading.Event()
        self._response = response

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        peer.read_body(arrived)
        try:
            peer.send(self._response)
            self.has_sent.set()
        finally:
            self.ended.set()


def upstream_is_free(stand: Stand) -> None:
    """Waits until nothing is in gunicorn, and no connection to it is in use."""
    stand.proxy.expect("weir_slots_busy", 0)
    stand.proxy.expect("weir_upstream_connections", 0, state="active")


@contextlib.contextmanager
def slow_client(stand: Stand, target: str, version: str = "HTTP/1.1") -> Iterator[RawClient]:
    """A client that has asked, and takes nothing yet."""
    with stand.client(receive_buffer=NARROW, timeout=30) as client:
        client.send(f"GET {target} {version}\r\nHost: weir.test\r\n\r\n".encode())
        yield client


def read_until_cut(client: RawClient, framing: str) -> bytes:
    """The part of a body that has come before the connection ended; fails if it looks whole."""
    got = bytearray()
    if framing == "length":
        while data := client.read_some():
            got += data
    else:
        with pytest.raises(Truncated):
            while True:
                assert (chunk := client.read_chunk())
                got += chunk
    return bytes(got)


# Taken at once


@FRAMINGS
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_upstream_is_free_while_the_client_still_reads(buffering, framing, version):
    """Design §5: a worker is free the moment it is done; every byte comes, in order."""
    stand = buffering(**SMALL)
    sending = Sending(large(framing))
    with slow_client(stand, stand.play(sending, keeps=framing != "close"), version) as client:
        assert sending.has_sent.wait(10)
        upstream_is_free(stand)
        metrics = stand.proxy.metrics()
        assert metrics.sum("http_server_active_requests") == 1
        assert metrics.value("weir_spill_files") == 1
        assert metrics.value("weir_spill_bytes") > 0
        response = client.read_response()
        assert (response.status, response.body == LARGE) == (200, True)
        if version == "HTTP/1.0":
            client.expect_end()
        elif not response.closes:
            assert client.exchange(request()).body == b"ok"


@THREADS
def test_worker_serves_others_while_a_client_is_slow(buffering, threads):
    """--slots 1, and one connection: a client that reads nothing costs upstream nothing."""
    stand = buffering(**SMALL, slots=1, threads=threads)
    sending = Sending(large("length"))
    target = stand.play(sending, keeps=True)
    other = stand.answer(OK)
    with slow_client(stand, target) as client:
        assert sending.has_sent.wait(10)
        for _ in range(4 * threads):
            assert stand.fetch(request(other)).body == b"ok"
        assert stand.proxy.sum("weir_queue_length") == 0
        assert client.read_response().body == LARGE
    if threads == 1:
        numbers = {one.connection for one in stand.arrived(other)}
        assert numbers == {stand.arrived(target)[0].connection}, "the connection is as good as new"


def test_time_of_the_application_ends_with_its_last_byte(buffering):
    """Design §2: t5. What the client takes longer is in the total alone."""
    stand = buffering(**SMALL)
    sending = Sending(large("length"))
    target = stand.play(sending, keeps=True)
    names = {
        "total": "http_server_request_duration_seconds_sum",
        "app": "flask_request_duration_sum",
        "service": "weir_upstream_duration_seconds_sum",
    }
    before = stand.proxy.metrics()
    with slow_client(stand, target) as client:
        assert sending.has_sent.wait(10)
        upstream_is_free(stand)
        threading.Event().wait(0.5)
        assert client.read_response().body == LARGE
        stand.proxy.expect("flask_requests", before.value("flask_requests") + 1)
    after = stand.proxy.metrics()
    taken = {key: after.sum(name) - before.sum(name) for key, name in names.items()}
    assert taken["total"] >= 0.5
    assert taken["app"] <= taken["total"] - 0.5 + 0.005
    assert taken["service"] <= taken["app"] + 1e-6


@FRAMINGS
def test_what_fits_in_memory_makes_no_file(buffering, framing):
    """--response-buffer: files are for what is beyond."""
    stand = buffering(response_buffer="32m", spill_limit=0)
    sending = Sending(large(framing))
    with stand.counts("weir_spill_failures_total", 0):
        with slow_client(stand, stand.play(sending, keeps=framing != "close")) as client:
            assert sending.has_sent.wait(10)
            upstream_is_free(stand)
            assert stand.proxy.sum("weir_spill_files") == 0
            assert client.read_response().body == LARGE


@FRAMINGS
def test_file_and_what_follows_stay_in_order(buffering, framing):
    """A client that falls behind, catches up, and falls behind again gets each event in its turn, at once."""
    stand = buffering(**SMALL)
    gates = [threading.Event() for _ in range(4)]
    rounds = [LARGE, b"first", LARGE[::-1], b"last"]
    whole = b"".join(rounds)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        head = large(framing, whole)
        peer.send(head[: head.index(b"\r\n\r\n") + 4])
        for gate, data in zip(gates, rounds, strict=True):
            peer.wait_for(gate)
            peer.send(part("length" if framing == "close" else framing, data))
            sent.release()
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")

    sent = threading.Semaphore(0)
    with slow_client(stand, stand.play(exchange, keeps=framing != "close")) as client:
        head = client.read_head()
        chunks = head.all("transfer-encoding") == ["chunked"]
        rest = bytearray()

        def read(count: int) -> bytes:
            if not chunks:
                return client.read_exactly(count)
            while len(rest) < count:
                assert (chunk := client.read_chunk())
                rest.extend(chunk)
            taken = bytes(rest[:count])
            del rest[:count]
            return taken

        for gate, data in zip(gates, rounds, strict=True):
            gate.set()
            if len(data) > MIB:
                assert sent.acquire(timeout=10)
                stand.proxy.expect("weir_spill_files", 1)
            assert read(len(data)) == data
            if len(data) < MIB:
                assert sent.acquire(timeout=10)
        if chunks:
            assert (client.read_chunk(), bytes(rest)) == (b"", b"")


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("options", [{"response_buffer": 0}, SMALL, {}], ids=["none", "64k", "default"])
def test_events_are_never_kept_back(buffering, options, version):
    """Design §4: buffering only absorbs what a client has not taken yet; SSE needs no setting."""
    stand = buffering(**options)
    taken = [threading.Event() for _ in range(5)]

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number, go_on in enumerate(taken):
            peer.wait_for(go_on)
            peer.send(b"data: %d\n\n" % number)

    with stand.client() as client:
        client.send(f"GET {stand.play(exchange)} {version}\r\nHost: w\r\n\r\n".encode())
        chunks = client.read_head().all("transfer-encoding") == ["chunked"]
        for number, go_on in enumerate(taken):
            go_on.set()
            event = b"data: %d\n\n" % number
            assert (client.read_chunk() if chunks else client.read_exactly(len(event))) == event


@pytest.mark.parametrize("options", [{"response_buffer": 0}, SMALL], ids=["none", "64k"])
def test_tunnels_pass_at_once(buffering, options):
    """RFC 9110 §7.8: what has switched protocols is no response any more."""
    stand = buffering(**options)

    def exchange(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
        while True:
            peer.send(peer.read_some())

    with stand.client() as client:
        client.send(request(stand.play(exchange), Connection="Upgrade", Upgrade="echo"))
        assert client.read_head().status == 101
        for size in (1, 10, 100_000):
            client.send(LARGE[:size])
            assert client.read_exactly(size) == LARGE[:size]
        assert stand.proxy.sum("weir_spill_files") == 0


def test_client_that_has_closed_its_side_gets_what_was_kept(buffering):
    """RFC 9112 §9.6: it has nothing more to say, and all to read."""
    stand = buffering(**SMALL)
    sending = Sending(large("length"))
    with slow_client(stand, stand.play(sending, keeps=True)) as client:
        client.finish_sending()
        assert sending.has_sent.wait(10)
        upstream_is_free(stand)
        assert client.read_response().body == LARGE
        client.expect_end()


def test_client_that_reads_slowly_is_not_idle(buffering):
    """--idle-timeout and --upstream-idle-timeout are for connections that have nothing to do."""
    stand = buffering(**SMALL, idle_timeout="300ms", header_timeout="300ms", upstream_idle_timeout="100ms")
    sending = Sending(large("length"))
    with slow_client(stand, stand.play(sending, keeps=True)) as client:
        assert sending.has_sent.wait(10)
        stand.proxy.expect("weir_upstream_connections", 0)
        threading.Event().wait(0.5)
        assert client.read_response().body == LARGE


def test_pipelined_requests_behind_a_slow_response_have_their_turn(buffering):
    """RFC 9112 §9.3.2: each response whole and in order, each from its own place."""
    stand = buffering(**SMALL)
    first, second = stand.answer(large("length")), stand.answer(large("chunked", LARGE[::-1]))
    upload = stand.play(checked, keeps=True)
    with stand.client(receive_buffer=NARROW, timeout=30) as client:
        body = LARGE[:300_000]
        client.send(request(first) + request(second) + head_of(upload, "chunked", 0))
        stand.proxy.expect("weir_spill_files", 1)
        assert client.read_response().body == LARGE
        client.send(part("chunked", body) + end("chunked") + request())
        assert client.read_response().body == LARGE[::-1]
        assert client.read_response().body == summary(body)
        assert client.read_response().body == b"ok"


def test_response_to_head_leaves_nothing_to_keep(buffering):
    """RFC 9110 §9.3.2."""
    stand = buffering(**SMALL)
    target = stand.answer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(LARGE))
    with stand.client() as client:
        for _ in range(2):
            assert client.exchange(request(target, "HEAD"), "HEAD").get("content-length") == str(len(LARGE))
        assert stand.proxy.sum("weir_spill_files") == 0


@THREADS
def test_slow_clients_side_by_side_keep_apart(buffering, threads):
    """--buffer-memory, over all threads; whatever is beyond is in files."""
    stand = buffering(threads=threads, response_buffer="1m", buffer_memory="2m")
    base = resting_bytes(threads)
    bodies = [LARGE[number * MIB : (number + 8) * MIB] for number in range(8)]
    sendings = [Sending(large(("length", "chunked")[number % 2], body)) for number, body in enumerate(bodies)]
    targets = [stand.play(one, keeps=True) for one in sendings]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(slow_client(stand, target)) for target in targets]
        assert [one.has_sent.wait(10) for one in sendings] == [True] * 8
        upstream_is_free(stand)
        metrics = stand.proxy.metrics()
        assert metrics.value("weir_spill_files") == 8
        # How well the largest buffers, of 72 KiB, are filled depends on how the bodies came in.
        assert metrics.value("weir_buffer_bytes") - base <= 2 * MIB + 8 * 72 * KIB
        with ThreadPoolExecutor(8) as pool:
            for response, body in zip(pool.map(RawClient.read_response, clients), bodies, strict=True):
                assert response.body == body


@THREADS
def test_requests_and_responses_share_the_memory(buffering, threads):
    """--buffer-memory: uploads spill while slow clients use it up."""
    stand = buffering(threads=threads, response_buffer="64m", request_buffer="64m", buffer_memory="1m")
    base = resting_bytes(threads)
    sending = Sending(large("length"))
    upload = stand.play(checked, keeps=True)
    with slow_client(stand, stand.play(sending, keeps=True)) as client, stand.client() as other:
        assert sending.has_sent.wait(10)
        stand.proxy.expect("weir_spill_files", 1)
        body = LARGE[: 2 * MIB]
        arrive(stand, other, head_of(upload, "chunked", 0) + part("chunked", body))
        metrics = stand.proxy.metrics()
        assert metrics.value("weir_spill_files") == 2
        assert metrics.value("weir_buffer_bytes") - base <= MIB + SLACK
        other.send(end("chunked"))
        assert other.read_response().body == summary(body)
        assert client.read_response().body == LARGE


def test_file_has_no_name_and_belongs_to_weir_alone(buffering, tmp_path_factory):
    """--spill-directory: unlinked at once, mode 0600, closed with the exchange."""
    directory = tmp_path_factory.mktemp("spill")
    stand = buffering(**SMALL, spill_directory=directory)
    sending = Sending(large("length"))
    with slow_client(stand, stand.play(sending, keeps=True)) as client:
        assert sending.has_sent.wait(10)
        upstream_is_free(stand)
        [link] = spill_files(stand.proxy, directory)
        status = link.stat()
        assert (status.st_mode & 0o777, status.st_nlink) == (0o600, 0)
        assert list(directory.iterdir()) == []
        assert client.read_response().body == LARGE
    stand.proxy.expect("weir_spill_files", 0)
    assert (spill_files(stand.proxy, directory), list(directory.iterdir())) == ([], [])


# Back-pressure


class Flood:
    """An exchange that sends 64 MiB, the same 16 four times, and counts what it could."""

    size = 4 * len(LARGE)

    def __init__(self, framing: str) -> None:
        self.sent = 0
        self.ended = threading.Event()
        self._framing = framing

    def __call__(self, peer: Peer, arrived: Arrived) -> None:
        how = f"Content-Length: {self.size}" if self._framing == "length" else "Transfer-Encoding: chunked"
        try:
            peer.send(f"HTTP/1.1 200 OK\r\n{how}\r\n\r\n".encode())
            for _ in range(4):
                for start in range(0, len(LARGE), 65_536):
                    peer.send(part(self._framing, LARGE[start : start + 65_536]))
                    self.sent += 65_536
            if self._framing == "chunked":
                peer.send(b"0\r\n\r\n")
        finally:
            self.ended.set()


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"response_buffer": 0}, None),
        ({**SMALL, "spill_limit": 0}, "limit"),
        ({**SMALL, "spill_limit": "1m"}, "limit"),
        ({**SMALL, "spill_directory": "/proc"}, "system"),
        ({"response_buffer": "64m", "buffer_memory": "1m", "spill_limit": 0}, "limit"),
    ],
    ids=["no buffer", "no file", "small file", "no directory", "little memory"],
)
def test_client_that_does_not_read_stops_what_does_not_fit(buffering, framing, options, reason):
    """Design §5: then upstream waits, memory and files stay within their limits, and nothing is lost."""
    stand = buffering(**options)
    flood = Flood(framing)
    base = resting_bytes(threads=1)
    before = stand.proxy.metrics().by("weir_spill_failures_total", "reason")
    with slow_client(stand, stand.play(flood)) as client:
        head = client.read_head()
        assert 0 < settled(lambda: flood.sent, "what upstream could send") < HELD_MAX
        metrics = stand.proxy.metrics()
        assert metrics.value("weir_slots_busy") == 1
        assert metrics.value("weir_spill_bytes") <= (MIB if options.get("spill_limit") == "1m" else 0)
        assert metrics.value("weir_spill_files") == (options.get("spill_limit") == "1m")
        assert metrics.value("weir_buffer_bytes") - base <= 2 * MIB
        grown = metrics.by("weir_spill_failures_total", "reason")
        assert sum(grown.values()) - sum(before.values()) == (reason is not None)
        assert reason is None or grown[reason] - before.get(reason, 0) == 1
        assert client.read_body(head) == LARGE * 4
    assert stand.proxy.metrics().by("weir_spill_failures_total", "reason") == grown


def test_disk_that_fills_up_stops_upstream(tmp_path, small_disk):
    """write(2), ENOSPC: what is in the file comes first, then what upstream still has."""
    stand = Stand(tmp_path, **SMALL, spill_directory=small_disk)
    with contextlib.closing(stand):
        for count in (1, 2):
            flood = Flood("chunked")
            with slow_client(stand, stand.play(flood)) as client:
                head = client.read_head()
                assert 0 < settled(lambda: flood.sent, "what upstream could send") < HELD_MAX
                assert stand.proxy.sum("weir_spill_failures_total", reason="system") == count
                assert stand.proxy.sum("weir_buffer_bytes") - resting_bytes(threads=1) <= SLACK
                assert client.read_body(head) == LARGE * 4
            stand.proxy.expect("weir_spill_files", 0)
            stand.proxy.expect("weir_spill_bytes", 0)
        assert stand.proxy.sum("weir_spill_failures_total") == 2
        stand.check()


@pytest.mark.parametrize("options", [{}, {"spill_limit": 0}], ids=["files", "no files"])
@FRAMINGS
def test_without_memory_responses_still_arrive(buffering, framing, options):
    """--buffer-memory 0: what a client has not taken is in a file, or upstream's."""
    stand = buffering(buffer_memory=0, **options)
    target = stand.play(Sending(large(framing)), keeps=framing != "close")
    with slow_client(stand, target) as client:
        client.readable(10)
        assert client.read_response().body == LARGE


def test_room_in_files_is_for_others_again(buffering):
    """--spill-limit: beyond it one response is held back; when others are through, it flows."""
    stand = buffering(**SMALL, spill_limit="12m")
    first, second = Sending(large("length")), Flood("length")
    with slow_client(stand, stand.play(first, keeps=True)) as one:
        assert first.has_sent.wait(10)
        upstream_is_free(stand)
        with slow_client(stand, stand.play(second)) as other:
            assert settled(lambda: second.sent, "what upstream could send") < second.size
            assert stand.proxy.sum("weir_spill_bytes") <= 12 * MIB
            assert one.read_response().body == LARGE
            assert other.read_response().body == LARGE * 4


# Clients that leave, and clients that stall


@LEAVES
@pytest.mark.parametrize("done", [True, False], ids=["upstream is done", "upstream still sends"])
def test_client_that_leaves_takes_what_was_kept_along(buffering, leave, done):
    """Memory and file are free again; an upstream that still sends is told by its connection."""
    stand = buffering(**SMALL, spill_limit="1g" if done else "1m")
    exchange = Sending(large("length")) if done else Flood("length")
    with slow_client(stand, stand.play(exchange, keeps=done)) as client:
        assert client.read_head().status == 200
        if done:
            assert exchange.has_sent.wait(10)
            upstream_is_free(stand)
        stand.proxy.expect("weir_spill_files", 1)
        with stand.counts("weir_client_aborts_total", stage="response"):
            with stand.counts("flask_response_code", status="200"):
                leave(client)
        assert exchange.ended.wait(10)
    stand.proxy.expect("http_server_active_requests", 0)


def test_client_that_takes_nothing_is_reset_although_upstream_is_done(buffering):
    """--send-timeout: nobody takes what came for the whole, and what was kept is given up."""
    stand = buffering(**SMALL, send_timeout="300ms")
    sending = Sending(large("length"))
    with stand.counts("weir_gateway_errors_total", reason="send_timeout"):
        with slow_client(stand, stand.play(sending, keeps=True)) as client:
            assert client.read_head().status == 200
            stand.proxy.expect("http_server_active_requests", 0)
            stand.proxy.expect("weir_spill_files", 0)
            with pytest.raises(Truncated):
                client.read_exactly(len(LARGE))
    assert sending.has_sent.is_set()


def test_upstream_that_sends_is_no_progress_of_the_client(buffering):
    """--send-timeout runs for the client alone."""
    stand = buffering(**SMALL, send_timeout="500ms")
    ended = threading.Event()

    def dripping(peer: Peer, arrived: Arrived) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n" + LARGE)
        try:
            # For much longer than the time-out, but not for ever.
            for _ in range(150):
                peer.send(b"drop")
                if ended.wait(0.05):
                    return
        except Gone:
            ended.set()
            raise

    with stand.counts("weir_gateway_errors_total", reason="send_timeout"):
        with slow_client(stand, stand.play(dripping)) as client:
            assert client.read_head().status == 200
            stand.proxy.expect("http_server_active_requests", 0)
            assert ended.wait(10)


def test_client_that_takes_a_little_is_served_to_the_end(buffering):
    """--send-timeout begins anew with each progress, however long all of it takes."""
    stand = buffering(**SMALL, send_timeout="2s")
    sending = Sending(large("length"))
    with slow_client(stand, stand.play(sending, keeps=True)) as client:
        head = client.read_head()
        got = b""
        # 32 pauses of 0.1 s: longer than the time-out in all, far from it each.
        while len(got) < len(LARGE):
            threading.Event().wait(0.1)
            got += client.read_exactly(512 * KIB)
        assert (head.status, got == LARGE) == (200, True)


# Upstreams that fail


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_client_gets_what_came_before_upstream_died(buffering, framing):
    """RFC 9112 §8: every byte, then the cut, so that it is never taken for the whole."""
    stand = buffering(**SMALL)
    response = large(framing)
    if framing == "length":
        response = response.replace(b"Content-Length: ", b"Content-Length: 1", 1)
    else:
        response = response[: -len(b"0\r\n\r\n")]
    sending = Sending(response)
    with stand.counts("weir_gateway_errors_total", reason="response_truncated"):
        with slow_client(stand, stand.play(sending)) as client:
            assert sending.has_sent.wait(10)
            upstream_is_free(stand)
            client.read_head()
            assert read_until_cut(client, framing) == LARGE


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_broken_response_cuts_behind_what_was_good(buffering, framing):
    """RFC 9112 §7.1: a reset of upstream, or rubbish in its chunks, behind a body that is still being kept."""
    stand = buffering(**SMALL)

    def breaking(peer: Peer, arrived: Arrived) -> None:
        response = large(framing)
        peer.send(response[:-1] if framing == "length" else response[: -len(b"0\r\n\r\n")])
        eventually(lambda: other_end_has_read_all(peer.socket), "weir has all of it")
        if framing == "length":
            peer.reset()
            raise Gone
        peer.send(b"xyz\r\n")
        peer.wait_for_end()
        ended.set()

    ended = threading.Event()
    with slow_client(stand, stand.play(breaking)) as client:
        assert framing == "length" or ended.wait(10)
        upstream_is_free(stand)
        client.read_head()
        assert read_until_cut(client, framing) == (LARGE[:-1] if framing == "length" else LARGE)


def test_silence_of_upstream_is_bounded_while_weir_keeps_for_a_client(buffering):
    """--response-timeout is upstream's own pace: a slow client does not excuse it."""
    stand = buffering(**SMALL, response_timeout="300ms")
    ended = threading.Event()

    def stalling(peer: Peer, arrived: Arrived) -> None:
        peer.send(large("length").replace(b"Content-Length: ", b"Content-Length: 1", 1))
        peer.wait_for_end()
        ended.set()

    with slow_client(stand, stand.play(stalling)) as client:
        with stand.counts("weir_gateway_errors_total", reason="response_timeout"):
            assert ended.wait(10)
            upstream_is_free(stand)
            assert client.read_head().status == 200
            assert client.read_exactly(len(LARGE)) == LARGE
            client.expect_end()


@pytest.mark.parametrize(
    "options", [{"response_buffer": 0}, {**SMALL, "spill_limit": 0}, {**SMALL, "spill_limit": "1m"}],
    ids=["no buffer", "no file", "small file"],
)  # fmt: skip
def test_client_that_pauses_is_no_silence_of_upstream(buffering, options):
    """--response-timeout does not run while weir does not read."""
    stand = buffering(**options, response_timeout="300ms")
    flood = Flood("length")
    with slow_client(stand, stand.play(flood)) as client:
        assert settled(lambda: flood.sent, "what upstream could send", quiet=1.0) < HELD_MAX
        assert client.read_response().body == LARGE * 4


# Leaving


@pytest.mark.parametrize("patient", [True, False])
def test_termination_waits_for_clients_that_still_read(weir, upstream, patient):
    """Design §9: what is kept is in flight, until --drain-timeout cuts it."""
    sent = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(large("length"))
        sent.set()

    proxy = weir(upstream(script), threads=1, drain_timeout="20s" if patient else "300ms", **SMALL)
    with RawClient(proxy.address, receive_buffer=NARROW) as client:
        client.send(request())
        assert sent.wait(10)
        proxy.expect("weir_upstream_connections", 0, state="active")
        proxy.signal(signal.SIGTERM)
        if patient:
            eventually(lambda: refuses(proxy.address), "new connections are refused")
            assert client.read_response().body == LARGE
            assert proxy.wait() == 0
        else:
            assert proxy.wait() == 1
            with pytest.raises(Truncated):
                client.read_response()


def test_interim_response_before_a_kept_one(buffering):
    """RFC 8297 §2: it comes first, the response behind it whole."""
    stand = buffering(**SMALL)
    target = stand.answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + large("chunked"))
    with slow_client(stand, target) as client:
        stand.proxy.expect("weir_spill_files", 1)
        response = client.read_response()
        assert ([one.status for one in response.interim], response.body == LARGE) == ([103], True)


def test_small_chunks_are_kept_like_large_ones(buffering):
    """What is kept is as long as what came, whatever the chunks of either side."""
    stand = buffering(**SMALL)
    body = LARGE[: 8 * MIB]
    pieces = [body[start : start + 100] for start in range(0, len(body), 100)]
    sending = Sending(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(*pieces))
    with slow_client(stand, stand.play(sending, keeps=True)) as client:
        assert sending.has_sent.wait(10)
        upstream_is_free(stand)
        assert stand.proxy.sum("weir_spill_bytes") <= 2 * len(body)
        assert client.read_response().body == body
