"""Sizes and times of networks, measured at a tiny setting."""

import course_utils  # noqa: F401  before torch
from benchmarks.lesson10 import model_sizes

import pandas as pd
import pytest


def test_counts_are_those_that_torchvision_states():
    assert model_sizes.counts("MobileNetV2", 224)["parameters"] == 3_504_872
    assert model_sizes.counts("ResNet-50", 224)["macs"] == pytest.approx(4.09e9, rel=0.005)
    assert model_sizes.counts("VGG-16", 224)["parameters"] == 138_357_544


def test_one_row_for_each_run_network_size_and_batch():
    networks = ["MobileNetV2", "ResNet-18"]
    table = pd.DataFrame(model_sizes.rows(networks, [32, 64], [1, 2], runs=2, passes=1))
    assert len(table) == 2 * 2 * 2 * 2
    assert (table.ms_per_image > 0).all()
    small, large = (table[table["size"] == size] for size in (32, 64))
    assert set(small.parameters) == set(large.parameters)
    assert small.macs.sum() < large.macs.sum()
