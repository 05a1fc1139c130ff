"""Why one token comes next rather than another: the effect of each word of the prompt on their difference."""

from dataclasses import dataclass
from typing import ClassVar

from bot.questions.evidence import WordEvidence
from bot.questions.language_model import RepeatableQuestion
from bot.questions.outcome import Outcome
from bot.questions.tokens import TokenProbability


@dataclass(frozen=True, slots=True)
class TokenEvidence:
    """Two tokens after a prompt, and the effect of each word of the prompt on the difference of their logits.

    Words end at white space and include punctuation. `words_together` adjacent words are left out at a time: 1, or more
    if the prompt has more than `MAX_GROUPS` words. `words` is empty if the prompt has fewer than two words: without its
    only word, nothing would be left that a token could follow.
    """

    prompt: str
    input_ids: tuple[int, ...]
    token: TokenProbability
    instead_of: TokenProbability
    words: tuple[WordEvidence, ...]
    words_together: int

    @property
    def difference(self) -> float:
        """The logit of `token` minus the logit of `instead_of`. Log-probabilities differ by the same."""
        if self.token.logit is None or self.instead_of.logit is None:
            return self.token.log_probability - self.instead_of.log_probability
        return self.token.logit - self.instead_of.logit


@dataclass(frozen=True, slots=True)
class WhyQuestion(RepeatableQuestion[TokenEvidence]):
    """Why `token` comes after `prompt`, and not `instead_of`.

    Both are read as a guess is: as written and with a space before it, and the more probable first token counts. If one
    is None, it is the most probable other token.
    """

    command: ClassVar[str] = "why"
    prompt: str
    token: str | None = None
    instead_of: str | None = None

    def outcome(self, result: TokenEvidence) -> Outcome:
        """Return both tokens, their log-probabilities, and each word's effect."""
        tokens = (result.token, result.instead_of)
        return Outcome(
            result.input_ids,
            (tuple(entry.token.id for entry in tokens),),
            (*(entry.log_probability for entry in tokens), *(word.effect for word in result.words)),
        )
