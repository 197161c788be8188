"""The colours of figures and panel: dark enough, and told apart by all eyes."""

import itertools

from course_utils import plots
from tests.accessibility.seeing import EYES, MARK, TEXT, apart, contrast, lab

import numpy as np
import pytest

LEAST = 20  # in CIELAB; ten times what can just be seen


def test_the_formulas_give_the_published_values() -> None:
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert contrast((0, 0, 0, 0.0), "white") == pytest.approx(1), "what is clear cannot be seen"
    assert lab("red") == pytest.approx([53.2, 80.1, 67.2], abs=0.3)


@pytest.mark.parametrize("eyes", sorted(set(EYES) - {"everybody"}))
def test_the_simulation_keeps_greys_and_mixes_up_what_it_should(eyes: str) -> None:
    assert np.allclose(lab("white", eyes), [100, 0, 0], atol=1)
    mixed_up = {"tritanopia": ("#00a0a0", "#0090d0")}.get(eyes, ("#c05050", "#6f8f30"))
    assert apart(*mixed_up, eyes) < 0.6 * apart(*mixed_up)


@pytest.mark.parametrize("eyes", EYES)
def test_colours_are_told_apart(eyes: str) -> None:
    for one, two in itertools.combinations(plots.COLOURS, 2):
        found = apart(one, two, eyes)
        assert found > LEAST, f"{one} and {two} are {found:.1f} apart for {eyes}"
    for colour in plots.COLOURS:
        assert apart(colour, "white", eyes) > LEAST
        assert apart(colour, "black", eyes) > LEAST


@pytest.mark.parametrize("colour", [*plots.COLOURS, plots.GREY])
def test_a_mark_can_be_seen_on_white(colour: str) -> None:
    assert contrast(colour) >= MARK


@pytest.mark.parametrize("colour", [*plots.DARK, plots.GREY])
def test_a_word_can_be_read_on_white(colour: str) -> None:
    assert contrast(colour) >= TEXT
