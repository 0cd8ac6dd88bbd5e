"""Workers: back-pressure, the first failure, and an end to every thread."""

import threading
from collections.abc import Callable

import pytest

from traybackup.engine.workers import Workers

pytestmark = [pytest.mark.timeout(30), pytest.mark.usefixtures("no_thread_left")]


class Boom(Exception):
    """What work raises in these tests."""


def in_thread(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def waiting_feeder(workers: Workers[int], items: range) -> tuple[threading.Thread, list[int]]:
    """Submit *items* in a thread; return it and the list of those that were taken."""
    taken: list[int] = []

    def feed() -> None:
        for item in items:
            workers.submit(item)
            taken.append(item)

    return in_thread(feed), taken


@pytest.mark.parametrize("count", [1, 2, 8])
def test_every_item_is_worked_on_once(count: int) -> None:
    """Nothing is lost and nothing is done twice, whatever the number of threads."""
    done: list[int] = []
    workers = Workers("test", count, done.append)
    for item in range(1000):
        workers.submit(item)
    workers.finish()
    assert sorted(done) == list(range(1000))


def test_threads_carry_the_name() -> None:
    """Who looks at a hanging process sees what its threads are for."""
    names: list[str] = []
    workers = Workers("upload", 1, lambda _: names.append(threading.current_thread().name))
    workers.submit(0)
    workers.finish()
    assert names == ["upload-0"]


def test_a_full_queue_holds_the_feeder_back() -> None:
    """With the threads busy exactly *depth* items wait, and the feeder with the next one in hand."""
    gate, busy = threading.Event(), threading.Semaphore(0)

    def work(_: int) -> None:
        busy.release()
        gate.wait(20)

    workers = Workers("test", 2, work, depth=3)
    feeder, taken = waiting_feeder(workers, range(20))
    busy.acquire()
    busy.acquire()
    feeder.join(0.2)
    assert feeder.is_alive()
    assert len(taken) == 2 + 3
    gate.set()
    feeder.join(20)
    workers.finish()
    assert len(taken) == 20


def test_the_first_failure_is_the_one_that_is_raised() -> None:
    """When two items fail at the same time, the one that failed first is told."""
    both = threading.Barrier(2)
    first_is_out = threading.Event()
    errors = {0: Boom("first"), 1: Boom("second")}

    def work(item: int) -> None:
        both.wait(20)
        if item == 1:
            assert first_is_out.wait(20)
        raise errors[item]

    workers = Workers("test", 2, work)
    workers.submit(0)
    workers.submit(1)
    while workers._failure is None:
        first_is_out.wait(0.001)
    first_is_out.set()
    with pytest.raises(Boom) as caught:
        workers.finish()
    assert caught.value is errors[0]


def test_after_a_failure_nothing_is_taken_and_what_waits_is_dropped() -> None:
    """Items behind the one that failed are not worked on, and submitting raises the failure."""
    gate, done = threading.Event(), []

    def work(item: int) -> None:
        gate.wait(20)
        if item == 0:
            raise Boom
        done.append(item)

    workers = Workers("test", 1, work, depth=5)
    for item in range(6):
        workers.submit(item)
    gate.set()
    workers.stop()
    with pytest.raises(Boom):
        workers.submit(99)
    with pytest.raises(Boom):
        workers.check()
    with pytest.raises(Boom):
        workers.finish()
    assert done == []


def test_a_failure_frees_a_feeder_that_waits() -> None:
    """A feeder blocked on the full queue gets on when the work fails; nobody hangs."""
    gate = threading.Event()

    def work(_: int) -> None:
        gate.wait(20)
        raise Boom

    workers = Workers("test", 1, work)
    caught: list[BaseException] = []

    def feed() -> None:
        try:
            for item in range(50):
                workers.submit(item)
        except Boom as error:
            caught.append(error)

    feeder = in_thread(feed)
    feeder.join(0.1)
    assert feeder.is_alive()
    gate.set()
    feeder.join(20)
    assert len(caught) == 1
    workers.abandon(caught[0])


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_even_an_exit_does_not_vanish_in_a_thread(error: BaseException) -> None:
    """Whatever work raises reaches the feeder."""

    def work(_: int) -> None:
        raise error

    workers = Workers("test", 1, work)
    workers.submit(0)
    with pytest.raises(type(error)) as caught:
        workers.finish()
    assert caught.value is error


def test_stopping_twice_is_fine() -> None:
    """The second stop finds nothing to do, and what was queued before the first is done."""
    done: list[int] = []
    workers = Workers("test", 3, done.append)
    workers.submit(1)
    workers.stop()
    workers.stop()
    workers.finish()
    assert done == [1]


def test_abandoning_drops_what_waits_and_lets_what_runs_end() -> None:
    """Giving up waits for the item in work, and for no other."""
    gate, started, done = threading.Event(), threading.Event(), []

    def work(item: int) -> None:
        started.set()
        gate.wait(20)
        done.append(item)

    workers = Workers("test", 1, work, depth=3)
    for item in range(4):
        workers.submit(item)
    assert started.wait(20)
    giving_up = in_thread(lambda: workers.abandon(Boom()))
    giving_up.join(0.1)
    assert giving_up.is_alive()
    gate.set()
    giving_up.join(20)
    assert done == [0]
    with pytest.raises(Boom):
        workers.check()


def test_abandoning_keeps_the_failure_that_came_first() -> None:
    """The reason for giving up is most often a failure of the work itself, which stays the one that is told."""
    error = Boom("the real one")

    def work(_: int) -> None:
        raise error

    workers = Workers("test", 1, work)
    workers.submit(0)
    workers.stop()
    workers.abandon(Boom("a later one"))
    with pytest.raises(Boom) as caught:
        workers.check()
    assert caught.value is error
