"""Find a model's files: the demo model, a local folder or GGUF file, the local cache, or the hub."""

import contextlib
import glob
import importlib.util
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, ModelInfo, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from bot.engine.gguf_header import SUFFIX, GgufHeader, read_header, refuse_split_file
from bot.errors import ModelUnavailable
from bot.questions.language_model import DEMO

DEMO_FOLDER = Path(__file__).parent.parent / "demo_model"
HUB_TIMEOUT = 5.0  # seconds for the hub to answer a question about a model
CHECK_NETWORK = (
    "Check the model's name and this machine's network, then restart. BOT_MODEL=demo and local folders need no network."
)

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# transformers can load a tokenizer from each of these, if the model's tokenizer class reads that file.
TOKENIZERS = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json")
# And from these with SENTENCEPIECE_PACKAGES. Without the packages, some classes load with an empty vocabulary.
SENTENCEPIECE = (
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "sentencepiece.model",
    "spm.model",
    "spm_char.model",
    "source.spm",
    "prophetnet.tokenizer",
)
SENTENCEPIECE_PACKAGES = {  # package name: import name
    "sentencepiece": "sentencepiece",
    "protobuf": "google.protobuf",
}
GGUF_SHOWN = 5  # files that are named to someone who named another one
GGUF_PACKAGES = ("accelerate", "gguf")  # the extra `gguf`
NEEDED = [
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*",
    "vocab.*",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "bpe.codes",
    "tekken.json",
    "target.spm",
    "target_vocab.json",
    *SENTENCEPIECE,
]
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model folder, or one GGUF file in a folder. `revision` is the hub's commit, or None for local files."""

    name: str
    folder: Path
    revision: str | None
    gguf: GgufHeader | None = None

    @property
    def quantization(self) -> str:
        """The quantization of the GGUF file, such as Q4_1, or "" for a folder."""
        return "" if self.gguf is None else self.gguf.quantization


def find_model(name: str, *, revision: str | None = None, token: str | None = None, weights: bool = True) -> ModelFiles:
    """Return the files of `name`, without the weights if `weights` is false. Missing files are downloaded.

    A GGUF file holds everything, so it comes with its weights. One on the hub is named owner/name/file.gguf.

    Raises ModelUnavailable, within 10 seconds if the hub is unreachable.
    """
    files = local_model(name, revision, weights=weights)
    if files is not None:
        return files
    if name.endswith(SUFFIX):
        return _download_gguf(name, revision, token)
    return _download(name, revision, token, weights=weights)


def local_model(name: str, revision: str | None, *, weights: bool = True) -> ModelFiles | None:
    """Return the files of `name` if they are on this machine, else None. Raises ModelUnavailable."""
    if name == DEMO:
        return _local(name, DEMO_FOLDER, weights=weights)
    folder = _folder(name)
    if folder is not None:
        return _local(name, folder, weights=weights)
    if name.endswith(SUFFIX):
        return _local_gguf(name) or _cached_gguf(name, revision)
    if name.startswith((".", "/", "~")):
        raise ModelUnavailable(name, "this folder does not exist")
    return _cached(name, revision, weights=weights)


def hub_info(name: str, *, revision: str | None, token: str | None, sizes: bool = False) -> ModelInfo:
    """Return the hub's information about `name`, with file sizes if `sizes` is true. Raises ModelUnavailable."""
    repository, file = split_name(name)
    with _hub_errors(name, revision):
        info = HfApi(token=token).model_info(repository, revision=revision, timeout=HUB_TIMEOUT, files_metadata=sizes)
    names = [sibling.rfilename for sibling in info.siblings or []]
    problem = _listing_problem(names) if file is None else _absence_problem(names, file)
    if problem is not None:
        raise ModelUnavailable(name, problem)
    return info


def needed_files(name: str) -> list[str]:
    """Return the patterns of the files that `name` needs from its repository."""
    file = split_name(name)[1]
    return NEEDED if file is None else [glob.escape(file)]


