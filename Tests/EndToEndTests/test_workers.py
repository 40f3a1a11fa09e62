# SPDX-License-Identifier: Apache-2.0
"""gunicorn's workers as weir sees them: slots that follow them, the backlog before them, what each costs."""

import math
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.addresses import split, tcp_address
from support.client import RawClient, fetch, request
from support.gunicorn import Gunicorn
from support.waiting import eventually, eventually_equal

WARNING = "no worker of gunicorn can be seen"
OWN_PROCESSES = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
OWN_NETWORK = ("unshare", "--net")


@pytest.fixture(params=["unix", "tcp"])
def address(request, short_path) -> str:
    """Where gunicorn listens."""
    return tcp_address() if request.param == "tcp" else f"unix:{short_path / 'app.sock'}"


@pytest.fixture
def gunicorn(tmp_path) -> Iterator[Callable[..., Gunicorn]]:
    """Starts gunicorns, by default with one sync worker."""
    started: list[Gunicorn] = []

    def start(address: str, **options: object) -> Gunicorn:
        defaults = {"worker_class": "sync", "workers": 1}
        started.append(Gunicorn(tmp_path, address, **{**defaults, **options}))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def needs(launcher: tuple[str, ...]) -> None:
    """Skips the test where this user cannot make namespaces."""
    done = shutil.which(launcher[0]) and subprocess.run([*launcher, "true"], check=False, capture_output=True)
    if not done or done.returncode != 0:
        pytest.skip(f"{' '.join(launcher)} is not allowed here")


def labels(proxy, name: str = "weir_worker_resident_memory_bytes") -> list[str]:
    """The places that workers have, in the order of the page."""
    return [sample.labels["worker"] for sample in proxy.metrics().all(name)]


# Slots


@pytest.mark.parametrize("workers", [1, 3])
def test_slots_are_as_many_as_sync_workers(weir, gunicorn, address, workers):
    """--slots auto: the master holds the socket as well, and counts for none."""
    proxy = weir(gunicorn(address, workers=workers).address, slots="auto")
    proxy.expect("weir_slots", workers)
    assert WARNING not in proxy.stderr


def test_slots_are_workers_times_threads(weir, gunicorn, address):
    """--worker-threads, for gthread."""
    proxy = weir(
        gunicorn(address, worker_class="gthread", workers=2, threads=4).address,
        slots="auto",
        worker_threads=4,
    )
    proxy.expect("weir_slots", 8)
    assert proxy.sum("weir_workers") == 2


def test_workers_with_a_socket_each_are_added_up(weir, gunicorn):
    """gunicorn --reuse-port: the master holds none of them."""
    app = gunicorn(tcp_address(), workers=3, options=("--reuse-port",))
    proxy = weir(app.address, slots="auto")
    proxy.expect("weir_slots", 3)
    assert len(app.workers) == 3


def test_slots_follow_one_worker_more_and_one_less(weir, gunicorn, address):
    """TTIN and TTOU; what waits gets the new slot at once, who is inside keeps its own."""
    app = gunicorn(address)
    proxy = weir(app.address, slots="auto", threads=2)
    proxy.expect("weir_slots", 1)
    with RawClient(proxy.address) as held, RawClient(proxy.address) as next_one:
        held.send(request("/gated/held"))
        assert held.read_head().status == 200
        next_one.send(request("/gated/next"))
        proxy.expect("weir_queue_length", 1)
        app.signal(signal.SIGTTIN)
        assert next_one.read_head().status == 200
        assert proxy.sum("weir_slots") == 2
        assert proxy.sum("weir_slots_busy") == 2
        # The oldest worker goes when it is through: until then it has the socket, and its slot.
        app.signal(signal.SIGTTOU)
        (app.gates / "held").touch()
        assert held.read_chunk() == b"first"
        proxy.expect("weir_slots", 1)
        (app.gates / "next").touch()
        assert [next_one.read_chunk(), next_one.read_chunk()] == [b"first", b"last"]
    proxy.expect("weir_slots_busy", 0)


def test_queue_is_what_the_workers_cannot_take(weir, gunicorn, address):
    """Three workers: three requests are in gunicorn, the rest wait in weir and not in the backlog."""
    app = gunicorn(address, workers=3)
    proxy = weir(app.address, slots="auto", threads=2)
    proxy.expect("weir_slots", 3)
    clients = [RawClient(proxy.address) for _ in range(8)]
    for client in clients:
        client.send(request("/gated/all"))
    proxy.expect("weir_queue_length", 5)
    assert proxy.sum("weir_slots_busy") == 3
    proxy.expect("weir_upstream_accept_backlog", 0)
    (app.gates / "all").touch()
    for client in clients:
        assert client.read_response().status == 200
        client.close()


