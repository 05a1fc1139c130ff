"""Read the novels, and arrange novels and reviews in rows of token ids."""

import random
import tarfile
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bot.questions.sentiment import SENTIMENT
from training.review_grammar import LabelledReview, write_review

END_OF_TEXT = "<|endoftext|>"
# Whole books, so the figure on held-out text is for sentences never seen in training.
HELD_OUT_NOVELS = ("Doyle_Hound_1902", "Burnett_Garden_1911", "Trollope_Warden_1855")
OPENING = "paul_clifford_opening"


class Target(IntEnum):
    """The kind of a review's token, which decides its weight in the loss."""

    TEXT = 0
    LABEL = 1
    END = 2


def read_novels(archive: Path) -> dict[str, str]:
    """Return the archive's texts by name without suffix, one paragraph per line. Raises FileNotFoundError."""
    novels = {}
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            file = tar.extractfile(member) if member.name.endswith(".txt") else None
            if file is not None:
                text = file.read().decode("utf-8", errors="ignore")
                novels[Path(member.name).stem] = _paragraphs(text)
    return novels


def _paragraphs(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def write_reviews(seed: int, count: int, without: frozenset[str] = frozenset()) -> list[LabelledReview]:
    """Return `count` reviews of the grammar, none of them in `without`."""
    rng = random.Random(seed)
    reviews: list[LabelledReview] = []
    while len(reviews) < count:
        labelled = write_review(rng)
        if labelled.review not in without:
            reviews.append(labelled)
    return reviews


def review_text(labelled: LabelledReview) -> str:
    """Return the prompt for the review, followed by its label and the end of text."""
    return f"{SENTIMENT.prompt(labelled.review)} {labelled.label.lower()}{END_OF_TEXT}"


def end_of_text_id(tokenizer: Tokenizer) -> int:
    """Return the id of the end-of-text token."""
    token_id = tokenizer.token_to_id(END_OF_TEXT)
    if token_id is None:
        raise ValueError(f"the tokenizer has no {END_OF_TEXT}")
    return token_id


def encode_novels(tokenizer: Tokenizer, texts: list[str]) -> NDArray[np.uint16]:
    """Return the texts as one stream of ids, with an end-of-text token after each."""
    ids: list[int] = []
    for encoding in tokenizer.encode_batch([text + END_OF_TEXT for text in texts]):
        ids.extend(encoding.ids)
    return np.array(ids, dtype=np.uint16)


def novel_rows(stream: NDArray[np.uint16], length: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """Yield rows of `length` + 1 ids endlessly: every part of the stream once per epoch, in random order."""
    rng = np.random.default_rng(seed)
    while True:
        offset = int(rng.integers(length))
        starts = np.arange(offset, len(stream) - length - 1, length)
        rng.shuffle(starts)
        for start in starts:
            yield stream[start : start + length + 1]


def review_rows(
    tokenizer: Tokenizer, length: int, seed: int, without: frozenset[str]
) -> Iterator[tuple[NDArray[np.uint16], NDArray[np.uint8]]]:
    """Yield rows of `length` + 1 ids filled with reviews, and the `Target` of each id."""
    end = end_of_text_id(tokenizer)
    seed_of_batch = seed
    while True:
        ids: list[int] = []
        targets: list[Target] = []
        seed_of_batch += 1
        for encoding in tokenizer.encode_batch(
            [review_text(labelled) for labelled in write_reviews(seed_of_batch, 256, without)]
        ):
            ids += encoding.ids
            targets += [Target.TEXT] * (len(encoding.ids) - 2) + [Target.LABEL, Target.END]
        # Each row begins with a whole review, as a prompt does.
        begins = [0] + [i + 1 for i, token in enumerate(ids) if token == end]
        position = 0
        for begin in begins:
            if begin >= position and begin + length + 1 <= len(ids):
                row = slice(begin, begin + length + 1)
                yield np.array(ids[row], dtype=np.uint16), np.array(targets[row], dtype=np.uint8)
                position = begin + length + 1
