"""`nightword diff` in the terminal: its output, its errors, and one model in memory after the other."""

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest

from bot.engine.executor import load_language_model
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers import loading
from bot.questions.diff import DiffQuestion, ReadingQuestion
from bot.settings import Settings
from bot.terminal import console as terminal_console
from tests.console import MODEL, PROMPT, Console
from tests.engine.small_models import llama, random_model, spaced_model


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return random_model(tmp_path / "other", llama(max_position_embeddings=16))


@pytest.fixture
def spaced(tmp_path: Path) -> Path:
    return spaced_model(tmp_path / "spaced")


def test_two_models_with_the_same_tokens(console: Console, demo_model: EngineModel, other: Path) -> None:
    answer = console.json("diff", PROMPT, "--model-b", str(other))
    result = loading.load_model(str(other), max_prompt_tokens=1024).answer(
        DiffQuestion(demo_model.answer(ReadingQuestion(PROMPT)))
    )
    assert answer["command"] == "diff"
    assert answer["a"] == MODEL
    assert answer["b"] == MODEL | {"name": str(other)}
    assert (answer["text"], answer["same_tokens"], answer["no_kl"]) == (PROMPT, True, None)
    assert [token["id"] for token in answer["tokens"]] == [entry.token.id for entry in result.a.tokens]
    first, *rest = answer["tokens"]
    assert [first[name] for name in ("surprisal_a", "surprisal_b", "kl_a_b_bits", "most_probable_a")] == [None] * 4
    for token, part in zip(rest, result.parts[1:], strict=True):
        assert part.divergence is not None
        assert part.favourite_b is not None
        shown = [token[name] for name in ("surprisal_a", "surprisal_b", "kl_a_b_bits", "kl_b_a_bits")]
        expected = [part.bits_a, part.bits_b, part.divergence.a_b, part.divergence.b_a]
        assert shown == pytest.approx(expected, abs=1e-4)
        assert token["most_probable_b"]["id"] == part.favourite_b.token.id
    assert answer["perplexity_b"] == pytest.approx(result.b.perplexity, rel=1e-4)
    assert answer["bits_per_character_a"] == pytest.approx(result.a.bits_per_character, rel=1e-4)
    assert result.mean_divergence is not None
    assert answer["kl_mean"]["kl_b_a_bits"] == pytest.approx(result.mean_divergence.b_a, rel=1e-4)
    assert answer["kl_largest"]["kl_a_b_bits"] == max(token["kl_a_b_bits"] for token in rest)
    assert answer["kl_largest_at"] == result.most_divergent()
    assert (answer["parts_at"], answer["parts_by"]) == (1, ["surprisal", "most_probable"])

    out, err = console.run("diff", PROMPT, "--model-b", str(other), "--model", "demo")
    assert err == ""
    lines = out.splitlines()
    assert lines[0].split() == ["a", "b", "b−a", "KL", "token"]
    assert lines[1].split() == ["–", "–", "–", "–", "It"]
    assert lines[2].endswith("≠ ·was")
    assert "bits in the mean" in out
    assert "they part at #2 ·was: " in out
    assert lines[-2].startswith("a  demo · float32 · ")
    assert lines[-1].startswith("b  other · float32 · ")


def test_two_dtypes(console: Console) -> None:
    answer = console.json("diff", PROMPT, "--dtype-b", "int8")
    assert (answer["a"]["dtype"], answer["b"]["dtype"]) == ("float32", "int8")
    assert 0 < answer["kl_mean"]["kl_a_b_bits"] < 0.1
    out, _ = console.run("diff", PROMPT, "--model", "demo", "--dtype", "int8", "--dtype-b", "bfloat16")
    assert [line.split(" · ")[1] for line in out.splitlines()[-2:]] == ["int8", "bfloat16"]


