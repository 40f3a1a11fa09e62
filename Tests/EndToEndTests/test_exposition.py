"""What the admin listener answers: families, types, formats, health, and its own HTTP manners."""

import math
import subprocess
import threading

import pytest
from support.addresses import tcp_address
from support.client import RawClient, fetch, request
from support.prometheus import PROMTOOL
from support.upstream import Peer

REQUIRED = {
    "flask_requests": "untyped",
    "flask_response_code": "untyped",
    "flask_request_duration": "summary",
    "http_server_request_duration_seconds": "histogram",
    "http_server_active_requests": "gauge",
    "weir_upstream_connect_duration_seconds": "histogram",
    "weir_upstream_response_start_seconds": "histogram",
    "weir_upstream_duration_seconds": "histogram",
    "weir_upstream_up": "gauge",
    "weir_upstream_connections": "gauge",
    "weir_upstream_connects_total": "counter",
    "weir_upstream_retries_total": "counter",
    "weir_gateway_errors_total": "counter",
    "weir_client_aborts_total": "counter",
    "weir_connections": "gauge",
    "weir_connections_total": "counter",
    "weir_bytes_total": "counter",
    "weir_build_info": "gauge",
    "process_cpu_seconds_total": "counter",
    "process_open_fds": "gauge",
    "process_max_fds": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_virtual_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
}
"""Design §6, as far as it exists now."""

LABELS = {
    "flask_requests": set(),
    "flask_response_code": {"status"},
    "http_server_active_requests": {"http_request_method"},
    "weir_upstream_up": set(),
    "weir_upstream_connections": {"state"},
    "weir_gateway_errors_total": {"reason"},
    "weir_client_aborts_total": {"stage"},
    "weir_connections": {"protocol"},
    "weir_bytes_total": {"direction"},
}

BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, math.inf]


def lint(text: str) -> None:
    """`promtool check metrics` has nothing to say."""
    result = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=20, check=False
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def mixed(peer: Peer) -> None:
    """Answers with the status that the path names."""
    while True:
        arrived = peer.read_request()
        peer.send(f"HTTP/1.1 {arrived.target[1:]} X\r\nContent-Length: 2\r\n\r\nok".encode())


def test_promtool_is_silent_before_and_after_traffic(weir, upstream):
    """Also with every kind of label value that clients can cause."""
    proxy = weir(upstream(mixed))
    lint(proxy.metrics().text)
    with RawClient(proxy.address) as client:
        for status in (200, 201, 302, 404, 418, 500, 599):
            client.exchange(request(f"/{status}"))
        client.exchange(request("/200", "ODD'METHOD"))
        client.exchange(b"BAD\r\n\r\n")
    proxy.expect("flask_requests", 9)
    lint(proxy.metrics().text)


def test_content_type_is_text_0_0_4(weir, upstream):
    """The default format of Prometheus' exposition."""
    response = weir(upstream()).ask("/metrics")
    media, *parameters = [part.strip() for part in response.get("content-type").split(";")]
    assert media == "text/plain"
    assert "version=0.0.4" in parameters
    assert response.body.endswith(b"\n")


def test_every_family_is_there_at_the_first_scrape(weir, upstream):
    """A rate over a series that appears late misses its first increase."""
    scrape = weir(upstream()).metrics()
    assert {name: scrape.types.get(name) for name in REQUIRED} == REQUIRED
    assert set(REQUIRED) <= set(scrape.helps)
    suffixed = {name: name + ("_count" if kind == "histogram" else "") for name, kind in REQUIRED.items()}
    missing = [name for name, sample in suffixed.items() if not scrape.all(sample)]
    assert missing == []
    labels = {
        name: {frozenset(sample.labels) for sample in scrape.all(name)} for name in LABELS
    }
    assert labels == {name: {frozenset(expected)} for name, expected in LABELS.items()}


def test_everything_is_0_at_the_first_scrape(weir, upstream):
    """Nobody has asked anything yet; probes of the upstream are no traffic."""
    scrape = weir(upstream()).metrics()
    assert scrape.value("flask_requests") == 0
    codes = {sample.labels["status"]: sample.value for sample in scrape.all("flask_response_code")}
    assert codes == {"200": 0, "302": 0, "404": 0, "500": 0}
    quantiles = {
        sample.labels["quantile"]: sample.value for sample in scrape.all("flask_request_duration")
    }
    assert set(quantiles) == {"0.5", "0.9", "0.99"}
    assert all(math.isnan(value) for value in quantiles.values())
    assert scrape.value("flask_request_duration_sum") == 0
    assert scrape.value("flask_request_duration_count") == 0
    for name, kind in REQUIRED.items():
        if kind == "histogram":
            assert scrape.sum(f"{name}_count") == 0
            assert scrape.sum(f"{name}_sum") == 0
    for name in (
        "http_server_active_requests",
        "weir_upstream_connections",
        "weir_upstream_connects_total",
        "weir_upstream_retries_total",
        "weir_gateway_errors_total",
        "weir_client_aborts_total",
        "weir_connections",
        "weir_connections_total",
        "weir_bytes_total",
    ):
        assert scrape.sum(name) == 0, name
    assert scrape.sum("weir_build_info") == 1
    assert scrape.value("weir_upstream_up") == 1


