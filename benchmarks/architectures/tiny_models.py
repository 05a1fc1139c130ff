"""Tiny random models of every causal class in the installed transformers."""

import inspect
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from bot.engine.model_files import DEMO_FOLDER

VOCABULARY = 4096  # the demo model's
MOST_PARAMETERS = 40_000_000  # with more parameters, the configuration isn't tiny

# Options that make a configuration small, by the names that transformers' configurations use.
_SIZES: dict[tuple[str, ...], Any] = {
    ("vocab_size", "pad_vocab_size", "text_vocab_size"): VOCABULARY,
    ("hidden_size", "n_embd", "d_model", "embedding_size", "dim_model", "word_embed_proj_dim", "lru_width"): 64,
    ("attention_hidden_size", "hidden_size_per_layer_input", "embedding_dim", "hidden_size_global"): 64,
    ("cross_attention_hidden_size", "output_hidden_size", "out_hidden_size", "projection_dim"): 64,
    ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "dim_ff", "d_inner", "dff", "ffn_hidden_size"): 128,
    ("decoder_ffn_dim", "encoder_ffn_dim", "feed_forward_size", "intermediate_size_mlp", "ffn_config"): 128,
    ("moe_intermediate_size", "shared_expert_intermediate_size", "expert_ffn_hidden_size"): 64,
    ("moe_shared_expert_intermediate_size", "shared_intermediate_size", "expert_intermediate_size"): 64,
    ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers", "depth"): 4,
    ("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"): 4,
    ("encoder_attention_heads", "linear_num_value_heads", "linear_num_heads"): 4,
    ("num_key_value_heads", "num_kv_heads", "linear_num_key_heads", "num_global_key_value_heads"): 2,
    ("head_dim", "dim_head", "linear_key_head_dim", "linear_value_head_dim", "global_head_dim", "swa_head_dim"): 16,
    ("kv_channels", "attention_head_dim", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "swa_v_head_dim"): 16,
    ("kv_lora_rank", "q_lora_rank", "o_lora_rank", "index_head_dim", "index_topk_head_dim"): 32,
    ("index_n_heads",): 2,
    ("index_topk",): 16,
    ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts", "num_moe_experts"): 4,
    ("num_experts_per_tok", "moe_topk", "moe_k", "num_experts_per_token", "moe_top_k", "top_k_experts"): 2,
    ("n_group", "topk_group", "n_shared_experts", "num_shared_experts", "zero_expert_num"): 1,
    ("first_k_dense_replace",): 1,
    ("attn_layer_period", "expert_layer_period", "full_attn_interval", "full_attention_interval"): 2,
    ("attn_layer_offset", "expert_layer_offset"): 1,
    ("rotary_dim",): 8,
    ("sliding_window", "attention_window_size", "attention_chunk_size", "local_attention", "sliding_window_size"): 8,
    ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_target_positions"): 256,
    ("max_source_positions", "context_length", "axial_pos_max"): 256,
    ("state_size", "mamba_d_state", "ssm_state_size", "mamba_d_head", "mamba_head_dim"): 16,
    ("mamba_n_heads", "n_mamba_heads", "mamba_num_heads"): 8,
    ("mamba_n_groups", "n_groups", "mamba_ngroups"): 1,
    ("patch_size",): 14,
    ("image_size",): 28,
    ("vocab_size_per_layer_input",): VOCABULARY,
}  # fmt: skip
_SIZE_OF = {name: size for names, size in _SIZES.items() for name in names}
_TOKEN_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "unk_token_id": 4, "decoder_start_token_id": 1}


def causal_classes() -> dict[str, str]:
    """Return each causal model class, with its model type in config.json."""
    model_types: dict[str, str] = {}
    for model_type, classes in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items():
        for name in [classes] if isinstance(classes, str) else classes:
            model_types.setdefault(name, model_type)
    return model_types


_ZAMBA = {"layer_types": ["mamba", "hybrid"] * 2, "attention_hidden_size": 128, "attention_head_dim": 32}
# Options that sizes alone don't make consistent, by model type.
_OVERRIDES: dict[str, dict[str, Any]] = {
    "dots3_note": {"num_key_value_heads": 4, "per_layer_config": {}},
    "falcon_h1": {"mamba_d_ssm": 128, "mamba_n_heads": 8, "mamba_d_head": 16},
    "gemma4_assistant": {"text_config": {"hidden_size_per_layer_input": 0}},
    "bailing_hybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "bamba": {"attn_layer_indices": [1, 3]},
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": 8},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 2},
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"num_heads": 8, "head_dim": 16, "state_size": 16, "n_groups": 1},
    "moshi": {"audio_vocab_size": 64},
    "reformer": {"axial_pos_shape": [16, 16], "axial_pos_embds_dim": [32, 32], "attn_layers": ["local", "lsh"]},
    "xlstm": {"head_dim": 32, "qk_dim_factor": 1.0, "v_dim_factor": 1.0},
    "zamba": _ZAMBA,
    "zamba2": _ZAMBA | {"hybrid_layer_ids": [1, 3]},
    "zaya": {"num_experts_per_tok": 1},
}  # fmt: skip
# Classes that are bidirectional by default.
_DECODERS = {"is_decoder": True, "use_cache": True, "causal": True, "add_cross_attention": False}


def tiny_configuration(model_type: str) -> PreTrainedConfig:
    """Return the smallest configuration of that type that its class allows. Raises the errors of the class."""
    config_class = CONFIG_MAPPING[model_type]
    options = _options(config_class) | _OVERRIDES.get(model_type, {})
    return config_class(**options)


def _options(config_class: type[PreTrainedConfig]) -> dict[str, Any]:
    """Return the options that make a configuration small, including its nested configurations."""
    names = set(inspect.signature(config_class).parameters) | set(config_class.attribute_map)
    options: dict[str, Any] = {name: size for name, size in _SIZE_OF.items() if name in names}
    options |= {name: id_ for name, id_ in _TOKEN_IDS.items() if name in names}
    options |= {name: value for name, value in _DECODERS.items() if name in names}
    special = sorted(name for name in names if name.endswith(("_token_id", "_token_index")) and name not in _TOKEN_IDS)
    options |= {name: VOCABULARY - 1 - index for index, name in enumerate(special)}
    if "initializer_range" in names:
        options["initializer_range"] = 0.1  # logits far enough apart that rounding doesn't change their order
    for name, part in config_class.sub_configs.items():
        if isinstance(part, type) and part is not transformers.AutoConfig:
            options[name] = _options(part)
    if "kv_lora_rank" in options and "num_key_value_heads" in options:
        options["num_key_value_heads"] = options["num_attention_heads"]  # its heads share one latent
    # The class-specific name and the common name of a size must agree.
    for common, own in config_class.attribute_map.items():
        if common in options and own in options:
            del options[common]
    return options


def make_tiny(model_type: str, folder: Path) -> None:
    """Write a tiny random model of that type, with the demo model's tokenizer, into `folder`.

    Raises ValueError if it has more than `MOST_PARAMETERS`, and the errors of its class.
    """
    config = tiny_configuration(model_type)
    with torch.device("meta"):
        outline = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    if (count := outline.num_parameters()) > MOST_PARAMETERS:
        raise ValueError(f"its smallest configuration has {count:,} parameters")
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).eval()  # type: ignore[no-untyped-call]  # as above
    model.save_pretrained(folder)
    for file in DEMO_FOLDER.glob("*token*"):
        shutil.copy(file, folder / file.name)
