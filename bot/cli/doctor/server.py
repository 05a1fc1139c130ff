"""Checks of a vLLM server: whether it serves the model, with its weights and the options that the bot needs."""

import asyncio
from collections.abc import Iterator

from bot.cli.doctor.finding import Finding
from bot.engine.model_files import ModelFiles, find_model, local_model
from bot.engine.vllm.inspection import INSPECTION_SECONDS, Inspection, ServerFacts
from bot.engine.vllm.loading import read_model
from bot.engine.vllm.server import ServerError, VllmServer
from bot.engine.vllm.weights import PROMPT, read_record, record_weights, write_record
from bot.errors import ModelUnavailable
from bot.questions.capabilities import capabilities
from bot.questions.language_model import ModelInfo
from bot.settings import Settings


def check_server(settings: Settings) -> Iterator[Finding]:
    """Yield the results for the model's files, the server, its weights, and what it can answer.

    If the model's weights are on this machine, their numbers are recorded, so that the bot recognises them.
    """
    try:
        files = find_model(settings.model, revision=settings.model_revision, token=settings.hub_token, weights=False)
        codec, info = read_model(files, dtype=settings.dtype, max_prompt_tokens=settings.max_prompt_tokens)
        _record_weights(files, settings)
    except ModelUnavailable as error:
        yield Finding.bad("model", str(error))
        return
    yield Finding.good("model", f"{info.short_name}, its tokenizer in {files.folder}")
    try:
        facts = asyncio.run(_inspect(settings, Inspection(info, codec.encode(PROMPT), read_record(files))))
    except ServerError as error:
        yield Finding.bad("server", f"the server of BOT_VLLM_URL can't be used: {error}.")
        return
    except TimeoutError:
        yield Finding.bad(
            "server", "the server of BOT_VLLM_URL did not answer in time. Look at its log, and restart it if it hangs."
        )
        return
    yield from _facts(facts, info)


async def _inspect(settings: Settings, inspection: Inspection) -> ServerFacts:
    server = VllmServer(settings.server_url, settings.vllm_api_key, read_timeout=INSPECTION_SECONDS)
    server.open()
    try:
        return await inspection(server)
    finally:
        await server.close()


def _facts(facts: ServerFacts, info: ModelInfo) -> Iterator[Finding]:
    text = f"vLLM {facts.version}, up to {facts.max_model_len:,} tokens in one request"
    if facts.is_tested:
        yield Finding.good("server", text)
    else:
        yield Finding.open("server", f"{text}. This version of vLLM was not tested with Nightword.")
    if facts.difference is None:
        yield Finding.open("weights", "unverified: there is no copy of the model's weights here to compare with.")
    else:
        yield Finding.good("weights", f"the model's own: log-probabilities within {facts.difference:.6f} of float32")
    for capability in capabilities(info):
        yield Finding.open("questions", f"{capability.questions}: {capability.level} ({capability.note}).")


def _record_weights(files: ModelFiles, settings: Settings) -> None:
    """Record the numbers of the model's weights, if they are here and there is no record yet."""
    try:
        has_weights = local_model(settings.model, settings.model_revision) is not None
    except ModelUnavailable:  # a folder without weights
        has_weights = False
    if not has_weights or read_record(files) is not None:
        return
    from bot.engine.transformers.loading import load_model  # torch takes seconds to import

    model = load_model(settings.model, revision=settings.model_revision, max_prompt_tokens=settings.max_prompt_tokens)
    write_record(files, record_weights(model.engine))
