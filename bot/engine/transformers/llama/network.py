"""The forward pass over the tokens of several texts, in one sequence without padding between them.

Matrix products take all tokens at once, so the weights are read once per pass. Only the attention is computed text by
text, or in one call for all texts that get one token.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from bot.engine.transformers.llama.attention import add_attention, attend_in_rows, attend_to_all, attend_to_own
from bot.engine.transformers.llama.cache import CacheShape, WritingGroup
from bot.engine.transformers.llama.weights import LayerWeights, LlamaWeights

SHAPE_STEP = 16  # more tokens are padded to a multiple of it, because a kernel prepares itself for each new number


@dataclass(frozen=True, slots=True)
class PromptSpan:
    """The tokens from `first` to `end` belong to one text. Their keys and values go to `memory` from `column` on."""

    first: int
    end: int
    memory: torch.Tensor | None = None
    column: int = 0


@dataclass(frozen=True, slots=True)
class EarlierSpan:
    """The tokens from `first` to `end` also attend to these columns: [layers, 2, heads, columns, head size]."""

    first: int
    end: int
    columns: torch.Tensor


@dataclass(slots=True)
class Pass:
    """What one forward pass computes: the tokens, what each attends to, and the tokens whose logits are wanted.

    The first tokens are the next ones of the texts of the `writing` groups, in the order of their rows.
    """

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    writing: list[WritingGroup] = field(default_factory=list)
    prompts: list[PromptSpan] = field(default_factory=list)
    earlier: list[EarlierSpan] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    @property
    def texts(self) -> int:
        """How many texts it has tokens of."""
        return sum(map(len, self.writing)) + len(self.prompts)


class LlamaNetwork(torch.nn.Module):
    """Computes forward passes of a model of the Llama family."""

    def __init__(self, weights: LlamaWeights) -> None:
        super().__init__()
        self._weights = weights
        self._groups = weights.heads // weights.key_heads
        embedding = weights.embedding
        self.shape = CacheShape(
            len(weights.layers), weights.key_heads, weights.head_size, embedding.dtype, embedding.device
        )

    def forward(self, step: Pass, hidden_states: list[torch.Tensor] | None = None) -> torch.Tensor:
        """Return the logits after the tokens of `step.outputs`, float32 [outputs, vocabulary], on the CPU.

        If `hidden_states` is given, the states of these tokens are appended to it: the embedding's and each layer's,
        and last the normalised ones, float32 [outputs, hidden size].
        """
        weights = self._weights
        count = len(step.ids)
        padding = [0] * _padding(count)
        device = self.shape.device
        states = weights.embedding[torch.tensor(step.ids + padding, device=device)].float()
        if weights.embedding_scale != 1:
            states *= weights.embedding_scale
        positions = torch.tensor(step.positions + padding, device=device)
        rotations = weights.rotations(max(step.positions) + 1)[positions].unbind(1)
        attention = _Attention(self, step)
        for number, layer in enumerate(weights.layers):
            if hidden_states is not None:
                hidden_states.append(states[step.outputs])
            qkv = layer.qkv(layer.before_attention(states))
            if rotations[0].dtype != qkv.dtype:
                rotations = tuple(part.to(qkv.dtype) for part in rotations)
            self._rotate(layer, qkv, *rotations)
            attended = attention.of_layer(number, qkv)
            if hidden_states is None and layer is weights.layers[-1]:
                if not step.outputs:  # only pieces of prompts, whose keys and values are stored now
                    return torch.empty(0, 0)
                states, attended = _rows_of(step.outputs, states, attended)
            states += layer.attention_output(attended)
            states += layer.down(layer.gated(layer.before_mlp(states)))
        if hidden_states is not None:
            (states,) = _rows_of(step.outputs, states)
            hidden_states.append(weights.norm(states)[: len(step.outputs)])
        return self.logits_of(states)[: len(step.outputs)]

    def logits_of(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits that hidden states would give as the last layer's, as `forward` does."""
        return self._weights.head(self._weights.norm(states)).float().cpu()

    def _rotate(self, layer: LayerWeights, qkv: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> None:
        """Normalise queries and keys if the model does, and rotate both by position (Su 2021, RoPE), in place."""
        weights = self._weights
        size, heads = weights.head_size, weights.heads + weights.key_heads
        states = qkv[:, : heads * size].view(len(qkv), heads, size)
        if layer.norm_of_queries is not None and layer.norm_of_keys is not None:
            queries, keys = states[:, : weights.heads], states[:, weights.heads :]
            queries.copy_(layer.norm_of_queries(queries.float()))
            keys.copy_(layer.norm_of_keys(keys.float()))
        halves_swapped = states.view(len(qkv), heads, 2, size // 2).flip(2).view_as(states)
        states.mul_(cosines).addcmul_(halves_swapped, sines)

    def queries_keys_values(self, qkv: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return views: queries [tokens, heads, groups, head size], keys and values [tokens, 2, heads, head size]."""
        shape = self.shape
        width = shape.heads * self._groups * shape.head_size
        queries = qkv[:, :width].view(len(qkv), shape.heads, self._groups, shape.head_size)
        return queries, qkv[:, width:].view(len(qkv), 2, shape.heads, shape.head_size)


def _padding(count: int) -> int:
    """Return how many tokens to add to `count` tokens."""
    return -count % SHAPE_STEP if count > SHAPE_STEP else 0


def _rows_of(outputs: Sequence[int], *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return the rows of the tokens in `outputs`, and padding. The last layer needs no others after its attention."""
    if len(outputs) == len(states[0]):
        return states
    padded = [*outputs, *[0] * _padding(len(outputs))]
    rows = torch.tensor(padded, device=states[0].device)
    return tuple(some[rows] for some in states)


class _Attention:
    """The attention of one pass. What is the same for all layers is prepared once."""

    def __init__(self, network: LlamaNetwork, step: Pass) -> None:
        self._network = network
        self._step = step
        self._rows = [_Rows(group) for group in step.writing]

    def of_layer(self, number: int, qkv: torch.Tensor) -> torch.Tensor:
        """Store the keys and values of a layer, and return its attention [tokens, heads * head size]."""
        dtype = self._network.shape.dtype
        queries, keys_values = self._network.queries_keys_values(qkv.to(dtype))
        if len(self._rows) == 1 and self._rows[0].count == len(qkv):
            return self._rows[0].attend(number, queries, keys_values).view(len(qkv), -1)
        result = queries.new_empty(queries.shape)
        covered = 0
        for rows in self._rows:
            some = slice(covered, covered + rows.count)
            result[some] = rows.attend(number, queries[some], keys_values[some])
            covered += rows.count
        if self._step.prompts:
            covered += self._attend_prompts(number, queries, keys_values, result)
        if covered < len(result):
            result[covered:] = 0
        return result.view(len(result), -1)

    def _attend_prompts(
        self, number: int, queries: torch.Tensor, keys_values: torch.Tensor, result: torch.Tensor
    ) -> int:
        queries, result = (states.permute(1, 2, 0, 3) for states in (queries, result))
        keys, values = keys_values.permute(1, 2, 0, 3)
        log_sums = queries.new_empty(queries.shape[:3], dtype=torch.float32) if self._step.earlier else None
        for span in self._step.prompts:
            some = slice(span.first, span.end)
            if span.memory is not None:
                end = span.column + span.end - span.first
                span.memory[number, :, :, span.column : end] = keys_values[some].permute(1, 2, 0, 3)
            attention, sums = attend_to_own(queries[:, :, some], keys[:, some], values[:, some])
            result[:, :, some] = attention
            if log_sums is not None:
                log_sums[:, :, some] = sums
        for earlier in self._step.earlier:
            assert log_sums is not None  # noqa: S101  # there are earlier columns
            some = slice(earlier.first, earlier.end)
            attention, sums = attend_to_all(queries[:, :, some], *earlier.columns[number])
            log_sums[:, :, some] = add_attention(result[:, :, some], log_sums[:, :, some], attention, sums)
        return sum(span.end - span.first for span in self._step.prompts)


class _Rows:
    """The next tokens of the texts of a group. Views of its memory are taken once for all layers."""

    def __init__(self, group: WritingGroup) -> None:
        self.count = len(group)
        lengths, memory = group.lengths, group.memory
        columns = max(lengths) + 1
        used = memory[:, : self.count, :, :, :columns]
        self._keys, self._values = (states.unbind(0) for states in used.unbind(2))
        self._mask: torch.Tensor | None = None
        if self.count == 1:
            self._new = memory[:, :1, :, :, lengths[0]].unbind(0)
            return
        self._layers = memory.unbind(0)
        rows, ends = (torch.tensor(values, device=memory.device) for values in (range(self.count), lengths))
        self._place = (rows, slice(None), slice(None), ends)
        if len(set(lengths)) > 1:
            is_after = torch.arange(columns, device=memory.device) > ends[:, None]
            mask = memory.new_zeros(self.count, columns)
            self._mask = mask.masked_fill_(is_after, float("-inf"))[:, None, None]

    def attend(self, number: int, queries: torch.Tensor, keys_values: torch.Tensor) -> torch.Tensor:
        """Store the new keys and values of a layer, and return its attention [texts, heads, groups, head size]."""
        if self.count == 1:
            self._new[number].copy_(keys_values)
        else:
            self._layers[number][self._place] = keys_values
        return attend_in_rows(queries, self._keys[number], self._values[number], self._mask)
