"""llama.cpp, one text at a time, with the same work as the engine. Its quantizations are its own.

usage: python -m benchmarks.llama_cpp_peer FOLDER NEW_TOKENS {whole,speeds} {bfloat16,Q8_0,Q4_0}
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from transformers import AutoTokenizer

from benchmarks.peer_environment import llama_cpp_python
from benchmarks.turns import WHOLE
from benchmarks.work import LONG_PROMPT_WORDS, REVIEWS_ALONE
from bot.cli.bench.work import PROMPT_WORDS, REVIEW_WORDS, words
from bot.questions.sentiment import SENTIMENT

SCRIPT = Path(__file__).with_name("llama_cpp_script.py")


def main() -> None:
    """Print the figures as JSON."""
    folder, new_tokens, extent, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    python = llama_cpp_python()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    work = {
        "new_tokens": new_tokens,
        "prompts": {
            length: tokenizer(words(100, length)).input_ids
            for length in ((PROMPT_WORDS, LONG_PROMPT_WORDS) if extent == WHOLE else (PROMPT_WORDS,))
        },
        "reviews": [
            tokenizer(SENTIMENT.prompt(words(5000 + number, REVIEW_WORDS))).input_ids for number in range(REVIEWS_ALONE)
        ],
    }
    with tempfile.TemporaryDirectory() as gguf:
        # In a process of its own, whose memory doesn't count.
        subprocess.run([python, SCRIPT, "convert", folder, f"{gguf}/model.gguf", kind], check=True)  # noqa: S603  # the peer's interpreter
        run = subprocess.run(  # noqa: S603  # as above
            [python, SCRIPT, "measure", f"{gguf}/model.gguf"],
            input=json.dumps(work), stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
    print(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
