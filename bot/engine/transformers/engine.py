"""The engine over one transformers model in this process. Its numbers equal those of plain transformers."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bot.engine.beam_search import search_beams
from bot.engine.primitives import NextScores, RankedScore, Search, Steps, TokenScore, Written, choices_along
from bot.engine.scheduler import let_others_run
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.beams import Beams
from bot.engine.transformers.decoding import TokenChooser, decode
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.engine.transformers.generate import BeamRecorder, generate, generation_problem
from bot.errors import GenerationUnsupported, RequestCancelled
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo


class TransformersEngine:
    """The Engine over one transformers model and its tokenizer."""

    def __init__(self, passes: ForwardPasses, codec: TextCodec) -> None:
        self.passes = passes
        self.codec = codec
        self._problems: dict[bool, str | None] = {}  # why generation fails, by is_search; tested at the first use

    @property
    def info(self) -> ModelInfo:
        """Which model this is."""
        return self.passes.info

    @property
    def has_logits(self) -> bool:
        """Logits are known."""
        return True

    def score_next(
        self, texts: Sequence[list[int]], chosen: Sequence[int], *, beginning: Sequence[int] = ()
    ) -> list[tuple[TokenScore, ...]]:
        """Score the `chosen` tokens after each of `texts`. The texts are computed together."""
        logits = self.passes.last_logits_of(list(texts), beginning) if texts else []
        return [_scores(row[None], 0, [chosen])[0].chosen for row in logits]

    def score_after_each(
        self,
        input_ids: list[int],
        *,
        first: int = 0,
        following: Sequence[Sequence[int]] = (),
        top: int = 0,
        temperature: float = 1.0,
    ) -> Iterator[NextScores]:
        """Yield the scores after each of `input_ids` from position `first` on. At most 64 are computed at a time."""
        done = 0
        for logits in self.passes.logits_after(input_ids, first):
            chosen = [
                following[position] if position < len(following) else () for position in range(done, done + len(logits))
            ]
            yield from _scores(logits, top, chosen, temperature)
            done += len(logits)

    def log_probabilities_after_each(self, input_ids: list[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the natural-log probabilities of all tokens after each of `input_ids`: [at most 64, vocab_size]."""
        for logits in self.passes.logits_after(input_ids):
            yield logits.log_softmax(-1).numpy()

    def next_scores(self, input_ids: list[int]) -> NDArray[np.float32]:
        """Return the logits of the token after `input_ids`: [vocab_size]."""
        logits: NDArray[np.float32] = self.passes.last_logits(input_ids).numpy()
        return logits

    def layer_logits(self, input_ids: list[int], first: int) -> Iterator[NDArray[np.float32]]:
        """Yield the logits after each layer. Other requests run between the layers."""
        for logits in self.passes.layer_logits(input_ids, first):
            yield logits.numpy()
            let_others_run()

    def draw(self, input_ids: list[int], parameters: GenerationParameters, number: int) -> int:
        """Return an id drawn after `input_ids`. `number` (from 0) says which draw of the parameters' seed it is."""
        choose = TokenChooser(parameters)
        logits = self.passes.last_logits(input_ids)
        choose.skip(number, logits)
        return choose(input_ids, logits)

    def refuse_unsupported(self, parameters: GenerationParameters) -> None:
        """Raise GenerationUnsupported if transformers' `generate` is needed and fails with this model."""
        is_search, model = parameters.num_beams is not None, self.passes.model
        if model is None or (not is_search and self.passes.supports_incremental):
            return
        if is_search not in self._problems:
            self._problems[is_search] = generation_problem(model, is_search=is_search)
        if problem := self._problems[is_search]:
            what = "beam search" if is_search else "continuations"
            remedy = "Choose the strategy greedy or sample, or another model." if is_search else "Try another model."
            raise GenerationUnsupported(self.info.short_name, what, problem, remedy)

    def write(
        self, input_ids: list[int], parameters: GenerationParameters, steps: Steps, written: Sequence[int] = ()
    ) -> Written:
        """Decode together with other texts, or use `generate` if the model doesn't support that."""
        if not self.passes.supports_incremental:
            output_ids = self._generate(self.passes.plain_model, input_ids, parameters, steps, written)
            return Written(output_ids, choices_along(self, input_ids, output_ids, written))
        text = [*input_ids, *written]
        decoding = self.passes.begin(text, len(text) - 1)
        text_written = decode(decoding, input_ids, parameters, self.codec.end_ids, steps, written)
        self.passes.keep(decoding)
        return text_written

    def search(
        self,
        input_ids: list[int],
        parameters: GenerationParameters,
        steps: Steps,
        written: Sequence[int] = (),
        *,
        with_tree: bool = False,
    ) -> Search:
        """Run transformers' own beam search, or ours with the same steps if only our forward pass has the weights."""
        if self.passes.model is None:
            return search_beams(
                Beams(self.passes).top_of,
                input_ids,
                parameters,
                steps,
                written,
                codec=self.codec,
                vocab_size=self.info.vocab_size,
                with_tree=with_tree,
            )
        if not with_tree:
            return Search(self._generate(self.passes.model, input_ids, parameters, steps, written))
        recorder = BeamRecorder(parameters.num_beams or 1, self.codec.end_ids)
        output_ids = self._generate(self.passes.model, input_ids, parameters, steps, written, recorder)
        tree = recorder.record.tree(output_ids, parameters.max_new_tokens, self.codec)
        return Search(output_ids, recorder.record.score(output_ids), tree)

    def _generate(
        self,
        model: PreTrainedModel,
        input_ids: list[int],
        parameters: GenerationParameters,
        steps: Steps,
        written: Sequence[int],
        *recorders: BeamRecorder,
    ) -> list[int]:
        new_ids = generate(
            model,
            [*input_ids, *written],
            parameters.with_max_new_tokens(parameters.max_new_tokens - len(written)),
            end_ids=self.codec.end_ids,
            pad_id=self.codec.pad_id,
            should_stop=lambda ids: steps.is_cancelled() or steps.is_enough([*written, *ids]),
            check=self.passes.check_finite,
            serve_others=self.passes.supports_incremental,
            observers=recorders,
        )
        if steps.is_cancelled():
            raise RequestCancelled
        return [*written, *new_ids]


