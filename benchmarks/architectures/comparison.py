"""Compare one model's answers with those of plain transformers, in float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from bot.engine.model import EngineModel
from bot.engine.scheduler import Scheduler
from bot.engine.transformers.loading import OWN_PATH, load_model
from bot.errors import BotError, ModelUnavailable
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SENTIMENT, SentimentQuestion
from bot.questions.topk import TopKQuestion

PROMPTS = ("It was a dark and stormy", "Once upon a time there was a little girl who lived in a house", "The")
REVIEW = "I laughed all the way home."
NEW_TOKENS = 12
NUM_BEAMS = 3
K = 10
TOLERANCE = 1e-4  # for logits, relative to the largest; a tenth of it for probabilities

RIGHTLY_REFUSED = "refused, and rightly"  # the strategy fails in plain transformers too

Outcome = Literal["equal", "equal, own path", "refused", "differs"]


class Comparison(NamedTuple):
    """The outcome for a model. `reason` says what differs, or why the model or a strategy was refused."""

    outcome: Outcome
    reason: str = ""


def compare(folder: Path) -> Comparison:
    """Compare /topk, greedy decoding (alone and in a batch), beam search, and the scoring of two labels."""
    try:
        ours = load_model(str(folder), max_prompt_tokens=100)
    except ModelUnavailable as error:
        return _check_refusal(folder, str(error))
    plain = _Plain(folder)
    results = {name: _run_check(lambda check=check: check(ours, plain)) for name, check in _CHECKS.items()}  # type: ignore[misc]  # its check is bound
    differences = [f"{name}: {words}" for name, words in results.items() if words not in ("", RIGHTLY_REFUSED)]
    if differences:
        return Comparison("differs", "; ".join(differences))
    refused = [f"{name} is refused, as plain transformers fails" for name, words in results.items() if words]
    return Comparison("equal" if ours.info.engine_path != OWN_PATH else "equal, own path", "; ".join(refused))


class _Plain:
    """The model, loaded and called with plain transformers.

    Like the engine, it only takes the token ids from the checkpoint's generation_config.
    """

    def __init__(self, folder: Path) -> None:
        self._model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        checkpoint = self._model.generation_config
        ids = {f"{kind}_token_id": getattr(checkpoint, f"{kind}_token_id", None) for kind in ("bos", "eos", "pad")}
        self._model.generation_config = GenerationConfig(**ids)  # type: ignore[no-untyped-call]  # transformers leaves it untyped

    def ids(self, text: str) -> torch.Tensor:
        ids: torch.Tensor = self._tokenizer(text, return_tensors="pt").input_ids
        return ids

    def logits(self, text: str) -> torch.Tensor:
        return self.logits_after(self.ids(text))[-1]

    @torch.no_grad()
    def logits_after(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self._model(input_ids=ids).logits[0]
        return logits

    def generate(self, prompt: str, **options: Any) -> list[int]:
        ids = self.ids(prompt)
        options = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "early_stopping": False} | options
        output = self._model.generate(ids, attention_mask=torch.ones_like(ids), **options)
        new_ids: list[int] = output[0, ids.shape[1] :].tolist()
        return new_ids


def _check_refusal(folder: Path, message: str) -> Comparison:
    """Return the refusal if plain transformers confirms its reason."""
    reason = message.partition("cannot be used: ")[2].rpartition(". Try ")[0]
    is_true = next((is_true for words, is_true in _REASONS.items() if words in reason), None)
    if is_true is None or not is_true(folder, reason):
        return Comparison("differs", f"refused for a wrong reason: {reason}")
    return Comparison("refused", reason)


def _cannot_be_loaded(folder: Path, reason: str) -> bool:
    return _raises(lambda: _Plain(folder), reason)


def _fails_on_ids(folder: Path, reason: str) -> bool:
    plain = _Plain(folder)
    return all(_raises(lambda text=text: plain.logits(text), reason) for text in PROMPTS)  # type: ignore[misc]  # its text is bound


def _raises(attempt: Callable[[], Any], reason: str) -> bool:
    try:
        attempt()
    except Exception as error:
        return str(error).partition("\n")[0][:60] in reason
    return False


def _reads_both_ways(folder: Path, _: str) -> bool:
    """Return whether another last token changes the logits before it, by far more than rounding does."""
    plain = _Plain(folder)
    ids = plain.ids(PROMPTS[1])
    other = ids.clone()
    other[0, -1] = 7
    before, after = plain.logits_after(ids)[0], plain.logits_after(other)[0]
    return bool((before - after).abs().max() / before.abs().max() > 100 * TOLERANCE)


def _changes_from_call_to_call(folder: Path, _: str) -> bool:
    plain = _Plain(folder)
    return bool(_difference(plain.logits(PROMPTS[1]).tolist(), plain.logits(PROMPTS[1]), torch.ones(1)))


_REASONS: dict[str, Callable[[Path, str], bool]] = {
    "its weights cannot be loaded": _cannot_be_loaded,
    "it can't run on token ids alone": _fails_on_ids,
    "later tokens change its earlier predictions": _reads_both_ways,
    "it gives different numbers for the same text": _changes_from_call_to_call,
}


def _run_check(check: Callable[[], str]) -> str:
    """Return the result of `check`, or its error in one line."""
    try:
        return check()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:160]}"


def _topk(ours: EngineModel, plain: _Plain) -> str:
    for prompt in PROMPTS:
        if difference := _candidates(ours, plain, prompt):
            return difference
    return ""


def _candidates(ours: EngineModel, plain: _Plain, prompt: str) -> str:
    logits = plain.logits(prompt)
    candidates = ours.answer(TopKQuestion(prompt, K)).next_tokens.candidates
    ids = [candidate.token.id for candidate in candidates]
    if ids != logits.topk(K).indices.tolist():
        return f"{ids} for {logits.topk(K).indices.tolist()} after {prompt!r}"
    return _difference([candidate.logit or 0.0 for candidate in candidates], logits[ids], logits) or _difference(
        [10 * candidate.probability for candidate in candidates], 10 * logits.softmax(0)[ids], torch.ones(1)
    )


def _difference(figures: list[float], expected: torch.Tensor, scale: torch.Tensor) -> str:
    distance = ((torch.tensor(figures) - expected).abs().max() / scale.abs().max()).item()
    return "" if distance < TOLERANCE else f"figures differ by {distance:.1e}"


def _greedy(ours: EngineModel, plain: _Plain) -> str:
    try:
        expected = {prompt: plain.generate(prompt) for prompt in PROMPTS}
    except Exception as error:
        return _is_refused(ours, error, "greedy")
    alone = {prompt: _continue(ours, prompt, "greedy") for prompt in PROMPTS}
    if alone != expected:
        return f"{alone} for {expected}"
    together: dict[str, Any] = {}
    scheduler = Scheduler()
    for prompt in PROMPTS:
        scheduler.start(
            lambda prompt=prompt: _continue(ours, prompt, "greedy"),  # type: ignore[misc]  # its prompt is bound
            lambda: False,
            lambda result, error, prompt=prompt: together.__setitem__(prompt, error or result),  # type: ignore[misc]  # as above
        )
    while len(scheduler):
        scheduler.step()
    return "" if together == expected else f"together {together} for {expected}"


def _beam(ours: EngineModel, plain: _Plain) -> str:
    try:
        expected = [plain.generate(prompt, num_beams=NUM_BEAMS) for prompt in PROMPTS]
    except Exception as error:
        return _is_refused(ours, error, "beam", num_beams=NUM_BEAMS)
    output_ids = [_continue(ours, prompt, "beam", num_beams=NUM_BEAMS) for prompt in PROMPTS]
    return "" if output_ids == expected else f"{output_ids} for {expected}"


def _is_refused(ours: EngineModel, error: Exception, strategy: Any, **options: Any) -> str:
    """Return RIGHTLY_REFUSED if a strategy that plain transformers fails at is refused in one line."""
    try:
        _continue(ours, PROMPTS[0], strategy, **options)
    except BotError:
        return RIGHTLY_REFUSED
    return f"not refused, where transformers raises {type(error).__name__}"


def _continue(ours: EngineModel, prompt: str, strategy: Any, **options: Any) -> list[int]:
    parameters = GenerationParameters.from_options(strategy=strategy, max_new_tokens=NEW_TOKENS, **options)
    return list(ours.answer(ContinuationQuestion(prompt, parameters)).output_ids)


def _labels(ours: EngineModel, plain: _Plain) -> str:
    logits = plain.logits(SENTIMENT.prompt(REVIEW))
    ids = [int(plain.ids(label)[0, 0]) for label in SENTIMENT.labels]
    verdict = ours.answer(SentimentQuestion(REVIEW))
    return _difference(list(verdict.scores), logits[ids], logits)


_CHECKS: dict[str, Callable[[EngineModel, _Plain], str]] = {
    "topk": _topk,
    "greedy": _greedy,
    "beam": _beam,
    "labels": _labels,
}
