"""What slow clients do to the latency of one that is not."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from harness.children import Children, Failure, endpoint
from harness.gunicorn import Gunicorn
from harness.proxies import CLIENT_CPU, HERE, Origin, Proxy, start_proxy
from harness.scenarios import SCENARIOS

SLOW_CLIENTS = 1000
REQUESTS = 2000
PAUSE_SECONDS = 0.001       # between two requests of the innocent client
ROUNDS = 5
KINDS = {"heads": 67, "bodies": 67, "readers": 66}      # slow clients before one sync worker
KINDS_REQUESTS = 1000
SETTLE_SECONDS = 5          # until the worker has answered those that are slow to read
PATIENCE_SECONDS = 10       # of the innocent client, who then goes away
P99_RATIO_MAX = 1.2
REQUEST = b"GET / HTTP/1.1\r\nHost: innocent\r\nUser-Agent: weir-benchmark\r\n\r\n"

# One byte of a head each second on each connection; one that is closed comes back.
DRIBBLE = """
import socket, sys, time
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
head = b"GET / HTTP/1.1\\r\\nHost: slow\\r\\nX: " + b"x" * 4000
places = [0] * count
def connect():
    return socket.create_connection((host, port), 10)
slow = [connect() for _ in range(count)]
print("ready", flush=True)
while True:
    for index in range(count):
        try:
            slow[index].send(head[places[index] % len(head):][:1])
            places[index] += 1
        except OSError:
            slow[index].close()
            slow[index], places[index] = connect(), 0
        time.sleep(1 / count)
"""


@dataclass(frozen=True)
class SlowClients:
    """Milliseconds of the innocent client, alone and beside the slow ones, a figure a round."""

    proxy: Proxy
    alone: list[tuple[float, float]]
    beside: list[tuple[float, float]]

    def p99_ratio(self) -> float:
        pairs = zip(self.alone, self.beside, strict=True)
        return median(beside[1] / alone[1] for alone, beside in pairs)


@dataclass(frozen=True)
class KindsOfSlow:
    """The same in front of gunicorn's one worker; `None` where the innocent client got no answer."""

    proxy: Proxy
    alone: list[tuple[float, float]]
    beside: list[tuple[float, float] | None]

    def p99_ratio(self) -> float | None:
        pairs = [pair for pair in zip(self.alone, self.beside, strict=True) if pair[1]]
        if len(pairs) < len(self.beside):
            return None
        return median(beside[1] / alone[1] for alone, beside in pairs)

    def target_met(self) -> bool:
        ratio = self.p99_ratio()
        return ratio is not None and ratio < P99_RATIO_MAX


def latencies(address: str, requests: int = REQUESTS) -> tuple[float, float]:
    """p50 and p99 of an innocent client, in milliseconds."""
    family, peer = endpoint(address)
    seconds = []
    with socket.socket(family) as client:
        client.settimeout(PATIENCE_SECONDS)
        client.connect(peer)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(requests):
            time.sleep(PAUSE_SECONDS)
            begun = time.perf_counter()
            client.sendall(REQUEST)
            answer = client.recv(65536)
            # gunicorn sends head and body apart.
            while answer.startswith(b"HTTP/1.1 200 ") and not answer.endswith(b"hello, weir\n"):
                if not (more := client.recv(65536)):
                    break
                answer += more
            seconds.append(time.perf_counter() - begun)
            if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"hello, weir\n"):
                raise Failure(f"the innocent client got {answer[:200]!r}")
    cuts = quantiles(seconds, n=100)
    return cuts[49] * 1e3, cuts[98] * 1e3


def measure_slow_clients(
    children: Children, binaries: dict[str, Path], proxy: Proxy
) -> SlowClients:
    origin = Origin(children, binaries["origin"], SCENARIOS[0])
    running = start_proxy(children, proxy, origin.address)
    host, port = running.address.rsplit(":", 1)
    os.sched_setaffinity(0, {CLIENT_CPU})
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(latencies(running.address))
        slow = children.start(
            "slow",
            [sys.executable, "-c", DRIBBLE, host, port, str(SLOW_CLIENTS)],
            CLIENT_CPU,
            stdout=subprocess.PIPE,
        )
        if slow.process.stdout.readline() != b"ready\n":
            raise Failure(f"{proxy.name} does not take {SLOW_CLIENTS} slow clients")
        beside.append(latencies(running.address))
        children.stop(slow)
    for child in (running.child, origin.child):
        children.stop(child)
    print(f"{proxy.name}: {SLOW_CLIENTS} slow clients", flush=True)
    return SlowClients(proxy, alone, beside)


def measure_kinds_of_slow(children: Children, python: Path, proxy: Proxy) -> KindsOfSlow:
    """A third each that is slow with its head, its body, and in taking a large response."""
    proxy = replace(proxy, spills=True)
    os.sched_setaffinity(0, {CLIENT_CPU})
    alone, beside = [], []
    for _ in range(ROUNDS):
        # Anew each time: a worker that still sends to those who have left would count against the next round.
        gunicorn = Gunicorn(children, python, workers=1)
        running = start_proxy(children, proxy, gunicorn.address)
        host, port = running.address.rsplit(":", 1)
        latencies(running.address, KINDS_REQUESTS // 10)
        alone.append(latencies(running.address, KINDS_REQUESTS))
        program = HERE / "harness" / "slow_clients.py"
        slow = children.start(
            "slow",
            [sys.executable, str(program), host, port, *map(str, KINDS.values())],
            CLIENT_CPU,
            stdout=subprocess.PIPE,
        )
        if slow.process.stdout.readline() != b"ready\n":
            raise Failure(f"{proxy.name} does not take {sum(KINDS.values())} slow clients")
        time.sleep(SETTLE_SECONDS)
        try:
            beside.append(latencies(running.address, KINDS_REQUESTS))
        except (Failure, OSError):
            beside.append(None)
        slow.check_alive()
        for child in (slow, running.child, gunicorn.child):
            children.stop(child)
    print(f"{proxy.name}: {sum(KINDS.values())} slow clients before one worker", flush=True)
    return KindsOfSlow(proxy, alone, beside)
