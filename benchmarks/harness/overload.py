# SPDX-License-Identifier: Apache-2.0
"""Three times as many requests as gunicorn can take: what is still served, and how long each answer takes."""

import asyncio
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from harness.children import Children, Failure
from harness.gunicorn import Gunicorn
from harness.proxies import CLIENT_CPU, Proxy, start_proxy

WORKERS = 4
SERVICE_SECONDS = 0.02      # of app.py's `/work`
QUEUE_LIMIT = 64
QUEUE_TIMEOUT_SECONDS = 0.5
OPTIONS = ("--slots", str(WORKERS), "--queue-limit", str(QUEUE_LIMIT),
           "--queue-timeout", f"{QUEUE_TIMEOUT_SECONDS * 1000:.0f}ms")  # fmt: skip
FACTOR = 3                  # of the capacity
SECONDS = 10
CAPACITY_CONNECTIONS = 16   # so many that no worker ever waits for a client
CAPACITY_SECONDS = 5
ROUNDS = 3
GOODPUT_MIN = 0.95
REQUEST = b"GET /work HTTP/1.1\r\nHost: overload\r\nUser-Agent: weir-benchmark\r\n\r\n"


@dataclass(frozen=True)
class Overload:
    """One round; times in milliseconds, those under overload from the moment at which a request was due."""

    capacity: float             # requests a second
    offered: float              # requests a second
    goodput: float              # as a share of the capacity
    served: int
    refused: int
    p99_service: float
    p50_served: float
    p99_served: float
    p99_refused: float
    p99_late: float             # of the load itself: how long after it was due a request left


class Connections:
    """Kept connections, as many as there are requests at a time."""

    def __init__(self, address: str):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self) -> int:
        """One exchange; its status."""
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        writer.write(REQUEST)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = head.lower().split(b"content-length:")[1].split(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        if status not in (200, 503) or (status == 503) != (b"retry-after:" in head.lower()):
            raise Failure(f"under overload: {head!r} {body[:100]!r}")
        self.idle.append((reader, writer))
        return status

    def close(self) -> None:
        for _, writer in self.idle:
            writer.close()


async def closed_loop(address: str) -> tuple[float, float]:
    """The capacity in requests a second, and the p99 of one worker's answer without a queue, in milliseconds."""
    connections = Connections(address)
    seconds: list[float] = []
    for _ in range(100):
        begun = time.perf_counter()
        await connections.ask()
        seconds.append(time.perf_counter() - begun)
    count = 0
    end = time.perf_counter() + CAPACITY_SECONDS

    async def ask_on() -> None:
        nonlocal count
        while time.perf_counter() < end:
            if await connections.ask() != 200:
                raise Failure("a request was refused although the queue had room")
            count += time.perf_counter() < end

    await asyncio.gather(*(ask_on() for _ in range(CAPACITY_CONNECTIONS)))
    connections.close()
    return count / CAPACITY_SECONDS, quantiles(seconds, n=100)[98] * 1e3


async def open_loop(address: str, rate: float) -> tuple[dict[int, list[float]], list[float], int]:
    """Times by status, how late each request left, both in ms; and how many were served while the load lasted."""
    connections = Connections(address)
    times: dict[int, list[float]] = {200: [], 503: []}
    late: list[float] = []
    served_in_time = 0
    begun = time.perf_counter()

    async def ask(due: float) -> None:
        nonlocal served_in_time
        late.append((time.perf_counter() - due) * 1e3)
        status = await connections.ask()
        now = time.perf_counter()
        times[status].append((now - due) * 1e3)
        served_in_time += status == 200 and now - begun < SECONDS

    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * SECONDS)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(due))
    connections.close()
    return times, late, served_in_time


def measure_overload(children: Children, python: Path, proxy: Proxy) -> list[Overload]:
    """weir with slots, a short queue and gunicorn's four workers."""
    os.sched_setaffinity(0, {CLIENT_CPU})
    gunicorn = Gunicorn(children, python, workers=WORKERS)
    running = start_proxy(children, replace(proxy, options=OPTIONS), gunicorn.address)
    rounds = []
    for number in range(1, ROUNDS + 1):
        try:
            capacity, p99_service = asyncio.run(closed_loop(running.address))
            rate = FACTOR * capacity
            times, late, served_in_time = asyncio.run(open_loop(running.address, rate))
        except (OSError, EOFError, ExceptionGroup) as error:
            raise Failure(f"overload: {error!r}") from error
        if not times[503]:
            raise Failure("three times the capacity was no overload")
        rounds.append(
            Overload(
                capacity=capacity,
                offered=rate,
                goodput=served_in_time / SECONDS / capacity,
                served=len(times[200]),
                refused=len(times[503]),
                p99_service=p99_service,
                p50_served=median(times[200]),
                p99_served=quantiles(times[200], n=100)[98],
                p99_refused=quantiles(times[503], n=100)[98],
                p99_late=quantiles(late, n=100)[98],
            )
        )
        print(f"overload round {number}: {rounds[-1].goodput:.1%} of {capacity:.0f} requests/s", flush=True)
    for child in (running.child, gunicorn.child):
        children.stop(child)
    return rounds


def served_ms_max() -> float:
    """What the p99 of the served has to stay below: a whole time in the queue, and the work."""
    return (QUEUE_TIMEOUT_SECONDS + SERVICE_SECONDS) * 1e3


def overload_target_met(rounds: list[Overload]) -> bool:
    goodput = median(round.goodput for round in rounds)
    return goodput >= GOODPUT_MIN and median(r.p99_served for r in rounds) < served_ms_max()
