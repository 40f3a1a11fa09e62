# SPDX-License-Identifier: Apache-2.0
"""What gunicorn says about a request that it broke off, or does not say, and what weir shows instead.

That the dashboard stays full beside such a logger class is in test_dashboards.py.
"""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.addresses import HOST, tcp_address
from support.client import RawClient, fetch, request
from support.gunicorn import Gunicorn
from support.weir import Weir

WORKER_TIMEOUT_SECONDS = 1
LONG = 60_000
"""Milliseconds that nobody waits for."""
TIMES_OUT = ("--timeout", str(WORKER_TIMEOUT_SECONDS))
OVER = pytest.mark.parametrize("over", ["unix", "tcp"])
THREADS = pytest.mark.parametrize("threads", [1, 4])


class StatsD:
    """Takes what gunicorn sends to `--statsd-host`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.setblocking(False)
        self.option = ("--statsd-host", f"{HOST}:{self._socket.getsockname()[1]}")
        self._lines: list[str] = []

    def close(self) -> None:
        """Takes no more."""
        self._socket.close()

    @property
    def lines(self) -> list[str]:
        """All that has come: what a process on this machine has sent is there once the call has returned."""
        while True:
            try:
                self._lines += self._socket.recv(65536).decode().splitlines()
            except BlockingIOError:
                return list(self._lines)

    def values(self, name: str) -> list[float]:
        """The values of a metric, in order."""
        pairs = (line.split("|")[0].split(":") for line in self.lines)
        return [float(value) for key, value in pairs if key == name]


@pytest.fixture
def statsd() -> Iterator[StatsD]:
    """A receiver of its own for each test."""
    with closing(StatsD()) as one:
        yield one


@pytest.fixture
def gunicorn(tmp_path: Path, short_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts gunicorns with one sync worker."""
    started: list[Gunicorn] = []

    def start(over: str, *options: str) -> Gunicorn:
        address = tcp_address() if over == "tcp" else f"unix:{short_path / 'app.sock'}"
        started.append(
            Gunicorn(
                tmp_path, address, worker_class="sync", workers=1, application="ledger", options=options
            )
        )
        return started[-1]

    yield start
    for one in started:
        one.stop()


def broken_off(proxy: Weir, app: Gunicorn, action: str) -> tuple[int, float, float]:
    """A request that gunicorn breaks off: its status, and the least and the most that it can have taken."""
    with RawClient(proxy.address, timeout=60) as client:
        sending = time.perf_counter()
        client.send(request(f"/1/{action}/{LONG}"))
        app.ledger.wait_for("begun", 1)
        running = time.perf_counter()
        status = client.read_response().status
        least = time.perf_counter() - running
    proxy.expect("flask_requests", 1)
    # Only now: weir may look at its clock after the client has the answer.
    return status, least, time.perf_counter() - sending


@OVER
@THREADS
def test_worker_timeout_has_its_true_length(weir, gunicorn, statsd, over, threads):
    """gunicorn answers 500 for the worker that it stops, and says that this took a few milliseconds."""
    app = gunicorn(over, *TIMES_OUT, *statsd.option)
    proxy = weir(app.address, threads=threads)
    status, least, most = broken_off(proxy, app, "sleep")
    assert status == 500
    metrics = proxy.metrics()
    assert metrics.by("flask_response_code", "status") == {"500": 1}
    assert metrics.by("weir_gateway_errors_total", "reason") == {}, "it was gunicorn that answered"
    shown = metrics.value("flask_request_duration_sum")
    assert metrics.value("flask_request_duration_count") == 1
    assert WORKER_TIMEOUT_SECONDS / 2 < shown <= most
    for quantile in ("0.5", "0.9", "0.99"):
        assert metrics.value("flask_request_duration", quantile=quantile) == pytest.approx(shown, rel=0.02)
    total = metrics.sum("http_server_request_duration_seconds_sum", http_response_status_code="500")
    assert shown <= total <= most
    assert least > WORKER_TIMEOUT_SECONDS / 2
    app.until(lambda: statsd.values("gunicorn.request.duration"), "gunicorn reports the request")
    assert statsd.values("gunicorn.request.status.500") == [1]
    [reported] = statsd.values("gunicorn.request.duration")
    assert reported / 1000 < shown / 2


@OVER
@THREADS
def test_worker_that_has_to_be_killed_is_502(weir, gunicorn, statsd, over, threads):
    """One that does not hear gunicorn is killed: nobody answers, and gunicorn reports nothing at all."""
    app = gunicorn(over, *TIMES_OUT, *statsd.option)
    proxy = weir(app.address, threads=threads)
    status, least, most = broken_off(proxy, app, "deaf")
    assert status == 502
    metrics = proxy.metrics()
    assert metrics.by("flask_response_code", "status") == {"502": 1}
    assert metrics.by("weir_gateway_errors_total", "reason") in ({"upstream_closed": 1}, {"upstream_reset": 1})
    assert metrics.value("flask_request_duration_count") == 1
    assert WORKER_TIMEOUT_SECONDS / 2 < metrics.value("flask_request_duration_sum") <= most
    assert least > WORKER_TIMEOUT_SECONDS / 2
    assert fetch(proxy.address, request("/2/answer/0")).status == 200
    app.until(lambda: statsd.values("gunicorn.requests"), "gunicorn reports the other request")
    assert statsd.values("gunicorn.requests") == [1]
    assert statsd.values("gunicorn.request.status.500") == []


@pytest.mark.parametrize("logger", ["gunicorn", "JSON"])
def test_logger_class_silences_statsd_but_not_weir(weir, gunicorn, statsd, logger):
    """A logger class of one's own replaces the one that feeds StatsD; weir does not depend on either."""
    options = ("--logger-class", "json_logger.JSONLogger") if logger == "JSON" else ()
    app = gunicorn("unix", *statsd.option, *options)
    proxy = weir(app.address, threads=1)
    for number in range(5):
        assert fetch(proxy.address, request(f"/{number}/answer/0")).status == 200
    proxy.expect("flask_requests", 5)
    app.signal(signal.SIGTERM)
    assert app.wait(30) == 0
    metrics = proxy.metrics()
    assert metrics.value("flask_response_code", status="200") == 5
    assert metrics.value("flask_request_duration_count") == 5
    assert metrics.value("flask_request_duration_sum") > 0
    for quantile in ("0.5", "0.9", "0.99"):
        assert metrics.value("flask_request_duration", quantile=quantile) > 0
    if logger == "JSON":
        assert statsd.lines == []
        assert "Booting worker" in [json.loads(line)["body"][:14] for line in app.stderr.splitlines()]
        assert len(app.access_log.read_text().splitlines()) == 5
    else:
        assert sum(statsd.values("gunicorn.requests")) == 5
