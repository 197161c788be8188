"""Let a trained convolutional network teach a vision transformer.

Alone, a transformer takes very many images until it begins to learn at all: nothing in its build
says that neighbouring patches belong together.  A teacher that has learned the task helps in two
ways.  Its scores say more than a label does ("Training data-efficient image transformers &
distillation through attention", Hugo Touvron and others, 2020).  And its maps along the way tell
the tokens what to look for ("FitNets: Hints for Thin Deep Nets", Adriana Romero and others, 2014).
"""

from course_utils.networks.blocks import split_into_blocks

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import MobileNetV2, VisionTransformer

# blocks of MobileNetV2 whose output is a hint, with their channels; and where in the depth of the
# transformer the tokens are asked for it
HINTS = ((6, 32, 0.5), (13, 96, 0.75), (18, 1280, 1.0))
TEMPERATURE = 2.0  # softens the teacher's scores, so that its second and third choices count


class Teaching(nn.Module):
    """A teacher, and the linear maps from the student's tokens to the teacher's channels.

    Its parameters are those of the maps alone: they are trained along and thrown away in the end.
    """

    def __init__(self, teacher: MobileNetV2, student: VisionTransformer) -> None:
        super().__init__()
        self.teacher = [teacher.eval().requires_grad_(False)]  # in a list: not a part of this
        self.maps = nn.ModuleList(nn.Linear(student.hidden_dim, c) for _, c, _ in HINTS)
        depth = len(student.encoder.layers)
        self.asked = [round(depth * share) for _, _, share in HINTS]  # 0 is the first tokens

    @torch.no_grad()
    def lesson(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """What the teacher sees in prepared images: its maps, scaled to about one; its scores."""
        (network,) = self.teacher
        given = []
        wanted = [block for block, _, _ in HINTS]
        for number, block in enumerate(network.features):
            x = block(x)
            if number in wanted:
                given.append(x / x.std())
        return given, network.classifier(x.mean((2, 3)))

    def loss(self, student: nn.Module, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """All that is to be made small, and the plain cross-entropy within it."""
        given, advice = self.lesson(x)
        outputs = []
        for block in split_into_blocks(student):
            x = block.forward(x)
            outputs.append(x)
        plain = F.cross_entropy(x, y)
        soft = F.kl_div(
            F.log_softmax(x / TEMPERATURE, 1),
            F.softmax(advice / TEMPERATURE, 1),
            reduction="batchmean",
        )
        hints = [
            F.mse_loss(_as_map(project(outputs[block]), wanted.shape[-1]), wanted)
            for project, block, wanted in zip(self.maps, self.asked, given, strict=True)
        ]
        return plain + TEMPERATURE**2 * soft + torch.stack(hints).sum(), plain


def _as_map(tokens: Tensor, side: int) -> Tensor:
    """Tokens `(n, 1 + k * k, c)` without the class token as `(n, c, side, side)`, averaged."""
    patches = tokens[:, 1:].transpose(1, 2)
    across = round(patches.shape[-1] ** 0.5)
    return F.adaptive_avg_pool2d(patches.unflatten(-1, (across, across)), side)
