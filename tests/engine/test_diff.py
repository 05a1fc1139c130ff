"""One text under two models: the numbers of plain transformers, aligned where the tokenizers differ."""

import math
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.engine import diff as engine_diff
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.tokenizer import REPLACEMENT
from bot.engine.transformers.loading import load_model
from bot.errors import BotError, EmptyPrompt, PromptTooLong
from bot.questions.diff import Diff, DiffQuestion, ReadingQuestion
from bot.questions.xray import XrayQuestion
from tests.engine.exploring import ODD_TEXTS, plain_log_probabilities
from tests.engine.plain import plain_transformers
from tests.engine.small_models import demo_with, llama, plain_model, random_model, spaced_model

EXACT = 1e-5
TEXTS = [*ODD_TEXTS, "It was a dark night. " * 43]
BYTES_AND_EMOJI = "👩‍👩‍👧 déjà vu 你好 \n\n"


def diff_of(first: EngineModel, second: EngineModel, text: str) -> Diff:
    return second.answer(DiffQuestion(first.answer(ReadingQuestion(text))))


def loaded(folder: Path, **options: Any) -> EngineModel:
    return load_model(str(folder), max_prompt_tokens=1024, **options)


@pytest.fixture(scope="module")
def other_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the demo model's tokenizer."""
    return random_model(tmp_path_factory.mktemp("other"), llama(max_position_embeddings=512))


@pytest.fixture(scope="module")
def other_model(other_folder: Path) -> EngineModel:
    return loaded(other_folder)


@pytest.fixture(scope="module")
def spaced(tmp_path_factory: pytest.TempPathFactory) -> EngineModel:
    return loaded(spaced_model(tmp_path_factory.mktemp("spaced"), ends_texts=True))


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_surprisals_and_divergences_are_those_of_plain_transformers(
    demo_model: EngineModel, other_model: EngineModel, other_folder: Path, text: str
) -> None:
    plain_a, tokenizer = plain_transformers(DEMO_FOLDER)
    ids = tokenizer(text).input_ids
    a, b = (plain_log_probabilities(plain, ids).double() for plain in (plain_a, plain_model(other_folder)))
    result = diff_of(demo_model, other_model, text)
    assert result.has_same_tokens
    assert [entry.token.id for entry in result.a.tokens] == ids
    assert [part.text for part in result.parts] == [entry.token.text for entry in result.b.tokens]
    assert result.parts[0].divergence is None
    for position, part in enumerate(result.parts[1:], start=1):
        before_a, before_b = a[position - 1], b[position - 1]
        is_special = ids[position] in tokenizer.all_special_ids
        expected = [None if is_special else -row[ids[position]].item() / math.log(2) for row in (before_a, before_b)]
        assert [part.bits_a, part.bits_b] == [
            bits if bits is None else pytest.approx(bits, rel=EXACT, abs=5 * EXACT) for bits in expected
        ]
        assert part.divergence is not None
        assert part.divergence.a_b == pytest.approx(kl(before_a, before_b), rel=EXACT, abs=EXACT)
        assert part.divergence.b_a == pytest.approx(kl(before_b, before_a), rel=EXACT, abs=EXACT)
        for favourite, before in ((part.favourite_a, before_a), (part.favourite_b, before_b)):
            assert favourite is not None
            assert before[favourite.token.id] == pytest.approx(before.max().item(), rel=EXACT, abs=EXACT)
    assert result.mean_divergence is not None
    rows = range(len(ids) - 1)
    assert result.mean_divergence.a_b == pytest.approx(
        sum(kl(a[row], b[row]) for row in rows) / len(rows), rel=EXACT, abs=EXACT
    )
    assert result.largest_divergence is not None
    assert result.largest_divergence.b_a == pytest.approx(max(kl(b[row], a[row]) for row in rows), rel=EXACT, abs=EXACT)
    assert result.most_divergent() == 1 + max(rows, key=lambda row: kl(a[row], b[row]))


