"""Load a model: safe and complete weights only, in the chosen dtype, on the chosen device."""

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    GgufConfig,
    PreTrainedConfig,
    PreTrainedModel,
    modeling_gguf_pytorch_utils,
)
from transformers.utils import logging as transformers_logging

from bot.engine.model import EngineModel
from bot.engine.model_config import end_of_text_only, load_tokenizer, source_of, stated_context_length
from bot.engine.model_files import ModelFiles, find_model, first_line
from bot.engine.observer import EngineObserver
from bot.engine.transformers.context_length import (
    changes_with_length,
    has_position_table,
    measure_context_length,
)
from bot.engine.transformers.engine import TransformersEngine
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.engine.transformers.layers.half import halve_linear_layers
from bot.engine.transformers.layers.int8 import Int8Linear, pack_int8_layers, quantize_linear_layers
from bot.engine.transformers.layers.packed import pack_gated_mlps, pack_linear_layers
from bot.engine.transformers.observing import observe_passes
from bot.engine.transformers.self_test import passes_self_test, take_reference
from bot.errors import ModelUnavailable
from bot.questions.language_model import ModelInfo, display_name
from bot.questions.options import MAX_NEW_TOKENS

OWN_PATH = "transformers' own path"  # for models whose numbers would change in batches


def load_model(
    name: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    dtype: str = "float32",
    device: str = "auto",
    threads: int | None = None,
    max_prompt_tokens: int,
    observer: EngineObserver | None = None,
) -> EngineModel:
    """Find, load and check the model `name`. Raises ModelUnavailable with a remedy.

    `observer` is told about each later forward pass.
    """
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    if threads is not None:
        torch.set_num_threads(threads)
    chosen_device = choose_device(name, device)
    if dtype == "int8" and chosen_device != "cpu":
        raise ModelUnavailable(
            name,
            f"int8 works on the CPU only, not on {chosen_device}",
            "Set BOT_DEVICE=cpu or another BOT_DTYPE.",
        )
    files = find_model(name, revision=revision, token=token)
    model = _load_model(files, dtype, chosen_device)
    tokenizer = load_tokenizer(files)
    stated = stated_context_length(model.config)
    wanted = max_prompt_tokens + MAX_NEW_TOKENS
    reference = take_reference(model, name, stated)
    info = ModelInfo(
        name=name,
        short_name=display_name(name),
        revision=files.revision,
        quantization=files.quantization,
        dtype=dtype if dtype == "int8" else str(model.dtype).removeprefix("torch."),
        device=model.device.type,
        context_length=stated,
        vocab_size=reference.vocab_size,
        parameter_count=model.num_parameters(),
        engine_path=_pack_linear_layers(model, dtype),
    )
    passes = ForwardPasses(model, info)
    is_fixed = not changes_with_length(model.config, min(wanted, stated or wanted))
    if not (is_fixed and passes_self_test(passes, reference)):
        del passes
        if info.engine_path:
            del model  # frees the weights before they are loaded again
            model = _load_model(files, dtype, chosen_device)
        passes = ForwardPasses(model, replace(info, engine_path=OWN_PATH), supports_incremental=False)
    if stated is None or (not passes.supports_incremental and has_position_table(model)):
        passes.info = replace(passes.info, context_length=measure_context_length(model, stated, wanted))
    if observer is not None:
        observe_passes(passes.model, observer)
    return EngineModel(TransformersEngine(tokenizer, passes, max_prompt_tokens=max_prompt_tokens))


def _load_model(files: ModelFiles, dtype: str, device: str) -> PreTrainedModel:
    """Return transformers' model, with 8-bit weights if `dtype` is int8."""
    model = _load_weights(files, "bfloat16" if dtype == "int8" else dtype)
    model.to(device)  # type: ignore[arg-type]  # typed as a bound method
    model.generation_config = end_of_text_only(files.name, model.generation_config)
    if dtype == "int8":
        quantize_linear_layers(model)
    return model


def _pack_linear_layers(model: PreTrainedModel, dtype: str) -> str:
    """Replace the linear layers by the fastest ones for this machine. Return their description for `engine_path`."""
    if dtype == "int8":
        if pack_int8_layers(model):
            return "int8 sums"
        has_kernel = any(module.kernel for module in model.modules() if isinstance(module, Int8Linear))
        return "int8 kernel" if has_kernel else "int8 widened at each call"
    if halve_linear_layers(model):
        return "weights kept in float16"
    if not pack_linear_layers(model):
        return ""
    pack_gated_mlps(model)
    return "packed weights"


def choose_device(name: str, device: str) -> str:
    """Return `device`, or the device that "auto" means here. Raises ModelUnavailable if it isn't available."""
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if device == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if available[kind])
    if not available[device]:
        raise ModelUnavailable(name, f"this machine has no {device} device", "Set BOT_DEVICE=auto or cpu.")
    return device


def _load_weights(files: ModelFiles, dtype: str) -> PreTrainedModel:
    """Return the model in evaluation mode. Refuse missing weights, which transformers would initialize at random."""
    try:
        # numpy would warn about damaged weights while it dequantizes them. Their numbers are refused when asked for.
        with source_of(files) as (folder, options), np.errstate(all="ignore"):
            config = AutoConfig.from_pretrained(folder, **options)
            if files.gguf is not None:
                _refuse_larger_model(config, files.gguf.parameter_count)
                options["quantization_config"] = GgufConfig(dequantize=True)  # else installed kernels decide
                modeling_gguf_pytorch_utils.tqdm = transformers_logging.tqdm  # type: ignore[attr-defined,assignment]  # its own bar has no switch
            loaded = AutoModelForCausalLM.from_pretrained(
                folder,
                config=config,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except SafetensorError as error:
        raise ModelUnavailable(
            files.name,
            f"its weights are damaged ({first_line(error)[:200]})",
            "Download it again, or try BOT_MODEL=demo.",
        ) from None
    except Exception as error:
        # A damaged config.json fails wherever its values are used, with any error.
        raise ModelUnavailable(files.name, f"its weights cannot be loaded ({first_line(error)[:200]})") from None
    model, report = cast("tuple[PreTrainedModel, dict[str, list[str]]]", loaded)  # because of output_loading_info
    for kind in ("missing", "mismatched"):
        if names := sorted(str(name) for name in report[f"{kind}_keys"]):
            raise ModelUnavailable(
                files.name,
                f"its weights don't match its {'config.json' if files.gguf is None else 'header'}: "
                f"{len(names)} {kind}, the first is {names[0]}",
            )
    model.eval()  # type: ignore[no-untyped-call]  # as above
    return model


def _refuse_larger_model(config: PreTrainedConfig, parameter_count: int) -> None:
    """Raise ValueError if a GGUF file's header describes a much larger model than its tensors are.

    transformers would allocate that model before it found the tensors missing. Tied weights can be stored once.
    """
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    if model.num_parameters() > 2 * parameter_count:
        raise ValueError(f"its header describes {model.num_parameters():,} parameters, but it has {parameter_count:,}")
