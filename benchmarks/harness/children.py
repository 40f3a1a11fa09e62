"""Child processes and the temporary directory: whatever was started is stopped, by its pid."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

STOP_TIMEOUT_SECONDS = 15
# Below Linux's ephemeral ports: a measurement that closes every connection uses all of those.
PORTS = range(20000, 30000)


class Failure(Exception):
    """The measurement cannot be made, or would be wrong."""


class Child:
    """A process started by the harness, with the file that takes what it prints."""

    def __init__(self, name: str, process: subprocess.Popen, log: Path, program: str):
        self.name, self.process, self.log, self.program = name, process, log, program
        self.pid = process.pid

    def tree(self) -> list[int]:
        """The pids of the process and of all that it started."""
        return process_tree(self.pid)

    def pid_to_signal(self) -> int:
        """strace blocks signals while it watches; its first child is the one to ask."""
        tree = self.tree()
        return tree[1] if self.program == "strace" and len(tree) > 1 else self.pid

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise Failure(f"{self.name} ended with {self.process.returncode}:\n{self.last_words()}")

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-10:])


class Children:
    """Starts processes and, however the run ends, stops them and removes their files."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="weir-benchmark-"))
        self.directory.chmod(0o755)
        self.running: list[Child] = []
        self.port_next = PORTS.start + os.getpid() % 5000

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_) -> None:
        for child in reversed(self.running.copy()):
            self.stop(child)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name: str, command: list[str], cpu: int, **pipes) -> Child:
        """Starts a command on one CPU; it is told to end if the harness is killed."""
        log = self.directory / f"{name}.log"
        guarded = ["setpriv", "--pdeathsig", "TERM", "taskset", "-c", str(cpu), *command]
        with log.open("ab") as output:
            pipes = {"stdin": subprocess.DEVNULL, "stdout": output} | pipes
            process = subprocess.Popen(guarded, stderr=output, start_new_session=True, **pipes)
        child = Child(name, process, log, command[0])
        self.running.append(child)
        return child

    def stop(self, child: Child) -> None:
        """Asks the child to end, then insists with all that it started."""
        tree = child.tree()
        try:
            if child.process.poll() is None:
                os.kill(child.pid_to_signal(), signal.SIGTERM)
            child.process.wait(STOP_TIMEOUT_SECONDS)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            for member in tree:
                try:
                    os.kill(member, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            child.process.wait()
        for pipe in (child.process.stdin, child.process.stdout):
            if pipe:
                pipe.close()
        self.running.remove(child)

    def free_port(self) -> int:
        while True:
            self.port_next += 1
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", self.port_next))
                    return self.port_next
                except OSError:
                    continue


def process_tree(pid: int) -> list[int]:
    tree = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                tree += process_tree(int(child))
    except (FileNotFoundError, ProcessLookupError):
        pass
    return tree


def wait_until_listening(child: Child, address: str, timeout_seconds: float = 15) -> None:
    """Waits until a connection to `127.0.0.1:PORT` or `unix:PATH` opens."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        child.check_alive()
        family, peer = endpoint(address)
        with socket.socket(family) as probe:
            try:
                probe.connect(peer)
                return
            except OSError:
                time.sleep(0.05)
    raise Failure(f"{child.name} does not listen on {address}:\n{child.last_words()}")


def endpoint(address: str) -> tuple[socket.AddressFamily, object]:
    if address.startswith("unix:"):
        return socket.AF_UNIX, address.removeprefix("unix:")
    host, port = address.rsplit(":", 1)
    return socket.AF_INET, (host, int(port))
