"""Why one token leads another: every effect equals two forward passes of plain transformers."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.engine.transformers.loading import load_model
from bot.errors import EmptyPrompt, PromptTooLong, SameToken
from bot.questions.evidence import MAX_GROUPS
from bot.questions.why import WhyQuestion
from tests.engine.exploring import CLOSE, LOG_CLOSE
from tests.engine.plain import plain_transformers
from tests.engine.small_models import llama, plain_model, random_model

PROMPT = "The old man looked at the sea and"
PROMPTS = [
    PROMPT,
    "dark night",
    "👩‍👩‍👧 déjà vu 你好 🙂 and then",
    "\x00\x7f \u202eabc \ufeff <|endoftext|> said",
]


def plain_logits(model: Any, tokenizer: Any, text: str) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(torch.tensor([tokenizer(text).input_ids])).logits[0, -1]
    return logits


def check_effects(
    ours: EngineModel, plain: Any, tokenizer: Any, question: WhyQuestion, together: int = 1, within: float = CLOSE
) -> None:
    """Compare both tokens and every effect with plain transformers. The prompt's words have single spaces between."""
    result = ours.answer(question)
    words = question.prompt.split(" ")
    whole = plain_logits(plain, tokenizer, question.prompt)
    pair = [result.token.token.id, result.instead_of.token.id]
    for entry, id_ in zip((result.token, result.instead_of), pair, strict=True):
        assert entry.probability == pytest.approx(whole.softmax(-1)[id_].item(), abs=CLOSE)
        best, worst = int((whole > whole[id_] + within).sum()) + 1, int((whole >= whole[id_] - within).sum())
        assert best <= entry.rank <= worst
    difference = (whole[pair[0]] - whole[pair[1]]).item()
    assert result.difference == pytest.approx(difference, abs=within)
    assert result.words_together == together
    assert len(result.words) == math.ceil(len(words) / together)
    for number, word in enumerate(result.words):
        first, last = number * together, (number + 1) * together
        assert word.text == question.prompt[word.start : word.end] == " ".join(words[first:last])
        reduced = plain_logits(plain, tokenizer, " ".join(words[:first] + words[last:]))
        assert word.effect == pytest.approx(difference - (reduced[pair[0]] - reduced[pair[1]]).item(), abs=within)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_effect_is_the_change_in_the_difference_without_the_word(
    ours: EngineModel, plain: Any, tokenizer: Any, prompt: str
) -> None:
    best = plain_logits(plain, tokenizer, prompt).topk(2).indices.tolist()
    result = ours.answer(WhyQuestion(prompt))
    assert [result.token.token.id, result.instead_of.token.id] == best
    assert list(result.input_ids) == tokenizer(prompt).input_ids
    check_effects(ours, plain, tokenizer, WhyQuestion(prompt), within=LOG_CLOSE)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("name", ["demo", "random Llama"])
def test_chosen_tokens_have_plain_transformers_effects_to_1e_5(tmp_path: Path, name: str, prompt: str) -> None:
    folder = DEMO_FOLDER if name == "demo" else random_model(tmp_path, llama())
    ours = load_model(str(folder), max_prompt_tokens=200)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    within = CLOSE if ours.info.device == "cpu" else LOG_CLOSE  # plain transformers is on the CPU
    check_effects(ours, plain_model(folder), tokenizer, WhyQuestion(prompt, "night", "day"), within=within)


@pytest.mark.parametrize("words", [MAX_GROUPS, MAX_GROUPS + 1, 280])
def test_many_words_are_left_out_in_groups_and_computed_together(
    demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch, words: int
) -> None:
    batches: list[int] = []
    last_logits_of = ForwardPasses.last_logits_of

    def record(passes: ForwardPasses, texts: list[list[int]], *rest: Any) -> Any:
        batches.append(len(texts))
        return last_logits_of(passes, texts, *rest)

    prompt = " ".join((f"{PROMPT} the captain said that he was " * 20).split(" ")[:words])
    together = math.ceil(words / MAX_GROUPS)
    monkeypatch.setattr(ForwardPasses, "last_logits_of", record)
    demo_model.answer(WhyQuestion(prompt))
    assert batches == [math.ceil(words / together)]
    check_effects(demo_model, *plain_transformers(DEMO_FOLDER), WhyQuestion(prompt), together)


