"""Exercise 8.1: a file of weights and the notes in it, read together."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise
from course_utils.exercises.verdict import Mistake, describe
from course_utils.lesson08.small_net import SIZE, small_net
from course_utils.world import IMAGENET_MEAN, IMAGENET_STD

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

NAMES = ("ant", "bee", "cricket", "dragonfly", "earwig", "firefly", "gnat")
MEAN, STD, SIDE = (0.25, 0.5, 0.75), (0.1, 0.2, 0.4), 24  # of the file that the check writes


@exercise(
    "8.1",
    wanted="a function of a path that gives two things: the network, and its prepare",
    hints=(
        "Section 8.4 reads such a file in one cell. Which lines speak of that one file only?",
        "Everything comes from path: file.metadata() has classes, size, mean and std as text, and "
        "json.loads makes lists and numbers of them. Then load the tensors.",
        "small_net(len(found['classes'])), load_state_dict(load_file(path)), eval(), and "
        "Prepare(found['size'], tuple(found['mean']), tuple(found['std'])).",
    ),
    mistakes={
        "still-text": "Your network has {outputs} outputs: that is the number of letters in the "
        "note on classes. Notes are text; json.loads makes a list of it.",
        "another-head": "The file has {classes} classes and the head you built has {outputs}: that "
        "number did not come from this file. Count the classes in its notes.",
        "no-prepare": "Only the network came back. Whoever uses it must still guess how large the "
        "images should be, and how they were normalised.",
        "not-two": "The function gave {seen}; wanted are a network and prepare.",
        "swapped": "Both came back in the wrong order: first the network, please.",
        "other-file": "The network has {outputs} outputs; the file that it was given has {classes} "
        "classes. Does your function read `path`, its argument, or a file of the lesson?",
        "not-loaded": "No tensor of the file is in the network: its weights are still random.",
        "head-left-out": "All is loaded but the head. That is right for a transfer to other "
        "classes; here the file's own classes are asked for.",
        "some-left-out": "{count} of {all} tensors are not those of the file, {name} among them. "
        "Buffers belong to the state too.",
        "train-mode": "The weights are right, but the network is in train mode: batch norm would "
        "take its statistics from the images that happen to come together, and each batch would "
        "change what is stored. Call eval().",
        "notes-not-read": "prepare could not be used: {error}. Are size, mean and std still text? "
        "json.loads makes numbers of them.",
        "no-images": "prepare gave {seen}; wanted are {count} images.",
        "another-size": "Images come out with {side} px; the file says {wanted}. The network runs "
        "at any size, and is only good at its own.",
        "cut-out": "Images come out with the right number of pixels, but they were cut out of the "
        "middle or padded: the network has seen whole images, resized.",
        "not-by-pixel": "What your prepare makes of a colour cannot come of subtracting a mean and "
        "dividing by a standard deviation, channel by channel. Are the channels in order, and is "
        "nothing cut off or computed from each image?",
        "not-scaled": "The file's mean and std were used on values from 0 to 255. They belong to "
        "the scale of 0 to 1: divide by 255 first.",
        "not-normalised": "The images are not normalised by the file's notes: {used}.",
        "mean-and-std-swapped": "Mean and std have changed places: {used}.",
        "imagenet": "Your prepare uses {used}, which are ImageNet's. The file says mean {mean}, "
        "std {std}: statistics belong to the weights, not to the lesson.",
        "other-statistics": "Your prepare uses {used}. The file says mean {mean}, std {std}: "
        "statistics belong to the weights, not to the lesson.",
    },
)
def read_whole_file(reader: Any) -> str:
    """A network and its prepare from a file that the function has never seen."""
    function = recognise.function(reader, "my_reader")
    theirs = used_network(len(NAMES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "insects.safetensors"
        notes = {"classes": NAMES, "size": SIDE, "mean": MEAN, "std": STD}
        text = {"network": "small_net, width 16"} | {n: json.dumps(v) for n, v in notes.items()}
        save_file(theirs.state_dict(), path, metadata=text)
        try:
            returned = function(path)
        except RuntimeError as error:
            told = r"head\.weight.*current model is torch\.Size\(\[(\d+),"
            built = re.search(told, str(error), re.DOTALL)
            if built is None:
                raise
            letters = int(built[1]) == len(text["classes"])
            code = "still-text" if letters else "another-head"
            raise Mistake(code, outputs=int(built[1]), classes=len(NAMES)) from error
    network, prepare = _two(returned)
    _all_loaded(network, theirs)
    if any(module.training for module in network.modules()):
        raise Mistake("train-mode")
    _prepared_as_noted(prepare)
    return (
        f"A file of {len(NAMES)} insects, {SIDE} px, with a normalisation of its own, and your "
        "function needed nothing but the path. Tensors and notes together are the network."
    )


def used_network(classes: int, width: int = 16) -> nn.Sequential:
    """Build a network whose every tensor differs from a fresh one's, as after training."""
    torch.manual_seed(8)
    model = small_net(classes, width).eval()
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            shift = 0.1 * torch.rand_like(tensor) if "running_var" in name else 0.05
            tensor.mul_(1.1).add_(shift)
        else:
            tensor.fill_(320)
    return model


