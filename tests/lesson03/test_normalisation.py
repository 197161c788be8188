"""The recipe for a frozen network under two normalisations, at a tiny size."""

import sys

from benchmarks.lesson03 import normalisation
from course_utils import experiments, world

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def rows(tmp_path_factory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("records")
    sizes = ["--train", "40", "--test", "30", "--epochs", "1", "--seeds", "0"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", "shapes")
        patch.setattr(
            sys, "argv",
            ["normalisation.py", "--networks", "mobilenet_v2", *sizes, "--out", str(folder)],
        )  # fmt: skip
        normalisation.main()
    return pd.DataFrame(experiments.read_record("normalisation", folder)["rows"])


def test_each_normalisation_meets_both_modes_of_batch_norm(rows):
    pairs = set(zip(rows.normalisation, rows.batch_norm, strict=True))
    assert pairs == {(n, b) for n in ("own", "0.5 / 0.5") for b in ("eval", "train")}
    assert rows.accuracy.between(0, 1).all()
    assert set(rows.network) == {"mobilenet_v2"}


def test_the_preparation_belongs_to_the_weights_of_each_network():
    course = world.choose(10, "shapes", 20, 20)
    _, prepare = normalisation.source(course, "mobilenet_v2")
    assert (prepare.mean, prepare.std) == (world.SHAPES_MEAN, world.SHAPES_STD)
    _, prepare = normalisation.source(course, "resnet18_slim")
    assert prepare.size == 64