def kl(p: torch.Tensor, q: torch.Tensor) -> float:
    return (p.exp() * (p - q)).sum().item() / math.log(2)


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_each_side_is_the_x_ray_of_its_model(demo_model: EngineModel, spaced: EngineModel, text: str) -> None:
    result = diff_of(demo_model, spaced, text)
    for side, model in ((result.a, demo_model), (result.b, spaced)):
        xray = model.answer(XrayQuestion(text))
        assert [entry.token for entry in side.tokens] == [entry.token for entry in xray.tokens]
        assert side.perplexity == pytest.approx(xray.perplexity, rel=1e-5)
        assert side.bits_per_character == pytest.approx(xray.bits_per_character, rel=1e-5)
        for entry, other in zip(side.tokens, xray.tokens, strict=True):
            assert (entry.likelihood is None, entry.is_special) == (other.likelihood is None, other.is_special)
            if entry.likelihood is not None and other.likelihood is not None:
                assert entry.likelihood.surprisal == pytest.approx(other.likelihood.surprisal, rel=EXACT, abs=5 * EXACT)
                assert abs(entry.likelihood.rank - other.likelihood.rank) <= 1  # rounding can swap two


@pytest.mark.parametrize("text", [TEXTS[0], BYTES_AND_EMOJI])
def test_two_copies_of_a_model_don_t_differ(tmp_path: Path, demo_model: EngineModel, text: str) -> None:
    models = [loaded(Path(shutil.copytree(DEMO_FOLDER, tmp_path / name))) for name in ("a", "b")]
    result = diff_of(models[0], models[1], text)
    assert [part.difference for part in result.parts] == [None, *[0.0] * (len(result.parts) - 1)]
    assert {(part.divergence.a_b, part.divergence.b_a) for part in result.parts if part.divergence} == {(0.0, 0.0)}
    assert result.parts_at is None
    assert result.names[0].endswith("a · float32")


@pytest.mark.usefixtures("on_cpu")
def test_float32_against_int8(demo_model: EngineModel) -> None:
    text = "It was a dark and stormy night; the rain fell in torrents."
    int8 = load_model("demo", dtype="int8", max_prompt_tokens=1024)
    result = diff_of(demo_model, int8, text)
    ids = [entry.token.id for entry in result.a.tokens]
    for position, part in enumerate(result.parts[1:], start=1):
        a, b = (log_softmax(model.engine.next_scores(ids[:position])) for model in (demo_model, int8))
        assert part.bits_a == pytest.approx(-a[ids[position]] / math.log(2), abs=1e-4)
        assert part.bits_b == pytest.approx(-b[ids[position]] / math.log(2), abs=0.05)  # int8 rounds by the batch
        assert part.divergence is not None
        assert 0 < part.divergence.a_b < 0.1
    assert [name.split(" · ")[1] for name in result.names] == ["float32", "int8"]
    assert result.no_divergence == ""


def log_softmax(scores: Any) -> Any:
    exact = scores.astype(np.float64)
    return exact - exact.max() - np.log(np.exp(exact - exact.max()).sum())


def test_different_tokens_are_compared_where_both_end(demo_model: EngineModel, spaced: EngineModel) -> None:
    result = diff_of(demo_model, spaced, "It was a dark night")
    assert not result.has_same_tokens
    assert [part.text for part in result.parts] == ["It", " was", " a", " dark", " night"]
    assert [len(part.tokens_a) for part in result.parts] == [1, 1, 1, 1, 1]
    assert [len(part.tokens_b) for part in result.parts] == [1, 1, 1, 1, 6]
    assert [entry.token.text for entry in result.b.tokens][:: len(result.b.tokens) - 1] == ["<s>", "</s>"]
    first, *rest = result.parts
    assert (first.bits_a, first.difference) == (None, None)
    assert first.bits_b is not None  # after the beginning of the text
    assert all(part.difference is not None for part in rest)
    assert result.no_divergence.startswith("the vocabularies have 4,096 and ")
    assert (result.mean_divergence, result.largest_divergence, result.most_divergent()) == (None, None, None)
    bits_a, bits_b = result.bits_per_character
    assert bits_a == pytest.approx(sum(part.bits_a or 0 for part in rest) / len(" was a dark night"))
    assert bits_b == pytest.approx(sum(part.bits_b or 0 for part in rest) / len(" was a dark night"))
    assert result.parts_at is not None
    assert result.parts[result.parts_at].reasons == ("surprisal",)


