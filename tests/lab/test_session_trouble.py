"""What a session does when something goes wrong, and under many hands at once."""

from __future__ import annotations

import random
import signal
import threading
import time

from course_utils.lab.session.errors import LabError
from course_utils.lab.session.lazy_feature_cache import LazyFeatureCache
from course_utils.lab.session.session import Session
from course_utils.networks.blocks import split_into_blocks
from course_utils.training.loop import TrainingDiverged
from course_utils.training.micro_batches import is_out_of_memory
from tests.lab.small import BLOCKS, small
from tests.tiny import same, state

import pytest
import torch
from torch import nn


def ready(session: Session) -> Session:
    """Have the first look behind it, so that the next step is a step."""
    session.run(2)
    return session


def break_forward(session: Session, error: BaseException, times: int = 1):
    """Let the head's next forward passes raise."""
    left = [times]

    def hook(*_):
        if left[0]:
            left[0] -= 1
            raise error

    return session.model.head.register_forward_hook(hook)


@pytest.mark.parametrize("preset", ["all", "head only"])
def test_a_loss_that_is_no_number_fails_the_run_and_a_reset_recovers(preset):
    session = ready(small(preset=preset))
    with torch.no_grad():
        session.model.head[2].bias.fill_(float("nan"))
    before = state(session.model)
    with pytest.raises(TrainingDiverged):
        session.run(1)
    shot = session.snapshot()
    assert shot["status"] == "failed"
    assert "the loss became nan at step 3" in shot["error"]
    assert "tenth" in shot["error"]
    assert shot["step"] == 2
    after = state(session.model)
    assert all(torch.equal(after[n], t) or t.isnan().any() for n, t in before.items())
    with pytest.raises(LabError, match="reset"):
        session.step()
    session.toggle("stem")  # wishes may be made meanwhile
    session.reset()
    assert session.status == "ready"
    assert session.snapshot()["error"] is None
    session.run(3)
    assert session.snapshot()["step"] == 3


def test_an_error_leaves_no_trace_but_its_message():
    session = ready(small(preset="all"))
    before = state(session.model)
    break_forward(session, KeyError("where"))
    with pytest.raises(KeyError):
        session.step()
    assert same(state(session.model), before), "batch norm had met the batch: it was put back"
    assert all(p.grad is None for p in session.model.parameters())
    shot = session.snapshot()
    assert shot["error"] == "KeyError: 'where'"
    assert "raise error" in shot["traceback"]
    assert shot["marks"][-1] == [2, "stopped by an error"]


def test_a_plan_that_cannot_be_followed_changes_nothing(monkeypatch):
    session = ready(small())
    controls = session._run.controls

    def refuse(*_):
        raise RuntimeError("no optimizer today")

    monkeypatch.setattr("course_utils.lab.session.run.build_optimizer", refuse)
    session.preset("all")
    session.set_optimizer("sgd")
    with pytest.raises(RuntimeError, match="today"):
        session.step()
    assert session._run.controls == controls
    assert [
        s.name for s in split_into_blocks(session.model) if s.parameters()[0].requires_grad
    ] == ["head"]


def test_out_of_memory_halves_the_batch_aloud_and_the_next_step_goes_on():
    session = ready(small(preset="all"))
    before = state(session.model)
    break_forward(session, torch.OutOfMemoryError("CUDA out of memory"))
    assert session.step() is None
    assert same(state(session.model), before)
    step = session.step()
    assert (step.number, step.images) == (3, 4)
    shot = session.snapshot()
    assert shot["status"] == "ready"
    assert shot["marks"] == [[2, "out of memory: 4 images a step from here on"]]
    assert shot["settings"]["batch_size"] == 4


def test_memory_that_never_suffices_fails_the_run_in_the_end():
    session = ready(small(preset="all"))
    error = RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")
    break_forward(session, error, times=99)
    assert session.step() is None
    assert session.step() is None  # 8, 4, 2 images
    with pytest.raises(RuntimeError):
        session.step()
    assert "smaller batches cannot help" in session.snapshot()["error"]
    session.reset()
    session.run(1)
    assert session.snapshot()["settings"]["batch_size"] == 8


def test_out_of_memory_inside_the_optimizer_is_not_glossed_over():
    """Some blocks may have moved and others not, so the step cannot be taken again."""
    session = ready(small(preset="all"))

    def half_a_step(*_):
        raise MemoryError

    session._run.optimizer.register_step_pre_hook(half_a_step)
    with pytest.raises(MemoryError):
        session.step()
    assert session.status == "failed"
    assert session.snapshot()["settings"]["batch_size"] == 8


def test_out_of_memory_while_looking_halves_the_slices():
    session = small(test=40)
    break_forward(session, MemoryError())
    assert session.step() is None
    session.run(1)
    assert session.snapshot()["marks"] == [
        [0, "out of memory: looking at 16 images at a time from here on"]
    ]
    assert [s for s, _ in session.snapshot()["evaluations"]] == [0, 1]


