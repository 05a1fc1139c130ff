"""A number that is not finite is an error with a remedy, and only for the text that it comes from."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from transformers import TokenizersBackend

from bot.engine.model import EngineModel
from bot.engine.transformers.loading import load_model
from bot.errors import BotError, NumbersNotFinite
from bot.features.xray.terminal import surprisals_object
from bot.questions.continuation import ContinuationQuestion
from bot.questions.contrast import ContrastQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ModelInfo, Question
from bot.questions.sampler import SamplerQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.tokens import Likelihood, Token
from bot.questions.topk import TopKQuestion
from bot.questions.xray import Surprisals, TokenSurprisal, XrayQuestion
from tests.console import PROMPT, Console
from tests.engine.requests import assert_same
from tests.engine.small_models import llama, overflowing_demo, random_model
from tests.engine.together import written_together

QUESTIONS = [
    ["topk", PROMPT],
    ["topk", PROMPT, "--after-ids", "890,5"],
    ["continue", PROMPT],
    ["continue", PROMPT, "--strategy", "sample"],
    ["continue", PROMPT, "--strategy", "beam"],
    ["sentiment", "I laughed all the way home."],
    ["sentiment", "I laughed all the way home.", "--explain"],
    ["decide", "I laughed all the way home.", "--preset", "spam"],
    ["decide", "I laughed all the way home.", "--preset", "spam", "--explain"],
    ["xray", PROMPT],
    ["diff", PROMPT, "--dtype-b", "float32"],
    ["compare", PROMPT],
    ["sampler", PROMPT],
    ["layers", PROMPT],
    ["contrast", PROMPT, "It was a"],
    ["why", PROMPT],
]
WORD = " night"  # its embedding is NaN in the model of these tests
GREEDY = GenerationParameters.from_options(strategy="greedy", max_new_tokens=8)


@pytest.fixture(scope="module")
def overflowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return overflowing_demo(tmp_path_factory.mktemp("overflowing"))


@pytest.fixture(scope="module")
def bad_word_model(tmp_path_factory: pytest.TempPathFactory, demo_model: EngineModel) -> EngineModel:
    (id_,) = (token.id for token in demo_model.answer(TokenizationQuestion(WORD))[0].tokens)

    def spoil(model: Any) -> None:
        model.get_input_embeddings().weight[id_] = float("nan")

    folder = random_model(tmp_path_factory.mktemp("bad_word"), llama(), spoil)
    return load_model(str(folder), max_prompt_tokens=100)


@pytest.mark.parametrize("output", [[], ["--json"]], ids=["table", "json"])
@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_an_overflow_is_one_line_that_suggests_another_dtype(
    console: Console, overflowing: Path, question: list[str], output: list[str]
) -> None:
    error = console.error(*question, *output, "--model", str(overflowing), "--dtype", "float16", code=78)
    assert "float16" in error
    assert "BOT_DTYPE=bfloat16 or float32" in error


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_suggested_dtypes_answer(overflowing: Path, dtype: str) -> None:
    assert (
        load_model(str(overflowing), dtype=dtype, max_prompt_tokens=100)
        .answer(TopKQuestion(PROMPT, 3))
        .next_tokens.candidates
    )


def test_an_infinite_logit_is_refused_too(tmp_path: Path) -> None:
    def spoil(model: Any) -> None:
        model.lm_head.weight[7] = 0.0
        model.lm_head.weight[7, 0] = float("inf")

    model = load_model(str(random_model(tmp_path, llama(), spoil)), max_prompt_tokens=100)
    questions: list[Question[Any]] = [
        TopKQuestion(PROMPT, 3),
        XrayQuestion(PROMPT),
        SamplerQuestion(PROMPT, 1.0, 0, 1.0, 1.0),
        ContrastQuestion(PROMPT, "It was a"),
    ]
    for question in questions:
        with pytest.raises(NumbersNotFinite):
            model.answer(question)


def test_a_bad_text_does_not_fail_the_texts_computed_with_it(bad_word_model: EngineModel) -> None:
    texts = ["It was a dark", f"It was{WORD} a", "The old man said", f"The{WORD}"]
    alone = {text: bad_word_model.answer(ContinuationQuestion(text, GREEDY)) for text in texts if WORD not in text}
    ended = dict(zip(texts, written_together(bad_word_model, texts, GREEDY), strict=True))
    for text, result in alone.items():
        assert_same(result, ended[text])
    for text in texts:
        if WORD in text:
            assert isinstance(ended[text], BotError)
            assert "not finite" in str(ended[text])


def test_an_infinite_perplexity_is_null_in_json() -> None:
    impossible = Likelihood(-1000.0, 4096)
    tokens = tuple(TokenSurprisal(Token(1, "a"), likelihood, ()) for likelihood in (None, impossible))
    info = ModelInfo("demo", "demo", None, "float32", "cpu", 512, 4096, 1)
    written = json.loads(json.dumps(surprisals_object(Surprisals("aa", tokens, 1), info), allow_nan=False))
    assert written["perplexity"] is None
    assert math.isfinite(written["bits_per_character"])


class PanicException(BaseException):
    """As pyo3 raises it for a panic in Rust, which is what the tokenizers library is written in."""


def test_a_tokenizer_that_panics_on_a_text_gives_one_line(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenize = TokenizersBackend.__call__

    def panic(self: TokenizersBackend, text: str, **options: Any) -> Any:
        if "zebra" in text:
            raise PanicException(f"byte index 7 is not a char boundary of {text}")
        return tokenize(self, text, **options)

    monkeypatch.setattr(TokenizersBackend, "__call__", panic)
    for command in (
        "topk",
        "continue",
        "sentiment",
        "tokenize",
        "xray",
        "compare",
        "sampler",
        "contrast",
        "layers",
        "why",
    ):
        second = [PROMPT] if command == "contrast" else []
        error = console.error(command, "It was a zebra", *second, "--model", "demo", code=2)
        assert (
            error == "nightword: The tokenizer of the model demo failed on this text. Change the text or shorten it.\n"
        )
        assert console.run(command, PROMPT, *second, "--model", "demo")[0]
