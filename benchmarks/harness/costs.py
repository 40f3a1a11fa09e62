"""What one request costs in system calls, instructions and runtime calls: immune to noise.

Each tool sees a proxy serve N requests and, started anew, 4N; the difference divided by 3N is the
cost of one request, without start, stop and the connections' set-up.
"""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from harness.children import Children, Failure
from harness.loads import run_exactly
from harness.proxies import CLIENT_CPU, Origin, Proxy, start_proxy
from harness.scenarios import HTTP2, SCENARIOS

SHORT_ROUNDS = 32           # N is this times the connections
LONG_FACTOR = 4
SINGLE_CONNECTION_ROUNDS = 256
LOAD_TIMEOUT_SECONDS = 300
SOCKET_CALLS = {
    "sendto", "recvfrom", "sendmsg", "recvmsg", "read", "write", "readv", "writev", "splice",
    "sendfile",
}  # fmt: skip
# Each row of the report with the names that count for it. A `@plt` stub and its function are one
# call, so of a name's two spellings the larger count is taken.
RUNTIME_CALLS = {
    "malloc": ("malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "__libc_malloc",
               "__libc_calloc", "__libc_realloc"),
    "free": ("free", "__libc_free", "cfree"),
    "swift_retain": ("swift_retain", "swift_retain_n", "swift_bridgeObjectRetain",
                     "swift_nonatomic_retain"),
    "swift_release": ("swift_release", "swift_release_n", "swift_bridgeObjectRelease",
                      "swift_nonatomic_release"),
    "swift_allocObject": ("swift_allocObject",),
    "swift_beginAccess": ("swift_beginAccess",),
    "swift_once": ("swift_once",),
}  # fmt: skip
SOCKET_CALLS_MAX = 4
INSTRUCTIONS_MAX = 5000
HTTP2_INSTRUCTIONS_MAX = 14_000
HTTP2_WORK = replace(HTTP2, connections=4, streams=16)
# The two runs may open different numbers of upstream connections, at most one for each client's.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Costs:
    """Per request; system calls by the number of client connections."""

    proxy: Proxy
    system_calls: dict[int, dict[str, float]]
    instructions: float
    runtime_calls: dict[str, float | None]      # None: the profile does not know the name

    def socket_calls(self, connections: int) -> float:
        calls = self.system_calls[connections]
        return sum(count for name, count in calls.items() if name in SOCKET_CALLS)

    def verdicts(self) -> list[tuple[str, float | None, float]]:
        """What is limited: name, figure, highest figure allowed."""
        rows: list[tuple[str, float | None, float]] = [
            (f"socket calls, {of(connections)}", self.socket_calls(connections), SOCKET_CALLS_MAX)
            for connections in self.system_calls
        ]
        rows.append(("user instructions", self.instructions, INSTRUCTIONS_MAX))
        return rows + [(name, calls, 0) for name, calls in self.runtime_calls.items()]


@dataclass(frozen=True)
class Http2Costs:
    """Per request over HTTP/2, on the connections and streams of `HTTP2_WORK`."""

    proxy: Proxy
    instructions: float
    runtime_calls: dict[str, float | None]

    def verdicts(self) -> list[tuple[str, float | None, float | None]]:
        """Name, figure, and highest figure allowed, if there is one."""
        calls = [(name, calls, None) for name, calls in self.runtime_calls.items()]
        return [("user instructions", self.instructions, HTTP2_INSTRUCTIONS_MAX), *calls]


