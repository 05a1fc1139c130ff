"""How surprising each token of a text is for the model."""

from bot.engine.primitives import Engine, candidates, likelihood
from bot.errors import EmptyPrompt
from bot.questions.xray import Surprisals, TokenSurprisal, XrayQuestion

FAVOURITES = 5  # shown for each position


def surprisals(engine: Engine, question: XrayQuestion) -> Surprisals:
    """Return each token's likelihood after the tokens before it, and the model's most probable tokens there.

    Raises EmptyPrompt (also for a text of one token), PromptTooLong and TokenWithoutWeights.
    """
    codec = engine.codec
    input_ids = codec.encode(question.text, what="text")
    if len(input_ids) == 1:
        found = "is one token, with nothing before it to predict it from"
        raise EmptyPrompt("text", codec.prompt_limit, least=2, found=found)
    if all(map(codec.is_special, input_ids[1:])):
        found = "has only special tokens after its first, which are not measured"
        raise EmptyPrompt("text", codec.prompt_limit, least=2, found=found)
    codec.refuse_unpredicted(input_ids[1:])
    first, *rest = input_ids
    tokens = [TokenSurprisal(codec.token(first), None, (), codec.is_special(first))]
    scores = engine.score_after_each(input_ids[:-1], following=rest, top=FAVOURITES)
    tokens += [
        TokenSurprisal(
            codec.token(id_), likelihood(score.chosen[0]), candidates(score.top, codec), codec.is_special(id_)
        )
        for id_, score in zip(rest, scores, strict=True)
    ]
    return Surprisals(question.text, tuple(tokens), codec.measured_characters(input_ids))
