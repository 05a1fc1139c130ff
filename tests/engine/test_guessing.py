"""Guesses are scored as plain transformers scores them, and begin with the token that a reader would mean."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, PromptTooLong
from bot.questions.topk import GuessQuestion, RevealQuestion, TopKQuestion
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
    # What follows "stormy" is the difference; where that word would be cut otherwise, the guess is cut as after a line.
    line = tokenizer("\n", add_special_tokens=False).input_ids
    both = [
        ids[len(before)] if ids[: len(before)] == before
        else tokenizer(f"\n{guess}", add_special_tokens=False).input_ids[len(line)]
        for ids in together
    ]  # fmt: skip
    both = [id_ for id_ in both if tokenizer.decode([id_]).strip()]  # a space alone is no guess
    expected = max(both, key=lambda id_: float(logits[id_]))

    found = ours.answer(GuessQuestion(PROMPT, guess))

    assert found.token.id == expected
    assert found.probability == close(logits.softmax(-1)[expected].item())
    assert found.rank == int((logits > logits[expected]).sum()) + 1
    assert ours.answer(RevealQuestion(TopKQuestion(PROMPT, 1), tuple(both))).guesses == tuple(
        ours.answer(RevealQuestion(TopKQuestion(PROMPT, 1), (id_,))).guesses[0] for id_ in both
    )


def test_a_word_is_meant_with_the_space_before_it(demo_model: EngineModel) -> None:
    assert demo_model.answer(GuessQuestion(PROMPT, "night")).token.text == " night"
    assert demo_model.answer(GuessQuestion(PROMPT, ", and")).token.text == ","


def test_equally_probable_tokens_share_the_best_rank(tmp_path: Path) -> None:
    folder = random_model(tmp_path, llama(), lambda model: model.lm_head.weight[2048:].zero_())
    model = load_model(str(folder), max_prompt_tokens=100)
    scored = model.answer(RevealQuestion(TopKQuestion(PROMPT, 1), (2048, 4095)))
    with torch.no_grad():
        logits = plain_model(folder)(torch.tensor([scored.walk.input_ids])).logits[0, -1]
    assert [guess.logit for guess in scored.guesses] == [0, 0]
    assert [guess.rank for guess in scored.guesses] == [int((logits > 0).sum()) + 1] * 2


def test_no_ids_have_no_scores(demo_model: EngineModel) -> None:
    assert demo_model.answer(RevealQuestion(TopKQuestion(PROMPT, 1), ())).guesses == ()


def test_what_cannot_be_scored(demo_model: EngineModel) -> None:
    with pytest.raises(EmptyPrompt, match="The guess is empty"):
        demo_model.answer(GuessQuestion(PROMPT, ""))
    with pytest.raises(EmptyPrompt, match="The prompt is empty"):
        demo_model.answer(GuessQuestion("", "night"))
    with pytest.raises(PromptTooLong):
        demo_model.answer(RevealQuestion(TopKQuestion("the " * 600, 1), (1,)))
