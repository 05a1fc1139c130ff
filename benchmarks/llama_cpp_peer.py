"""llama.cpp, one text at a time, with the same work as the engine.

usage: python -m benchmarks.llama_cpp_peer FOLDER NEW_TOKENS
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

from benchmarks.peer_environment import python_with
from bot.cli.bench.work import REVIEW_WORDS, ROUNDS, words
from bot.questions.sentiment import SENTIMENT

REVIEWS = 8


def main() -> None:
    """Print tokens/s and reviews/s as JSON."""
    folder, new_tokens = Path(sys.argv[1]), int(sys.argv[2])
    python = python_with("llama.cpp", "llama-cpp-python==0.3.36", "gguf==0.19.0")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    work = {
        "new_tokens": new_tokens,
        "prompts": [tokenizer(words(100 + turn * 1000)).input_ids for turn in range(ROUNDS)],
        "reviews": [
            tokenizer(SENTIMENT.prompt(words(5000 + number, REVIEW_WORDS))).input_ids for number in range(REVIEWS)
        ],
    }
    script = Path(__file__).with_name("llama_cpp_script.py")
    with tempfile.TemporaryDirectory() as gguf:
        run = subprocess.run(  # noqa: S603  # the peer's interpreter
            [python, script, folder, f"{gguf}/model.gguf"],
            input=json.dumps(work), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    print(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
