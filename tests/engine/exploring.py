"""Helpers for tests that compare the explorer's operations with plain transformers."""

from typing import Any

import pytest
import torch

CLOSE = 1e-5
LOG_CLOSE = 5e-5  # a logit of 16 in float32 has steps of 1e-6, and a log-probability adds up 4,096 of them
ODD_TEXTS = [
    "It was a dark and stormy night; the rain fell in torrents.",
    "👩‍👩‍👧 déjà vu 你好 \n\n",
    "\x00\x7f\u202eabc\ufeff",
    "The old man said <|endoftext|> to",
    "🙂",
]


def close(value: Any) -> Any:
    return pytest.approx(value, rel=CLOSE, abs=LOG_CLOSE)


def plain_log_probabilities(plain: Any, ids: list[int]) -> torch.Tensor:
    """Return the log-probabilities after each of `ids`, [ids, vocabulary], as plain transformers computes them."""
    with torch.no_grad():
        logits: torch.Tensor = plain(torch.tensor([ids])).logits[0]
    return logits.log_softmax(-1)
