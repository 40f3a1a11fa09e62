"""What an idle keep-alive connection holds of a proxy's memory."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from harness.children import Children, Failure
from harness.machine import resident_bytes
from harness.proxies import CLIENT_CPU, Origin, Proxy, check_answer, start_proxy
from harness.scenarios import SCENARIOS

CONNECTIONS = 5000
WARM_UP = ("64", "16")      # connections and rounds, so that what grows only once has grown
SETTLE_SECONDS = 1


@dataclass(frozen=True)
class IdleMemory:
    proxy: Proxy
    before_bytes: int
    after_bytes: int

    @property
    def per_connection_bytes(self) -> float:
        return (self.after_bytes - self.before_bytes) / CONNECTIONS


def measure_idle(children: Children, binaries: dict[str, Path], proxy: Proxy) -> IdleMemory:
    scenario = SCENARIOS[0]
    origin = Origin(children, binaries["origin"], scenario)
    running = start_proxy(children, proxy, origin.address)
    load, body = str(binaries["load"]), str(scenario.body_bytes)
    warm_up = subprocess.run([load, running.address, *WARM_UP, body], timeout=60)
    if warm_up.returncode:
        raise Failure(f"{proxy.name} does not serve")
    time.sleep(SETTLE_SECONDS)
    before = resident_bytes(running.child.tree())
    holder = children.start(
        "load",
        [load, running.address, str(CONNECTIONS), "1", body, "hold"],
        CLIENT_CPU,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if holder.process.stdout.readline() != b"ready\n":
        raise Failure(f"{proxy.name} does not hold {CONNECTIONS}: {holder.last_words()}")
    time.sleep(SETTLE_SECONDS)
    after = resident_bytes(running.child.tree())
    check_answer(running, origin)
    for child in (holder, running.child, origin.child):
        children.stop(child)
    print(f"{proxy.name}: {CONNECTIONS} idle connections", flush=True)
    return IdleMemory(proxy, before, after)
