"""HTTP clients of other makes under one interface, so that one action can be asked of each."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import requests
import urllib3
from support.client import parse_fields

TIMEOUT_SECONDS = 30
PIECE_BYTES = 10_000

Fields = dict[str, str]
Pieces = Callable[[], Iterator[bytes]]
"""A body whose length the client does not know, made anew for each request."""


@dataclass
class Seen:
    """What a client has made of a response."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes
    interim: list[int] = field(default_factory=list)


class Client:
    """A client with its connections and cookies."""

    chunks = True
    """Whether it can send a body of unknown length."""
    cookies = True
    """Whether it keeps cookies."""
    without_weir: type["Client"] | None = None
    """Who asks gunicorn directly what this one asks through weir; nobody else where gunicorn understands it."""

    def __init__(self, address: str) -> None:
        self.base = f"http://{address}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""

    def exchange(
        self, method: str, path: str, fields: Fields | None = None, body: bytes | Pieces | None = None
    ) -> Seen:
        """One request as it stands: no redirect is followed."""
        raise NotImplementedError

    def form(self, path: str, values: dict[str, str]) -> Seen:
        """A POST of a form."""
        raise NotImplementedError

    def multipart(self, path: str, name: str, content: bytes) -> Seen:
        """A POST of a file."""
        raise NotImplementedError

    def json(self, path: str, value: object) -> Seen:
        """A POST of JSON."""
        raise NotImplementedError

    def follow(self, path: str) -> Seen:
        """A GET that follows redirects."""
        raise NotImplementedError

    def authenticate(self, path: str, user: str, password: str) -> Seen:
        """A GET with basic authentication."""
        raise NotImplementedError

    def download(self, path: str) -> Seen:
        """A GET whose body is read in pieces as they arrive."""
        raise NotImplementedError


class _SessionClient(Client):
    """What requests and httpx spell the same."""

    def _send(self, method: str, path: str, **options: object) -> Seen:
        raise NotImplementedError

    def form(self, path: str, values: dict[str, str]) -> Seen:
        return self._send("POST", path, data=values)

    def multipart(self, path: str, name: str, content: bytes) -> Seen:
        return self._send("POST", path, files={"upload": (name, content)})

    def json(self, path: str, value: object) -> Seen:
        return self._send("POST", path, json=value)

    def authenticate(self, path: str, user: str, password: str) -> Seen:
        return self._send("GET", path, auth=(user, password))


class Requests(_SessionClient):
    """requests."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, path: str, **options: object) -> Seen:
        options = {"allow_redirects": False, "timeout": TIMEOUT_SECONDS, **options}
        response = self._session.request(method, self.base + path, **options)
        return Seen(response.status_code, list(response.raw.headers.items()), response.content)

    def exchange(
        self, method: str, path: str, fields: Fields | None = None, body: bytes | Pieces | None = None
    ) -> Seen:
        return self._send(method, path, headers=fields, data=body() if callable(body) else body)

    def follow(self, path: str) -> Seen:
        return self._send("GET", path, allow_redirects=True)

    def download(self, path: str) -> Seen:
        with self._session.get(self.base + path, stream=True, timeout=TIMEOUT_SECONDS) as response:
            body = b"".join(response.iter_content(PIECE_BYTES))
            return Seen(response.status_code, list(response.raw.headers.items()), body)


class Httpx(_SessionClient):
    """httpx."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._client = httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS, verify=False)

    def close(self) -> None:
        self._client.close()

    def _send(self, method: str, path: str, **options: object) -> Seen:
        response = self._client.request(method, self.base + path, **options)
        return Seen(response.status_code, response.headers.multi_items(), response.content)

    def exchange(
        self, method: str, path: str, fields: Fields | None = None, body: bytes | Pieces | None = None
    ) -> Seen:
        return self._send(method, path, headers=fields, content=body() if callable(body) else body)

    def follow(self, path: str) -> Seen:
        return self._send("GET", path, follow_redirects=True)

    def download(self, path: str) -> Seen:
        with self._client.stream("GET", self.base + path) as response:
            body = b"".join(response.iter_bytes(PIECE_BYTES))
            return Seen(response.status_code, response.headers.multi_items(), body)


class Httpx2(Httpx):
    """httpx that speaks HTTP/2 from the first byte on."""

    without_weir = Httpx

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._client = httpx.Client(
            trust_env=False, timeout=TIMEOUT_SECONDS, verify=False, http1=False, http2=True
        )


