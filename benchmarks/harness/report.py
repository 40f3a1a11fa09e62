"""The results as Markdown: figures first, then what is needed to judge them."""

import statistics

from harness.costs import HTTP2_WORK, Costs, Http2Costs, of, passes
from harness.idle import CONNECTIONS as IDLE_CONNECTIONS
from harness.idle import IdleMemory
from harness.overload import (
    CAPACITY_CONNECTIONS,
    FACTOR,
    GOODPUT_MIN,
    OPTIONS,
    SERVICE_SECONDS,
    WORKERS,
    Overload,
    overload_target_met,
    served_ms_max,
)
from harness.overload import SECONDS as OVERLOAD_SECONDS
from harness.rounds import WARM_UP_SECONDS, Comparison
from harness.slow import (
    KINDS,
    KINDS_REQUESTS,
    P99_RATIO_MAX,
    PATIENCE_SECONDS,
    REQUESTS,
    SETTLE_SECONDS,
    SLOW_CLIENTS,
    KindsOfSlow,
    SlowClients,
)
from harness.slow import ROUNDS as SLOW_ROUNDS

CALLS_SHOWN_MIN = 0.005
DISTURBED_MIN = 0.05        # share of a round's time lost to steal or waiting


def table(header: list[str], rows: list[list[str]]) -> str:
    """First column to the left, figures to the right."""
    rule = ["---"] + ["--:"] * (len(header) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])


def machine_section(rows: list[tuple[str, str]]) -> str:
    lines = ["| | |", "| --- | --- |"] + [f"| {name} | {text} |" for name, text in rows]
    return "\n".join(lines)


def summary_section(comparisons: list[Comparison]) -> str:
    """Every ratio of the run in one table; empty without weir."""
    names = [name for comparison in comparisons for name in comparison.rounds]
    rivals = [name for name in dict.fromkeys(names) if name != "weir"]
    if "weir" not in names or not rivals:
        return ""
    rows = []
    for comparison in comparisons:
        verdicts = [f"{words}: {verdict_of(is_met)}" for words, is_met in comparison.targets()]
        verdict = "; ".join(verdicts) or "–"
        ratios = [
            spread(comparison.ratios("weir", rival)) if rival in comparison.rounds else "–"
            for rival in rivals
        ]
        rows.append([comparison.scenario.name, *ratios, verdict])
    header = ["scenario", *(f"weir / {rival}" for rival in rivals), "target"]
    return f"""## weir's CPU time, as a share of

Median of the per-round ratios (lowest–highest).

{table(header, rows)}"""


def comparison_section(comparison: Comparison) -> str:
    rows = []
    for name, rounds in comparison.rounds.items():
        cpu = [round.cpu_us for round in rounds]
        rows.append([
            name,
            f"**{statistics.median(cpu):.2f}** ({min(cpu):.2f}–{max(cpu):.2f})",
            f"{comparison.median(name, 'user_us'):.2f}",
            f"{comparison.median(name, 'system_us'):.2f}",
            f"{comparison.median(name, 'requests_per_second'):,.0f}",
            milliseconds(comparison.median(name, "p50_us")),
            milliseconds(comparison.median(name, "p99_us")),
            f"{comparison.median(name, 'answer_bytes'):,.0f}",
            f"{comparison.median(name, 'connects_per_request'):.3f}",
            f"{comparison.median(name, 'cpu_used'):.0%}",
            percentages([round.cpu_waited for round in rounds]),
            percentages([round.stolen for round in rounds]),
        ])  # fmt: skip
    header = [
        "proxy", "CPU µs / request", "user", "system", "requests / s", "p50 ms", "p99 ms",
        "bytes / answer", "connects / request", "CPU 0 used", "waited", "steal",
    ]  # fmt: skip
    return f"## {comparison.scenario.name}\n\n{table(header, rows)}"


def disturbance_section(comparisons: list[Comparison]) -> str:
    """Says so, in bold, when the machine was not quiet enough for small differences."""
    rounds = [r for c in comparisons for measured in c.rounds.values() for r in measured]
    disturbed = sum(max(r.cpu_waited, r.stolen) > DISTURBED_MIN for r in rounds)
    if not disturbed:
        return "The machine was quiet: no measurement lost more than 5% to steal or waiting."
    return (
        f"**Disturbed:** {disturbed} of {len(rounds)} measurements lost more than"
        f" {DISTURBED_MIN:.0%} of their time to steal or waiting."
    )


