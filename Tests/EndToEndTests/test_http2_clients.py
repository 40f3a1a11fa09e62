# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 clients of several makes with prior knowledge (RFC 9113 §3.3), against gunicorn and a scripted upstream."""

import asyncio
import contextlib
import hashlib
import json
import random
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from support.buffering import KIB, MIB, checked, summary
from support.gunicorn import Gunicorn
from support.http2_client import StreamClient, in_turns
from support.process import clean_environment
from support.upstream import Arrived, Peer
from support.weir import Weir

PIECE = bytes(range(256)) * 256
"""What apps/application.py sends many times over."""
LARGE = hashlib.shake_128(b"a large body").digest(64 * MIB)
GROWTH_MAX = 8 * MIB
"""How much the peak of weir's memory may grow by bodies of eight times that."""
LITTLE_MEMORY = {"request_buffer": "64k", "response_buffer": "64k"}


class Pod(NamedTuple):
    """weir and gunicorn side by side."""

    weir: Weir
    gunicorn: Gunicorn

    @property
    def base(self) -> str:
        """Where URLs begin."""
        return f"http://{self.weir.address}"


@pytest.fixture(scope="module", params=["gthread", "sync"])
def pod(request, tmp_path_factory) -> Iterator[Pod]:
    """A pod for each worker class; sync workers want no more requests at a time than there are."""
    directory = tmp_path_factory.mktemp(request.param)
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        gunicorn = Gunicorn(directory, f"unix:{sockets / 'app.sock'}", worker_class=request.param)
        stack.callback(gunicorn.stop)
        slots = {"slots": 2} if request.param == "sync" else {}
        weir = Weir(directory, gunicorn.address, threads=2, **LITTLE_MEMORY, **slots)
        stack.callback(weir.kill)
        yield Pod(weir, gunicorn)
        weir.expect("http_server_active_requests", 0)
        weir.expect("weir_connections", 0)
        assert weir.metrics().by("weir_http2_errors_total", "reason") == {}
        assert weir.metrics().by("weir_client_aborts_total", "stage") == {}


