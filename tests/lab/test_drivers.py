"""The three drivers, with a session that only counts."""

import asyncio
import sys
import threading
import time
from types import SimpleNamespace

from course_utils.lab import driver_choice, drivers
from course_utils.lab.background_driver import BackgroundDriver
from course_utils.lab.drivers import Driver, ForegroundDriver, SynchronousDriver
from course_utils.lab.session.errors import LabError
from tests.lab.scenes import play, until

import pytest


class Counting:
    """Counts steps; every third piece of work is a look, as a session's may be."""

    def __init__(self, seconds: float = 0.001, fails_at: int | None = None) -> None:
        self.seconds, self.fails_at = seconds, fails_at
        self.steps = self.pieces = self.looks = self.at_once = 0
        self.threads: set[str] = set()
        self._lock = threading.Lock()

    def step(self) -> int | None:
        assert self._lock.acquire(timeout=5)
        try:
            self.threads.add(threading.current_thread().name)
            time.sleep(self.seconds)
            self.pieces += 1
            if self.pieces % 3 == 0:
                return None
            self.steps += 1
            if self.steps == self.fails_at:
                raise ZeroDivisionError("the third wheel")
            return self.steps
        finally:
            self._lock.release()

    def evaluate(self) -> float:
        self.looks += 1
        return 0.5


class Told:
    """What a driver told whoever made it."""

    def __init__(self) -> None:
        self.progress, self.ends = 0, []
        self.threads: set[str] = set()

    def on_progress(self) -> None:
        self.progress += 1
        self.threads.add(threading.current_thread().name)

    def on_end(self, error: Exception | None) -> None:
        self.ends.append(error)
        self.threads.add(threading.current_thread().name)


def made(kind: type[Driver], session: Counting) -> tuple[Driver, Told]:
    told = Told()
    return kind(session, told.on_progress, told.on_end), told


def training_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("live-lab")]


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "3"])
def test_a_number_of_steps_must_make_sense(steps: object) -> None:
    driver, told = made(SynchronousDriver, Counting())
    with pytest.raises(LabError, match="whole number"):
        driver.start(steps)  # type: ignore[arg-type]
    assert not driver.running
    assert told.ends == []


def test_synchronous_training_is_over_when_the_call_returns() -> None:
    session = Counting(seconds=0)
    driver, told = made(SynchronousDriver, session)
    driver.start(7)
    assert session.steps == 7
    assert session.looks == 1
    assert told.ends == [None]
    assert not driver.running
    driver.start()
    assert session.steps == 7 + drivers.SYNCHRONOUS_STEPS


def test_an_error_in_a_call_is_told_and_raised() -> None:
    driver, told = made(SynchronousDriver, Counting(fails_at=4))
    with pytest.raises(ZeroDivisionError):
        driver.run(10)
    assert [type(error) for error in told.ends] == [ZeroDivisionError]


def test_an_interrupt_ends_a_run_between_two_steps() -> None:
    session = Counting(seconds=0)
    driver, told = made(SynchronousDriver, session)

    def interrupt() -> None:
        raise KeyboardInterrupt

    driver._progress = interrupt
    session.seconds = drivers.SLICE  # one step a slice
    with pytest.raises(KeyboardInterrupt):
        driver.run(10)
    assert session.steps == 1
    assert told.ends == [None]


def test_in_the_foreground_the_page_asks_for_every_slice() -> None:
    session = Counting()
    driver, told = made(ForegroundDriver, session)
    driver.tick()
    assert session.steps == 0, "nothing was started"
    driver.start()
    assert driver.running
    assert session.steps == 0, "nothing happens by itself"
    driver.tick()
    taken = session.steps
    assert taken > 0
    assert told.progress == 1
    driver.pause()
    driver.tick()
    assert session.steps == taken
    assert session.looks == 1
    assert told.ends == [None]
    driver.pause()
    assert told.ends == [None], "a second pause has nothing to tell"


def test_in_the_foreground_a_number_of_steps_is_kept() -> None:
    session = Counting(seconds=0)
    driver, told = made(ForegroundDriver, session)
    driver.start(5)
    while driver.running:
        driver.tick()
    assert session.steps == 5
    assert told.ends == [None]


def test_in_the_foreground_an_error_ends_training() -> None:
    driver, told = made(ForegroundDriver, Counting(fails_at=2))
    driver.start()
    driver.tick()
    assert not driver.running
    assert [type(error) for error in told.ends] == [ZeroDivisionError]


