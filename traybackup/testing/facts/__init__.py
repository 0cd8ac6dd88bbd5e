"""What every place must do, one function a fact; each takes an empty `Ground` and fails by assertion."""

from collections.abc import Callable

from traybackup.testing.facts import atomicity, clients, listings, objects, troubles
from traybackup.testing.ground import Ground

Fact = Callable[[Ground], None]

FACTS: tuple[Fact, ...] = (*objects.FACTS, *listings.FACTS, *clients.FACTS, *atomicity.FACTS, *troubles.FACTS)
