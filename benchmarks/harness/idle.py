"""What an idle connection holds of a proxy's memory, in HTTP/1.1 and in HTTP/2."""

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from harness.children import Children, Failure
from harness.loads import run_exactly
from harness.machine import resident_bytes
from harness.proxies import CLIENT_CPU, HERE, Origin, Proxy, RunningProxy, check_answer, start_proxy
from harness.scenarios import HTTP2, SCENARIOS, Scenario

CONNECTIONS = {"HTTP/1.1": 5000, "HTTP/2": 2000}
WARM_UP = ("64", "16")      # connections and rounds, so that what grows only once has grown
HTTP2_WARM_UP = 1000        # requests
SETTLE_SECONDS = 1


@dataclass(frozen=True)
class IdleMemory:
    proxy: Proxy
    protocol: str
    before_bytes: int
    after_bytes: int

    @property
    def per_connection_bytes(self) -> float:
        return (self.after_bytes - self.before_bytes) / CONNECTIONS[self.protocol]


def measure_idle(children: Children, binaries: dict[str, Path], proxy: Proxy) -> list[IdleMemory]:
    """In each protocol that the proxy speaks."""
    scenarios = {"HTTP/1.1": SCENARIOS[0], "HTTP/2": HTTP2}
    return [
        measure_protocol(children, binaries, proxy, protocol, scenario)
        for protocol, scenario in scenarios.items()
        if proxy.takes_part_in(scenario)
    ]


def measure_protocol(
    children: Children, binaries: dict[str, Path], proxy: Proxy, protocol: str, scenario: Scenario
) -> IdleMemory:
    origin = Origin(children, binaries["origin"], scenario)
    running = start_proxy(children, replace(proxy, is_http2=scenario.is_http2), origin.address)
    warm_up(running, binaries["load"], scenario)
    time.sleep(SETTLE_SECONDS)
    before = resident_bytes(running.child.tree())
    holder = children.start(
        "holder",
        holder_command(running.address, binaries["load"], scenario, CONNECTIONS[protocol]),
        CLIENT_CPU,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if holder.process.stdout.readline() != b"ready\n":
        raise Failure(f"{proxy.name} does not hold {CONNECTIONS[protocol]}: {holder.last_words()}")
    time.sleep(SETTLE_SECONDS)
    after = resident_bytes(running.child.tree())
    check_answer(running, origin)
    for child in (holder, running.child, origin.child):
        children.stop(child)
    print(f"{proxy.name}: {CONNECTIONS[protocol]} idle connections, {protocol}", flush=True)
    return IdleMemory(proxy, protocol, before, after)


def warm_up(running: RunningProxy, load: Path, scenario: Scenario) -> None:
    if scenario.is_http2:
        run_exactly(running.address, HTTP2_WARM_UP, scenario, timeout=60)
        return
    command = [str(load), running.address, *WARM_UP, str(scenario.body_bytes)]
    if subprocess.run(command, timeout=60).returncode:
        raise Failure(f"{running.proxy.name} does not serve")


def holder_command(address: str, load: Path, scenario: Scenario, connections: int) -> list[str]:
    if scenario.is_http2:
        program = HERE / "harness" / "http2_holder.py"
        return [sys.executable, str(program), *address.rsplit(":", 1), str(connections)]
    return [str(load), address, str(connections), "1", str(scenario.body_bytes), "hold"]
