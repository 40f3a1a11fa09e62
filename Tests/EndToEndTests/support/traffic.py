"""A known mix of requests, sent concurrently and timed at the client."""

import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from support.addresses import split

COUNTS = {
    200: 520, 201: 90, 202: 20, 204: 60, 301: 10, 302: 80, 304: 40, 400: 25, 404: 70, 418: 15, 500: 40, 503: 30,
}  # fmt: skip
"""How many requests are answered with each status."""
TOTAL = 1000
DELAY_MAX_SECONDS = 0.2
CLIENTS = 12

assert sum(COUNTS.values()) == TOTAL


@dataclass
class Outcome:
    """What the clients saw."""

    statuses: dict[int, int]
    seconds: list[float]


def plan() -> list[tuple[int, int]]:
    """(status, delay in µs) for each request: delays spread evenly over 0 to 200 ms, the order mixed."""
    statuses = [status for status, count in COUNTS.items() for _ in range(count)]
    delays = [round(DELAY_MAX_SECONDS * 1e6 * number / TOTAL) for number in range(TOTAL)]
    order = random.Random(9110)
    order.shuffle(statuses)
    order.shuffle(delays)
    return list(zip(statuses, delays, strict=True))


def send_mix(address: str) -> Outcome:
    """Sends the plan over a few keep-alive connections at once."""
    waiting = iter(plan())
    lock = threading.Lock()
    outcome = Outcome({}, [])
    _, (host, port) = split(address)

    def work() -> None:
        client = http.client.HTTPConnection(host, port, timeout=30)
        client.connect()
        while True:
            with lock:
                step = next(waiting, None)
            if step is None:
                break
            status, micros = step
            begun = time.perf_counter()
            client.request("GET", f"/mix?status={status}&micros={micros}")
            response = client.getresponse()
            body = response.read()
            taken = time.perf_counter() - begun
            assert response.status == status
            assert body == (b"" if status in (204, 304) else b"status %d\n" % status)
            with lock:
                outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
                outcome.seconds.append(taken)
        client.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        for one in [pool.submit(work) for _ in range(CLIENTS)]:
            one.result(60)
    return outcome
