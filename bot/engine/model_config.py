"""What a model's files say without its weights: its tokenizer, its ends of text and its context length. No torch."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, GenerationConfig, PreTrainedConfig, PreTrainedTokenizerBase

from bot.engine.model_files import ModelFiles
from bot.errors import ModelUnavailable

SAFE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
# The configuration attributes that state it. The first one that is set counts. Most models have the first name. The
# others are for GPT-2, MPT and DBRX, Whisper's decoder, Bloom's checkpoints, and converted or older checkpoints.
_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "max_target_positions",
    "seq_length",
    "max_sequence_length",
    "n_ctx",
    "context_length",
)


@contextlib.contextmanager
def source_of(files: ModelFiles) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the folder and the options from which transformers loads the model's files.

    For a GGUF file the folder is empty: transformers would prefer files beside it, such as another model's
    tokenizer.json, and loses the file's chat template if there is one. The file's path is absolute, because
    transformers looks for a relative one in the working directory first.
    """
    if files.gguf is None:
        yield files.folder, SAFE
        return
    with tempfile.TemporaryDirectory() as empty:
        yield Path(empty), SAFE | {"gguf_file": str(files.gguf.path)}


def load_tokenizer(files: ModelFiles) -> PreTrainedTokenizerBase:
    """Return the tokenizer in the model's files. Raises ModelUnavailable."""
    try:
        with source_of(files) as (folder, options):
            tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # Tokenizer files fail in many ways. The tokenizers library panics with a BaseException.
        # Some error texts are lists whose first line says nothing, so the whole text is used.
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelUnavailable(files.name, f"its tokenizer cannot be loaded ({problem})") from None
    read = {"tokenizer.json", "tekken.json", *tokenizer.vocab_files_names.values()}
    if files.gguf is None and not any((files.folder / name).exists() for name in read):
        raise ModelUnavailable(
            files.name,
            f"its tokenizer is a {type(tokenizer).__name__}, which needs {' or '.join(sorted(read))} in the folder",
        )
    if len(tokenizer) == 0 or not tokenizer("a", add_special_tokens=False).input_ids:
        raise ModelUnavailable(files.name, "its tokenizer has an empty vocabulary")
    _free_copies(tokenizer)
    return tokenizer


def _free_copies(tokenizer: PreTrainedTokenizerBase) -> None:
    """Delete transformers' own copies of the vocabulary: 90 MB for Qwen2's, read only while the tokenizer is built."""
    for name in ("_vocab", "_merges"):
        vars(tokenizer).pop(name, None)


def end_of_text_only(name: str, checkpoint: GenerationConfig | None) -> GenerationConfig:
    """Return a generation config with only the checkpoint's token ids. The options that users see decide the rest."""
    ids = {key: getattr(checkpoint, key, None) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}
    for key, value in ids.items():
        if not all(isinstance(id_, int) for id_ in (value if isinstance(value, list) else [value or 0])):
            raise ModelUnavailable(name, f"{key} in its generation_config.json is not a number")
    return GenerationConfig(**ids)  # type: ignore[no-untyped-call]  # transformers leaves it untyped


def end_ids_of(generation_config: GenerationConfig | None) -> frozenset[int]:
    """Return the ids that end a text."""
    eos = None if generation_config is None else generation_config.eos_token_id
    return frozenset([eos] if isinstance(eos, int) else eos or [])


def stated_context_length(config: PreTrainedConfig) -> int | None:
    """Return the number of positions that a configuration states. For models of text and pictures, it is the text's.

    None if it states no number, as with models whose state has a fixed size.
    """
    text_config = text_config_of(config)
    values = (getattr(text_config, name, None) for name in _NAMES)
    return next((value for value in values if isinstance(value, int) and value > 0), None)


def text_config_of(config: PreTrainedConfig) -> PreTrainedConfig:
    """Return the part of a configuration that is about text."""
    try:
        return config.get_text_config(decoder=True)
    except ValueError:  # several texts, as in music models
        return config
