# SPDX-License-Identifier: Apache-2.0
"""The dashboard's outline: what its users look for, and what Grafana needs to import it."""

import re

import pytest
from dashboard import JUJU_VARIABLES, PATH, load, metric_names, panels, queries

DASHBOARD = load()
METRICS = PATH.parents[1] / "Sources" / "WeirProxy" / "Telemetry" / "Metric.swift"
GRAPHS = [
    "Requests",
    "Status code count",
    "Requests per second",
    "2XX rate",
    "3XX rate",
    "4XX rate",
    "5XX rate",
    "Request average duration",
    "Request duration percentile",
]


def test_first_come_the_nine_graphs_and_the_logs():
    titles = [panel["title"] for panel in DASHBOARD["panels"]]
    assert titles[:10] == [*GRAPHS, "Application logs"]


def test_is_found_again_after_an_upgrade():
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("flask-operator", "Flask Operator")
    assert DASHBOARD["id"] is None  # Grafana gives the number; one from elsewhere would collide.


def test_every_panel_has_its_own_id():
    numbers = [panel["id"] for panel in panels(DASHBOARD)]
    assert len(numbers) == len(set(numbers))


def test_no_two_panels_overlap():
    taken = {}
    for panel in panels(DASHBOARD):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        inside_row = panel not in DASHBOARD["panels"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                # Folded rows overlap what follows them until they are opened; Grafana moves it then.
                cell = (owner(panel) if inside_row else None, x, y)
                assert taken.setdefault(cell, panel["title"]) == panel["title"]


def owner(panel):
    return next(row["title"] for row in DASHBOARD["panels"] if panel in row.get("panels", []))


@pytest.mark.parametrize("panel", list(panels(DASHBOARD)), ids=lambda panel: panel["title"])
def test_every_panel_explains_itself(panel):
    if panel["type"] == "row":
        return
    assert panel["description"].endswith(".")
    if panel["type"] != "logs":
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_data_sources_are_chosen_by_variable():
    for panel in panels(DASHBOARD):
        for target in panel.get("targets", []):
            assert target["datasource"] == panel["datasource"]
            assert panel["datasource"] in (
                {"type": "prometheus", "uid": "${prometheusds}"},
                {"type": "loki", "uid": "${lokids}"},
            )
    kinds = {v["name"]: v["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "datasource"}
    assert kinds == {"prometheusds": "prometheus", "lokids": "loki"}


def test_juju_variables_match_series_without_juju_labels():
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    for name in JUJU_VARIABLES:
        assert variables[name]["allValue"] == ".*"
        assert variables[name]["current"]["value"] == ["$__all"]


def test_job_and_instance_mean_those_of_weir_alone():
    # With `.*` the families that others share (http_server_*, process_*) would be summed as well.
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    for name in ("job", "instance"):
        assert "allValue" not in variables[name]
        assert "weir_build_info" in variables[name]["definition"]


@pytest.mark.parametrize("title, reference, expression", list(queries(DASHBOARD)))
def test_every_query_obeys_every_variable(title, reference, expression):
    selectors = re.findall(r"\{([^}]*)\}", expression)
    assert len(selectors) == len(re.findall(r"_\w+\{", expression)) > 0
    for selector in selectors:
        for name in ("job", "instance", *JUJU_VARIABLES):
            assert f'{name}=~"${name}"' in selector


def test_the_readme_names_every_panel():
    readme = (PATH.parent / "README.md").read_text()
    for panel in panels(DASHBOARD):
        assert panel["title"] in readme


def test_reads_only_families_that_weir_declares():
    declared = set(re.findall(r'^    case \w+ = "(\w+)"', METRICS.read_text(), re.MULTILINE))
    for title, _, expression in queries(DASHBOARD):
        for name in metric_names(expression):
            assert re.sub("_(bucket|sum|count)$", "", name) in declared, title
