"""Build the engine over a vLLM server, from the model's files without its weights."""

from pydantic import SecretStr
from transformers import AutoConfig, GenerationConfig, PreTrainedConfig
from transformers.utils import logging as transformers_logging

from bot.engine.model import EngineModel
from bot.engine.model_config import (
    SAFE,
    end_ids_of,
    end_of_text_only,
    load_tokenizer,
    stated_context_length,
    text_config_of,
)
from bot.engine.model_files import ModelFiles, find_model, first_line
from bot.engine.model_survey import parameter_count
from bot.engine.tokenizer import TextCodec
from bot.engine.vllm.connection import Connection
from bot.engine.vllm.engine import VllmEngine
from bot.engine.vllm.inspection import Inspection
from bot.engine.vllm.server import VllmServer
from bot.engine.vllm.weights import PROMPT, read_record
from bot.errors import ModelUnavailable
from bot.questions.language_model import ModelInfo, display_name


def load_model(
    name: str,
    *,
    url: str,
    api_key: SecretStr | None = None,
    revision: str | None = None,
    token: str | None = None,
    dtype: str = "float32",
    read_timeout: float,
    max_prompt_tokens: int,
) -> EngineModel:
    """Find the model's tokenizer and configuration, and look at the server at `url`.

    A server that can't be used is reported by `info.problem`, and looked at again in the background. Raises
    ModelUnavailable with a remedy.
    """
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    files = find_model(name, revision=revision, token=token, weights=False)
    codec, info = read_model(files, dtype=dtype, max_prompt_tokens=max_prompt_tokens)
    inspection = Inspection(info, codec.encode(PROMPT), read_record(files))
    connection = Connection(VllmServer(url, api_key, read_timeout=read_timeout), inspection)
    connection.start()
    return EngineModel(VllmEngine(connection, codec, info))


def read_model(files: ModelFiles, *, dtype: str, max_prompt_tokens: int) -> tuple[TextCodec, ModelInfo]:
    """Return the model's tokenizer and what its files say. Raises ModelUnavailable."""
    config = _config(files)
    vocab_size = int(text_config_of(config).vocab_size)
    info = ModelInfo(
        name=files.name,
        short_name=display_name(files.name),
        revision=files.revision,
        dtype=dtype,
        device="server",
        context_length=stated_context_length(config),
        vocab_size=vocab_size,
        parameter_count=parameter_count(files) or None,
        engine="vllm",
    )
    codec = TextCodec(
        load_tokenizer(files),
        info,
        end_ids_of(end_of_text_only(files.name, _generation_config(files, config))),
        input_rows=vocab_size,
        max_prompt_tokens=max_prompt_tokens,
    )
    return codec, info


def _config(files: ModelFiles) -> PreTrainedConfig:
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(files.folder, **SAFE)
    except Exception as error:  # a damaged config.json fails wherever its values are used, with any error
        raise ModelUnavailable(files.name, f"its config.json cannot be used ({first_line(error)[:200]})") from None
    return config


def _generation_config(files: ModelFiles, config: PreTrainedConfig) -> GenerationConfig:
    """Return the checkpoint's generation config, or what its configuration says about the ends of texts."""
    if (files.folder / "generation_config.json").exists():
        return GenerationConfig.from_pretrained(files.folder, local_files_only=True)
    return GenerationConfig.from_model_config(config)
