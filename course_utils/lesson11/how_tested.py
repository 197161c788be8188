"""How each claim is tested: which records, which two arms in which settings, by which rule.

The settings are named as the figures of lesson 11 show them. `comparisons` explains the fields;
`record_rows` derives what a record does not hold as it is.
"""

from __future__ import annotations

from course_utils.lesson11.comparisons import (
    TASKS,
    Comparison,
    best_at_the_ends,
    best_between,
    best_of,
    best_other,
    each_of,
    each_other,
    highest,
    lowest,
)
from course_utils.lesson11.findings import COUNTED, SHAPES
from course_utils.lesson11.record_rows import (
    FAR,
    FEW_AND_MANY,
    FROM_NOTHING,
    against_enough,
    at_best_rates,
    beside,
    best_rate_of_each_seed,
    best_rate_of_two_starts,
    comparable_sources,
    epochs_to_level,
    few_against_many,
    gain_over,
    gap_and_test,
    loaded_and_scratch,
    most_frozen,
    with_gap,
)
from course_utils.lesson11.rules import (
    ENOUGH,
    agreement,
    counted,
    factor,
    good_choice,
    harmless,
    tenfold,
)

DEEP = 28
"""From so many layers on a network counts as very deep here; plain ones of 10 train well."""

LITTLE = 100
"""Up to so many images (ten a class) count as little data; more as medium. Nobody here has much."""

MAP = "data_and_similarity"
CELL = ("task", "train")  # of the map: one task with one number of training images
ALWAYS: dict[str, object] = {}
FEW, MANY = "train == train.min()", "train == train.max()"
PARTLY = "task == 'near' and strategy in ['head only', 'first blocks frozen', 'everything']"
PRETRAINED = best_of("head only", "everything")
FROM_RANDOM = best_of(*FROM_NOTHING)

GAINS = gain_over("strategy", FROM_RANDOM, *CELL)
OVER_A = gain_over("architecture", each_of("A"), "start")
FALL_FROM_BEST = gain_over("depth", best_other(), "task", "network", "pooling")
OVER_FEW_BLOCKS = gain_over("k", lowest, "task", "mode")
SIZES = beside("network", "MobileNetV2")


def _prescribed(
    setting: str, way: str, where: str, by: tuple[str, ...] = CELL, **more: object
) -> Comparison:
    """What is prescribed on the map, against the best of the other ways."""
    return Comparison(
        MAP, setting, "strategy", way, best_other(way),
        rule=good_choice, where=where, by=by, **more,  # type: ignore[arg-type]
    )  # fmt: skip


