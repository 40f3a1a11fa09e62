"""Child processes: started with their output in files, stopped by pid within a bounded time."""

import os
import signal
import subprocess
from pathlib import Path

from support.waiting import eventually

REPOSITORY = Path(__file__).resolve().parents[3]

running: list["Process"] = []
"""Processes that a failing test shows the output of."""


def clean_environment() -> dict[str, str]:
    """The environment without `WEIR_…`: there weir would read options that no test has given."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}


class Process:
    """One child with its stdout and stderr in files."""

    def __init__(
        self,
        name: str,
        command: list[str],
        directory: Path,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.stdout_path = directory / f"{name}.stdout"
        self.stderr_path = directory / f"{name}.stderr"
        with self.stdout_path.open("wb") as stdout, self.stderr_path.open("wb") as stderr:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env={**clean_environment(), **(environment or {})},
                cwd=directory,
            )
        running.append(self)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; `None` while it runs."""
        return self._child.poll()

    @property
    def stderr(self) -> str:
        """What it has written to stderr so far."""
        return self.stderr_path.read_text(errors="replace")

    @property
    def resident_bytes(self) -> int:
        """Its resident memory, anonymous pages only: mapped files come and go on their own."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} has no RssAnon: it has exited")

    def signal(self, number: signal.Signals) -> None:
        """Sends one signal."""
        self._child.send_signal(number)

    def wait(self, within: float = 10.0) -> int:
        """Waits for its exit and returns the status."""
        try:
            return self._child.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {within} s") from None

    def stop(self) -> None:
        """Ends it: TERM, then KILL after a bounded wait."""
        if self.exit_status is None:
            self.signal(signal.SIGTERM)
            try:
                self._child.wait(6)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(10)
        if self in running:
            running.remove(self)

    def kill(self) -> None:
        """Ends it at once; for what a test leaves behind."""
        if self.exit_status is None:
            self._child.kill()
            self._child.wait(10)
        if self in running:
            running.remove(self)

    def until(self, condition, what: str, within: float = 10.0) -> None:
        """Polls `condition` as `eventually` does, and fails early when the process has exited."""

        def met() -> bool:
            assert self.exit_status is None, (
                f"{self.name} exited with {self.exit_status} before: {what}\n{self.stderr}"
            )
            return condition()

        eventually(met, what, within)
