# SPDX-License-Identifier: Apache-2.0
"""Three times as many requests as gunicorn can take: each is served or refused, and every bound holds."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.addresses import tcp_address
from support.client import RawClient, request
from support.constant_load import Answer, ConstantLoad
from support.gunicorn import Gunicorn
from support.metrics import Exposition
from support.weir import Weir

SLOTS = 4
WORKERS = SLOTS + 2
"""More than slots, so that it is weir that holds the others back."""
SERVICE_MILLISECONDS = 50
RATE = 3 * SLOTS * 1000 / SERVICE_MILLISECONDS
REQUESTS = 600
QUEUE_LIMIT = 32
REFUSALS = {"queue_full", "queue_timeout"}


@pytest.fixture
def gunicorn(tmp_path: Path, short_path: Path) -> Iterator[Callable[[str], Gunicorn]]:
    """Starts gunicorns with sync workers."""
    started: list[Gunicorn] = []

    def start(over: str) -> Gunicorn:
        address = tcp_address() if over == "tcp" else f"unix:{short_path / 'app.sock'}"
        started.append(
            Gunicorn(tmp_path, address, worker_class="sync", workers=WORKERS, application="ledger")
        )
        return started[-1]

    yield start
    for one in started:
        one.stop()


class Watch:
    """Scrapes weir over and over while something else happens."""

    def __init__(self, proxy: Weir) -> None:
        self.scrapes: list[Exposition] = []
        self._proxy = proxy
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while not self._stop.wait(0.02):
                self.scrapes.append(self._proxy.metrics())
        except BaseException as error:
            self._failure = error

    def most(self, name: str) -> float:
        """The highest value of a metric in all scrapes."""
        return max(scrape.value(name) for scrape in self.scrapes)


def overload(proxy: Weir) -> tuple[list[Answer], Watch]:
    """Sends three times what gunicorn can take, for a few seconds."""
    with Watch(proxy) as watch:
        with ConstantLoad(proxy.address, RATE, action=f"sleep/{SERVICE_MILLISECONDS}") as load:
            load.wait_for_sent(REQUESTS)
            answers = load.finish()
    return answers, watch


@pytest.mark.parametrize("queue_timeout", ["10ms", "300ms", "30s"])
@pytest.mark.parametrize("wiring", ["unix-1", "tcp-4"])
def test_overload_is_served_or_refused(weir, gunicorn, wiring, queue_timeout):
    """Nothing but 200 and 503 (RFC 9110 §15.6.4), as many as were sent, and never more than the bounds."""
    over, threads = wiring.split("-")
    app = gunicorn(over)
    proxy = weir(
        app.address, threads=threads, slots=SLOTS, queue_limit=QUEUE_LIMIT, queue_timeout=queue_timeout
    )
    answers, watch = overload(proxy)
    statuses = Counter(one.status for one in answers)
    assert statuses.keys() == {200, 503}
    served = {one.number for one in answers if one.status == 200}
    assert [one for one in answers if one.status == 200 and one.fault] == []
    assert {one.fields.get("retry-after", "none") for one in answers if one.status == 503} == {"1"}

    ledger = app.ledger
    assert ledger.counts("begun") == dict.fromkeys(served, 1), "who is refused has not reached gunicorn"
    assert ledger.most_at_once <= SLOTS
    assert watch.most("weir_queue_length") <= QUEUE_LIMIT
    assert watch.most("weir_slots_busy") <= SLOTS

    proxy.expect("flask_requests", len(answers))
    metrics = proxy.metrics()
    assert metrics.by("flask_response_code", "status") == {
        str(status): count for status, count in statuses.items()
    }
    refused = metrics.by("weir_gateway_errors_total", "reason")
    assert refused.keys() <= REFUSALS
    assert sum(refused.values()) == statuses[503]
    assert metrics.value("flask_request_duration_count") == statuses[200]
    assert metrics.value("weir_queue_length") == metrics.value("weir_slots_busy") == 0


@pytest.mark.parametrize("threads", [1, 4])
def test_queue_has_its_places_over_all_loops(weir, gunicorn, threads):
    """To the one: as many are in gunicorn as there are slots, as many wait as may, the rest is refused."""
    app = gunicorn("unix")
    beyond = 10
    proxy = weir(app.address, threads=threads, slots=SLOTS, queue_limit=QUEUE_LIMIT)
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(RawClient(proxy.address, timeout=60))
            for _ in range(SLOTS + QUEUE_LIMIT + beyond)
        ]
        for number, client in enumerate(clients):
            client.send(request(f"/{number}/gate/open"))
        proxy.expect("flask_response_code", beyond, status="503")
        assert proxy.sum("weir_queue_length") == QUEUE_LIMIT
        assert proxy.sum("weir_slots_busy") == SLOTS
        (app.gates / "open").touch()
        statuses = Counter(client.read_response().status for client in clients)
    assert statuses == {200: SLOTS + QUEUE_LIMIT, 503: beyond}
    assert len(app.ledger.counts("begun")) == SLOTS + QUEUE_LIMIT


def test_overload_that_ends_is_over(weir, gunicorn):
    """The first request after it is served like any other."""
    app = gunicorn("unix")
    proxy = weir(app.address, threads=4, slots=SLOTS, queue_limit=QUEUE_LIMIT, queue_timeout="300ms")
    overload(proxy)
    with ConstantLoad(proxy.address, rate=SLOTS * 2, action="sleep/1") as load:
        load.wait_for_answers(SLOTS * 2)
        answers = load.finish()
    assert [one.fault for one in answers if one.fault] == []
