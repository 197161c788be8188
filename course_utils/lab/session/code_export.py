"""A run written out as PyTorch: what the reader did in the panel, as a program of their own."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Sequence

from course_utils.lab.session.controls import Controls
from course_utils.lab.session.history import Entry
from course_utils.lab.session.settings import Settings

_MACHINERY = '''
# The lab trains without dropout, so that a run can be repeated to the bit.
for module in model.modules():
    if isinstance(module, nn.modules.dropout._DropoutNd):
        module.p = 0.0

blocks = {block.name: nn.ModuleList(block.modules) for block in split_into_blocks(model)}
head = list(blocks)[-1]
device = next(model.parameters()).device


def make_optimizer(kind, head_rate, backbone_rate):
    """Four groups: backbone and head have rates of their own, norms and biases no weight decay."""
    groups = []
    for name, rate in (("backbone", backbone_rate), ("head", head_rate)):
        own = [p for b in blocks for p in blocks[b].parameters() if (b == head) == (name == "head")]
        decay = 0.01 if kind == "adamw" else 0.0
        matrices = [p for p in own if p.ndim > 1]
        vectors = [p for p in own if p.ndim <= 1]
        for parameters, weight_decay in ((matrices, decay), (vectors, 0.0)):
            if parameters:
                groups.append(
                    {"params": parameters, "lr": rate, "weight_decay": weight_decay, "part": name}
                )
    if kind == "sgd":
        return torch.optim.SGD(groups, momentum=0.9)
    return {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[kind](groups)


def set_rates(head_rate, backbone_rate):
    """Learning rates from the next step on."""
    for group in optimizer.param_groups:
        group["lr"] = head_rate if group["part"] == "head" else backbone_rate


def freeze(*names):
    """Freeze just these blocks, and thaw all others."""
    frozen[:] = names
    for name, block in blocks.items():
        block.requires_grad_(name not in names)
        if name in names:  # without a gradient, neither momentum nor weight decay moves a weight
            for parameter in block.parameters():
                parameter.grad = None


def endless_batches(seed):
    """Indices of training images, in a new order in every pass."""
    count, passes = len(data.train_images), 0
    while True:
        passes += 1
        generator = torch.Generator().manual_seed(seed * 10_007 + passes)
        order, done = torch.randperm(count, generator=generator), 0
        while count - done > 1:  # batch norm can take no statistics of a lone last image
            chosen = order[done : done + batch_size]
            done += len(chosen)
            yield chosen


def train(steps):
    """Take so many steps."""
    for _ in range(steps):
        chosen = next(batches)
        model.train()
        for name in frozen:  # requires_grad does not stop batch norm's statistics, eval() does
            blocks[name].eval()
            for module in blocks[name].modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train(batch_norm == "train")
        scores = model(prepare(data.train_images[chosen]))
        loss = F.cross_entropy(scores, data.train_labels[chosen].to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
'''


def program(
    setup: str, settings: Settings, entries: Sequence[Entry], steps: int, error: str | None = None
) -> str:
    """A program that does what a run did.

    Parameters
    ----------
    setup : str
        Lines that define `model`, `data` and `prepare`; see `Setup.code`.
    settings : Settings
        What the run started from.
    entries : sequence of Entry
        What training followed, from which step on; the first is the state at the start.
    steps : int
        How many steps were taken in all.
    error : str, optional
        What stopped the run, if anything did.

    Returns
    -------
    str
        Python code.  Run in the same environment, it ends with a `model` of the same weights; they
        may differ in the last digits where the lab kept the outputs of frozen blocks.
    """
    if not setup.strip():
        setup = (
            "# This run was given a model of your own: define model, data and prepare here,\n"
            "# in the state in which the lab received them.\n"
            "raise NotImplementedError('define model, data and prepare')"
        )
    first, start = entries[0], entries[0].controls
    imports, setup = _imports_first(setup.strip())
    lines = [
        '"""What the live lab did in this run, as PyTorch."""',
        "",
        "import course_utils  # noqa: F401  before torch",
        "import torch",
        "from torch import nn",
        "from torch.nn import functional as F",
        "",
        "from course_utils.networks.blocks import split_into_blocks",
        *imports,
        "",
        f"torch.manual_seed({settings.seed})  # decides the head's first weights",
        setup,
        _MACHINERY,
        "",
        "# From here on: what happened.",
        f"batch_size = {first.batch_size}",
        f'batch_norm = "{start.plan.batch_norm}"  # in frozen blocks',
        "frozen = []",
        f"batches = endless_batches(seed={settings.seed})",
        f"optimizer = {_optimizer(start)}",
        _freeze(start),
    ]
    for before, after in itertools.pairwise(entries):
        lines += _train(after.step - before.step)
        lines += _changes(before, after)
    lines += _train(steps - entries[-1].step)
    if error is not None:
        lines.append(f"# The next step was not taken: {' '.join(error.split())}")
    return "\n".join(lines) + "\n"


def _imports_first(setup: str) -> tuple[list[str], str]:
    """The import lines at the beginning of some code, and the rest."""
    lines, imports = setup.splitlines(), []
    while lines and (not lines[0].strip() or lines[0].startswith(("import ", "from "))):
        imports.append(lines.pop(0))
    return [line for line in imports if line.strip()], "\n".join(lines)


def _train(steps: int) -> list[str]:
    return [f"train({steps})"] if steps else []


def _changes(before: Entry, after: Entry) -> list[str]:
    """Lines for what is different from one entry to the next."""
    old, new = before.controls, after.controls
    lines = []
    if old.optimizer != new.optimizer:
        lines.append(f"optimizer = {_optimizer(new)}")
    elif (old.head_rate, old.backbone_rate) != (new.head_rate, new.backbone_rate):
        lines.append(f"set_rates(head_rate={new.head_rate!r}, backbone_rate={new.backbone_rate!r})")
    if old.plan.frozen != new.plan.frozen:
        lines.append(_freeze(new))
    if old.plan.batch_norm != new.plan.batch_norm:
        lines.append(f'batch_norm = "{new.plan.batch_norm}"')
    if before.batch_size != after.batch_size:
        lines.append(f"batch_size = {after.batch_size}  # memory had run out")
    return lines


def _optimizer(controls: Controls) -> str:
    return (
        f'make_optimizer("{controls.optimizer}", '
        f"head_rate={controls.head_rate!r}, backbone_rate={controls.backbone_rate!r})"
    )


def _freeze(controls: Controls) -> str:
    names = sorted(controls.plan.frozen, key=_natural)
    text = f"freeze({', '.join(map(repr, names))})".replace("'", '"')
    if len(text) <= 96:
        return text
    inner = ", ".join(f'"{name}"' for name in names) + ","
    lines = textwrap.fill(inner, 99, initial_indent="    ", subsequent_indent="    ")
    return f"freeze(\n{lines}\n)"


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sort "features.9" before "features.10"."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in name.split("."))
