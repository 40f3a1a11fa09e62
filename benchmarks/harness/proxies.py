"""The proxies under test, and the origin behind them."""

import http.client
import os
import select
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from harness.children import Child, Children, Failure, wait_until_listening
from harness.scenarios import Scenario

PROXY_CPU = 0
CLIENT_CPU = 1      # wrk, the exact load and the origin
PATTERN = b"hello, weir\n"
HERE = Path(__file__).resolve().parent.parent
FIELDS = {"User-Agent": "weir-benchmark", "Accept": "*/*"}


@dataclass(frozen=True)
class Proxy:
    """One contestant; `binary` is set for weir only, and so are `options`."""

    name: str
    binary: Path | None = None
    options: tuple[str, ...] = ()
    spills: bool = False        # whether nginx may write what a slow client has not taken to disk

    def command(self, children: Children, address: str, upstream: str) -> list[str]:
        """What to run, in the foreground; writes the configuration that it needs."""
        if self.binary:
            metrics = f"127.0.0.1:{children.free_port()}"
            return [
                str(self.binary), "serve", "--threads", "1", "--listen", address,
                "--upstream", upstream, "--metrics", metrics, "--log-level", "warning", *self.options,
            ]  # fmt: skip
        if self.name == "nginx":
            configuration = self.configuration(children, "nginx.conf", address, upstream)
            errors = children.directory / "nginx-error.log"
            return ["nginx", "-p", str(children.directory), "-e", str(errors), "-c", configuration]
        upstream = upstream.replace("unix:", "unix@")
        configuration = self.configuration(children, "haproxy.cfg", address, upstream)
        return ["haproxy", "-db", "-f", configuration]

    def configuration(self, children: Children, name: str, address: str, upstream: str) -> str:
        text = (HERE / "rivals" / name).read_text()
        values = {"LISTEN": address, "UPSTREAM": upstream, "DIRECTORY": str(children.directory)}
        values["TEMPORARY_FILE"] = "1024m" if self.spills else "0"
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        path = children.directory / f"{address.rsplit(':', 1)[1]}-{name}"
        path.write_text(text)
        return str(path)


@dataclass(frozen=True)
class RunningProxy:
    proxy: Proxy
    child: Child
    address: str


class Origin:
    """origin.c at work."""

    def __init__(self, children: Children, binary: Path, scenario: Scenario):
        port = children.free_port()
        self.address = f"127.0.0.1:{port}"
        if scenario.socket == "unix":
            self.address = f"unix:{children.directory}/origin-{port}.sock"
        self.scenario = scenario
        arguments = [self.address, str(scenario.body_bytes), scenario.upstream_fate]
        self.child = children.start(
            f"origin-{port}", [str(binary), *arguments], CLIENT_CPU, stdout=subprocess.PIPE
        )
        wait_until_listening(self.child, self.address)

    def counts(self) -> tuple[int, int]:
        """Connections and requests since its start."""
        os.kill(self.child.pid, signal.SIGUSR1)
        readable, _, _ = select.select([self.child.process.stdout], [], [], 10)
        if not readable:
            raise Failure("the origin does not answer SIGUSR1")
        connections, requests = os.read(self.child.process.stdout.fileno(), 64).split()
        return int(connections), int(requests)


def start_proxy(
    children: Children, proxy: Proxy, upstream: str, wrapper: tuple[str, ...] = ()
) -> RunningProxy:
    """Starts a proxy on its CPU, below `strace` or `valgrind` if that is the wrapper."""
    address = f"127.0.0.1:{children.free_port()}"
    command = [*wrapper, *proxy.command(children, address, upstream)]
    child = children.start(proxy.name, command, PROXY_CPU)
    wait_until_listening(child, address, timeout_seconds=60 if wrapper else 15)
    return RunningProxy(proxy, child, address)


def check_answer(running: RunningProxy, body_bytes: int) -> None:
    """One request by another client than the load: status, length and every byte of the body."""
    running.child.check_alive()
    connection = http.client.HTTPConnection(running.address, timeout=30)
    try:
        connection.request("GET", "/", headers=FIELDS)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{running.proxy.name} gives no answer: {error!r}") from error
    finally:
        connection.close()
    expected = (PATTERN * (body_bytes // len(PATTERN) + 1))[:body_bytes]
    if response.status != 200 or body != expected:
        raise Failure(f"{running.proxy.name} answers {response.status} with {len(body)} bytes")


def check_forwarding(children: Children, proxy: Proxy) -> None:
    """The work must be the same: what each proxy sends upstream is read once."""
    with socket.create_server(("127.0.0.1", children.free_port())) as listener:
        listener.settimeout(10)
        running = start_proxy(children, proxy, "127.0.0.1:%d" % listener.getsockname()[1])
        client = threading.Thread(target=ask_quietly, args=(running.address,), daemon=True)
        client.start()
        try:
            head = first_request_head(listener).decode("latin-1")
        except OSError as error:
            raise Failure(f"{proxy.name} does not reach its upstream: {error}") from error
        client.join(10)
        children.stop(running.child)
    lines = [line.lower().replace(" ", "") for line in head.split("\r\n")]
    wanted = ["x-forwarded-for:127.0.0.1", "x-forwarded-proto:http"]
    if not head.startswith("GET / HTTP/1.1\r\n") or not set(wanted) <= set(lines):
        raise Failure(f"{proxy.name} does not forward as the others do:\n{head}")
    if "connection:close" in lines:
        raise Failure(f"{proxy.name} does not keep upstream connections:\n{head}")


def first_request_head(listener: socket.socket) -> bytes:
    """Skips connections that carry no request, such as a probe of the upstream's readiness."""
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(1)
            head = b""
            try:
                while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
                    head += more
            except TimeoutError:
                continue
            if head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return head


def ask_quietly(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/", headers=FIELDS)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass  # the listener's side reports it
    finally:
        connection.close()
