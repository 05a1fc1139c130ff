"""The notebooks' way: one request at a time, with `generate` and a full forward pass for each.

usage: python -m benchmarks.notebooks_way FOLDER NEW_TOKENS {whole,speeds} DTYPE
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.machine import device
from benchmarks.turns import WHOLE
from benchmarks.work import LONG_PROMPT_WORDS, REVIEWS_ALONE
from bot.cli.bench.memory import peak_memory
from bot.cli.bench.work import PROMPT_WORDS, REVIEW_WORDS, words
from bot.questions.sentiment import SENTIMENT


def main() -> None:
    """Print the figures as JSON."""
    folder, new_tokens, extent, dtype = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    model.to(device())
    labels = [tokenizer(label, add_special_tokens=False).input_ids[0] for label in SENTIMENT.labels]

    @torch.inference_mode()
    def generate(prompt: str, count: int) -> None:
        ids = tokenizer(prompt, return_tensors="pt").to(model.device)
        model.generate(**ids, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0)

    @torch.inference_mode()
    def score(review: str) -> bool:
        ids = tokenizer(SENTIMENT.prompt(review), return_tensors="pt").input_ids
        logits = model(ids.to(model.device)).logits[0, -1]
        return bool(logits[labels[0]] > logits[labels[1]])

    generate("time", 2)
    score("time")
    speeds, first = {}, {}
    for length in (PROMPT_WORDS, LONG_PROMPT_WORDS) if extent == WHOLE else (PROMPT_WORDS,):
        first[length] = {1: _seconds(generate, words(0, length), 1)}
        speeds[length] = {1: new_tokens / _seconds(generate, words(0, length), new_tokens)}
    scores = [1 / _seconds(score, words(5000 + number, REVIEW_WORDS)) for number in range(REVIEWS_ALONE)]
    figures = {
        "tokens_per_second": speeds,
        "first_token_seconds": first,
        "reviews_per_second": statistics.median(scores),
        "peak_memory_bytes": peak_memory(),
    }
    print(json.dumps(figures))


def _seconds(act: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    act(*arguments)
    return time.perf_counter() - began


main()