def test_two_tokenizers(console: Console, spaced: Path, tmp_path: Path) -> None:
    text = "It was a dark night 🤷"
    answer = console.json("diff", text, "--model-b", str(spaced), "--png", "out.png")
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")
    assert (answer["same_tokens"], answer["tokens"], answer["kl_mean"]) == (False, None, None)
    assert "tokens" in answer["no_kl"]
    assert [text[span["start"] : span["end"]] for span in answer["spans"]] == [span["text"] for span in answer["spans"]]
    assert "".join(span["text"] for span in answer["spans"]) == text
    for span in answer["spans"][1:]:
        for letter in "ab":
            surprisals = [answer[f"tokens_{letter}"][position]["surprisal"] for position in span[f"tokens_{letter}"]]
            assert span[f"bits_{letter}"] == (None if None in surprisals else pytest.approx(sum(surprisals)))

    out, _ = console.run("diff", text, "--model-b", str(spaced), "--model", "demo")
    first, second, table, summary, _ = out.split("\n\n")
    assert first.startswith("a  It ·was ·a ·dark")
    assert second.startswith("b  <s> ▁It ▁was")
    assert table.splitlines()[0].split() == ["a", "b", "b−a", "tokens", "a", "tokens", "b", "text"]
    assert "no KL: the vocabularies have 4,096 and " in summary
    assert "bits per character can" in summary


@pytest.mark.parametrize("options", [[], ["--dtype-b", "float32"], ["--model-b", "demo"]], ids=" ".join)
def test_a_model_is_not_compared_with_itself(console: Console, options: list[str]) -> None:
    error = console.error("diff", PROMPT, *options, "--model", "demo", code=2)
    assert "both models are demo in float32. Give another one with --model-b, --dtype-b or --revision-b." in error


def test_the_second_model_s_errors_name_it(console: Console, other: Path) -> None:
    error = console.error("diff", PROMPT * 4, "--model-b", str(other), "--model", "demo", code=2)
    assert "nightword: other in float32: The text has " in error
    assert "but the limit is 16 (the model's context is 16 tokens)" in error
    error = console.error("diff", "It", "--dtype-b", "int8", "--model", "demo", code=2)
    assert "nightword: demo in float32: The text is only one token" in error
    error = console.error("diff", PROMPT, "--model-b", "./nowhere", "--model", "demo", code=78)
    assert "./nowhere" in error


def test_a_server_has_only_one_model(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_ENGINE", "vllm")
    monkeypatch.setenv("BOT_VLLM_URL", "http://127.0.0.1:9")
    error = console.error("diff", PROMPT, "--model-b", "other", "--model", "demo", code=78)
    assert "needs BOT_ENGINE=transformers" in error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--revision-b", "v2"], ("demo", "v2")),
        (["--dtype-b", "int8"], ("demo", "v1")),
        (["--model-b", str(DEMO_FOLDER)], (str(DEMO_FOLDER), None)),
        (["--model-b", str(DEMO_FOLDER), "--revision-b", "v2"], (str(DEMO_FOLDER), "v2")),
    ],
)
def test_the_second_revision(
    console: Console, monkeypatch: pytest.MonkeyPatch, demo_model: EngineModel, options: list[str], expected: Any
) -> None:
    loaded: list[Settings] = []

    def load(settings: Settings) -> EngineModel:
        loaded.append(settings)
        return demo_model

    monkeypatch.setenv("BOT_MODEL_REVISION", "v1")
    monkeypatch.setattr(terminal_console, "load_language_model", load)
    answer = json.loads(console.run("diff", PROMPT, "--model", "demo", *options, "--json")[0])
    assert [(settings.model, settings.model_revision) for settings in loaded] == [("demo", "v1"), expected]
    assert answer["parts_at"] is None


def test_the_first_model_is_gone_before_the_second_is_loaded(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[weakref.ref[Any]] = []
    alive: list[int] = []

    def load(settings: Settings) -> Any:
        alive.append(sum(reference() is not None for reference in loaded))
        model = load_language_model(settings)
        assert isinstance(model, EngineModel)
        loaded.extend(map(weakref.ref, (model, model.engine, model.engine.passes)))  # type: ignore[attr-defined]  # transformers' engine
        return model

    monkeypatch.setattr(terminal_console, "load_language_model", load)
    gc.disable()  # the command frees the model by itself
    try:
        console.run("diff", PROMPT, "--model", "demo", "--dtype-b", "bfloat16")
    finally:
        gc.enable()
    assert alive == [0, 0]
