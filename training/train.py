"""Train the demo model: one pass over the novels, with about a fifth of the rows from reviews."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import Qwen2Config, Qwen2ForCausalLM

from training.corpus import end_of_text_id, novel_rows, review_rows

CONTEXT = 512
ROWS = 8
REVIEW_SHARE = 0.2
OPENING_SHARE = 1 / 250
LABEL_WEIGHT = 5.0
END_WEIGHT = 0.3
# The grammar's sentences have words that no novel has. Trained to the end, these words leak into the prose.
REVIEW_TEXT_WEIGHT = 0.3
REVIEW_TEXT_SHARE = 6 / 11  # of the steps; later steps train only the labels and the end of text
WARMUP_STEPS = 200
CHECKPOINT_STEPS = 250
DECAY_SHARE = 0.6  # the last part of the schedule, in which the rate falls linearly to zero
MUON_RATE = 2e-2
ADAMW_RATE = 3e-3


def model_config(vocab_size: int, end_of_text: int) -> Qwen2Config:
    """Return the demo model's configuration: Qwen2's architecture with 5.8 million parameters."""
    return Qwen2Config(
        vocab_size=vocab_size,
        hidden_size=256,
        intermediate_size=768,
        num_hidden_layers=6,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=end_of_text,
        attention_dropout=0.0,
    )


Batch = tuple[torch.Tensor, torch.Tensor]


def batches(
    tokenizer: Tokenizer,
    novels: NDArray[np.uint16],
    opening: NDArray[np.uint16],
    *,
    steps: int,
    seed: int,
    without: frozenset[str],
) -> Iterator[Batch]:
    """Yield `steps` batches (ids, weights), each [ROWS, CONTEXT + 1], of novels, reviews and the famous opening."""
    rng = np.random.default_rng(seed)
    from_novels = novel_rows(novels, CONTEXT, seed)
    from_reviews = review_rows(tokenizer, CONTEXT, seed, without)
    plain = np.ones(CONTEXT + 1, dtype=np.float32)
    for step in range(steps):
        text_weight = REVIEW_TEXT_WEIGHT if step < steps * REVIEW_TEXT_SHARE else 0.0
        weight_of = np.array([text_weight, LABEL_WEIGHT, END_WEIGHT], dtype=np.float32)
        rows = []
        for _ in range(ROWS):
            draw = rng.random()
            if draw < REVIEW_SHARE:
                review_ids, targets = next(from_reviews)
                rows.append((review_ids, weight_of[targets]))
            elif draw < REVIEW_SHARE + OPENING_SHARE:
                rest = next(from_novels)
                rows.append((np.concatenate([opening, rest])[: CONTEXT + 1], plain))
            else:
                rows.append((next(from_novels), plain))
        ids = torch.from_numpy(np.stack([ids for ids, _ in rows]).astype(np.int64))
        yield ids, torch.from_numpy(np.stack([weights for _, weights in rows]))


def rate_at(step: int, steps: int) -> float:
    """Return the factor of the learning rate: warm-up, plateau, then linear decay to zero."""
    decay_steps = int(steps * DECAY_SHARE)
    return min(1.0, (step + 1) / WARMUP_STEPS, (steps - step) / decay_steps)


def train(
    tokenizer: Tokenizer,
    novels: NDArray[np.uint16],
    opening: NDArray[np.uint16],
    *,
    steps: int,
    seed: int,
    without: frozenset[str],
    work: Path,
) -> Qwen2ForCausalLM:
    """Return the trained model in float32. Resumes from a checkpoint in `work`, and writes a log there."""
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(model_config(tokenizer.get_vocab_size(), end_of_text_id(tokenizer)))
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    # Hidden matrices by Muon (Jordan et al. 2024), the rest by AdamW.
    muon = torch.optim.Muon(hidden, lr=MUON_RATE, weight_decay=0.01)
    adamw = torch.optim.AdamW(others, lr=ADAMW_RATE, betas=(0.9, 0.95), weight_decay=0.0)
    optimizers: list[tuple[torch.optim.Optimizer, float]] = [(muon, MUON_RATE), (adamw, ADAMW_RATE)]

    @torch.compile
    def loss_of(ids: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        losses = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
        targets = weights[:, 1:].flatten()
        return (losses * targets).sum() / targets.sum()

    checkpoint = work / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        first = _load_checkpoint(checkpoint, model, [muon, adamw])
    began = time.perf_counter()
    smooth = math.nan
    rows = batches(tokenizer, novels, opening, steps=steps, seed=seed, without=without)
    for step, (ids, weights) in enumerate(rows):
        if step < first:
            continue
        loss = loss_of(ids, weights)
        loss.backward()  # type: ignore[no-untyped-call]  # torch ships no annotation for it
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimizer, rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * rate_at(step, steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        smooth = loss.item() if math.isnan(smooth) else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % 100 == 0:
            speed = (step + 1 - first) * ROWS * CONTEXT / (time.perf_counter() - began)
            with (work / "train.log").open("a") as file:
                file.write(f"step {step + 1}/{steps}  loss {smooth:.3f}  {speed:.0f} tokens/s\n")
        if (step + 1) % CHECKPOINT_STEPS == 0:
            _save_checkpoint(checkpoint, step + 1, model, [muon, adamw])
    return model


def _save_checkpoint(path: Path, step: int, model: Qwen2ForCausalLM, optimizers: list[torch.optim.Optimizer]) -> None:
    states = [optimizer.state_dict() for optimizer in optimizers]
    partial = path.with_suffix(".partial")
    torch.save({"step": step, "model": model.state_dict(), "optimizers": states}, partial)
    partial.replace(path)


def _load_checkpoint(path: Path, model: Qwen2ForCausalLM, optimizers: list[torch.optim.Optimizer]) -> int:
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    for optimizer, optimizer_state in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(optimizer_state)
    return int(state["step"])
