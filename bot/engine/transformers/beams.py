"""The beams of a search as texts of our own forward pass: each continues the text that it extends by a token."""

from collections.abc import Sequence

import torch

from bot.engine.transformers.forward_passes import ForwardPasses
from bot.engine.transformers.sequences import Decoding


class Beams:
    """The running beams of one search."""

    def __init__(self, passes: ForwardPasses) -> None:
        self._passes = passes
        self._texts: dict[tuple[int, ...], Decoding] = {}
        self._log_probabilities: dict[tuple[int, ...], torch.Tensor] = {}

    def top_of(self, texts: Sequence[list[int]], count: int) -> list[dict[int, float]]:
        """Return the log-probabilities of the `count` most probable tokens after each text.

        The texts extend those of an earlier call by a token, or are the same.
        """
        keys = [tuple(text) for text in texts]
        if new := [key for key in dict.fromkeys(keys) if key not in self._log_probabilities]:
            self._compute(new)
        result = []
        for key in keys:
            best = self._log_probabilities[key].topk(count)
            result.append(dict(zip(best.indices.tolist(), best.values.tolist(), strict=True)))
        return result

    def _compute(self, keys: list[tuple[int, ...]]) -> None:
        """Compute new texts. The beams that they don't extend are dropped."""
        parents, self._texts = self._texts, {}
        forked = [(key, parents.get(key[:-1])) for key in keys]
        for key, parent in forked:
            is_taken = any(text is parent for text in self._texts.values())
            if parent is None:
                decoding = self._passes.begin(key, len(key) - 1)
            else:
                decoding = self._passes.fork(parent) if is_taken else parent
            self._texts[key] = decoding
        for key, decoding in self._texts.items():
            decoding.ids = list(key)
        logits = self._passes.wait(list(self._texts.values()))
        self._log_probabilities = {key: row.log_softmax(-1) for key, row in zip(self._texts, logits, strict=True)}