def rounds_note(round_count: int, seconds: int) -> str:
    return f"""Medians of {round_count} interleaved rounds (lowest–highest) of {seconds} s,
each after {WARM_UP_SECONDS} s of warm-up: 64 keep-alive connections from wrk; over HTTP/2 10 with
32 streams each from h2load, which tells no percentiles.
*CPU 0 used*: below about 95 % the client or the origin was the limit. *waited*: share of the time
in which the proxy was ready and something else had its CPU. *steal*: share of one CPU that the
hypervisor took, summed over all. With more than a few per cent of either, differences below 10 %
mean nothing."""


def verdicts_table(title: str, measured: list[Costs] | list[Http2Costs]) -> str:
    rows = []
    for row in zip(*(costs.verdicts() for costs in measured)):
        figures = [figure_of(figure) for _, figure, _ in row]
        limit = row[0][2]
        rows.append([row[0][0], *figures, "–" if limit is None else f"{limit:,}"])
        for index, costs in enumerate(measured):
            if costs.proxy.binary and limit is not None:
                rows[-1][index + 1] += f" {verdict_of(passes(row[index][1], limit))}"
    names = [costs.proxy.name for costs in measured]
    return table([title, *names, "weir may"], rows)


def http2_costs_section(measured: list[Http2Costs]) -> str:
    work = f"{HTTP2_WORK.connections} connections × {HTTP2_WORK.streams} streams"
    return f"""## Costs of one request over HTTP/2

{verdicts_table(f"12-byte answer, {work}", measured)}

From callgrind, by subtraction of a run of N from a run of 4 N requests."""


def costs_section(measured: list[Costs]) -> str:
    parts = ["## Costs of one request"]
    parts.append(verdicts_table("12-byte answer, keep-alive TCP", measured))
    names = [costs.proxy.name for costs in measured]
    for connections in measured[0].system_calls:
        tables = [costs.system_calls[connections] for costs in measured]
        calls = {name for calls in tables for name, n in calls.items() if n >= CALLS_SHOWN_MIN}
        rows = [
            [f"`{call}`", *(f"{calls.get(call, 0):.3f}" for calls in tables)]
            for call in sorted(calls)
        ]
        parts.append(table([f"system calls, {of(connections)}", *names], rows))
    parts.append(
        "From `strace -c` and callgrind, by subtraction of a run of N from a run of 4 N requests.\n"
        "`malloc` stands for every allocating call, `swift_retain` and `swift_release` for their\n"
        "variants too. *unknown*: the profile has no such names (a stripped binary, or no Swift)."
    )
    return "\n\n".join(parts)


def idle_section(measured: list[IdleMemory]) -> str:
    rows = [
        [
            memory.proxy.name,
            memory.protocol,
            f"{IDLE_CONNECTIONS[memory.protocol]:,}",
            f"{memory.per_connection_bytes:,.0f}",
            f"{memory.before_bytes / 1e6:.1f}",
            f"{memory.after_bytes / 1e6:.1f}",
        ]
        for memory in measured
    ]
    header = ["proxy", "protocol", "connections", "bytes / idle connection", "RSS before, MB", "RSS after, MB"]
    return f"""## Memory of idle connections

Each has served one request. User space only: the kernel's sockets are not in it.

{table(header, rows)}"""


def slow_clients_section(measured: list[SlowClients]) -> str:
    rows = [
        [*latency_row(each.proxy.name, each.alone, each.beside), f"{each.p99_ratio():.2f}"]
        for each in measured
    ]
    return f"""## One innocent client beside {SLOW_CLIENTS:,} slow ones

Each slow client sends a byte of its head a second, and comes back when it is turned away. The innocent one asks
{REQUESTS:,} times on one connection, a millisecond apart; medians of {SLOW_ROUNDS} rounds (lowest–highest), alone and
beside them in turn, and the median of the rounds' ratios.

{table(LATENCY_HEADER, rows)}"""


