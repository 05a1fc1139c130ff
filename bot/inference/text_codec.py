"""Texts to ids and back, with the limits that a prompt has."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from bot.errors import EmptyPrompt, InputUnreadable, OptionOutOfRange, PromptTooLong, SentimentUnsupported
from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import Continuation, FinishReason, ModelInfo, Token
from bot.inference.token_text import token_text


class TextCodec:
    """A model's tokenizer; `end_ids` end a text, and a prompt has at most `prompt_limit` tokens."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, info: ModelInfo, end_ids: frozenset[int], max_prompt_tokens: int
    ) -> None:
        self._tokenizer = tokenizer
        self._info = info
        self.end_ids = end_ids
        self.pad_id: int = tokenizer.pad_token_id or 0
        self.prompt_limit = min(max_prompt_tokens, info.context_length)

    def token(self, token_id: int) -> Token:
        """Return the token with that id."""
        return Token(token_id, token_text(self._tokenizer, token_id))

    def ids(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Return the ids of `text` as the tokenizer gives them, special tokens included. Raises InputUnreadable."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputUnreadable("The text is not valid UTF-8. Write it in UTF-8, or pipe it in with -.") from None
        input_ids: list[int] = self._tokenizer(text, add_special_tokens=special_tokens).input_ids
        return input_ids

    def encode(self, prompt: str, *, what: str = "prompt", room_for: int = 0) -> list[int]:
        """Return the prompt's ids, which leave `room_for` new tokens in the model's context.

        Raises EmptyPrompt, PromptTooLong, and OptionOutOfRange where there is no room for any prompt.
        """
        context = self._info.context_length
        if room_for >= context:
            allowed = f"from 1 to {context - 1:,}, since the model's context holds {context:,} tokens in all"
            raise OptionOutOfRange("max_new_tokens", room_for, allowed)
        limit = min(self.prompt_limit, context - room_for)
        input_ids = self.ids(prompt) if prompt else []
        if not input_ids:
            raise EmptyPrompt(what, limit)
        if len(input_ids) > limit:
            raise PromptTooLong(what, len(input_ids), limit, context=context, new_tokens=room_for)
        return input_ids

    def first_ids(self, text: str, *, what: str) -> list[int]:
        """Return the ids with which `text` can begin after a prompt: as it is written, and with a space before it.

        Raises EmptyPrompt.
        """
        both = [self.ids(written, special_tokens=False) for written in (text, f" {text}") if text]
        found = list(dict.fromkeys(ids[0] for ids in both if ids))
        if not found:
            raise EmptyPrompt(what, self.prompt_limit)
        return found

    def with_path(self, input_ids: list[int], chosen_ids: Sequence[int]) -> list[int]:
        """Return a prompt's ids and those chosen after it. Raises PromptTooLong, and OptionOutOfRange for no id."""
        for id_ in chosen_ids:
            if not 0 <= id_ < self._info.vocab_size:
                raise OptionOutOfRange("a chosen id", id_, f"from 0 to {self._info.vocab_size - 1:,}")
        path, context = [*input_ids, *chosen_ids], self._info.context_length
        if len(path) > context:
            raise PromptTooLong("prompt with its path", len(path), context, context=context, new_tokens=0)
        return path

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def added_text(self, input_ids: Sequence[int], output_ids: Sequence[int]) -> str:
        """Return what `output_ids` add to the prompt's text; decoded alone they may lack a leading space."""
        before = self.decode(input_ids)
        whole = self.decode([*input_ids, *output_ids])
        return whole[len(before) :] if whole.startswith(before) else self.decode(output_ids)

    def characters_after_first(self, ids: Sequence[int]) -> int:
        """Return how many characters of the text of `ids` end after its first token.

        They are all of the text where that token is the one that the tokenizer puts before every text.
        """
        if ids[0] == self._tokenizer.bos_token_id:
            return len(self.decode(ids[1:]))
        return len(self.decode(ids)) - len(self.decode(ids[:1]).rstrip("\ufffd"))

    def continuation(
        self,
        prompt: str,
        parameters: GenerationParameters,
        input_ids: Sequence[int],
        output_ids: Sequence[int],
        finish_reason: FinishReason,
        written_before: int = 0,
    ) -> Continuation:
        """Return the continuation with these new ids, a final end-of-text token left out of its text."""
        ended = bool(output_ids) and output_ids[-1] in self.end_ids
        text = self.added_text(input_ids, output_ids[:-1] if ended else output_ids)
        return Continuation(
            prompt, parameters, tuple(input_ids), tuple(output_ids), text, finish_reason, written_before
        )

    def label_id(self, label: str) -> int:
        """Return the id of a label that is one token. Raises SentimentUnsupported."""
        ids: list[int] = self._tokenizer(label, add_special_tokens=False).input_ids
        if len(ids) != 1:
            pieces = [token_text(self._tokenizer, id_) for id_ in ids]
            raise SentimentUnsupported(self._info.short_name, label, pieces)
        return ids[0]
