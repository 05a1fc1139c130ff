"""Guesses of the next token, scored by the model."""

from bot.engine.primitives import Engine, candidates
from bot.engine.topk import walk
from bot.questions.guess import GuessQuestion, RevealQuestion, ScoredGuesses
from bot.questions.tokens import TokenProbability


def score_guess(engine: Engine, question: GuessQuestion) -> TokenProbability:
    """Return the token with which a guess begins after a prompt.

    It is the first one of the guess as it is written, or with a space before it: the more probable of the two. Raises
    EmptyPrompt, also for an empty guess, and PromptTooLong.
    """
    codec = engine.codec
    ids = codec.first_ids(question.prompt, question.guess, what="guess")
    (scores,) = engine.score_next([codec.encode(question.prompt)], chosen=ids)
    return max(candidates(scores.chosen, codec), key=lambda one: one.logit)


def score_guesses(engine: Engine, question: RevealQuestion) -> ScoredGuesses:
    """Return the model's own candidates, and rank and probability of each guessed token, in their order.

    Raises EmptyPrompt, PromptTooLong and TokenWithoutWeights.
    """
    codec, ids = engine.codec, question.guessed_ids
    codec.refuse_unpredicted(ids)
    result = walk(engine, question.top)
    if not ids:
        return ScoredGuesses(result, ())
    (scores,) = engine.score_next([codec.encode(question.top.prompt)], chosen=ids)
    return ScoredGuesses(result, candidates(scores.chosen, codec))