def kinds_of_slow_section(measured: list[KindsOfSlow]) -> str:
    rows = []
    for each in measured:
        served = [pair for pair in each.beside if pair]
        row = latency_row(each.proxy.name, each.alone, served)
        if ratio := each.p99_ratio():
            row.append(f"{ratio:.2f}")
        else:
            row.append(f"unanswered in {len(each.beside) - len(served)} of {len(each.beside)} rounds")
        if each.proxy.name == "weir":
            row[-1] += f", < {P99_RATIO_MAX}: {verdict_of(each.target_met())}"
        rows.append(row)
    kinds = ", ".join(f"{count} slow {kind}" for kind, count in KINDS.items())
    return f"""## One innocent client beside {sum(KINDS.values())} slow ones, one sync worker of gunicorn

{kinds}: a byte of head or body a second, 1 KiB a second of
a response of 4 MiB; each comes back when it is turned away. The innocent client begins
{SETTLE_SECONDS} s later, asks {KINDS_REQUESTS:,} times and gives up when an answer takes {PATIENCE_SECONDS} s. nginx may
write to disk here, as it does unless told otherwise; HAProxy has its defaults.

{table(LATENCY_HEADER, rows)}"""


LATENCY_HEADER = ["proxy", "p50 alone, ms", "p50 beside", "p99 alone, ms", "p99 beside", "p99 ratio"]


def latency_row(
    name: str, alone: list[tuple[float, float]], beside: list[tuple[float, float]]
) -> list[str]:
    def spread(figures: list[float]) -> str:
        if not figures:
            return "–"
        return f"{statistics.median(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})"

    columns = [[pair[index] for pair in pairs] for index in (0, 1) for pairs in (alone, beside)]
    return [name, *map(spread, columns)]


def overload_section(rounds: list[Overload]) -> str:
    rows = [
        [
            str(number),
            f"{each.capacity:.0f}",
            f"{each.offered:.0f}",
            f"{each.served:,}",
            f"{each.refused:,}",
            f"**{each.goodput:.1%}**",
            f"{each.p50_served:.0f}",
            f"**{each.p99_served:.0f}**",
            f"{each.p99_refused:.1f}",
            f"{each.p99_service:.1f}",
            f"{each.p99_late:.1f}",
        ]
        for number, each in enumerate(rounds, 1)
    ]
    header = [
        "round", "capacity, requests/s", "offered", "200", "503", "goodput", "p50 of 200, ms", "p99 of 200",
        "p99 of 503", "p99 unloaded", "p99 late",
    ]  # fmt: skip
    verdict = verdict_of(overload_target_met(rounds))
    return f"""## Overload: {FACTOR} times what gunicorn can take, for {OVERLOAD_SECONDS} s

`weir {" ".join(OPTIONS)}` in front of {WORKERS} sync workers
with {SERVICE_SECONDS * 1e3:.0f} ms of work a request. *Capacity* is measured just before, with
{CAPACITY_CONNECTIONS} clients that each ask again at once; then requests come at a constant rate, whatever
becomes of those before. *Goodput* is what was served in those {OVERLOAD_SECONDS} s as a share of the
capacity. Times count from the moment at which a request was due; *unloaded* is one client alone,
*late* how much of a time is the load's own.

{table(header, rows)}

Target, by the medians: goodput ≥ {GOODPUT_MIN:.0%} and p99 of the 200s < {served_ms_max():.0f} ms, which is the
time in the queue and the work: {verdict}."""


def milliseconds(microseconds: float | None) -> str:
    return "–" if microseconds is None else f"{microseconds / 1000:.2f}"


def verdict_of(is_met: bool) -> str:
    return "met" if is_met else "**missed**"


def figure_of(figure: float | None) -> str:
    if figure is None:
        return "unknown"
    return f"{figure:,.0f}" if figure >= 100 else f"{figure + 0.0:.2f}".replace("-0.00", "0.00")


def spread(values: list[float]) -> str:
    return f"**{statistics.median(values):.2f}** ({min(values):.2f}–{max(values):.2f})"


def percentages(values: list[float]) -> str:
    return f"{statistics.median(values):.1%} ({min(values):.1%}–{max(values):.1%})"