def test_slots_outlive_a_reload(weir, gunicorn, address):
    """HUP: other processes, as many as before."""
    app = gunicorn(address, workers=3)
    proxy = weir(app.address, slots="auto")
    proxy.expect("weir_slots", 3)
    before = app.workers
    app.signal(signal.SIGHUP)
    eventually(
        lambda: len(app.workers) == 3 and not app.workers & before, "all workers are new", within=20
    )
    proxy.expect("weir_workers", 3)
    proxy.expect("weir_slots", 3)
    assert fetch(proxy.address).status == 200


def test_slots_outlive_a_crash_and_then_follow(weir, gunicorn, address):
    """While gunicorn is away the last number stays; the new one may have others."""
    app = gunicorn(address, workers=3)
    proxy = weir(app.address, slots="auto")
    proxy.expect("weir_slots", 3)
    workers = app.workers
    app.kill()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    scrape = eventually(
        lambda: (page := proxy.metrics()) and not page.all("weir_workers") and page, "no worker is seen"
    )
    assert scrape.value("weir_slots") == 3
    gunicorn(address, workers=2)
    proxy.expect("weir_slots", 2)
    assert WARNING not in proxy.stderr


def test_slots_follow_a_restart(weir, gunicorn, address):
    """TERM, and another gunicorn at the same address."""
    app = gunicorn(address, workers=2)
    proxy = weir(app.address, slots="auto")
    proxy.expect("weir_slots", 2)
    app.stop()
    gunicorn(address, workers=3)
    proxy.expect("weir_slots", 3)
    assert fetch(proxy.address).status == 200


def test_slots_are_bounded_once_gunicorn_has_come(weir, gunicorn, address):
    """weir starts first: no bound, and no warning either, until there is something to see."""
    proxy = weir(address, ready=False, slots="auto", worker_threads=5)
    assert proxy.sum("weir_slots") == math.inf
    gunicorn(address, workers=2)
    proxy.expect("weir_slots", 10)
    assert WARNING not in proxy.stderr


def test_slots_are_unlimited_without_sight_of_the_processes(weir, gunicorn, address):
    """Another process namespace: a warning that says so, and everything else works."""
    needs(OWN_PROCESSES)
    proxy = weir(gunicorn(address).address, slots="auto", launcher=OWN_PROCESSES)
    eventually(lambda: WARNING in proxy.stderr, "the warning")
    assert fetch(proxy.address).status == 200
    scrape = proxy.metrics()
    assert scrape.value("weir_slots") == math.inf
    assert scrape.all("weir_workers") == []
    assert labels(proxy) == []
    # The socket is in the same network namespace, so its queue is known.
    assert len(scrape.all("weir_upstream_accept_backlog")) == 1
    assert proxy.stderr.count(WARNING) == 1


def test_slots_are_unlimited_with_an_upstream_elsewhere(weir, gunicorn, short_path):
    """Another network namespace, as another host: it answers, and its socket is not here."""
    needs(OWN_NETWORK)
    app = gunicorn(f"unix:{short_path / 'app.sock'}", launcher=OWN_NETWORK)
    proxy = weir(app.address, slots="auto")
    eventually(lambda: WARNING in proxy.stderr, "the warning")
    assert fetch(proxy.address).status == 200
    scrape = proxy.metrics()
    assert scrape.value("weir_slots") == math.inf
    assert scrape.all("weir_upstream_accept_backlog") == []
    assert scrape.all("weir_workers") == []
    assert scrape.types["weir_upstream_accept_backlog"] == "gauge"


# The backlog


def test_backlog_is_what_gunicorn_has_not_accepted(weir, gunicorn, address):
    """One worker that is busy: whoever else is sent on waits in the kernel, and is counted there."""
    app = gunicorn(address)
    proxy = weir(app.address)
    clients = [RawClient(proxy.address) for _ in range(5)]
    clients[0].send(request("/gated/all"))
    # A worker accepts in order: with this one it has accepted all that came before.
    assert clients[0].read_head().status == 200
    for client in clients[1:]:
        client.send(request("/gated/all"))
    proxy.expect("weir_upstream_accept_backlog", 4)
    (app.gates / "all").touch()
    for client in clients[1:]:
        assert client.read_response().status == 200
    for client in clients:
        client.close()
    proxy.expect("weir_upstream_accept_backlog", 0)


