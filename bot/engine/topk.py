"""The next token, a walk along chosen tokens, and guesses of the next token."""

from collections.abc import Iterable

from bot.engine.primitives import Engine, NextScores, candidates, likelihood
from bot.engine.tokenizer import TextCodec
from bot.questions.generation import GenerationParameters
from bot.questions.tokens import TokenProbability
from bot.questions.topk import (
    GuessQuestion,
    RevealQuestion,
    SampledStepQuestion,
    ScoredGuesses,
    TopKQuestion,
    Walk,
    WalkCandidate,
    WalkStep,
)


def walk(engine: Engine, question: TopKQuestion) -> Walk:
    """Return the likelihood of each id of the path, and the candidates for the next token.

    Raises EmptyPrompt, PromptTooLong (if prompt and path don't fit in the context), and OptionOutOfRange for the
    temperature or an id that the model doesn't predict.
    """
    _walk_parameters(question.temperature, seed=0)
    input_ids = engine.codec.encode(question.prompt)
    path = engine.codec.with_path(input_ids, question.after_ids)
    scores = engine.score_after_each(
        path,
        first=len(input_ids) - 1,
        following=[(id_,) for id_ in question.after_ids],
        top=question.k,
        temperature=question.temperature,
    )
    return _walk(engine.codec, question, input_ids, scores)


def _walk(codec: TextCodec, question: TopKQuestion, input_ids: list[int], scores: Iterable[NextScores]) -> Walk:
    """Return the walk from the scores after the prompt and after each token of the path."""
    chosen = question.after_ids
    *steps, last = scores
    return Walk(
        prompt=question.prompt,
        input_ids=tuple(input_ids),
        steps=tuple(WalkStep(codec.token(step.chosen[0].id), likelihood(step.chosen[0])) for step in steps),
        text=codec.added_text(input_ids, chosen),
        temperature=question.temperature,
        candidates=tuple(map(WalkCandidate, candidates(last.top, codec), last.at_temperature)),
        ended=bool(chosen) and chosen[-1] in codec.end_ids,
    )


def sample_step(engine: Engine, question: SampledStepQuestion) -> Walk:
    """Draw the next token of a walk, and return the extended walk.

    `/continue` with strategy sample, this seed and temperature, top_k 0 and top_p 1 draws the same token here.
    """
    before = question.walk
    path = engine.codec.with_path(engine.codec.encode(before.prompt), before.after_ids)
    drawn = engine.draw(path, _walk_parameters(before.temperature, question.seed), len(before.after_ids))
    return walk(engine, before.then(drawn))


def _walk_parameters(temperature: float, seed: int) -> GenerationParameters:
    """Return parameters for sampling from all tokens at `temperature`. Raises OptionOutOfRange."""
    return GenerationParameters.from_options(
        strategy="sample", max_new_tokens=1, temperature=temperature, top_k=0, top_p=1.0, seed=seed
    )


def score_guess(engine: Engine, question: GuessQuestion) -> TokenProbability:
    """Return the first token of a guess after a prompt, with its probability.

    The guess is read as written and with a space before it, and the more probable token counts. Raises EmptyPrompt
    (also for an empty guess) and PromptTooLong.
    """
    codec = engine.codec
    ids = codec.first_ids(question.prompt, question.guess, what="guess")
    input_ids = codec.encode(question.prompt)
    (scores,) = engine.score_after_each(input_ids, first=len(input_ids) - 1, following=[ids])
    return candidates([max(scores.chosen, key=lambda guess: guess.score)], codec)[0]


def score_guesses(engine: Engine, question: RevealQuestion) -> ScoredGuesses:
    """Return the model's own candidates, and the rank and probability of each guessed token in the order of guesses.

    Raises EmptyPrompt, PromptTooLong and TokenWithoutWeights.
    """
    codec, ids = engine.codec, question.guessed_ids
    codec.refuse_unpredicted(ids)
    input_ids = codec.encode(question.prompt)
    (scores,) = engine.score_after_each(input_ids, first=len(input_ids) - 1, following=[ids], top=question.k)
    top = _walk(codec, question.top, input_ids, [scores])
    return ScoredGuesses(top, candidates(scores.chosen, codec))
