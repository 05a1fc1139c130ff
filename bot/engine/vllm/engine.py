"""The engine over a vLLM server. It knows log-probabilities, but no logits."""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bot.engine.beam_search import search_beams
from bot.engine.primitives import OTHERS, NextScores, Search, Steps, TokenChoice, TokenScore, Written
from bot.engine.tokenizer import TextCodec
from bot.engine.vllm.answers import (
    NotFinite,
    chosen_scores,
    next_log_probabilities,
    position_scores,
    prompt_choices,
    token_choices,
    top_scores,
    whole_distribution,
)
from bot.engine.vllm.connection import Connection
from bot.engine.vllm.inspection import REQUEST
from bot.engine.vllm.server import Json
from bot.errors import LayersUnsupported, NumbersNotFinite, OptionUnsupported, PromptTooLong, RequestCancelled
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo
from bot.questions.sampler import NEUTRAL_VALUES, Stage

CHOSEN_AT_A_TIME = 128  # vLLM's limit of logprob_token_ids
_UNKNOWN_STAGES: tuple[Stage, ...] = ("top_h", "typical_p", "epsilon_cutoff", "eta_cutoff")  # to the server's sampler
_OTHER_ENGINE = "use the transformers engine (BOT_ENGINE=transformers)."


class VllmEngine:
    """The Engine over one model of a vLLM server. All texts are sent as token ids."""

    def __init__(self, connection: Connection, codec: TextCodec, info: ModelInfo) -> None:
        self.connection = connection
        self.codec = codec
        self._info = info

    @property
    def info(self) -> ModelInfo:
        """Which model this is, and the server's state at this moment."""
        facts, problem = self.connection.facts, self.connection.problem
        if facts is None:
            return replace(self._info, problem=problem, weights="not checked yet")
        return replace(self._info, engine_path=facts.engine_text, problem=problem, weights=facts.weights_text)

    @property
    def has_logits(self) -> bool:
        """Only log-probabilities are known: the server normalises before it answers."""
        return False

    def score_next(
        self,
        texts: Sequence[list[int]],
        chosen: Sequence[int],
        *,
        beginning: Sequence[int] = (),  # noqa: ARG002  # the server finds common beginnings itself
    ) -> list[tuple[TokenScore, ...]]:
        """Score the `chosen` tokens after each of `texts`, in one request. The server caches a beginning itself."""
        scores: list[tuple[TokenScore, ...]] = [()] * len(texts)
        ids = list(dict.fromkeys(chosen))
        for start in range(0, len(ids), CHOSEN_AT_A_TIME):
            some = ids[start : start + CHOSEN_AT_A_TIME]
            choices = self._complete(texts, logprobs=1, logprob_token_ids=some)
            with self._finite():
                scores = [
                    (*before, *chosen_scores(choice, some)) for before, choice in zip(scores, choices, strict=True)
                ]
        by_id = [{score.id: score for score in row} for row in scores]
        return [tuple(row[id_] for id_ in chosen) for row in by_id]

    def score_after_each(
        self,
        input_ids: list[int],
        *,
        first: int = 0,
        following: Sequence[Sequence[int]] = (),
        top: int = 0,
        temperature: float = 1.0,
    ) -> Iterator[NextScores]:
        """Yield the scores after each of `input_ids` from position `first` on. They are computed in one request.

        Only prompts are ranked by the server, so the ids after the last position are sent as the end of a prompt each.
        """
        last = len(input_ids) - 1
        ends = following[last - first] if len(following) > last - first else ()
        texts = [[*input_ids, id_] for id_ in ends] or [input_ids]
        options = {"prompt_logprobs": top} if ends or first < last else {}
        choices = self._complete(texts, logprobs=max(1, top), **options)
        with self._finite():
            for position in range(first, last):
                actual = input_ids[position + 1]
                best, score = position_scores(choices[0], position + 1, actual, top)
                yield NextScores(best, (score,), ())
            chosen = [position_scores(choice, last + 1, id_, top) for choice, id_ in zip(choices, ends, strict=False)]
            best = chosen[0][0] if chosen else top_scores(choices[0], top)
            probabilities = tuple(score.probability for score in best)
            if temperature != 1.0:
                warped = _softmax(self.next_scores(input_ids) / np.float32(temperature))
                probabilities = tuple(float(warped[score.id]) for score in best)
            yield NextScores(best, tuple(score for _, score in chosen), probabilities)

    def log_probabilities_after_each(self, input_ids: list[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the log-probabilities of all tokens after each of `input_ids`: [1, vocab_size].

        Each is a request of its own: for a prompt, the answer would have a JSON object for each token at each position.
        """
        for end in range(1, len(input_ids) + 1):
            yield self.next_scores(input_ids[:end])[None]

    def next_scores(self, input_ids: list[int]) -> NDArray[np.float32]:
        """Return the log-probabilities of the token after `input_ids`: [vocab_size]."""
        (choice,) = self._complete([input_ids], logprobs=-1)
        with self._finite():
            return whole_distribution(next_log_probabilities(choice), self._info.vocab_size)

    def layer_logits(self, input_ids: list[int], first: int) -> Iterator[NDArray[np.float32]]:  # noqa: ARG002  # it always raises
        """Raise LayersUnsupported."""
        raise LayersUnsupported(
            self.info.short_name,
            "vLLM's server returns no hidden states",
            "Use the transformers engine (BOT_ENGINE=transformers).",
        )

    def draw(self, input_ids: list[int], parameters: GenerationParameters, number: int) -> int:
        """Return an id drawn after `input_ids` by the server. `number` (from 0) gives each draw a seed of its own."""
        (choice,) = self._complete(
            [input_ids], **self._sampling(parameters, number), max_tokens=1, return_token_ids=True
        )
        return int(choice["token_ids"][0])

    def refuse_unsupported(self, parameters: GenerationParameters) -> None:
        """Raise OptionUnsupported for stages that the server's sampler doesn't have or applies in another order."""
        is_search = parameters.num_beams is not None  # the bot's own, which cuts repeated n-grams itself
        for name in _UNKNOWN_STAGES if is_search else (*_UNKNOWN_STAGES, "no_repeat_ngram_size"):
            value = getattr(parameters, name)
            if value not in (None, NEUTRAL_VALUES.get(name)):
                raise OptionUnsupported(
                    name, value, "vLLM's sampler doesn't have this stage", f"Leave it out, or {_OTHER_ENGINE}"
                )
        if parameters.min_p and parameters.top_p is not None and parameters.top_p < 1:
            raise OptionUnsupported(
                "min_p",
                parameters.min_p,
                f"vLLM applies it before top_p, so with top_p {parameters.top_p:g} it would keep other tokens than "
                "transformers",
                f"Set top_p to 1, or {_OTHER_ENGINE}",
            )

    def write(
        self, input_ids: list[int], parameters: GenerationParameters, steps: Steps, written: Sequence[int] = ()
    ) -> Written:
        """Return the ids that the server streams. If `steps` has enough, the request ends on the server too.

        A sample that continues `written` draws with a seed of its own: each request has a new generator on the server.
        """
        new_ids = list(written)
        choices: list[TokenChoice] = []
        if steps.is_enough(new_ids):
            return Written(new_ids, choices)
        text = [*input_ids, *written]
        room = parameters.max_new_tokens - len(written)
        self._refuse_too_long(text, room)
        body = self._sampling(parameters, len(written)) | {"prompt": text, "max_tokens": room}
        ends = {"stop_token_ids": sorted(self.codec.end_ids), "ignore_eos": True}
        stream = self.connection.stream(REQUEST | body | ends | {"logprobs": OTHERS + 1})
        with contextlib.closing(stream), self._finite():
            for part in stream:
                for choice in token_choices(part):
                    if steps.is_cancelled():
                        raise RequestCancelled
                    new_ids.append(choice.token.id)
                    choices.append(choice)
                    is_complete = new_ids[-1] in self.codec.end_ids or len(new_ids) >= parameters.max_new_tokens
                    if not is_complete and steps.is_enough(new_ids):
                        return Written(new_ids, choices)
        return Written(new_ids, choices)

    def search(
        self,
        input_ids: list[int],
        parameters: GenerationParameters,
        steps: Steps,
        written: Sequence[int] = (),
        *,
        with_tree: bool = False,
    ) -> Search:
        """Run transformers' beam search over the server's distributions: one request for each step."""
        self._refuse_too_long([*input_ids, *written], parameters.max_new_tokens - len(written))
        return search_beams(
            self._top_of,
            input_ids,
            parameters,
            steps,
            written,
            codec=self.codec,
            vocab_size=self._info.vocab_size,
            with_tree=with_tree,
        )

    def _top_of(self, texts: Sequence[list[int]], count: int) -> list[dict[int, float]]:
        choices = self._complete(texts, logprobs=count)
        with self._finite():
            return [next_log_probabilities(choice) for choice in choices]

    def _sampling(self, parameters: GenerationParameters, number: int) -> Json:
        """Return vLLM's sampling parameters. All are given, because the server has defaults of its own."""
        return {
            "temperature": parameters.temperature if parameters.do_sample else 0.0,
            "top_k": parameters.top_k,
            "top_p": 1.0 if parameters.top_p is None else parameters.top_p,
            "min_p": parameters.min_p or 0.0,
            "repetition_penalty": parameters.repetition_penalty,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": _seed(parameters.seed, number),
        }

    def _complete(self, texts: Sequence[list[int]], **options: object) -> list[Json]:
        for text in texts:
            self._refuse_too_long(text, 1)
        answer = self.connection.complete(REQUEST | {"prompt": list(texts)} | options)
        return prompt_choices(answer)

    def _refuse_too_long(self, text: list[int], new_tokens: int) -> None:
        """Raise PromptTooLong if `text` and `new_tokens` don't fit in the server's context. It needs at least 1."""
        facts = self.connection.facts
        if facts is not None and len(text) + new_tokens > facts.max_model_len:
            limit = facts.max_model_len - new_tokens
            raise PromptTooLong("prompt", len(text), max(0, limit), context=facts.max_model_len, new_tokens=new_tokens)

    @contextlib.contextmanager
    def _finite(self) -> Iterator[None]:
        try:
            yield
        except NotFinite:
            raise NumbersNotFinite(self._info.short_name, self._info.dtype) from None


def _seed(seed: int | None, number: int) -> int | None:
    """Return the seed of one request: `seed` itself for the first, and a different one for each later `number`."""
    if seed is None or number == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:7])


def _softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    exponentials = np.exp(scores - scores.max())
    normalized: NDArray[np.float32] = exponentials / exponentials.sum()
    return normalized