def of(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


def passes(figure: float | None, limit: float | None) -> bool:
    """Whether a figure is known and, within the tolerance of the method, allowed."""
    return limit is None or figure is not None and figure <= limit + TOLERANCE


def measure_costs(children: Children, binaries: dict[str, Path], proxy: Proxy) -> Costs:
    scenario = SCENARIOS[0]
    origin = Origin(children, binaries["origin"], scenario)
    system_calls = {}
    for connections, rounds in ((64, SHORT_ROUNDS), (1, SINGLE_CONNECTION_ROUNDS)):
        counts = [
            count_system_calls(children, binaries["load"], proxy, origin, connections, n)
            for n in (rounds, rounds * LONG_FACTOR)
        ]
        system_calls[connections] = difference(*counts, connections * rounds)
        print(f"{proxy.name}: system calls counted, {of(connections)}", flush=True)
    instructions, runtime_calls = count_instructions(children, binaries["load"], proxy, origin, 64)
    children.stop(origin.child)
    return Costs(proxy, system_calls, instructions, runtime_calls)


def measure_http2_costs(
    children: Children, binaries: dict[str, Path], proxy: Proxy
) -> Http2Costs:
    origin = Origin(children, binaries["origin"], HTTP2_WORK)
    instructions, runtime_calls = count_instructions(
        children, binaries["load"], replace(proxy, is_http2=True), origin, HTTP2_WORK.concurrency
    )
    children.stop(origin.child)
    return Http2Costs(proxy, instructions, runtime_calls)


def count_instructions(
    children: Children, load: Path, proxy: Proxy, origin: Origin, concurrency: int
) -> tuple[float, dict[str, float | None]]:
    """Instructions and runtime calls of one request."""
    readable = without_debug_information(children, proxy)
    profiles = [
        profile(children, load, readable, origin, concurrency, n)
        for n in (SHORT_ROUNDS, SHORT_ROUNDS * LONG_FACTOR)
    ]
    print(f"{proxy.name}: instructions counted", flush=True)
    per_request = difference(*profiles, concurrency * SHORT_ROUNDS)
    runtime_calls = {
        row: calls_of(names, per_request, profiles[1]) for row, names in RUNTIME_CALLS.items()
    }
    return per_request["instructions"], runtime_calls


def without_debug_information(children: Children, proxy: Proxy) -> Proxy:
    """The same program with its symbols only: valgrind 3.19 gives up on Swift's DWARF 5."""
    if proxy.binary is None:
        return proxy
    stripped = children.directory / f"{proxy.name}-symbols-only"
    subprocess.run(
        ["objcopy", "--strip-debug", str(proxy.binary), str(stripped)],
        check=True, timeout=LOAD_TIMEOUT_SECONDS,
    )  # fmt: skip
    return replace(proxy, binary=stripped)


def difference(short: Counter, long: Counter, short_count: int) -> dict[str, float]:
    added = short_count * (LONG_FACTOR - 1)
    return {name: (long[name] - short[name]) / added for name in short.keys() | long.keys()}


def calls_of(names: tuple[str, ...], per_request: dict[str, float], seen: Counter) -> float | None:
    """None where a count of 0 would prove nothing, because the profile lacks such symbols."""
    is_swift = names[0].startswith("swift_")
    if not any(called.startswith("swift_") if is_swift else called in names for called in seen):
        return None
    return sum(max(per_request.get(n, 0.0), per_request.get(f"{n}@plt", 0.0)) for n in names)


def serve_exactly(
    children: Children,
    load: Path,
    proxy: Proxy,
    origin: Origin,
    wrapper: tuple[str, ...],
    connections: int,
    rounds: int,
) -> None:
    """Has the proxy serve the load below a tool, and ends it so that the tool reports."""
    running = start_proxy(children, proxy, origin.address, wrapper)
    counted = origin.counts()[1]
    numbers = (connections, rounds, origin.scenario.body_bytes)
    if origin.scenario.is_http2:
        errors = run_exactly(
            running.address, connections * rounds, origin.scenario, LOAD_TIMEOUT_SECONDS
        ).errors
    else:
        command = ["taskset", "-c", str(CLIENT_CPU), str(load), running.address, *map(str, numbers)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LOAD_TIMEOUT_SECONDS)
        errors = {done.stderr: done.returncode}
    running.child.check_alive()
    counted = origin.counts()[1] - counted
    if any(errors.values()) or counted != connections * rounds:
        raise Failure(f"{proxy.name}, {connections} x {rounds}: {counted} served. {errors}")
    children.stop(running.child)


def count_system_calls(
    children: Children, load: Path, proxy: Proxy, origin: Origin, connections: int, rounds: int
) -> Counter:
    report = children.directory / "strace.txt"
    wrapper = ("strace", "-f", "-c", "-o", str(report))
    serve_exactly(children, load, proxy, origin, wrapper, connections, rounds)
    return parse_strace(report.read_text())


def parse_strace(text: str) -> Counter:
    """The table of `strace -c`: the fourth column is the count, the last the name."""
    counts = Counter()
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
            counts[words[-1]] += int(words[3])
    return counts


def profile(
    children: Children, load: Path, proxy: Proxy, origin: Origin, connections: int, rounds: int
) -> Counter:
    for old in children.directory.glob("callgrind.*"):
        old.unlink()
    wrapper = (
        "valgrind", "--tool=callgrind", "--quiet",
        f"--callgrind-out-file={children.directory}/callgrind.%p",
    )  # fmt: skip
    serve_exactly(children, load, proxy, origin, wrapper, connections, rounds)
    total = Counter()
    for path in children.directory.glob("callgrind.*"):
        total += parse_callgrind(path)
    if not total["instructions"]:
        raise Failure(f"callgrind wrote no profile of {proxy.name}")
    return total


def parse_callgrind(path: Path) -> Counter:
    """Calls by function name, and the instructions of the whole program.

    `cfn=(12) name` introduces a callee and `cfn=(12)` repeats it; the `calls=` line after it has
    the count. A recursive function has `'2` at the end of its name.
    """
    counts, names, callee = Counter(), {}, ""
    definition = re.compile(r"(c?fn)=\((\d+)\)(?: (.*))?$")
    with path.open(errors="replace") as lines:
        for line in lines:
            if match := definition.match(line.rstrip("\n")):
                kind, number, name = match.groups()
                if name is not None:
                    names[number] = re.sub(r"'\d+$", "", name)
                if kind == "cfn":
                    callee = names[number]
            elif line.startswith("calls="):
                counts[callee] += int(line[6:].split()[0])
            elif line.startswith(("totals:", "summary:")):
                counts["instructions"] = int(line.split()[1])
    return counts
