"""Surprisals and walks equal what plain transformers computes for the same ids."""

import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.engine.model import EngineModel
from bot.engine.transformers import forward_passes
from bot.engine.transformers.llama.network import LlamaNetwork
from bot.errors import EmptyPrompt, OptionOutOfRange, PromptTooLong
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.tokens import Likelihood
from bot.questions.topk import SampledStepQuestion, TopKQuestion
from bot.questions.xray import Surprisals, XrayQuestion
from tests.engine.exploring import ODD_TEXTS, close, plain_log_probabilities


def assert_equal_to_plain(result: Surprisals, plain: Any, ids: list[int]) -> None:
    expected = plain_log_probabilities(plain, ids)
    assert [entry.token.id for entry in result.tokens] == ids
    assert result.tokens[0].likelihood is None
    assert result.tokens[0].favourites == ()
    for position, entry in enumerate(result.tokens[1:], start=1):
        before = expected[position - 1]
        assert entry.likelihood is not None
        own = before[ids[position]]
        assert entry.likelihood.log_probability == close(own.item())
        # two log-probabilities that differ only by rounding can swap ranks
        assert int((before > own + 1e-4).sum()) < entry.likelihood.rank <= int((before > own - 1e-4).sum()) + 1
        top = before.topk(5)
        assert [candidate.rank for candidate in entry.favourites] == [1, 2, 3, 4, 5]
        assert [math.log(candidate.probability) for candidate in entry.favourites] == close(top.values.tolist())
    special = torch.tensor([entry.is_special for entry in result.tokens[1:]])
    gathered = expected[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0].double()[~special]
    assert result.perplexity == pytest.approx(torch.exp(-gathered.mean()).item(), rel=1e-4)
    assert result.bits == pytest.approx(-gathered.sum().item() / math.log(2), rel=1e-5, abs=1e-4)
    assert result.bits_per_character == pytest.approx(result.bits / max(1, result.predicted_characters))


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_surprisals(ours: EngineModel, plain: Any, tokenizer: Any, text: str) -> None:
    ids = tokenizer(text).input_ids
    if len(ids) == 1:
        pytest.skip("a text of one token is refused, which another test checks")
    result = ours.answer(XrayQuestion(text))
    assert_equal_to_plain(result, plain, ids)
    assert [entry.is_special for entry in result.tokens] == [id_ in tokenizer.all_special_ids for id_ in ids]


@pytest.mark.parametrize("piece", [7, 64])
def test_a_long_text_in_pieces(
    ours: EngineModel, plain: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(forward_passes, "LOGITS_ROWS", piece)
    text = "Once upon a time there was a little girl. " * 5
    assert_equal_to_plain(ours.answer(XrayQuestion(text)), plain, tokenizer(text).input_ids)


def test_no_more_than_64_rows_of_a_vocabulary_at_a_time(
    qwen2_model: EngineModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[int, ...]] = []
    forward = LlamaNetwork.forward

    def record(*arguments: Any) -> Any:
        logits = forward(*arguments)
        shapes.append(tuple(logits.shape))
        return logits

    monkeypatch.setattr(LlamaNetwork, "forward", record)
    result = qwen2_model.answer(XrayQuestion("word " * 300))
    assert len(result.likelihoods) >= 300
    assert max(rows for rows, _ in shapes) == 64


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(min_size=1, max_size=40)
    | st.sampled_from(["🧑🏽‍🚀" * 3, "漢字かな交じり文", "\u0627\u0644\u0644\u063a\u0629"])
)
def test_any_text_is_explored_or_refused(demo_model: EngineModel, text: str) -> None:
    try:
        result = demo_model.answer(XrayQuestion(text))
    except EmptyPrompt:
        assert len(demo_model.answer(TokenizationQuestion(text))[0].tokens) == 1
        return
    assert [entry.token for entry in result.tokens] == list(demo_model.answer(TokenizationQuestion(text))[0].tokens)
    assert len(result.likelihoods) == len(result.tokens) - 1
    assert 0 <= result.predicted_characters <= len(text)
    assert (result.perplexity or 0) >= 1
    surprisals = [likelihood.surprisal for likelihood in result.likelihoods]
    assert min(surprisals) >= 0
    bits = [0.0 if entry.likelihood is None else entry.likelihood.surprisal for entry in result.tokens]
    assert [bits[position] for position in result.most_surprising()] == sorted(surprisals, reverse=True)[:5]


def test_the_first_token_s_characters_are_not_predicted(demo_model: EngineModel, stories_model: EngineModel) -> None:
    assert demo_model.answer(XrayQuestion("It was")).predicted_characters == len(" was")
    with_bos = stories_model.answer(XrayQuestion("It was"))
    assert with_bos.tokens[0].token.text == "<s>"
    assert with_bos.predicted_characters == len("It was")


def test_a_text_of_one_token_is_refused(demo_model: EngineModel, stories_model: EngineModel) -> None:
    message = (
        "The text is only one token, so there is nothing to predict it from. It must have 2 to 512 tokens. "
        "Write more text."
    )
    with pytest.raises(EmptyPrompt, match=message):
        demo_model.answer(XrayQuestion("It"))
    with pytest.raises(EmptyPrompt, match="The text is empty: 0 tokens"):
        demo_model.answer(XrayQuestion(""))
    with pytest.raises(PromptTooLong, match="The text has 513 tokens"):
        demo_model.answer(XrayQuestion(" the" * 513))
    demo_model.answer(XrayQuestion(" the" * 512))
    assert (
        len(stories_model.answer(XrayQuestion("a")).likelihoods)
        == len(stories_model.answer(TokenizationQuestion("a"))[0].tokens) - 1
    )