def test_backlog_of_who_hangs_is_not_made_longer(weir, address):
    """Whoever asks for metrics or readiness opens no connection while others wait to be accepted."""
    family, target = split(address)
    with closing(socket.socket(family)) as listener:
        listener.bind(target)
        listener.listen(16)
        proxy = weir(address, ready=False)
        # Nobody waits, so this scrape asks; its connection stays, and is none of those it counts.
        assert proxy.sum("weir_upstream_accept_backlog") == 0
        for _ in range(5):
            assert proxy.ask("/-/ready").status == 200
            assert proxy.sum("weir_upstream_accept_backlog") == 1
            assert proxy.sum("weir_upstream_up") == 1
        clients = [RawClient(proxy.address) for _ in range(3)]
        for client in clients:
            client.send(request())
        proxy.expect("weir_upstream_accept_backlog", 4)
        for client in clients:
            client.close()


def test_backlog_is_of_the_address_that_weir_connects_to(weir, gunicorn):
    """Another socket with the same port, at another address, is not upstream's."""
    app = gunicorn(tcp_address())
    port = app.bind[1]
    with closing(socket.socket()) as other, closing(socket.socket()) as waiting:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.2", port))
        other.listen(16)
        waiting.connect(("127.0.0.2", port))
        proxy = weir(app.address, slots="auto")
        proxy.expect("weir_upstream_accept_backlog", 0)
        proxy.expect("weir_slots", 1)


# Each worker


def test_each_worker_has_its_figures(weir, gunicorn, address):
    """Memory and processor time of each, of the size that the kernel tells."""
    app = gunicorn(address, workers=2)
    proxy = weir(app.address)
    proxy.expect("weir_workers", 2)
    assert labels(proxy) == labels(proxy, "weir_worker_cpu_seconds_total") == ["1", "2"]

    def memory_is_the_kernels() -> bool:
        """Within a factor of two: a worker that has just begun grows, and its pages are counted late."""
        seen = proxy.metrics().all("weir_worker_resident_memory_bytes")
        statms = [Path(f"/proc/{worker}/statm").read_text() for worker in sorted(app.workers)]
        real = [int(statm.split()[1]) * os.sysconf("SC_PAGE_SIZE") for statm in statms]
        return all(0.5 < one.value / other < 2 for one, other in zip(seen, real, strict=True))

    def all_have_worked() -> bool:
        """Each imports Flask and the app, which takes more than a clock tick."""
        return all(0 < one.value < 600 for one in proxy.metrics().all("weir_worker_cpu_seconds_total"))

    eventually(memory_is_the_kernels, "the memory of each worker", within=30)
    eventually(all_have_worked, "processor time of each worker", within=30)


def test_worker_that_works_is_seen_at_it(weir, gunicorn, address):
    """Its processor time grows."""
    proxy = weir(gunicorn(address).address)
    before = proxy.sum("weir_worker_cpu_seconds_total")

    def grows() -> bool:
        assert fetch(proxy.address, request("/sized/16")).status == 200
        return proxy.sum("weir_worker_cpu_seconds_total", worker="1") > before

    eventually(grows, "processor time of the worker", within=30)


def test_worker_that_is_replaced_makes_no_new_series(weir, gunicorn, address):
    """The label is a place: the next worker has that of the one before, the others keep theirs."""
    app = gunicorn(address, workers=3)
    proxy = weir(app.address)
    eventually_equal(lambda: labels(proxy), ["1", "2", "3"], "places")
    for _ in range(3):
        before = app.workers
        victim = sorted(before)[1]
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: len(app.workers) == 3 and victim not in app.workers, "a new worker", within=20)
        eventually_equal(lambda: labels(proxy), ["1", "2", "3"], "places")
    assert proxy.sum("weir_workers") == 3


def test_worker_that_forks_is_one_worker(weir, gunicorn, address, tmp_path):
    """What the application forks has the socket as well, and accepts nothing."""
    configuration = tmp_path / "gunicorn.conf.py"
    configuration.write_text(
        "import os, signal\n"
        "def post_worker_init(worker):\n"
        "    for _ in range(2):\n"
        "        if os.fork() == 0:\n"
        "            signal.alarm(60)\n"
        "            signal.signal(signal.SIGALRM, signal.SIG_DFL)\n"
        "            while os.getppid() == worker.pid:\n"
        "                signal.sigtimedwait([signal.SIGTERM], 0.2)\n"
        "            os._exit(0)\n"
    )
    app = gunicorn(address, workers=2, options=("--config", str(configuration)))
    proxy = weir(app.address, slots="auto")
    proxy.expect("weir_slots", 2)
    assert labels(proxy) == ["1", "2"]
