"""Models of the Llama family, and their weights as matrix products."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import ACT2FN

from bot.engine.memory import give_back
from bot.engine.transformers.kernels import Activation, Product
from bot.engine.transformers.kernels.choice import Kernels

# Their layers compute the same, apart from biases, norms of queries and keys (Qwen3), and Gemma's norm and scaling.
CLASSES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "GemmaForCausalLM")

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Norm:
    """Root mean square normalisation (Zhang and Sennrich 2019): x / rms(x) * weight."""

    weight: torch.Tensor  # float32
    epsilon: float

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """Return the normalised states in float32."""
        scale = states.square().mean(-1, keepdim=True).add_(self.epsilon).rsqrt_()
        return (states * scale).mul_(self.weight)


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer: norm, queries, keys and values in one product, output; norm, gated MLP."""

    before_attention: Norm
    qkv: Product
    norm_of_queries: Norm | None
    norm_of_keys: Norm | None
    attention_output: Product
    before_mlp: Norm
    gated: Product
    down: Product


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """A whole model. `rotations(n)` are the cosines and signed sines of n positions: [n, 2, 1, head size], float32.

    Keys and values have the embedding's dtype and device.
    """

    layers: list[LayerWeights]
    embedding: torch.Tensor
    embedding_scale: float
    norm: Norm
    head: Product
    heads: int
    key_heads: int
    head_size: int
    rotations: Callable[[int], torch.Tensor]


def can_compute(model: PreTrainedModel, tokens: int) -> bool:
    """Return whether the forward pass is the model's, for texts of up to `tokens` tokens."""
    if (
        type(model).__name__ not in CLASSES
        or model.device.type not in DEVICES
        or model.dtype not in (torch.float32, torch.bfloat16)
    ):
        return False
    window = getattr(model.config, "sliding_window", None)
    return window is None or window >= tokens


def layer_groups(model: PreTrainedModel) -> list[list[torch.nn.Module]]:
    """Return the linear layers that are computed as one product each."""
    groups: list[list[torch.nn.Module]] = []
    for layer in _decoder(model).layers:
        attention, mlp = layer.self_attn, layer.mlp
        groups += [[attention.q_proj, attention.k_proj, attention.v_proj], [attention.o_proj]]
        groups += [[mlp.gate_proj, mlp.up_proj], [mlp.down_proj]]
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    return [*groups, [head]]


def take_weights(model: PreTrainedModel, kernels: Kernels, tokens: int) -> LlamaWeights:
    """Return the model's weights packed for `kernels`, for texts of up to `tokens` tokens.

    The model loses its output layer, then one layer after the other, to save memory.
    """
    decoder, config = _decoder(model), model.config
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    embedding: torch.Tensor = decoder.embed_tokens.weight.detach()
    head_product = kernels.pack([head])  # the largest one first, while there is only one copy of the others
    model.set_output_embeddings(torch.nn.Identity())  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    del head
    first = decoder.layers[0].self_attn
    is_gemma = type(model).__name__ == "GemmaForCausalLM"
    head_size = int(first.head_dim)
    return LlamaWeights(
        layers=list(_take_layers(decoder, kernels, _activation(config), is_gemma=is_gemma)),
        embedding=embedding,
        embedding_scale=_embedding_scale(config.hidden_size, embedding.dtype) if is_gemma else 1.0,
        norm=_norm(decoder.norm, is_gemma=is_gemma),
        head=head_product,
        heads=int(config.num_attention_heads),
        key_heads=int(config.num_key_value_heads),
        head_size=head_size,
        rotations=_Rotations(decoder.rotary_emb, head_size, tokens, embedding.device),
    )


def _take_layers(decoder: Any, kernels: Kernels, activation: Activation, *, is_gemma: bool) -> Iterator[LayerWeights]:
    for number in range(len(decoder.layers)):
        layer = decoder.layers[number]
        attention, mlp = layer.self_attn, layer.mlp
        norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
        yield LayerWeights(
            before_attention=_norm(layer.input_layernorm, is_gemma=is_gemma),
            qkv=kernels.pack([attention.q_proj, attention.k_proj, attention.v_proj]),
            norm_of_queries=norms[0] and _norm(norms[0], is_gemma=is_gemma),
            norm_of_keys=norms[1] and _norm(norms[1], is_gemma=is_gemma),
            attention_output=kernels.pack([attention.o_proj]),
            before_mlp=_norm(layer.post_attention_layernorm, is_gemma=is_gemma),
            gated=kernels.pack_gated(mlp.gate_proj, mlp.up_proj, activation),
            down=kernels.pack([mlp.down_proj]),
        )
        decoder.layers[number] = torch.nn.Identity()
        give_back()


def _decoder(model: PreTrainedModel) -> Any:
    return model.get_decoder()  # type: ignore[no-untyped-call]  # as above


def _norm(module: Any, *, is_gemma: bool) -> Norm:
    weight = module.weight.detach().float()
    epsilon = getattr(module, "variance_epsilon", None) or module.eps
    return Norm(1 + weight if is_gemma else weight.clone(), float(epsilon))


def _activation(config: Any) -> Activation:
    if config.hidden_act in ("silu", "swish"):
        return functional.silu
    activation: Activation = ACT2FN[config.hidden_act]
    return activation


def _embedding_scale(hidden_size: int, dtype: torch.dtype) -> float:
    return float(torch.tensor(hidden_size**0.5, dtype=dtype))


class _Rotations:
    """The model's own rotary embeddings, as a table that grows up to `tokens` positions."""

    def __init__(self, rotary: Any, head_size: int, tokens: int, device: torch.device) -> None:
        self._tokens = tokens
        self._rotary = rotary
        self._head_size = head_size
        self._table = torch.empty(0, 2, 1, head_size, device=device)

    def __call__(self, count: int) -> torch.Tensor:
        """Return a table of at least `count` positions."""
        if len(self._table) < count:
            most = max(count, min(self._tokens, 2 * len(self._table)))
            positions = torch.arange(most, device=self._table.device)[None]
            cosines, sines = self._rotary(torch.empty(0, device=self._table.device), positions)
            half = self._head_size // 2
            sines = torch.cat([-sines[..., :half], sines[..., half:]], dim=-1)
            self._table = torch.stack([cosines[0], sines[0]], dim=1)[:, :, None]
        return self._table
