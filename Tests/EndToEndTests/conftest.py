"""Fixtures: everything on 127.0.0.1 or unix sockets, ended by pid, its stderr shown when a test fails."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support import process
from support.buffering import Gated, resting_bytes
from support.client import fetch, request
from support.gunicorn import Gunicorn
from support.http2 import Http2Client
from support.prometheus import Prometheus
from support.stand import Stand
from support.traffic import Outcome, send_mix
from support.upstream import Script, ScriptedUpstream
from support.weir import Weir


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Attaches what the processes wrote to stderr to the report of a failure."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for one in process.running:
            state = "runs" if one.exit_status is None else f"exited with {one.exit_status}"
            if said := one.stderr[-4000:]:
                report.sections.append((f"stderr of {one.name} ({state})", said))


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path leaves room for a socket's name (108 bytes in all)."""
    path = Path(tempfile.mkdtemp(prefix="weir-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def upstream() -> Iterator[Callable[..., ScriptedUpstream]]:
    """Starts scripted upstreams; what their scripts found wrong fails the test at its end."""
    started: list[ScriptedUpstream] = []

    def start(*scripts: Script, **options: object) -> ScriptedUpstream:
        started.append(ScriptedUpstream(*scripts, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def weir(tmp_path: Path) -> Iterator[Callable[..., Weir]]:
    """Starts weirs; one that has died by itself fails the test at its end."""
    started: list[Weir] = []

    def start(upstream: ScriptedUpstream | str, **options: object) -> Weir:
        address = upstream if isinstance(upstream, str) else upstream.address
        started.append(Weir(tmp_path, address, **options))
        return started[-1]

    yield start
    statuses = [(one.name, one.exit_status, one.stderr[-2000:]) for one in started]
    for one in started:
        one.kill()
    for name, status, stderr in statuses:
        assert status in (None, 0, 1), f"{name} died with {status}:\n{stderr}"


@pytest.fixture(scope="session")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stand]]:
    """The stands of this session by their options."""
    stands: dict[str, Stand] = {}
    yield stands
    try:
        for one in stands.values():
            one.comes_to_rest()
    finally:
        for one in stands.values():
            one.close()


@pytest.fixture
def stands(
    standing: dict[str, Stand], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Stand]]:
    """Gives the stand with these options, which other tests use too; what harms it fails this one."""
    used: dict[str, Stand] = {}

    def stand(**options: object) -> Stand:
        key = repr(sorted(options.items()))
        if key not in standing:
            standing[key] = Stand(tmp_path_factory.mktemp("stand"), **options)
        used[key] = standing[key]
        return standing[key]

    yield stand
    for key, one in used.items():
        if one.proxy.exit_status is not None:
            del standing[key]
        one.check()


@pytest.fixture
def stand(request: pytest.FixtureRequest, stands: Callable[..., Stand]) -> Stand:
    """The stand with the defaults and one thread, or with the options of a mark."""
    return stands(**getattr(request, "param", {}))


@pytest.fixture
def http2(stand: Stand) -> Iterator[Http2Client]:
    """A connection to the stand on which both sides have said and acknowledged their settings."""
    with Http2Client(stand.proxy.address) as client:
        client.start()
        yield client


@pytest.fixture
def gate(stand: Stand) -> Iterator[Gated]:
    """An exchange of the stand that answers once it may, with its target; when the test is over it may."""
    exchange = Gated()
    exchange.target = stand.play(exchange, keeps=True)
    yield exchange
    exchange.may_answer.set()


@pytest.fixture
def buffering(stands: Callable[..., Stand]) -> Iterator[Callable[..., Stand]]:
    """Gives stands as `stands` does; in the end each has given back all memory and every file."""
    used: dict[Stand, int] = {}

    def stand(**options: object) -> Stand:
        one = stands(**options)
        used[one] = resting_bytes(int(options.get("threads", 1)))
        return one

    yield stand
    for one, resting in used.items():
        if one.proxy.exit_status is None:
            one.proxy.expect("weir_spill_files", 0)
            one.proxy.expect("weir_spill_bytes", 0)
            one.proxy.expect("weir_buffer_bytes", resting)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "weir-test", str(path)]
    if subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("only root may mount, and not everywhere")
    yield path
    subprocess.run(["umount", str(path)], timeout=10, check=True)


@dataclass
class Observed:
    """A pod after its traffic, and the Prometheus that watched it."""

    weir: Weir
    gunicorn: Gunicorn
    plain: Prometheus
    juju: Prometheus
    outcome: Outcome
    ended: float


JUJU_LABELS = {
    "juju_model": "welcome",
    "juju_model_uuid": "20a01e4e-4e5c-4f2b-8d5a-3a8b6b1f8f11",
    "juju_application": "flask-app",
    "juju_unit": "flask-app/0",
    "juju_charm": "flask-k8s",
}
"""What the charm's scrape job adds to every series."""


@contextlib.contextmanager
def watched_pod(
    directory: Path, send: Callable[[str], Outcome], options: tuple[str, ...] = ()
) -> Iterator[Observed]:
    """Starts gunicorn, weir and two Prometheis, and lets `send` make the traffic."""
    with contextlib.ExitStack() as stack:
        sockets = Path(tempfile.mkdtemp(prefix="weir-"))
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        address = f"unix:{sockets / 'app.sock'}"

        def started(one):
            stack.callback(one.stop)
            return one

        gunicorn = started(Gunicorn(directory, address, workers=2, threads=16, options=options))
        weir = started(Weir(directory, address, threads=2))
        watchers = []
        for name, labels in {"plain": None, "juju": JUJU_LABELS}.items():
            (directory / name).mkdir()
            watchers.append(started(Prometheus(directory / name, weir.admin, labels)))
        for watcher in watchers:
            watcher.wait_for_scrapes()
        outcome = send(weir.address)
        total = len(outcome.seconds)
        weir.expect("flask_requests", total)
        for watcher in watchers:
            watcher.eventually("flask_requests", total)
        yield Observed(weir, gunicorn, *watchers, outcome, time.time())


@pytest.fixture(scope="session")
def busy_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A pod that has answered 1,000 requests of many statuses and durations."""
    with watched_pod(tmp_path_factory.mktemp("busy"), send_mix) as observed:
        yield observed


def send_few(address: str) -> Outcome:
    """Ten requests that are answered with 200."""
    for _ in range(10):
        assert fetch(address, request("/")).status == 200
    return Outcome({200: 10}, [0.0] * 10)


@pytest.fixture(scope="session")
def quiet_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """A pod that has answered a few requests, all with 200: no other class has occurred."""
    with watched_pod(tmp_path_factory.mktemp("quiet"), send_few) as observed:
        yield observed


@pytest.fixture(scope="session")
def json_pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    """The same with a logger class that writes JSON, which makes gunicorn's own StatsD fall silent."""
    options = ("--logger-class", "json_logger.JSONLogger")
    with watched_pod(tmp_path_factory.mktemp("json"), send_few, options) as observed:
        yield observed
