"""Interleaved rounds: every proxy in turn under the same load, its CPU time divided by what was counted."""

import statistics
from dataclasses import dataclass, replace
from pathlib import Path

from harness.children import Children, Failure
from harness.loads import run_load
from harness.machine import TICKS_PER_SECOND, Account, steal_ticks
from harness.proxies import (
    Origin,
    Proxy,
    RunningProxy,
    check_answer,
    check_forwarding,
    start_proxy,
)
from harness.scenarios import Scenario

WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Measurement:
    """One proxy in one round; µs of CPU are per request."""

    cpu_us: float
    user_us: float
    requests_per_second: float
    p50_us: float | None            # None where the load does not say
    p99_us: float | None
    answer_bytes: float             # received by the client, head and framing included
    connects_per_request: float     # upstream connections opened
    cpu_used: float                 # share of the wall time that the proxy ran
    cpu_waited: float               # share that it was ready, and something else ran
    stolen: float                   # share of one CPU's time taken by the hypervisor, summed

    @property
    def system_us(self) -> float:
        return self.cpu_us - self.user_us


@dataclass(frozen=True)
class Comparison:
    """All rounds of one scenario, by proxy, in the order in which they ran."""

    scenario: Scenario
    rounds: dict[str, list[Measurement]]

    def ratios(self, name: str, rival: str) -> list[float]:
        pairs = zip(self.rounds[name], self.rounds[rival])
        return [ours.cpu_us / theirs.cpu_us for ours, theirs in pairs]

    def median(self, name: str, figure: str) -> float | None:
        figures = [getattr(round, figure) for round in self.rounds[name]]
        return None if None in figures else statistics.median(figures)

    def target_missed(self) -> bool:
        return not all(is_met for _, is_met in self.targets())

    def targets(self) -> list[tuple[str, bool]]:
        """Each that weir has in this scenario, in words, and whether it was met."""
        targets = []
        if "weir" not in self.rounds:
            return targets
        for rival, limit in self.scenario.ratios_max.items():
            if rival in self.rounds:
                is_met = statistics.median(self.ratios("weir", rival)) <= limit
                targets.append((f"≤ {limit:.2f} × {rival}", is_met))
        if (limit := self.scenario.answer_bytes_max) is not None:
            is_met = self.median("weir", "answer_bytes") <= limit
            targets.append((f"≤ {limit:,} bytes", is_met))
        return targets


def compare(
    children: Children,
    binaries: dict[str, Path],
    scenario: Scenario,
    proxies: list[Proxy],
    round_count: int,
    seconds: int,
) -> Comparison:
    origin = Origin(children, binaries["origin"], scenario)
    running = []
    proxies = [proxy for proxy in proxies if proxy.takes_part_in(scenario)]
    for proxy in proxies:
        proxy = replace(proxy, is_gzip=scenario.is_gzip, is_http2=scenario.is_http2)
        check_forwarding(children, proxy, scenario)
        running.append(start_proxy(children, proxy, origin.address))
    rounds: dict[str, list[Measurement]] = {proxy.name: [] for proxy in proxies}
    for number in range(1, round_count + 1):
        for contestant in running:
            measurement = measure(contestant, origin, seconds)
            rounds[contestant.proxy.name].append(measurement)
            print(
                f"{scenario.name:18} round {number} {contestant.proxy.name:12}"
                f" {measurement.cpu_us:8.2f} µs/request"
                f" {measurement.requests_per_second:9.0f} requests/s",
                flush=True,
            )
    for child in [contestant.child for contestant in running] + [origin.child]:
        children.stop(child)
    return Comparison(scenario, rounds)


def measure(running: RunningProxy, origin: Origin, seconds: int) -> Measurement:
    name, scenario = running.proxy.name, origin.scenario
    body_bytes = check_answer(running, origin)
    run_load(running.address, WARM_UP_SECONDS, scenario)
    tree = running.child.tree()
    connections_before, requests_before = origin.counts()
    stolen_before, before = steal_ticks(), Account.of(tree)
    load = run_load(running.address, seconds, scenario)
    used, stolen = Account.of(tree) - before, steal_ticks() - stolen_before
    connections, requests = origin.counts()
    connections, requests = connections - connections_before, requests - requests_before
    check_answer(running, origin)

    if any(load.errors.values()):
        raise Failure(f"{scenario.name}: the load had errors with {name}: {load.errors}")
    # Where a body in gzip was flushed depends on how it arrived: its size differs a little.
    expected_bytes = body_bytes * (0.9 if scenario.is_gzip else 1)
    if load.requests == 0 or load.received_bytes < load.requests * expected_bytes:
        raise Failure(f"{scenario.name}: {name} answered too little: {load}")
    if not load.requests <= requests <= load.requests + 2 * scenario.concurrency:
        raise Failure(f"{scenario.name}: {load.requests} requests to {name}, {requests} upstream")
    closes = scenario.upstream_fate == "close"
    if not closes and connections > 0.01 * requests + 2 * scenario.concurrency:
        raise Failure(f"{scenario.name}: {name} opened {connections} upstream connections")
    if child_tree_changed := set(tree) ^ set(running.child.tree()):
        raise Failure(f"{scenario.name}: processes of {name} came or went: {child_tree_changed}")

    wall_ns = load.duration_us * 1e3
    return Measurement(
        cpu_us=used.total_us / load.requests,
        user_us=used.user_us / load.requests,
        requests_per_second=load.requests / load.duration_us * 1e6,
        p50_us=load.p50_us,
        p99_us=load.p99_us,
        answer_bytes=load.received_bytes / load.requests,
        connects_per_request=connections / requests,
        cpu_used=used.total_us * 1e3 / wall_ns,
        cpu_waited=used.wait_ns / wall_ns,
        stolen=stolen / TICKS_PER_SECOND * 1e9 / wall_ns,
    )

