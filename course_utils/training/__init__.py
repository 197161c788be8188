"""Training: the loop as an iterator of events; freezing, cached features, recipes, probes."""

from course_utils.training.feature_cache import cache_features
from course_utils.training.loop import (
    Epoch,
    Evaluation,
    PrepareFunction,
    Scheduler,
    Step,
    TrainingDiverged,
    check_optimizer,
    epochs,
    evaluate,
    steps,
    steps_per_epoch,
)
from course_utils.training.optimizers import parameter_groups

__all__ = [
    "Epoch",
    "Evaluation",
    "PrepareFunction",
    "Scheduler",
    "Step",
    "TrainingDiverged",
    "cache_features",
    "check_optimizer",
    "epochs",
    "evaluate",
    "parameter_groups",
    "steps",
    "steps_per_epoch",
]
