"""llama.cpp, one text at a time, with the same work as the engine. Its quantizations are its own.

usage: python -m benchmarks.llama_cpp_peer FOLDER NEW_TOKENS {whole,speeds} {bfloat16,Q8_0,Q4_0}
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from transformers import AutoTokenizer

from benchmarks.peer_environment import PEERS, llama_cpp_python
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
    file = PEERS / "llama.cpp.log"
    try:
        with file.open("w") as log:
            print(measure(python, folder, kind, json.dumps(work), log))
    except subprocess.CalledProcessError:
        sys.exit(f"llama.cpp failed. See {file}.")


def measure(python: str, folder: Path, kind: str, work: str, log: TextIO) -> str:
    """Return the figures as JSON. llama.cpp's own output, with a line for each tensor, goes to `log`."""
    with tempfile.TemporaryDirectory() as gguf:
        # In a process of its own, whose memory doesn't count.
        subprocess.run(  # noqa: S603  # the peer's interpreter
            [python, SCRIPT, "convert", folder, f"{gguf}/model.gguf", kind], stdout=log, stderr=log, check=True
        )
        run = subprocess.run(  # noqa: S603  # as above
            [python, SCRIPT, "measure", f"{gguf}/model.gguf"],
            input=work, stdout=subprocess.PIPE, stderr=log, text=True, check=True,
        )  # fmt: skip
    return run.stdout.splitlines()[-1]


if __name__ == "__main__":
    main()
