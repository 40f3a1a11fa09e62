# SPDX-License-Identifier: Apache-2.0
"""gunicorn restarts, reloads and loses workers under 200 requests a second, and no client notices."""

import contextlib
import shutil
import signal
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.addresses import split, tcp_address
from support.client import RawClient, fetch, request
from support.constant_load import RATE, Answer, ConstantLoad, faults
from support.gunicorn import Gunicorn
from support.kernel import has_read_all
from support.waiting import eventually, eventually_equal
from support.weir import Weir

WORKERS = {"sync": 4, "gthread": 2}
THREADS = 8
DOWN_SECONDS = 1.5
RELOADS = 3
WORKER_LIFE = 50
"""Requests after which a worker makes room for a new one."""
BOTH = ("GET", "POST")


@dataclass
class Pod:
    """weir in front of a gunicorn that can be started again."""

    directory: Path
    address: str
    kind: str
    workers: int
    options: tuple[str, ...] = ()
    weir: Weir = field(init=False)
    gunicorn: Gunicorn = field(init=False)

    @property
    def capacity(self) -> int:
        """How many requests it works on at a time."""
        return self.workers * (THREADS if self.kind == "gthread" else 1)

    def start_gunicorn(self) -> None:
        """Starts gunicorn, for the first time or again."""
        self.gunicorn = Gunicorn(
            self.directory,
            self.address,
            worker_class=self.kind,
            workers=self.workers,
            threads=THREADS,
            application="ledger",
            options=self.options,
        )


@pytest.fixture
def pod(tmp_path: Path, weir: Callable[..., Weir]) -> Iterator[Callable[..., Pod]]:
    """Starts pods: `pod("sync-unix-4")` has sync workers, a unix socket and four event loops."""
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    started: list[Pod] = []

    def start(
        wiring: str,
        options: tuple[str, ...] = (),
        bounded: bool = False,
        workers: int | None = None,
        **others: object,
    ) -> Pod:
        kind, over, threads = wiring.split("-")
        address = tcp_address() if over == "tcp" else f"unix:{sockets / 'app.sock'}"
        one = Pod(tmp_path, address, kind, workers or WORKERS[kind], options)
        started.append(one)
        one.start_gunicorn()
        # Room for all that comes while gunicorn is away, however long a busy machine takes to bring it back.
        limits = {"upstream_wait": "40s", "queue_timeout": "40s", "queue_limit": 10_000}
        slots = one.capacity if bounded else "unlimited"
        one.weir = weir(address, threads=threads, slots=slots, **limits, **others)
        return one

    yield start
    for one in started:
        one.gunicorn.stop()
    shutil.rmtree(sockets, ignore_errors=True)


def assert_nobody_noticed(pod: Pod, answers: list[Answer]) -> None:
    """Each client has its own answer, each POST was processed once, and weir has counted the same."""
    assert faults(answers) == []
    ledger = pod.gunicorn.ledger
    posted = {one.number for one in answers if one.method == "POST"}
    assert ledger.counts("begun", "POST") == dict.fromkeys(posted, 1)
    assert ledger.counts("made", "POST") == dict.fromkeys(posted, 1)
    assert ledger.counts("made", "GET").keys() == {one.number for one in answers} - posted
    pod.weir.expect("flask_requests", len(answers))
    metrics = pod.weir.metrics()
    assert metrics.by("weir_gateway_errors_total", "reason") == {}
    assert metrics.by("flask_response_code", "status") == {"200": len(answers)}
    assert metrics.value("flask_request_duration_count") == len(answers)


EVERY_WIRING = pytest.mark.parametrize(
    "wiring", ["sync-unix-1", "sync-tcp-4", "gthread-unix-4", "gthread-tcp-1"]
)


