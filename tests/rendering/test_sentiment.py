"""The text about the label mass says how far to trust the verdict."""

import pytest

from bot.rendering.label_mass import label_mass_text


@pytest.mark.parametrize(
    ("label_mass", "share", "trust"),
    [
        (0.999999, ">99.99%", "The model is answering the question."),
        (0.5, "50.00%", "The model is answering the question."),
        (0.2, "20.00%", "The model is only partly answering the question, so treat this verdict with caution."),
        (0.03, "3.00%", "The model isn't really answering the question, so don't rely on this verdict."),
    ],
)
def test_label_mass(label_mass: float, share: str, trust: str) -> None:
    text = label_mass_text(label_mass)
    assert text == f"The two labels have {share} of the whole vocabulary's probability. {trust}"
    assert not text.startswith(">")  # it would begin a block quote
