# SPDX-License-Identifier: Apache-2.0
"""A gibibyte each way through weir to gunicorn, one side fast and the other slow: whole, and in little memory."""

import importlib.util
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from support.buffering import MIB, Sender
from support.client import RawClient, fetch, request
from support.gunicorn import APPS, Gunicorn
from support.waiting import eventually_equal, settled
from support.weir import Weir

SIZE = 1024 * MIB
GROWTH_MAX = 8 * MIB
HELD_MAX = 64 * MIB
"""What the kernel may take between two sides of which one waits: far from all."""
STEP = 128 * MIB
"""How much the slow side takes at a time."""
LITTLE_MEMORY = {"request_buffer": "64k", "response_buffer": "64k", "spill_limit": "3g"}


class Pod(NamedTuple):
    """weir and gunicorn side by side, and what the app sends and counts."""

    weir: Weir
    gunicorn: Gunicorn
    framing: str

    def progress(self, name: str) -> int:
        """How far the app is, asked of gunicorn itself."""
        return int(fetch(self.gunicorn.address, request(f"/progress/{name}")).text)

    def allow(self, name: str, count: int) -> None:
        """Lets the app go on until it has had so many bytes."""
        written = self.gunicorn.gates / f"{name}.new"
        written.write_text(str(count))
        written.rename(self.gunicorn.gates / name)

    @property
    def memory_peak(self) -> int:
        """The most memory that weir ever had resident, files that are mapped included."""
        for line in Path(f"/proc/{self.weir.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("weir has exited")


def started(
    directory: Path, threads: int, framing: str, **options: object
) -> Iterator[Pod]:
    """A pod whose peak of memory grows little, and which ends with nothing kept."""
    sockets = Path(tempfile.mkdtemp(prefix="weir-"))
    gunicorn = Gunicorn(
        directory, f"unix:{sockets / 'app.sock'}", workers=1, threads=8, application="large"
    )
    try:
        weir = Weir(directory, gunicorn.address, threads=threads, **{**LITTLE_MEMORY, **options})
        try:
            pod = Pod(weir, gunicorn, framing)
            fetch(weir.address, request("/progress/none"))
            before = pod.memory_peak
            yield pod
            grown = pod.memory_peak - before
            print(f"the peak of memory has grown by {grown / MIB:.1f} MiB")
            assert grown < GROWTH_MAX
            for name in ("weir_spill_files", "weir_spill_bytes", "http_server_active_requests"):
                weir.expect(name, 0)
        finally:
            weir.kill()
    finally:
        gunicorn.stop()
        shutil.rmtree(sockets, ignore_errors=True)


KINDS = pytest.mark.parametrize(
    ("threads", "framing"), [(1, "length"), (4, "chunked")], ids=["1-length", "4-chunked"]
)


@pytest.fixture
def spilling(tmp_path, threads, framing) -> Iterator[Pod]:
    """A pod with room on disk."""
    yield from started(tmp_path, threads, framing, spill_directory=tmp_path)


@pytest.fixture
def holding_back(tmp_path, threads, framing) -> Iterator[Pod]:
    """A pod without a directory to spill to."""
    yield from started(tmp_path, threads, framing, spill_directory=tmp_path / "missing")


def _load_blocks():
    """The generator of the app, which needs no gunicorn to run."""
    specification = importlib.util.spec_from_file_location("large", APPS / "large.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.blocks


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    """The content of every body here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATES", str(tmp_path_factory.mktemp("gates")))
        return _load_blocks()


@pytest.fixture(scope="module")
def checksum(blocks) -> int:
    """That of a whole body."""
    return checksum_of(blocks(SIZE))[0]


def checksum_of(pieces: Iterator[bytes]) -> tuple[int, int]:
    """Checksum and length of what comes."""
    value = length = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
        length += len(piece)
    return value, length


def uploaded(client: RawClient, pod: Pod, name: str, blocks) -> Sender:
    """Sends the head, and the body in a thread."""
    if pod.framing == "length":
        client.send(request(f"/upload/{name}", "POST", Content_Length=str(SIZE)))
        return Sender(client.socket, blocks(SIZE))
    client.send(request(f"/upload/{name}", "POST", Transfer_Encoding="chunked"))

    def chunks() -> Iterator[bytes]:
        for block in blocks(SIZE):
            yield b"%x\r\n%b\r\n" % (len(block), block)
        yield b"0\r\n\r\n"

    return Sender(client.socket, chunks())


class Body:
    """The body of a response, taken in pieces as they come."""

    def __init__(self, client: RawClient) -> None:
        self._client = client
        head = client.read_head()
        assert head.status == 200
        self.chunked = head.all("transfer-encoding") == ["chunked"]
        self.checksum = self.length = 0

    def take(self, count: int) -> None:
        """Reads until `count` bytes have come, or a little more."""
        while self.length < count:
            piece = self._client.read_chunk() if self.chunked else self._client.read_some()
            assert piece, f"the end after {self.length} bytes"
            self.checksum = zlib.crc32(piece, self.checksum)
            self.length += len(piece)

    def finish(self) -> tuple[int, int]:
        """Reads all of it; its checksum and length."""
        self.take(SIZE)
        assert not self.chunked or self._client.read_chunk() == b""
        return self.checksum, self.length


@KINDS
def test_upload_is_taken_at_once_and_the_app_reads_later(spilling, blocks, checksum):
    """The client is done before the app has read a byte; gunicorn was not bothered until then."""
    with RawClient(spilling.weir.address, timeout=60) as client:
        sender = uploaded(client, spilling, "up", blocks)
        eventually_equal(lambda: sender.sent > SIZE // 4, True, "a quarter has gone out", within=30)
        assert spilling.weir.sum("weir_slots_busy") == 0
        sender.finish()
        eventually_equal(lambda: spilling.progress("up"), 0, "gunicorn has the head", within=30)
        assert spilling.weir.sum("weir_spill_bytes") > SIZE // 2
        spilling.allow("up", SIZE + 1)
        response = client.read_response()
    assert json.loads(response.body) == {"size": SIZE, "checksum": checksum}
    assert spilling.weir.sum("weir_spill_failures_total") == 0


@KINDS
def test_download_is_made_at_once_and_the_client_reads_later(spilling, checksum):
    """The app is done, and its worker free, before the client has read a byte."""
    with RawClient(spilling.weir.address, timeout=60, receive_buffer=65_536) as client:
        client.send(request(f"/download/down/{SIZE}?{spilling.framing}"))
        eventually_equal(lambda: spilling.progress("down"), SIZE, "the app is done", within=60)
        spilling.weir.expect("weir_slots_busy", 0)
        spilling.weir.expect("weir_upstream_connections", 0, state="active")
        assert spilling.weir.sum("weir_spill_bytes") > SIZE // 2
        assert Body(client).finish() == (checksum, SIZE)
    assert spilling.weir.sum("weir_spill_failures_total") == 0


@KINDS
def test_upload_is_held_back_where_it_cannot_spill(holding_back, blocks, checksum):
    """The client goes as fast as the app reads, and no faster."""
    with RawClient(holding_back.weir.address, timeout=60) as client:
        sender = uploaded(client, holding_back, "up", blocks)
        for allowed in (0, STEP, 2 * STEP):
            holding_back.allow("up", allowed)
            eventually_equal(
                lambda least=allowed: holding_back.progress("up") >= least, True, "it reads", within=30
            )
            assert settled(lambda: sender.sent, "what the client could send") < allowed + HELD_MAX
        assert holding_back.weir.sum("weir_spill_failures_total", reason="system") == 1
        holding_back.allow("up", SIZE + 1)
        response = client.read_response()
        sender.finish()
    assert json.loads(response.body) == {"size": SIZE, "checksum": checksum}


@KINDS
def test_download_is_held_back_where_it_cannot_spill(holding_back, checksum):
    """The app goes as fast as the client reads, and no faster."""
    with RawClient(holding_back.weir.address, timeout=60, receive_buffer=65_536) as client:
        client.send(request(f"/download/down/{SIZE}?{holding_back.framing}"))
        body = Body(client)
        for taken in (0, STEP, 2 * STEP):
            body.take(taken)
            made = settled(lambda: holding_back.progress("down"), "what the app could send")
            assert taken - MIB <= made < taken + HELD_MAX
        assert holding_back.weir.sum("weir_spill_failures_total", reason="system") == 1
        assert body.finish() == (checksum, SIZE)
