"""What the machine is, which tools it has, and what the kernel says a process has used."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.children import Failure

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nghttp": "nghttp2-client",
    "nghttpx": "nghttp2-proxy",
    "strace": "strace",
    "valgrind": "valgrind",
    "cc": "gcc libc6-dev",
    "taskset": "util-linux",
    "setpriv": "util-linux",
}
POLICY = Path("/usr/sbin/policy-rc.d")


@dataclass(frozen=True)
class Account:
    """CPU time and waiting of some processes, from the scheduler; or the difference of two."""

    user_ticks: int
    system_ticks: int
    run_ns: int
    wait_ns: int

    @classmethod
    def of(cls, pids: list[int]) -> "Account":
        user = system = run = wait = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            user, system = user + int(fields[11]), system + int(fields[12])
            for task in Path(f"/proc/{pid}/task").iterdir():
                task_run, task_wait, _ = (task / "schedstat").read_text().split()
                run, wait = run + int(task_run), wait + int(task_wait)
        return cls(user, system, run, wait)

    def __sub__(self, before: "Account") -> "Account":
        return Account(
            self.user_ticks - before.user_ticks,
            self.system_ticks - before.system_ticks,
            self.run_ns - before.run_ns,
            self.wait_ns - before.wait_ns,
        )

    @property
    def total_us(self) -> float:
        """The nanosecond account where the kernel keeps one, otherwise the ticks."""
        ticks_us = (self.user_ticks + self.system_ticks) * 1e6 / TICKS_PER_SECOND
        return self.run_ns / 1e3 if self.run_ns else ticks_us

    @property
    def user_us(self) -> float:
        """The share of the total that the ticks give to user space."""
        ticks = self.user_ticks + self.system_ticks
        return self.total_us * self.user_ticks / ticks if ticks else 0.0


def steal_ticks() -> int:
    """Ticks, over all CPUs, in which the hypervisor ran something else."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])


def resident_bytes(pids: list[int]) -> int:
    """Counted page by page: the quick figure in `statm` may be off by hundreds of KiB."""
    rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids)
    return sum(int(re.search(r"^Rss:\s+(\d+) kB", text, re.M).group(1)) for text in rollups) * 1024


def missing_tools(names: set[str]) -> dict[str, str]:
    """Those of the tools that are not there, each with the Debian package that brings it."""
    return {name: PACKAGES[name] for name in sorted(names) if not shutil.which(name)}


def install(packages: set[str]) -> None:
    """Installs Debian packages without letting them start their services."""
    words = sorted(word for package in packages for word in package.split())
    keeps_services_down = not POLICY.exists()
    if keeps_services_down:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        command = ["apt-get", "install", "-y", "--no-install-recommends", *words]
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        if subprocess.run(command, env=environment).returncode:
            raise Failure(f"{' '.join(command)} failed")
    finally:
        if keeps_services_down:
            POLICY.unlink()


def describe(weir_binaries: dict[str, Path]) -> list[tuple[str, str]]:
    """The rows that a reader needs to compare two machines."""
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    rows = [(name, weir_version(path)) for name, path in weir_binaries.items()]
    rows += [
        ("nginx", first_line("nginx", "-v").removeprefix("nginx version: ")),
        ("HAProxy", first_line("haproxy", "-v")),
        ("nghttpx", first_line("nghttpx", "--version")),
        ("wrk", first_line("wrk", "-v").split(" Copyright")[0]),
        ("h2load", first_line("h2load", "--version")),
        ("kernel", platform.release()),
        ("CPU", cpu.group(1) if cpu else platform.machine()),
        ("cores", str(os.cpu_count())),
        ("Swift", first_line("swift", "--version")),
        ("C compiler", first_line("cc", "--version")),
        ("load average at the start", " ".join(f"{load:.2f}" for load in os.getloadavg())),
    ]
    return rows


def weir_version(binary: Path) -> str:
    git = ["git", "-C", str(binary.resolve().parent), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    digest = subprocess.run(["sha256sum", binary], capture_output=True, text=True).stdout[:12]
    return f"commit {commit or 'unknown'}, sha256 {digest}…, {binary.stat().st_size / 1e6:.1f} MB"


def first_line(*command: str) -> str:
    if not shutil.which(command[0]):
        return "not there"
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return next((line.strip() for line in done.stdout.splitlines() if line.strip()), "silent")
