# SPDX-License-Identifier: Apache-2.0
"""What apps/ledger.py has written down about the requests that reached it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from support.waiting import eventually


@dataclass(frozen=True)
class Entry:
    """One event of one request: `begun`, `made` (the answer is there) or `sent` (gunicorn's socket has taken it)."""

    event: str
    number: int
    method: str
    pid: int


class Ledger:
    """The entries of all workers, in the order in which they happened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def entries(self) -> list[Entry]:
        """All of them so far."""
        if not self.path.exists():
            return []
        whole = self.path.read_text().rpartition("\n")[0]
        words = [line.split() for line in whole.splitlines()]
        return [Entry(event, int(number), method, int(pid)) for event, number, method, pid in words]

    def counts(self, event: str, method: str | None = None) -> Counter[int]:
        """How often that has happened to each number."""
        return Counter(
            one.number for one in self.entries if one.event == event and method in (None, one.method)
        )

    def wait_for(self, event: str, number: int) -> Entry:
        """Waits until that has happened to a request."""

        def find() -> Entry | None:
            return next((one for one in self.entries if (one.event, one.number) == (event, number)), None)

        return eventually(find, f"request {number} is {event}", every=0.005)

    @property
    def running(self) -> int:
        """Requests that a worker has begun and whose answer gunicorn has not sent whole."""
        events = Counter(one.event for one in self.entries)
        return events["begun"] - events["sent"]

    @property
    def most_at_once(self) -> int:
        """The most requests that the app has worked on at a time."""
        now = most = 0
        for one in self.entries:
            now += {"begun": 1, "made": -1, "sent": 0}[one.event]
            most = max(most, now)
        return most
