"""Load a model: safe and complete weights only, in the chosen dtype, on the chosen device."""

import logging
from dataclasses import dataclass, replace
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

from bot.engine.memory import free_garbage, keep_free_memory
from bot.engine.model import EngineModel
from bot.engine.model_config import end_ids_of, end_of_text_only, load_tokenizer, source_of, stated_context_length
from bot.engine.model_files import ModelFiles, find_model, first_line
from bot.engine.observer import EngineObserver
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.context_length import (
    changes_with_length,
    has_position_table,
    measure_context_length,
)
from bot.engine.transformers.engine import TransformersEngine
from bot.engine.transformers.forward_passes import ForwardPasses, input_rows
from bot.engine.transformers.kernels import int4, int8
from bot.engine.transformers.kernels.choice import choose_kernels
from bot.engine.transformers.kernels.modules import use_kernels
from bot.engine.transformers.llama.batches import PackedBatches
from bot.engine.transformers.llama.network import LlamaNetwork
from bot.engine.transformers.llama.weights import can_compute, layer_groups, take_weights
from bot.engine.transformers.padded_batches import PaddedBatches
from bot.engine.transformers.self_test import passes_self_test, take_reference
from bot.errors import ModelUnavailable
from bot.questions.language_model import ModelInfo, display_name
from bot.questions.options import MAX_NEW_TOKENS

OWN_PATH = "plain transformers"  # for models whose numbers would change in batches
ROUNDED = {"int8": int8.quantize_linear_layers, "int4": int4.quantize_linear_layers}

log = logging.getLogger(__name__)


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
    if dtype in ROUNDED and chosen_device != "cpu":
        raise ModelUnavailable(
            name,
            f"{dtype} works on the CPU only, not on {chosen_device}",
            "Set BOT_DEVICE=cpu or another BOT_DTYPE.",
        )
    if chosen_device == "cuda":
        # It prepares itself for each new number of columns: 54 instead of 20 ms a token with 8 texts (H200, bfloat16).
        torch.backends.cuda.enable_cudnn_sdp(False)
    files = find_model(name, revision=revision, token=token)
    passes, facts = _Loading(files, dtype, chosen_device, max_prompt_tokens + MAX_NEW_TOKENS).passes()
    if observer is not None:
        passes.observe(observer)
    codec = TextCodec(
        load_tokenizer(files),
        passes.info,
        facts.end_ids,
        input_rows=facts.input_rows,
        max_prompt_tokens=max_prompt_tokens,
    )
    keep_free_memory()
    return EngineModel(TransformersEngine(passes, codec))


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the tokenizer's side of the engine needs to know about the model."""

    end_ids: frozenset[int]
    input_rows: int


@dataclass(slots=True)
class _Loading:
    """The ways to compute a model, fastest first. Each is used only if it gives plain transformers' numbers.

    `tokens` is the length of the longest text. `parameter_count` is known once the model is loaded.
    """

    files: ModelFiles
    dtype: str
    device: str
    tokens: int
    parameter_count: int = 0

    def passes(self) -> tuple[ForwardPasses, _Facts]:
        """Return the forward passes of the fastest way."""
        model = self._load()
        facts = _Facts(end_ids_of(model.generation_config), input_rows(model))
        stated = stated_context_length(model.config)
        reference = take_reference(model, self.files.name, stated)
        info = ModelInfo(
            name=self.files.name,
            short_name=display_name(self.files.name),
            revision=self.files.revision,
            quantization=self.files.quantization,
            dtype=self.dtype if self.dtype in ROUNDED else str(model.dtype).removeprefix("torch."),
            device=model.device.type,
            context_length=stated,
            vocab_size=reference.vocab_size,
            parameter_count=self.parameter_count,
        )
        if not changes_with_length(model.config, min(self.tokens, stated or self.tokens)):
            for make in (self._own_forward_pass, self._transformers_batches):
                passes = make(model, info)
                if passes is not None and passes_self_test(passes, reference):
                    return self._with_measured_length(passes, passes.model), facts
                if passes is not None:
                    del passes, model
                    free_garbage()  # before the weights are loaded again
                    model = self._load()
        info = replace(info, engine_path=OWN_PATH)
        return self._with_measured_length(ForwardPasses(info, None, model), model), facts

    def _load(self) -> PreTrainedModel:
        """Return transformers' model, with rounded weights if the dtype says so."""
        model = _load_weights(self.files, "bfloat16" if self.dtype in ROUNDED else self.dtype)
        model.to(self.device)  # type: ignore[arg-type]  # typed as a bound method
        self.parameter_count = model.num_parameters()  # before some of them are rounded
        model.generation_config = end_of_text_only(self.files.name, model.generation_config)
        if self.dtype in ROUNDED:
            ROUNDED[self.dtype](model)
        return model

    def _own_forward_pass(self, model: PreTrainedModel, info: ModelInfo) -> ForwardPasses | None:
        """Return passes of our own forward pass, which takes the weights out of `model`. None for other models."""
        if not can_compute(model, self.tokens):
            return None
        for parameter in model.parameters():  # views of the file, all of which would stay in memory with the last one
            parameter.data = parameter.data.clone()
        kernels = choose_kernels(layer_groups(model))
        if kernels is None:
            return None
        batches = PackedBatches(LlamaNetwork(take_weights(model, kernels, self.tokens)))
        free_garbage()
        info = replace(info, engine_path=f"own forward pass, {kernels.text}", path_reason=kernels.reason)
        return ForwardPasses(info, batches, None)

    def _transformers_batches(self, model: PreTrainedModel, info: ModelInfo) -> ForwardPasses:
        """Return passes of `model` itself, with faster linear layers."""
        path = use_kernels(model)
        return ForwardPasses(replace(info, engine_path=path), PaddedBatches(model), model)

    def _with_measured_length(self, passes: ForwardPasses, model: PreTrainedModel | None) -> ForwardPasses:
        """Test how long a text can be, if the configuration doesn't say so or counts positions differently."""
        stated = passes.info.context_length
        if model is not None and (stated is None or (not passes.supports_incremental and has_position_table(model))):
            length = measure_context_length(model, self.parameter_count, stated, self.tokens)
            passes.info = replace(passes.info, context_length=length)
        return passes


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
