"""The kinds of work that are measured, each with the share of nginx's cost that weir may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    name: str
    socket: str                         # tcp or unix, towards the origin
    upstream_fate: str                  # keep-alive or close, after each response
    body_bytes: int = 12
    is_json: bool = False             # records, instead of a line that repeats
    is_gzip: bool = False             # the client accepts it, and every proxy does it at level 1
    nginx_ratio_max: float | None = None
    answer_bytes_max: int | None = None  # of weir's, head and framing included


SCENARIOS = (
    Scenario("keepalive-tcp", "tcp", "keep-alive", nginx_ratio_max=0.80),
    Scenario("keepalive-unix", "unix", "keep-alive"),
    Scenario("close-tcp", "tcp", "close", nginx_ratio_max=0.85),
    Scenario("close-unix", "unix", "close", nginx_ratio_max=0.72),
    Scenario("keepalive-tcp-64k", "tcp", "keep-alive", body_bytes=64 * 1024),
    Scenario("keepalive-tcp-1m", "tcp", "keep-alive", body_bytes=1024 * 1024),
    Scenario(
        "gzip-json-64k", "tcp", "keep-alive", body_bytes=64 * 1024, is_json=True, is_gzip=True,
        nginx_ratio_max=0.75, answer_bytes_max=14_000,
    ),  # fmt: skip
)
