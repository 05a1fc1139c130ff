"""A sampler's stages: the tokens that each stage left and cut, in order."""

from collections.abc import Sequence

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.features.sampler.picture import stages_picture
from bot.questions.generation import GenerationParameters
from bot.questions.sampler import STAGES, CutToken, Distribution, SamplerStage, SamplerStages, SweepPoint
from bot.questions.tokens import Token
from tests.rendering.pictures.checks import draw_checked, image_of
from tests.rendering.pictures.tokens import ODD, candidate, probabilities, token_texts

PARAMETERS = GenerationParameters.from_options(strategy="sample", seed=1)
CLASSIC = ("repetition_penalty", "temperature", "top_k", "top_p")
SWEEP = tuple(SweepPoint(tenths / 10, tenths / 4, 7_000 * tenths) for tenths in range(1, 21))


def distribution(texts: Sequence[str], chances: Sequence[float], left: int | None = None) -> Distribution:
    top = [candidate(position + 1, Token(position, text), chances[position]) for position, text in enumerate(texts)][
        :10
    ]
    return Distribution(len(texts) if left is None else left, 1.5, tuple(top))


def stages(
    texts: Sequence[str], chances: Sequence[float], kept: Sequence[int], names: Sequence[str] = CLASSIC
) -> SamplerStages:
    """Return stages. Each leaves as many of the first tokens as its number in `kept`, and is on for an odd one."""
    before = after = distribution(texts, chances, 151_936)
    result = []
    for name, count in zip(names, kept, strict=True):
        left = after.tokens_left if name == "repetition_penalty" or count >= len(texts) else count
        entered, after = after, distribution(texts[:left], chances, left)
        cut = [
            CutToken(position + 1, Token(position, texts[position]), chances[position], sum(chances[:position]))
            for position in range(left, min(entered.tokens_left, len(texts)))
        ]
        lost = (entered.tokens_left - left, sum(chances[left:]), tuple(cut[:10]))
        result.append(SamplerStage(name, count / 7, bool(count % 2), after, *lost))  # type: ignore[arg-type]  # a stage's name
    return SamplerStages("The movie was", (1, 2, 3), PARAMETERS, before, tuple(result), SWEEP)


@given(
    st.lists(token_texts, min_size=1, max_size=14),
    st.lists(probabilities, min_size=14, max_size=14),
    st.lists(st.integers(1, 16), min_size=10, max_size=10),
    st.sets(st.sampled_from(STAGES)),
)
@example(list(ODD[:14]), [1.0] + [0.0] * 13, [1] * 10, set(CLASSIC))
@example(["antidisestablishmentarianism"] * 14, [1.0] * 14, [15, 15, 9, 3] + [3] * 6, set(CLASSIC))
@example(["antidisestablishmentarianism"] * 14, [1.0] * 14, [15, 15, 13, 11, 9, 7, 5, 3, 3, 1], set(STAGES))
@settings(max_examples=40, deadline=None)
def test_any_stages(texts: list[str], chances: list[float], kept: list[int], names: set[str]) -> None:
    shown = [name for name in STAGES if name in names]
    draw_checked(stages_picture, stages(texts, chances, kept[: len(shown)], shown))


def test_it_is_no_taller_than_is_legible_in_discord() -> None:
    picture = draw_checked(stages_picture, stages([" a"] * 14, [0.1] * 14, [15] * 10, STAGES))
    assert image_of(picture).height <= 680  # shown 300 high, it is 353 wide


def test_the_alt_text_states_the_figures() -> None:
    assert draw_checked(stages_picture, stages([" a", " b", " c"], [0.5, 0.3, 0.2], [4, 5, 2, 1])).alt == (
        "The next-token distribution after each stage of the sampler. 1 of 151,936 tokens left; 1.50 bits of entropy, "
        "1.50 before the sampler. Before: “·a” 50.00%, “·b” 30.00%, “·c” 20.00%. repetition_penalty: off. "
        "temperature 0.714286: cut none, 151,936 left, 1.50 bits: “·a” 50.00%, “·b” 30.00%, “·c” 20.00%. top_k: off. "
        "top_p 0.142857: cut 1 with 50.00%, 1 left, 1.50 bits: “·a” 50.00%. By temperature: 0.1 0.25 bits, 7,000 left; "
        "0.5 1.25 bits, 35,000 left; 1 2.50 bits, 70,000 left; 1.5 3.75 bits, 105,000 left; 2 5.00 bits, 140,000 left."
    )
