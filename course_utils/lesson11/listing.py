"""The twenty claims, each in our own words, with its lesson, its records and its judge."""

from __future__ import annotations

from course_utils.lesson11 import fine_tuning, networks, pretraining, similarity
from course_utils.lesson11.claim import Claim

CLAIMS: tuple[Claim, ...] = (
    Claim(
        1,
        "faster, fewer, better",
        "Starting from pretrained weights, a network learns faster, needs fewer images, and does "
        "better on new ones.",
        "07_how_far_features_travel",
        ("data_and_similarity", "two_starts"),
        pretraining.faster_fewer_better,
    ),
    Claim(
        2,
        "shortcuts make depth trainable",
        "Shortcuts around layers let gradients reach the shallow layers, and so make very deep "
        "networks trainable.",
        "02_residual_connections",
        ("residual_twins", "gradients"),
        networks.residual_connections,
    ),
    Claim(
        3,
        "MobileNetV2 is small and fast",
        "MobileNetV2 is a small network, and therefore a fast one.",
        "10_other_models",
        ("model_sizes",),
        networks.small_and_fast,
    ),
    Claim(
        4,
        "the thaw lifts the accuracy",
        "Train the head alone first, then thaw everything at a tenth of the learning rate: the "
        "accuracy jumps.",
        "05_fine_tuning",
        ("thaw_control", "classic_recipe"),
        fine_tuning.after_thaw,
    ),
    Claim(
        5,
        "pretrained weights: weights and biases",
        "What a pretrained network has learned are its weights and biases.",
        "01_pretrained_weights",
        ("checkpoint_parts",),
        networks.weights_and_biases,
    ),
    Claim(
        6,
        "sooner there, and higher",
        "With the same training, a pretrained start converges sooner and ends at a higher accuracy "
        "than a random one.",
        "01_pretrained_weights",
        ("two_starts",),
        pretraining.same_training_two_starts,
    ),
    Claim(
        7,
        "similarity decides the worth",
        "The more the new task resembles that of the pretraining, the more the weights are worth.",
        "07_how_far_features_travel",
        ("data_and_similarity",),
        similarity.depends_on_similarity,
    ),
    Claim(
        8,
        "changed network, useless weights",
        "Once the architecture is changed, the old weights may be worth nothing, and training anew "
        "is better.",
        "06_changing_the_architecture",
        ("partial_loading",),
        networks.useless_when_changed,
    ),
    Claim(
        9,
        "few images overfit",
        "A pretrained network that is fine-tuned on few images overfits.",
        "07_how_far_features_travel",
        ("data_and_similarity",),
        pretraining.few_images_overfit,
    ),
    Claim(
        10,
        "compare without the weights",
        "A fair comparison of two architectures leaves the pretrained weights out.",
        "06_changing_the_architecture",
        ("fair_comparison",),
        networks.fair_without_weights,
    ),
    Claim(
        11,
        "a source that resembles",
        "The images of the pretraining need not be those of the target, but should resemble them.",
        "08_pretrain_your_own",
        ("source_tasks",),
        similarity.resembling_source,
    ),
    Claim(
        12,
        "freezing saves computation",
        "Freezing part of a network saves time and memory.",
        "04_freezing",
        ("freezing_costs", "cached_features"),
        fine_tuning.saves_computation,
    ),
    Claim(
        13,
        "freezing prevents overfitting",
        "Freezing part of a network prevents overfitting.",
        "07_how_far_features_travel",
        ("data_and_similarity",),
        fine_tuning.prevents_overfitting,
    ),
    Claim(
        14,
        "freezing against vanishing gradients",
        "Freezing the shallow layers prevents vanishing gradients.",
        "02_residual_connections",
        ("gradients_frozen",),
        networks.freezing_and_gradients,
    ),
    Claim(
        15,
        "shallow general, deep specific",
        "Shallow layers hold general features, deep layers those of their own task.",
        "07_how_far_features_travel",
        ("probes_by_depth", "first_k_blocks"),
        similarity.shallow_general_deep_specific,
    ),
    Claim(
        16,
        "thirty images suffice",
        "Thirty images are enough with pretrained weights, and not without.",
        "07_how_far_features_travel",
        ("thirty_images",),
        pretraining.thirty_images,
    ),
    Claim(
        17,
        "four cases, four prescriptions",
        "How much data there is, and how similar it is, tell which of four ways to go.",
        "07_how_far_features_travel",
        ("data_and_similarity",),
        similarity.four_prescriptions,
    ),
    Claim(
        18,
        "a tenth of the rate",
        "The right learning rate for fine-tuning is a tenth of that for training from scratch.",
        "05_fine_tuning",
        ("rates_by_start", "two_starts"),
        fine_tuning.tenth_of_the_rate,
    ),
    Claim(
        19,
        "little data: last layer; medium: freeze the first",
        "With little data train the last layer only; with a medium amount freeze the first layers.",
        "05_fine_tuning",
        ("fine_tuning_depth", "data_and_similarity"),
        fine_tuning.how_much_to_freeze,
    ),
    Claim(
        20,
        "any normalisation will do",
        "Mean 0.5 and deviation 0.5 do as well as the normalisation that the weights were trained "
        "with.",
        "10_other_models",
        ("normalisation",),
        networks.other_normalisation,
    ),
)
"""In the order of their numbers, 1 to 20."""
