"""Models that cannot be used are refused in one line with a remedy; no missing weight is filled in at random."""

import importlib.util
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.errors import ModelUnavailable, OptionOutOfRange
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import display_name
from bot.questions.tokenization import TokenizationQuestion


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo model, to be damaged."""
    copy = tmp_path / "model"
    shutil.copytree(DEMO_FOLDER, copy)
    return copy


def truncate(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1_000_000])


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickled_weights(folder: Path) -> None:
    no_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


def drop_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.2.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def cut_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:100].clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


def empty_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"], tokenizer["model"]["merges"], tokenizer["added_tokens"] = {}, [], []
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def unknown_architecture(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "abacus"}')


def code_of_its_own(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text("raise SystemExit('code of the checkpoint was run')")


def panicking_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))


def change_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))


def no_heads(folder: Path) -> None:
    change_config(folder, num_attention_heads=0)


def unknown_layers(folder: Path) -> None:
    change_config(folder, layer_types=["x"])


def damaged_index(folder: Path) -> None:
    no_weights(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": []}}')


def missing_shard(folder: Path) -> None:
    no_weights(folder)
    index = {"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (truncate, "its weights are damaged"),
        (empty_weights, "its weights are damaged"),
        (no_weights, "it has no model.safetensors"),
        (pickled_weights, "pickled weights are not loaded, because they can run code"),
        (drop_a_tensor, r"1 missing, the first is model\.layers\.2\.mlp\.up_proj\.weight"),
        (cut_a_tensor, "its weights"),
        (no_tokenizer, "it has no tokenizer"),
        (broken_tokenizer, "its tokenizer cannot be loaded"),
        (empty_tokenizer, "its tokenizer"),
        (no_heads, "its weights cannot be loaded"),
        (unknown_layers, "its weights cannot be loaded"),
        (damaged_index, r"model\.safetensors\.index\.json is damaged"),
        (no_config, "it has no config.json"),
        (broken_config, "cannot be loaded"),
        (unknown_architecture, "cannot be loaded"),
        (code_of_its_own, "cannot be loaded"),
        (missing_shard, r"the file model-00001-of-00002\.safetensors is missing"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_damaged_model_is_refused(
    folder: Path, damage: Callable[[Path], None], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    with pytest.raises(ModelUnavailable, match=problem) as refusal:
        load_model(str(folder), max_prompt_tokens=10)
    assert "\n" not in str(refusal.value)
    assert str(folder) in str(refusal.value)
    assert "demo" in str(refusal.value)
    assert refusal.value.exit_code == 78
    assert capfd.readouterr() == ("", "")


def test_safetensors_are_preferred_to_pickled_weights(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"not a checkpoint")
    assert load_model(str(folder), max_prompt_tokens=10).info.vocab_size == 4096


def test_a_tokenizer_that_panics_is_refused(folder: Path) -> None:
    panicking_tokenizer(folder)
    with pytest.raises(ModelUnavailable, match="its tokenizer cannot be loaded"):
        load_model(str(folder), max_prompt_tokens=10)


def test_an_end_of_text_that_is_not_an_id_is_refused(folder: Path) -> None:
    (folder / "generation_config.json").write_text('{"eos_token_id": "x"}')
    with pytest.raises(ModelUnavailable, match=r"eos_token_id in its generation_config\.json is not a number"):
        load_model(str(folder), max_prompt_tokens=10)


def test_only_the_end_of_text_is_read_from_a_generation_config(folder: Path) -> None:
    parameters = GenerationParameters.from_options(strategy="beam", max_new_tokens=30)
    plain = load_model(str(folder), max_prompt_tokens=10).answer(ContinuationQuestion("The old man", parameters))
    hostile = {
        "eos_token_id": 0, "do_sample": True, "temperature": 5.0, "top_k": 3, "repetition_penalty": 1.9,
        "no_repeat_ngram_size": 1, "length_penalty": -5.0, "max_time": 0.001, "stop_strings": ["a"],
        "return_dict_in_generate": True, "forced_eos_token_id": 99_999, "early_stopping": True,
    }  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(hostile))
    model = load_model(str(folder), max_prompt_tokens=10)
    assert model.answer(ContinuationQuestion("The old man", parameters)) == plain


def test_the_error_for_a_short_context_says_how_many_new_tokens_fit(folder: Path) -> None:
    change_config(folder, max_position_embeddings=128)
    model = load_model(str(folder), max_prompt_tokens=1024)
    parameters = GenerationParameters.from_options(max_new_tokens=256)
    with pytest.raises(
        OptionOutOfRange, match=r"max_new_tokens is 256, but must be from 1 to 127, because the model's"
    ):
        model.answer(ContinuationQuestion("Once", parameters))


def test_only_the_name_of_a_local_folder_is_shown(folder: Path) -> None:
    assert load_model(str(folder), max_prompt_tokens=10).info.short_name == "model"
    assert display_name(str(folder)) == "model"
    assert display_name("./nowhere") == "nowhere"
    assert display_name("Qwen/Qwen2-0.5B") == "Qwen/Qwen2-0.5B"


def test_a_name_that_is_too_long_for_a_path_is_refused() -> None:
    for name in ("a" * 300, "/root/" + "a" * 300, "~nobody-at-all/model"):
        assert display_name(name)
        with pytest.raises(ModelUnavailable):
            load_model(name, max_prompt_tokens=10)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such", "~/no/such"])
def test_a_missing_folder_is_refused(name: str) -> None:
    with pytest.raises(ModelUnavailable, match="this folder does not exist"):
        load_model(name, max_prompt_tokens=10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_missing_device_is_refused() -> None:
    with pytest.raises(ModelUnavailable, match=r"no cuda device\. Set BOT_DEVICE=auto or cpu"):
        load_model("demo", device="cuda", max_prompt_tokens=10)


def test_a_loaded_model_is_described_by_its_info(folder: Path) -> None:
    info = load_model(str(folder), max_prompt_tokens=10).info
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert (info.name, info.revision, info.dtype, info.device) == (str(folder), None, "float32", device)
    assert (info.context_length, info.vocab_size) == (512, 4096)
    assert 3_000_000 <= (info.parameter_count or 0) <= 6_000_000


SENTENCEPIECE_FILES = [
    "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "spm.model", "spm_char.model",
    "source.spm", "prophetnet.tokenizer",
]  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("sentencepiece") is not None, reason="sentencepiece is installed here")
@pytest.mark.parametrize("name", SENTENCEPIECE_FILES)
def test_a_tokenizer_without_the_packages_that_read_it_is_refused(
    folder: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    no_tokenizer(folder)
    (folder / name).write_bytes(b"\x0a\x0b\x0a\x05<unk>")
    with pytest.raises(ModelUnavailable) as refusal:
        load_model(str(folder), max_prompt_tokens=10)
    assert (
        f"its tokenizer is the SentencePiece model {name}, which needs missing packages: "
        "sentencepiece and protobuf. Install them (pip install sentencepiece protobuf), or use a model with a "
        "tokenizer.json."
    ) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert capfd.readouterr() == ("", "")


def vocab_and_merges(folder: Path) -> None:
    """Replace tokenizer.json by the older form, vocab.json and merges.txt."""
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    no_tokenizer(folder)
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges))


def test_a_tokenizer_in_vocab_and_merges_is_loaded(folder: Path) -> None:
    text = "It was a dark and stormy night"
    whole = load_model(str(folder), max_prompt_tokens=100).answer(TokenizationQuestion(text))[0]
    vocab_and_merges(folder)
    assert load_model(str(folder), max_prompt_tokens=100).answer(TokenizationQuestion(text))[0].tokens == whole.tokens


def only(*names: str) -> Callable[[Path], None]:
    def leave(folder: Path) -> None:
        vocab_and_merges(folder)
        for name in {"vocab.json", "merges.txt"} - set(names):
            (folder / name).unlink()
        for name in set(names) - {"vocab.json", "merges.txt"}:
            (folder / name).write_text("[PAD]\n[UNK]\nhello\n" if name == "vocab.txt" else "aGVsbG8= 0\n")

    return leave


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ((), "it has no tokenizer file: "),
        (("merges.txt",), "it has no tokenizer file: "),
        (("qwen.tiktoken",), "it has no tokenizer file: "),
        (("vocab.json",), "its tokenizer cannot be loaded (`vocab` and `merges`"),
        (("vocab.txt",), "its tokenizer "),
        (("tekken.json",), "its tokenizer "),
    ],
    ids=str,
)
def test_an_incomplete_tokenizer_is_refused(
    folder: Path, names: tuple[str, ...], problem: str, capfd: pytest.CaptureFixture[str]
) -> None:
    only(*names)(folder)
    with pytest.raises(ModelUnavailable) as refusal:
        load_model(str(folder), max_prompt_tokens=10)
    assert problem in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert "from one of:." not in str(refusal.value), "the list of files is not empty"
    assert capfd.readouterr() == ("", "")
