"""Colours are readable and distinguishable, also with colour vision deficiencies."""

import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rendering.pictures import palette

MEANINGS = {name: getattr(palette, name) for name in ("POSITIVE", "NEGATIVE", "URGENT", "ACCENT", "NEUTRAL", "TEXT")}
# Machado, Oliveira, Fernandes 2009: vision without one kind of cone, in linear RGB.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900),
    ),
}  # fmt: skip
Vector = tuple[float, float, float]


def times(matrix: tuple[Vector, ...], vector: Vector) -> Vector:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def oklab(colour: str, eyes: str = "all cones") -> Vector:
    """Return lightness and two axes of hue. Ottosson 2020."""
    linear = tuple(((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92 for c in channels(colour))
    assert len(linear) == 3
    seen = tuple(min(max(c, 0.0), 1.0) for c in times(EYES[eyes], linear))
    cones = times(
        ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
         (0.0883024619, 0.2817188376, 0.6299787005)), (seen[0], seen[1], seen[2]),
    )  # fmt: skip
    return times(
        ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
         (0.0259040371, 0.7827717662, -0.8086757660)), (math.cbrt(cones[0]), math.cbrt(cones[1]), math.cbrt(cones[2])),
    )  # fmt: skip


def channels(colour: str) -> Vector:
    red, green, blue = (value / 255 for value in bytes.fromhex(colour[1:]))
    return red, green, blue


def test_contrast_equals_the_guidelines_known_values() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", ["TEXT", "MUTED", "POSITIVE", "NEGATIVE", "URGENT", "ACCENT"])
def test_text_colours_have_enough_contrast(name: str) -> None:
    assert palette.contrast(getattr(palette, name), palette.BACKGROUND) >= 4.5


def test_bars_have_enough_contrast() -> None:
    assert palette.contrast(palette.NEUTRAL, palette.BACKGROUND) >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_no_two_meanings_look_alike(eyes: str) -> None:
    for (name, colour), (other_name, other_colour) in combinations(MEANINGS.items(), 2):
        assert math.dist(oklab(colour, eyes), oklab(other_colour, eyes)) > 0.12, f"{name} and {other_name}"


@pytest.mark.parametrize("eyes", EYES)
def test_larger_values_are_lighter_with_every_colour_vision(eyes: str) -> None:
    lightness = [oklab(palette.sequential(step / 50), eyes)[0] for step in range(51)]
    assert all(above > below for below, above in pairwise(lightness))


def test_equal_steps_look_equal() -> None:
    steps = [math.dist(*pair) for pair in pairwise(oklab(palette.sequential(step / 8)) for step in range(9))]
    assert max(steps) < 1.35 * min(steps)


@given(st.floats(-1, 2))
def test_text_is_readable_on_every_colour_of_the_scale(share: float) -> None:
    background = palette.sequential(share)
    assert palette.contrast(palette.text_on(background), background) >= 4.5


def test_values_beyond_the_scale_get_its_end_colours() -> None:
    assert palette.sequential(-1) == palette.sequential(0)
    assert palette.sequential(2) == palette.sequential(1)


@pytest.mark.parametrize("eyes", EYES)
def test_opposite_effects_look_different_and_larger_ones_are_lighter(eyes: str) -> None:
    for step in range(5, 11):
        positive, negative = (oklab(palette.diverging(sign * step / 10), eyes) for sign in (1, -1))
        assert math.dist(positive, negative) > 0.1
    for sign in (1, -1):
        lightness = [oklab(palette.diverging(sign * step / 10), eyes)[0] for step in range(11)]
        assert all(above > below for below, above in pairwise(lightness))


@given(st.floats(-2, 2))
def test_text_is_readable_on_every_colour_of_an_effect(share: float) -> None:
    background = palette.diverging(share)
    assert palette.contrast(palette.text_on(background), background) >= 4.5


def test_an_effect_has_the_colour_of_its_label() -> None:
    assert palette.diverging(0) == palette.GRID
    assert palette.diverging(1) == palette.diverging(9) == palette.POSITIVE
    assert palette.diverging(-1) == palette.diverging(-9) == palette.NEGATIVE
