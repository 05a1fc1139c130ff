"""Evaluate the demo model: held-out novels, the famous opening, reviews, and the share of real words in samples."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel
from bot.questions.sentiment import SentimentQuestion
from bot.questions.topk import TopKQuestion
from training.review_grammar import LabelledReview

OPENING_PROMPT = "It was a dark and stormy"
PLAIN_REVIEWS = Path("tests/data/plain_reviews.jsonl")
# Without the opening, which the model has memorized.
SAMPLE_PROMPTS = ("The old man", "She said", "In the morning", "I think that")
SAMPLES = 5  # for each prompt
SAMPLED_TOKENS = 60
HELD_OUT_TOKENS = 200_000
CONTEXT = 512


def evaluate(folder: Path, *, novels: list[str], held_out: list[str], reviews: list[LabelledReview]) -> dict[str, Any]:
    """Return the figures of MODEL_CARD.md for the model in `folder`, computed in float32 with the bot's code."""
    model = load_model(str(folder), max_prompt_tokens=CONTEXT)
    opening = model.answer(TopKQuestion(OPENING_PROMPT, 5)).next_tokens
    return {
        "parameters": model.info.parameter_count,
        "nats_per_token_on_held_out_novels": round(nats_per_token(folder, held_out), 3),
        "opening": {candidate.token.text: round(candidate.probability, 4) for candidate in opening.candidates},
        "accuracy_on_held_out_grammar_reviews": round(_accuracy(model, reviews), 4),
        "accuracy_on_plain_reviews": round(_accuracy(model, _plain_reviews()), 4),
        "share_of_real_words_sampled": round(real_word_share(model, known_words(novels)), 4),
    }


@torch.inference_mode()
def nats_per_token(folder: Path, texts: list[str]) -> float:
    """Return the mean negative log-likelihood over separate windows of CONTEXT tokens."""
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids: list[int] = tokenizer("\n".join(texts)).input_ids[:HELD_OUT_TOKENS]
    windows = torch.tensor(ids[: len(ids) // CONTEXT * CONTEXT]).view(-1, CONTEXT)
    total = 0.0
    for window in torch.split(windows, 8):
        logits = model(input_ids=window).logits[:, :-1]
        total += torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), window[:, 1:].flatten(), reduction="sum"
        ).item()
    return total / (windows.shape[0] * (CONTEXT - 1))


def known_words(novels: list[str]) -> frozenset[str]:
    """Return the words that occur at least three times in the novels."""
    counts = Counter(word for text in novels for word in _words(text))
    return frozenset(word for word, count in counts.items() if count >= 3)


def real_word_share(model: LanguageModel, known: frozenset[str]) -> float:
    """Return the share of known words in sampled continuations, without the last word of each."""
    words: list[str] = []
    for prompt, seed in itertools.product(SAMPLE_PROMPTS, range(SAMPLES)):
        parameters = GenerationParameters.from_options(strategy="sample", max_new_tokens=SAMPLED_TOKENS, seed=seed)
        words += _words(model.answer(ContinuationQuestion(prompt, parameters)).text)[:-1]
    return sum(word in known for word in words) / len(words)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def _accuracy(model: LanguageModel, reviews: list[LabelledReview]) -> float:
    return sum(model.answer(SentimentQuestion(review)).label == label for review, label in reviews) / len(reviews)


def _plain_reviews() -> list[LabelledReview]:
    lines = PLAIN_REVIEWS.read_text(encoding="utf-8").splitlines()
    return [LabelledReview(**json.loads(line)) for line in lines]