@given(st.text(min_size=2, max_size=30))
@example(BYTES_AND_EMOJI)
@example("a  b   c \n d ")
@example(" 🤷🏽‍♀️ 🤷 ")
@example("said <|endoftext|> to </s> it")
@settings(max_examples=60, deadline=None)
def test_the_parts_are_the_text(
    demo_model: EngineModel, stories_model: EngineModel, spaced: EngineModel, text: str
) -> None:
    for first, second in ((demo_model, stories_model), (stories_model, demo_model), (spaced, stories_model)):
        try:
            result = diff_of(first, second, text)
        except EmptyPrompt:
            continue
        assert not result.has_same_tokens
        assert "".join(part.text for part in result.parts) == text
        assert all(part.text for part in result.parts)
        for side, tokens in (
            (result.a, [position for part in result.parts for position in part.tokens_a]),
            (result.b, [position for part in result.parts for position in part.tokens_b]),
        ):
            assert tokens == sorted(set(tokens))
            left_out = set(range(len(side.tokens))) - set(tokens)
            assert all(side.tokens[position].is_special for position in left_out)
            measured = [part for part in result.parts if (part.bits_a if side is result.a else part.bits_b) is not None]
            bits = sum((part.bits_a if side is result.a else part.bits_b) or 0.0 for part in measured)
            assert bits <= side.bits + 1e-6


def test_a_token_s_end_counts_its_spaces(demo_model: EngineModel, stories_model: EngineModel) -> None:
    text = "I am  here, 你好 🤷 now \n"
    for model in (demo_model, stories_model):
        codec = model.engine.codec
        ids, ends = codec.ids(text), codec.ends(text)
        assert ends[-1] == len(text)
        for position, end in enumerate(ends):
            if end is not None:
                shown = codec.decode([id_ for id_ in ids[: position + 1] if not codec.is_special(id_)])
                assert REPLACEMENT in shown or shown == text[:end]


def test_the_same_tokens_of_vocabularies_of_two_sizes_have_no_divergence(
    demo_model: EngineModel, tmp_path: Path
) -> None:
    padded = loaded(random_model(tmp_path / "padded", llama(vocab_size=4100, max_position_embeddings=512)))
    result = diff_of(demo_model, padded, "It was a dark night")
    assert result.has_same_tokens
    assert result.no_divergence == "the vocabularies have 4,096 and 4,100 tokens"
    assert {part.divergence for part in result.parts} == {None}
    assert result.parts[1].difference is not None
    assert result.parts[1].favourite_b is not None


def test_a_vocabulary_with_another_token_has_no_divergence(demo_model: EngineModel, tmp_path: Path) -> None:
    def swap(tokenizer: dict[str, Any]) -> None:
        vocabulary = tokenizer["model"]["vocab"]
        first, second = (next(piece for piece, id_ in vocabulary.items() if id_ == wanted) for wanted in (4094, 4095))
        vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]

    result = diff_of(demo_model, loaded(demo_with(tmp_path / "swapped", tokenizer=swap)), "It was a dark night")
    assert result.has_same_tokens
    assert result.no_divergence == "the vocabularies have different tokens"


def test_the_first_difference_can_be_another_favourite(demo_model: EngineModel, other_model: EngineModel) -> None:
    result = diff_of(demo_model, other_model, "It was a dark and stormy night")
    assert result.parts_at == 1
    assert "most_probable" in result.parts[1].reasons
    assert result.parts[0].reasons == ()


def test_a_text_of_one_token_or_none_is_refused(demo_model: EngineModel) -> None:
    for text in ("It", ""):
        with pytest.raises(EmptyPrompt):
            demo_model.answer(ReadingQuestion(text))


def test_the_file_is_limited(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_diff, "MOST_BYTES", 4096 * 4 * 3)
    demo_model.answer(ReadingQuestion("It was a dark"))
    with pytest.raises(PromptTooLong, match="The text has 5 tokens, but the limit is 4"):
        demo_model.answer(ReadingQuestion("It was a dark night"))


def test_a_full_disk_is_one_error_with_a_remedy(demo_model: EngineModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(Path("/dev/full").open, "wb", 0))
    with pytest.raises(BotError, match="temporary file: No space left on device"):
        demo_model.answer(ReadingQuestion("It was a dark night"))


def test_300_tokens_of_a_vocabulary_of_151936(qwen2_model: EngineModel, tmp_path: Path, qwen2_folder: Path) -> None:
    text = "word " * 299 + "end"
    reading = qwen2_model.answer(ReadingQuestion(text))
    assert reading.distributions.shape == (299, 151_936)
    assert np.exp(reading.distributions[150].astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    bfloat16 = loaded(qwen2_folder, dtype="bfloat16")
    result = bfloat16.answer(DiffQuestion(reading))
    assert len(result.parts) == 300
    assert result.no_divergence == ""
    assert result.largest_divergence is not None
    assert result.largest_divergence.a_b > 0