def test_background_training_leaves_the_loop_free_and_no_thread_behind() -> None:
    async def scene() -> None:
        session = Counting(seconds=0.02)
        driver, told = made(BackgroundDriver, session)
        driver.start()
        slowest = 0.0
        for _ in range(30):
            begun = time.monotonic()
            await asyncio.sleep(0.005)
            slowest = max(slowest, time.monotonic() - begun)
        assert session.steps > 2
        assert slowest < 0.2, f"the loop stood still for {slowest:.2f} s"
        driver.pause()
        assert not driver.running
        await until(lambda: told.ends == [None])
        taken = session.steps
        await asyncio.sleep(0.06)
        assert session.steps == taken
        assert session.looks == 1
        assert threading.current_thread().name not in session.threads
        assert told.threads == {threading.current_thread().name}
        await until(lambda: training_threads() == [])

    play(scene)


def test_many_quick_clicks_leave_one_training_or_none() -> None:
    async def scene() -> None:
        session = Counting()
        driver, told = made(BackgroundDriver, session)
        for _ in range(20):
            driver.start()
            driver.start()
            await asyncio.sleep(0.001)
            driver.pause()
            driver.pause()
        driver.start()
        await until(lambda: len(training_threads()) == 1)
        await until(lambda: len(driver._tasks) == 1)
        assert driver.running
        driver.close()
        await until(lambda: not driver._tasks)
        await until(lambda: training_threads() == [])
        assert not driver.running
        assert set(told.ends) == {None}

    play(scene)


def test_background_training_stops_by_itself() -> None:
    async def scene() -> None:
        session = Counting()
        driver, told = made(BackgroundDriver, session)
        driver.start(9)
        assert driver.remaining == 9
        await until(lambda: not driver.running)
        assert session.steps == 9
        assert told.ends == [None]
        assert driver.remaining == 0

    play(scene)


def test_an_error_in_the_background_is_told() -> None:
    async def scene() -> None:
        driver, told = made(BackgroundDriver, Counting(fails_at=3))
        driver.start()
        await until(lambda: not driver.running)
        assert [str(error) for error in told.ends] == ["the third wheel"]
        await until(lambda: training_threads() == [])

    play(scene)


def test_an_error_of_the_panel_ends_training_and_is_told() -> None:
    async def scene() -> None:
        session = Counting()
        driver, told = made(BackgroundDriver, session)

        def broken() -> None:
            raise OSError("the page is gone")

        driver._progress = broken
        driver.start()
        await until(lambda: not driver.running)
        assert [str(error) for error in told.ends] == ["the page is gone"]

    play(scene)


def test_running_in_a_cell_takes_over_from_the_background() -> None:
    async def scene() -> None:
        session = Counting()
        driver, _ = made(BackgroundDriver, session)
        driver.start()
        await until(lambda: session.steps > 0)
        driver.run(5)
        assert not driver.running
        assert threading.current_thread().name in session.threads
        await until(lambda: not driver._tasks)
        assert driver.remaining == 0

    play(scene)


def test_slow_work_is_done_in_a_thread_and_answered_in_the_loop() -> None:
    async def scene() -> None:
        driver, _ = made(BackgroundDriver, Counting())
        answers: list[tuple[object, object, str]] = []

        def answer(result: object, error: object) -> None:
            answers.append((result, error, threading.current_thread().name))

        driver.work(lambda: threading.current_thread().name, answer)
        await until(lambda: len(answers) == 1)
        assert answers[0][0] != threading.current_thread().name
        assert answers[0][2] == threading.current_thread().name
        driver.work(lambda: 1 // 0, answer)
        await until(lambda: len(answers) == 2)
        assert isinstance(answers[1][1], ZeroDivisionError)

    play(scene)


def test_another_thread_may_start_background_training() -> None:
    async def scene() -> None:
        session = Counting()
        driver, _ = made(BackgroundDriver, session)
        await asyncio.to_thread(driver.start)
        await until(lambda: session.steps > 0)
        driver.pause()
        await until(lambda: not driver._tasks)

    play(scene)


def test_plain_python_trains_synchronously() -> None:
    assert driver_choice.choose_driver() is SynchronousDriver


def test_a_driver_can_be_named() -> None:
    assert driver_choice.choose_driver("foreground") is ForegroundDriver
    with pytest.raises(LabError, match="background"):
        driver_choice.choose_driver("sideways")


def test_colab_is_driven_by_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert driver_choice.choose_driver() is ForegroundDriver


@pytest.mark.parametrize(("reader", "kind"), [(True, BackgroundDriver), (False, SynchronousDriver)])
def test_a_kernel_knows_whether_a_reader_is_there(
    reader: bool, kind: type[Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    import IPython

    shell = SimpleNamespace(kernel=SimpleNamespace(_allow_stdin=reader))
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)

    async def scene() -> type[Driver]:
        return driver_choice.choose_driver()

    assert play(scene) is kind
