"""Claims about architectures and checkpoints."""

from __future__ import annotations

from course_utils.lesson11.claim import COUNTED, Effect, Finding, Tables
from course_utils.lesson11.rules import (
    agreement,
    best,
    conclude,
    counted,
    difference,
    factor,
    good_choice,
    harmless,
    paired,
)

import pandas as pd
import torch

DEEP = 28
"""From so many layers on a network counts as very deep here; plain ones of 10 train well."""


def residual_connections(tables: Tables) -> Finding:
    """Claim 2: residual connections let gradients through and make very deep networks trainable."""
    effects = []
    for world, table in tables.each("residual_twins"):
        last = table[table["epoch"] == table["epoch"].max()]
        for bn, mine in last[last["depth"] >= DEEP].groupby("batch_norm", sort=False):
            for depth, part in mine.groupby("depth"):
                if part["kind"].nunique() < 2:
                    continue
                values = paired(part, "train_accuracy", "kind", "residual", "plain")
                setting = f"{depth} layers, {'with' if bn else 'no'} batch norm"
                core = bool(bn) and depth == DEEP
                what = "training accuracy, residual minus plain"
                effects.append(difference(values, world, setting, what, core=core))
    for world, table in tables.each("gradients"):
        first = table[(table["layer"] == 1) & (table["depth"] >= DEEP)]
        for (bn, depth), part in first.groupby(["batch_norm", "depth"], sort=False):
            wide = part.pivot_table(index="seed", columns="kind", values="gradient")
            if wide.shape[1] < 2 or not (wide > 0).all(axis=None):
                continue
            setting = f"gradient at layer 1 of {depth}, {'with' if bn else 'no'} batch norm"
            what = "length at the start, residual over plain"
            effects.append(
                factor(wide["residual"] / wide["plain"], world, setting, what, core=depth == DEEP)
            )
    return conclude(effects)


def small_and_fast(tables: Tables) -> Finding:
    """Claim 3: MobileNetV2 is small and fast."""
    effects = []
    own = "MobileNetV2"
    for _, table in tables.each("model_sizes"):
        first = table.drop_duplicates("network").set_index("network")
        others = [name for name in first.index if name != own]
        for name in others:
            ratio = first["parameters"][name] / first["parameters"][own]
            effects.append(
                counted(ratio, COUNTED, f"{name}: parameters", f"{name} over {own}",
                        holds=ratio > 1, unit="times", null=1.0, core=True)
            )  # fmt: skip
        for name in others:
            for batch in sorted(table["batch"].unique()):
                part = table[(table["size"] == table["size"].max()) & (table["batch"] == batch)]
                wide = part.pivot_table(index="seed", columns="network", values="ms_per_image")
                setting = f"{name}: time, {part['size'].max()} px, {batch} at a time"
                effects.append(
                    factor(wide[name] / wide[own], COUNTED, setting, f"{name} over {own}")
                )
    return conclude(effects)


def weights_and_biases(tables: Tables) -> Finding:
    """Claim 5: pretrained weights are weights and biases.

    If that were all, a checkpoint without its buffers would do as well.
    """
    effects: list[Effect] = []
    for world, table in tables.each("checkpoint_parts"):
        for measure in table["measure"].unique():
            part = table[table["measure"] == measure]
            values = paired(part, "accuracy", "part", "without buffers", "everything")
            what = "accuracy, without the buffers minus with them"
            core = measure == "new head, frozen"
            effects.append(harmless(values, world, f"{measure}", what, core=core))
    return conclude(effects, _parts_of_the_state()) if effects else conclude(effects)


def _parts_of_the_state() -> str:
    from torchvision.models import mobilenet_v2

    with torch.device("meta"):
        model = mobilenet_v2()
    names = {name for name, _ in model.named_parameters()}
    total = len(model.state_dict())
    convolutions = [m for m in model.modules() if isinstance(m, torch.nn.Conv2d)]
    biases = sum(layer.bias is not None for layer in convolutions)
    return (
        f"Of the {total} tensors in MobileNetV2's state {len(names)} are parameters and "
        f"{total - len(names)} buffers; of its {len(convolutions)} convolutions {biases} have a "
        f"bias."
    )


