"""Generation by transformers' own `generate`, for its own models, and a record of a beam search's candidates."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    NoRepeatNGramLogitsProcessor,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
)

from bot.engine.beam_record import BeamRecord, Candidate, candidate_count
from bot.engine.scheduler import let_others_run
from bot.questions.generation import GenerationParameters

_NOT_RUNNING = -1e9  # transformers' initial score of all beams but the first


def generate(
    model: PreTrainedModel,
    input_ids: list[int],
    parameters: GenerationParameters,
    *,
    end_ids: Collection[int],
    pad_id: int,
    should_stop: Callable[[list[int]], bool],
    check: Callable[[torch.Tensor], None],
    observers: Sequence[LogitsProcessor] = (),
    serve_others: bool = True,
) -> list[int]:
    """Return the new ids after `input_ids`, up to and including the first of `end_ids`.

    `should_stop` gets the new ids after each step (in a beam search, the best beam's) and can end the text. `check`
    gets the scores of each step, after the repetition penalty, and raises if they are not finite. `observers` are
    called after `check`, and after the ids that would repeat an n-gram were cut.

    Other requests run between the steps if `serve_others` is true. It must be false for a model that stores its state
    in its own modules. During a sample, no other requests run, because it uses the process's random generator and
    restores it afterwards.
    """
    ids = torch.tensor([input_ids], device=model.device)
    between = _BetweenSteps(should_stop, len(input_ids), serve_others=serve_others and not parameters.do_sample)
    size = parameters.no_repeat_ngram_size
    # It cuts by minus infinity, so it comes after `check`. Otherwise `generate` would put it before.
    cutters = [NoRepeatNGramLogitsProcessor(size)] if size else []
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=parameters.do_sample):
        if parameters.seed is not None:
            torch.manual_seed(parameters.seed)
        output: torch.Tensor = model.generate(  # type: ignore[operator]  # typed as a submodule
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **_generate_options(parameters),
            pad_token_id=pad_id,
            logits_processor=LogitsProcessorList([_Checking(check), *cutters, *observers]),
            stopping_criteria=StoppingCriteriaList([between]),
        )
    return _up_to_first(output[0, len(input_ids) :].tolist(), end_ids)


def generation_problem(model: PreTrainedModel, *, is_search: bool) -> str | None:
    """Try `generate` with the model. Return its error in one line, or None if it works."""
    parameters = GenerationParameters.from_options(
        strategy="beam" if is_search else "greedy", max_new_tokens=3, num_beams=2 if is_search else None
    )
    try:
        generate(
            model, [1, 2, 3], parameters, end_ids=(), pad_id=0, should_stop=lambda _: False, check=lambda _: None,
            serve_others=False,
        )  # fmt: skip
    except Exception as error:  # each model class fails differently
        return str(error).partition("\n")[0][:200] or type(error).__name__
    return None


@dataclass(frozen=True, slots=True)
class _Checking(LogitsProcessor):
    """Checks the scores of each step before they are used."""

    check: Callable[[torch.Tensor], None]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002  # the signature is transformers'
        self.check(scores)
        return scores


@dataclass(frozen=True, slots=True)
class _BetweenSteps(StoppingCriteria):
    """Lets others run after each step, and ends the text if `should_stop` returns true."""

    should_stop: Callable[[list[int]], bool]
    prompt_length: int
    serve_others: bool

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:  # noqa: ARG002  # the signature is transformers'
        best = input_ids[0, self.prompt_length :].tolist()  # beam search sorts its beams, best first
        is_last = self.should_stop(best)
        if self.serve_others:
            let_others_run()
        return torch.full((input_ids.shape[0],), is_last, device=input_ids.device, dtype=torch.bool)


def _generate_options(parameters: GenerationParameters) -> dict[str, float]:
    """Return all options whose default would otherwise come from the checkpoint's generation_config or `generate`.

    The loader has removed all stages from the former, so those that are off are left out.
    """
    stages: dict[str, float | None] = {
        "min_p": parameters.min_p,
        "top_h": parameters.top_h,
        "typical_p": parameters.typical_p,
        "epsilon_cutoff": parameters.epsilon_cutoff,
        "eta_cutoff": parameters.eta_cutoff,
    }
    return {name: value for name, value in stages.items() if value is not None} | {
        "max_new_tokens": parameters.max_new_tokens,
        "do_sample": parameters.do_sample,
        "num_beams": parameters.num_beams or 1,
        "temperature": 1.0 if parameters.temperature is None else parameters.temperature,
        "top_k": parameters.top_k,
        "top_p": 1.0 if parameters.top_p is None else parameters.top_p,
        "num_return_sequences": 1,
        "early_stopping": False,
        "repetition_penalty": parameters.repetition_penalty,
    }


def _up_to_first(ids: list[int], ends: Collection[int]) -> list[int]:
    """Return `ids` up to and including the first end-of-text. Beam search adds padding after it."""
    for position, id_ in enumerate(ids):
        if id_ in ends:
            return ids[: position + 1]
    return ids


class BeamRecorder(LogitsProcessor):
    """Records the steps of one beam search. It is the search's last processor and changes no score.

    It gets the running beams and their scores, and computes the candidates from them as transformers' `_beam_search`
    does. The beams of the next step show which candidates were kept.
    """

    def __init__(self, num_beams: int, end_ids: Collection[int]) -> None:
        self.record = BeamRecord(num_beams, end_ids)
        self._count = candidate_count(num_beams, end_ids)
        self._running: list[list[int]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Record one step: `scores` are the log-probabilities [beams, vocabulary] after `input_ids`."""
        running = input_ids.tolist()
        totals = [0.0] + [_NOT_RUNNING] * (len(running) - 1)
        if self.record.steps:
            candidates = self.record.steps[-1]
            by_ids = {(*self._running[candidate.parent], candidate.id): candidate for candidate in candidates}
            for row, ids in enumerate(running):
                by_ids[tuple(ids)].row = row
                totals[row] = by_ids[tuple(ids)].score
        self._running = running
        accumulated = scores.float() + torch.tensor(totals, device=scores.device)[:, None]
        best = accumulated.flatten().topk(self._count)
        places = [divmod(index, scores.shape[1]) for index in best.indices.tolist()]
        self.record.steps.append(
            [
                Candidate(row, id_, scores[row, id_].item(), score)
                for score, (row, id_) in zip(best.values.tolist(), places, strict=True)
            ]
        )
        return scores
