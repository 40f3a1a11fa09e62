"""Every query of the dashboards has an answer in a real Prometheus, with plain labels and with Juju's."""

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.process import REPOSITORY

OWN = REPOSITORY / "dashboards" / "flask-operator.json"
CANONICAL = Path(
    os.environ.get(
        "CANONICAL_DASHBOARD", REPOSITORY.parent / "shared/reference/canonical-flask-dashboard.json"
    )
)

SELECTOR = 'juju_application=~"$juju_application",juju_model=~"$juju_model",juju_unit=~"$juju_unit"'
DEPENDED_ON = {
    "requests of a day": f"increase(flask_requests{{{SELECTOR}}}[24h])",
    "statuses of a day": f"increase(flask_response_code{{{SELECTOR}}}[24h])",
    "requests a second": f"rate(flask_requests{{{SELECTOR}}}[3m])",
    **{
        f"share of {first}xx": (
            f'sum(flask_response_code{{{SELECTOR},status=~"{first}.*"}}) / sum(flask_response_code{{{SELECTOR}}})'
        )
        for first in "2345"
    },
    "mean duration": (
        f"flask_request_duration_sum{{{SELECTOR}}} / flask_request_duration_count{{{SELECTOR}}}"
    ),
    **{
        f"duration at {quantile}": f'flask_request_duration{{{SELECTOR},quantile="{quantile}"}}'
        for quantile in ("0.5", "0.9", "0.99")
    },
}
"""What the dashboard of the Flask charm asks, in our words: names, label values and ranges it relies on."""

# Longer than the traffic takes, and 15 scrapes of one second.
VARIABLES = {
    "__rate_interval": "15s",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
}
REFERENCE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))|\[\[(\w+)\]\]")


def substituted(expression: str) -> str:
    """The expression as Grafana sends it when every variable is at `All`."""
    return REFERENCE.sub(
        lambda match: VARIABLES.get(match[1] or match[2] or match[3], ".*"), expression
    )


class Query(NamedTuple):
    """One target of a panel."""

    title: str
    source: str
    expression: str


def panels(node: dict) -> Iterator[dict]:
    """All panels, those in rows included."""
    for panel in node.get("panels", []):
        yield panel
        yield from panels(panel)


def queries(path: Path) -> list[Query]:
    """The targets of a dashboard."""
    found = []
    for panel in panels(json.loads(path.read_text())):
        for target in panel.get("targets", []):
            source = json.dumps(target.get("datasource") or panel.get("datasource"))
            kind = "loki" if "loki" in source else "prometheus"
            found.append(Query(panel.get("title", "untitled"), kind, target["expr"]))
    return found


def cases() -> list:
    """Each query once; the canonical file where it lies beside the clone or is named."""
    listed = [pytest.param(text, id=f"depended on: {name}") for name, text in DEPENDED_ON.items()]
    files = {"flask-operator": OWN, "canonical": CANONICAL}
    for name, path in files.items():
        if path.exists():
            listed += [
                pytest.param(query.expression, id=f"{name}: {query.title} {number}")
                for number, query in enumerate(queries(path))
                if query.source != "loki"
            ]
    return listed


@pytest.fixture(
    params=["busy, plain labels", "busy, Juju labels", "quiet, Juju labels", "JSON logs, Juju labels"]
)
def watcher(request):
    """A Prometheus after much traffic, or after ten requests that were all answered with 200."""
    pods = {"busy": "busy_pod", "quiet": "quiet_pod", "JSON logs": "json_pod"}
    pod = request.getfixturevalue(pods[request.param.split(",")[0]])
    return (pod.plain if "plain" in request.param else pod.juju), pod.ended


@pytest.mark.parametrize("expression", cases())
def test_query_has_an_answer(watcher, expression):
    """Not empty and not NaN, a status class that has never occurred included."""
    prometheus, ended = watcher
    vector = prometheus.query(substituted(expression), at=ended)
    assert vector, "no series"
    values = {json.dumps(series["metric"]): float(series["value"][1]) for series in vector}
    assert not [series for series, value in values.items() if math.isnan(value)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("share of 2xx", 0.69), ("share of 3xx", 0.13), ("share of 4xx", 0.11), ("share of 5xx", 0.07)],
)
def test_shares_are_those_of_the_mix(busy_pod, name, expected):
    """The panel shows the truth, not only something."""
    [series] = busy_pod.juju.query(substituted(DEPENDED_ON[name]))
    assert float(series["value"][1]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("first", "expected"), [("2", 1), ("3", 0), ("4", 0), ("5", 0)])
def test_share_of_what_has_not_occurred_is_0(quiet_pod, first, expected):
    """0 is drawn; nothing would be `No data`."""
    [series] = quiet_pod.juju.query(substituted(DEPENDED_ON[f"share of {first}xx"]))
    assert float(series["value"][1]) == expected


def test_increase_of_a_day_is_the_traffic(busy_pod):
    """All series exist at 0 before the first request, so no increase is lost."""
    [series] = busy_pod.juju.query(substituted(DEPENDED_ON["requests of a day"]), at=busy_pod.ended)
    assert float(series["value"][1]) == pytest.approx(1000, rel=0.25), "extrapolated to the window"


@pytest.mark.parametrize("label", ["juju_model", "juju_model_uuid", "juju_application", "juju_unit"])
def test_template_variables_find_the_pod(busy_pod, label):
    """The drop-downs of the dashboard are filled from `up`."""
    assert len(busy_pod.juju.label_values(label, 'up{juju_charm="flask-k8s"}')) == 1


def test_own_dashboard_is_there_and_asks_something():
    """Without it the cases above would silently shrink."""
    assert len([query for query in queries(OWN) if query.source != "loki"]) > 0


def test_named_canonical_dashboard_is_there():
    """A path given by CANONICAL_DASHBOARD must exist; beside the clone it may be absent."""
    assert CANONICAL.exists() or "CANONICAL_DASHBOARD" not in os.environ


def test_log_panels_have_the_shape_of_a_log_query():
    """Loki is not here: a stream selector first, braces and quotes in pairs."""
    for path in filter(Path.exists, (OWN, CANONICAL)):
        for query in queries(path):
            if query.source == "loki":
                assert re.match(r"\{[^{}]+\}", query.expression), query
                for mark in '"`':
                    assert query.expression.count(mark) % 2 == 0, query
