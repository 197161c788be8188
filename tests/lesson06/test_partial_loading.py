"""The benchmark of partial loading, at a tiny size."""

import json
import sys
from pathlib import Path

from benchmarks.lesson06 import changed_networks, partial_loading
from tests import tiny

import pytest
import torch

NUMBERS = {"--train": 32, "--held-out": 20, "--epochs": 1, "--scratch-epochs": 1, "--seeds": 0}
SIZES = [str(word) for pair in NUMBERS.items() for word in pair]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> list[dict]:
    words = ["partial_loading.py", *SIZES, "--out", str(folder), *options]
    monkeypatch.setattr(sys, "argv", words)
    partial_loading.main()
    return json.loads((folder / "partial_loading.json").read_text())["rows"]


def test_the_record_says_what_was_loaded_and_can_be_resumed(monkeypatch, tmp_path, capsys):
    number = [(case.change, case.load) for case in partial_loading.CASES].index
    shifted = number((partial_loading.INSERTED, "keys shifted, last norm zero"))
    fourth = number(("4 input channels", "new one zero"))
    rows = run(monkeypatch, tmp_path, "--cases", str(fourth))
    assert [row["treatment"] for row in rows] == ["frozen"]
    assert rows[0]["tensors_matched"] == rows[0]["tensors_total"] == 314
    assert rows[0]["numbers_matched"] == rows[0]["numbers_total"]
    capsys.readouterr()
    more = run(monkeypatch, tmp_path, "--resume", "--cases", str(fourth), str(shifted))
    assert more[0] == rows[0]
    assert "4 input channels" not in capsys.readouterr().out, "measured once, not twice"
    assert [row["treatment"] for row in more[1:]] == ["frozen", "fine-tuned"]
    assert (more[1]["tensors_matched"], more[1]["tensors_total"]) == (314, 332)
    assert all(0 <= row["accuracy"] <= 1 for row in more)


def test_each_case_has_a_name_of_its_own_and_an_untouched_one_to_compare_with():
    names = [(case.change, case.load) for case in partial_loading.CASES]
    assert len(set(names)) == len(names)
    assert names[0] == ("untouched", "as it is")
    changes = {change for change, _ in names}
    for chosen in ("FROM_SCRATCH", "RETRAINED", "RENEWED"):
        assert set(getattr(partial_loading, chosen)) <= changes


@pytest.mark.parametrize(
    ("channels", "how"),
    [(1, changed_networks.summed), (4, changed_networks.zero_added)],
)
@torch.no_grad()
def test_other_input_channels_compute_what_three_did(channels, how):
    donor, model = tiny.mobilenet(1), tiny.mobilenet(2)
    changed_networks.inputs(channels)(model)
    model.load_state_dict(changed_networks.refit_inputs(how)(model, donor.state_dict()))
    three = torch.randn(4, 3, 32, 32)
    if channels == 1:
        three = three[:, :1].expand(-1, 3, -1, -1)
    given = three[:, :1] if channels == 1 else torch.cat([three, torch.randn(4, 1, 32, 32)], 1)
    assert torch.allclose(model.eval()(given), donor.eval()(three), atol=1e-5)


def test_repeated_kernels_that_are_equal_keep_their_sum():
    old = torch.randn(8, 1, 3, 3).expand(-1, 3, -1, -1)
    new = changed_networks.repeated(old)
    assert new.shape[1] == 4
    assert torch.allclose(new.sum(1), old.sum(1), atol=1e-6)
    assert torch.equal(new[:, 0], new[:, 3])


def test_images_get_the_wanted_channels():
    images = torch.randint(0, 255, (2, 3, 20, 20)).to(torch.uint8)
    three = tiny.prepare(images)
    one, same, four = (changed_networks.InputChannels(tiny.prepare, n)(images) for n in (1, 3, 4))
    assert torch.equal(same, three)
    assert torch.allclose(one, three.mean(1, keepdim=True))
    assert torch.equal(four[:, :3], three)
    assert torch.allclose(four[:, 3:], one)


def test_grey_images_have_three_equal_channels_and_keep_grey():
    images = torch.randint(0, 255, (2, 3, 8, 8)).to(torch.uint8)
    grey = changed_networks.to_grey(images)
    assert grey.dtype == torch.uint8
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(changed_networks.to_grey(grey), grey)
