"""A real Prometheus that scrapes every second."""

import json
import os
import urllib.parse
import urllib.request
from pathlib import Path

from support.addresses import tcp_address
from support.process import Process
from support.waiting import eventually

PROMETHEUS = os.environ.get("PROMETHEUS", "prometheus")
PROMTOOL = os.environ.get("PROMTOOL", "promtool")


class Prometheus(Process):
    """A running Prometheus with one target."""

    def __init__(self, directory: Path, target: str, labels: dict[str, str] | None = None) -> None:
        self.address = tcp_address()
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "weir",
                    "static_configs": [{"targets": [target], "labels": labels or {}}],
                }
            ],
        }
        file = directory / "prometheus.yml"
        file.write_text(json.dumps(configuration))  # JSON is YAML
        super().__init__(
            "prometheus",
            [
                PROMETHEUS,
                f"--config.file={file}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={self.address}",
                "--storage.tsdb.retention.time=1h",
                "--log.level=warn",
            ],
            directory,
        )

    def wait_for_scrapes(self, count: int = 2) -> None:
        """Waits until the target has been scraped `count` times."""
        self.until(lambda: self._scrapes() >= count, f"{count} scrapes", 30)

    def _scrapes(self) -> float:
        try:
            vector = self.query('sum_over_time(up{job="weir"}[10m])')
        except OSError:
            return 0
        return sum(float(series["value"][1]) for series in vector)

    def _get(self, path: str, **parameters: str) -> object:
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            answer = json.load(response)
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str, at: float | None = None) -> list[dict]:
        """The instant vector of an expression, as the API gives it."""
        data = self._get("query", query=expression, **({"time": f"{at:.3f}"} if at else {}))
        assert data["resultType"] == "vector", data
        return data["result"]

    def values(self, expression: str, label: str) -> dict[str, float]:
        """The instant vector of an expression by one label."""
        return {
            series["metric"].get(label, ""): float(series["value"][1])
            for series in self.query(expression)
        }

    def label_values(self, label: str, selector: str) -> list[str]:
        """The values of a label, as a Grafana variable asks for them."""
        return self._get(f"label/{label}/values", **{"match[]": selector})

    def eventually(self, expression: str, expected: float) -> None:
        """Waits until an expression with one series has its value."""

        def reached() -> bool:
            vector = self.query(expression)
            return len(vector) == 1 and float(vector[0]["value"][1]) == expected

        eventually(reached, f"{expression} == {expected}", 20, every=0.1)
