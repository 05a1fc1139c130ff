"""A language model computed by transformers, with the numbers that transformers gives."""

from collections.abc import Sequence

from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from bot.engine.comparison import compare, compared_parameters
from bot.engine.likelihoods import most_probable, scored
from bot.engine.sampler import sampler_stages
from bot.engine.sentiment import SentimentQuestion
from bot.engine.tokenizer import TextCodec, without_half_character
from bot.engine.topk import drawn, walk
from bot.engine.transformers.beam_search import generate, generation_problem
from bot.engine.transformers.decoding import decode
from bot.engine.transformers.forward_passes import ForwardPasses, input_rows
from bot.engine.xray import surprisals
from bot.errors import EmptyPrompt, GenerationUnsupported, RequestCancelled
from bot.questions.comparison import Comparison
from bot.questions.continuation import Continuation, FinishReason, WatchedDraft
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo, ShouldStop
from bot.questions.sampler import SamplerStages
from bot.questions.sentiment import Sentiment, SentimentEvidence
from bot.questions.tokenization import Tokenization
from bot.questions.tokens import NextTokens, TokenProbability
from bot.questions.topk import Walk
from bot.questions.xray import Surprisals


class TransformersModel:
    """The LanguageModel over one transformers model and its tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, passes: ForwardPasses, *, max_prompt_tokens: int) -> None:
        model, info = passes.model, passes.info
        self._model = model
        self._info = info
        self._codec = TextCodec(
            tokenizer,
            info,
            _eos_ids(model),
            input_rows=input_rows(model),
            max_prompt_tokens=max_prompt_tokens,
        )
        self._passes = passes
        self._question = SentimentQuestion(self._passes, self._codec)
        self._generation_problems: dict[bool, str | None] = {}  # by whether it is a beam search, found at the first one

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self._info

    @property
    def shares_passes(self) -> bool:
        """Whether texts are computed in pieces and beside others, and not each by a call of its own."""
        return self._passes.by_token

    def tokenize(self, text: str) -> Tokenization:
        """Split `text` into tokens, special tokens included."""
        if not text:
            raise EmptyPrompt("text", self._codec.prompt_limit)
        return Tokenization(text, tuple(self._codec.token(id_) for id_ in self._codec.ids(text)))

    def next_tokens(self, prompt: str, k: int) -> NextTokens:
        """Return the `k` most probable next tokens: softmax over the whole vocabulary."""
        input_ids = self._codec.encode(prompt)
        logits = self._passes.last_logits(input_ids)
        return NextTokens(prompt, tuple(input_ids), most_probable(logits, k, self._codec))

    def scored(self, prompt: str, ids: Sequence[int]) -> tuple[TokenProbability, ...]:
        """Return rank and probability of each of `ids` as the next token: softmax over the whole vocabulary."""
        self._codec.refuse_unpredicted(ids)
        return scored(self._passes.last_logits(self._codec.encode(prompt)), ids, self._codec)

    def guessed(self, prompt: str, guess: str) -> TokenProbability:
        """Return the token with which `guess` begins after `prompt`: of two ways to write it the more probable."""
        return max(self.scored(prompt, self._codec.first_ids(prompt, guess, what="guess")), key=lambda one: one.logit)

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
        input_ids = self._codec.encode(prompt, room_for=parameters.max_new_tokens)
        self._codec.refuse_no_id(written, "a written id")
        self._refuse_unsupported(parameters.num_beams)

        def continuation(output_ids: Sequence[int], finish_reason: FinishReason) -> Continuation:
            return self._codec.continuation(prompt, parameters, input_ids, output_ids, finish_reason, len(written))

        def enough(output_ids: Sequence[int]) -> bool:
            if draft is None:
                return False
            if len(output_ids) > len(written):
                draft.offer(lambda: without_half_character(continuation(output_ids, "length")))
            return draft.stop_requested

        if parameters.num_beams is None and self._passes.by_token:
            sequence = self._passes.begin()
            output_ids = decode(sequence, input_ids, parameters, self._codec.end_ids, should_stop, enough, written)
        else:
            output_ids = list(written) + generate(
                self._model,
                [*input_ids, *written],
                parameters.with_max_new_tokens(parameters.max_new_tokens - len(written)),
                end_ids=self._codec.end_ids,
                pad_id=self._codec.pad_id,
                should_stop=lambda: should_stop() or enough(list(written)),
                check=self._passes.check_finite,
                serve_others=self._passes.by_token,
            )
            if should_stop():
                raise RequestCancelled
        if output_ids and output_ids[-1] in self._codec.end_ids:
            return continuation(output_ids, "stop")
        return continuation(output_ids, "length" if len(output_ids) >= parameters.max_new_tokens else "stopped")

    def sentiment(self, review: str) -> Sentiment:
        """Compare the logits of " positive" and " negative" after the notebook's prompt."""
        return self._question.judge(review)

    def surprisals(self, text: str) -> Surprisals:
        """Return how much each token of `text` surprised the model."""
        input_ids = self._codec.encode(text, what="text")
        if len(input_ids) == 1:
            found = "is one token, and nothing before it predicts it"
            raise EmptyPrompt("text", self._codec.prompt_limit, least=2, found=found)
        if all(map(self._codec.is_special, input_ids[1:])):
            found = "has only special tokens after its first, which are not measured"
            raise EmptyPrompt("text", self._codec.prompt_limit, least=2, found=found)
        self._codec.refuse_unpredicted(input_ids[1:])
        return surprisals(self._passes, self._codec, text, input_ids)

    def walk(self, prompt: str, chosen_ids: Sequence[int], k: int, temperature: float) -> Walk:
        """Return the likelihood of each of `chosen_ids` after `prompt`, and the `k` candidates for the next one."""
        return walk(self._passes, self._codec, prompt, chosen_ids, k, temperature)

    def drawn(self, prompt: str, chosen_ids: Sequence[int], temperature: float, seed: int) -> TokenProbability:
        """Return the next token that `seed` draws after as many tokens; only the temperature shapes the draw."""
        return drawn(self._passes, self._codec, prompt, chosen_ids, temperature, seed)

    def compare(
        self,
        prompt: str,
        max_new_tokens: int,
        seed: int,
        num_beams: int,
        repetition_penalty: float,
        should_stop: ShouldStop,
    ) -> Comparison:
        """Continue `prompt` greedily, by sampling, by beam search, and by beam search with the penalty."""
        parameters = compared_parameters(max_new_tokens, seed, num_beams, repetition_penalty)
        self._refuse_unsupported(num_beams)
        return compare(self._model, self._passes, self._codec, self.generate, prompt, parameters, should_stop)

    def sampler_stages(
        self, prompt: str, temperature: float, top_k: int, top_p: float, repetition_penalty: float
    ) -> SamplerStages:
        """Return the next token's distribution before and after each stage of the sampler."""
        parameters = GenerationParameters.from_options(
            strategy="sample", max_new_tokens=1, temperature=temperature, top_k=top_k, top_p=top_p,
            repetition_penalty=repetition_penalty, seed=0,
        )  # fmt: skip
        return sampler_stages(self._passes, self._codec, prompt, parameters)

    def explain_sentiment(self, review: str) -> SentimentEvidence:
        """Judge `review`, and say what each word did to the verdict."""
        return self._question.explain(review)

    def _refuse_unsupported(self, num_beams: int | None) -> None:
        """Raise GenerationUnsupported for what transformers' `generate`, where it writes, cannot do with this model."""
        if num_beams is None and self._passes.by_token:
            return
        is_search = num_beams is not None
        if is_search not in self._generation_problems:
            self._generation_problems[is_search] = generation_problem(self._model, is_search=is_search)
        if problem := self._generation_problems[is_search]:
            what = "beam search" if is_search else "continuations"
            remedy = "Choose the strategy greedy or sample, or another model." if is_search else "Try another model."
            raise GenerationUnsupported(self._info.short_name, what, problem, remedy)


def _eos_ids(model: PreTrainedModel) -> frozenset[int]:
    generation_config = model.generation_config
    eos = None if generation_config is None else generation_config.eos_token_id
    return frozenset([eos] if isinstance(eos, int) else eos or [])
