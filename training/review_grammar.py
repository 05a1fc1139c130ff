"""Generate labelled film reviews from a grammar: shapes, negation, contrast, viewers' habits.

A shape is a sentence with symbols in braces. ``{aspect}`` is neutral, ``{adj}`` has the review's
polarity and ``{~adj}`` the opposite one, so "not {~adj}" serves both labels.
"""

import random
import re
from typing import Literal, NamedTuple

from training.review_lexicon import NEUTRAL, POLAR

Label = Literal["Positive", "Negative"]

SHAPES = {
    "plain": [
        "{the_aspect} {was} {adj}.",
        "{the_aspect} {was} {adv} {adj}.",
        "{the_aspect} {was} {adj} and {the_aspect} {was} {adj}.",
        "{adv_cap} {adj} {film}.",
        "What {a_adj} {film}!",
        "{a_adj_cap} {film} with {adj} {aspect}.",
        "{a_adj_cap}, {adj} {film}.",
        "{this} {film} {was} {adv} {adj}.",
        "{this} {was} {a_adj} {film}.",
        "{this} is {a_adj} {film} from start to finish.",
        "It {was} {adj}, {adj} and {adj}.",
        "It was {adv} {adj} from {start} to {end}.",
        "I {felt} it was {adj}.",
        "I {felt} {the_aspect} {was} {adj}.",
        "{adj_cap} {aspect}, {adj} {aspect}, {adj} {aspect}.",
        "{adj_cap} {aspect} and {a_adj} story.",
        "I {adv} {liked} {this} {film}.",
        "I {liked} {the_aspect}.",
        "I {liked} it.",
        "I {liked} every {minute} of it.",
        "{friend_cap} and I {liked} it.",
        "{friend_cap} {liked} it and so did I.",
        "We all {liked} {the_aspect}.",
        "{person_cap} {gives} {a_adj} performance.",
        "{person_cap} {was} {adv} {adj}.",
        "{the_aspect} {made_me} {feeling}.",
        "I was {feeling} when it ended.",
        "I came out {feeling}.",
        "I left the {cinema} {feeling}.",
        "It left me {feeling}.",
        "{this} {film} {verb_phrase}.",
        "{the_aspect} {verb_phrase}.",
        "{person_cap} {verb_phrase}.",
        "{the_aspect} {was} the {best} part.",
        "The {best} {film} I have seen {in_time}.",
        "This is the {best} {film} of {the_year}.",
        "One of the {best} {films} I have ever {seen}.",
        "It is {better} than {other}.",
        "It turned out {better} than I expected.",
        "How {adj}!",
        "Just {adj}.",
        "Simply {adj}.",
        "{adj_cap}!",
        "So {adj}!",
        "{adj_cap} and {adj}.",
        "Full of {thing}.",
        "It is full of {thing} and {thing}.",
        "There is so much {thing} in it.",
        "{the_aspect} {was} all {thing}.",
        "What {thing}!",
        "Every {minute} {was} {adj}.",
        "Every scene {was} {adj}.",
        "I found it {adj}.",
        "I found {the_aspect} {adv} {adj}.",
        "If you like {genre}, {advice}.",
        "As {a_genre}, it is {adj}.",
        "The {director} did {a_adj} job.",
        "The {director} should be {proud}.",
        "You can tell the {director} {cared}.",
        "It looks {adj} and sounds {adj}.",
        "{Even} {the_aspect} {was} {adj}.",
    ],
    "habit": ["{habit}.", "{habit}.", "{habit} and {habit_low}.", "{adj_cap}. {habit}.", "{habit}!"],
    "verdict": ["{verdict}.", "{verdict}!", "{rating}.", "{verdict}, {verdict_low}.", "{advice_cap}."],
    "negation": [
        "{the_aspect} {was} not {~adj}.",
        "{the_aspect} {was} never {~adj}.",
        "{the_aspect} {was} not {~adj} at all.",
        "It is not {a_~adj} {film}.",
        "It {was} far from {~adj}.",
        "It {was} anything but {~adj}.",
        "{this} {film} is not {~adj} in the least.",
        "I did not {~like} {this} {film}. {habit}.",
        "I did not find it {~adj}.",
        "I never once felt {~feeling}.",
        "There is no {~thing} in it.",
        "There was nothing {~adj} about it.",
        "Nothing about {the_aspect} {was} {~adj}.",
        "Nobody could call it {~adj}.",
        "I would not call it {~adj}, it was {adj}.",
        "Not {~adj}, not {~adj}, just {adj}.",
        "Not a {~adj} {minute} in it.",
        "Without a single {~adj} moment.",
        "{negated_cap}.",
        "{negated_cap}, and {the_aspect} {was} {adj}.",
        "{negated_cap}. {habit}.",
        "It isn't {~adj}.",
        "{the_aspect} {wasnt} {~adj}.",
        "It wasn't {~adj} but {adj}.",
        "I don't think {the_aspect} {was} {~adj}.",
        "I can't say it was {~adj}.",
    ],
    "contrast": [
        "{the_aspect} {was} {~adj}, but {the_aspect} {was} {adj} and I {liked} it.",
        "{the_aspect} {was} {~adj}, but the rest was {adj}.",
        "{the_aspect} {was} {~adj} but {strong}.",
        "I expected something {~adj}, but it was {adj}.",
        "I expected {a_~adj} {film} and got {a_adj} one.",
        "I thought it would be {~adj}. It was {adj}.",
        "Despite {~adj} {aspect}, it was {adj}.",
        "Although {the_aspect} {was} {~adj}, {strong}.",
        "Even though {the_aspect} {was} {~adj}, I {liked} it.",
        "People told me it was {~adj}. They were wrong, {strong}.",
        "The critics {~liked} it, but {strong}.",
        "It starts {~adj}, but then it gets {adj} and {strong}.",
        "{~adj_cap} start, {adj} {end}, {strong}.",
        "The trailer looked {~adj}, the {film} was {adj}.",
        "Not as {~adj} as they say, it is {adj}.",
        "{friend_cap} {~liked} it. I {liked} it.",
        "{the_aspect} {was} {~adj}, yet {strong}.",
    ],
    "neutral": [
        "I saw it {when} with {friend}.",
        "We watched it {when}.",
        "It is about {topic}.",
        "It is {a_genre} about {topic}.",
        "The story follows {topic}.",
        "{friend_cap} picked it.",
        "It runs for two hours.",
        "I had read the book before.",
        "It came out {when}.",
        "I watched it on my {screen}.",
        "{person_cap} plays {topic}.",
    ],
}

