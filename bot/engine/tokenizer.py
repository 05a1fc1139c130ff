"""From text to token ids and back: limits, special tokens, and the text of a single token."""

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from bot.errors import (
    EmptyPrompt,
    InputUnreadable,
    OptionOutOfRange,
    PromptTooLong,
    SentimentUnsupported,
    TokenizerFailed,
    TokenWithoutWeights,
)
from bot.questions.language_model import ModelInfo
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.questions.tokens import Token

# After one of these a text is tokenized as what follows, where the prompt's own end would become another token with it.
_ANCHORS = ("\n", ".", "a", "0")
REPLACEMENT = "\ufffd"
_BYTE_OF = {character: byte for byte, character in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]  # transformers leaves it untyped
_SENTENCEPIECE_SPACE = "\u2581"


class TextCodec:
    """A model's tokenizer; `end_ids` end a text, and a prompt has at most `prompt_limit` tokens.

    `input_rows` is the number of ids that the model can read, of which it predicts those below the `vocab_size` of
    `info`; a tokenizer may know tokens beyond both.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        info: ModelInfo,
        end_ids: frozenset[int],
        *,
        input_rows: int,
        max_prompt_tokens: int,
    ) -> None:
        self._tokenizer = tokenizer
        self._info = info
        self._input_rows = input_rows
        self.end_ids = end_ids
        self.pad_id: int = tokenizer.pad_token_id or 0
        self.prompt_limit = min(max_prompt_tokens, info.context_length or max_prompt_tokens)
        added = {id_: token for id_, token in tokenizer.added_tokens_decoder.items() if isinstance(id_, int)}
        self._special = {id_ for id_, token in added.items() if token.special} | set(tokenizer.all_special_ids)
        # Byte-level decoders take the letters of an added token for bytes where they all are in the byte map.
        self._undecodable = {
            id_: token.content
            for id_, token in added.items()
            if is_byte_text(token.content) and self._decode([id_]) != token.content
        }

    def token(self, token_id: int) -> Token:
        """Return the token with that id."""
        if token_id in self._undecodable:
            return Token(token_id, self._undecodable[token_id])
        return Token(token_id, token_text(self._tokenizer, token_id))

    def is_special(self, token_id: int) -> bool:
        """Return whether a token is no text: the beginning or the end of one, for instance."""
        return token_id in self._special

    def ids(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Return the ids of `text` as the tokenizer gives them, special tokens included.

        Raises InputUnreadable and TokenizerFailed.
        """
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputUnreadable("The text is not valid UTF-8. Write it in UTF-8, or pipe it in with -.") from None
        try:
            input_ids: list[int] = self._tokenizer(text, add_special_tokens=special_tokens).input_ids
        except BaseException as error:
            # The tokenizers library panics with a BaseException of its own, which is no reason for the bot to end.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise TokenizerFailed(self._info.short_name) from error
            raise
        return input_ids

    def encode(self, prompt: str, *, what: str = "prompt", room_for: int = 0) -> list[int]:
        """Return the prompt's ids, which leave `room_for` new tokens in the model's context.

        Raises EmptyPrompt, PromptTooLong, TokenWithoutWeights, and OptionOutOfRange where there is no room for any
        prompt.
        """
        context = self._info.context_length
        if context is not None and room_for >= context:
            allowed = f"from 1 to {context - 1:,}, since the model's context holds {context:,} tokens in all"
            raise OptionOutOfRange("max_new_tokens", room_for, allowed)
        limit = self.prompt_limit if context is None else min(self.prompt_limit, context - room_for)
        input_ids = self.ids(prompt) if prompt else []
        if not input_ids:
            raise EmptyPrompt(what, limit)
        if len(input_ids) > limit:
            raise PromptTooLong(what, len(input_ids), limit, context=context, new_tokens=room_for)
        self._refuse_beyond(input_ids, self._input_rows)
        return input_ids

    def refuse_no_id(self, ids: Sequence[int], what: str) -> None:
        """Raise OptionOutOfRange for a number that is the id of no token which the model predicts."""
        for id_ in ids:
            if not 0 <= id_ < self._info.vocab_size:
                raise OptionOutOfRange(what, id_, f"from 0 to {self._info.vocab_size - 1:,}")

    def refuse_unpredicted(self, ids: Sequence[int]) -> None:
        """Raise TokenWithoutWeights for an id that the model never predicts."""
        self._refuse_beyond(ids, self._info.vocab_size)

    def _refuse_beyond(self, ids: Sequence[int], rows: int) -> None:
        for id_ in ids:
            if id_ >= rows:
                raise TokenWithoutWeights(self.token(id_).text, id_, rows)

    def first_ids(self, prompt: str, text: str, *, what: str) -> list[int]:
        """Return the ids with which `text` can begin after `prompt`: as it is written, and with a space before it.

        A space that is a token of its own is no beginning of the text. Raises EmptyPrompt and TokenWithoutWeights.
        """
        written = self._following_ids(prompt, text)[:1] if text else []
        spaced = self._following_ids(prompt, f" {text}")[:1] if text else []
        found = list(dict.fromkeys([*written, *(id_ for id_ in spaced if self.decode([id_]).strip())]))
        if not found:
            raise EmptyPrompt(what, self.prompt_limit)
        self.refuse_unpredicted(found)
        return found

    def _following_ids(self, prompt: str, text: str) -> list[int]:
        """Return the ids of `text` after `prompt`: what it adds to them when both are tokenized together.

        Some tokenizers put a space before every text, which does not belong before one that follows another.
        """
        for before in (prompt, *_ANCHORS):
            ids = self.ids(before, special_tokens=False)  # none where the tokenizer drops what it is given
            together = self.ids(before + text, special_tokens=False)
            if ids and together[: len(ids)] == ids:
                return together[len(ids) :]
        return self.ids(text, special_tokens=False)

    def with_path(self, input_ids: list[int], chosen_ids: Sequence[int]) -> list[int]:
        """Return a prompt's ids and those chosen after it. Raises PromptTooLong, and OptionOutOfRange for no id."""
        self.refuse_no_id(chosen_ids, "a chosen id")
        path, context = [*input_ids, *chosen_ids], self._info.context_length
        if context is not None and len(path) > context:
            raise PromptTooLong("prompt with its path", len(path), context, context=context, new_tokens=0)
        return path

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included, as the tokenizer decodes it; added tokens as written."""
        if self._undecodable.keys().isdisjoint(ids):
            return self._decode(ids)
        parts: list[str] = []
        run: list[int] = []
        for id_ in ids:
            if id_ in self._undecodable:
                parts += [self._decode(run), self._undecodable[id_]]
                run = []
            else:
                run.append(id_)
        return "".join([*parts, self._decode(run)])

    def _decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def added_text(self, input_ids: Sequence[int], output_ids: Sequence[int]) -> str:
        """Return what `output_ids` add to the prompt's text; decoded alone they may lack a leading space."""
        before = self.decode(input_ids)
        whole = self.decode([*input_ids, *output_ids])
        return whole[len(before) :] if whole.startswith(before) else self.decode(output_ids)

    def measured_characters(self, ids: Sequence[int]) -> int:
        """Return how many characters of the text of `ids`, special tokens left out, end after its first token.

        They are all of the text where that token is a special one, such as the beginning of every text.
        """
        count = len(self.decode([id_ for id_ in ids if not self.is_special(id_)]))
        return count if self.is_special(ids[0]) else count - len(self.decode(ids[:1]).rstrip(REPLACEMENT))

    def label_id(self, label: str, prompt: str) -> int:
        """Return the id of a label that is one token after `prompt`. Raises SentimentUnsupported."""
        ids = self._following_ids(prompt, label)
        if len(ids) != 1 or ids[0] >= self._info.vocab_size:
            raise SentimentUnsupported(self._info.short_name, label, [self.token(id_).text for id_ in ids])
        return ids[0]