def useless_when_changed(tables: Tables) -> Finding:
    """Claim 8: once the structure is changed, old weights may be useless, and retraining better.

    For each change and way to load: training from random weights, against what is best after
    loading.  The claim advises to retrain, so that must cost no more than `SAME`.
    """
    effects, levels = [], []
    for world, table in tables.each("partial_loading"):
        scratch = table[table["treatment"] == "scratch"]
        levels += [f"{scratch['accuracy'].mean():.1%} in {world}"]
        rivals = dict(list(scratch.groupby("change", sort=False)))
        loaded = table[(table["treatment"] != "scratch") & (table["change"] != "untouched")]
        for (change, load), part in loaded.groupby(["change", "load"], sort=False):
            if "fine-tuned" not in set(part["treatment"]):
                continue  # only looked at frozen: not what somebody would do with it
            treatment = best(part, "accuracy", "treatment")
            rival = rivals.get(change, rivals.get("untouched"))
            if rival is None:
                continue
            both = pd.concat([part, rival])
            values = paired(both, "accuracy", "treatment", "scratch", treatment)
            what = f"accuracy, from scratch minus after loading ({treatment})"
            effects.append(good_choice(values, world, f"{change}, {load}", what, core=True))
    return conclude(
        effects, f"From random weights the networks reached {', '.join(levels)} on the average."
    )


def other_normalisation(tables: Tables) -> Finding:
    """Claim 20: mean 0.5 and deviation 0.5 in place of the weights' own do no harm."""
    effects = []
    for world, table in tables.each("normalisation"):
        for (network, mode), part in table.groupby(["network", "batch_norm"], sort=False):
            values = paired(part, "accuracy", "normalisation", "0.5 / 0.5", "own")
            setting = f"{network}, batch norm in {mode} mode"
            if "vit" in str(network):
                setting = str(network)
            core = network == "mobilenet_v2" and mode == "eval"
            what = "accuracy, 0.5 / 0.5 minus own"
            effects.append(harmless(values, world, setting, what, core=core))
    return conclude(effects)


def fair_without_weights(tables: Tables) -> Finding:
    """Claim 10: a fair comparison of architectures drops the pretrained weights.

    Three questions.  How much does a network gain by its weights alone, which a comparison with one
    side pretrained would credit to its architecture?  How much does a changed network lose when it
    gets the weights of the other, as far as they fit, in place of its own?  And does a comparison
    without any weights come out as one in which both were pretrained alike?
    """
    effects = []
    for world, table in tables.each("fair_comparison"):
        first = "A"
        mine = table[table["architecture"] == first]
        credit = paired(mine, "accuracy", "start", "pretrained alike", "scratch")
        setting = f"only {first} pretrained: wrongly credited"
        what = f"accuracy of {first}, pretrained minus from scratch"
        effects.append(difference(credit, world, setting, what, core=True))
        for other in [name for name in table["architecture"].unique() if name != first]:
            mine = table[table["architecture"] == other]
            loss = paired(mine, "accuracy", "start", "pretrained alike", "what fits of A's")
            what = f"accuracy of {other}, own pretraining minus {first}'s weights"
            setting = f"{other} with what fits of {first}'s weights: lost"
            effects.append(difference(loss, world, setting, what))
            gaps = [
                paired(table[table["start"] == start], "accuracy", "architecture", other, first)
                for start in ("scratch", "pretrained alike")
            ]
            setting = f"{other} against {first}: without weights as pretrained alike"
            what = f"{other} minus {first}, from scratch, less the same when pretrained alike"
            effects.append(agreement((gaps[0] - gaps[1]).dropna(), world, setting, what))
    return conclude(effects)


def freezing_and_gradients(tables: Tables) -> Finding:
    """Claim 14: freezing shallow layers prevents vanishing gradients.

    Gradients behind the first blocks, with these frozen and not, from the same weights and batch.
    Freezing goes with batch norm in eval mode as a rule, which changes the forward pass; so that is
    set apart.  Gradients that are the same to the bit say no, however many runs there are.
    """
    effects = []
    for world, table in tables.each("gradients_frozen"):
        lengths = table.groupby(
            ["network", "first", "batch_norm", "frozen", "seed"], sort=False, as_index=False
        ).agg(norm=("norm", "sum"), changed=("changed", "max"))
        for (network, first), part in lengths.groupby(["network", "first"], sort=False):
            if first != lengths[lengths["network"] == network]["first"].max():
                continue
            for mode, mine in part.groupby("batch_norm", sort=False):
                norms = mine.pivot_table(index="seed", columns="frozen", values="norm")
                if first not in norms or not (norms > 0).all(axis=None):
                    continue
                setting = f"{network}, first {first} frozen"
                if mode != "none":
                    setting += f", batch norm in {mode} mode in both"
                what = "length of gradients behind the first blocks, frozen over not"
                core = "MobileNetV2" in str(network) and mode == "train"
                effect = factor(norms[first] / norms[0], world, setting, what, core=core)
                same = mine["changed"].max() == 0
                effects.append(effect.judged("no") if same else effect)
    return conclude(effects)
