"""Stored features change the time that a run takes, and nothing else."""

from __future__ import annotations

from tests.lab.small import small
from tests.tiny import same, state

import pytest
import torch

SCRIPT = [
    ("run", (9,)),
    ("thaw", ("features.18",)),
    ("run", (5,)),
    ("freeze", ("features.18",)),
    ("run", (5,)),
    ("preset", ("first 7",)),
    ("run", (5,)),
    ("set_batch_norm", ("train",)),
    ("run", (2,)),
    ("set_batch_norm", ("eval",)),
    ("run", (5,)),
    ("preset", ("all",)),
    ("run", (3,)),
    ("preset", ("head only",)),
    ("run", (6,)),
]


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_with_and_without_the_cache_the_numbers_are_the_same(optimizer):
    options = {"network": "mobilenet_v2", "optimizer": optimizer}
    cached, plain = small(**options), small(**options, cache=False)
    active = []
    for name, arguments in SCRIPT:
        for session in (cached, plain):
            getattr(session, name)(*arguments)
        if name == "run":
            active.append(cached.snapshot()["cache"]["blocks"])
            assert same(state(cached.model), state(plain.model)), f"after {name} {arguments}"
    assert active == [19, 18, 19, 7, 0, 7, 0, 19]
    first, second = cached.snapshot(), plain.snapshot()
    assert not second["cache"]["active"]
    assert first["curve"] == second["curve"]
    assert first["evaluations"] == second["evaluations"]
    assert first["wall"] == second["wall"]


def test_a_batch_that_does_not_divide_the_images_differs_by_rounding_only():
    options = {"network": "mobilenet_v2", "train": 29, "batch_size": 8}
    cached, plain = small(**options), small(**options, cache=False)
    cached.run(12)
    plain.run(12)
    for name, tensor in state(plain.model).items():
        torch.testing.assert_close(state(cached.model)[name], tensor, rtol=1e-3, atol=1e-4)


def test_the_cache_is_kept_while_it_is_right_and_dropped_when_it_is_not():
    session = small()
    session.run(5)
    kept = session._run.cache
    session.set_rates(head=1e-3)
    session.set_optimizer("sgd")
    session.toggle("stem")
    session.toggle("stem")
    session.run(1)
    assert session._run.cache is kept
    session.thaw("stem")
    session.run(1)
    assert session._run.cache is None
    assert "first block learns" in session.snapshot()["cache"]["text"]
    session.freeze("stem")
    session.run(1)
    assert session._run.cache is not kept, "the old features were those of other weights"


def test_the_frozen_blocks_run_once_for_each_image():
    session = small(evaluate_steps=1000)
    seen = []
    session.model.stem.register_forward_hook(lambda module, args, out: seen.append(len(args[0])))
    session.run(4)
    assert sum(seen) == 32 + 12
    session.run(20)
    assert sum(seen) == 32 + 12
    assert "ran once" in session.snapshot()["cache"]["text"]
