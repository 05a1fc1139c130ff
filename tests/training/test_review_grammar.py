"""The review grammar is reproducible and balanced, and leaves no placeholder unexpanded."""

import random
import re
from collections import Counter

from training.corpus import review_text, write_reviews
from training.review_grammar import write_review
from training.review_lexicon import POLAR


def test_the_same_seed_writes_the_same_reviews() -> None:
    assert write_reviews(3, 50) == write_reviews(3, 50)
    assert write_reviews(3, 50) != write_reviews(4, 50)


def test_labels_are_balanced_and_reviews_hardly_repeat() -> None:
    rng = random.Random(0)
    reviews = [write_review(rng) for _ in range(2000)]
    labels = Counter(review.label for review in reviews)
    assert 900 < labels["Positive"] < 1100
    assert len({review.review for review in reviews}) > 1700


def test_nothing_is_left_to_expand_and_contractions_are_words() -> None:
    for review, _ in write_reviews(1, 3000):
        assert not re.search(r"[{}_~]|\s\s|n'tn't|'sn't", review), review
        assert review == review.strip()


def test_held_out_reviews_are_not_written() -> None:
    held_out = frozenset(review.review for review in write_reviews(0, 300))
    assert not held_out & {review.review for review in write_reviews(1, 2000, held_out)}


def test_a_review_is_written_in_the_prompt_s_form_with_its_answer() -> None:
    (written,) = write_reviews(0, 1)
    assert review_text(written) == (
        "Question: Is the following review positive or\n    negative about the movie?\n"
        f"    Review: {written.review} Answer: {written.label.lower()}<|endoftext|>"
    )


def test_no_word_is_both_positive_and_negative() -> None:
    for symbol in ("adj", "thing", "habit", "verdict", "rating", "negated", "strong"):
        positive, negative = POLAR[symbol]
        assert not set(positive) & set(negative), symbol
