"""GGUF files: the numbers of plain transformers for the same file, and a refusal in one line for every damage."""

import importlib.machinery
import importlib.util
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.engine.model import EngineModel
from bot.engine.model_survey import survey_model
from bot.engine.transformers.loading import load_model
from bot.errors import ModelUnavailable
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.sentiment import SentimentQuestion
from bot.questions.topk import TopKQuestion
from tests.conftest import need_shared, need_smollm2
from tests.engine.gguf_files import cut_rows, write_gguf, write_lfm2
from tests.engine.plain import REVIEWS

PROMPTS = ["Once upon", "It was a dark and stormy", "The old man said <|endoftext|> to", "déjà vu 你好 \n\n"]
TOLERANCE = 1e-5


@pytest.fixture(scope="module", params=["demo", "LFM2", pytest.param("SmolLM2", marks=pytest.mark.slow)])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file alone in its folder: in Q4_1, or LFM2 in Q8_0."""
    target = tmp_path_factory.mktemp("model") / "small.gguf"
    if request.param != "SmolLM2":
        return {"demo": write_gguf, "LFM2": write_lfm2}[request.param](target)
    shutil.copy(need_shared(need_smollm2() / "model.gguf"), target)
    return target


@pytest.fixture(scope="module")
def ours(file: Path) -> EngineModel:
    return load_model(str(file), max_prompt_tokens=1024)


@pytest.fixture(scope="module")
def plain(file: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer(file: Path) -> Any:
    return AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_next_tokens(ours: EngineModel, plain: Any, tokenizer: Any, prompt: str) -> None:
    inputs = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = plain(inputs).logits[0, -1]
    probabilities = torch.softmax(logits, dim=-1)

    result = ours.answer(TopKQuestion(prompt, 25)).next_tokens

    assert list(result.input_ids) == inputs[0].tolist()
    assert [candidate.token.id for candidate in result.candidates] == probabilities.topk(25).indices.tolist()
    for candidate in result.candidates:
        assert candidate.probability == pytest.approx(probabilities[candidate.token.id].item(), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("options", "plain_options"),
    [
        ({"strategy": "greedy"}, {"do_sample": False}),
        ({"strategy": "beam", "num_beams": 3}, {"do_sample": False, "num_beams": 3}),
    ],
)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_continuations(
    ours: EngineModel, plain: Any, tokenizer: Any, prompt: str, options: Any, plain_options: Any
) -> None:
    inputs = tokenizer(prompt, return_tensors="pt")
    output = plain.generate(
        inputs.input_ids,
        attention_mask=inputs.attention_mask,
        pad_token_id=tokenizer.eos_token_id,
        max_new_tokens=20,
        **plain_options,
    )[0].tolist()
    result = ours.answer(ContinuationQuestion(prompt, GenerationParameters.from_options(**options)))
    assert list(result.input_ids) + list(result.output_ids) == output


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
    assert result.label_mass == pytest.approx((whole[positive] + whole[negative]).item(), abs=TOLERANCE)


def test_the_file_its_quantization_and_the_dtype_are_named(ours: EngineModel, file: Path, plain: Any) -> None:
    info = ours.info
    assert (info.name, info.short_name, info.revision) == (str(file), "small.gguf", None)
    quantization = "Q8_0" if plain.config.model_type == "lfm2" else "Q4_1"
    assert (info.quantization, info.dtype) == (quantization, "float32")
    assert info.computed_in == f"{quantization} in float32"
    assert info.parameter_count == plain.num_parameters()
    survey = survey_model(str(file), revision=None, token=None)
    assert (survey.quantization, survey.parameter_count) == (quantization, info.parameter_count)
    assert (survey.folder, survey.download_bytes) == (file.parent, 0)


@pytest.mark.slow
def test_a_chat_template_is_read_from_the_file_alone() -> None:
    file = need_shared(need_smollm2() / "model.gguf")  # a tokenizer.json is beside it
    ours = load_model(str(file), max_prompt_tokens=1024)
    assert ours.engine.codec.has_chat_template


@pytest.mark.parametrize(("dtype", "name"), [("bfloat16", "Q4_1 in bfloat16"), ("int8", "Q4_1 in int8")])
def test_the_weights_are_dequantized_to_the_chosen_dtype(tmp_path: Path, dtype: str, name: str) -> None:
    ours = load_model(str(write_gguf(tmp_path / "a.gguf")), dtype=dtype, device="cpu", max_prompt_tokens=64)
    assert ours.info.computed_in == name
    assert len(ours.answer(TopKQuestion("Once upon", 5)).next_tokens.candidates) == 5


@pytest.mark.parametrize(
    ("quantization", "file_type", "name"),
    [
        (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0, "Q8_0"),
        (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32, "F32"),
        (gguf.GGMLQuantizationType.Q5_0, None, "Q5_0"),  # the type of most weights
        (gguf.GGMLQuantizationType.Q8_0, 999, "Q8_0"),
    ],
)
def test_the_quantization_is_the_file_s_type(
    tmp_path: Path, quantization: gguf.GGMLQuantizationType, file_type: int | None, name: str
) -> None:
    file = write_gguf(tmp_path / "a.gguf", quantization=quantization, file_type=file_type)
    assert survey_model(str(file), revision=None, token=None).quantization == name


def test_only_the_named_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    file = write_gguf(tmp_path / "small.gguf")
    (tmp_path / "config.json").write_text("{")
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "adapter_config.json").write_text("{")
    monkeypatch.chdir(tmp_path / "here")
    write_gguf(tmp_path / "here" / "small.gguf", change=lambda tensors: tensors["token_embd.weight"].fill(0.25))
    expected = load_model(str(file), max_prompt_tokens=64).answer(TopKQuestion("Once upon", 3)).next_tokens
    by_relative_path = load_model("../small.gguf", max_prompt_tokens=64)
    assert by_relative_path.answer(TopKQuestion("Once upon", 3)).next_tokens == expected
    other = load_model("small.gguf", max_prompt_tokens=64).answer(TopKQuestion("Once upon", 3)).next_tokens
    assert other.candidates != expected.candidates


# DAMAGE: each function writes a damaged file


def no_gguf(file: Path) -> None:
    file.write_bytes(b"PK" + file.read_bytes()[2:])


def empty(file: Path) -> None:
    file.write_bytes(b"")


def only_magic(file: Path) -> None:
    file.write_bytes(b"GGUF")


def cut_in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:50_000])


def cut_in_the_weights(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1_000])


def overwrite(file: Path, position: int, layout: str, value: int) -> None:
    content = bytearray(file.read_bytes())
    struct.pack_into(layout, content, position, value)
    file.write_bytes(content)


def old_version(file: Path) -> None:
    overwrite(file, 4, "<I", 1)


def many_tensors(file: Path) -> None:
    overwrite(file, 8, "<Q", 2**62)


def many_keys(file: Path) -> None:
    overwrite(file, 16, "<Q", 2**62)


def long_key(file: Path) -> None:
    overwrite(file, 24, "<Q", 2**62)


def long_array(file: Path) -> None:
    overwrite(file, after(file, b"tokenizer.ggml.tokens") + 8, "<Q", 2**62)


def long_array_of_numbers(file: Path) -> None:
    overwrite(file, after(file, b"tokenizer.ggml.token_type") + 8, "<Q", 2**62)


def long_token(file: Path) -> None:
    overwrite(file, after(file, b"tokenizer.ggml.tokens") + 16, "<Q", 2**62)


def unknown_value(file: Path) -> None:
    overwrite(file, after(file, b"qwen2.vocab_size"), "<I", 77)


def twice_the_same_key(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"qwen2.context_length", b"general.architecture", 1))


def not_utf8(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"qwen2.vocab_size", b"qwen2.vocab_siz\xff", 1))


def huge_tensor(file: Path) -> None:
    overwrite(file, after(file, b"token_embd.weight") + 12, "<Q", 2**60)


def many_dimensions(file: Path) -> None:
    overwrite(file, after(file, b"token_embd.weight"), "<I", 2**31)


def unknown_tensor_type(file: Path) -> None:
    overwrite(file, after(file, b"token_embd.weight") + 20, "<I", 77)


def odd_rows(file: Path) -> None:
    overwrite(file, after(file, b"token_embd.weight") + 4, "<Q", 250)


def after(file: Path, name: bytes) -> int:
    """Return the position after the length and the text of a key or of a tensor's name."""
    return file.read_bytes().index(struct.pack("<Q", len(name)) + name) + 8 + len(name)