def run(*command: str, stdin: bytes = b"") -> bytes:
    """The output of a client that ends well."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, timeout=60, check=False, env=clean_environment()
    )
    assert done.returncode == 0, f"{command[0]}: {done.returncode}: {done.stderr.decode()}"
    return done.stdout


def curl(*arguments: str, stdin: bytes = b"") -> bytes:
    """What curl prints when it speaks HTTP/2 from the first byte on."""
    return run(
        "curl", "--disable", "--silent", "--show-error", "--http2-prior-knowledge", "--noproxy", "*",
        "--max-time", "30", *arguments, stdin=stdin,
    )  # fmt: skip


def digest(body: bytes) -> dict[str, object]:
    """What the app answers to an upload."""
    return {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}


# curl


def test_curl_gets(pod):
    """The plainest case."""
    assert curl("--write-out", " %{http_version} %{http_code}", f"{pod.base}/") == b"hello 2 200"


def test_curl_asks_for_the_head(pod):
    """RFC 9110 §9.3.2: the fields of the GET and no body."""
    head = curl("--head", f"{pod.base}/sized/16").decode()
    assert head.startswith("HTTP/2 200")
    assert f"content-length: {MIB}\r\n" in head


def test_curl_uploads_a_file(pod, tmp_path):
    """With a length."""
    body = LARGE[:MIB]
    (tmp_path / "file").write_bytes(body)
    assert json.loads(curl("--data-binary", f"@{tmp_path / 'file'}", f"{pod.base}/digest")) == digest(body)


def test_curl_uploads_what_has_no_length(pod):
    """RFC 9113 §8.1: the end of the stream ends the body; upstream is told a length or sent chunks."""
    body = LARGE[: 3 * MIB + 7]
    assert json.loads(curl("--upload-file", "-", f"{pod.base}/digest", stdin=body)) == digest(body)


@pytest.mark.parametrize("path", ["/sized/320", "/generated/320"])
def test_curl_downloads(pod, path):
    """20 MiB, with a length and without."""
    assert curl(f"{pod.base}{path}") == PIECE * 320


def test_curl_makes_requests_at_once(pod):
    """Twenty, each on a connection of its own: over one, this curl fails with every server."""
    paths = [f"/generated/{number}" for number in range(1, 21)]
    outputs = [part for path in paths for part in ("--output", "/dev/null", pod.base + path)]
    words = "%{http_version} %{http_code} %{size_download}\\n"
    told = curl("--parallel", "--parallel-immediate", "--write-out", words, *outputs)
    assert sorted(told.decode().split("\n")[:-1]) == sorted(f"2 200 {number * 65536}" for number in range(1, 21))


# nghttp and h2load


def test_nghttp_gets_several_at_once(pod):
    """One connection; each has its own answer."""
    before = pod.weir.sum("weir_connections_total", protocol="http/2")
    paths = ["/", "/sized/4", "/generated/3", "/empty", "/unchanged", "/no/such/path", "/moved"]
    told = run("nghttp", "--null-out", "--stat", *[f"{pod.base}{path}" for path in paths]).decode()
    rows = re.findall(r"^ *\d+ .*? (\d{3}) +(\S+) (/\S*)$", told, re.MULTILINE)
    assert {path: status for status, _, path in rows} == dict(
        zip(paths, ["200", "200", "200", "204", "304", "404", "302"], strict=True)
    )
    assert pod.weir.sum("weir_connections_total", protocol="http/2") == before + 1


def test_nghttp_uploads(pod, tmp_path):
    """A file, over and over in one connection."""
    body = LARGE[: MIB + 1]
    (tmp_path / "file").write_bytes(body)
    told = run("nghttp", "--data", str(tmp_path / "file"), "--multiply", "3", f"{pod.base}/digest").decode()
    assert [json.loads(line) for line in told.splitlines()] == [digest(body)] * 3


def test_nghttp_reads_with_the_smallest_window(pod):
    """RFC 9113 §6.9: a window of 2^14 - 1 bytes for each stream, and for the connection."""
    told = run("nghttp", "--window-bits=14", "--connection-window-bits=16", f"{pod.base}/sized/40",
               f"{pod.base}/generated/40")  # fmt: skip
    assert len(told) == 80 * len(PIECE)
    # Answers to requests at once come interleaved: only their bytes can be counted.
    assert sum(told) == 80 * sum(PIECE)


def test_h2load_has_every_answer_and_weir_counts_them(pod):
    """2,000 requests, 32 at a time on each of 10 connections."""
    names = ("flask_requests", "weir_connections_total", "http_server_request_duration_seconds_count")
    before = {name: pod.weir.sum(name) for name in names}
    codes = pod.weir.sum("flask_response_code", status="200")
    told = run("h2load", "-n", "2000", "-c", "10", "-m", "32", f"{pod.base}/").decode()
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in told
    assert "status codes: 2000 2xx, 0 3xx, 0 4xx, 0 5xx" in told
    pod.weir.expect("flask_requests", before["flask_requests"] + 2000)
    pod.weir.expect("flask_response_code", codes + 2000, status="200")
    pod.weir.expect(names[2], before[names[2]] + 2000)
    assert pod.weir.sum("weir_connections_total", protocol="http/2") >= 10
    pod.weir.expect("weir_connections", 0, protocol="http/2")


# httpx


def test_httpx_makes_a_hundred_requests_at_once(pod):
    """Bodies of their own, each answered with its own, over one connection."""
    bodies = [random.Random(number).randbytes(number * 997) for number in range(100)]

    async def send_all() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(
            http1=False, http2=True, trust_env=False, timeout=60, limits=limits, base_url=pod.base
        ) as client:
            return await asyncio.gather(*[client.post("/echo", content=body) for body in bodies])

    before = pod.weir.sum("weir_connections_total")
    answers = asyncio.run(send_all())
    assert {(one.status_code, one.http_version) for one in answers} == {(200, "HTTP/2")}
    assert [one.content for one in answers] == bodies
    assert pod.weir.sum("weir_connections_total") == before + 1


def test_httpx_streams_both_ways(pod):
    """A body from a generator, and an answer read in pieces."""

    def pieces() -> Iterator[bytes]:
        yield from (LARGE[start : start + 77_777] for start in range(0, 5 * MIB, 77_777))

    sent = b"".join(pieces())
    with httpx.Client(http1=False, http2=True, trust_env=False, timeout=60, base_url=pod.base) as client:
        assert client.post("/digest", content=pieces()).json() == digest(sent)
        with client.stream("GET", "/generated/80") as response:
            assert b"".join(response.iter_bytes(10_000)) == PIECE * 80


# h2


def test_many_kinds_of_requests_share_a_connection(pod):
    """One after the other, whatever gunicorn does with its own connections."""
    before = pod.weir.sum("weir_connections_total")
    with StreamClient(pod.weir.address) as client:
        for turn in range(10):
            assert client.fetch("/").text == "hello"
            assert client.fetch("/echo", "POST", b"turn %d" % turn).body == b"turn %d" % turn
            assert client.fetch("/sized/1", "HEAD").get("content-length") == str(64 * KIB)
            assert client.fetch("/empty").status == 204
            assert client.fetch("/unchanged").status == 304
            assert client.fetch("/generated/2").body == PIECE * 2
            assert client.fetch("/error").status == 500
    assert pod.weir.sum("weir_connections_total") == before + 1


def test_response_arrives_while_it_is_produced(pod):
    """The first piece is here before the app has made the second, and other streams are served meanwhile."""
    name = f"gate-{len(list(pod.gunicorn.gates.iterdir()))}"
    with StreamClient(pod.weir.address) as client:
        stream = client.open(f"/gated/{name}")
        answer = client.on(stream)
        client.until(lambda: answer.body, "the first piece")
        assert answer.body == b"first"
        assert client.fetch("/").text == "hello"
        assert (answer.body, answer.ended) == (b"first", False)
        (pod.gunicorn.gates / name).touch()
        assert client.response(stream).body == b"firstlast"


def memory_peak(weir: Weir) -> int:
    """The most memory that weir ever had resident."""
    for line in Path(f"/proc/{weir.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * KIB
    raise AssertionError("weir has exited")


@pytest.mark.parametrize("length", [True, False], ids=["length", "no-length"])
def test_large_upload_is_whole_and_takes_little_memory(pod, length):
    """64 MiB, compared by digest."""
    with StreamClient(pod.weir.address, timeout=30) as client:
        client.fetch("/")
        before = memory_peak(pod.weir)
        fields = {"content_length": str(len(LARGE))} if length else {}
        stream = client.open("/digest", "POST", ends=False, **fields)
        client.send_body(stream, LARGE)
        assert json.loads(client.response(stream).body) == digest(LARGE)
    assert memory_peak(pod.weir) - before < GROWTH_MAX


@pytest.mark.parametrize("path", ["/sized/1024", "/generated/1024"])
def test_large_download_is_whole_and_takes_little_memory(pod, path):
    """64 MiB, compared by digest, through windows of 65,535 bytes."""
    with StreamClient(pod.weir.address, timeout=30) as client:
        client.fetch("/")
        before = memory_peak(pod.weir)
        body = client.fetch(path).body
    assert hashlib.sha256(body).digest() == hashlib.sha256(PIECE * 1024).digest()
    assert memory_peak(pod.weir) - before < GROWTH_MAX


# Many streams at once

STREAMS = 100


def mirrored(peer: Peer, arrived: Arrived) -> None:
    """Answers with the checksum, then the body, in chunks."""
    peer.read_body(arrived)
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    whole = summary(bytes(arrived.body)) + b" " + arrived.body
    for start in range(0, len(whole), 8009):
        piece = whole[start : start + 8009]
        peer.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    peer.send(b"0\r\n\r\n")


KINDS = {
    "1 thread": {"threads": 1},
    "4 threads": {"threads": 4},
    "1 slot": {"threads": 1, "slots": 1},
    "4 threads, 3 slots": {"threads": 4, "slots": 3},
    "streamed": {"threads": 1, "request_buffer": 0, "response_buffer": 0},
    "spilled": {"threads": 1, "request_buffer": "8k", "response_buffer": "8k"},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_bodies_of_a_hundred_streams_are_never_mixed_up(stands, options):
    """Sent frame by frame in turns, in both directions at once, over two connections for each mode."""
    stand = stands(**options)
    target = stand.play(mirrored, keeps=True)
    for turn in range(2):
        chance = random.Random(turn)
        contents = [chance.randbytes(chance.randrange(60_000)) for _ in range(STREAMS)]
        with StreamClient(stand.proxy.address, timeout=30, window=20_000) as client:
            bodies = {client.open(target, "POST", ends=False): content for content in contents}
            for _ in in_turns(client, bodies, chance.randrange(1000, 16_384)):
                pass
            for stream, content in bodies.items():
                answer = client.response(stream)
                assert answer.status == 200
                assert answer.body == summary(content) + b" " + content


def test_clients_of_both_versions_share_one_listener(stands):
    """The preface decides (RFC 9113 §3.3); the gauges tell them apart."""
    stand = stands(threads=1)
    target = stand.play(checked, keeps=True)
    with StreamClient(stand.proxy.address) as two, stand.client() as one:
        for _ in range(3):
            assert two.fetch(target, "POST", b"abc").body == summary(b"abc")
            assert one.exchange(f"GET {target} HTTP/1.1\r\nHost: w\r\n\r\n".encode()).body == summary(b"")
        stand.proxy.expect("weir_connections", 1, protocol="http/2")
        stand.proxy.expect("weir_connections", 1, protocol="http/1.1")
    stand.proxy.expect("weir_connections", 0)
