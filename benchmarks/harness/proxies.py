"""The proxies under test, and the origin behind them."""

import gzip
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.children import Child, Children, Failure, wait_until_listening
from harness.scenarios import Scenario

PROXY_CPU = 0
CLIENT_CPU = 1      # the loads and the origin
PATTERN = b"hello, weir\n"
HERE = Path(__file__).resolve().parent.parent
FIELDS = {"User-Agent": "weir-benchmark", "Accept": "*/*"}
# Level 1, in the words of each rival's configuration.
GZIP = {
    "nginx.conf": "gzip on; gzip_comp_level 1; gzip_types application/json;",
    "haproxy.cfg": "compression algo gzip\n    compression type application/json",
}
# HTTP/2 in clear text, with prior knowledge.
HTTP2 = {"nginx.conf": "http2", "haproxy.cfg": "proto h2"}


@dataclass(frozen=True)
class Proxy:
    """One contestant; `binary` is set for weir only, and so are `options`."""

    name: str
    binary: Path | None = None
    options: tuple[str, ...] = ()
    spills: bool = False        # whether nginx may write what a slow client has not taken to disk
    is_gzip: bool = False       # whether it compresses JSON
    is_http2: bool = False      # whether its rivals listen for HTTP/2, which weir finds out

    def takes_part_in(self, scenario: Scenario) -> bool:
        """nghttpx is for HTTP/2 only."""
        return self.name != "nghttpx" or scenario.is_http2

    def command(self, children: Children, address: str, upstream: str) -> list[str]:
        """What to run, in the foreground; writes the configuration that it needs."""
        if self.binary:
            metrics = f"127.0.0.1:{children.free_port()}"
            return [
                str(self.binary), "serve", "--threads", "1", "--listen", address,
                "--upstream", upstream, "--metrics", metrics, "--log-level", "warning",
                *(("--gzip", "1") if self.is_gzip else ()), *self.options,
            ]  # fmt: skip
        if self.name == "nginx":
            configuration = self.configuration(children, "nginx.conf", address, upstream)
            errors = children.directory / "nginx-error.log"
            return ["nginx", "-p", str(children.directory), "-e", str(errors), "-c", configuration]
        if self.name == "nghttpx":
            return nghttpx_command(address, upstream)
        upstream = upstream.replace("unix:", "unix@")
        configuration = self.configuration(children, "haproxy.cfg", address, upstream)
        return ["haproxy", "-db", "-f", configuration]

    def configuration(self, children: Children, name: str, address: str, upstream: str) -> str:
        text = (HERE / "rivals" / name).read_text()
        values = {"LISTEN": address, "UPSTREAM": upstream, "DIRECTORY": str(children.directory)}
        values["TEMPORARY_FILE"] = "1024m" if self.spills else "0"
        values["GZIP"] = GZIP[name] if self.is_gzip else ""
        values["HTTP2"] = HTTP2[name] if self.is_http2 else ""
        for key, value in values.items():
            text = text.replace(f"@{key}@", value)
        path = children.directory / f"{address.rsplit(':', 1)[1]}-{name}"
        path.write_text(text)
        return str(path)


def nghttpx_command(address: str, upstream: str) -> list[str]:
    """nghttpx as a careful operator would set it up for this work: it needs no file."""
    front, back = (each.replace(":", ",") for each in (address, upstream))
    return [
        "nghttpx", "--conf=/dev/null", "--workers=1", f"--frontend={front};no-tls", f"--backend={back}",
        "--backend-keep-alive-timeout=1h", "--frontend-http2-read-timeout=1h", "--add-x-forwarded-for",
        "--accesslog-file=/dev/null", "--errorlog-file=/dev/stderr", "--log-level=ERROR",
    ]  # fmt: skip


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
        arguments += ["json"] if scenario.is_json else []
        self.child = children.start(
            f"origin-{port}", [str(binary), *arguments], CLIENT_CPU, stdout=subprocess.PIPE
        )
        wait_until_listening(self.child, self.address)
        self.body = self.expected_body()

    def expected_body(self) -> bytes:
        size = self.scenario.body_bytes
        if not self.scenario.is_json:
            return (PATTERN * (size // len(PATTERN) + 1))[:size]
        answer = ask(self.address, FIELDS)
        if len(answer.body) != size or not json.loads(answer.body):
            raise Failure(f"the origin's JSON is not right: {len(answer.body)} bytes")
        return answer.body

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


def check_answer(running: RunningProxy, origin: Origin) -> int:
    """One request by another client than the load: status, coding and every byte of the body.

    Returns the size of the body as it was sent.
    """
    name = running.proxy.name
    running.child.check_alive()
    try:
        asks = ask_http2 if origin.scenario.is_http2 else ask
        answer = asks(running.address, request_fields(origin.scenario))
        body = gzip.decompress(answer.body) if answer.coding == "gzip" else answer.body
    except (OSError, EOFError, http.client.HTTPException, subprocess.SubprocessError) as error:
        raise Failure(f"{name} gives no answer: {error!r}") from error
    if answer.status != 200 or body != origin.body:
        raise Failure(f"{name} answers {answer.status} with {len(body)} bytes")
    if (answer.coding == "gzip") != origin.scenario.is_gzip:
        raise Failure(f"{name} answers in the coding {answer.coding}")
    return len(answer.body)


@dataclass(frozen=True)
class Answer:
    status: int
    coding: str | None
    body: bytes


def ask(address: str, fields: dict[str, str]) -> Answer:
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/", headers=fields)
        response = connection.getresponse()
        return Answer(response.status, response.getheader("Content-Encoding"), response.read())
    finally:
        connection.close()


def ask_http2(address: str, fields: dict[str, str]) -> Answer:
    """nghttp prints the body; of the status h2load, which counts it, has to be the witness."""
    words = [word for name, value in fields.items() for word in ("-H", f"{name}: {value}")]
    command = ["nghttp", *words, f"http://{address}/"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=True)
    return Answer(200, None, done.stdout)


def request_fields(scenario: Scenario) -> dict[str, str]:
    return FIELDS | ({"Accept-Encoding": "gzip"} if scenario.is_gzip else {})


def check_forwarding(children: Children, proxy: Proxy, scenario: Scenario) -> None:
    """The work must be the same: what each proxy sends upstream is read once."""
    with socket.create_server(("127.0.0.1", children.free_port())) as listener:
        listener.settimeout(10)
        running = start_proxy(children, proxy, "127.0.0.1:%d" % listener.getsockname()[1])
        asks = ask_http2 if scenario.is_http2 else ask
        client = threading.Thread(target=ask_quietly, args=(asks, running.address), daemon=True)
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


def ask_quietly(asks: Callable[[str, dict[str, str]], Answer], address: str) -> None:
    try:
        asks(address, FIELDS)
    except (OSError, http.client.HTTPException, subprocess.SubprocessError):
        pass  # the listener's side reports it
