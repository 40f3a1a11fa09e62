# SPDX-License-Identifier: Apache-2.0
"""The dashboard as data: its panels, its queries, and what Grafana makes of their variables."""

import json
import re
from pathlib import Path

PATH = Path(__file__).parents[2] / "dashboards" / "flask-operator.json"

JUJU_VARIABLES = ("juju_model", "juju_model_uuid", "juju_application", "juju_unit")

WORDS_OF_PROMQL = {
    "and", "by", "changes", "histogram_quantile", "increase", "label_replace", "on", "or", "rate",
    "round", "sum", "vector",
}  # fmt: skip


def load():
    return json.loads(PATH.read_text())


def panels(dashboard):
    """All panels, those folded into a row included."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries(dashboard):
    """Title, reference and PromQL of every query that Prometheus gets, annotations included."""
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "prometheus":
                yield panel["title"], target["refId"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], "A", annotation["expr"]


def fill(expression, window="5m", **variables):
    """Puts values in place of variables, as Grafana does before it sends a query."""
    values = dict.fromkeys(JUJU_VARIABLES, ".*") | {"job": ".*", "instance": ".*"} | variables
    values |= {"__range": window, "__rate_interval": window}
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)


def metric_names(expression):
    """The families that a query reads, by the name of the sample."""
    bare = re.sub(r'\{[^}]*\}|\[[^]]*\]|"[^"]*"', "", expression)
    bare = re.sub(r"\b(by|on) \([^)]*\)", "", bare)
    return set(re.findall(r"\b[a-z]\w+", bare)) - WORDS_OF_PROMQL
