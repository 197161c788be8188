"""Tables with the columns of the real records and numbers that are made up, to try judges on.

Each function takes `true`: whether the numbers are such that the claim is plainly true in every
setting, or plainly false in every one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from course_utils.lesson11.comparisons import Tables

import pandas as pd

SEEDS = (0, 1, 2)
Rows = list[dict[str, object]]


def wobble(seed: int, *what: object) -> float:
    """A little that depends on seed and setting, as chance would have it."""
    return 0.001 * ((seed * 7 + sum(map(ord, "".join(map(str, what))))) % 5)


def runs(**settings: tuple) -> Iterator[tuple[int, dict[str, object]]]:
    for seed in SEEDS:
        for values in itertools.product(*settings.values()):
            yield seed, dict(zip(settings, values, strict=True))


STRATEGIES = (
    "scratch", "scratch, small network", "head only", "earlier block", "first blocks frozen",
    "everything",
)  # fmt: skip


def similarity_map(score: Callable[[str, int, str], tuple[float, float]]) -> pd.DataFrame:
    """`score(task, train, strategy)` gives test and training accuracy."""
    rows: Rows = []
    grid = runs(task=("near", "orientation"), train=(30, 200, 1000), strategy=STRATEGIES)
    for seed, s in grid:
        test, train = score(s["task"], s["train"], s["strategy"])
        rows.append(
            {
                "seed": seed,
                **s,
                "accuracy": test + wobble(seed, *s.values()),
                "train_accuracy": train,
            }
        )
    return pd.DataFrame(rows)


def claim_1(true: bool) -> dict[str, pd.DataFrame]:
    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        return (0.8 if ("scratch" in strategy) != true else 0.3) + train / 10_000, 1.0

    return {"data_and_similarity": similarity_map(score), **claim_6(true)}


def claim_2(true: bool) -> dict[str, pd.DataFrame]:
    better = "residual" if true else "plain"
    twins = [
        {"seed": seed, **s, "train_accuracy": (0.8 if s["kind"] == better else 0.2)
         + wobble(seed, *s.values())}
        for seed, s in runs(depth=(10, 28, 52), kind=("plain", "residual"),
                            batch_norm=(True, False), epoch=(1, 5))
    ]  # fmt: skip
    gradients = [
        {"seed": seed, **s, "gradient": (5.0 if s["kind"] == better else 0.5)
         + wobble(seed, *s.values())}
        for seed, s in runs(depth=(10, 28), kind=("plain", "residual"), batch_norm=(True, False),
                            layer=(1, 2))
    ]  # fmt: skip
    return {"residual_twins": pd.DataFrame(twins), "gradients": pd.DataFrame(gradients)}


def claim_3(true: bool) -> dict[str, pd.DataFrame]:
    large = {"MobileNetV2": 3, "ResNet-18": 11 if true else 1}
    rows = [
        {"seed": seed, **s, "parameters": large[str(s["network"])],
         "ms_per_image": large[str(s["network"])] + wobble(seed, *s.values())}
        for seed, s in runs(network=tuple(large), size=(64, 224), batch=(1, 8))
    ]  # fmt: skip
    return {"model_sizes": pd.DataFrame(rows)}


def claim_4(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    for seed, s in runs(arm=("thawed", "kept frozen"), epoch=(1, 2, 3, 4, 5)):
        after = s["epoch"] > 2 and s["arm"] == "thawed"
        gain = (0.2 if true else -0.2) * after
        rows.append({"seed": seed, **s, "accuracy": 0.5 + gain + wobble(seed, *s.values())})
    thawed = [row for row in rows if row["arm"] == "thawed"]
    recipe = pd.DataFrame(thawed).rename(columns={"accuracy": "test_accuracy"})
    return {"thaw_control": pd.DataFrame(rows), "classic_recipe_photos": recipe}


def claim_5(true: bool) -> dict[str, pd.DataFrame]:
    rows = [
        {"seed": seed, **s, "accuracy": 0.9 + wobble(seed, s["measure"])
         - (0.5 if s["part"] == "without buffers" and not true else 0)}
        for seed, s in runs(part=("everything", "without buffers", "nothing"),
                            measure=("old head", "new head, frozen"))
    ]  # fmt: skip
    return {"checkpoint_parts": pd.DataFrame(rows)}


def claim_6(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    for seed, s in runs(start=("random", "pretrained"), rate=(0.001, 0.01)):
        good = (s["start"] == "pretrained") == true
        for epochs in (4, 16) if s["start"] == "random" else (4,):
            for epoch in range(1, epochs + 1):
                level = (0.8 if good else 0.01 * epoch) + wobble(seed, *s.values())
                rows.append(
                    {"seed": seed, **s, "epochs": epochs, "epoch": epoch, "test_accuracy": level,
                     "validation_accuracy": level - s["rate"]}
                )  # fmt: skip
    return {"two_starts": pd.DataFrame(rows)}


def claim_7(true: bool) -> dict[str, pd.DataFrame]:
    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        if "scratch" in strategy:
            return 0.3, 1.0
        return (0.8 if (task == "near") == true else 0.4), 1.0

    return {"data_and_similarity": similarity_map(score)}


def claim_8(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    for seed, s in runs(change=("untouched", "wider"), treatment=("frozen", "fine-tuned")):
        level = 0.2 if true else 0.8
        rows.append(
            {"seed": seed, **s, "load": "as it is", "accuracy": level + wobble(seed, *s.values())}
        )
    for seed in SEEDS:
        rows.append(
            {"seed": seed, "change": "untouched", "treatment": "scratch", "load": "nothing",
             "accuracy": 0.5 + wobble(seed)}
        )  # fmt: skip
    return {"partial_loading": pd.DataFrame(rows)}


def claim_9(true: bool) -> dict[str, pd.DataFrame]:
    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        few = train == 30
        if strategy == "everything":
            return (0.3, 1.0) if few == true else (0.7, 0.8)
        return 0.5, 0.6

    return {"data_and_similarity": similarity_map(score)}


def claim_10(true: bool) -> dict[str, pd.DataFrame]:
    levels = {
        ("A", "scratch"): 0.4, ("A", "pretrained alike"): 0.7 if true else 0.4,
        ("B", "scratch"): 0.5, ("B", "pretrained alike"): 0.8 if true else 0.3,
        ("B", "what fits of A's"): 0.6,
    }  # fmt: skip
    rows = [
        {"seed": seed, "architecture": a, "start": start, "accuracy": level - wobble(seed, start)}
        for seed in SEEDS
        for (a, start), level in levels.items()
    ]
    return {"fair_comparison": pd.DataFrame(rows)}


def claim_11(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    sources = {"none": 0.5, "own classes": 0.9, "other shapes": 0.8 if true else 0.2,
               "fabric": 0.6, "orientation": 0.6}  # fmt: skip
    for seed, s in runs(source=tuple(sources), treatment=("scratch", "frozen", "fine-tuned")):
        none = s["source"] == "none"
        if none != (s["treatment"] == "scratch"):
            continue
        rows.append(
            {"seed": seed, **s, "source_images": 0 if none else 100,
             "source_classes": 0 if none else 10, "chosen": True,
             "accuracy": sources[str(s["source"])] + wobble(seed, *s.values())}
        )  # fmt: skip
        if s["source"] == "other shapes":  # other sizes of it, which must not be mixed in
            rows.append({**rows[-1], "source_images": 9999, "accuracy": 0.5})
            rows.append({**rows[-2], "source_classes": 2, "accuracy": 0.5})
    return {"source_tasks": pd.DataFrame(rows)}


def claim_12(true: bool) -> dict[str, pd.DataFrame]:
    rows = [
        {"seed": seed, **s,
         "cpu_seconds": (20 - s["frozen_blocks"] if true else 20 + s["frozen_blocks"])
         + wobble(seed, *s.values()),
         "kept_mb": 40 - s["frozen_blocks"] if true else 40 + s["frozen_blocks"]}
        for seed, s in runs(frozen_blocks=(0, 7, 19))
    ]  # fmt: skip
    ratios = [{"seed": s, "ratio": (5 if true else 0.5) + wobble(s)} for s in SEEDS]
    return {"freezing_costs": pd.DataFrame(rows), "cached_features": pd.DataFrame(ratios)}


def claim_13(true: bool) -> dict[str, pd.DataFrame]:
    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        frozen = (strategy == "head only") == true
        return (0.7, 0.8) if frozen else (0.5, 1.0)

    return {"data_and_similarity": similarity_map(score)}


def claim_14(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    for seed, s in runs(network=("MobileNetV2, pretrained",), first=(7, 14),
                        batch_norm=("train", "eval"), block=("a", "b")):  # fmt: skip
        for frozen in (0, s["first"]):
            longer = frozen and true
            rows.append(
                {"seed": seed, **s, "frozen": frozen, "norm": (3.0 if longer else 1.0)
                 + wobble(seed, s["first"]), "changed": 0.1 if longer else 0.0}
            )  # fmt: skip
    return {"gradients_frozen": pd.DataFrame(rows)}


def claim_15(true: bool) -> dict[str, pd.DataFrame]:
    probes: Rows = []
    for seed, s in runs(task=("near", "orientation"), network=("pretrained", "random"),
                        pooling=("mean", "grid"), depth=(1, 10, 19)):  # fmt: skip
        falls = (s["task"] == "orientation") == true and s["depth"] == 19
        probes.append(
            {"seed": seed, **s, "accuracy": (0.3 if falls else 0.6) + 0.01 * (s["depth"] == 10)
             + wobble(seed, s["task"])}
        )  # fmt: skip
    blocks: Rows = []
    for seed, s in runs(task=("near", "orientation"), mode=("frozen", "fine-tuned"), k=(5, 19)):
        falls = (s["task"] == "orientation") == true and s["k"] == 19
        level = (0.3 if falls else 0.6) + wobble(seed, *s.values())
        blocks.append({"seed": seed, **s, "accuracy": level})
    return {"probes_by_depth": pd.DataFrame(probes), "first_k_blocks": pd.DataFrame(blocks)}


def claim_16(true: bool) -> dict[str, pd.DataFrame]:
    rows = [
        {"seed": seed, **s,
         "accuracy": (0.4 if ("scratch" in str(s["strategy"])) == true else 0.9)
         + wobble(seed, *s.values())}
        for seed, s in runs(task=("near",), strategy=("scratch", "head only", "everything"))
    ]  # fmt: skip
    return {"thirty_images": pd.DataFrame(rows)}


def claim_17(true: bool) -> dict[str, pd.DataFrame]:
    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        wanted = "everything"
        if train == 30:
            wanted = "head only" if task == "near" else "earlier block"
        return (0.8 if (strategy == wanted) == true else 0.4), 1.0

    return {"data_and_similarity": similarity_map(score)}


def claim_18(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    top = {"scratch": 1e-2, "pretrained": 1e-3 if true else 1e-2}
    for seed, s in runs(start=("scratch", "pretrained"), rate=(1e-3, 3e-3, 1e-2)):
        good = s["rate"] == top[str(s["start"])]
        level = (0.8 if good else 0.4) + wobble(seed, *s.values())
        rows.append({"seed": seed, **s, "accuracy": level})
    return {"rates_by_start": pd.DataFrame(rows)}


def claim_19(true: bool) -> dict[str, pd.DataFrame]:
    rows: Rows = []
    for seed, s in runs(train=(100, 1000), thawed=(1, 5, 9, 20)):
        wanted = s["thawed"] == 1 if s["train"] == 100 else 1 < s["thawed"] < 20
        # at 1000 images even the head alone is better, where the claim is false
        level = (0.8 if wanted == true else 0.4) + wobble(seed, *s.values())
        rows.append({"seed": seed, **s, "accuracy": level})

    def score(task: str, train: int, strategy: str) -> tuple[float, float]:
        wanted = "head only" if train == 30 else "first blocks frozen"
        return (0.8 if (strategy == wanted) == true else 0.4), 1.0

    return {"fine_tuning_depth": pd.DataFrame(rows), "data_and_similarity": similarity_map(score)}


def claim_20(true: bool) -> dict[str, pd.DataFrame]:
    rows = [
        {"seed": seed, **s, "accuracy": 0.8 + wobble(seed, s["network"])
         - (0.1 if s["normalisation"] != "own" and not true else 0)}
        for seed, s in runs(network=("mobilenet_v2", "vit_tiny"), batch_norm=("eval",),
                            normalisation=("own", "0.5 / 0.5"))
    ]  # fmt: skip
    return {"normalisation": pd.DataFrame(rows)}


def tables(number: int, true: bool) -> Tables:
    """What the judge of a claim gets when the claim is plainly true, or plainly false."""
    return Tables(globals()[f"claim_{number}"](true))
