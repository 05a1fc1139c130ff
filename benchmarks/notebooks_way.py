"""The notebooks' way: one request at a time, with `generate` and a full forward pass for each.

usage: python -m benchmarks.notebooks_way FOLDER DTYPE NEW_TOKENS
"""

import json
import statistics
import sys
import time
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.cli.bench.work import PROMPT_WORDS, REVIEW_WORDS, ROUNDS, words
from bot.questions.sentiment import SENTIMENT


def main() -> None:
    """Print tokens/s and reviews/s as JSON."""
    folder, dtype, new_tokens = sys.argv[1], sys.argv[2], int(sys.argv[3])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    labels = [tokenizer(label, add_special_tokens=False).input_ids[0] for label in SENTIMENT.labels]

    @torch.inference_mode()
    def generate(prompt: str) -> None:
        ids = tokenizer(prompt, return_tensors="pt")
        model.generate(**ids, max_new_tokens=new_tokens, min_new_tokens=new_tokens, do_sample=False, pad_token_id=0)

    @torch.inference_mode()
    def score(review: str) -> bool:
        logits = model(tokenizer(SENTIMENT.prompt(review), return_tensors="pt").input_ids).logits[0, -1]
        return bool(logits[labels[0]] > logits[labels[1]])

    generate("time")
    speeds, scores = [], []
    for turn in range(ROUNDS):
        began = time.perf_counter()
        generate(words(turn, PROMPT_WORDS))
        speeds.append(new_tokens / (time.perf_counter() - began))
        began = time.perf_counter()
        score(words(5000 + turn, REVIEW_WORDS))
        scores.append(1 / (time.perf_counter() - began))
    print(json.dumps({"tokens_per_second": statistics.median(speeds), "reviews_per_second": statistics.median(scores)}))


main()