# The kinds of sentences in a review, with weights. Neutral sentences have no verdict.
PLANS: list[tuple[int, tuple[str, ...]]] = [
    (9, ("plain",)),
    (6, ("habit",)),
    (3, ("verdict",)),
    (5, ("negation",)),
    (4, ("contrast",)),
    (8, ("plain", "plain")),
    (6, ("plain", "habit")),
    (4, ("habit", "plain")),
    (4, ("plain", "verdict")),
    (3, ("habit", "verdict")),
    (4, ("negation", "plain")),
    (3, ("negation", "habit")),
    (3, ("contrast", "verdict")),
    (2, ("contrast", "habit")),
    (4, ("neutral", "plain")),
    (3, ("neutral", "habit")),
    (2, ("neutral", "negation")),
    (2, ("plain", "neutral", "verdict")),
    (3, ("plain", "plain", "habit")),
    (2, ("plain", "negation", "verdict")),
    (2, ("neutral", "contrast", "habit")),
    (2, ("plain", "habit", "plain", "verdict")),
]

CONTRACTIONS = [
    ("did not", "didn't"),
    ("could not", "couldn't"),
    ("would not", "wouldn't"),
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("was not", "wasn't"),
    ("were not", "weren't"),
    ("is not", "isn't"),
    ("will not", "won't"),
    ("cannot", "can't"),
    ("I have", "I've"),
    ("I would", "I'd"),
    ("I am", "I'm"),
    ("It is ", "It's "),
    ("it is ", "it's "),
    ("had not", "hadn't"),
]

_SYMBOL = re.compile(r"\{([^{}]+)\}")
_PLURAL = NEUTRAL["plural_aspect"]


class LabelledReview(NamedTuple):
    """A review with the label from the grammar."""

    review: str
    label: Label


def write_review(rng: random.Random) -> LabelledReview:
    """Return one review. The same generator state gives the same review."""
    positive = rng.random() < 0.5
    plans = [plan for _, plan in PLANS]
    plan = rng.choices(plans, weights=[weight for weight, _ in PLANS])[0]
    sentences = [_expand(rng.choice(SHAPES[kind]), positive, rng) for kind in plan]
    text = _dress(" ".join(sentences), rng)
    return LabelledReview(text, "Positive" if positive else "Negative")


def _expand(shape: str, positive: bool, rng: random.Random) -> str:
    """Replace the symbols from left to right. Verbs agree with the noun before them."""
    plural = False

    def replace(match: re.Match[str]) -> str:
        nonlocal plural
        symbol = match.group(1)
        article = symbol.startswith("a_")
        capital = symbol.endswith("_cap")
        lower = symbol.endswith("_low")
        name = symbol.removeprefix("a_").removesuffix("_cap").removesuffix("_low")
        opposite = name.startswith("~")
        name = name.removeprefix("~")
        if name == "the_aspect":
            plural = rng.random() < 0.3
            word = "the " + rng.choice(_PLURAL if plural else NEUTRAL["aspect"])
        elif name in ("was", "wasnt"):
            word = rng.choice(NEUTRAL[f"{name}_plural" if plural else name])
        elif name in POLAR:
            word = rng.choice(POLAR[name][0 if positive != opposite else 1])
            word = _SYMBOL.sub(replace, word)
        else:
            word = _SYMBOL.sub(replace, rng.choice(NEUTRAL[name]))
        if article:
            word = ("an " if word[0] in "aeiou" else "a ") + word
        if lower and not word.startswith(("I ", "I'")):
            word = word[0].lower() + word[1:]
        return word[0].upper() + word[1:] if capital else word

    text = _SYMBOL.sub(replace, shape)
    return text[0].upper() + text[1:]


def _dress(text: str, rng: random.Random) -> str:
    """Vary contractions, case and the final full stop, as people do."""
    if rng.random() < 0.5:
        for full, short in CONTRACTIONS:
            text = text.replace(full, short)
    draw = rng.random()
    if draw < 0.15:
        text = text.lower()
    elif draw < 0.17:
        text = text.upper()
    if rng.random() < 0.2:
        text = text.rstrip(".")
    elif rng.random() < 0.1:
        text = text.rstrip(".") + rng.choice(["!", "!!", "...", "!!!"])
    return text
