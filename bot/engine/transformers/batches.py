"""The interface of batches: which tokens of which texts share a forward pass, and where keys and values are."""

from collections.abc import Iterator
from typing import Protocol

import torch

from bot.engine.transformers.kept_texts import Start
from bot.engine.transformers.sequences import Decoding, ForwardRequest

PREFILL_TOKENS = 512  # in one pass, of several prompts
PIECE_TOKENS = 256  # in one pass, of one long prompt; all other requests wait for that pass
LOGITS_ROWS = 64  # over the vocabulary, of one text in one pass: 39 MB for 151,936 tokens

Finished = list[tuple[ForwardRequest, torch.Tensor]]


class Batches(Protocol):
    """Computes forward passes of several texts."""

    @property
    def module(self) -> torch.nn.Module:
        """What computes each pass."""
        ...

    def compute(self, requests: list[ForwardRequest]) -> Finished:
        """Compute some of `requests`, and return the finished ones with their logits [rows, vocabulary], float32.

        `requests` are in the order of their turns. Raises the model's errors.
        """
        ...

    def layer_logits(self, request: ForwardRequest) -> Iterator[torch.Tensor]:
        """Compute one text at once, and yield the logits after each layer: float32 [rows of the request, vocabulary].

        The first are the embedding's, and the last the model's own. Raises LayersNotFound.
        """
        ...

    def release(self) -> None:
        """Free the keys and values of the last pass."""
        ...

    @property
    def bytes_per_token(self) -> int | None:
        """How much memory the keys and values of a token take, if that is known."""
        ...

    @property
    def shares_parts(self) -> bool:
        """Whether a text can begin with a part of another one."""
        ...

    def can_share(self, start: Start) -> bool:
        """Return whether a text can begin with `start`."""
        ...

    def share(self, decoding: Decoding, start: Start) -> None:
        """Let `decoding`, of which nothing is computed, begin with `start`, which can be shared."""
        ...

    def kept(self, decoding: Decoding, most: int) -> Decoding | None:
        """Return a copy of a computed text, up to `most` tokens, for later texts. None if it can't be shared."""
        ...