@pytest.mark.parametrize("text", ["night", " night", "thunderstorm", "Night", "!", "😀", "雨", "7"])
def test_a_chosen_token_is_read_as_a_guess_is(ours: EngineModel, plain: Any, tokenizer: Any, text: str) -> None:
    logits = plain_logits(plain, tokenizer, PROMPT)
    before = tokenizer(PROMPT, add_special_tokens=False).input_ids
    line = tokenizer("\n", add_special_tokens=False).input_ids
    possible = []
    for written in (text, f" {text}"):
        ids = tokenizer(PROMPT + written, add_special_tokens=False).input_ids
        if ids[: len(before)] != before:  # the prompt would be split differently, so a line break takes its place
            ids, before_it = tokenizer(f"\n{written}", add_special_tokens=False).input_ids, line
        else:
            before_it = before
        possible.append(ids[len(before_it)])
    possible = [possible[0], *(id_ for id_ in possible[1:] if tokenizer.decode([id_]).strip())]
    expected = max(possible, key=lambda id_: float(logits[id_]))
    other = next(id_ for id_ in logits.topk(2).indices.tolist() if id_ != expected)
    explained = ours.answer(WhyQuestion(PROMPT, token=text))
    assert (explained.token.token.id, explained.instead_of.token.id) == (expected, other)
    compared = ours.answer(WhyQuestion(PROMPT, instead_of=text))
    assert (compared.token.token.id, compared.instead_of.token.id) == (other, expected)
    assert compared.difference == pytest.approx(-explained.difference, abs=LOG_CLOSE)
    check_effects(ours, plain, tokenizer, WhyQuestion(PROMPT, token=text), within=LOG_CLOSE)


def test_two_chosen_tokens_are_compared_in_their_order(demo_model: EngineModel) -> None:
    result = demo_model.answer(WhyQuestion(PROMPT, "said", "the"))
    assert [result.token.token.text, result.instead_of.token.text] == [" said", " the"]
    assert demo_model.answer(WhyQuestion(PROMPT, "the", "said")).difference == pytest.approx(-result.difference)


@pytest.mark.parametrize(
    ("token", "instead_of", "message"),
    [
        ("said", "said", "^'said' is read as the token ' said', which can't be compared with itself"),
        ("said", " said", "^'said' and ' said' are both read as the token ' said'"),
        ("thunderstorm", "thunder", "^'thunderstorm' and 'thunder' are both read as the token "),
    ],
)
def test_the_same_token_twice_is_refused(demo_model: EngineModel, token: str, instead_of: str, message: str) -> None:
    with pytest.raises(SameToken, match=message):
        demo_model.answer(WhyQuestion(PROMPT, token, instead_of))


@pytest.mark.parametrize("prompt", ["night", " night\n", "你好，世界", " ", "🙂"])
def test_a_single_word_is_not_left_out(ours: EngineModel, plain: Any, tokenizer: Any, prompt: str) -> None:
    result = ours.answer(WhyQuestion(prompt))
    best = plain_logits(plain, tokenizer, prompt).topk(2)
    assert [result.token.token.id, result.instead_of.token.id] == best.indices.tolist()
    assert result.difference == pytest.approx((best.values[0] - best.values[1]).item(), abs=LOG_CLOSE)
    assert result.words == ()


def test_empty_and_too_long_texts_are_refused(demo_model: EngineModel) -> None:
    with pytest.raises(EmptyPrompt, match="The prompt is empty"):
        demo_model.answer(WhyQuestion(""))
    with pytest.raises(EmptyPrompt, match="The token is empty"):
        demo_model.answer(WhyQuestion(PROMPT, ""))
    with pytest.raises(EmptyPrompt, match="The other token is empty"):
        demo_model.answer(WhyQuestion(PROMPT, "said", ""))
    with pytest.raises(PromptTooLong):
        demo_model.answer(WhyQuestion("the " * 600))
