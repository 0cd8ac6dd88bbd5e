"""Usage: what a place has cost, in calls and in bytes."""

import threading
from collections import Counter


class Usage:
    """Counts. Safe from threads.

    Attributes:
        calls: How often each route was called, refused calls and those for tokens included.
        sent: Bytes of content handed to the line, those of broken calls included.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.sent = 0
        self._lock = threading.Lock()

    def count(self, route: str) -> None:
        """Count one call."""
        with self._lock:
            self.calls[route] += 1

    def count_sent(self, size: int) -> None:
        """Count content."""
        with self._lock:
            self.sent += size