class Urllib3(Client):
    """urllib3."""

    cookies = False

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._pool = urllib3.PoolManager(timeout=TIMEOUT_SECONDS, retries=False)

    def close(self) -> None:
        self._pool.clear()

    def _send(self, method: str, path: str, **options: object) -> Seen:
        response = self._pool.request(method, self.base + path, **options)
        return Seen(response.status, list(response.headers.items()), response.data)

    def exchange(
        self, method: str, path: str, fields: Fields | None = None, body: bytes | Pieces | None = None
    ) -> Seen:
        return self._send(method, path, headers=fields, body=body() if callable(body) else body)

    def form(self, path: str, values: dict[str, str]) -> Seen:
        return self._send("POST", path, fields=values, encode_multipart=False)

    def multipart(self, path: str, name: str, content: bytes) -> Seen:
        return self._send("POST", path, fields={"upload": (name, content)})

    def json(self, path: str, value: object) -> Seen:
        return self._send("POST", path, json=value)

    def follow(self, path: str) -> Seen:
        return self._send("GET", path, retries=urllib3.Retry(redirect=10))

    def authenticate(self, path: str, user: str, password: str) -> Seen:
        return self._send("GET", path, headers=urllib3.make_headers(basic_auth=f"{user}:{password}"))

    def download(self, path: str) -> Seen:
        response = self._pool.request("GET", self.base + path, preload_content=False)
        body = b"".join(response.stream(PIECE_BYTES))
        response.release_conn()
        return Seen(response.status, list(response.headers.items()), body)


class Curl(Client):
    """curl, a process for each action."""

    version = "1.1"

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._resources = contextlib.ExitStack()
        self._directory = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))

    def close(self) -> None:
        self._resources.close()

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """curl's output; what is wrong with a transfer is an error."""
        jar = str(self._directory / "cookies")
        command = [
            "curl", "--disable", "--silent", "--show-error", "--path-as-is", "--globoff",
            f"--http{self.version}", "--noproxy", "*", "--max-time", str(TIMEOUT_SECONDS),
            "--expect100-timeout", "0.2",
            "--cookie", jar, "--cookie-jar", jar, *arguments,
        ]  # fmt: skip
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, f"curl: {done.returncode}: {done.stderr.decode()}"
        return done.stdout

    def _send(self, path: str, *arguments: str, stdin: bytes = b"") -> Seen:
        heads = self._directory / "heads"
        body = self.run("--dump-header", str(heads), *arguments, self.base + path, stdin=stdin)
        blocks = [block.split(b"\r\n") for block in heads.read_bytes().split(b"\r\n\r\n")[:-1]]
        statuses = [int(block[0].split(b" ")[1]) for block in blocks]
        interim = [status for status in statuses if status < 200]
        return Seen(statuses[-1], parse_fields(blocks[-1][1:]), body, interim)

    def exchange(
        self, method: str, path: str, fields: Fields | None = None, body: bytes | Pieces | None = None
    ) -> Seen:
        arguments = ["--head"] if method == "HEAD" else ["--request", method]
        for name, value in (fields or {}).items():
            arguments += ["--header", f"{name}: {value}"]
        if callable(body):
            arguments += ["--upload-file", "-", "--header", "Transfer-Encoding: chunked"]
            body = b"".join(body())
        elif body is not None:
            arguments += ["--data-binary", "@-"]
        seen = self._send(path, *arguments, stdin=body or b"")
        if method == "HEAD":
            seen.body = b""  # What curl writes then is the head.
        return seen

    def form(self, path: str, values: dict[str, str]) -> Seen:
        arguments = []
        for name, value in values.items():
            arguments += ["--data-urlencode", f"{name}={value}"]
        return self._send(path, *arguments)

    def multipart(self, path: str, name: str, content: bytes) -> Seen:
        return self._send(path, "--form", f"upload=@-;filename={name}", stdin=content)

    def json(self, path: str, value: object) -> Seen:
        return self._send(path, "--json", json.dumps(value))

    def follow(self, path: str) -> Seen:
        return self._send(path, "--location")

    def authenticate(self, path: str, user: str, password: str) -> Seen:
        return self._send(path, "--user", f"{user}:{password}")

    def download(self, path: str) -> Seen:
        return self._send(path, "--no-buffer", "--compressed")


class OldCurl(Curl):
    """curl that speaks HTTP/1.0."""

    version = "1.0"
    chunks = False


class Curl2(Curl):
    """curl that speaks HTTP/2 from the first byte on."""

    version = "2-prior-knowledge"
    without_weir = Curl


CLIENTS: dict[str, type[Client]] = {
    "requests": Requests,
    "httpx": Httpx,
    "urllib3": Urllib3,
    "curl-1.1": Curl,
    "curl-1.0": OldCurl,
    "httpx-2": Httpx2,
    "curl-2": Curl2,
}
"""All of them by name."""
