"""Checks of the model: where its files are, and whether it fits on the disk and in memory."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import psutil

from bot.cli.doctor.finding import Finding
from bot.engine.model_survey import ModelSurvey, cache_folder, survey_model
from bot.errors import ModelUnavailable
from bot.questions.language_model import DType
from bot.settings import Settings

_SMALLER_DTYPES = ("bfloat16", "int8", "int4")
_CGROUP = Path("/sys/fs/cgroup")  # contains a container's memory limit, which psutil doesn't read


def check_model(settings: Settings) -> Iterator[Finding]:
    """Yield the results for the model, the device, the cache, the disk and the memory, or for a vLLM server."""
    if settings.engine == "vllm":
        from bot.cli.doctor.server import check_server  # transformers takes a second to import

        yield from check_server(settings)
        return
    survey: ModelSurvey | None = None
    try:
        survey = survey_model(settings.model, revision=settings.model_revision, token=settings.hub_token)
        yield Finding.good("model", _model_text(settings.model, survey))
    except ModelUnavailable as error:
        yield Finding.bad("model", str(error))
    yield _device(settings)
    yield _kernels(settings)
    yield _cache(cache_folder())
    yield _disk(cache_folder(), survey)
    yield _memory(settings, survey)


def _device(settings: Settings) -> Finding:
    from bot.engine.transformers.loading import choose_device  # torch takes seconds to import

    try:
        return Finding.good(
            "device", f"{choose_device(settings.model, settings.device)} (BOT_DEVICE is {settings.device})"
        )
    except ModelUnavailable as error:
        return Finding.bad("device", str(error))


def _kernels(settings: Settings) -> Finding:
    """Report what the processor can compute with. Which kernel is fastest is measured when the model is loaded."""
    from bot.engine.transformers.kernels.processor import kernels_text, processor_text  # as above

    return Finding.good(
        "processor",
        f"{processor_text()}. Correct here in {settings.dtype}: {kernels_text(settings.dtype)}. "
        "The fastest is measured at loading, and /model names it",
    )


def _model_text(name: str, survey: ModelSurvey) -> str:
    parameters = f", {survey.parameter_count:,} parameters" if survey.parameter_count else ""
    quantization = f", {survey.quantization}" if survey.quantization else ""
    if survey.folder is not None:
        return f"{name}{quantization}{parameters}, in {survey.folder}"
    return f"{name}{parameters}, on the hub; {_gigabytes(survey.download_bytes)} to download at the first start"


def _cache(folder: Path) -> Finding:
    """Report whether the cache is writable. Only models from the hub are stored there."""
    if os.access(_existing(folder), os.W_OK):
        return Finding.good("cache", f"models from the hub are stored in {folder}")
    return Finding.bad(
        "cache",
        f"{folder} isn't writable. Make it writable, or set HF_HOME to a writable folder on a disk with enough space.",
    )


def _disk(folder: Path, survey: ModelSurvey | None) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    if survey is not None and survey.download_bytes > free:
        return Finding.bad(
            "disk",
            f"{_gigabytes(free)} free in {_existing(folder)}, but the model needs "
            f"{_gigabytes(survey.download_bytes)}. Free some space, or set HF_HOME to a folder on another disk.",
        )
    return Finding.good("disk", f"{_gigabytes(free)} free in {_existing(folder)}")


def _memory(settings: Settings, survey: ModelSurvey | None) -> Finding:
    available = _available_memory()
    needs = {} if survey is None else {dtype: survey.memory_bytes(dtype) for dtype in get_args(DType)}
    needed = needs.get(settings.dtype)
    if needed is None:
        return Finding.open("memory", f"{_gigabytes(available)} available; how much the model needs is unknown.")
    if needed > available:
        fitting = next((dtype for dtype in _SMALLER_DTYPES if (needs[dtype] or needed) <= available), None)
        remedy = f"set BOT_DTYPE={fitting}, " if fitting else ""
        return Finding.bad(
            "memory",
            f"{_gigabytes(available)} available, but {settings.model} in {settings.dtype} needs about "
            f"{_gigabytes(needed)}. Provide more memory, {remedy}or choose a smaller BOT_MODEL.",
        )
    return Finding.good("memory", f"{_gigabytes(available)} available; the bot needs about {_gigabytes(needed)}")


def _available_memory() -> int:
    available: int = psutil.virtual_memory().available
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no control group, or no limit
        return available
    return min(available, limit - used)


def _existing(folder: Path) -> Path:
    """Return `folder`, or its nearest parent that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
