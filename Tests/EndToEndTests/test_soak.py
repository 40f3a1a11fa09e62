"""Mixed traffic with ends at random moments: nothing leaks, and every counter adds up."""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from support import soak
from support.buffering import resting_bytes
from support.metrics import Exposition
from support.soak import Tally, Visitor
from support.soak_http2 import StreamVisitor
from support.upstream import ScriptedUpstream
from support.waiting import eventually_equal, settled
from support.weir import Weir

SECONDS = float(os.environ.get("SOAK_SECONDS", "10"))
"""How long the traffic lasts: two rounds in each mode; `make sanitize` has 60."""

SEED = os.environ.get("SOAK_SEED") or str(random.randrange(10**9))
"""A failure names it; with the same seed the clients draw the same plans."""

THREADS = 2

MODES = {
    "default, tcp": {},
    "streaming, unix": {"request_buffer": 0, "response_buffer": 0},
    "spilling, unix": {
        "request_buffer": "16k", "response_buffer": "16k", "buffer_memory": "128k", "spill_limit": "512k",
    },
    "HTTP/2, default, tcp": {},
    "HTTP/2, streaming, unix": {"request_buffer": 0, "response_buffer": "16k", "spill_limit": 0},
}  # fmt: skip
"""What clients speak, how bodies are kept, and over what upstream is reached. Little is in memory where they spill,
some in files, and what does not fit there streams."""

GROWTH_BYTES_MAX = int(os.environ.get("SOAK_GROWTH_BYTES", 1024 * 1024))
"""How much resident memory the second round may add: what the allocator makes of another interleaving. A
sanitizer needs more for its own records."""

BUFFERED_STREAMS_GROWTH_BYTES_MAX = GROWTH_BYTES_MAX + 15 * 1024 * 1024
"""The same where a few connections have hundreds of requests in memory at a time, or none: from round to round the
allocator keeps 12 to 24 MiB of what lay between sessions. That bounds gross leaks; a sanitizer finds the small ones."""


def descriptors(weir: Weir) -> Counter[str]:
    """What weir has open, by kind: `socket`, `anon_inode`, `pipe`, or a path."""
    found: Counter[str] = Counter()
    for link in Path(f"/proc/{weir.pid}/fd").iterdir():
        try:
            found[os.readlink(link).split(":")[0]] += 1
        except FileNotFoundError:
            pass  # Closed since the directory was read.
    return found


def assert_at_rest(weir: Weir, before: Counter[str]) -> None:
    """Every gauge is where it was, and every descriptor that traffic has opened is closed."""
    weir.expect("weir_connections", 0)
    weir.expect("http_server_active_requests", 0)
    weir.expect("weir_tunnels", 0)
    for state in ("connecting", "active", "idle"):
        weir.expect("weir_upstream_connections", 0, state=state)
    weir.expect("weir_buffer_bytes", resting_bytes(THREADS))
    weir.expect("weir_spill_files", 0)
    weir.expect("weir_spill_bytes", 0)
    eventually_equal(lambda: descriptors(weir), before, "open descriptors")


def assert_adds_up(after: Exposition, tally: Tally, upstream: ScriptedUpstream) -> None:
    """Each request has one outcome, which is the one that its client saw, if it saw any."""
    requests = after.value("flask_requests")
    codes = {int(code): count for code, count in after.by("flask_response_code", "status").items()}
    errors = after.by("weir_gateway_errors_total", "reason")
    assert tally.least <= requests <= tally.most
    assert sum(codes.values()) == requests
    durations = after.sum("http_server_request_duration_seconds_count")
    assert durations == requests - codes.get(101, 0)

    out_of_sight = tally.unseen + tally.perhaps
    assert set(codes) <= {*tally.answered, 200, 499, 502}
    for code, count in codes.items():
        assert tally.answered[code] <= count <= tally.answered[code] + out_of_sight, code
    for code in (101, 400, 405, 414, 501, 505):
        assert codes.get(code, 0) == tally.answered[code]

    assert {reason: errors.pop(reason, 0) for reason in tally.refused} == tally.refused
    assert tally.truncated <= errors.pop("response_truncated", 0) <= tally.truncated + tally.abandoned
    assert set(errors) <= {"upstream_closed", "upstream_reset"}
    assert sum(errors.values()) == codes.get(502, 0)

    aborts = after.by("weir_client_aborts_total", "stage")
    assert codes.get(499, 0) == aborts.get("request_body", 0) + aborts.get("waiting", 0)
    assert after.sum("weir_connections_total") == tally.connections

    assert set(after.by("weir_http2_errors_total", "reason")) <= {"ping_flood"}

    arrived = len(upstream.requests)
    reached = sum(count for code, count in tally.answered.items() if code in (101, 200, 413))
    forwarded = requests - tally.refused.total() + after.sum("weir_upstream_retries_total")
    assert reached <= arrived <= forwarded


@pytest.mark.parametrize("mode", MODES)
def test_nothing_leaks_and_every_counter_adds_up(weir, upstream, short_path, mode):
    """Two equal rounds; after each weir holds what it held before."""
    print(f"SOAK_SEED={SEED}")
    app = upstream(soak.serve, address=f"unix:{short_path / 'app.sock'}" if "unix" in mode else None)
    proxy = weir(app, threads=THREADS, upstream_idle_timeout="500ms", **MODES[mode])
    settled(lambda: descriptors(proxy).total(), "descriptors, of which one was readiness asked on")
    before = descriptors(proxy)
    kind = StreamVisitor if "HTTP/2" in mode else Visitor
    total, resident = Tally(), []
    for _ in range(2):
        total.add(soak.send_mix(proxy.address, SEED, SECONDS / (2 * len(MODES)), kind))
        assert_at_rest(proxy, before)
        resident.append(proxy.resident_bytes)
    assert_adds_up(proxy.metrics(), total, app)
    growth = BUFFERED_STREAMS_GROWTH_BYTES_MAX if mode == "HTTP/2, default, tcp" else GROWTH_BYTES_MAX
    assert resident[1] - resident[0] <= growth, resident
    if "HTTP/2" not in mode:
        assert (proxy.sum("weir_spill_failures_total") > 0) == mode.startswith("spilling"), "as its name says"
    print(f"{total.least} to {total.most} requests, {total.connections} connections, resident {resident}")
    # In a build with a sanitizer this is when it tells of leaks.
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(60) == 0
    assert "Sanitizer" not in proxy.stderr
