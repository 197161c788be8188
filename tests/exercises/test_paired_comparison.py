"""Is a lead larger than its spread over seeds?"""

from course_utils.exercises.paired_comparison import lead, unbeaten

import pandas as pd
import pytest


def test_a_lead_is_taken_seed_by_seed() -> None:
    # both vary by ten points over the seeds, their difference by a tenth of a point
    gain = lead(pd.Series([0.52, 0.62, 0.721]), pd.Series([0.50, 0.60, 0.70]))
    assert gain.mean == pytest.approx(2.033, abs=0.01)
    assert gain.spread == pytest.approx(0.058, abs=0.01)
    assert gain.clear
    assert str(gain) == "+2.0 ± 0.1 points"


def test_a_lead_no_larger_than_its_spread_is_not_clear() -> None:
    assert not lead(pd.Series([0.5, 0.5, 0.6]), pd.Series([0.5, 0.55, 0.5])).clear


def test_seeds_are_matched_by_their_number_and_not_by_their_place() -> None:
    one, other = pd.Series({0: 0.1, 1: 0.9, 2: 0.5}), pd.Series({2: 0.5, 1: 0.9, 0: 0.1})
    assert lead(one, other).mean == 0
    with pytest.raises(ValueError, match="1 seeds in common"):
        lead(one, pd.Series({2: 0.5, 7: 0.1}))


def test_what_nothing_is_clearly_ahead_of_is_as_good_as_the_best() -> None:
    table = pd.DataFrame({"far": [0.1, 0.2, 0.1], "best": [0.8, 0.9, 0.8], "near": [0.9, 0.7, 0.8]})
    assert unbeaten(table) == ["best", "near"]


def test_a_best_one_that_varies_much_lets_in_nothing_that_another_one_beats() -> None:
    table = pd.DataFrame(
        {"wild": [0.9, 0.9, 0.2], "steady": [0.42, 0.44, 0.4], "weak": [0.3, 0.31, 0.29]}
    )
    assert not lead(table["wild"], table["weak"]).clear
    assert unbeaten(table) == ["wild", "steady"]
