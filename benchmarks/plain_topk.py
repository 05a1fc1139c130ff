"""The ten most probable next tokens with plain transformers: `python plain_topk.py FOLDER PROMPT`."""

import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

folder, prompt = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder)
with torch.inference_mode():
    top = model(**tokenizer(prompt, return_tensors="pt")).logits[0, -1].softmax(-1).topk(10)
for probability, id_ in zip(top.values.tolist(), top.indices.tolist(), strict=True):
    print(f"{probability:7.2%} {id_:6} {tokenizer.decode(id_)!r}")
