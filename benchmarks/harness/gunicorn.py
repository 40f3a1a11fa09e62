# SPDX-License-Identifier: Apache-2.0
"""A real gunicorn as the origin, for what a scripted one cannot show."""

import subprocess
from pathlib import Path

from harness.children import Children, Failure, wait_until_listening
from harness.proxies import CLIENT_CPU, HERE


class Gunicorn:
    """`benchmarks/app.py` in sync workers, behind a unix socket."""

    def __init__(self, children: Children, python: Path, workers: int):
        self.address = f"unix:{children.directory}/gunicorn.sock"
        command = [
            str(python), "-m", "gunicorn", "app:app", "--chdir", str(HERE), "--bind", self.address,
            "--workers", str(workers), "--worker-class", "sync", "--log-level", "error",
            "--no-control-socket",
        ]  # fmt: skip
        self.child = children.start("gunicorn", command, CLIENT_CPU)
        wait_until_listening(self.child, self.address)


def gunicorn_version(python: Path) -> str:
    """As it says it itself; a failure when it is not there."""
    command = [str(python), "-m", "gunicorn", "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except OSError as error:
        raise Failure(f"no {python}: {error}") from error
    if done.returncode:
        raise Failure(f"{python} has no gunicorn (`make run` installs it, or give --python)")
    return done.stdout.strip()