def test_process_figures_are_of_this_process(weir, upstream):
    """Plausible, not merely present."""
    proxy = weir(upstream())
    scrape = proxy.metrics()
    assert scrape.value("process_resident_memory_bytes") > 0.5 * proxy.resident_bytes
    assert 3 < scrape.value("process_open_fds") < scrape.value("process_max_fds")
    assert scrape.value("process_start_time_seconds") > 1.7e9


def test_histogram_has_the_agreed_buckets_and_adds_up(weir, upstream):
    """Design §6; OpenTelemetry's advice for `http.server.request.duration`."""
    proxy = weir(upstream(mixed))
    with RawClient(proxy.address) as client:
        for status in (200, 200, 404):
            client.exchange(request(f"/{status}"))
    proxy.expect("flask_requests", 3)
    scrape = proxy.metrics()
    name = "http_server_request_duration_seconds"
    labels = {"http_request_method": "GET", "http_response_status_code": "200"}
    buckets = {float(s.labels["le"]): s.value for s in scrape.all(f"{name}_bucket", **labels)}
    assert sorted(buckets) == BUCKETS
    values = [buckets[edge] for edge in BUCKETS]
    assert values == sorted(values)
    assert values[-1] == 2 == scrape.value(f"{name}_count", **labels)
    assert 0 < scrape.value(f"{name}_sum", **labels) < 10


def test_unknown_methods_share_one_label_value(weir, upstream):
    """OpenTelemetry: `_OTHER`; a client must not be able to make series."""
    proxy = weir(upstream())
    with RawClient(proxy.address) as client:
        for method in ("GET", "PURGE", "X-1", "X-2", "get"):
            assert client.exchange(request("/", method)).status == 200
    proxy.expect("flask_requests", 5)
    counts = proxy.metrics().by("http_server_request_duration_seconds_count", "http_request_method")
    assert counts == {"GET": 1, "_OTHER": 4}


def test_statuses_are_counted_as_the_client_saw_them(weir, upstream):
    """One series for each status that has occurred."""
    proxy = weir(upstream(mixed))
    with RawClient(proxy.address) as client:
        for status in (200, 201, 418, 418, 503):
            client.exchange(request(f"/{status}"))
        client.exchange(b"GET /200 HTTP/1.1\r\nHost : weir.test\r\n\r\n")
    proxy.expect("flask_requests", 6)
    expected = {"200": 1, "201": 1, "418": 2, "503": 1, "400": 1}
    scrape = proxy.metrics()
    assert scrape.by("flask_response_code", "status") == expected
    assert scrape.by("http_server_request_duration_seconds_count", "http_response_status_code") == expected
    assert scrape.value("flask_request_duration_count") == 5


def test_connections_in_use_and_idle_are_told_apart(weir, upstream):
    """`weir_upstream_connections{state}` and `http_server_active_requests` while one request waits."""
    release = threading.Event()

    def script(peer: Peer) -> None:
        while True:
            peer.read_request()
            peer.wait_for(release)
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    app = upstream(script)
    proxy = weir(app, upstream_idle_timeout="60s")
    with RawClient(proxy.address) as client:
        client.send(request())
        app.wait_for_requests(1)
        proxy.expect("http_server_active_requests", 1, http_request_method="GET")
        busy = proxy.metrics().by("weir_upstream_connections", "state")
        release.set()
        assert client.read_response().status == 200
        proxy.expect("http_server_active_requests", 0)
        idle = proxy.metrics().by("weir_upstream_connections", "state")
    assert list(busy.values()) == list(idle.values()) == [1]
    assert set(busy) != set(idle)


def test_bytes_are_counted_in_both_directions(weir, upstream):
    """At least the bodies, and not more than a few heads beside them."""
    proxy = weir(upstream())
    fetch(proxy.address, request("/", "POST", b"b" * 100_000))
    proxy.expect("flask_requests", 1)
    figures = sorted(proxy.metrics().by("weir_bytes_total", "direction").values())
    assert 100_000 <= figures[-1] <= 102_000
    assert 0 < figures[0] < 2000


def test_prefix_names_the_compatible_families_only(weir, upstream):
    """`--metrics-prefix`: other operators use theirs; the standard families have no prefix."""
    scrape = weir(upstream(), metrics_prefix="django").metrics()
    assert scrape.value("django_requests") == 0
    assert len(scrape.all("django_response_code")) == 4
    assert len(scrape.all("django_request_duration")) == 3
    assert not any(name.startswith("flask_") for name in scrape.types)
    assert "http_server_request_duration_seconds" in scrape.types
    assert "weir_upstream_up" in scrape.types


