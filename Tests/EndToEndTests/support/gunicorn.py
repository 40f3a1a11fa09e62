"""A real gunicorn that serves the Flask app of these tests."""

import os
import signal
import sys
from pathlib import Path

from support.addresses import connect, split
from support.ledger import Ledger
from support.process import Process

APPS = Path(__file__).resolve().parents[1] / "apps"


class Gunicorn(Process):
    """A running gunicorn."""

    def __init__(
        self,
        directory: Path,
        address: str,
        worker_class: str = "gthread",
        workers: int = 2,
        threads: int = 8,
        application: str = "application",
        options: tuple[str, ...] = (),
        launcher: tuple[str, ...] = (),
    ) -> None:
        self.address = address
        self.worker_class = worker_class
        self.access_log = directory / "gunicorn.access"
        self.gates = directory / "gates"
        self.gates.mkdir(exist_ok=True)
        self.ledger = Ledger(directory / "ledger")
        command = [
            *launcher, sys.executable, "-m", "gunicorn", f"{application}:app",
            "--chdir", str(APPS),
            "--bind", address,
            "--worker-class", worker_class,
            "--workers", str(workers),
            "--keep-alive", "5",
            "--no-control-socket",
            "--access-logfile", str(self.access_log),
            "--access-logformat", "%(s)s %(D)s %(U)s",
        ]  # fmt: skip
        if worker_class == "gthread":
            command += ["--threads", str(threads)]
        command += options
        environment = {"GATES": str(self.gates), "LEDGER": str(self.ledger.path)}
        super().__init__("gunicorn", command, directory, environment)
        # Only after all workers have booted does the first request measure nothing but itself.
        self.until(lambda: self.stderr.count("Booting worker") >= workers, "its workers boot", 20)
        self.until(self._accepts, "gunicorn accepts connections", 20)

    def _accepts(self) -> bool:
        try:
            connect(self.address, timeout=1).close()
        except OSError:
            return False
        return True

    def signal_worker(self, pid: int, number: signal.Signals) -> None:
        """Sends a signal to one of its workers, of which the ledger tells the pids."""
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        assert int(parent) == self.pid, f"{pid} is no worker of {self.pid}"
        os.kill(pid, number)

    @property
    def workers(self) -> set[int]:
        """The process ids of its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return {int(child) for child in children.split()}

    @property
    def bind(self) -> object:
        """The socket address that it is bound to."""
        return split(self.address)[1]

    def durations(self, path: str) -> list[float]:
        """The seconds that the access log has for each request of `path`."""
        lines = [line.split(" ", 2) for line in self.access_log.read_text().splitlines()]
        return [int(micros) / 1e6 for _, micros, logged in lines if logged == path]