def test_other_errors_are_not_mistaken_for_memory():
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("shape mismatch"))
    assert not is_out_of_memory(ValueError("out of memory"))


def test_a_cache_that_does_not_fit_is_done_without(monkeypatch):
    monkeypatch.setattr(LazyFeatureCache.__init__, "__defaults__", (100,))
    session = small()
    session.run(3)
    cache = session.snapshot()["cache"]
    assert not cache["active"]
    assert "over the limit" in cache["text"]


class Stepper:
    """A thread that steps until told to stop, as the panel's does."""

    def __init__(self, session: Session) -> None:
        self.session, self.stop, self.errors, self.steps = session, threading.Event(), [], []
        self.thread = threading.Thread(target=self.go, daemon=True)

    def go(self) -> None:
        while not self.stop.is_set():
            try:
                if step := self.session.step():
                    self.steps.append(step)
            except Exception as error:
                self.errors.append(error)
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive(), "it hangs"


def test_resets_while_another_thread_steps():
    session = small(preset="all")
    with Stepper(session) as stepper:
        for seed in range(30):
            session.reset(seed=seed)
            shot = session.snapshot()
            assert shot["run"] == seed + 2
            time.sleep(0.005)
        wait_for(lambda: session.snapshot()["step"] > 5)
    assert stepper.errors == []
    assert session.status == "ready"
    alone = small(preset="all", seed=29)
    alone.run(session.snapshot()["step"], evaluate=False)
    assert same(state(alone.model), state(session.model)), "no step of an old run got in"


def test_a_failure_of_a_run_that_was_replaced_meanwhile_is_nobodys_concern():
    session = ready(small())

    def reset_and_break(*_):
        session.reset()
        raise RuntimeError("too late to matter")

    session.model.head.register_forward_hook(reset_and_break)
    assert session.step() is None
    assert session.status == "ready"
    session.run(2)
    assert session.snapshot()["step"] == 2


def wait_for(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


def test_toggles_from_four_threads_while_stepping():
    session = small()
    done: list[int] = []
    troubles: list[Exception] = []

    def click(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(150):
                try:
                    rng.choice(
                        [
                            lambda: session.toggle(rng.choice(BLOCKS)),
                            lambda: session.preset(rng.choice(["all", "head only"])),
                            lambda: session.set_batch_norm(rng.choice(["eval", "train"])),
                            lambda: session.set_rates(head=rng.choice([1e-3, 3e-3])),
                            lambda: session.snapshot(since=3),
                            lambda: session.history(),
                        ]
                    )()
                except LabError as error:
                    if "only block that learns" not in str(error):
                        raise
                time.sleep(0.001)
        except Exception as error:
            troubles.append(error)
        done.append(seed)

    with Stepper(session) as stepper:
        threads = [threading.Thread(target=click, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        taken = len(stepper.steps)
        wait_for(lambda: len(stepper.steps) > taken + 2)
    assert sorted(done) == [0, 1, 2, 3]
    assert troubles == []
    assert stepper.errors == []
    assert [s.number for s in stepper.steps] == list(range(1, len(stepper.steps) + 1))
    shot = session.snapshot()
    assert not any(row["pending"] for row in shot["blocks"])
    wished = {row["name"] for row in shot["blocks"] if row["frozen"]}
    for block in split_into_blocks(session.model):
        assert all(p.requires_grad != (block.name in wished) for p in block.parameters())


def test_two_threads_that_both_step_take_turns():
    session = small(preset="all")
    with Stepper(session) as first, Stepper(session) as second:
        wait_for(lambda: len(first.steps) + len(second.steps) > 40)
    numbers = sorted(s.number for s in [*first.steps, *second.steps])
    assert numbers == list(range(1, len(numbers) + 1))
    alone = small(preset="all")
    alone.run(len(numbers), evaluate=False)
    assert same(state(alone.model), state(session.model))


def test_an_interrupt_waits_for_the_end_of_the_step():
    session = ready(small(preset="all"))
    session.model.head.register_forward_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        session.step()
    assert session.snapshot()["step"] == 3, "the step was finished first"
    assert session.status == "ready"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    twin = small(preset="all")
    twin.run(3, evaluate=False)
    assert same(state(twin.model), state(session.model))


def test_two_sessions_do_not_touch_each_other():
    first, second, alone = small(seed=1), small(seed=2, preset="all"), small(seed=1)
    for _ in range(6):
        first.run(1, evaluate=False)
        second.run(1, evaluate=False)
    alone.run(6, evaluate=False)
    assert same(state(first.model), state(alone.model))


def test_dropout_is_off_since_it_draws_from_everybodys_generator():
    session = small()
    assert [m.p for m in session.model.modules() if isinstance(m, nn.Dropout)] == [0.0] * 3
