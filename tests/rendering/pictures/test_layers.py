"""The readings after each layer: a grid of tokens, coloured by probability."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.layers.picture import layers_picture
from bot.features.layers.text import MOST_LAYERS, shown_layers
from bot.questions.layers import Layer, LayerPosition, LayerReadings
from bot.questions.tokens import Token
from tests.rendering.pictures.checks import draw_checked
from tests.rendering.pictures.tokens import ODD, candidate, probabilities, token_texts


def readings(texts: list[str], chances: list[float], layers: int, positions: int) -> LayerReadings:
    """Return readings whose cells go round the texts and the probabilities."""
    cells = [
        [
            LayerPosition(
                column,
                (
                    candidate(
                        1,
                        Token((row + column) % len(texts), texts[(row + column) % len(texts)]),
                        chances[(row * positions + column) % len(chances)],
                    ),
                ),
                float(row),
            )
            for column in range(positions)
        ]
        for row in range(layers)
    ]
    tokens = tuple(Token(column, texts[column % len(texts)]) for column in range(positions))
    rows = tuple(Layer(number, tuple(row)) for number, row in enumerate(cells))
    return LayerReadings("The old man", tuple(range(positions)), tokens, rows)


@given(
    st.lists(token_texts, min_size=1, max_size=14),
    st.lists(probabilities, min_size=1, max_size=14),
    st.integers(1, 90),
    st.integers(1, 64),
)
@example(list(ODD), [1.0, 0.0], 33, 8)
@example(["antidisestablishmentarianism"], [0.999], 126, 64)
@settings(max_examples=40, deadline=None)
def test_any_readings(texts: list[str], chances: list[float], layers: int, positions: int) -> None:
    draw_checked(layers_picture, readings(texts, chances, layers, positions))


@given(st.integers(1, 200))
def test_at_most_twelve_layers_are_shown_with_the_first_and_the_last(count: int) -> None:
    layers = tuple(Layer(number, ()) for number in range(count))
    shown = [layer.number for layer in shown_layers(layers)]
    assert len(shown) == min(MOST_LAYERS, count)
    assert shown == sorted(set(shown))
    assert (shown[0], shown[-1]) == (0, count - 1)


def test_the_alt_text_states_the_figures() -> None:
    picture = draw_checked(layers_picture, readings([" a", " b"], [0.5, 0.25], 2, 1))
    assert picture.alt == (
        "The most probable next token after each layer. After the prompt, “·b” leads only after the last of 1 layers. "
        "Probability and entropy, from the last layer to the first: 1 “·b” 25.00% and 1.0 bits, "
        "0 “·a” 50.00% and 0.0 bits."
    )
    assert draw_checked(layers_picture, readings([" a", " b"], [0.5, 0.25], 2, 3)).alt.endswith(
        " The last layer at earlier positions, backwards: “·a” 50.00% after “·b”, “·b” 25.00% after “·a”."
    )
