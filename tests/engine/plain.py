"""Models as plain transformers loads them, to compare with."""

import functools
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

REVIEWS = [
    "I loved every minute of it.",
    '\n"Pearl Harbor" is a two-hour movie squeezed into three hours.\n        ',
    "Witless, in fact. {review} {0} <|endoftext|>",
]


@functools.cache
def plain_transformers(folder: Path) -> tuple[Any, Any]:
    """Return the model and tokenizer as a plain transformers script loads them, in float32."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)
