"""Load a model into memory: safe weights only, complete, in the chosen dtype, on the chosen device."""

from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from bot.errors import ModelUnavailable
from bot.inference.model import ModelInfo
from bot.inference.model_files import ModelFiles, find_model
from bot.inference.transformers_model import TransformersModel

_SAFE = {"local_files_only": True, "trust_remote_code": False}


def load_model(
    name: str,
    *,
    revision: str | None = None,
    token: str | None = None,
    dtype: str = "float32",
    device: str = "auto",
    threads: int | None = None,
    max_prompt_tokens: int,
) -> TransformersModel:
    """Find and load `name`. Raises ModelUnavailable with a remedy for whatever is wrong with it."""
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # as above
    if threads is not None:
        torch.set_num_threads(threads)
    chosen_device = _device(name, device)
    files = find_model(name, revision=revision, token=token)
    model = _load_weights(files, dtype).to(chosen_device)
    tokenizer = _load_tokenizer(files)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ModelUnavailable(
            name,
            f"its tokenizer has {len(tokenizer):,} tokens and its weights only "
            f"{model.get_input_embeddings().num_embeddings:,}",
        )
    info = ModelInfo(
        name=name,
        revision=files.revision,
        dtype=str(model.dtype).removeprefix("torch."),
        device=model.device.type,
        context_length=_context_length(model.config),
        vocab_size=model.get_input_embeddings().num_embeddings,
        parameter_count=model.num_parameters(),
    )
    return TransformersModel(model, tokenizer, info=info, max_prompt_tokens=max_prompt_tokens)


def _device(name: str, device: str) -> str:
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


def _load_weights(files: ModelFiles, dtype: str) -> Any:
    """Return the model in evaluation mode; what the files lack, which transformers fills at random, is refused."""
    try:
        config = AutoConfig.from_pretrained(files.folder, **_SAFE)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            files.folder,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            output_loading_info=True,
            **_SAFE,
        )
    except SafetensorError as error:
        raise ModelUnavailable(
            files.name, f"its weights are damaged ({_line(error)})", "Download it again, or try BOT_MODEL=demo."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, ImportError) as error:
        raise ModelUnavailable(files.name, f"its weights cannot be loaded ({_line(error)})") from None
    model, report = loaded
    for what in ("missing_keys", "mismatched_keys"):
        if names := sorted(str(name) for name in report[what]):
            kind = what.removesuffix("_keys")
            raise ModelUnavailable(
                files.name, f"its weights do not fit its config.json: {len(names)} {kind}, {names[0]}"
            )
    return model.eval()


def _load_tokenizer(files: ModelFiles) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(files.folder, **_SAFE)
    except Exception as error:
        # Tokenizer files fail in many ways, the tokenizers library's bare Exception among them.
        raise ModelUnavailable(files.name, f"its tokenizer cannot be loaded ({_line(error)})") from None
    if len(tokenizer) == 0 or not tokenizer("a", add_special_tokens=False).input_ids:
        raise ModelUnavailable(files.name, "its tokenizer has an empty vocabulary")
    return tokenizer


def _context_length(config: Any) -> int:
    """Return the number of positions that the model was made for."""
    for name in ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length"):
        if isinstance(value := getattr(config, name, None), int):
            return value
    return 2048


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