def test_path_moves_the_exposition(weir, upstream):
    """`--metrics-path`."""
    proxy = weir(upstream(), metrics_path="/internal/metrics")
    assert proxy.ask("/internal/metrics").status == 200
    assert proxy.ask("/metrics").status == 404


# Health


def test_healthy_and_ready(weir, upstream):
    """Design §6."""
    proxy = weir(upstream())
    assert proxy.ask("/-/healthy").status == 200
    assert proxy.ask("/-/ready").status == 200


def test_not_ready_without_upstream_and_says_why(weir):
    """Healthy all the same: a restart of weir would not help."""
    proxy = weir(tcp_address(), ready=False)
    answer = proxy.ask("/-/ready")
    assert answer.status == 503
    assert "upstream" in answer.text.lower()
    assert proxy.ask("/-/healthy").status == 200


def test_readiness_follows_the_upstream(weir, upstream):
    """Both ways."""
    app = upstream()
    proxy = weir(app)
    app.close()
    proxy.until(lambda: proxy.ask("/-/ready").status == 503, "not ready")
    proxy.expect("weir_upstream_up", 0)
    upstream(address=app.address)
    proxy.until(lambda: proxy.ask("/-/ready").status == 200, "ready")
    proxy.expect("weir_upstream_up", 1)


# Manners


@pytest.mark.parametrize("path", ["/nothing", "/metrics/", "/metricsx", "/-/", "/-/ready/x", "/-/reload", "/-/quit"])
def test_unknown_path_is_404(weir, upstream, path):
    """Lifecycle paths as well, which exist only when enabled."""
    assert weir(upstream()).ask(path).status == 404


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "BREW"])
def test_other_methods_are_405_with_allow(weir, upstream, path, method):
    """RFC 9110 §15.5.6."""
    response = weir(upstream()).ask(path, method)
    assert response.status == 405
    assert {one.strip() for one in response.get("allow").split(",")} == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/metrics", "/-/healthy", "/-/ready"])
def test_head_has_the_fields_of_get_and_no_body(weir, upstream, path):
    """RFC 9110 §9.3.2."""
    proxy = weir(upstream())
    with RawClient(proxy.admin) as client:
        head = client.exchange(request(path, "HEAD"), "HEAD")
        get = client.exchange(request(path))
    assert head.status == get.status == 200
    assert head.get("content-type") == get.get("content-type")


def test_query_is_ignored(weir, upstream):
    """Scrapers append parameters."""
    assert weir(upstream()).ask("/metrics?format=any").status == 200


def test_admin_keeps_connections_alive_and_answers_in_order(weir, upstream):
    """RFC 9112 §9.3."""
    proxy = weir(upstream())
    paths = ["/metrics", "/-/healthy", "/nothing", "/-/ready"] * 5
    with RawClient(proxy.admin) as client:
        one_by_one = [client.exchange(request(path)).status for path in paths]
        client.send(b"".join(map(request, paths)))
        pipelined = [client.read_response().status for _ in paths]
        client.send(request("/metrics", Connection="close"))
        assert client.read_response().closes
        client.expect_end()
    assert one_by_one == pipelined == [200, 200, 404, 200] * 5


@pytest.mark.parametrize("data", [b"BAD\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /metrics HTTP/1.1\nHost: a\n\n"])
def test_malformed_admin_request_is_400_and_closed(weir, upstream, data):
    """The same strictness as in front."""
    proxy = weir(upstream())
    with RawClient(proxy.admin) as client:
        assert client.exchange(data).status == 400
        client.expect_end()


def test_admin_traffic_is_not_user_traffic(weir, upstream):
    """A scrape does not count itself."""
    proxy = weir(upstream())
    for path in ("/metrics", "/-/ready", "/nothing"):
        proxy.ask(path)
    scrape = proxy.metrics()
    assert scrape.value("flask_requests") == 0
    assert scrape.sum("weir_connections_total") == 0


def test_slow_admin_clients_hold_nobody_up(weir, upstream):
    """Half a head, and scrapes that nobody reads."""
    proxy = weir(upstream())
    with RawClient(proxy.admin) as half, RawClient(proxy.admin, receive_buffer=4096) as deaf:
        half.send(b"GET /metrics HTTP/1.1\r\nHost: ")
        deaf.socket.setblocking(False)
        try:
            for _ in range(2000):
                deaf.send(request("/metrics"))
        except BlockingIOError:
            pass
        for _ in range(20):
            assert proxy.ask("/metrics").status == 200
        assert fetch(proxy.address, request()).status == 200
        half.send(b"weir.test\r\n\r\n")
        assert half.read_response().status == 200


def test_metrics_path_in_front_belongs_to_the_app(weir, upstream):
    """The admin paths exist on the admin listener only."""
    app = upstream()
    assert fetch(weir(app).address, request("/metrics")).body == b"ok"
    assert app.only.target == "/metrics"
