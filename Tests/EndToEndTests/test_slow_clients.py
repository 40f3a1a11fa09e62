# SPDX-License-Identifier: Apache-2.0
"""Slow clients in front of one sync worker: they are stuck in weir, and gunicorn does not know of them."""

import contextlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.addresses import split, tcp_address
from support.client import RawClient, chunked, request
from support.gunicorn import Gunicorn
from support.kernel import has_read_all
from support.waiting import eventually, eventually_equal
from support.weir import Weir

EACH = 20
"""Slow clients of each kind."""
BODY = bytes(range(251)) * 400  # 100 KiB
ANSWER_BYTES = 3 * 1024 * 1024
"""More than fits into the kernel's buffers and into --response-buffer."""
INNOCENT_REQUESTS = 50
FIRST = {"head": 1000, "body": 2000, "reader": 3000}
PATTERN = bytes(range(251)) * 4200


@dataclass
class Pod:
    """weir and a gunicorn with one sync worker."""

    weir: Weir
    gunicorn: Gunicorn


@pytest.fixture
def pod(tmp_path: Path, short_path: Path, weir: Callable[..., Weir]) -> Iterator[Callable[[str], Pod]]:
    """Starts a pod: `pod("unix-4")`; nobody is turned away for being slow while the test runs."""
    started: list[Gunicorn] = []

    def start(wiring: str) -> Pod:
        over, threads = wiring.split("-")
        address = tcp_address() if over == "tcp" else f"unix:{short_path / 'app.sock'}"
        started.append(Gunicorn(tmp_path, address, worker_class="sync", workers=1, application="ledger"))
        patience = dict.fromkeys(("header_timeout", "body_timeout", "send_timeout", "idle_timeout"), "10m")
        return Pod(weir(address, threads=threads, slots=1, **patience), started[-1])

    yield start
    for one in started:
        one.stop()


class Slow:
    """One slow client: it gets stuck, and goes on only when the test says so."""

    def __init__(self, kind: str, number: int, address: str) -> None:
        self.kind = kind
        self.number = number
        small = 4096 if kind == "reader" else None
        self.client = RawClient(address, timeout=60, receive_buffer=small)
        method, action = ("GET", f"size/{ANSWER_BYTES}") if kind == "reader" else ("POST", "answer/0")
        self.method = method
        target = f"/{number}/{action}"
        if kind == "reader":
            message = request(target)
            self._cut = len(message)
        elif number % 2:
            message = request(target, method, Transfer_Encoding="chunked") + chunked(BODY[:50_000], BODY[50_000:])
            self._cut = message.find(b"\r\n\r\n") + 60_000
        else:
            message = request(target, method, BODY)
            self._cut = len(message) - 1
        if kind == "head":
            self._cut = message.find(b"\r\n\r\n") + 3
        self._message = message

    def get_stuck(self) -> None:
        """Sends its part of a request, and waits until weir has all of that."""
        self.client.send(self._message[: self._cut])
        ends = split(self.client.address)[1], self.client.socket.getsockname()
        eventually(lambda: has_read_all(*ends), "weir has read what was sent")

    def go_on(self) -> None:
        """Sends the rest, and reads its own answer to the end."""
        self.client.send(self._message[self._cut :])
        response = self.client.read_response()
        body = b"" if self.method == "GET" else BODY
        told = f"{self.method} {self.number} {zlib.crc32(body)}\n".encode()
        if self.kind == "reader":
            told += (PATTERN * 4)[:ANSWER_BYTES]
        assert (response.status, response.body == told) == (200, True), response.body[:200]


@contextlib.contextmanager
def stuck(pod: Pod, *kinds: str) -> Iterator[list[Slow]]:
    """As many slow clients of each of these kinds, all stuck; gunicorn is through with those that only read."""
    with contextlib.ExitStack() as stack:
        slow = []
        for kind in kinds:
            for number in range(FIRST[kind], FIRST[kind] + EACH):
                slow.append(Slow(kind, number, pod.weir.address))
                stack.enter_context(slow[-1].client)
                slow[-1].get_stuck()
        readers = {one.number for one in slow if one.kind == "reader"}
        eventually_equal(lambda: pod.gunicorn.ledger.counts("sent").keys(), readers, "gunicorn is free", 30)
        yield slow


def be_innocent(pod: Pod) -> None:
    """Somebody else is served, again and again."""
    with RawClient(pod.weir.address) as client:
        for number in range(INNOCENT_REQUESTS):
            method, body = ("POST", b"quick") if number % 2 else ("GET", None)
            response = client.exchange(request(f"/{number}/answer/0", method, body))
            assert (response.status, response.text) == (200, f"{method} {number} {zlib.crc32(body or b'')}\n")


@pytest.mark.parametrize("wiring", ["unix-1", "unix-4", "tcp-1", "tcp-4"])
@pytest.mark.parametrize(
    "kinds", [("head",), ("body",), ("reader",), ("head", "body", "reader")], ids="-".join
)
def test_slow_clients_are_stuck_in_weir_alone(pod, wiring, kinds):
    """gunicorn sees whole requests only and is free once it has answered, so that one worker serves all others."""
    one = pod(wiring)
    ledger = one.gunicorn.ledger
    with stuck(one, *kinds) as slow:
        be_innocent(one)
        readers = {each.number for each in slow if each.kind == "reader"}
        assert ledger.counts("begun").keys() == readers | set(range(INNOCENT_REQUESTS))
        eventually_equal(lambda: ledger.running, 0, "requests that gunicorn works on")
        one.weir.expect("weir_slots_busy", 0)
        assert not any(each.client.readable(0) for each in slow if each.kind != "reader")
        one.weir.expect("weir_connections", len(slow))
        begun = [each for each in slow if each.kind != "head"]
        assert one.weir.sum("http_server_active_requests") == len(begun)
        for each in slow:
            each.go_on()
    total = len(slow) + INNOCENT_REQUESTS
    one.weir.expect("flask_requests", total)
    metrics = one.weir.metrics()
    assert metrics.by("flask_response_code", "status") == {"200": total}
    assert metrics.by("weir_gateway_errors_total", "reason") == {}
    assert metrics.by("weir_client_aborts_total", "stage") == {}
    assert set(ledger.counts("begun").values()) == {1}
    assert ledger.most_at_once == 1
