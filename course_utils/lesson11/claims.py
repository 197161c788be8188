"""The twenty claims, each in our own words, with the lesson that shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from course_utils import experiments
from course_utils.lesson11.comparisons import Comparison, Tables, all_effects
from course_utils.lesson11.findings import SHAPES, Finding
from course_utils.lesson11.how_tested import COMPARISONS, TASKS
from course_utils.lesson11.rules import conclude

import torch

PUBLISHED = {1: 0.7652, 5: 0.9431}
"""A published run of the classic recipe on all of CIFAR-10: accuracy after epochs 1 and 5."""


@dataclass(frozen=True)
class Claim:
    """A textbook claim and how the course tests it.

    Parameters
    ----------
    number : int
        As in the course's list.
    short : str
        A few words, for figures and tables.
    lesson : str
        File name (without ending) of the lesson in which it was shown.
    statement : str
        The claim in full, in our own words.
    remark : callable, optional
        From the measurements to a sentence with more numbers.
    """

    number: int
    short: str
    lesson: str
    statement: str
    remark: Callable[[Tables], str] = field(default=lambda tables: "", repr=False)

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """What tests it."""
        return COMPARISONS[self.number]

    @property
    def records(self) -> tuple[str, ...]:
        """The measurements that it rests on, without the suffix of a world."""
        return tuple(dict.fromkeys(comparison.record for comparison in self.comparisons))

    def judge(self, tables: Tables) -> Finding:
        """Return the finding from these measurements, "not measured yet" if there are none."""
        effects = list(all_effects(self.comparisons, tables))
        return conclude(effects, lambda: self.remark(tables))

    def finding(self, folder: Path = experiments.RECORDS) -> Finding:
        """Return the finding from the stored records."""
        return self.judge(Tables.stored(self.records, folder))


def _published(tables: Tables) -> str:
    text = (
        f"Published for all of CIFAR-10 at 224 px: {PUBLISHED[1]:.2%} after epoch 1, "
        f"{PUBLISHED[5]:.2%} after epoch 5"
    )
    full = tables.get("classic_recipe_cifar10")
    if full is None:
        return f"{text}; not repeated here."
    means = full.groupby("epoch")["test_accuracy"].mean()
    return f"{text}; our run of it: {means[1]:.2%} and {means[5]:.2%}."


def _parts_of_the_state(tables: Tables) -> str:
    from torchvision.models import mobilenet_v2

    with torch.device("meta"):
        model = mobilenet_v2()
    parameters, total = len(list(model.parameters())), len(model.state_dict())
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    biases = sum(layer.bias is not None for layer in convolutions)
    return (
        f"Of the {total} tensors in MobileNetV2's state {parameters} are parameters and "
        f"{total - parameters} buffers; of its {len(convolutions)} convolutions {biases} have a "
        f"bias."
    )


def _levels_from_random(tables: Tables) -> str:
    levels = [
        f"{table.loc[table['treatment'] == 'scratch', 'accuracy'].mean():.1%} in {world}"
        for world, table in tables.each("partial_loading")
    ]
    return f"From random weights the networks reached {', '.join(levels)} on the average."


def _cost_of_a_tenth(tables: Tables) -> str:
    """What a tenth of the best rate from scratch gives, beside the best rate."""
    remarks = []
    for world, table in tables.each("rates_by_start"):
        task = TASKS["orientation" if world == SHAPES else "near"]
        means = table.groupby(["start", "rate"])["accuracy"].mean()
        scratch, tuned = means["scratch"].idxmax(), means["pretrained"]
        tenth = min(tuned.index, key=lambda rate: abs(rate - scratch / 10))
        remarks.append(
            f"{world}, {task}: best from scratch {scratch:g}, for fine-tuning {tuned.idxmax():g}; "
            f"at {tenth:g}, about a tenth of the former, fine-tuning reaches {tuned[tenth]:.1%} "
            f"against {tuned.max():.1%}."
        )
    return " ".join(remarks)


CLAIMS: tuple[Claim, ...] = (
    Claim(
        1, "faster, fewer, better", "07_how_far_features_travel",
        "Starting from pretrained weights, a network learns faster, needs fewer images, and "
        "does better on new ones.",
    ),
    Claim(
        2, "shortcuts make depth trainable", "02_residual_connections",
        "Shortcuts around layers let gradients reach the shallow layers, and so make very "
        "deep networks trainable.",
    ),
    Claim(
        3, "MobileNetV2 is small and fast", "10_other_models",
        "MobileNetV2 is a small network, and therefore a fast one.",
    ),
    Claim(
        4, "the thaw lifts the accuracy", "05_fine_tuning",
        "Train the head alone first, then thaw everything at a tenth of the learning rate: "
        "the accuracy jumps.",
        remark=_published,
    ),
    Claim(
        5, "pretrained weights: weights and biases", "01_pretrained_weights",
        "What a pretrained network has learned are its weights and biases.",
        remark=_parts_of_the_state,
    ),
    Claim(
        6, "sooner there, and higher", "01_pretrained_weights",
        "With the same training, a pretrained start converges sooner and ends at a higher "
        "accuracy than a random one.",
    ),
    Claim(
        7, "similarity decides the worth", "07_how_far_features_travel",
        "The more the new task resembles that of the pretraining, the more the weights are "
        "worth.",
    ),
    Claim(
        8, "changed network, useless weights", "06_changing_the_architecture",
        "Once the architecture is changed, the old weights may be worth nothing, and training"
        " anew is better.",
        remark=_levels_from_random,
    ),
    Claim(
        9, "few images overfit", "07_how_far_features_travel",
        "A pretrained network that is fine-tuned on few images overfits.",
    ),
    Claim(
        10, "compare without the weights", "06_changing_the_architecture",
        "A fair comparison of two architectures leaves the pretrained weights out.",
    ),
    Claim(
        11, "a source that resembles", "08_pretrain_your_own",
        "The images of the pretraining need not be those of the target, but should resemble "
        "them.",
    ),
    Claim(
        12, "freezing saves computation", "04_freezing",
        "Freezing part of a network saves time and memory.",
    ),
    Claim(
        13, "freezing prevents overfitting", "07_how_far_features_travel",
        "Freezing part of a network prevents overfitting.",
    ),
    Claim(
        14, "freezing against vanishing gradients", "02_residual_connections",
        "Freezing the shallow layers prevents vanishing gradients.",
    ),
    Claim(
        15, "shallow general, deep specific", "07_how_far_features_travel",
        "Shallow layers hold general features, deep layers those of their own task.",
    ),
    Claim(
        16, "thirty images suffice", "07_how_far_features_travel",
        "Thirty images are enough with pretrained weights, and not without.",
    ),
    Claim(
        17, "four cases, four prescriptions", "07_how_far_features_travel",
        "How much data there is, and how similar it is, tell which of four ways to go.",
    ),
    Claim(
        18, "a tenth of the rate", "05_fine_tuning",
        "The right learning rate for fine-tuning is a tenth of that for training from "
        "scratch.",
        remark=_cost_of_a_tenth,
    ),
    Claim(
        19, "little data: last layer; medium: freeze the first", "05_fine_tuning",
        "With little data train the last layer only; with a medium amount freeze the first "
        "layers.",
    ),
    Claim(
        20, "any normalisation will do", "10_other_models",
        "Mean 0.5 and deviation 0.5 do as well as the normalisation that the weights were "
        "trained with.",
    ),
)  # fmt: skip
"""In the order of their numbers, 1 to 20."""
