"""Models that cannot be used are refused in one line with a remedy; nothing is filled in at random."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from bot.errors import ModelUnavailable
from bot.inference.loading import load_model
from bot.inference.model_files import DEMO_FOLDER


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the demo model to break."""
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


def larger_tokenizer(folder: Path) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"extra{number}": 4096 + number for number in range(10)}
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
        (pickled_weights, "pickled weights can run code and are not loaded"),
        (drop_a_tensor, r"1 missing, model\.layers\.2\.mlp\.up_proj\.weight"),
        (cut_a_tensor, "its weights"),
        (no_tokenizer, "it has no tokenizer"),
        (broken_tokenizer, "its tokenizer cannot be loaded"),
        (empty_tokenizer, "its tokenizer"),
        (larger_tokenizer, "its tokenizer has 4,106 tokens and its weights only 4,096"),
        (no_config, "it has no config.json"),
        (broken_config, "cannot be loaded"),
        (unknown_architecture, "cannot be loaded"),
        (code_of_its_own, "cannot be loaded"),
        (missing_shard, r"it lacks model-00001-of-00002\.safetensors"),
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


def test_safe_weights_are_taken_where_pickled_ones_lie_beside_them(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"not a checkpoint")
    assert load_model(str(folder), max_prompt_tokens=10).info.parameter_count > 1_000_000


@pytest.mark.parametrize("name", ["./nowhere", "/no/such", "~/no/such"])
def test_a_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(ModelUnavailable, match="there is no such folder"):
        load_model(name, max_prompt_tokens=10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ModelUnavailable, match=r"no cuda device\. Set BOT_DEVICE=auto or cpu"):
        load_model("demo", device="cuda", max_prompt_tokens=10)


def test_what_is_loaded_is_described(folder: Path) -> None:
    info = load_model(str(folder), max_prompt_tokens=10).info
    assert (info.name, info.revision, info.dtype, info.device) == (str(folder), None, "float32", "cpu")
    assert (info.context_length, info.vocab_size) == (512, 4096)
    assert 3_000_000 <= info.parameter_count <= 6_000_000
