"""Each challenge: what passes, what does not, and that it cannot be passed by accident."""

from __future__ import annotations

import dataclasses

from course_utils.lab.session.errors import LabError
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lesson09 import challenges, riddle
from course_utils.lesson09.shapes_setup import ShapesSetup, scramble
from tests.tiny import same, state

import pytest
import torch


def small(challenge, **changes):
    """Give the same challenge with few images."""
    settings = dataclasses.replace(
        challenge.settings, train=48, test=24, batch_size=16, evaluate_steps=50
    )
    return dataclasses.replace(challenge, settings=settings, **changes)


def test_every_challenge_says_what_it_asks_for():
    names = [c.name for c in challenges.CHALLENGES] + [riddle.Riddle.name]
    assert len(set(names)) == 4
    for challenge in challenges.CHALLENGES:
        assert challenge.title
        assert challenge.unit
        assert len(challenge.task) > 80
    assert f"{challenges.fewest_parameters.target:.0%}" in challenges.fewest_parameters.task
    assert f"{challenges.rescue.steps} steps" in challenges.rescue.task


def test_fewest_parameters_counts_what_ever_learnt():
    challenge = small(challenges.fewest_parameters, target=0.0)
    session = challenge.start()
    session.run(1)
    head = challenge.check(session)
    assert head.passed
    session.thaw("features.3")
    session.run(1)
    session.freeze("features.3")
    session.run(1)
    after = challenge.check(session)
    sizes = {b["name"]: b["parameters"] for b in session.snapshot()["blocks"]}
    assert head.score == sizes["classifier"]
    assert after.score == sizes["classifier"] + sizes["features.3"]
    assert f"{int(after.score):,}" in after.sentence
    session.reset()
    session.run(1)
    assert challenge.check(session).score == sizes["classifier"]


def test_below_the_target_does_not_pass():
    challenge = small(challenges.fewest_parameters, target=1.0)
    session = challenge.start()
    session.run(1)
    result = challenge.check(session)
    assert not result.passed
    assert "below the target of 100%" in str(result)


def test_a_session_from_elsewhere_is_not_judged():
    challenge = small(challenges.rescue)
    with pytest.raises(LabError, match="does not belong"):
        challenge.check(Session(challenge.settings, build=challenge.build))
    session = challenge.start()
    session.reset(train=60)
    with pytest.raises(LabError, match=r"reset\(train=48\)"):
        challenge.check(session)
    with pytest.raises(LabError, match="keeps to the Shapes world"):
        session.reset(network="resnet18", start="random")


def test_a_run_that_failed_does_not_pass():
    challenge = small(challenges.rescue, target=0.0)
    session = challenge.start()
    session.run(1)
    with torch.no_grad():
        session.model.classifier[1].bias.fill_(float("nan"))
    with pytest.raises(RuntimeError):
        session.run(1)
    assert not challenge.check(session).passed


def test_rescue_has_a_limit_of_steps():
    challenge = small(challenges.rescue, target=0.0, steps=3)
    session = challenge.start()
    session.run(3)
    assert challenge.check(session).passed
    session.run(1)
    late = challenge.check(session)
    assert not late.passed
    assert "4 steps were taken, and 3 are allowed" in late.sentence
    strict = small(challenges.rescue, target=1.01, steps=3)
    other = strict.start()
    other.run(2)
    assert "1 step is left" in strict.check(other).sentence


def test_scrambled_blocks_hold_the_same_numbers_in_other_places():
    task = ShapesSetup("target", damage=1)
    settings = Settings(world="shapes", train=4, test=2)
    whole, damaged = ShapesSetup("target")(settings).model, task(settings).model
    a, b = state(whole.features), state(damaged.features)
    moved = [name for name in a if not torch.equal(a[name], b[name])]
    assert moved
    assert len({name.split(".")[0] for name in moved}) == 1
    assert all(name.endswith("weight") for name in moved)
    assert moved[0].split(".")[0] not in repr(task).replace("damage=1", "")
    for name in moved:
        assert torch.equal(a[name].flatten().sort()[0], b[name].flatten().sort()[0])
    assert same(b, state(task(settings).model.features)), "the same damage every time"
    with pytest.raises(LabError, match="no damage 7"):
        ShapesSetup("target", damage=7)
    with pytest.raises(LabError, match=r"no block 'features\.99'"):
        scramble(whole, ["features.99"])


def test_beating_the_default_is_measured_against_a_run_on_this_machine():
    challenge = small(challenges.beat_the_default, default_steps=4, margin=0.01)
    session = challenge.start()
    shot = session.snapshot()
    assert (shot["run"], shot["step"]) == (2, 0)
    default = shot["earlier"][0]["evaluations"][-1]
    assert default[0] == 4
    challenge._started[session] = 0.0  # a default that knows nothing is easily beaten
    session.run(6)
    result = challenge.check(session)
    assert result.passed
    assert result.score == pytest.approx(100 * session.evaluate(), abs=0.06)
    challenge._started[session] = 1.0
    assert not challenge.check(session).passed
    challenge._started[session] = 0.0
    session._state.compute_seconds = 20.1
    late = challenge.check(session)
    assert not late.passed
    assert "20 s are allowed" in late.sentence


def test_the_code_of_a_challenge_runs_too():
    session = small(challenges.rescue).start()
    session.run(2)
    names: dict = {"__name__": "shown"}
    exec(session.code(), names)
    for name, tensor in state(session.model).items():
        torch.testing.assert_close(state(names["model"])[name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_riddle_can_be_solved_by_looking_at_the_statistics(seed):
    puzzle = riddle.start(seed=seed, steps=3, train=32, test=8)
    before = state(puzzle.original.features)
    drifted = [n for n in "AB" if not same(before, state(puzzle.models[n].features))]
    assert drifted == ["AB"[seed]]
    parameters = dict(puzzle.original.features.named_parameters())
    for name in "AB":
        for key, value in puzzle.models[name].features.named_parameters():
            assert torch.equal(parameters[key], value), "the weights tell nothing"
    assert puzzle.curves["A"][-1][0] == 3
    with pytest.raises(LabError, match='"A" or "B"'):
        puzzle.check("C")
    assert puzzle.check(drifted[0]).passed


def test_the_riddle_takes_one_answer():
    puzzle = riddle.start(seed=1, steps=1, train=32, test=8)
    assert not puzzle.check("A").passed
    second = puzzle.check("B")
    assert not second.passed
    assert "not at the first try" in second.sentence
    assert "_truth" not in repr(puzzle), "showing the riddle must not give it away"
