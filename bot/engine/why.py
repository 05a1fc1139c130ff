"""Why one token comes next rather than another: the prompt's words are left out in turn."""

from collections.abc import Sequence

from bot.engine.primitives import Engine, RankedScore, candidates
from bot.errors import SameToken
from bot.questions.evidence import WordEvidence, WordGroups
from bot.questions.why import TokenEvidence, WhyQuestion

FEWEST_WORDS = 2  # without the only word, the prompt would be empty


def explain_token(engine: Engine, question: WhyQuestion) -> TokenEvidence:
    """Return both tokens, and the effect of each word of the prompt on the difference of their logits.

    The prompts without a word are computed together. Raises EmptyPrompt (also for an empty token), PromptTooLong,
    TokenWithoutWeights, and SameToken if both texts are read as the same token.
    """
    input_ids = engine.codec.encode(question.prompt)
    token, instead_of = _choose(engine, question, input_ids)
    groups = WordGroups.of(question.prompt)
    first, second = candidates((token, instead_of), engine.codec)
    return TokenEvidence(
        prompt=question.prompt,
        input_ids=tuple(input_ids),
        token=first,
        instead_of=second,
        words=_effects(engine, groups, token, instead_of),
        words_together=groups.together,
    )


def _choose(engine: Engine, question: WhyQuestion, input_ids: list[int]) -> tuple[RankedScore, RankedScore]:
    """Return the scores of the chosen tokens, or of the most probable ones in place of those that were not chosen."""
    token_ids = _ids(engine, question.prompt, question.token, "token")
    other_ids = _ids(engine, question.prompt, question.instead_of, "other token")
    chosen = list(dict.fromkeys((*token_ids, *other_ids)))
    (scores,) = engine.score_after_each(input_ids, first=len(input_ids) - 1, following=[chosen], top=2)
    by_id = {score.id: score for score in scores.chosen}
    token = max((by_id[id_] for id_ in token_ids), key=lambda score: score.score, default=None)
    other = max((by_id[id_] for id_ in other_ids), key=lambda score: score.score, default=None)
    if token is not None and other is not None and token.id == other.id:
        raise SameToken(question.token or "", question.instead_of or "", engine.codec.token(token.id).text)
    if token is None:
        token = next(score for score in scores.top if other is None or score.id != other.id)
    if other is None:
        other = next(score for score in scores.top if score.id != token.id)
    return token, other


def _ids(engine: Engine, prompt: str, text: str | None, what: str) -> Sequence[int]:
    return () if text is None else engine.codec.first_ids(prompt, text, what=what)


def _effects(
    engine: Engine, groups: WordGroups, token: RankedScore, instead_of: RankedScore
) -> tuple[WordEvidence, ...]:
    """Return the effect of each group of words on the difference of the two tokens."""
    if len(groups.spans) < FEWEST_WORDS:
        return ()
    what = "prompt without one of its words"
    texts = [engine.codec.encode(text, what=what) for text in groups.reduced]
    scores = engine.score_next(texts, [token.id, instead_of.id])
    return groups.evidence(token.score - instead_of.score, [first.score - second.score for first, second in scores])
