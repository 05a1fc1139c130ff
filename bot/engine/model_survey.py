"""How much disk and memory a model needs, without loading or downloading it."""

import math
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import constants
from safetensors import SafetensorError, safe_open

from bot.engine.model_files import ModelFiles, hub_info, local_model, needed_files
from bot.errors import ModelUnavailable

_BYTES_PER_PARAMETER = {"float32": 4, "bfloat16": 2, "float16": 2, "int8": 2, "int4": 2}
# The peak is reached while loading. Measured with half a billion parameters: 4.4 GB in float32 and 2.9 GB in bfloat16.
# int8 needs as much as bfloat16, because its kernels use the memory that its weights save.
_PEAK = 1.5  # the weights, the file that they are read from, and a second copy of tied embeddings
_FIXED_BYTES = 1_400_000_000  # torch and transformers themselves, activations, keys and values


@dataclass(frozen=True, slots=True)
class ModelSurvey:
    """An available model: its local folder, or the bytes to download. Unknown values are None.

    `quantization` is that of a local GGUF file, and is "" for other models.
    """

    folder: Path | None
    download_bytes: int
    parameter_count: int | None
    quantization: str = ""

    def memory_bytes(self, dtype: str) -> int | None:
        """Return approximately how many bytes of memory the bot needs with this model in `dtype`, or None."""
        if self.parameter_count is None:
            return None
        return int(self.parameter_count * _BYTES_PER_PARAMETER[dtype] * _PEAK) + _FIXED_BYTES


def survey_model(name: str, *, revision: str | None, token: str | None) -> ModelSurvey:
    """Look for `name` on this machine, then on the hub. Raises ModelUnavailable."""
    files = local_model(name, revision)
    if files is not None:
        return ModelSurvey(files.folder, 0, parameter_count(files), files.quantization)
    info = hub_info(name, revision=revision, token=token, sizes=True)
    patterns = needed_files(name)
    needed = (file for file in info.siblings or [] if any(fnmatch(file.rfilename, pattern) for pattern in patterns))
    return ModelSurvey(
        folder=None,
        download_bytes=sum(file.size or 0 for file in needed),
        parameter_count=info.safetensors.total if info.safetensors else None,
    )


def cache_folder() -> Path:
    """Return the folder that stores models from the hub. HF_HOME changes it."""
    return Path(constants.HF_HUB_CACHE)


def parameter_count(files: ModelFiles) -> int:
    """Return the number of weights in a model's files, 0 if there are none. Raises ModelUnavailable."""
    if files.gguf is not None:
        return files.gguf.parameter_count
    total = 0
    for file in files.folder.glob("model*.safetensors"):
        try:
            with safe_open(file, framework="numpy") as weights:
                total += sum(math.prod(weights.get_slice(key).get_shape()) for key in weights.keys())  # noqa: SIM118  # no mapping
        except (SafetensorError, OSError) as error:
            raise ModelUnavailable(files.name, f"{file.name} is damaged ({error})", "Download it again.") from None
    return total
