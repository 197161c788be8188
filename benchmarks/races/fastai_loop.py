"""fastai's own way of fine-tuning, for the race: its data blocks, its optimizer, its schedule.

fastai is no part of this course's environment; `pip install fastai` beside it, for this alone.
Network, weights and images are those of the other contenders, so what is compared is the loop.
`fine_tune` and its defaults are from "fastai: A Layered API for Deep Learning", Jeremy Howard and
Sylvain Gugger, 2020.
"""

import course_utils  # noqa: F401  before torch: it sets OpenMP's waiting policy
from course_utils.images.datasets import ImageData
from course_utils.images.preprocessing import Prepare
from course_utils.networks.blocks import split_into_blocks

from torch import nn

RATE = 2e-3  # `fine_tune`'s own
MISSING = "fastai is not installed, and only this contender needs it: pip install fastai"


def train(
    model: nn.Module,
    data: ImageData,
    prepare: Prepare,
    *,
    epochs: int,
    frozen: bool,
    batch: int = 64,
) -> None:
    """Train the head alone (`frozen`), or `fine_tune`: one epoch of the head, the rest of it all.

    Raises ImportError, saying what to do, where fastai is missing.
    """
    try:
        import fastai.callback.progress
        import fastai.callback.schedule  # noqa: F401  these two give a Learner `no_bar`, `fine_tune`
        from fastai.data.block import CategoryBlock, DataBlock
        from fastai.data.transforms import IndexSplitter, Normalize
        from fastai.learner import Learner
        from fastai.losses import CrossEntropyLossFlat
        from fastai.vision.augment import Resize
        from fastai.vision.data import ImageBlock
    except ImportError as error:
        raise ImportError(MISSING) from error
    pictures = data.train_images.permute(0, 2, 3, 1).cpu().numpy()
    labels = data.train_labels.tolist()
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=range(len(data.class_names)), sort=False)),
        get_x=lambda place: pictures[place % len(labels)],
        get_y=lambda place: labels[place % len(labels)],
        # fastai looks at validation images after every epoch: one, which is also trained on
        splitter=IndexSplitter([len(labels)]),
        item_tfms=Resize(prepare.size),
        batch_tfms=Normalize.from_stats(prepare.mean, prepare.std),
    )
    loaders = block.dataloaders(
        range(len(labels) + 1), bs=batch, num_workers=0, device=prepare.device
    )
    *backbone, head = split_into_blocks(model)
    parts = [[p for block in backbone for p in block.parameters()], head.parameters()]
    learner = Learner(
        loaders, model, loss_func=CrossEntropyLossFlat(), splitter=lambda _: parts, lr=RATE
    )
    with learner.no_bar(), learner.no_logging():
        if frozen:
            learner.freeze()
            learner.fit_one_cycle(epochs, RATE)
        else:
            learner.fine_tune(epochs - 1, RATE)
