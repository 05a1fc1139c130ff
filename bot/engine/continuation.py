"""The continuation of a prompt: greedy, sampled, or by beam search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.engine.primitives import Engine, Search, TokenChoice, choices_along
from bot.engine.tokenizer import REPLACEMENT, TextCodec
from bot.questions.continuation import Continuation, ContinuationQuestion, FinishReason, WrittenToken
from bot.questions.language_model import Watcher
from bot.questions.tokens import ScoredToken


def write(engine: Engine, question: ContinuationQuestion, watcher: Watcher[Continuation]) -> Continuation:
    """Continue a prompt. The question's `written` ids come first and count as new tokens.

    Raises EmptyPrompt, PromptTooLong, OptionOutOfRange (if the context is too small), GenerationUnsupported and
    RequestCancelled.
    """
    engine.codec.refuse_invalid_ids(question.written, "a written id")
    engine.refuse_unsupported(question.parameters)
    return write_or_search(engine, question, watcher)[0]


def write_or_search(
    engine: Engine, question: ContinuationQuestion, watcher: Watcher[Continuation], *, with_tree: bool = False
) -> tuple[Continuation, Search | None]:
    """Return the continuation, and the beam search that found it, if it is one. Raises as `write`."""
    codec, parameters, written = engine.codec, question.parameters, question.written
    input_ids = codec.encode(question.prompt, room_for=parameters.max_new_tokens)
    if written and written[-1] in codec.end_ids:  # a person chose it
        return _continuation(codec, question, input_ids, written), None
    steps = _WatchedSteps(codec, question, input_ids, watcher)
    if parameters.num_beams is None:
        text = engine.write(input_ids, parameters, steps, written)
        return _continuation(codec, question, input_ids, text.output_ids, text.choices), None
    search = engine.search(input_ids, parameters, steps, written, with_tree=with_tree)
    choices = choices_along(engine, input_ids, search.output_ids, written)
    return _continuation(codec, question, input_ids, search.output_ids, choices), search


def _continuation(
    codec: TextCodec,
    question: ContinuationQuestion,
    input_ids: Sequence[int],
    output_ids: Sequence[int],
    choices: Sequence[TokenChoice] = (),
) -> Continuation:
    """Return the continuation with these output ids. Its text doesn't include a final end-of-text token."""
    has_ended = bool(output_ids) and output_ids[-1] in codec.end_ids
    is_full = len(output_ids) >= question.parameters.max_new_tokens
    reason: FinishReason = "stop" if has_ended else "length" if is_full else "stopped"
    return Continuation(
        prompt=question.prompt,
        parameters=question.parameters,
        input_ids=tuple(input_ids),
        output_ids=tuple(output_ids),
        text=codec.added_text(input_ids, output_ids[:-1] if has_ended else output_ids),
        finish_reason=reason,
        written_before=len(question.written),
        fixed=question.fixed,
        text_before=codec.added_text(input_ids, question.written) if choices else "",
        tokens=tuple(_written_token(codec, choice) for choice in choices),
    )


def _written_token(codec: TextCodec, choice: TokenChoice) -> WrittenToken:
    others = tuple(ScoredToken(codec.token(other.id), other.log_probability) for other in choice.others)
    return WrittenToken(codec.token(choice.token.id), choice.token.log_probability, others)


@dataclass(frozen=True, slots=True)
class _WatchedSteps:
    """Offers a watcher the text so far after each token. For a beam search, that is the text of the best beam."""

    codec: TextCodec
    question: ContinuationQuestion
    input_ids: list[int]
    watcher: Watcher[Continuation]

    def is_cancelled(self) -> bool:
        """Return whether the request was cancelled."""
        return self.watcher.is_cancelled()

    def is_enough(self, output_ids: list[int]) -> bool:
        """Offer the text so far. Return whether the watcher wants the text to end here."""
        if len(output_ids) > len(self.question.written):
            self.watcher.note_token()
            self.watcher.offer(lambda: self._draft(output_ids))
        return self.watcher.wants_end()

    def _draft(self, output_ids: list[int]) -> Continuation:
        """Return a draft whose text ends with a complete character. A token can end in the middle of one."""
        draft = _continuation(self.codec, self.question, self.input_ids, output_ids)
        return replace(draft, text=draft.text.rstrip(REPLACEMENT), finish_reason="length")
