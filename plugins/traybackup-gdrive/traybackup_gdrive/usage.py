"""Usage: what a place has cost, in calls, in Google's quota units and in bytes.

Source: https://developers.google.com/workspace/drive/api/guides/limits.
"""

import threading
from collections import Counter

UNITS = {
    "files.get": 5,
    "files.list": 100,
    "files.download": 200,
    "files.create": 50,
    "files.update": 50,
    "files.delete": 50,
    "files.generateIds": 5,
    "about.get": 5,
    "files.upload": 0,  # a further piece of a create or update that was counted when it began
}
"""Quota units that each method costs. A user has 325,000 a minute."""


class Usage:
    """Counts. Safe from threads.

    Attributes:
        calls: How often each method was called, refused calls included.
        sent: Bytes of content handed to the line, those of broken calls included.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sent = 0
        self._lock = threading.Lock()

    @property
    def units(self) -> int:
        """Quota units in all."""
        with self._lock:
            return sum(UNITS[method] * count for method, count in self.calls.items())

    def count(self, method: str) -> None:
        """Count one call."""
        with self._lock:
            self.calls[method] += 1

    def count_sent(self, size: int) -> None:
        """Count content."""
        with self._lock:
            self.sent += size
