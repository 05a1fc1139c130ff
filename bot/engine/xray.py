"""How surprising each token of a text is for the model."""

from bot.engine.primitives import Engine, candidates, likelihood
from bot.engine.tokenizer import TextCodec
from bot.errors import EmptyPrompt
from bot.questions.xray import Surprisals, TokenSurprisal, XrayQuestion

FAVOURITES = 5  # for each position


def surprisals(engine: Engine, question: XrayQuestion) -> Surprisals:
    """Return each token's likelihood after the tokens before it, and the model's most probable tokens there.

    Raises EmptyPrompt (also for a text of one token), PromptTooLong and TokenWithoutWeights.
    """
    codec = engine.codec
    input_ids = measurable_ids(codec, question.text)
    first, *rest = input_ids
    tokens = [TokenSurprisal(codec.token(first), None, (), codec.is_special(first))]
    scores = engine.score_after_each(input_ids[:-1], following=[(id_,) for id_ in rest], top=FAVOURITES)
    tokens += [
        TokenSurprisal(
            codec.token(id_), likelihood(score.chosen[0]), candidates(score.top, codec), codec.is_special(id_)
        )
        for id_, score in zip(rest, scores, strict=True)
    ]
    return Surprisals(question.text, tuple(tokens), codec.measured_characters(input_ids))


def measurable_ids(codec: TextCodec, text: str) -> list[int]:
    """Return the ids of a text whose surprisals can be measured.

    Raises EmptyPrompt (also for a text of one token), PromptTooLong and TokenWithoutWeights.
    """
    input_ids = codec.encode(text, what="text")
    if len(input_ids) == 1:
        problem = "is only one token, so there is nothing to predict it from"
        raise EmptyPrompt("text", codec.prompt_limit, minimum=2, problem=problem)
    if all(map(codec.is_special, input_ids[1:])):
        problem = "has only special tokens after the first token, and special tokens aren't measured"
        raise EmptyPrompt("text", codec.prompt_limit, minimum=2, problem=problem)
    codec.refuse_unpredicted(input_ids[1:])
    return input_ids
