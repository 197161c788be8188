"""A reader who clicks at random, thousands of times: what must hold after every click."""

from __future__ import annotations

import json

from course_utils.lab.session.errors import LabError
from course_utils.networks.blocks import split_into_blocks
from course_utils.training import freezing
from tests.lab.small import BLOCKS, small
from tests.tiny import by_stage, equal, same, state

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

BAD = [
    ("freeze", ("features.99",), {}),
    ("thaw", (None,), {}),
    ("toggle", (3,), {}),
    ("preset", ("everything",), {}),
    ("preset", ("first N",), {}),
    ("preset", ("first N", 4), {}),
    ("preset", ("all", 2), {}),
    ("set_batch_norm", ("off",), {}),
    ("set_rates", (0,), {}),
    ("set_rates", (-1e-3,), {}),
    ("set_rates", (), {"backbone": 1e6}),
    ("set_rates", (1e-3, float("nan")), {}),
    ("set_rates", ("fast",), {}),
    ("set_rates", (True,), {}),
    ("set_rates", (), {}),
    ("set_optimizer", ("adagrad",), {}),
    ("mark", ("  ",), {}),
    ("run", (-1,), {}),
    ("reset", (), {"colour": "red"}),
    ("reset", (), {"head_rate": 0}),
    ("reset", (), {"batch_size": 1}),
    ("reset", (), {"preset": "first 12"}),
    ("reset", (), {"train": 0}),
]


