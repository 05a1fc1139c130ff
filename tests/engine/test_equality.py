"""What the bot shows equals what plain transformers computes, on our weights and on others'."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bot.engine.model import EngineModel
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, PromptTooLong, SentimentUnsupported
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import Sentiment, SentimentBatchQuestion, SentimentQuestion
from bot.questions.topk import TopKQuestion
from tests.engine.plain import REVIEWS

PROMPTS = ["Once upon", "It was a dark and stormy", "The old man said <|endoftext|> to", "déjà vu 你好 \n\n", " "]
TOLERANCE = 1e-5
OPEN = {"temperature": 1.3, "top_k": 0, "top_p": 1.0}  # only what the stage cuts is missing


@pytest.mark.parametrize("prompt", PROMPTS)
def test_next_tokens(ours: EngineModel, plain: Any, tokenizer: Any, prompt: str) -> None:
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        logits = plain(inputs.input_ids).logits[0, -1]
    probabilities = torch.softmax(logits, dim=-1)
    order = torch.argsort(logits, descending=True)[:25].tolist()

    result = ours.answer(TopKQuestion(prompt, 25)).next_tokens

    assert list(result.input_ids) == inputs.input_ids[0].tolist()
    assert [candidate.token.id for candidate in result.candidates] == order
    assert [candidate.rank for candidate in result.candidates] == list(range(1, 26))
    for candidate in result.candidates:
        assert candidate.logit == pytest.approx(logits[candidate.token.id].item(), rel=TOLERANCE, abs=TOLERANCE)
        assert candidate.probability == pytest.approx(
            probabilities[candidate.token.id].item(), rel=TOLERANCE, abs=TOLERANCE
        )
    assert result.remainder == pytest.approx(1 - probabilities[order].sum().item(), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "plain_options"),
    [
        ({"strategy": "greedy"}, {"do_sample": False}),
        (
            {"strategy": "greedy", "repetition_penalty": 1.7, "max_new_tokens": 40},
            {"do_sample": False, "repetition_penalty": 1.7, "max_new_tokens": 40},
        ),
        ({"strategy": "beam"}, {"do_sample": False, "num_beams": 5}),
        (
            {"strategy": "beam", "num_beams": 3, "repetition_penalty": 2.0, "max_new_tokens": 38},
            {"do_sample": False, "num_beams": 3, "repetition_penalty": 2.0, "max_new_tokens": 38},
        ),
        (
            {"strategy": "sample", "temperature": 1.3, "top_k": 0, "top_p": 1.0, "seed": 11},
            {"do_sample": True, "temperature": 1.3, "top_k": 0, "top_p": 1.0},
        ),
        (
            {"strategy": "sample", "temperature": 0.9, "top_k": 7, "top_p": 0.9, "seed": 12, "repetition_penalty": 1.2},
            {"do_sample": True, "temperature": 0.9, "top_k": 7, "top_p": 0.9, "repetition_penalty": 1.2},
        ),
        *(
            ({"strategy": "sample", "seed": 13, **OPEN, **stage}, {"do_sample": True, **OPEN, **stage})
            for stage in (
                {"min_p": 0.1},
                {"top_h": 0.6},
                {"typical_p": 0.4},
                {"epsilon_cutoff": 0.01},
                {"eta_cutoff": 0.02},
                {"no_repeat_ngram_size": 2, "min_p": 0.05, "top_h": 0.9, "typical_p": 0.8, "eta_cutoff": 0.001},
            )
        ),
        *(
            (
                {"strategy": strategy, "no_repeat_ngram_size": size, "max_new_tokens": 40, **beams},
                {"do_sample": False, "no_repeat_ngram_size": size, "max_new_tokens": 40, **beams},
            )
            for strategy, size, beams in (("greedy", 1, {}), ("greedy", 2, {}), ("beam", 2, {"num_beams": 3}))
        ),
    ],
)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_generation(
    ours: EngineModel, plain: Any, tokenizer: Any, prompt: str, options: Any, plain_options: Any
) -> None:
    inputs = tokenizer(prompt, return_tensors="pt")
    torch.manual_seed(options.get("seed", 0))
    output = plain.generate(**inputs, pad_token_id=tokenizer.eos_token_id, **({"max_new_tokens": 20} | plain_options))[
        0
    ].tolist()

    result = ours.answer(ContinuationQuestion(prompt, GenerationParameters.from_options(**options)))

    assert list(result.input_ids) + list(result.output_ids) == output
    ended = output[-1] == tokenizer.eos_token_id and len(result.output_ids) > 0
    assert result.finish_reason == ("stop" if ended else "length")
    before = tokenizer.decode(inputs.input_ids[0])
    assert before + result.text == tokenizer.decode(output[:-1] if ended else output)


def test_a_checkpoint_s_generation_config_is_ignored(model_folder: Path, tmp_path: Path) -> None:
    parameters = GenerationParameters.from_options(strategy="greedy", max_new_tokens=30)
    question = ContinuationQuestion("Once upon", parameters)
    before = load_model(str(model_folder), max_prompt_tokens=1024).answer(question)
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    options = {"do_sample": True, "temperature": 5.0, "top_k": 3, "repetition_penalty": 1.9, "num_beams": 4}
    path = folder / "generation_config.json"
    config = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(config | options))
    assert load_model(str(folder), max_prompt_tokens=1024).answer(question).output_ids == before.output_ids


def test_a_seed_repeats_its_sample_and_the_global_generator_is_untouched(ours: EngineModel) -> None:
    parameters = GenerationParameters.from_options(strategy="sample", seed=5, max_new_tokens=40)
    torch.manual_seed(99)
    state = torch.random.get_rng_state()
    first = ours.answer(ContinuationQuestion("Once upon", parameters))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(1000)
    other = GenerationParameters.from_options(strategy="sample", seed=6, max_new_tokens=40)
    assert ours.answer(ContinuationQuestion("Once upon", other)).output_ids != first.output_ids
    assert ours.answer(ContinuationQuestion("Once upon", parameters)) == first


@pytest.mark.parametrize("model_folder", ["demo", "random Qwen2"], indirect=True)
@pytest.mark.parametrize("review", REVIEWS)
def test_sentiment(ours: EngineModel, plain: Any, tokenizer: Any, review: str) -> None:
    # The second notebook's function, its line breaks and indentation included.
    prompt = f"""Question: Is the following review positive or
    negative about the movie?
    Review: {review} Answer:"""
    (positive,), (negative,) = tokenizer.encode(" positive"), tokenizer.encode(" negative")
    with torch.no_grad():
        logits = plain(tokenizer(prompt, return_tensors="pt").input_ids).logits[0, -1]
    whole = logits.softmax(-1)

    result = ours.answer(SentimentQuestion(review))

    assert result.label == ("Positive" if logits[positive] > logits[negative] else "Negative")
    assert result.positive_logit == pytest.approx(logits[positive].item(), rel=TOLERANCE, abs=TOLERANCE)
    assert result.negative_logit == pytest.approx(logits[negative].item(), rel=TOLERANCE, abs=TOLERANCE)
    share = whole[positive] / (whole[positive] + whole[negative])
    assert result.positive_probability == pytest.approx(share.item(), abs=1e-5)
    assert result.positive_probability + result.negative_probability == pytest.approx(1, abs=1e-6)
    assert result.label_mass == pytest.approx((whole[positive] + whole[negative]).item(), abs=1e-5)


def test_a_batch_has_the_verdicts_of_single_reviews_and_an_error_for_each_unfit_one(demo_model: EngineModel) -> None:
    reviews = (*REVIEWS, "Good.", " \n", "the " * 2000)
    *results, empty, long = demo_model.answer(SentimentBatchQuestion(reviews))
    assert isinstance(empty, EmptyPrompt)
    assert isinstance(long, PromptTooLong)
    assert str(empty).startswith("The review is empty")
    assert str(long).startswith("The review with the question around it")
    for review, result in zip(reviews[:-2], results, strict=True):
        assert isinstance(result, Sentiment)
        alone = demo_model.answer(SentimentQuestion(review))
        assert (result.review, result.label, result.input_ids) == (review, alone.label, alone.input_ids)
        assert result.scores == pytest.approx(alone.scores, rel=TOLERANCE, abs=TOLERANCE)
        assert result.positive_probability == pytest.approx(alone.positive_probability, abs=1e-5)


def test_equal_logits_give_negative(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForwardPasses, "last_logits", lambda *_: torch.zeros(4096))
    assert demo_model.answer(SentimentQuestion("so-so")).label == "Negative"


def test_a_tokenizer_that_splits_a_label_is_refused_with_its_pieces(stories_model: EngineModel) -> None:
    with pytest.raises(SentimentUnsupported, match=r"' positive' into '▁p' \+ 'o' \+ 's' \+ 'it' \+ 'i' \+ 've'"):
        stories_model.answer(SentimentQuestion("good"))
    with pytest.raises(SentimentUnsupported):
        stories_model.answer(SentimentBatchQuestion(("good",)))


def test_the_default_dtype_is_float32(model_folder: Path) -> None:
    assert load_model(str(model_folder), max_prompt_tokens=10).info.dtype == "float32"
    assert load_model(str(model_folder), dtype="bfloat16", max_prompt_tokens=10).info.dtype == "bfloat16"


def test_no_warnings_on_the_console(ours: EngineModel, capfd: pytest.CaptureFixture[str]) -> None:
    for strategy in ("greedy", "sample", "beam"):
        parameters = GenerationParameters.from_options(strategy=strategy)
        ours.answer(ContinuationQuestion("Once upon a time", parameters))
    assert capfd.readouterr() == ("", "")