def _two(returned: Any) -> tuple[nn.Module, Callable[[Tensor], Any]]:
    """The network and its prepare."""
    if isinstance(returned, nn.Module):
        raise Mistake("no-prepare")
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise Mistake("not-two", seen=describe(returned))
    network, prepare = returned
    if isinstance(prepare, nn.Module) and not isinstance(network, nn.Module):
        raise Mistake("swapped")
    model = recognise.network(network, example="small_net(7)")
    return model, recognise.function(prepare, "Prepare(size, mean, std)")


def _all_loaded(network: nn.Module, theirs: nn.Module) -> None:
    """Raise unless all tensors of the file are in the network."""
    own = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    state = theirs.state_dict()
    head = own.get("head.weight")
    if head is not None and len(head) != len(NAMES):
        raise Mistake("other-file", outputs=len(head), classes=len(NAMES))
    missing = [n for n, t in state.items() if n not in own or not torch.equal(own[n], t)]
    if not missing:
        return
    if len(missing) == len(state):
        raise Mistake("not-loaded")
    if all(name.startswith("head.") for name in missing):
        raise Mistake("head-left-out")
    raise Mistake("some-left-out", count=len(missing), all=len(state), name=missing[0])


def _prepared_as_noted(prepare: Callable[[Tensor], Any]) -> None:
    """Raise unless images come out in the size and with the normalisation of the file.

    The images have one colour each, and the last is a ramp, so that every way of resizing, on
    bytes or on fractions, gives the same.
    """
    dice = torch.Generator().manual_seed(8)
    colours = torch.randint(0, 256, (8, 3, 1, 1), generator=dice).repeat(1, 1, SIZE, SIZE)
    ramp = torch.linspace(0, 255, SIZE).expand(1, 3, SIZE, SIZE)
    images = torch.cat([colours, ramp]).to(torch.uint8)
    try:
        given = prepare(images)
    except TypeError as error:
        raise Mistake("notes-not-read", error=error) from error
    if not isinstance(given, Tensor) or given.ndim != 4 or given.shape[:2] != (9, 3):
        raise Mistake("no-images", seen=describe(given), count=len(images))
    if (side := given.shape[-1]) != SIDE:
        raise Mistake("another-size", side=side, wanted=SIDE)
    x = given.detach().cpu().double()
    mean, std, off = _statistics(images[:8, :, 0, 0], x[:8, :, SIDE // 2, SIDE // 2])
    if not off < 0.02 * float(x.abs().max()):
        raise Mistake("not-by-pixel")
    whole = (x[8] * torch.tensor(std).view(3, 1, 1)).mean(1)  # from edge to edge a ramp rises by 1
    if not ((whole[:, -1] - whole[:, 0]) > 0.9).all():
        raise Mistake("cut-out")
    _normalised_as_noted(mean, std)


def _statistics(stored: Tensor, x: Tensor) -> tuple[list[float], list[float], float]:
    """Find the mean and standard deviation that made `x` of colours, and how far off they are.

    stored, x : (8, 3), one colour a row
    """
    mean, std, error = [], [], 0.0
    for channel in range(3):
        v = stored[:, channel].double() / 255
        line = torch.stack([v, torch.ones_like(v)], 1)
        slope, start = torch.linalg.lstsq(line, x[:, channel, None]).solution[:, 0]
        off = (v * slope + start - x[:, channel]).abs().max()
        error = max(error, float(off) if abs(slope) > 1e-6 else math.inf)
        mean.append(float(-start / slope))
        std.append(float(1 / slope))
    return mean, std, error


def _normalised_as_noted(mean: list[float], std: list[float]) -> None:
    """Raise unless these are the statistics of the file, with what they are instead."""

    def near(wanted_mean: Sequence[float], wanted_std: Sequence[float], scale: float = 1) -> bool:
        rows = zip(mean, std, wanted_mean, wanted_std, strict=True)
        return all(
            abs(m / scale - a) < 0.003 * b and abs(s / scale - b) < 0.003 * b for m, s, a, b in rows
        )

    if near(MEAN, STD):
        return
    used = f"mean {', '.join(f'{m:.3f}' for m in mean)}, std {', '.join(f'{s:.3f}' for s in std)}"
    codes = {
        "not-scaled": near(MEAN, STD, scale=1 / 255),
        "not-normalised": near((0, 0, 0), (1, 1, 1)) or near((0, 0, 0), (1, 1, 1), scale=1 / 255),
        "mean-and-std-swapped": near(STD, MEAN),
        "imagenet": near(IMAGENET_MEAN, IMAGENET_STD),
    }
    code = next((code for code, found in codes.items() if found), "other-statistics")
    raise Mistake(code, used=used, mean=MEAN, std=STD)