def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    r"""Return the decoded token; bytes of an incomplete character as ``\xe4``, a sentencepiece with its ``▁``.

    Not for an added token beyond ASCII in which all letters are of the byte map: such a decoder reads it as bytes.
    """
    piece = tokenizer.convert_ids_to_tokens(token_id)
    if not isinstance(piece, str) or not piece:  # the model's vocabulary is often padded beyond the tokenizer's
        return f"[unused {token_id}]"
    decoded = str(tokenizer.decode([token_id], skip_special_tokens=False))
    if piece.startswith(_SENTENCEPIECE_SPACE) and not decoded.startswith(" "):
        return piece
    if REPLACEMENT not in decoded and decoded:
        return decoded
    if is_byte_text(piece):
        text = bytes(_BYTE_OF[character] for character in piece).decode("utf-8", errors="backslashreplace")
        return text.replace(REPLACEMENT, r"\xef\xbf\xbd")
    return str(piece)


def is_byte_text(text: str) -> bool:
    """Return whether all characters of `text` are ones by which byte-level tokenizers write bytes."""
    return all(character in _BYTE_OF for character in text)


def tokenize(codec: TextCodec, question: TokenizationQuestion) -> tuple[Tokenization, Tokenization | None]:
    """Split a text into tokens, special tokens included, and a second one where there is one."""
    other = None if question.compare_with is None else _tokens(codec, question.compare_with)
    return _tokens(codec, question.text), other


def _tokens(codec: TextCodec, text: str) -> Tokenization:
    if not text:
        raise EmptyPrompt("text", codec.prompt_limit)
    return Tokenization(text, tuple(codec.token(id_) for id_ in codec.ids(text)))
