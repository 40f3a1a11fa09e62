"""The load generators, wrk for HTTP/1.1 and h2load for HTTP/2, and what they counted."""

import re
import subprocess
from dataclasses import dataclass

from harness.children import Failure
from harness.proxies import CLIENT_CPU, HERE, request_fields
from harness.scenarios import Scenario

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class LoadCount:
    """What a load saw; times in microseconds, `None` where it does not say."""

    requests: int
    received_bytes: int
    duration_us: int
    p50_us: float | None
    p99_us: float | None
    errors: dict[str, int]


def run_load(address: str, seconds: int, scenario: Scenario) -> LoadCount:
    """Loads an address for a while with what the scenario asks for."""
    if scenario.is_http2:
        return parse_h2load(run(h2load_command(address, scenario, "-D", str(seconds)), seconds))
    return parse_wrk(run(wrk_command(address, seconds, scenario), seconds))


def run_exactly(address: str, requests: int, scenario: Scenario, timeout: int) -> LoadCount:
    """Asks for so many answers over HTTP/2."""
    return parse_h2load(run(h2load_command(address, scenario, "-n", str(requests)), timeout))


def run(command: list[str], seconds: int) -> str:
    command = ["taskset", "-c", str(CLIENT_CPU), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    if done.returncode:
        raise Failure(f"{command[3]} failed: {done.stderr or done.stdout}")
    return done.stdout


def fields(scenario: Scenario) -> list[str]:
    return [
        word
        for name, value in request_fields(scenario).items()
        for word in ("-H", f"{name}: {value}")
    ]


def wrk_command(address: str, seconds: int, scenario: Scenario) -> list[str]:
    return [
        "wrk", "-t1", f"-c{scenario.connections}", f"-d{seconds}s", "--timeout", "10s",
        *fields(scenario), "-s", str(HERE / "wrk.lua"), f"http://{address}/",
    ]  # fmt: skip


def parse_wrk(output: str) -> LoadCount:
    """The line that wrk.lua ends with."""
    words = next(line for line in output.splitlines() if line.startswith("RESULT")).split()[1:]
    requests, received, duration = map(int, words[:3])
    kinds = ("connect", "read", "write", "status", "timeout")
    errors = dict(zip(kinds, map(int, words[5:]), strict=True))
    return LoadCount(requests, received, duration, float(words[3]), float(words[4]), errors)


def h2load_command(address: str, scenario: Scenario, *amount: str) -> list[str]:
    return [
        "h2load", "-t1", f"-c{scenario.connections}", f"-m{scenario.streams}", *amount,
        *fields(scenario), f"http://{address}/",
    ]  # fmt: skip


def parse_h2load(output: str) -> LoadCount:
    """Its summary. What was under way when the time was over is not counted, and no error."""

    def figure(pattern: str) -> str:
        if not (match := re.search(pattern, output)):
            raise Failure(f"h2load says something else than expected:\n{output}")
        return match.group(1)

    if "Application protocol: h2c" not in output:
        raise Failure(f"h2load does not speak HTTP/2:\n{output}")
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", figure(r"finished in (\S+),")).groups()
    requests = int(figure(r"requests: .* (\d+) done"))
    kinds = ("failed", "errored", "timeout")
    errors = {kind: int(figure(rf"requests: .* (\d+) {kind}")) for kind in kinds}
    errors["status"] = sum(int(figure(rf"status codes: .*\b(\d+) {digit}xx")) for digit in "345")
    received = int(figure(r"traffic: \S+ \((\d+)\) total"))
    return LoadCount(requests, received, round(float(number) * UNITS[unit]), None, None, errors)
