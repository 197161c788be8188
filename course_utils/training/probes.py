"""Linear probes: what can be read off each block of a network, by a linear layer and nothing more.

A probe is trained on the output of one block.  If it tells the classes apart, the block has made
them easy to tell apart; if it does not, the knowledge may still be there, but folded up.

"Understanding intermediate layers using linear classifier probes", Guillaume Alain and Yoshua
Bengio, 2016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from course_utils.networks.blocks import split_into_blocks

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@torch.no_grad()
def features_by_depth(
    model: nn.Module,
    images: Tensor,
    prepare: Callable[[Tensor], Tensor],
    *,
    numbers: int | None = None,
    batch_size: int = 50,
) -> dict[str, Tensor]:
    """The output of every block but the head, pooled to few numbers for each image.

    Parameters
    ----------
    model : nn.Module
        Runs in eval mode and is put back as it was found.
    images, prepare
        As for `compute_features`.
    numbers : int, optional
        None averages every channel over the whole map.  Otherwise each map is averaged over a grid
        of cells, as fine as keeps the count at or below `numbers` (but one cell at least): shallow
        blocks have few channels, and this makes up for it.
    batch_size : int
        Images at a time.

    Returns
    -------
    dict of str to Tensor
        Block name -> float32 `(n, features)` on the CPU, from the input to the last block.
    """
    *blocks, _head = split_into_blocks(model)
    modes = {module: module.training for module in model.modules()}
    model.eval()
    gathered: dict[str, list[Tensor]] = {block.name: [] for block in blocks}
    try:
        for part in images.split(batch_size):
            x = prepare(part)
            for block in blocks:
                x = block.forward(x)
                gathered[block.name].append(_pooled(x, numbers).cpu())
    finally:
        for module, mode in modes.items():
            module.training = mode
    return {name: torch.cat(parts) for name, parts in gathered.items()}


def _pooled(maps: Tensor, numbers: int | None) -> Tensor:
    if numbers is None:
        return maps.mean(dim=(2, 3))
    cells = int((numbers / maps.shape[1]) ** 0.5)
    cells = max(1, min(cells, maps.shape[2], maps.shape[3]))
    return F.adaptive_avg_pool2d(maps, cells).flatten(1)


@dataclass(frozen=True)
class Probe:
    """A linear classifier behind a fixed scaling of its features; `fit` makes one."""

    mean: Tensor
    scale: Tensor
    layer: nn.Linear

    @torch.no_grad()
    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Share of right answers, 0 to 1, on features `(n, d)` and int64 labels `(n,)`."""
        scores = self.layer((features - self.mean) / self.scale)
        return (scores.argmax(1) == labels).float().mean().item()


def fit(features: Tensor, labels: Tensor, classes: int, *, shrink: float = 0.01) -> Probe:
    """The best linear classifier on some features: no rate, no epochs, no random start.

    Every feature is brought to mean 0 and standard deviation 1; then cross-entropy plus
    `shrink / 2` times the squared weights is minimised by L-BFGS.  That problem has a single
    minimum, so the result does not depend on a seed.

    Parameters
    ----------
    features : Tensor
        float32 `(n, d)`.
    labels : Tensor
        int64 `(n,)`, below `classes`.
    classes : int
        Outputs of the classifier.
    shrink : float
        Larger keeps the weights smaller; above 0.

    Raises
    ------
    ValueError
        If `shrink` is not positive, or features and labels differ in number.
    """
    if not shrink > 0:
        raise ValueError(f"shrink must be positive, not {shrink!r}: without it there is no minimum")
    if len(features) != len(labels) or len(labels) == 0:
        raise ValueError(f"{len(features)} rows of features and {len(labels)} labels do not match")
    mean, scale = features.mean(0), features.std(0, correction=0)
    # a feature that never changes stays zero; any other is enlarged, however small it is
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    x = (features - mean) / scale
    layer = nn.Linear(features.shape[1], classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=100, line_search_fn="strong_wolfe", tolerance_change=1e-7
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value: Tensor = F.cross_entropy(layer(x), labels)
        value = value + shrink / 2 * layer.weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return Probe(mean, scale, layer)
