"""The code that the lab shows does what the lab did."""

from __future__ import annotations

import ast
import subprocess
import sys

from course_utils.environment import PROJECT
from course_utils.lab.session.session import Session
from course_utils.lab.session.settings import Settings
from course_utils.lab.session.setup import Setup
from course_utils.training.loop import TrainingDiverged
from tests.lab.small import small
from tests.lab.test_session_trouble import break_forward
from tests.tiny import same, state

import pytest
import torch


def play(code: str) -> dict:
    """Execute the code as a program of its own, and give its names."""
    names: dict = {"__name__": "shown"}
    exec(compile(code, "shown.py", "exec"), names)
    return names


def check(session: Session) -> str:
    code = session.code()
    assert_same_weights(session, state(play(code)["model"]))
    return code


def assert_same_weights(session: Session, theirs: dict, rtol: float = 1e-5) -> None:
    for name, tensor in state(session.model).items():
        torch.testing.assert_close(theirs[name], tensor, rtol=rtol, atol=rtol / 10, msg=name)


def test_a_run_that_uses_everything():
    session = small(seed=4, train=30, optimizer="sgd")
    before = state(session.model)
    session.run(7)
    session.thaw("deep")
    session.run(6)
    session.set_optimizer("adam")
    session.set_rates(head=1e-3, backbone=2e-3)
    session.run(3)
    session.preset("all")
    session.run(3)
    session.freeze("stem")
    session.set_batch_norm("train")
    session.set_rates(backbone=5e-4)
    session.run(9)
    code = check(session)
    assert not same(before, state(session.model))
    happened = code[code.index("# From here on") :].splitlines()[1:]
    assert happened == [
        "batch_size = 8",
        'batch_norm = "eval"  # in frozen blocks',
        "frozen = []",
        "batches = endless_batches(seed=4)",
        'optimizer = make_optimizer("sgd", head_rate=0.003, backbone_rate=0.001)',
        'freeze("deep", "middle", "stem")',
        "train(7)",
        'freeze("middle", "stem")',
        "train(6)",
        'optimizer = make_optimizer("adam", head_rate=0.001, backbone_rate=0.002)',
        "train(3)",
        "freeze()",
        "train(3)",
        "set_rates(head_rate=0.001, backbone_rate=0.0005)",
        'freeze("stem")',
        'batch_norm = "train"',
        "train(9)",
    ]


def test_wishes_that_no_step_has_followed_yet_are_not_in_it():
    session = small()
    session.run(2)
    session.preset("all")
    assert "freeze()" not in check(session)


def test_after_a_reset_it_is_the_new_runs_code():
    session = small()
    session.thaw("deep")
    session.run(5)
    session.reset(seed=2)
    code = check(session)
    assert "train(" not in code[code.index("# From here on") :]
    session.run(4)
    assert "endless_batches(seed=2)" in check(session)


def test_trouble_is_in_the_code_too():
    session = small(preset="all")
    session.run(3)
    break_forward(session, MemoryError())
    session.run(5)
    assert "batch_size = 4  # memory had run out" in check(session)
    with torch.no_grad():
        kept = session.model.head[2].bias.clone()
        session.model.head[2].bias.fill_(float("nan"))
    with pytest.raises(TrainingDiverged):
        session.run(1)
    with torch.no_grad():
        session.model.head[2].bias.copy_(kept)
    assert "# The next step was not taken: the loss became nan at step 9" in check(session)


OWN_WORLD = {"world": "shapes", "train": 24, "test": 6, "batch_size": 8, "seed": 3}


def in_the_courses_own_world(**settings: str) -> Session:
    session = Session(Settings(**OWN_WORLD, **settings))
    session.run(3)
    session.preset("last block")
    session.run(2)
    assert "freeze(" in session.code()
    assert max(len(line) for line in session.code().splitlines()) <= 100
    return session


def test_with_another_network_and_no_pretrained_weights():
    session = in_the_courses_own_world(network="resnet18", start="random", preset="last five")
    assert_same_weights(session, state(play(session.code())["model"]), rtol=1e-4)


def test_in_the_courses_own_world_as_a_program(tmp_path):
    session = in_the_courses_own_world()
    code = session.code()
    script = tmp_path / "run.py"
    script.write_text(
        code + f"\ntorch.save(model.state_dict(), {str(tmp_path / 'weights.pth')!r})\n"
    )
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={"PATH": "/usr/bin", **threads},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = torch.load(tmp_path / "weights.pth", weights_only=True)
    assert_same_weights(session, theirs, rtol=1e-4)


def test_a_model_of_ones_own_is_left_to_the_reader():
    from tests.lab.small import build

    def bare(settings: Settings) -> Setup:
        setup = build(settings)
        return Setup(setup.model, setup.data, setup.prepare)

    code = Session(Settings(network="three blocks", train=16, test=8), build=bare).code()
    ast.parse(code)
    with pytest.raises(NotImplementedError, match="define model, data and prepare"):
        play(code)
