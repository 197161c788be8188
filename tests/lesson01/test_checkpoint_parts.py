"""The script behind the record of what each part of a checkpoint is worth, at a tiny size."""

from benchmarks.lesson01 import checkpoint_parts
from course_utils import world
from course_utils.networks.checkpoint_files import read_checkpoint

import pytest
import torch


@pytest.fixture(scope="module")
def course() -> world.Course:
    return world.choose(1, "shapes", 40, 40)


def test_the_parts_share_the_whole_checkpoint_between_them(course: world.Course) -> None:
    state = read_checkpoint(course.weights.path)
    single = [part for part in checkpoint_parts.PARTS if part.startswith("without")]
    owners = {
        name: [part for part in single if checkpoint_parts.belongs(name, tensor, part)]
        for name, tensor in state.items()
    }
    assert all(len(parts) == 1 for parts in owners.values()), owners
    assert {part for parts in owners.values() for part in parts} == set(single)


def test_what_is_left_out_keeps_a_new_networks_values(course: world.Course) -> None:
    state = read_checkpoint(course.weights.path)
    model, dropped = checkpoint_parts.load_part(course, "without buffers", seed=0)
    own = model.state_dict()
    assert dropped == sum(b.numel() for b in model.buffers())
    assert torch.equal(own["features.3.conv.0.1.running_mean"], torch.zeros(144))
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, state[name].float()), name


def test_refreshed_statistics_come_from_the_images_and_move_no_weight(course: world.Course) -> None:
    model, _ = checkpoint_parts.load_part(course, "without buffers", seed=0)
    before = [p.clone() for p in model.parameters()]
    checkpoint_parts.refresh_statistics(model, course.data.train_images, course.prepare)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    first = model.features[0][0](course.prepare(course.data.train_images))
    assert torch.allclose(model.features[0][1].running_mean, first.mean((0, 2, 3)), atol=1e-4)


def test_rows_say_what_was_dropped_and_the_intact_network_agrees_with_itself(
    course: world.Course,
) -> None:
    rows = checkpoint_parts.measure(
        course, 0, ["everything", "without buffers"], source=60, unlabelled=60, epochs=1
    )
    score = {(row["part"], row["measure"]): row["accuracy"] for row in rows}
    assert score["everything", "same answer as intact"] == 1
    assert score["everything", "old head"] > 0.8
    assert score["without buffers", "old head"] < 0.5
    assert {row["dropped"] for row in rows if row["part"] == "everything"} == {0}


def test_an_unknown_part_is_refused(course: world.Course) -> None:
    with pytest.raises(ValueError, match="no part 'half'; there are: everything"):
        checkpoint_parts.load_part(course, "half", seed=0)