def split_name(name: str) -> tuple[str, str | None]:
    """Return the repository of a hub name, and the GGUF file in it, or None for the whole repository."""
    if not name.endswith(SUFFIX):
        return name, None
    owner, repository, file = name.split("/", 2)
    return f"{owner}/{repository}", file


def _folder(name: str) -> Path | None:
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else None
    except (OSError, RuntimeError):  # too long for a path, or the home of an unknown user
        return None


def _local_gguf(name: str) -> ModelFiles | None:
    """Return the GGUF file `name` of this machine, or None if it can only be on the hub. Raises ModelUnavailable."""
    _require_gguf_packages(name)
    refuse_split_file(name, name)
    try:
        file = Path(name).expanduser().absolute()
        if file.is_file():
            return ModelFiles(name, file.parent, None, read_header(name, file))
        is_path = file.parent.is_dir()
    except (OSError, RuntimeError):  # as in _folder
        is_path = True
    if is_path or name.startswith((".", "/", "~")) or name.count("/") < 2:  # owner/name/file.gguf has two
        raise ModelUnavailable(name, "this file does not exist (a GGUF file on the hub is named owner/name/file.gguf)")
    return None


def _cached_gguf(name: str, revision: str | None) -> ModelFiles | None:
    folder = _snapshot(name, revision, needed_files(name))
    return None if folder is None else _gguf_in(name, folder)


def _download_gguf(name: str, revision: str | None, token: str | None) -> ModelFiles:
    files = _gguf_in(name, _download_snapshot(name, revision, token, needed_files(name)))
    if files is None:
        raise ModelUnavailable(name, "its file was not downloaded", CHECK_NETWORK)
    return files


def _gguf_in(name: str, folder: Path) -> ModelFiles | None:
    file = folder / str(split_name(name)[1])
    return ModelFiles(name, folder, _commit(folder), read_header(name, file)) if file.exists() else None


def _require_gguf_packages(name: str) -> None:
    absent = [package for package in GGUF_PACKAGES if not _is_installed(package)]
    if absent:
        raise ModelUnavailable(
            name,
            f"GGUF files need missing packages: {' and '.join(absent)}",
            'Install them with pip install "nightword[gguf]".',
        )


def _local(name: str, folder: Path, *, weights: bool) -> ModelFiles:
    problem = _folder_problem(folder, weights=weights)
    if problem is not None:
        raise ModelUnavailable(name, problem)
    return ModelFiles(name, folder, revision=None)


def _cached(name: str, revision: str | None, *, weights: bool) -> ModelFiles | None:
    folder = _snapshot(name, revision, _patterns(weights=weights))
    if folder is None:
        return None
    is_complete = _folder_problem(folder, weights=weights) is None
    return ModelFiles(name, folder, _commit(folder)) if is_complete else None