@EVERY_WIRING
def test_reload_is_not_noticed(pod, wiring):
    """HUP: new workers take over from the old ones, again and again."""
    one = pod(wiring)
    with ConstantLoad(one.weir.address, methods=BOTH) as load:
        for reloads in range(1, RELOADS + 1):
            load.wait_for_answers(RATE // 2)
            one.gunicorn.signal(signal.SIGHUP)
            one.gunicorn.until(
                lambda: one.gunicorn.stderr.count("Worker exiting") == reloads * one.workers, "a reload", 30
            )
        load.wait_for_answers(RATE // 2)
        answers = load.finish()
    served_by = {entry.pid for entry in one.gunicorn.ledger.entries}
    assert len(served_by) > one.workers
    assert_nobody_noticed(one, answers)


@pytest.mark.parametrize("bounded", [False, True], ids=["unlimited", "slots"])
@EVERY_WIRING
def test_restart_is_a_pause(pod, wiring, bounded):
    """TERM, nothing for a second and a half, start: requests are held, those that gunicorn had not read are resent.

    Over TCP weir sends a POST again only if it could not connect, so there are none here.
    """
    one = pod(wiring, bounded=bounded)
    with ConstantLoad(one.weir.address, methods=BOTH if "unix" in wiring else ("GET",)) as load:
        load.wait_for_answers(RATE // 2)
        one.gunicorn.signal(signal.SIGTERM)
        assert one.gunicorn.wait(30) == 0
        load.wait_for_sent(round(RATE * DOWN_SECONDS))
        assert one.weir.ask("/-/ready").status == 503
        assert one.weir.exit_status is None
        one.gunicorn.stop()
        one.start_gunicorn()
        load.wait_for_answers(RATE)
        answers = load.finish()
    assert one.weir.ask("/-/ready").status == 200
    assert one.weir.sum("weir_upstream_retries_total", reason="connect_failed") > 0
    assert_nobody_noticed(one, answers)


@EVERY_WIRING
def test_workers_of_short_life_are_not_noticed(pod, wiring):
    """--max-requests: a worker leaves after every 50th request."""
    one = pod(wiring, options=("--max-requests", str(WORKER_LIFE)))
    with ConstantLoad(one.weir.address, methods=BOTH) as load:
        load.wait_for_answers(3 * RATE)
        answers = load.finish()
    served_by = {entry.pid for entry in one.gunicorn.ledger.entries}
    assert len(served_by) > one.workers
    assert_nobody_noticed(one, answers)


@pytest.mark.parametrize(
    ("wiring", "method"),
    [("sync-unix-1", "POST"), ("sync-tcp-4", "GET"), ("gthread-unix-4", "GET"), ("gthread-tcp-1", "POST")],
)
def test_killed_worker_costs_its_own_request(pod, wiring, method):
    """SIGKILL: 502 with its reason and its true length, by the test's own clock from both sides."""
    one = pod(wiring)
    with RawClient(one.weir.address, timeout=30) as client:
        sending = time.perf_counter()
        client.send(request("/0/gate/never", method, b"x" * 100 if method == "POST" else None))
        entry = one.gunicorn.ledger.wait_for("begun", 0)
        running = time.perf_counter()
        # Not much, but longer than what a mistake would show: that is far below a tenth of a second.
        eventually(lambda: time.perf_counter() - running > 0.3, "the request runs")
        killing = time.perf_counter()
        one.gunicorn.signal_worker(entry.pid, signal.SIGKILL)
        assert client.read_response().status == 502
    one.weir.expect("flask_requests", 1)
    # Only now: weir may look at its clock after the client has the answer.
    ended = time.perf_counter()
    metrics = one.weir.metrics()
    assert metrics.value("flask_request_duration_count") == 1
    assert killing - running <= metrics.value("flask_request_duration_sum") <= ended - sending
    total = metrics.sum("http_server_request_duration_seconds_sum", http_response_status_code="502")
    assert killing - running <= total <= ended - sending
    errors = metrics.by("weir_gateway_errors_total", "reason")
    assert errors in ({"upstream_closed": 1}, {"upstream_reset": 1})
    assert one.gunicorn.ledger.counts("begun") == {0: 1}
    assert fetch(one.weir.address, request("/1/answer/0")).status == 200


@pytest.mark.parametrize("wiring", ["sync-unix-1", "sync-tcp-4"])
def test_killed_worker_is_noticed_by_nobody_else(pod, wiring):
    """Sync workers have one request each: the others are served, and a new worker comes."""
    one = pod(wiring)
    with ConstantLoad(one.weir.address, methods=BOTH) as load:
        load.wait_for_answers(RATE // 4)
        with RawClient(one.weir.address, timeout=30) as client:
            sending = time.perf_counter()
            client.send(request("/0/gate/never"))
            entry = one.gunicorn.ledger.wait_for("begun", 0)
            running = time.perf_counter()
            load.wait_for_answers(RATE // 2)
            killing = time.perf_counter()
            one.gunicorn.signal_worker(entry.pid, signal.SIGKILL)
            assert client.read_response().status == 502
        one.weir.expect("weir_gateway_errors_total", 1)
        ended = time.perf_counter()
        load.wait_for_answers(RATE // 2)
        answers = load.finish()
    assert faults(answers) == []
    one.weir.expect("flask_requests", len(answers) + 1)
    metrics = one.weir.metrics()
    assert metrics.by("flask_response_code", "status") == {"200": len(answers), "502": 1}
    assert sum(metrics.by("weir_gateway_errors_total", "reason").values()) == 1
    length = metrics.sum("http_server_request_duration_seconds_sum", http_response_status_code="502")
    assert killing - running <= length <= ended - sending
    eventually_equal(
        lambda: one.gunicorn.stderr.count("Booting worker"), one.workers + 1, "a new worker boots"
    )


@contextlib.contextmanager
def left_behind(one: Pod, messages: list[bytes]) -> Iterator[list[RawClient]]:
    """Restarts a gunicorn of one sync worker that was busy all the time: none of these requests was read."""
    with contextlib.ExitStack() as stack:
        held, *waiting = [
            stack.enter_context(RawClient(one.weir.address, timeout=60)) for _ in ["held", *messages]
        ]
        restart_behind(one, held, waiting, messages)
        yield waiting


def restart_behind(one: Pod, held: RawClient, waiting: list[RawClient], messages: list[bytes]) -> None:
    """The steps of it."""
    held.send(request("/0/gate/open"))
    worker = one.gunicorn.ledger.wait_for("begun", 0).pid
    for client, message in zip(waiting, messages, strict=True):
        client.send(message)
    one.weir.expect("weir_upstream_connections", len(messages) + 1, state="active")
    one.gunicorn.signal(signal.SIGTERM)
    one.gunicorn.until(lambda: "Handling signal: term" in one.gunicorn.stderr, "gunicorn stops")
    # The worker has to know before it is free: else it would still take who waits.
    one.gunicorn.signal_worker(worker, signal.SIGTERM)
    (one.gunicorn.gates / "open").touch()
    assert held.read_response().status == 200
    assert one.gunicorn.wait(30) == 0
    one.gunicorn.stop()
    one.start_gunicorn()


@pytest.mark.parametrize(
    ("wiring", "method"),
    [
        ("sync-unix-1", "GET"),
        ("sync-unix-1", "POST"),
        ("sync-unix-4", "PUT"),
        ("sync-unix-4", "PATCH"),
        ("sync-tcp-1", "GET"),
        ("sync-tcp-4", "PUT"),
    ],
)
def test_what_waited_in_the_backlog_is_sent_again(pod, wiring, method):
    """A connection that is reset before gunicorn has taken it: nobody has read the request."""
    one = pod(wiring, workers=1)
    body = None if method == "GET" else b"x" * 1000
    numbers = range(1, 6)
    messages = [request(f"/{number}/answer/0", method, body) for number in numbers]
    with left_behind(one, messages) as waiting:
        for number, client in zip(numbers, waiting, strict=True):
            response = client.read_response()
            assert response.status == 200
            assert response.text == f"{method} {number} {zlib.crc32(body or b'')}\n"
    assert one.gunicorn.ledger.counts("begun") == dict.fromkeys(range(6), 1)
    assert one.weir.sum("weir_gateway_errors_total") == 0


def test_post_over_tcp_is_not_sent_again(pod):
    """There a reset does not prove that nobody has read it (RFC 9110 §9.2.2)."""
    one = pod("sync-tcp-1", workers=1)
    with left_behind(one, [request("/1/answer/0", "POST", b"pay 5")]) as [client]:
        assert client.read_response().status == 502
    assert one.gunicorn.ledger.counts("begun") == {0: 1}
    assert one.weir.sum("weir_gateway_errors_total", reason="upstream_reset") == 1


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_large_request_is_not_sent_again(pod, method):
    """weir keeps 4 KiB of a request for that, not more."""
    one = pod("sync-unix-1", workers=1)
    with left_behind(one, [request("/1/answer/0", method, b"x" * 10_000)]) as [client]:
        assert client.read_response().status == 502
    assert one.gunicorn.ledger.counts("begun") == {0: 1}
    assert sum(one.weir.metrics().by("weir_gateway_errors_total", "reason").values()) == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("wiring", ["sync-unix-1", "sync-tcp-1"])
def test_request_that_has_begun_is_not_sent_again(pod, wiring, method):
    """Its worker dies with the end of the body unread, which resets the connection: the app had it all the same."""
    one = pod(wiring, workers=1, request_buffer=0)
    message = request("/0/answer/0", method, b"x" * 1000)
    with RawClient(one.weir.address, timeout=30) as client:
        client.send(message[:-500])
        worker = one.gunicorn.ledger.wait_for("begun", 0).pid
        one.gunicorn.signal_worker(worker, signal.SIGSTOP)
        client.send(message[-500:])
        ends = split(one.weir.address)[1], client.socket.getsockname()
        eventually(lambda: has_read_all(*ends), "weir has read the rest")
        one.gunicorn.signal_worker(worker, signal.SIGKILL)
        assert client.read_response().status == 502
    assert fetch(one.weir.address, request("/1/answer/0")).status == 200
    assert one.gunicorn.ledger.counts("begun") == {0: 1, 1: 1}