def test_rank_classes_are_those_of_gltr() -> None:
    classes = {rank: Likelihood(-1.0, rank).rank_class for rank in (1, 10, 11, 100, 101, 1000, 1001)}
    assert list(classes.values()) == ["top 10", "top 10", "top 100", "top 100", "top 1000", "top 1000", "beyond"]
    assert Likelihood(-2 * math.log(2), 3).surprisal == pytest.approx(2)
    assert Likelihood(-2 * math.log(2), 3).probability == pytest.approx(0.25)


@pytest.mark.parametrize("temperature", [1.0, 0.4, 2.0])
def test_a_walk_is_next_tokens_along_its_path(
    ours: EngineModel, plain: Any, tokenizer: Any, temperature: float
) -> None:
    prompt = "It was a dark"
    input_ids = tokenizer(prompt).input_ids
    chosen: list[int] = []
    for number in range(6):
        chosen.append(
            ours.answer(TopKQuestion(prompt, 8, tuple(chosen), temperature)).candidates[number % 3].candidate.token.id
        )
    result = ours.answer(TopKQuestion(prompt, 8, tuple(chosen), temperature))
    expected = plain_log_probabilities(plain, input_ids + chosen)
    last = expected[-1]
    assert list(result.input_ids) == input_ids
    assert [step.token.id for step in result.steps] == chosen
    own = [expected[len(input_ids) - 1 + n, id_].item() for n, id_ in enumerate(chosen)]
    assert [step.likelihood.log_probability for step in result.steps] == close(own)
    assert [step.likelihood.rank for step in result.steps] == [1, 2, 3, 1, 2, 3]
    assert result.log_probability == close(sum(own))
    assert result.text == tokenizer.decode(input_ids + chosen)[len(tokenizer.decode(input_ids)) :]
    ids = [entry.candidate.token.id for entry in result.candidates]
    assert [entry.candidate.probability for entry in result.candidates] == close(last.topk(8).values.exp().tolist())
    assert [entry.probability_at_temperature for entry in result.candidates] == close(
        (last / temperature).softmax(-1)[ids].tolist()
    )


def test_the_first_step_of_a_walk_is_next_tokens(ours: EngineModel) -> None:
    result = ours.answer(TopKQuestion("Once upon", 12, (), 1.0))
    assert [entry.candidate for entry in result.candidates] == list(
        ours.answer(TopKQuestion("Once upon", 12)).next_tokens.candidates
    )
    assert [entry.probability_at_temperature for entry in result.candidates] == close(
        [entry.candidate.probability for entry in result.candidates]
    )
    assert (result.steps, result.text, result.log_probability, result.ended) == ((), "", 0, False)


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_draws_along_a_walk_are_a_sampled_continuation(ours: EngineModel, temperature: float) -> None:
    parameters = GenerationParameters.from_options(
        strategy="sample", max_new_tokens=8, temperature=temperature, top_k=0, top_p=1.0, seed=17
    )
    expected = ours.answer(ContinuationQuestion("Once upon", parameters)).output_ids
    chosen: list[int] = []
    while len(chosen) < len(expected):
        drawn = ours.answer(SampledStepQuestion(TopKQuestion("Once upon", 1, tuple(chosen), temperature), 17)).steps[-1]
        chosen.append(drawn.token.id)
        step = ours.answer(TopKQuestion("Once upon", 1, tuple(chosen), temperature)).steps[-1]
        assert step.likelihood.rank == drawn.likelihood.rank
        assert step.likelihood.probability == close(drawn.likelihood.probability)
    assert tuple(chosen) == expected


def test_the_limits_of_a_walk(demo_model: EngineModel) -> None:
    the = demo_model.answer(TokenizationQuestion(" the"))[0].tokens[0].id
    demo_model.answer(TopKQuestion(" the" * 500, 3, tuple([the] * 12), 1.0))
    with pytest.raises(PromptTooLong, match="The prompt with its path has 513 tokens, but the limit is 512"):
        demo_model.answer(TopKQuestion(" the" * 500, 3, tuple([the] * 13), 1.0))
    with pytest.raises(OptionOutOfRange, match="a chosen id is 4096, but must be from 0 to 4,095"):
        demo_model.answer(SampledStepQuestion(TopKQuestion("It", 1, (4096,), 1.0), 3))
    with pytest.raises(OptionOutOfRange, match="temperature is 0"):
        demo_model.answer(TopKQuestion("It", 3, (), 0.0))
    with pytest.raises(OptionOutOfRange, match="seed is -1"):
        demo_model.answer(SampledStepQuestion(TopKQuestion("It", 1, (), 1.0), -1))
    with pytest.raises(EmptyPrompt):
        demo_model.answer(TopKQuestion("", 3, (), 1.0))
    assert demo_model.answer(TopKQuestion("It", 3, (0,), 1.0)).ended
