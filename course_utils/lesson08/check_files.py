"""Exercise of lesson 08 about files of weights: tensors and notes, read together."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from course_utils.exercises import recognise
from course_utils.exercises.exercise import exercise, wrong
from course_utils.exercises.verdict import describe
from course_utils.images.preprocessing import Prepare
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
            _built_too_wide_or_narrow(error, len(text["classes"]))
            raise
    network, prepare = _two(returned)
    _whole(network, theirs)
    if any(module.training for module in network.modules()):
        raise wrong(
            "train-mode",
            "The weights are right, but the network is in train mode: batch norm would take its "
            "statistics from the images that happen to come together, and each batch would change "
            "what is stored. Call eval().",
        )
    _prepared_as_noted(prepare)
    return (
        f"A file of {len(NAMES)} insects, {SIDE} px, with a normalisation of its own, and your "
        "function needed nothing but the path. Tensors and notes together are the network."
    )


def used_network(classes: int) -> nn.Sequential:
    """A network whose every tensor differs from a fresh one's, as after training; in eval mode."""
    torch.manual_seed(8)
    model = small_net(classes).eval()
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            shift = 0.1 * torch.rand_like(tensor) if "running_var" in name else 0.05
            tensor.mul_(1.1).add_(shift)
        else:
            tensor.fill_(320)
    return model


def _built_too_wide_or_narrow(error: RuntimeError, letters: int) -> None:
    """Raise Wrong if a head of another size was built for the file; else come back."""
    built = re.search(r"head\.weight.*current model is torch\.Size\(\[(\d+),", str(error), re.S)
    if built is None:
        return
    outputs = int(built[1])
    if outputs == letters:
        raise wrong(
            "still-text",
            f"Your network has {outputs} outputs: that is the number of letters in the note on "
            "classes. Notes are text; json.loads makes a list of it.",
        ) from error
    raise wrong(
        "another-head",
        f"The file has {len(NAMES)} classes and the head you built has {outputs}: that number did "
        "not come from this file. Count the classes in its notes.",
    ) from error


def _two(returned: Any) -> tuple[nn.Module, Callable[[Tensor], Any]]:
    """The network and its prepare; raises Wrong if something else came back."""
    if isinstance(returned, nn.Module):
        raise wrong(
            "no-prepare",
            "Only the network came back. Whoever uses it must still guess how large the images "
            "should be, and how they were normalised.",
        )
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        raise wrong(
            "not-two", f"The function gave {describe(returned)}; wanted are a network and prepare."
        )
    network, prepare = returned
    if isinstance(prepare, nn.Module) and not isinstance(network, nn.Module):
        raise wrong("swapped", "Both came back in the wrong order: first the network, please.")
    model = recognise.network(network, example="small_net(7)")
    return model, recognise.function(prepare, "Prepare(size, mean, std)")


def _whole(network: nn.Module, theirs: nn.Module) -> None:
    """Raise unless all tensors of the file are in the network."""
    own = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
    state = theirs.state_dict()
    head = own.get("head.weight")
    if head is not None and len(head) != len(NAMES):
        raise wrong(
            "other-file",
            f"The network has {len(head)} outputs; the file that it was given has {len(NAMES)} "
            "classes. Does your function read `path`, its argument, or a file of the lesson?",
        )
    missing = [n for n, t in state.items() if n not in own or not torch.equal(own[n], t)]
    if not missing:
        return
    if len(missing) == len(state):
        raise wrong(
            "not-loaded", "No tensor of the file is in the network: its weights are still random."
        )
    if all(name.startswith("head.") for name in missing):
        raise wrong(
            "head-left-out",
            "All is loaded but the head. That is right for a transfer to other classes; here the "
            "file's own classes are asked for.",
        )
    raise wrong(
        "some-left-out",
        f"{len(missing)} of {len(state)} tensors are not those of the file, {missing[0]} among "
        "them. Buffers belong to the state too.",
    )


def _prepared_as_noted(prepare: Callable[[Tensor], Any]) -> None:
    """Raise unless images come out in the size and with the normalisation of the file."""
    dice = torch.Generator().manual_seed(8)
    images = torch.randint(0, 256, (8, 3, SIZE, SIZE), generator=dice).to(torch.uint8)
    try:
        given = prepare(images)
    except TypeError as error:
        raise wrong(
            "notes-not-read",
            f"prepare could not be used: {error}. Are size, mean and std still text? "
            "json.loads makes numbers of them.",
        ) from error
    if not isinstance(given, Tensor) or given.ndim != 4 or given.shape[:2] != (8, 3):
        raise wrong("no-images", f"prepare gave {describe(given)}; wanted are eight images.")
    side, x = given.shape[-1], given.detach().cpu().double()
    if side != SIDE:
        raise wrong(
            "another-size",
            f"Images come out with {side} px; the file says {SIDE}. The network runs at any size, "
            "and is only good at its own.",
        )
    same = Prepare(SIDE, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))(images).double()
    if torch.allclose(x, Prepare(SIDE, MEAN, STD)(images).double(), atol=1e-3):
        return
    _other_statistics(x, same)


def _other_statistics(x: Tensor, same: Tensor) -> None:
    """Raise, with the mean and the spread that were used instead of the file's."""
    scale = [a.std() / b.std() for a, b in zip(same.unbind(1), x.unbind(1), strict=True)]
    std = [float(s) for s in scale]
    pairs = zip(same.unbind(1), x.unbind(1), std, strict=True)
    mean = [float(a.mean() - s * b.mean()) for a, b, s in pairs]

    def near(values: list[float], wanted: tuple[float, ...]) -> bool:
        return all(abs(v - w) < 0.01 for v, w in zip(values, wanted, strict=True))

    used = f"mean {', '.join(f'{m:.3f}' for m in mean)}, std {', '.join(f'{s:.3f}' for s in std)}"
    if near(mean, (0, 0, 0)) or near(std, (1, 1, 1)):
        raise wrong("not-normalised", f"The images are not normalised by the file's notes: {used}.")
    if near(mean, STD) and near(std, MEAN):
        raise wrong("mean-and-std-swapped", f"Mean and std have changed places: {used}.")
    whose = (
        ", which are ImageNet's" if near(mean, IMAGENET_MEAN) and near(std, IMAGENET_STD) else ""
    )
    raise wrong(
        "other-statistics",
        f"Your prepare uses {used}{whose}. The file says mean {MEAN}, std {STD}: statistics belong "
        "to the weights, not to the lesson.",
    )
