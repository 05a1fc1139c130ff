"""Guesses are scored as in plain transformers, by the first token that a reader would mean."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, PromptTooLong
from bot.questions.topk import GuessQuestion, RevealQuestion
from tests.engine.exploring import close
from tests.engine.small_models import llama, plain_model, random_model

PROMPT = "It was a dark and stormy"


@pytest.mark.parametrize("guess", ["night", "Night", "and then", "thunderstorm", "!", "😀", "雨", "\u202e", "7"])
def test_the_more_probable_way_to_write_a_guess_counts(
    ours: EngineModel, plain: Any, tokenizer: Any, guess: str
) -> None:
    with torch.no_grad():
        logits = plain(torch.tensor([tokenizer(PROMPT).input_ids])).logits[0, -1]
    before = tokenizer(PROMPT, add_special_tokens=False).input_ids
    together = [tokenizer(PROMPT + written, add_special_tokens=False).input_ids for written in (guess, f" {guess}")]
    # The guess's tokens are those after the prompt's. If the prompt would be split differently, the guess is tokenized
    # after a line break instead.
    line = tokenizer("\n", add_special_tokens=False).input_ids
    both = [
        ids[len(before)] if ids[: len(before)] == before
        else tokenizer(f"\n{guess}", add_special_tokens=False).input_ids[len(line)]
        for ids in together
    ]  # fmt: skip
    both = [id_ for id_ in both if tokenizer.decode([id_]).strip()]  # a space alone doesn't count as a guess
    expected = max(both, key=lambda id_: float(logits[id_]))

    scored = ours.answer(GuessQuestion(PROMPT, guess))

    assert scored.token.id == expected
    assert scored.probability == close(logits.softmax(-1)[expected].item())
    assert scored.rank == int((logits > logits[expected]).sum()) + 1
    assert ours.answer(RevealQuestion(PROMPT, 1, tuple(both))).guesses == tuple(
        ours.answer(RevealQuestion(PROMPT, 1, (id_,))).guesses[0] for id_ in both
    )


def test_a_guessed_word_gets_the_space_before_it(demo_model: EngineModel) -> None:
    assert demo_model.answer(GuessQuestion(PROMPT, "night")).token.text == " night"
    assert demo_model.answer(GuessQuestion(PROMPT, ", and")).token.text == ","


def test_equally_probable_tokens_share_the_best_rank(tmp_path: Path) -> None:
    folder = random_model(tmp_path, llama(), lambda model: model.lm_head.weight[2048:].zero_())
    model = load_model(str(folder), max_prompt_tokens=100)
    scored = model.answer(RevealQuestion(PROMPT, 1, (2048, 4095)))
    with torch.no_grad():
        logits = plain_model(folder)(torch.tensor([scored.top.input_ids])).logits[0, -1]
    assert [guess.logit for guess in scored.guesses] == [0, 0]
    assert [guess.rank for guess in scored.guesses] == [int((logits > 0).sum()) + 1] * 2


def test_no_guesses_give_no_scores(demo_model: EngineModel) -> None:
    assert demo_model.answer(RevealQuestion(PROMPT, 1, ())).guesses == ()


def test_empty_and_too_long_texts_are_refused(demo_model: EngineModel) -> None:
    with pytest.raises(EmptyPrompt, match="The guess is empty"):
        demo_model.answer(GuessQuestion(PROMPT, ""))
    with pytest.raises(EmptyPrompt, match="The prompt is empty"):
        demo_model.answer(GuessQuestion("", "night"))
    with pytest.raises(PromptTooLong):
        demo_model.answer(RevealQuestion("the " * 600, 1, (1,)))
