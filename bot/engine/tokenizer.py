"""Text to token ids and back, with limits, special tokens and the text of single tokens."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from bot.errors import (
    EmptyPrompt,
    InputUnreadable,
    NoChatTemplate,
    OptionOutOfRange,
    PromptTooLong,
    TokenizerFailed,
    TokenWithoutWeights,
)
from bot.questions.decision import Turn
from bot.questions.language_model import ModelInfo
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.questions.tokens import Token

# Used in place of a prompt whose own last token would change when text is added. See `following_ids`.
_ANCHORS = ("\n", ".", "a", "0")
REPLACEMENT = "\ufffd"
_BYTE_OF = {character: byte for byte, character in bytes_to_unicode().items()}  # type: ignore[no-untyped-call]  # transformers leaves it untyped
_SENTENCEPIECE_SPACE = "\u2581"


class TextCodec:
    """A model's tokenizer. `end_ids` end a text, and a prompt can have at most `prompt_limit` tokens.

    The model can read ids below `input_rows`, and predicts ids below the `vocab_size` of `info`. A tokenizer can have
    ids above both.
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
        # If all letters of an added token are in the byte map, byte-level decoders wrongly decode them as bytes.
        self._undecodable = {
            id_: token.content
            for id_, token in added.items()
            if is_byte_text(token.content) and self._decode([id_]) != token.content
        }

    def token(self, token_id: int) -> Token:
        """Return the token with its text."""
        if token_id in self._undecodable:
            return Token(token_id, self._undecodable[token_id])
        return Token(token_id, token_text(self._tokenizer, token_id))

    def is_special(self, token_id: int) -> bool:
        """Return whether the id is a special token, such as the beginning or end of a text."""
        return token_id in self._special

    def ids(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Return the ids of `text` from the tokenizer. Raises InputUnreadable and TokenizerFailed."""
        with self._tokenizing(text):
            input_ids: list[int] = self._tokenizer(text, add_special_tokens=special_tokens).input_ids
        return input_ids

    @contextlib.contextmanager
    def _tokenizing(self, *texts: str) -> Iterator[None]:
        """Raise InputUnreadable for texts that are not valid UTF-8, and TokenizerFailed for the tokenizer's errors."""
        try:
            "".join(texts).encode("utf-8")
        except UnicodeEncodeError:
            raise InputUnreadable("The text is not valid UTF-8. Write it in UTF-8, or pipe it in with -.") from None
        try:
            yield
        except BaseException as error:
            # The tokenizers library panics with a BaseException. That must not end the bot.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise TokenizerFailed(self._info.short_name) from error
            raise

    def encode(self, prompt: str, *, what: str = "prompt", room_for: int = 0) -> list[int]:
        """Return the prompt's ids. They leave room for `room_for` new tokens in the model's context.

        Raises EmptyPrompt, PromptTooLong, TokenWithoutWeights, and OptionOutOfRange if `room_for` leaves no room for a
        prompt.
        """
        context = self._info.context_length
        if context is not None and room_for >= context:
            allowed = f"from 1 to {context - 1:,}, because the model's context holds {context:,} tokens in total"
            raise OptionOutOfRange("max_new_tokens", room_for, allowed)
        return self.check_prompt(self.ids(prompt) if prompt else [], what=what, room_for=room_for)

    def check_prompt(self, input_ids: list[int], *, what: str, room_for: int = 0) -> list[int]:
        """Return the ids of a prompt. Raises EmptyPrompt, PromptTooLong and TokenWithoutWeights, as `encode`."""
        context = self._info.context_length
        limit = self.prompt_limit if context is None else min(self.prompt_limit, context - room_for)
        if not input_ids:
            raise EmptyPrompt(what, limit)
        if len(input_ids) > limit:
            raise PromptTooLong(what, len(input_ids), limit, context=context, new_tokens=room_for)
        self._refuse_ids_from(self._input_rows, input_ids)
        return input_ids

    def chat_ids(self, turns: Sequence[Turn]) -> list[int]:
        """Return the ids of a conversation in the model's chat template, up to where the assistant's answer begins.

        The texts of the turns never become control tokens. Raises NoChatTemplate and TokenizerFailed.
        """
        if not self.has_chat_template:
            raise NoChatTemplate
        conversation = [{"role": turn.role, "content": turn.content} for turn in turns]
        with self._tokenizing(*(turn.content for turn in turns)):
            # The options are those of transformers' pipeline "decision".
            encoding: Mapping[str, list[int]] = self._tokenizer.apply_chat_template(  # type: ignore[assignment]  # with return_dict
                conversation,
                add_generation_prompt=True,
                enable_thinking=False,
                sanitize_control_tokens=True,
                return_dict=True,
            )
        return list(encoding["input_ids"])

    @property
    def has_chat_template(self) -> bool:
        """Whether the model's files have a chat template."""
        return bool(self._tokenizer.chat_template)

    def refuse_invalid_ids(self, ids: Sequence[int], what: str) -> None:
        """Raise OptionOutOfRange if one of `ids` is not an id that the model predicts."""
        for id_ in ids:
            if not 0 <= id_ < self._info.vocab_size:
                raise OptionOutOfRange(what, id_, f"from 0 to {self._info.vocab_size - 1:,}")

    def refuse_unpredicted(self, ids: Sequence[int]) -> None:
        """Raise TokenWithoutWeights if the model never predicts one of `ids`."""
        self._refuse_ids_from(self._info.vocab_size, ids)

    def _refuse_ids_from(self, rows: int, ids: Sequence[int]) -> None:
        for id_ in ids:
            if id_ >= rows:
                raise TokenWithoutWeights(self.token(id_).text, id_, rows)

    def first_ids(self, prompt: str, text: str, *, what: str) -> list[int]:
        """Return the possible first ids of `text` after `prompt`: as written, and with a space before it.

        A token that is only a space doesn't count. Raises EmptyPrompt and TokenWithoutWeights.
        """
        written = self.following_ids(prompt, text)[:1] if text else []
        spaced = self.following_ids(prompt, f" {text}")[:1] if text else []
        ids = list(dict.fromkeys([*written, *(id_ for id_ in spaced if self.decode([id_]).strip())]))
        if not ids:
            raise EmptyPrompt(what, self.prompt_limit)
        self.refuse_unpredicted(ids)
        return ids

    def following_ids(self, prompt: str, text: str) -> list[int]:
        """Return the ids that `text` adds to `prompt` when both are tokenized together.

        `text` is not tokenized alone, because some tokenizers add a space before every text. If adding it changes the
        prompt's last token, an anchor takes the prompt's place.
        """
        for before in (prompt, *_ANCHORS):
            ids = self.ids(before, special_tokens=False)  # empty if the tokenizer drops this text
            together = self.ids(before + text, special_tokens=False)
            if ids and together[: len(ids)] == ids:
                return together[len(ids) :]
        return self.ids(text, special_tokens=False)

    def with_path(self, input_ids: list[int], chosen_ids: Sequence[int]) -> list[int]:
        """Return a prompt's ids and those chosen after it. Raises PromptTooLong and OptionOutOfRange."""
        self.refuse_invalid_ids(chosen_ids, "a chosen id")
        path, context = [*input_ids, *chosen_ids], self._info.context_length
        if context is not None and len(path) > context:
            raise PromptTooLong("prompt with its path", len(path), context, context=context, new_tokens=0)
        return path

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`, special tokens included. Undecodable added tokens appear with their own text."""
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
        """Return what `output_ids` add to the prompt's text. Decoded alone, they could lose a leading space."""
        before = self.decode(input_ids)
        whole = self.decode([*input_ids, *output_ids])
        return whole[len(before) :] if whole.startswith(before) else self.decode(output_ids)

    def measured_characters(self, ids: Sequence[int]) -> int:
        """Return the number of characters after the first token, without special tokens.

        If the first token is special, such as a beginning-of-text token, all characters count.
        """
        count = len(self.decode([id_ for id_ in ids if not self.is_special(id_)]))
        return count if self.is_special(ids[0]) else count - len(self.decode(ids[:1]).rstrip(REPLACEMENT))

    def ends(self, text: str) -> tuple[int | None, ...]:
        """Return for each token of `text` how many characters are complete after it.

        A token that is not from the text, such as a beginning-of-text token, has None. The bytes of a character
        complete it with the last of them. Tokenizers written in Python don't know where their tokens end: only the
        end of the last one is then known.
        """
        input_ids = self.ids(text)
        if not self._tokenizer.is_fast:
            return (*[0] * (len(input_ids) - 1), len(text))
        places: list[tuple[int, int]] = self._tokenizer(text, return_offsets_mapping=True).offset_mapping
        ends: list[int | None] = []
        following = len(text)  # where the next token begins
        for id_, (start, end) in zip(reversed(input_ids), reversed(places), strict=True):
            if start == end == 0 and self.is_special(id_):
                ends.append(None)
                continue
            ends.append(min(end + self._trimmed_spaces(id_, following - end), following))
            following = start
        return tuple(reversed(ends))

    def _trimmed_spaces(self, token_id: int, gap: int) -> int:
        """Return how many spaces at a token's end its offsets leave out, as byte-level tokenizers do."""
        text = self.token(token_id).text
        return min(max(0, gap), len(text) - len(text.rstrip(" "))) if text.strip(" ") else 0

    def vocabulary_hash(self) -> str:
        """Return a hash of the tokens that the model predicts, in the order of their ids."""
        pieces = self._tokenizer.convert_ids_to_tokens(list(range(self._info.vocab_size)))
        return hashlib.sha256(json.dumps(pieces).encode()).hexdigest()


def token_text(tokenizer: PreTrainedTokenizerBase, token_id: int) -> str:
    r"""Return the token's text. Bytes of an incomplete character become ``\xe4``, and SentencePiece's ``▁`` is kept.

    It is wrong for non-ASCII added tokens whose letters are all in the byte map. `TextCodec.token` handles those.
    """
    piece = tokenizer.convert_ids_to_tokens(token_id)
    if not isinstance(piece, str) or not piece:  # a model's vocabulary is often padded
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
    """Return whether all characters of `text` are in the byte map of byte-level tokenizers."""
    return all(character in _BYTE_OF for character in text)


def tokenize(codec: TextCodec, question: TokenizationQuestion) -> tuple[Tokenization, Tokenization | None]:
    """Split a text, and the text to compare it with if there is one, into tokens. Special tokens are included."""
    other = None if question.compare_with is None else _tokens(codec, question.compare_with)
    return _tokens(codec, question.text), other


def _tokens(codec: TextCodec, text: str) -> Tokenization:
    if not text:
        raise EmptyPrompt("text", codec.prompt_limit)
    return Tokenization(text, tuple(codec.token(id_) for id_ in codec.ids(text)))
