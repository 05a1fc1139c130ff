"""Small models of the kinds that users reported as failing."""

import json
import shutil
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, normalizers, processors
from transformers import AutoModelForCausalLM, PreTrainedConfig

from bot.engine.model_files import DEMO_FOLDER
from bot.questions.sentiment import SENTIMENT

SMALL: dict[str, Any] = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
    "initializer_range": 0.3,
}


def random_model(folder: Path, config: PreTrainedConfig, change: Callable[[Any], None] = lambda _: None) -> Path:
    """Write a random model with the demo model's tokenizer, its weights changed in place."""
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config).eval()  # type: ignore[no-untyped-call]  # transformers leaves it untyped
    with torch.no_grad():
        change(model)
    model.save_pretrained(folder)
    for file in DEMO_FOLDER.glob("*token*"):
        shutil.copy(file, folder / file.name)
    return folder


def plain_model(folder: Path) -> Any:
    """Return the model as a plain transformers script loads it, in float32."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()  # type: ignore[no-untyped-call]  # as above


def llama(**options: Any) -> PreTrainedConfig:
    """Return a small Llama with untied output weights."""
    return transformers.LlamaConfig(**SMALL | {"num_key_value_heads": 2, "max_position_embeddings": 256} | options)


def roberta(**options: Any) -> PreTrainedConfig:
    """Return a small decoder with 128 positions, which begin at 2."""
    return transformers.RobertaConfig(
        **SMALL | {"max_position_embeddings": 130, "is_decoder": True, "type_vocab_size": 1} | options
    )


def rwkv() -> PreTrainedConfig:
    """Return a small model with a recurrent state instead of keys and values."""
    options = {key: value for key, value in SMALL.items() if key != "num_attention_heads"}
    return transformers.RwkvConfig(**options, attention_hidden_size=64, context_length=256)


def demo_with(
    folder: Path,
    *,
    tokenizer: Callable[[dict[str, Any]], None] = lambda _: None,
    config: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Path:
    """Write the demo model with its tokenizer.json or its config.json edited in place."""
    shutil.copytree(DEMO_FOLDER, folder, dirs_exist_ok=True)
    for name, edit in (("tokenizer.json", tokenizer), ("config.json", config)):
        content = json.loads((folder / name).read_text())
        edit(content)
        (folder / name).write_text(json.dumps(content))
    return folder


def overflowing_demo(folder: Path) -> Path:
    """Write the demo model with one layer's output 30,000 times as large: float32 holds it, float16 does not."""
    shutil.copytree(DEMO_FOLDER, folder, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    name = "model.layers.3.mlp.down_proj.weight"
    tensors[name] = (tensors[name].float() * 30_000).to(tensors[name].dtype)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def added_token(id_: int, content: str, *, special: bool = False) -> dict[str, Any]:
    """Return the entry of an added token in a tokenizer.json."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id_, "content": content, "special": special, **flags}


def spaced_model(folder: Path, *, ends_texts: bool = False) -> Path:
    """Write a random model whose tokenizer, like Llama 2's, puts a space before each text, and optionally an end after.

    The words of the notebook's question are tokens that include their leading space; all other tokens are characters.
    """
    words = dict.fromkeys(f"{SENTIMENT.prompt('')} positive negative It was a dark".split())
    pieces = ["<unk>", "<s>", "</s>", "▁", *string.printable, *(f"▁{word}" for word in words)]
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0 / len(piece)) for piece in dict.fromkeys(pieces)], unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    single = "<s> $A </s>" if ends_texts else "<s> $A"
    tokenizer.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<s>", 1), ("</s>", 2)])
    random_model(folder, llama(vocab_size=tokenizer.get_vocab_size(), bos_token_id=1, eos_token_id=2))
    for file in folder.glob("*token*"):
        file.unlink()
    tokenizer.save(str(folder / "tokenizer.json"))
    options = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    tokens = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(options | tokens))
    return folder