def _snapshot(name: str, revision: str | None, patterns: list[str]) -> Path | None:
    """Return the cached folder of a hub name, or None. The folder may be incomplete."""
    try:
        return Path(
            snapshot_download(split_name(name)[0], revision=revision, allow_patterns=patterns, local_files_only=True)
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError:
        hint = " (name a GGUF file in a repository owner/name/file.gguf)" if "gguf" in name.lower() else ""
        raise ModelUnavailable(
            name, f"it is neither a local folder nor a model id such as Qwen/Qwen2-0.5B{hint}"
        ) from None


def _patterns(*, weights: bool) -> list[str]:
    return [pattern for pattern in NEEDED if weights or "safetensors" not in pattern]


def _download(name: str, revision: str | None, token: str | None, *, weights: bool) -> ModelFiles:
    folder = _download_snapshot(name, revision, token, _patterns(weights=weights))
    return ModelFiles(name, folder, _commit(folder))


def _download_snapshot(name: str, revision: str | None, token: str | None, patterns: list[str]) -> Path:
    hub_info(name, revision=revision, token=token)
    with _hub_errors(name, revision):
        folder = snapshot_download(
            split_name(name)[0],
            revision=revision,
            token=token,
            allow_patterns=patterns,
            etag_timeout=HUB_TIMEOUT,
        )
    return Path(folder)


@contextlib.contextmanager
def _hub_errors(name: str, revision: str | None) -> Iterator[None]:
    """Convert huggingface_hub's errors to ModelUnavailable, with a remedy."""
    try:
        yield
    except GatedRepoError:
        raise ModelUnavailable(name, "the model is gated (set HF_TOKEN to a token that has access)") from None
    except RevisionNotFoundError:
        raise ModelUnavailable(
            name, f"the hub has no revision {revision!r} of this model (check BOT_MODEL_REVISION)"
        ) from None
    except RepositoryNotFoundError:
        raise ModelUnavailable(name, "it was not found as a local folder, in the cache or on the hub") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise ModelUnavailable(name, f"the hub answered with status {status}", CHECK_NETWORK) from None
    except OSError as error:
        raise ModelUnavailable(
            name, f"it is not in the cache, and the download failed ({first_line(error)})", CHECK_NETWORK
        ) from None
    except Exception as error:
        # huggingface_hub's HTTP client differs between releases and raises its own errors for an unreachable host.
        if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "httpcore", "httpcore2", "requests"}:
            raise
        raise ModelUnavailable(
            name, f"it is not in the cache, and the hub is unreachable ({first_line(error)})", CHECK_NETWORK
        ) from None


def _folder_problem(folder: Path, *, weights: bool) -> str | None:
    """Return why `folder` is not a complete model, or None if it is complete."""
    problem = _listing_problem([path.name for path in folder.iterdir()], weights=weights)
    index = folder / "model.safetensors.index.json"
    if weights and problem is None and not (folder / "model.safetensors").exists():
        try:
            shards = set(json.loads(index.read_text())["weight_map"].values())
            absent = sorted(shard for shard in shards if not (folder / shard).exists())
        except (ValueError, KeyError, AttributeError, TypeError, OSError):
            return "its model.safetensors.index.json is damaged"
        if absent:
            return f"the file {absent[0]} is missing"
    return problem


def _listing_problem(names: list[str], *, weights: bool = True) -> str | None:
    gguf = next((name for name in sorted(names) if name.endswith(SUFFIX)), None)
    if gguf is not None and weights and not ("config.json" in names and any(name in names for name in WEIGHTS)):
        return f"its weights are GGUF files: add the name of one to the model's name, such as /{gguf}"
    if "config.json" not in names:
        return "it has no config.json, so it is not a transformers model"
    if weights and not any(name in names for name in WEIGHTS):
        pickled = any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in names)
        unsafe = " (pickled weights are not loaded, because they can run code)" if pickled else ""
        return f"it has no model.safetensors{unsafe}"
    return _tokenizer_problem(names)


def _absence_problem(names: list[str], file: str) -> str | None:
    if file in names:
        return None
    others = sorted(name for name in names if name.endswith(SUFFIX))
    has = f"it has {', '.join(others[:GGUF_SHOWN])}{', …' if len(others) > GGUF_SHOWN else ''}"
    return f"the repository has no file {file} ({has if others else 'it has no GGUF file'})"


def _tokenizer_problem(names: list[str]) -> str | None:
    if any(name in names for name in TOKENIZERS):
        return None
    model = next((name for name in SENTENCEPIECE if name in names), None)
    if model is None:
        known = ", ".join(TOKENIZERS)
        return f"it has no tokenizer file: {known} or a SentencePiece model such as {SENTENCEPIECE[0]}"
    absent = [package for package, module in SENTENCEPIECE_PACKAGES.items() if not _is_installed(module)]
    if not absent:
        return None
    return (
        f"its tokenizer is the SentencePiece model {model}, which needs missing packages: "
        f"{' and '.join(absent)}. Install them (pip install {' '.join(absent)}), or use a model with a tokenizer.json"
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is not installed
        return False


def _commit(folder: Path) -> str | None:
    return folder.name if _COMMIT.fullmatch(folder.name) else None


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or the name of its class."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
