"""How much each token of a text surprises the model."""

from bot.engine.primitives import Engine, candidates, likelihood
from bot.errors import EmptyPrompt
from bot.questions.xray import Surprisals, TokenSurprisal, XrayQuestion

FAVOURITES = 5  # shown for each position


def surprisals(engine: Engine, question: XrayQuestion) -> Surprisals:
    """Return the likelihood of each token after those before it, and the model's favourites there.

    Raises EmptyPrompt, also for one token with nothing before it, PromptTooLong and TokenWithoutWeights.
    """
    codec = engine.codec
    input_ids = codec.encode(question.text, what="text")
    if len(input_ids) == 1:
        found = "is one token, and nothing before it predicts it"
        raise EmptyPrompt("text", codec.prompt_limit, least=2, found=found)
    if all(map(codec.is_special, input_ids[1:])):
        found = "has only special tokens after its first, which are not measured"
        raise EmptyPrompt("text", codec.prompt_limit, least=2, found=found)
    codec.refuse_unpredicted(input_ids[1:])
    first, *rest = input_ids
    tokens = [TokenSurprisal(codec.token(first), None, (), codec.is_special(first))]
    scores = engine.score_after_each(input_ids[:-1], following=rest, top=FAVOURITES)
    tokens += [
        TokenSurprisal(codec.token(id_), likelihood(one.chosen[0]), candidates(one.top, codec), codec.is_special(id_))
        for id_, one in zip(rest, scores, strict=True)
    ]
    return Surprisals(question.text, tuple(tokens), codec.measured_characters(input_ids))
