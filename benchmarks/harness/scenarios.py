"""The kinds of work that are measured, each with the share of a rival's cost that weir may take."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Scenario:
    name: str
    socket: str                         # tcp or unix, towards the origin
    upstream_fate: str                  # keep-alive or close, after each response
    body_bytes: int = 12
    is_json: bool = False               # records, instead of a line that repeats
    is_gzip: bool = False               # the client accepts it, and every proxy does it at level 1
    is_http2: bool = False              # towards the client, in clear text, with prior knowledge
    connections: int = 64               # of the client, kept
    streams: int = 1                    # on each of them at a time
    ratios_max: dict[str, float] = field(default_factory=dict)  # weir's cost, by rival
    answer_bytes_max: int | None = None     # weir's, head and framing included

    @property
    def concurrency(self) -> int:
        return self.connections * self.streams


def over_http2(name: str, body_bytes: int, **ratios_max: float) -> Scenario:
    return Scenario(
        name, "tcp", "keep-alive", body_bytes, is_http2=True, connections=10, streams=32,
        ratios_max=ratios_max,
    )  # fmt: skip


HTTP2 = over_http2("http2", 12, nginx=0.45, nghttpx=0.75)
SCENARIOS = (
    Scenario("keepalive-tcp", "tcp", "keep-alive", ratios_max={"nginx": 0.80}),
    Scenario("keepalive-unix", "unix", "keep-alive"),
    Scenario("close-tcp", "tcp", "close", ratios_max={"nginx": 0.85}),
    Scenario("close-unix", "unix", "close", ratios_max={"nginx": 0.72}),
    Scenario("keepalive-tcp-64k", "tcp", "keep-alive", body_bytes=64 * 1024),
    Scenario("keepalive-tcp-1m", "tcp", "keep-alive", body_bytes=1024 * 1024),
    Scenario(
        "gzip-json-64k", "tcp", "keep-alive", body_bytes=64 * 1024, is_json=True, is_gzip=True,
        ratios_max={"nginx": 0.75}, answer_bytes_max=14_000,
    ),  # fmt: skip
    HTTP2,
    over_http2("http2-1k", 1024),
    over_http2("http2-64k", 64 * 1024),
)
