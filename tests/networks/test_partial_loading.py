"""What fits of a checkpoint is loaded, and every tensor accounted for."""

from collections import OrderedDict

from course_utils.networks.checkpoint_files import CheckpointError
from course_utils.networks.heads import replace_head
from course_utils.networks.partial_loading import compare_with_checkpoint, load_matching
from tests.tiny import block, network, same, state

import pytest
import torch
from torch import nn


def test_everything_fits():
    source, model = network(1), network(2)
    report = load_matching(model, source.state_dict())
    assert same(state(model), state(source))
    assert report.matched == list(source.state_dict())
    assert (report.reshaped, report.missing, report.unexpected) == ({}, [], [])
    assert str(report).startswith(f"transferred {len(state(model))} of the model's")


def test_the_table_by_block_counts_every_tensor_once():
    source, model = network(1), network(2)
    saved = state(source)
    replace_head(model, 7)
    del saved["deep.1.running_mean"]
    saved["stem.9.weight"] = torch.ones(2)
    saved["backbone.0.weight"] = torch.ones(2)
    report = compare_with_checkpoint(model, saved)
    table = report.table(model).set_index("block")
    assert list(table.index) == ["stem", "middle", "deep", "head", "backbone"]
    assert table.loc["stem", "unexpected"] == 1, "its name says that it belongs there"
    assert table.loc["backbone", "unexpected"] == 1
    assert table.loc["head"].to_dict() == {
        "matched": 0, "reshaped": 2, "missing": 0, "unexpected": 0, "numbers": 0.0,
    }  # fmt: skip
    assert table.loc["deep", "missing"] == 1
    assert 0.9 < table.loc["deep", "numbers"] < 1
    assert table.loc["middle", "numbers"] == 1
    assert table[["matched", "reshaped", "missing"]].to_numpy().sum() == len(state(model))


def test_comparing_loads_nothing_and_does_not_refuse():
    model = network(2)
    before = state(model)
    wrapped = {f"module.{name}": tensor for name, tensor in state(network(1)).items()}
    report = compare_with_checkpoint(model, wrapped)
    assert same(state(model), before)
    assert (report.matched, report.unexpected) == ([], list(wrapped))


def test_each_tensor_is_accounted_for():
    source, model = network(1), network(2)
    saved = state(source)
    replace_head(model, 7)
    before = state(model)
    del saved["deep.1.running_mean"]
    saved["bonus"] = torch.ones(1)
    report = load_matching(model, saved)
    assert report.reshaped == {"head.2.weight": ((4, 8), (7, 8)), "head.2.bias": ((4,), (7,))}
    assert report.missing == ["deep.1.running_mean"]
    assert report.unexpected == ["bonus"]
    assert len(report.matched) == len(before) - 3
    now = state(model)
    for name in now:
        expected = saved[name] if name in report.matched else before[name]
        assert torch.equal(now[name], expected)
    total = len(before)
    assert str(report) == (
        f"transferred {total - 3} of the model's {total} tensors; "
        "2 of another shape, 1 missing, 1 unexpected in the checkpoint"
    )
    matched = report.table(model).set_index("block")["matched"]
    assert matched.to_dict() == {"stem": 6, "middle": 6, "deep": 5, "head": 0, "bonus": 0}


def test_an_inserted_block_shifts_the_names_of_those_behind_it():
    """`strict=False` would pass this silently: half of the network keeps its random values."""

    def chain(n: int) -> nn.Sequential:
        return nn.Sequential(block(3, 6), *(block(6, 6) for _ in range(n)), nn.Linear(6, 4))

    report = load_matching(chain(3), chain(2).state_dict())
    matched = report.table(chain(3)).set_index("block")["matched"]
    assert matched.to_dict() == {"0": 6, "1": 6, "2": 6, "3": 0, "4": 0}
    assert report.unexpected == ["3.weight", "3.bias"]


def test_a_prefix_in_front_of_every_name_is_pointed_out():
    saved = OrderedDict((f"module.{k}", v) for k, v in network().state_dict().items())
    model = network(2)
    before = state(model)
    with pytest.raises(CheckpointError) as caught:
        load_matching(model, saved)
    for word in ("module.stem.0.weight", "'stem.0.weight'", "rename"):
        assert word in str(caught.value)
    assert same(state(model), before)
    with pytest.raises(CheckpointError, match="not one of the checkpoint's 0 tensors"):
        load_matching(model, {})
