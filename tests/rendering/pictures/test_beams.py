"""A beam tree: the winner's path is visible, pruned candidates are counted, and steps not shown are mentioned."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.comparison.picture import beam_tree_picture
from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Comparison
from bot.questions.tokens import Token
from bot.rendering.pictures.palette import ACCENT
from tests.rendering.pictures.checks import count_of, draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, token_texts


def comparison(num_beams: int, length: int, texts: list[str], seed: int = 0, worth: float = -1.5) -> Comparison:
    """Return a random search: each candidate has a random parent, some beams finish, and the last step ends all."""
    chance = random.Random(seed)
    steps: list[BeamStep] = []
    scores = [0.0]
    for number in range(length):
        rows = iter(range(num_beams))
        candidates = []
        for position in range(2 * num_beams):
            parent = chance.randrange(len(scores))
            ends = position < num_beams and (number == length - 1 or chance.random() < 0.1)
            row = None if ends or number == length - 1 else next(rows, None)
            fate = "finished" if ends else "pruned" if row is None else "kept"
            token = Token(position, chance.choice(texts))
            score = scores[parent] + worth
            candidates.append(BeamCandidate(parent, token, worth, score, fate, row))  # type: ignore[arg-type]  # a fate
        steps.append(BeamStep(tuple(candidates)))
        scores = [beam.score for beam in steps[-1].kept]
    return Comparison("The movie was", (), BeamTree(num_beams, tuple(steps), winner(steps)))


def winner(steps: list[BeamStep]) -> tuple[int, ...]:
    """Return the path to the first candidate that finished last."""
    number = max(
        number
        for number, step in enumerate(steps)
        if any(candidate.fate == "finished" for candidate in step.candidates)
    )
    position = next(
        position for position, candidate in enumerate(steps[number].candidates) if candidate.fate == "finished"
    )
    path = [position]
    for step, later in zip(reversed(steps[:number]), reversed(steps[1 : number + 1]), strict=True):
        row = later.candidates[path[0]].parent
        path.insert(0, next(position for position, candidate in enumerate(step.candidates) if candidate.row == row))
    return tuple(path)


@given(
    st.integers(2, 10),
    st.integers(1, 64),
    st.lists(token_texts, min_size=1, max_size=9),
    st.integers(0, 99),
    st.sampled_from([0.0, -1e-9, -9.5, -1e6]),
)
@example(10, 64, list(ODD), 0, -9.5)
@example(2, 1, [""], 0, 0.0)
@example(2, 64, ["antidisestablishmentarianism"], 0, -99.0)
@settings(max_examples=20, deadline=None)
def test_any_tree(num_beams: int, length: int, texts: list[str], seed: int, worth: float) -> None:
    draw_checked(beam_tree_picture, comparison(num_beams, length, texts, seed, worth))


def test_the_alt_text_states_the_figures() -> None:
    assert draw_checked(beam_tree_picture, comparison(2, 2, [" a"])).alt == (
        "Beam tree after “The movie was”. The winner: 2 tokens, score −3.00. 2 beams, 2 steps; a score is a sum "
        "of log-probabilities. Of all candidates: 2 kept, 4 pruned, 2 finished. "
        "Winning path with scores: “·a” −1.50, “·a” −3.00."
    )


@pytest.mark.parametrize(("num_beams", "shown"), [(10, 10), (5, 20), (2, 35)])
def test_the_alt_text_says_how_many_steps_are_shown(num_beams: int, shown: int) -> None:
    assert f"the first {shown} steps." in draw_checked(beam_tree_picture, comparison(num_beams, 64, [" a"])).alt


def test_the_winning_path_has_the_accent_colour() -> None:
    image = image_of(beam_tree_picture(comparison(3, 5, [" a"])))
    for column in range(5):
        assert count_of(ACCENT, image.crop((60 + 132 * column, 144, 170 + 132 * column, 390))) > 1500
