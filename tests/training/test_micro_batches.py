"""Gradients in micro-batches: the same step, and no death for want of memory."""

from course_utils import environment, training
from course_utils.images.preprocessing import Prepare
from course_utils.training import freezing, micro_batches
from course_utils.training.micro_batches import MicroBatches
from tests.tiny import data, network, prepare, same, state

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

OUT_OF_MEMORY = {
    "a GPU": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "Linux": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 B"),
    "Windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 B"),
    "Apple": RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
    "Python": MemoryError(),
}


class Narrow(nn.Module):
    """A network that cannot take more than `most` images at a time."""

    def __init__(self, inner: nn.Module, most: int, error: BaseException) -> None:
        super().__init__()
        self.inner, self.most, self.error, self.seen = inner, most, error, []

    def forward(self, x):
        self.seen.append(len(x))
        if len(x) > self.most:
            raise self.error
        return self.inner(x)


def without_chance(seed: int = 0) -> nn.Module:
    """The tiny network in eval mode: no dropout, no statistics of the batch."""
    return network(seed).eval()


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("most", [1, 3, 7, 16])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_micro_batches_add_up_to_the_batch(most, smoothing):
    images = data(16)
    x, y = images.train_images, images.train_labels
    model = without_chance()
    loss = F.cross_entropy(model(prepare(x)), y, label_smoothing=smoothing)
    loss.backward()
    whole = gradients(model)
    hits = int((model(prepare(x)).argmax(1) == y).sum())

    found, right = MicroBatches(most).backward(model, x, y, prepare, smoothing)
    assert float(found) == pytest.approx(loss.item(), rel=1e-5)
    assert right == hits
    for one, other in zip(whole, gradients(model), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", OUT_OF_MEMORY)
def test_out_of_memory_halves_until_it_fits_and_says_so(kind):
    images, said = data(16), []
    model = Narrow(without_chance(), 5, OUT_OF_MEMORY[kind])
    memory = MicroBatches(tell=said.append)
    for _ in range(2):
        memory.backward(model, images.train_images, images.train_labels, prepare)
    assert model.seen == [16, 8, 4, 4, 4, 4, *[4] * 4]  # the second time it is known
    assert len(said) == 2
    assert "16 images at a time" in said[0]
    assert "micro-batches of 4" in said[1]

    plain = without_chance()
    F.cross_entropy(plain(prepare(images.train_images)), images.train_labels).backward()
    for one, other in zip(gradients(plain), gradients(model.inner), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_when_not_even_one_image_fits():
    images = data(16)
    model = Narrow(without_chance(), 0, OUT_OF_MEMORY["a GPU"])
    with pytest.raises(MemoryError, match=r"single image.*freeze more blocks"):
        MicroBatches(tell=lambda text: None).backward(
            model, images.train_images, images.train_labels, prepare
        )
    assert all(p.grad is None for p in model.parameters())


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    images = data(16)
    model = Narrow(without_chance(), 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        MicroBatches().backward(model, images.train_images, images.train_labels, prepare)
    assert model.seen == [16]


def test_training_goes_on_in_micro_batches(capsys):
    images = data(24)
    model = network()
    plan = freezing.freeze_nothing()
    forward, seen = model.stem.forward, []

    def narrow(x):
        seen.append(len(x))
        if len(x) > 4:
            raise OUT_OF_MEMORY["a GPU"]
        return forward(x)

    model.stem.forward = narrow
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    events = training.epochs(
        model, optimizer, images, prepare, plan=plan, count=2, batch_size=8, watch=False
    )
    assert [event.number for event in events] == [1, 2]
    assert seen == [8] + [4] * 12
    assert capsys.readouterr().out.count("Memory is short") == 1


# ---- counting beforehand


def test_little_memory_is_seen_before_it_runs_out(monkeypatch):
    model, images = mobilenet_v2(num_classes=4), data(40)
    at_96 = Prepare(96, (0.5,) * 3, (0.25,) * 3)
    each = micro_batches.bytes_per_image(model, at_96(images.train_images[:1]))
    said = []
    for left, size in ((50 * each, None), (30 * each, 16), (11 * each, 8), (each // 2, 1)):
        monkeypatch.setattr(environment, "memory_free", lambda left=left: left)
        assert (
            micro_batches.that_fit(model, images.train_images, at_96, 32, said.append).size == size
        )
    assert len(said) == 3


def test_plenty_of_memory_costs_nothing(monkeypatch):
    monkeypatch.setattr(environment, "memory_free", lambda: micro_batches.PLENTY + 1)
    monkeypatch.setattr(micro_batches, "bytes_per_image", lambda *_: 1 // 0)
    assert micro_batches.that_fit(network(), data(8).train_images, prepare, 8).size is None


def test_counting_leaves_no_trace():
    model = network().train()
    model.middle.eval()
    model.stem.requires_grad_(False)
    before, modes = state(model), [m.training for m in model.modules()]
    dice = torch.get_rng_state()
    with torch.no_grad():
        micro_batches.bytes_per_image(model, prepare(data(8).train_images[:1]))
    assert same(state(model), before)
    assert [m.training for m in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), dice)
    assert all(p.grad is None for p in model.parameters())


def test_frozen_blocks_and_smaller_images_need_less():
    model = mobilenet_v2(num_classes=4)
    whole = micro_batches.bytes_per_image(model, torch.zeros(1, 3, 96, 96))
    assert whole > 3.5 * micro_batches.bytes_per_image(model, torch.zeros(1, 3, 48, 48)) > 0
    freezing.apply(model, freezing.freeze_first(model, 14))
    assert micro_batches.bytes_per_image(model, torch.zeros(1, 3, 96, 96)) < whole / 3
    # a linear layer keeps its input, four bytes a number, for the gradient of its weight
    assert micro_batches.bytes_per_image(nn.Linear(1000, 10), torch.zeros(1, 1000)) >= 4000