def layers(file: Path) -> None:
    write_gguf(file, metadata={"qwen2.block_count": 2**31})


def width(file: Path) -> None:
    write_gguf(file, metadata={"qwen2.embedding_length": 2**20})


def inner_width(file: Path) -> None:
    write_gguf(file, metadata={"qwen2.feed_forward_length": 2**30})


def vocabulary(file: Path) -> None:
    write_gguf(file, metadata={"qwen2.vocab_size": 2**30})


def no_heads(file: Path) -> None:
    write_gguf(file, metadata={"qwen2.attention.head_count": 0})


def odd_alignment(file: Path) -> None:
    write_gguf(file, metadata={"general.alignment": 32})
    overwrite(file, after(file, b"general.alignment") + 4, "<I", 0)


def part(file: Path) -> None:
    write_gguf(file, metadata={"split.count": 3, "split.no": 1})


def missing_tensor(file: Path) -> None:
    write_gguf(file, change=lambda tensors: tensors.pop("blk.2.ffn_up.weight"))


def smaller_tensor(file: Path) -> None:
    write_gguf(file, change=cut_rows)


def other_architecture(file: Path) -> None:
    write_gguf(file, architecture="rwkv6")


def no_language_model(file: Path) -> None:
    write_gguf(file, architecture="clip")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (no_gguf, "it doesn't begin with the letters GGUF"),
        (empty, "its GGUF file is damaged"),
        (only_magic, "it ends within its header"),
        (cut_in_the_header, "it ends within its header"),
        (cut_in_the_weights, "it ends before the end of the tensor"),
        (old_version, "it is GGUF version 1, and only versions 2 and 3 can be read"),
        (many_tensors, "more tensors and keys than it has room for"),
        (many_keys, "more tensors and keys than it has room for"),
        (long_key, "it ends within its header"),
        (long_array, "its GGUF file is damaged"),
        (long_array_of_numbers, "it ends within its header"),
        (long_token, "it ends within its header"),
        (unknown_value, "a value of the unknown type 77"),
        (twice_the_same_key, "it has the key 'general.architecture' twice"),
        (not_utf8, "its GGUF file is damaged"),
        (huge_tensor, "it ends before the end of the tensor 'token_embd.weight'"),
        (many_dimensions, "the tensor 'token_embd.weight' has 2,147,483,648 dimensions"),
        (unknown_tensor_type, "the tensor 'token_embd.weight' has the unknown type 77"),
        (odd_rows, "the rows of the tensor 'token_embd.weight' are no whole blocks"),
        (layers, "it states 2,147,483,648 layers, but has only 74 tensors"),
        (width, r"its header describes [\d,]+ parameters, but it has 5,\d+,\d+"),
        (inner_width, r"its header describes [\d,]+ parameters, but it has 5,\d+,\d+"),
        (vocabulary, r"its header describes [\d,]+ parameters, but it has 5,\d+,\d+"),
        (no_heads, "its weights cannot be loaded"),
        (odd_alignment, "its alignment, 0, is not a power of two"),
        (part, r"part 2 of 3 of a GGUF file, .* Merge the parts with llama-gguf-split"),
        (missing_tensor, r"its weights don't match its header: 1 missing, the first is model\.layers\.2\.mlp\.up_proj"),
        (smaller_tensor, "its weights"),
        (other_architecture, "architecture rwkv6 is not supported"),
        (no_language_model, "architecture clip is not supported"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_file_is_refused_in_one_line(
    tmp_path: Path, damage: Callable[[Path], None], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = write_gguf(tmp_path / "small.gguf")
    damage(file)
    capfd.readouterr()
    with pytest.raises(ModelUnavailable, match=problem) as refusal:
        load_model(str(file), max_prompt_tokens=10)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600
    assert refusal.value.exit_code == 78
    assert capfd.readouterr() == ("", "")


def test_a_part_of_a_split_file_is_refused_by_its_name_before_a_download() -> None:
    with pytest.raises(ModelUnavailable, match="it is part 2 of 9 of a GGUF file"):
        load_model("owner/name/model-00002-of-00009.gguf", max_prompt_tokens=10)


@pytest.mark.parametrize("name", ["./no.gguf", "no.gguf", "owner/no.gguf", "~/no/such.gguf", f"/{'a' * 300}.gguf"])
def test_a_missing_file_is_refused(name: str) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"does not exist \(a GGUF file on the hub is named owner/name/file\.gguf"
    ):
        load_model(name, max_prompt_tokens=10)


def test_a_folder_of_gguf_files_asks_for_a_name(tmp_path: Path) -> None:
    write_gguf(tmp_path / "small.gguf")
    with pytest.raises(ModelUnavailable, match=r"add the name of one to the model's name, such as /small\.gguf"):
        load_model(str(tmp_path), max_prompt_tokens=10)


def test_without_the_extra_the_refusal_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_gguf(tmp_path / "small.gguf")
    find_spec = importlib.util.find_spec

    def without_gguf(name: str, package: str | None = None) -> importlib.machinery.ModuleSpec | None:
        return None if name == "gguf" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_gguf)
    with pytest.raises(
        ModelUnavailable, match=r'missing packages: gguf\. Install them with pip install "nightword\[gguf\]"'
    ):
        load_model(str(file), max_prompt_tokens=10)
