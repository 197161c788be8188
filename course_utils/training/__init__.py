"""Training: the loop as an iterator of events; freezing, cached features, recipes, probes."""

from course_utils.training.evaluation import Evaluation, evaluate
from course_utils.training.feature_cache import cache_features
from course_utils.training.loop import (
    Batch,
    Epoch,
    Scheduler,
    Step,
    TrainingDiverged,
    epochs,
    steps,
    steps_per_epoch,
)
from course_utils.training.optimizers import check_optimizer, parameter_groups

__all__ = [
    "Batch",
    "Epoch",
    "Evaluation",
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
