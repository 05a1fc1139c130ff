"""A language model computed by transformers, with the numbers that transformers gives."""

from collections.abc import Sequence
from itertools import takewhile

from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from bot.errors import (
    EmptyPrompt,
    InputUnreadable,
    OptionOutOfRange,
    PromptTooLong,
    RequestCancelled,
    SentimentUnsupported,
)
from bot.inference.decoding import decode
from bot.inference.forward_passes import ForwardPasses
from bot.inference.generation_parameters import GenerationParameters
from bot.inference.model import (
    Continuation,
    FinishReason,
    ModelInfo,
    NextTokens,
    Sentiment,
    ShouldStop,
    Token,
    Tokenization,
    TokenProbability,
    WatchedDraft,
)
from bot.inference.sentiment_prompt import NEGATIVE_LABEL, POSITIVE_LABEL, sentiment_prompt
from bot.inference.token_text import token_text
from bot.inference.transformers_generate import generate


class TransformersModel:
    """The LanguageModel over one transformers model and its tokenizer."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        info: ModelInfo,
        max_prompt_tokens: int,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._info = info
        self._prompt_limit = min(max_prompt_tokens, info.context_length)
        self._eos_ids = _eos_ids(model)
        self._passes = ForwardPasses(model)
        self._question = self._passes.computed(self._fixed_beginning())

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self._info

    def tokenize(self, text: str) -> Tokenization:
        """Split `text` into tokens, special tokens included."""
        if not text:
            raise EmptyPrompt("text", self._prompt_limit)
        return Tokenization(text, tuple(self._token(id_) for id_ in self._ids(text)))

    def next_tokens(self, prompt: str, k: int) -> NextTokens:
        """Return the `k` most probable next tokens: softmax over the whole vocabulary."""
        input_ids = self._encode(prompt)
        logits = self._passes.last_logits(input_ids)
        probabilities = logits.softmax(-1)
        top = logits.topk(min(k, logits.shape[0]))
        candidates = tuple(
            TokenProbability(rank, self._token(id_), logit, probabilities[id_].item())
            for rank, (logit, id_) in enumerate(zip(top.values.tolist(), top.indices.tolist(), strict=True), start=1)
        )
        return NextTokens(prompt, tuple(input_ids), candidates)

    def generate(
        self,
        prompt: str,
        parameters: GenerationParameters,
        should_stop: ShouldStop,
        *,
        draft: WatchedDraft | None = None,
        written: Sequence[int] = (),
    ) -> Continuation:
        """Continue `prompt`; the same seed draws the same text, whoever else is served, and also in several goes."""
        input_ids = self._encode(prompt, room_for=parameters.max_new_tokens)

        def continuation(output_ids: Sequence[int], finish_reason: FinishReason) -> Continuation:
            ended = bool(output_ids) and output_ids[-1] in self._eos_ids
            text = self._added_text(input_ids, list(output_ids[:-1] if ended else output_ids))
            return Continuation(
                prompt, parameters, tuple(input_ids), tuple(output_ids), text, finish_reason, len(written)
            )

        def enough(output_ids: Sequence[int]) -> bool:
            if draft is None:
                return False
            if len(output_ids) > len(written):
                draft.offer(lambda: continuation(output_ids, "length"))
            return draft.stop_requested

        if parameters.num_beams is None and self._passes.by_token:
            sequence = self._passes.begin()
            output_ids = decode(sequence, input_ids, parameters, self._eos_ids, should_stop, enough, written)
        else:
            output_ids = list(written) + generate(
                self._model,
                [*input_ids, *written],
                parameters.with_max_new_tokens(parameters.max_new_tokens - len(written)),
                end_ids=self._eos_ids,
                pad_id=self._tokenizer.pad_token_id or 0,
                should_stop=lambda: should_stop() or enough(list(written)),
            )
            if should_stop():
                raise RequestCancelled
        if output_ids and output_ids[-1] in self._eos_ids:
            return continuation(output_ids, "stop")
        return continuation(output_ids, "length" if len(output_ids) >= parameters.max_new_tokens else "stopped")

    def sentiment(self, review: str) -> Sentiment:
        """Compare the logits of " positive" and " negative" after the notebook's prompt."""
        if not review.strip():
            question = len(self._ids(sentiment_prompt("")))
            raise EmptyPrompt("review", self._prompt_limit - question)
        positive_id, negative_id = self._label_id(POSITIVE_LABEL), self._label_id(NEGATIVE_LABEL)
        input_ids = self._encode(sentiment_prompt(review), what="review with the question around it")
        logits = self._passes.last_logits(input_ids, self._question)
        labels = logits[[positive_id, negative_id]]
        positive_logit, negative_logit = labels.tolist()
        positive, negative = labels.softmax(0).tolist()
        return Sentiment(
            review=review,
            label="Positive" if positive_logit > negative_logit else "Negative",
            positive_logit=positive_logit,
            negative_logit=negative_logit,
            positive_probability=positive,
            negative_probability=negative,
            label_mass=logits.softmax(0)[[positive_id, negative_id]].sum().item(),
        )

    def _fixed_beginning(self) -> list[int]:
        """Return the ids with which the question around every review begins."""
        pairs = zip(*(self._ids(sentiment_prompt(review)) for review in ("good", "Bad")), strict=False)
        return [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]

    def _token(self, token_id: int) -> Token:
        return Token(token_id, token_text(self._tokenizer, token_id))

    def _ids(self, text: str) -> list[int]:
        """Return the ids of `text` as the tokenizer gives them, special tokens included."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputUnreadable("The text is not valid UTF-8. Write it in UTF-8, or pipe it in with -.") from None
        input_ids: list[int] = self._tokenizer(text).input_ids
        return input_ids

    def _encode(self, prompt: str, *, what: str = "prompt", room_for: int = 0) -> list[int]:
        """Return the prompt's ids, which leave `room_for` new tokens in the model's context."""
        context = self._info.context_length
        if room_for >= context:
            allowed = f"from 1 to {context - 1:,}, since the model's context holds {context:,} tokens in all"
            raise OptionOutOfRange("max_new_tokens", room_for, allowed)
        limit = min(self._prompt_limit, context - room_for)
        input_ids = self._ids(prompt) if prompt else []
        if not input_ids:
            raise EmptyPrompt(what, limit)
        if len(input_ids) > limit:
            raise PromptTooLong(what, len(input_ids), limit, context=context, new_tokens=room_for)
        return input_ids

    def _added_text(self, input_ids: list[int], output_ids: list[int]) -> str:
        """Return what `output_ids` add to the prompt's text; decoded alone they may lack a leading space."""
        before = self._decode(input_ids)
        whole = self._decode(input_ids + output_ids)
        return whole[len(before) :] if whole.startswith(before) else self._decode(output_ids)

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=False))

    def _label_id(self, label: str) -> int:
        ids: list[int] = self._tokenizer(label, add_special_tokens=False).input_ids
        if len(ids) != 1:
            pieces = [token_text(self._tokenizer, id_) for id_ in ids]
            raise SentimentUnsupported(self._info.short_name, label, pieces)
        return ids[0]


def _eos_ids(model: PreTrainedModel) -> frozenset[int]:
    generation_config = model.generation_config
    eos = None if generation_config is None else generation_config.eos_token_id
    return frozenset([eos] if isinstance(eos, int) else eos or [])