class Reader(RuleBasedStateMachine):
    """Two sessions follow the same clicks: one with the cache, one without."""

    @initialize(seed=st.integers(0, 3), preset=st.sampled_from(["head only", "all", "first 1"]))
    def start(self, seed, preset):
        self.session = small(seed=seed, preset=preset)
        self.plain = small(seed=seed, preset=preset, cache=False)
        self.wished = {b["name"] for b in self.session.snapshot()["blocks"] if b["frozen"]}
        self.batch_norm, self.rates, self.kind = "eval", (3e-3, 1e-3), "adamw"
        self.renew()

    def renew(self):
        self.steps = 0
        self.ever_wished: list[set[str]] = []
        self.before = by_stage(self.session.model)

    def both(self, name, *arguments, **keywords):
        for session in (self.session, self.plain):
            getattr(session, name)(*arguments, **keywords)

    @rule(count=st.integers(1, 4))
    def take_steps(self, count):
        """The heart of it: frozen means not one bit, learning means movement."""
        for _ in range(count):
            before = by_stage(self.session.model)
            # looks come first, and move nothing
            while (step := self.session.step()) is None:
                assert self.unchanged(before)
            while self.plain.step() is None:
                pass
            self.steps += 1
            self.ever_wished = [set(self.wished)]  # it has been followed: no older one can be
            assert step.number == self.steps
            self.check_what_moved(before)
            self.check_model_carries_the_plan()

    @rule()
    def take_a_step(self):
        self.take_steps(1)

    @rule()
    def take_two(self):
        self.take_steps(2)

    def unchanged(self, before):
        now = by_stage(self.session.model)
        return all(equal(now[b][i], before[b][i]) for b in BLOCKS for i in (0, 1))

    def check_what_moved(self, before):
        after = by_stage(self.session.model)
        for block in BLOCKS:
            (weights, buffers), (old_weights, old_buffers) = after[block], before[block]
            if block in self.wished:
                assert equal(weights, old_weights), f"{block} is frozen, and moved"
                if self.batch_norm == "eval":
                    assert equal(buffers, old_buffers), f"{block} is frozen, its statistics moved"
                elif buffers:
                    assert not equal(buffers, old_buffers)
            else:
                assert not equal(weights, old_weights), f"{block} learns, and did not move"

    def check_model_carries_the_plan(self):
        model = self.session.model
        table = freezing.block_table(model).set_index("block")
        for row in self.session.snapshot()["blocks"]:
            assert not row["pending"]
            assert row["batch_norm"] == table.loc[row["name"], "batch_norm"]
        optimizer = self.session._run.optimizer
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert held == {id(p) for p in model.parameters()}
        for block in split_into_blocks(model):
            frozen = block.name in self.wished
            for parameter in block.parameters():
                assert parameter.requires_grad is not frozen
                assert frozen == (parameter.grad is None)
        lr = {group["name"].split(",")[0]: group["lr"] for group in optimizer.param_groups}
        assert (lr["head"], lr["backbone"]) == self.rates
        assert type(optimizer).__name__.lower() == self.kind

    @rule(block=st.sampled_from(BLOCKS), how=st.sampled_from(["freeze", "thaw", "toggle"]))
    def click(self, block, how):
        freeze = how == "freeze" or (how == "toggle" and block not in self.wished)
        wanted = self.wished | {block} if freeze else self.wished - {block}
        if len(wanted) == len(BLOCKS):
            self.refused(how, block)
        else:
            self.both(how, block)
            self.wished = wanted

    @rule(block=st.sampled_from(BLOCKS))
    def double_click(self, block):
        if len(self.wished | {block}) < len(BLOCKS):
            self.both("toggle", block)
            self.both("toggle", block)

    @rule(n=st.integers(0, 3))
    def choose_first(self, n):
        self.both("preset", "first N", n)
        self.wished = set(BLOCKS[:n])

    @rule(
        choice=st.sampled_from([("head only", 3), ("last block", 2), ("last five", 0), ("all", 0)])
    )
    def choose_preset(self, choice):
        self.both("preset", choice[0])
        self.wished = set(BLOCKS[: choice[1]])

    @rule(mode=st.sampled_from(["eval", "eval", "train"]))
    def choose_batch_norm(self, mode):
        self.both("set_batch_norm", mode)
        self.batch_norm = mode

    @rule(head=st.sampled_from([1e-3, 3e-3]), backbone=st.sampled_from([None, 1e-4, 1e-3]))
    def choose_rates(self, head, backbone):
        self.both("set_rates", head, backbone)
        self.rates = (head, self.rates[1] if backbone is None else backbone)

    @rule(kind=st.sampled_from(["adamw", "adam", "sgd"]))
    def choose_optimizer(self, kind):
        self.both("set_optimizer", kind)
        self.kind = kind

    @precondition(lambda self: self.steps > 4)
    @rule(seed=st.integers(0, 3))
    def reset(self, seed):
        number = self.session.snapshot()["run"]
        self.both("reset", seed=seed)
        self.renew()
        shot = self.session.snapshot()
        assert (shot["run"], shot["step"], shot["marks"]) == (number + 1, 0, [])
        assert shot["earlier"][-1]["run"] == number

    @rule()
    def look(self):
        accuracy = self.session.evaluate()
        assert accuracy == self.plain.evaluate()
        assert self.session.snapshot()["evaluations"][-1] == [self.steps, accuracy]

    @rule(command=st.sampled_from(BAD))
    def ask_for_nonsense(self, command):
        name, arguments, keywords = command
        self.refused(name, *arguments, **keywords)

    def refused(self, name, *arguments, **keywords):
        before, weights = self.session.snapshot(), state(self.session.model)
        with pytest.raises(LabError) as refusal:
            getattr(self.session, name)(*arguments, **keywords)
        assert len(str(refusal.value)) > 20, "a reader needs more of an explanation"
        after = self.session.snapshot()
        for shot in (before, after):
            shot.pop("memory_mb")
        assert after == before
        assert same(state(self.session.model), weights)

    @precondition(lambda self: self.steps > 4)
    @rule(error=st.sampled_from([RuntimeError("no such kernel"), KeyError("x")]))
    def a_step_breaks(self, error):
        """The forward pass raises: nothing is left of the step, and a reset recovers."""
        weights = state(self.session.model)
        while self.session._run.evaluating or self.session._state.evaluation_is_due(0):
            self.session.step()

        def broken(*_):
            raise error

        handle = self.session.model.head.register_forward_hook(broken)
        with pytest.raises(type(error)):
            self.session.step()
        handle.remove()
        assert same(state(self.session.model), weights)
        assert self.session.status == "failed"
        shot = self.session.snapshot()
        assert str(error.args[0]) in shot["error"]
        assert "Traceback" in shot["traceback"]
        self.both("reset")
        assert self.session.status == "ready"
        self.renew()

    @invariant()
    def the_snapshot_is_plain_and_true(self):
        if not hasattr(self, "session"):
            return
        shot = self.session.snapshot()
        json.dumps(shot, allow_nan=False)
        assert {row["name"] for row in shot["blocks"] if row["frozen"]} == self.wished
        assert shot["step"] == self.steps
        assert shot["curve"]["steps"] == list(range(1, self.steps + 1))
        sizes = {row["name"]: row["parameters"] for row in shot["blocks"]}
        assert shot["trainable"] == sum(sizes[b] for b in BLOCKS if b not in self.wished)
        assert shot["settings"]["optimizer"] == self.kind

    @invariant()
    def a_plan_is_followed_as_a_whole_or_not_at_all(self):
        if not hasattr(self, "session"):
            return
        flags = {
            block.name: {p.requires_grad for p in block.parameters()}
            for block in split_into_blocks(self.session.model)
        }
        frozen = {name for name, flag in flags.items() if flag == {False}}
        learns = {name for name, flag in flags.items() if flag == {True}}
        assert frozen | learns == set(BLOCKS)
        self.ever_wished.append(set(self.wished))
        assert frozen in self.ever_wished

    @invariant()
    def the_cache_changes_nothing(self):
        if not hasattr(self, "session"):
            return
        first, second = state(self.session.model), state(self.plain.model)
        for name, tensor in first.items():
            if not torch.equal(second[name], tensor):
                torch.testing.assert_close(second[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
        cache = self.session.snapshot()["cache"]
        # steps alone apply a plan, so the cache is that of the plan last applied
        plan, fixed = self.session._run.controls.plan, 0
        while BLOCKS[fixed] in plan.frozen:
            fixed += 1
        expected = fixed if plan.batch_norm == "eval" else 0
        assert (cache["active"], cache["blocks"]) == (expected > 0, expected)


TestReader = Reader.TestCase
TestReader.settings = settings(
    max_examples=40,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
