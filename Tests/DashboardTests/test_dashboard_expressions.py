# SPDX-License-Identifier: Apache-2.0
"""Every query of the dashboard, answered by Prometheus's own engine over made-up series.

promtool runs the engine without a server and without waiting, so the figures are exact.
"""

import json
import os
import subprocess

import pytest
from dashboard import fill, load, queries

PROMTOOL = os.environ.get("PROMTOOL", "promtool")
DURATION = "http_server_request_duration_seconds"
QUERIES = {f"{title} {reference}": text for title, reference, text in queries(load())}

NO_JUJU = {}
JUJU_A = {"juju_model": "m", "juju_model_uuid": "u", "juju_application": "app", "juju_unit": "app/0"}
JUJU_B = JUJU_A | {"juju_unit": "app/1"}


def series(name, values, **labels):
    inner = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{inner}}}", "values": values}


def idle_pod(**labels):
    """What a weir shows that nobody has asked anything yet."""
    return [
        series("weir_build_info", "1+0x40", **labels),
        series("weir_upstream_up", "1+0x40", **labels),
        series("process_start_time_seconds", "1000+0x40", **labels),
    ]


EDGES = ("0.075", "0.1", "0.5", "0.75", "+Inf")


def busy_pod(codes, edge, mean, **labels):
    """A pod with `codes` requests a second, each of which falls into the bucket up to `edge`."""
    per_second = sum(codes.values())
    result = idle_pod(**labels)
    for code, rate in codes.items():
        own = labels | {"http_request_method": "GET", "http_response_status_code": code}
        result += [
            series(f"{DURATION}_count", f"0+{15 * rate}x40", **own),
            series(f"{DURATION}_sum", f"0+{15 * rate * mean}x40", **own),
        ]
        for place, le in enumerate(EDGES):
            step = 15 * rate if place >= EDGES.index(edge) else 0
            result.append(series(f"{DURATION}_bucket", f"0+{step}x40", le=le, **own))
    result.append(series("weir_gateway_errors_total", "0+15x40", reason="upstream_refused", **labels))
    result.append(series("http_server_active_requests", f"{per_second}+0x40", **labels))
    return result


def pods(juju_a=NO_JUJU, juju_b=NO_JUJU):
    return [
        *busy_pod({"200": 3, "404": 1}, "0.1", 0.09, job="weir", instance="a", **juju_a),
        *busy_pod({"200": 4}, "0.75", 0.6, job="weir", instance="b", **juju_b),
    ]


def ask(inputs, variables, expected):
    """A test file for promtool: the named queries, each answer a map of labels to figures."""
    tests = [
        {
            "expr": f"round({fill(QUERIES[name], **variables)}, 0.0001)",
            "eval_time": "10m",
            "exp_samples": [{"labels": label, "value": value} for label, value in answer.items()],
        }
        for name, answer in expected.items()
    ]
    group = {"interval": "15s", "input_series": inputs, "promql_expr_test": tests}
    return json.dumps({"rule_files": [], "tests": [group]})  # JSON is YAML.


def run(tmp_path, inputs, variables, expected):
    """Whether the answers were the expected ones, and promtool's words."""
    file = tmp_path / "test.yml"
    file.write_text(ask(inputs, variables, expected))
    done = subprocess.run(
        [PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


ZERO = {"{}": 0}
SHARES = ("2XX rate A", "3XX rate A", "4XX rate A", "5XX rate A")
IDLE = {
    "Requests A": ZERO,
    "Status code count A": {'{http_response_status_code="none"}': 0},
    "Requests per second A": ZERO,
    **dict.fromkeys(SHARES, ZERO),
    "Request average duration A": {},
    "Request duration percentile A": {},
    "Request duration percentile C": {},
    "Active requests A": ZERO,
    "Gateway errors A": {'{reason="none"}': 0},
    "Client aborts A": {'{stage="none"}': 0},
    "Upstream connect C": ZERO,
    "Upstream service C": {},
}
BUSY = {
    "Requests A": {"{}": 2400},
    "Status code count A": {
        '{http_response_status_code="200"}': 2100,
        '{http_response_status_code="404"}': 300,
    },
    "Requests per second A": {"{}": 8},
    "2XX rate A": {"{}": 0.875},
    "3XX rate A": ZERO,
    "4XX rate A": {"{}": 0.125},
    "5XX rate A": ZERO,
    "Request average duration A": {"{}": 0.345},
    "Request duration percentile A": {"{}": 0.1},
    "Request duration percentile B": {"{}": 0.7},
    "Request duration percentile C": {"{}": 0.745},
    "Active requests A": {"{}": 8},
    "Requests per second by instance A": {'{instance="a"}': 4, '{instance="b"}': 4},
    "Gateway errors A": {'{reason="upstream_refused"}': 2},
}
ONLY_A = {
    "Requests A": {"{}": 1200},
    "2XX rate A": {"{}": 0.75},
    "4XX rate A": {"{}": 0.25},
    "Requests per second A": {"{}": 4},
    "Request average duration A": {"{}": 0.09},
}
UNSET = {"juju_model": "", "juju_model_uuid": "", "juju_application": "", "juju_unit": ""}
OTHER_JOB = busy_pod({"200": 9}, "+Inf", 2, job="somebody-else", instance="c")


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_understood(tmp_path, name):
    """Wrong answers are other tests' business: this one expects none, and only forbids errors."""
    empty, report = run(tmp_path, pods(), {}, {name: {}})
    assert (empty or "got:" in report) and "err:" not in report, report


@pytest.mark.parametrize(
    "inputs, variables, expected",
    [
        pytest.param([], {}, IDLE, id="nothing scraped yet"),
        pytest.param(idle_pod(job="weir", instance="a"), {}, IDLE, id="before any request"),
        pytest.param(
            busy_pod({"200": 0}, "0.1", 0, job="weir", instance="a"),
            {},
            {**dict.fromkeys(SHARES, ZERO), "Request average duration A": {}},
            id="idle after requests: no division by zero",
        ),
        pytest.param(
            busy_pod({"200": 0}, "0.1", 0, job="weir", instance="a"),
            {},
            {f"Request duration percentile {r}": {} for r in "ABC"},
            id="idle after requests: no NaN for a percentile",
        ),
        pytest.param(pods(), {}, BUSY, id="two pods without Juju"),
        pytest.param(pods(), UNSET, BUSY, id="two pods without Juju, variables unset"),
        pytest.param(pods(JUJU_A, JUJU_B), {}, BUSY, id="two units of Juju"),
        pytest.param(pods(JUJU_A, JUJU_B), {"juju_unit": "app/0"}, ONLY_A, id="one unit of two"),
        pytest.param(pods(), {"instance": "a"}, ONLY_A, id="one instance of two"),
        pytest.param(
            pods() + OTHER_JOB, {"job": "weir", "instance": "(a|b)"}, BUSY, id="another exporter"
        ),
    ],
)
def test_answers(tmp_path, inputs, variables, expected):
    right, report = run(tmp_path, inputs, variables, expected)
    assert right, report
