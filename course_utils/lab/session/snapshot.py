"""The snapshot that the panel shows: the state of a run as data for JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from course_utils.environment import MEGABYTE, memory_used
from course_utils.lab.session.controls import Controls
from course_utils.lab.session.history import History
from course_utils.lab.session.run_state import BlockInfo, RunState
from course_utils.lab.session.settings import PRESETS

import torch

MOST_MARKS = 200


def snapshot(
    state: RunState,
    wished: Controls,
    earlier: Sequence[History],
    version: int,
    *,
    since: int,
    points: int,
) -> dict[str, Any]:
    """Everything for the panel; see `Session.snapshot`.

    Parameters
    ----------
    state : RunState
    wished : Controls
        What the reader wants, which training may not follow yet.
    earlier : sequence of History
        Runs before this one.
    version : int
        Changes whenever anything does.
    since, points : int
        As for `Session.snapshot`.

    Returns
    -------
    dict
    """
    seconds = statistics.median(state.recent) if state.recent else 0.0
    history, settings = state.history, asdict(wished.put_into(state.settings))
    return {
        "run": history.run,
        "version": version,
        "status": state.status,
        "error": state.error,
        "traceback": state.traceback,
        "step": state.step,
        "seconds_per_step": seconds,
        "images_per_second": state.batch_size / seconds if seconds else 0.0,
        "compute_seconds": state.compute_seconds,
        "cache": dict(state.cache),
        "trainable": state.trainable(wished),
        "trained": sum(b.parameters for b in state.blocks if b.name in state.trained),
        "total": sum(b.parameters for b in state.blocks),
        "memory_mb": _memory(state.device),
        "settings": {**settings, "batch_size": state.batch_size},
        "presets": list(PRESETS),
        "titles": dict(state.titles),
        "class_names": list(state.class_names),
        "blocks": [_row(block, state, wished) for block in state.blocks],
        "curve": history.curve.since(since, points),
        # the evaluation at step `since` may have come after the panel had asked for that step
        "evaluations": [[s, a] for s, a in history.evaluations if s >= since],
        "marks": [[step, text] for step, text in history.marks[-MOST_MARKS:]],
        "earlier": [
            {"run": h.run, "label": h.label, "evaluations": [[s, a] for s, a in h.evaluations]}
            for h in earlier
        ],
        "wall": _wall(state),
    }


def _memory(device: torch.device) -> float:
    used = torch.cuda.memory_allocated(device) if device.type == "cuda" else memory_used()
    return used / MEGABYTE


def _row(block: BlockInfo, state: RunState, wished: Controls) -> dict[str, object]:
    frozen = block.name in wished.plan.frozen
    mode = "-"
    if block.has_batch_norm:
        mode = wished.plan.batch_norm if frozen else "train"
    was_frozen = block.name in state.applied.plan.frozen
    mode_differs = frozen and wished.plan.batch_norm != state.applied.plan.batch_norm
    evaluation = state.evaluation
    return {
        "name": block.name,
        "kind": block.kind,
        "parameters": block.parameters,
        "frozen": frozen,
        "pending": frozen != was_frozen or (block.has_batch_norm and mode_differs),
        "batch_norm": mode,
        "weights_moved": evaluation.weights[block.name] if evaluation else 0.0,
        "statistics_moved": evaluation.statistics[block.name] if evaluation else 0.0,
    }


def _wall(state: RunState) -> list[dict[str, object]]:
    """The first held-out images: what they show, what the network says, whether that is news."""
    if state.evaluation is None:
        return []
    wall = []
    predictions = state.evaluation.predictions[: len(state.truth)].tolist()
    for i, (truth, answer) in enumerate(zip(state.truth, predictions, strict=True)):
        right = truth == answer
        before = state.predictions_before
        wall.append(
            {
                "image": i,
                "truth": state.class_names[truth],
                "answer": state.class_names[answer],
                "right": right,
                "flipped": right and i < len(before) and before[i] != truth,
            }
        )
    return wall
