"""The plain script that `nightword topk --model demo` is compared with: load the model, print ten tokens."""

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from bot.engine.model_files import DEMO_FOLDER

PROMPT = "The film was"
tokenizer = AutoTokenizer.from_pretrained(DEMO_FOLDER)
model = AutoModelForCausalLM.from_pretrained(DEMO_FOLDER, dtype=torch.float32)
with torch.inference_mode():
    probabilities = model(**tokenizer(PROMPT, return_tensors="pt")).logits[0, -1].softmax(-1)
for probability, id_ in zip(*probabilities.topk(10), strict=True):
    print(f"{probability:.4f} {tokenizer.decode(id_)!r}")