COMPARISONS: dict[int, tuple[Comparison, ...]] = {
    # fine-tuning of everything against the better of two networks that start from nothing
    1: (
        Comparison(MAP, "{task}, {train} images", "strategy", "everything", FROM_RANDOM,
                   where=FEW_AND_MANY, by=CELL, core={"task": "near"}),
        Comparison(MAP, "{task}, {first} pretrained against {second} random", "train",
                   lowest, highest, rows=few_against_many, by=("task",)),
        Comparison("two_starts", f"{TASKS['near']}: speed", "start", "random", "pretrained",
                   "needed", factor, rows=epochs_to_level),
    ),
    2: (
        Comparison("residual_twins", "{depth} layers, {batch_norm}", "kind", "residual", "plain",
                   "train_accuracy", where=f"epoch == epoch.max() and depth >= {DEEP}",
                   by=("batch_norm", "depth"), core={"batch_norm": True, "depth": DEEP}),
        Comparison("gradients", "gradient at layer 1 of {depth}, {batch_norm}", "kind",
                   "residual", "plain", "gradient", factor, where=f"layer == 1 and depth >= {DEEP}",
                   by=("batch_norm", "depth"), core={"depth": DEEP}),
    ),
    3: (
        Comparison("model_sizes", "{first}: parameters", "network", each_other("MobileNetV2"),
                   "MobileNetV2", "parameters", counted, core=ALWAYS, world=COUNTED),
        Comparison("model_sizes", "{first}: time, {size} px, {batch} at a time", "network",
                   each_other("MobileNetV2"), "MobileNetV2", "ms_per_image", factor, rows=SIZES,
                   where="size == size.max()", by=("other", "batch"), world=COUNTED),
    ),
    # is the last epoch better than the last frozen one, and better than without the thaw?
    4: (
        Comparison("thaw_control", "epoch {first} minus epoch {second}, {images}", "epoch", 5, 2,
                   where="arm == 'thawed'", core=ALWAYS),
        Comparison("thaw_control", "against no thaw, {images}", "arm", "thawed", "kept frozen",
                   where="epoch == 5"),
        Comparison("classic_recipe", "epoch {first} minus epoch {second}, the same {images}",
                   "epoch", 5, 2, "test_accuracy"),
    ),
    # if weights and biases were all, a checkpoint without its buffers would do as well
    5: (
        Comparison("checkpoint_parts", "{measure}", "part", "without buffers", "everything",
                   rule=harmless, by=("measure",), core={"measure": "new head, frozen"}),
    ),
    # each start at the rate that is best for it on validation images
    6: (
        Comparison("two_starts", "after 1 epoch", "start", "pretrained", "random", "test_accuracy",
                   rows=at_best_rates, where="epochs == epochs.min() and epoch == 1", core=ALWAYS),
        Comparison("two_starts", "after {epochs} epochs", "start", "pretrained", "random",
                   "test_accuracy", rows=at_best_rates,
                   where="epochs == epochs.min() and epoch == epochs", core=ALWAYS),
        Comparison("two_starts", "{first} epochs against {second}", "epochs", lowest, highest,
                   "test_accuracy", rows=at_best_rates,
                   where="epoch == epochs and (start == 'pretrained' or epochs > epochs.min())"),
    ),
    # the gain over the better start from nothing, averaged over all numbers of images
    7: (
        Comparison(MAP, "{first} against {second}, fine-tuned", "task", "near", each_of(*FAR),
                   "gain", rows=GAINS, where="strategy == 'everything'",
                   core={"second": "orientation"}),
        Comparison(MAP, "{first} against {second}, frozen", "task", "near", each_of(*FAR),
                   "gain", rows=GAINS, where="strategy == 'head only'",
                   core={"second": "orientation"}),
    ),
    # the claim advises to retrain, so that must cost no more than `SAME`
    8: (
        Comparison("partial_loading", "{change}, {load}", "treatment", "scratch",
                   best_other("scratch"), rule=good_choice, rows=loaded_and_scratch,
                   by=("change", "load"), core=ALWAYS),
    ),
    # two signs: a larger gap with few images; and fine-tuning does worse than the head alone
    9: (
        Comparison(MAP, "{task}: gap, {first} against {second} images", "train", lowest, highest,
                   "gap", rows=with_gap, where="strategy == 'everything'", by=("task",),
                   core=ALWAYS),
        Comparison(MAP, "{task}, {train} images: cost", "strategy", "head only", "everything",
                   where=FEW, by=CELL),
    ),
    # what a network gains by its weights alone, which a comparison with one side pretrained would
    # credit to its architecture; what another loses with these weights in place of its own; and
    # whether a comparison without weights comes out as one in which both were pretrained alike
    10: (
        Comparison("fair_comparison", "only {architecture} pretrained: wrongly credited", "start",
                   "pretrained alike", "scratch", where="architecture == 'A'", core=ALWAYS),
        Comparison("fair_comparison", "{architecture} with what fits of {over}'s weights: lost",
                   "start", "pretrained alike", "what fits of A's", rows=OVER_A,
                   where="architecture != 'A'", by=("architecture",)),
        Comparison("fair_comparison",
                   "{architecture} against {over}: without weights as pretrained alike",
                   "start", "scratch", "pretrained alike", "gain", agreement, rows=OVER_A,
                   where="architecture != 'A'", by=("architecture",)),
    ),
    11: (
        Comparison("source_tasks", "{first} against {second}, {treatment}", "source",
                   each_of("other shapes", "other photographs"),
                   each_of("no pretraining", "fabric", "orientation", "drawn shapes"),
                   rows=comparable_sources, by=("treatment",), core={"treatment": "fine-tuned"}),
    ),
    12: (
        Comparison("freezing_costs", "{second} blocks frozen: time", "frozen_blocks",
                   0, each_other(0), "cpu_seconds", factor, core={"second": 19}),
        Comparison("freezing_costs", "{second} blocks frozen: memory", "frozen_blocks",
                   0, highest, "kept_mb", counted),
        Comparison("cached_features", "19 blocks frozen, and cached: time",
                   value="ratio", rule=factor),
    ),
    # freezing prevents what harms only if not the gap alone is smaller, but the test score higher
    13: (
        Comparison(MAP, "{task}, {train} images: {measure}", "strategy", "head only", "everything",
                   "score", rows=gap_and_test, by=(*CELL, "measure"), core={"measure": "test"}),
    ),
    # gradients behind the first blocks, with these frozen and not, from the same weights and batch;
    # batch norm in eval mode, which goes with freezing as a rule, is set apart
    14: (
        Comparison("gradients_frozen",
                   lambda s: "{network}, first {first} frozen".format(**s)
                   + (f", {s['batch_norm']} in both" if s["batch_norm"] != "none" else ""),
                   "frozen", highest, lowest, "norm", factor, rows=most_frozen,
                   by=("network", "batch_norm"),
                   core={"network": "MobileNetV2, pretrained", "batch_norm": "train"}),
    ),
    # a far task loses more from the best block to the last, and by freezing all blocks
    15: (
        Comparison("probes_by_depth", "probes: {second} against {first}", "task",
                   "near", each_of(*FAR), "gain", rows=FALL_FROM_BEST, core={"second": FAR[0]},
                   where="network == 'pretrained' and pooling == 'mean' and depth == depth.max()"),
        Comparison("first_k_blocks", "{k} frozen blocks, not {over}: {second} against {first}",
                   "task", "near", each_of(*FAR), "gain", rows=OVER_FEW_BLOCKS,
                   where="mode == 'frozen' and k == k.max()"),
    ),
    16: (
        Comparison("thirty_images", "{task}: gain", "strategy", PRETRAINED, FROM_RANDOM,
                   rows=against_enough, by=("task",), core={"task": "near"}),
        Comparison("thirty_images", f"{{task}}: above {ENOUGH:.0%} with weights", "strategy",
                   PRETRAINED, value="above", rows=against_enough, by=("task",)),
        Comparison("thirty_images", f"{{task}}: below {ENOUGH:.0%} without", "strategy",
                   FROM_RANDOM, value="below", rows=against_enough, by=("task",)),
    ),
    # little and similar: a classifier on the last features; little and different: on earlier ones;
    # much: fine-tune the whole network, from the pretrained weights even when different
    17: (
        _prescribed("{train} images, {task}: {first}", "head only", f"{FEW} and task == 'near'"),
        _prescribed("{train} images, {task}: {first}", "earlier block",
                    f"{FEW} and task != 'near'"),
        _prescribed("{train} images, {task}: {first}", "everything", MANY, by=("train", "task"),
                    core={"task": "near"}),
    ),
    # for each seed the best rate of either start, from the same row of rates
    18: (
        # in Shapes a task that is learned from nothing within the steps of this experiment
        Comparison("rates_by_start",
                   lambda s: TASKS["orientation" if s["world"] == SHAPES else "near"],
                   "start", "scratch", "pretrained", "rate", tenfold,
                   rows=best_rate_of_each_seed, core=ALWAYS),
        Comparison("two_starts", "the lesson's classes, three rates each", "start", "random",
                   "pretrained", "rate", tenfold, rows=best_rate_of_two_starts),
    ),
    19: (
        Comparison("fine_tuning_depth", "by depth, {train} images: head only", "thawed",
                   1, best_other(1), rule=good_choice, where=FEW),
        Comparison("fine_tuning_depth", "by depth, {train} images: first blocks frozen", "thawed",
                   best_between, best_at_the_ends, rule=good_choice, where=MANY),
        Comparison("fine_tuning_depth", "by depth, {train} images: more than the last layer",
                   "thawed", best_between, 1, where=MANY, core=ALWAYS),
        _prescribed("{task}, {train} images: {first}", "head only",
                    f"{PARTLY} and train <= {LITTLE}"),
        _prescribed("{task}, {train} images: {first}", "first blocks frozen",
                    f"{PARTLY} and train > {LITTLE}"),
    ),
    20: (
        Comparison("normalisation",
                   lambda s: "{network}".format(**s) if "vit" in s["network"]
                   else "{network}, {batch_norm}".format(**s),
                   "normalisation", "0.5 / 0.5", "own", rule=harmless,
                   by=("network", "batch_norm"),
                   core={"network": "mobilenet_v2", "batch_norm": "eval"}),
    ),
}  # fmt: skip
"""By the number of the claim."""
