"""Cancel is heard at once by everybody; the progress that nobody wants does nothing."""

import inspect
import threading

import pytest

from traybackup.api.errors import Cancelled
from traybackup.api.progress import Cancel, Progress


def test_a_request_to_stop_stays() -> None:
    """Before it nothing happens, after it every check raises."""
    cancel = Cancel()
    cancel.check()
    assert not cancel.is_set()
    cancel.set()
    cancel.set()
    assert cancel.is_set()
    for _ in range(2):
        with pytest.raises(Cancelled):
            cancel.check()


def test_who_sleeps_is_woken_by_the_request() -> None:
    """A thread that waits an hour wakes when somebody asks to stop, and says so."""
    cancel, woken = Cancel(), []
    sleeper = threading.Thread(target=lambda: woken.append(cancel.wait(3600)))
    sleeper.start()
    cancel.set()
    sleeper.join(30)
    assert woken == [True]


def test_who_is_not_asked_sleeps_to_the_end() -> None:
    """And says that, too."""
    assert not Cancel().wait(0.001)


def test_the_plain_progress_takes_everything_and_does_nothing() -> None:
    """Every report has a method that can be called, and returns nothing."""
    progress = Progress()
    arguments: dict[str, object] = {"bytes": b"/f", "str": "new", "int": 5}
    names = [name for name, _ in inspect.getmembers(Progress, inspect.isfunction) if not name.startswith("_")]
    assert {"expect", "item", "advance", "stored", "phase", "trouble"} <= set(names)
    for name in names:
        method = getattr(progress, name)
        parameters = inspect.signature(method).parameters.values()
        assert method(*(arguments[parameter.annotation.__name__] for parameter in parameters)) is None
