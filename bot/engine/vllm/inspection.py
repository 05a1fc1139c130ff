"""What must hold before a server's numbers are shown: its version, its model, its options and its weights."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from bot.engine.vllm.answers import NotFinite, next_log_probabilities, prompt_choices, whole_distribution
from bot.engine.vllm.server import Json, RefusedRequest, ServerError, VllmServer
from bot.engine.vllm.weights import WeightsRecord
from bot.questions.language_model import ModelInfo

TESTED_VERSIONS = ("0.32.0",)
INSPECTION_SECONDS = 60.0  # the first request to a server can take long, because it compiles then
# Largest differences of log-probabilities from the float32 record. Another model's differ by 1 or more.
FLOAT32_TOLERANCE = 1e-3
OTHER_TOLERANCE = 0.5
SUM_TOLERANCE = 1e-2  # how far the probabilities of a half-precision server can add up from 1, as a logarithm

REQUEST: Json = {"max_tokens": 1, "temperature": 0, "return_tokens_as_token_ids": True}  # the numbers after a prompt


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is known of a server that can be used.

    `difference` is the largest distance of its log-probabilities from the model's record, or None without a record.
    """

    version: str
    model_id: str
    max_model_len: int
    difference: float | None

    @property
    def is_tested(self) -> bool:
        """Whether Nightword's contract test ran with this version."""
        return self.version in TESTED_VERSIONS

    @property
    def engine_text(self) -> str:
        """The server's version."""
        return f"vLLM {self.version}" + ("" if self.is_tested else " (untested version)")

    @property
    def weights_text(self) -> str:
        """Whether the weights are the model's."""
        return "unverified" if self.difference is None else f"verified within {self.difference:.6f}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """Inspects servers that should serve one model. `probe_ids` is the prompt of its requests."""

    info: ModelInfo
    probe_ids: Sequence[int]
    record: WeightsRecord | None

    async def __call__(self, server: VllmServer) -> ServerFacts:
        """Return what is known of `server`. Raises ServerError if its numbers can't be shown."""
        version = str((await server.get("/version") or {}).get("version", "unknown"))
        listed = (await server.get("/v1/models") or {}).get("data") or []
        model = self._choose(listed)
        request = REQUEST | {"model": model["id"], "prompt": list(self.probe_ids)}
        difference = await self._difference(server, request)
        if not self._is_named(model) and difference is None:
            raise ServerError(f"it serves {model['id']}, not {self.info.short_name}")
        return ServerFacts(version, str(model["id"]), int(model["max_model_len"]), difference)

    def _choose(self, models: Sequence[Json]) -> Json:
        named = [model for model in models if self._is_named(model)]
        if named or len(models) == 1:
            return (named or list(models))[0]
        served = ", ".join(str(model["id"]) for model in models) or "no model"
        raise ServerError(f"it serves {served}, not {self.info.short_name}")

    def _is_named(self, model: Json) -> bool:
        """Return whether a served model has the name of ours, or was started from a folder of that name."""
        names = {str(model["id"]), str(model.get("root"))}
        return bool({self.info.name, self.info.short_name} & {*names, *(PurePath(name).name for name in names)})

    async def _difference(self, server: VllmServer, request: Json) -> float | None:
        """Check the server's options and weights. Return the distance from the record, or None without a record."""
        try:
            whole = prompt_choices(await server.complete(request | {"logprobs": -1}))[0]
            by_id = next_log_probabilities(whole)
            count = len(by_id)
            if count != self.info.vocab_size:
                raise ServerError(
                    f"it predicts {count:,} different tokens, but {self.info.short_name} has "
                    f"{self.info.vocab_size:,}, so it serves another model"
                )
            values = whole_distribution(by_id, count)
            warm = prompt_choices(await server.complete(request | {"logprobs": 1, "temperature": 2.0, "seed": 0}))[0]
            first = max(next_log_probabilities(warm).values())
        except RefusedRequest as error:
            raise self._option_error(error) from None
        except NotFinite:
            raise ServerError(
                "it computes numbers that are not finite (try another --dtype or other weights)"
            ) from None
        total = float(np.logaddexp.reduce(values.astype(np.float64)))
        if abs(total) > SUM_TOLERANCE or abs(first - float(values.max())) > SUM_TOLERANCE:
            raise ServerError("it was started with another --logprobs-mode (start it with raw_logprobs)")
        if self.record is None or tuple(self.record.input_ids) != tuple(self.probe_ids):
            return None
        difference = self.record.difference(values)
        if difference > OTHER_TOLERANCE:
            raise ServerError(
                f"its log-probabilities differ from {self.info.short_name}'s by up to {difference:.2f}, so it has "
                "other weights"
            )
        if self.info.dtype == "float32" and difference > FLOAT32_TOLERANCE:
            raise ServerError(
                f"its log-probabilities differ from float32 by up to {difference:.2g} (start it with --dtype float32, "
                "or set BOT_DTYPE to its dtype)"
            )
        return difference

    def _option_error(self, error: RefusedRequest) -> ServerError:
        """Return what a refused request says about the server."""
        if allowed := re.search(r"max allowed: (\d+)", error.reason):
            return ServerError(
                f"it was started with --max-logprobs {allowed[1]}, which is too small (start it with -1)"
            )
        if "out of vocabulary" in error.reason:
            return ServerError(f"it has fewer tokens than {self.info.short_name}, so it serves another model")
        return error
