"""Generation by transformers' own `generate`, for beam search, and a record of its candidates at each step."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor, LogitsProcessorList, PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from bot.engine.scheduler import let_others_run
from bot.engine.tokenizer import TextCodec
from bot.questions.comparison import BeamCandidate, BeamStep, BeamTree, Fate
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
    called after `check`.

    Other requests run between the steps if `serve_others` is true. It must be false for a model that stores its state
    in its own modules. During a sample, no other requests run, because it uses the process's random generator and
    restores it afterwards.
    """
    ids = torch.tensor([input_ids], device=model.device)
    between = _BetweenSteps(should_stop, len(input_ids), serve_others=serve_others and not parameters.do_sample)
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=parameters.do_sample):
        if parameters.seed is not None:
            torch.manual_seed(parameters.seed)
        output: torch.Tensor = model.generate(  # type: ignore[operator]  # typed as a submodule
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            **_generate_options(parameters),
            pad_token_id=pad_id,
            logits_processor=LogitsProcessorList([_Checking(check), *observers]),
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
        if self.serve_others:
            let_others_run()
        best = input_ids[0, self.prompt_length :].tolist()  # beam search sorts its beams, best first
        return torch.full((input_ids.shape[0],), self.should_stop(best), device=input_ids.device, dtype=torch.bool)


def _generate_options(parameters: GenerationParameters) -> dict[str, float]:
    """Return all options whose default would otherwise come from the checkpoint's generation_config or `generate`."""
    return {
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


@dataclass(slots=True)
class _Candidate:
    parent: int
    id: int
    log_probability: float
    score: float
    row: int | None = None  # its beam in the next step, set when that step is recorded


class BeamRecorder(LogitsProcessor):
    """Records the steps of one beam search. It is the search's last processor and changes no score.

    It gets the running beams and their scores, and computes the candidates from them as transformers' `_beam_search`
    does. The beams of the next step show which candidates were kept.
    """

    def __init__(self, num_beams: int, end_ids: Collection[int]) -> None:
        self._num_beams = num_beams
        self._end_ids = end_ids
        self._steps: list[list[_Candidate]] = []
        self._running: list[list[int]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Record one step: `scores` are the log-probabilities [beams, vocabulary] after `input_ids`."""
        running = input_ids.tolist()
        totals = [0.0] + [_NOT_RUNNING] * (len(running) - 1)
        if self._steps:
            by_ids = {(*self._running[candidate.parent], candidate.id): candidate for candidate in self._steps[-1]}
            for row, ids in enumerate(running):
                by_ids[tuple(ids)].row = row
                totals[row] = by_ids[tuple(ids)].score
        self._running = running
        accumulated = scores.float() + torch.tensor(totals, device=scores.device)[:, None]
        best = accumulated.flatten().topk(max(2, 1 + len(self._end_ids)) * self._num_beams)
        self._steps.append(
            [
                _Candidate(index // scores.shape[1], index % scores.shape[1], 0.0, score)
                for score, index in zip(best.values.tolist(), best.indices.tolist(), strict=True)
            ]
        )
        for candidate in self._steps[-1]:
            candidate.log_probability = scores[candidate.parent, candidate.id].item()
        return scores

    def score(self, output_ids: Sequence[int]) -> float:
        """Return the search's score of `output_ids`: transformers' `sequences_scores` with a length_penalty of 1."""
        last = self._steps[len(output_ids) - 1][self._path(output_ids)[-1]]
        return last.score / len(output_ids)

    def tree(self, output_ids: Sequence[int], max_new_tokens: int, codec: TextCodec) -> BeamTree:
        """Return all steps, with the path to the result `output_ids`."""
        steps = [
            BeamStep(
                tuple(
                    BeamCandidate(
                        candidate.parent,
                        codec.token(candidate.id),
                        candidate.log_probability,
                        candidate.score,
                        self._fate(candidate, index, is_last=number == max_new_tokens),
                        candidate.row,
                    )
                    for index, candidate in enumerate(candidates)
                )
            )
            for number, candidates in enumerate(self._steps, start=1)
        ]
        return BeamTree(self._num_beams, tuple(steps), tuple(self._path(output_ids)))

    def _fate(self, candidate: _Candidate, index: int, *, is_last: bool) -> Fate:
        if candidate.row is not None:
            return "kept"
        ended = is_last or candidate.id in self._end_ids
        return "finished" if ended and index < self._num_beams else "pruned"

    def _path(self, output_ids: Sequence[int]) -> list[int]:
        """Return the index of the candidate that leads to `output_ids`, for each step."""
        path: list[int] = []
        row: int | None = 0
        for id_, candidates in zip(output_ids, self._steps, strict=False):
            index = next(n for n, candidate in enumerate(candidates) if (candidate.parent, candidate.id) == (row, id_))
            path.append(index)
            row = candidates[index].row
        return path
