"""The built weir, started with its options as an operator would."""

import os
import subprocess
from pathlib import Path

from support.addresses import tcp_address
from support.client import Response, fetch, request
from support.metrics import Exposition
from support.process import REPOSITORY, Process, clean_environment
from support.waiting import eventually_equal


def binary() -> str:
    """The binary under test; `WEIR_BINARY` overrides the release build."""
    path = Path(os.environ.get("WEIR_BINARY", ".build/release/weir"))
    resolved = path if path.is_absolute() else REPOSITORY / path
    assert resolved.exists(), f"{resolved} is not there: build weir or set WEIR_BINARY"
    return str(resolved)


def arguments(options: dict[str, object]) -> list[str]:
    """Keyword arguments as command-line options: `header_timeout="1s"` is `--header-timeout 1s`."""
    listed: list[str] = []
    for name, value in options.items():
        listed += [f"--{name.replace('_', '-')}", str(value)]
    return listed


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """Runs `weir serve` to its end; for what it refuses to start with."""
    return subprocess.run(
        [binary(), "serve", *options],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        env=clean_environment(),
    )


class Weir(Process):
    """A running weir."""

    def __init__(
        self,
        directory: Path,
        upstream: str,
        ready: bool = True,
        launcher: tuple[str, ...] = (),
        **options: object,
    ) -> None:
        self.address = tcp_address()
        self.admin = tcp_address()
        self.metrics_path = str(options.get("metrics_path", "/metrics"))
        own = {"listen": self.address, "upstream": upstream, "metrics": self.admin}
        number = len(list(directory.glob("weir-*.stderr")))
        super().__init__(
            f"weir-{number}",
            [*launcher, binary(), "serve", *arguments({**own, **options})],
            directory,
        )
        path = "/-/ready" if ready else "/-/healthy"
        self.until(lambda: self._answers(path), f"{path} answers 200")

    def _answers(self, path: str) -> bool:
        try:
            return self.ask(path).status == 200
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET") -> Response:
        """One request to the admin listener."""
        return fetch(self.admin, request(path, method, Connection="close"), method)

    def metrics(self) -> Exposition:
        """One scrape."""
        response = self.ask(self.metrics_path)
        assert response.status == 200, response
        return Exposition(response.text)

    def sum(self, name: str, **labels: str) -> float:
        """One figure of one scrape."""
        return self.metrics().sum(name, **labels)

    def expect(self, name: str, expected: float, **labels: str) -> None:
        """Waits until a figure has its value: a request is counted after its last byte has left."""
        eventually_equal(lambda: self.sum(name, **labels), expected, f"{name}{labels or ''}")