def _scores(
    logits: torch.Tensor, top: int, chosen: Sequence[Sequence[int]], temperature: float = 1.0
) -> list[NextScores]:
    """Return the scores of each row of `logits` [positions, vocabulary], with the `chosen` ids of that row."""
    totals = logits.logsumexp(-1, keepdim=True)
    probabilities = logits.softmax(-1)

    def rows_of(ids: torch.Tensor, ranks: torch.Tensor) -> list[list[RankedScore]]:
        values = logits.gather(1, ids)
        figures = (ids, values, probabilities.gather(1, ids), (values - totals).clamp(max=0), ranks)
        rows = zip(*(figure.tolist() for figure in figures), strict=True)
        return [[RankedScore(*values) for values in zip(*row, strict=True)] for row in rows]

    best = logits.topk(min(top, logits.shape[1])).indices
    best_rows = rows_of(best, torch.arange(1, best.shape[1] + 1).expand_as(best))
    warped = probabilities if temperature == 1.0 else (logits / temperature).softmax(-1)
    at_temperature = warped.gather(1, best).tolist()
    width = max(map(len, chosen), default=0)
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in chosen], dtype=torch.long).view(len(chosen), width)
    ranks = [(logits > logits.gather(1, column[:, None])).sum(-1) + 1 for column in ids.T]
    chosen_rows = rows_of(ids, torch.stack(ranks, dim=1) if ranks else torch.zeros_like(ids))
    return [
        NextScores(tuple(best_row), tuple(row[: len(wanted)]), tuple(warped_row))
        for best_row, row, wanted, warped_row in zip(best_rows, chosen_rows, chosen, at_temperature, strict=True)
    ]
