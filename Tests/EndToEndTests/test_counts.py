"""1,000 requests through weir to gunicorn: Prometheus shows exactly those, and their true durations."""

import math

import pytest
from support import traffic

RELATIVE_ERROR = 0.025
"""What the summary promises (design §6)."""

RANK_SLACK = 0.01
"""A quantile may be taken ten ranks of 1,000 to either side: definitions of a rank and of interpolation
differ by one, and two requests of nearly the same length may swap places between two observers."""

LATE_SECONDS = 0.002
"""gunicorn reads its clock after the last `send`, when the thread runs again; weir may have the byte before."""

HOP_SECONDS = 0.015
"""What weir sees and gunicorn does not, for each request: connecting or waking a worker's thread, the head
through Python's parser, and the interpreter lock that 16 threads of a worker share, on a machine of two
busy cores."""

QUANTILES = [0.5, 0.9, 0.99]


def expected_counts() -> dict[str, float]:
    """The mix as labels and values of Prometheus."""
    return {str(status): float(count) for status, count in traffic.COUNTS.items()}


def around(seconds: list[float], quantile: float) -> tuple[float, float]:
    """The durations at the ranks on either side of a quantile."""
    ordered, last = sorted(seconds), len(seconds) - 1
    low = math.floor((quantile - RANK_SLACK) * last)
    high = math.ceil(min(quantile + RANK_SLACK, 1) * last)
    return ordered[low], ordered[high]


def test_clients_saw_the_mix(busy_pod):
    """The premise of the rest."""
    assert busy_pod.outcome.statuses == traffic.COUNTS
    assert len(busy_pod.gunicorn.durations("/mix")) == traffic.TOTAL


def test_requests_are_counted_exactly(busy_pod):
    """flask_requests."""
    assert busy_pod.plain.values("flask_requests", "job") == {"weir": traffic.TOTAL}


def test_statuses_are_counted_exactly(busy_pod):
    """flask_response_code: these statuses, and no other."""
    assert busy_pod.plain.values("flask_response_code", "status") == expected_counts()


def test_standard_histogram_counts_the_same(busy_pod):
    """http_server_request_duration_seconds, by status and by method."""
    name = "http_server_request_duration_seconds_count"
    by_code = busy_pod.plain.values(
        f"sum by (http_response_status_code) ({name} > 0)", "http_response_status_code"
    )
    assert by_code == expected_counts()
    by_method = busy_pod.plain.values(f"sum by (http_request_method) ({name} > 0)", "http_request_method")
    assert by_method == {"GET": traffic.TOTAL}


def test_nothing_else_was_counted(busy_pod):
    """No error, no retry that failed, nothing left open."""
    for name in ("weir_gateway_errors_total", "weir_client_aborts_total", "http_server_active_requests"):
        assert busy_pod.plain.values(f"sum({name})", "") == {"": 0}, name


def test_durations_are_summed(busy_pod):
    """The sum of the summary lies between gunicorn's own and the clients'."""
    [(_, total)] = busy_pod.plain.values("flask_request_duration_sum", "job").items()
    [(_, count)] = busy_pod.plain.values("flask_request_duration_count", "job").items()
    inside = sum(busy_pod.gunicorn.durations("/mix"))
    assert count == traffic.TOTAL
    assert inside - LATE_SECONDS * count <= total <= sum(busy_pod.outcome.seconds)
    assert total <= inside + HOP_SECONDS * count


@pytest.mark.parametrize("quantile", QUANTILES)
def test_quantile_is_that_of_gunicorn_s_own_log(busy_pod, quantile):
    """gunicorn had a thread for every client, so both measure the same thing."""
    [value] = busy_pod.plain.values(f'flask_request_duration{{quantile="{quantile}"}}', "job").values()
    low, high = around(busy_pod.gunicorn.durations("/mix"), quantile)
    assert (low - LATE_SECONDS) * (1 - RELATIVE_ERROR) <= value
    assert value <= (high + HOP_SECONDS) * (1 + RELATIVE_ERROR)


@pytest.mark.parametrize("quantile", QUANTILES)
def test_quantile_is_not_above_what_clients_saw(busy_pod, quantile):
    """weir's interval lies within the client's for every request, so no slack but rank and error is needed."""
    [value] = busy_pod.plain.values(f'flask_request_duration{{quantile="{quantile}"}}', "job").values()
    _, high = around(busy_pod.outcome.seconds, quantile)
    assert value <= high * (1 + RELATIVE_ERROR)


def test_prometheus_shows_what_weir_exposes(busy_pod):
    """Name for name and value for value, after the traffic has ended."""
    exposed = busy_pod.weir.metrics()
    for name in ("flask_response_code", "flask_request_duration"):
        label = "status" if name == "flask_response_code" else "quantile"
        here = {sample.labels[label]: sample.value for sample in exposed.all(name)}
        assert busy_pod.plain.values(name, label) == here
