"""`python -m training`: train the demo model on the archive of novels."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from training import corpus
from training.evaluate import evaluate
from training.train import CONTEXT, train
from training.train_tokenizer import train_tokenizer

HELD_OUT_REVIEWS = 2000


def main() -> int:
    """Train the tokenizer and the model, save both, and print the model's figures."""
    arguments = _parse()
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    if not arguments.novels.exists():
        print(f"{arguments.novels} does not exist. Name the archive of novels with --novels.", file=sys.stderr)
        return 1
    novels = corpus.read_novels(arguments.novels)
    opening = novels.pop(corpus.OPENING)
    held_out = [novels.pop(name) for name in corpus.HELD_OUT_NOVELS]
    reviews = corpus.write_reviews(arguments.seed, HELD_OUT_REVIEWS)
    tokenizer, stream = _tokenize(work, list(novels.values()), arguments.seed)
    model = train(
        tokenizer,
        stream,
        np.array(tokenizer.encode(opening).ids, dtype=np.uint16),
        steps=arguments.steps,
        seed=arguments.seed + 1,
        without=frozenset(review.review for review in reviews),
        work=work,
    )
    model.bfloat16().save_pretrained(arguments.out)
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it untyped
        tokenizer_object=tokenizer,
        eos_token=corpus.END_OF_TEXT,
        pad_token=corpus.END_OF_TEXT,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    wrapped.save_pretrained(arguments.out)
    figures = evaluate(arguments.out, novels=list(novels.values()), held_out=held_out, reviews=reviews)
    print(json.dumps(figures, indent=2))
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("--novels", type=Path, default=Path("../shared/corpora/novels.tar.xz"))
    parser.add_argument("--work", type=Path, default=Path("build/training"), help="tokenizer, ids, checkpoint, log")
    parser.add_argument("--out", type=Path, default=Path("bot/demo_model"))
    parser.add_argument("--steps", type=int, default=5500)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _tokenize(
    work: Path, novels: list[str], seed: int
) -> tuple[Tokenizer, "np.ndarray[tuple[int], np.dtype[np.uint16]]"]:
    tokenizer_file, stream_file = work / "tokenizer.json", work / "novels.npy"
    if not tokenizer_file.exists():
        train_tokenizer(novels, seed).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    if not stream_file.exists():
        np.save(stream_file, corpus.encode_novels(tokenizer, novels))
    return tokenizer, np.load(stream_file)


if __name__ == "__main__":
    sys.exit(main())
