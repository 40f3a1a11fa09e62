"""Waiting for a condition with a deadline; no test sleeps for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE_SECONDS = 10.0
"""How long anything may take that ought to happen at once; generous, since the machine is shared."""


def eventually(
    condition: Callable[[], Value],
    what: str,
    within: float = PATIENCE_SECONDS,
    every: float = 0.01,
) -> Value:
    """Polls until `condition` gives something true, and returns it; fails naming `what`."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what} (last value: {value!r})")
        time.sleep(every)


def eventually_equal(
    read: Callable[[], Value], expected: Value, what: str, within: float = PATIENCE_SECONDS
) -> None:
    """Polls until `read()` equals `expected`; fails with the last value read."""
    deadline = time.monotonic() + within
    while (value := read()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: {value!r} is not {expected!r} after {within} s")
        time.sleep(0.02)


def settled(read: Callable[[], int], what: str, quiet: float = 0.5) -> int:
    """Polls until `read()` has not changed for `quiet` seconds, and returns it."""
    last, since = read(), time.monotonic()
    deadline = since + 30
    while time.monotonic() - since < quiet:
        if time.monotonic() > deadline:
            raise AssertionError(f"never comes to rest: {what}, now {last}")
        time.sleep(0.02)
        if (now := read()) != last:
            last, since = now, time.monotonic()
    return last
