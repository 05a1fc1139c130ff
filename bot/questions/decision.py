"""A decision: a question with labels, asked about a text, and what the model answered."""

import math
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, get_args

from bot.errors import BotError, DecisionInvalid
from bot.questions.evidence import WordEvidence
from bot.questions.language_model import Question, RepeatableQuestion
from bot.questions.outcome import Outcome

DecisionType = Literal["template", "noul", "choice", "score"]
DECISION_TYPES: tuple[DecisionType, ...] = get_args(DecisionType)

TEXT_PLACE = "{text}"
NOUL_LABELS = ("Yes", "No")
FEWEST_LABELS, MOST_LABELS = 2, 10
MOST_EXAMPLES = 8
QUESTION_LENGTH = 2000  # characters
LABEL_LENGTH = 100
EXAMPLE_LENGTH = 1000
# The model answers the question only if its labels have at least this share of the whole vocabulary's probability.
LEAST_LABEL_MASS = 0.01
_BETWEEN_EXAMPLES = "\n\n"


@dataclass(frozen=True, slots=True)
class Example:
    """A text with the label that it should get, shown to the model before the text that it judges."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of a conversation that the model's chat template writes."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A question with labels, without the text that it is asked about.

    `template`: `question` is the prompt, with ``{text}`` where the text belongs, and the labels follow it exactly as
    they are written. The other types are asked through the model's chat template, as transformers' pipeline "decision"
    does: `noul` has the labels Yes and No, `choice` has options, and `score` has levels, the lowest first.

    Raises DecisionInvalid if it can't be asked.
    """

    type: DecisionType
    question: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        """Check every part, and say what is wrong, the limit and the remedy."""
        if self.type not in DECISION_TYPES:
            raise DecisionInvalid(f"The type {self.type!r} is unknown. Use one of {', '.join(DECISION_TYPES)}.")
        self._check_question()
        self._check_labels()
        self._check_examples()

    def _check_question(self) -> None:
        if not self.question.strip():
            raise DecisionInvalid("The question is empty. Write what the model should decide.")
        _check_length("question", self.question, QUESTION_LENGTH)
        places = self.question.count(TEXT_PLACE)
        if self.type == "template" and places != 1:
            problem = f"The template contains {TEXT_PLACE} {places} times"
            raise DecisionInvalid(f"{problem}. Write it exactly once, where the text belongs.")

    def _check_labels(self) -> None:
        if self.type == "noul" and self.labels != NOUL_LABELS:
            raise DecisionInvalid("A question of type noul has the labels Yes and No. Leave them out, or use choice.")
        if not FEWEST_LABELS <= len(self.labels) <= MOST_LABELS:
            limits = f"{FEWEST_LABELS} to {MOST_LABELS}"
            raise DecisionInvalid(f"The question has {len(self.labels)} labels, but must have {limits}.")
        for label in self.labels:
            if not label.strip():
                raise DecisionInvalid("A label is empty. Give each label at least one letter.")
            _check_length("label", label, LABEL_LENGTH)
            if self.type != "template" and len(label.splitlines()) > 1:
                raise DecisionInvalid(f"The label {label!r} has several lines. Write it on one line.")
        if twice := next((label for label, count in Counter(self.labels).items() if count > 1), None):
            raise DecisionInvalid(f"The label {twice!r} occurs twice. Give each label once.")

    def _check_examples(self) -> None:
        if len(self.examples) > MOST_EXAMPLES:
            raise DecisionInvalid(f"The question has {len(self.examples)} examples, but can have {MOST_EXAMPLES}.")
        counts = dict.fromkeys(self.labels, 0)
        for example in self.examples:
            if example.label not in counts:
                allowed = ", ".join(map(repr, self.labels))
                raise DecisionInvalid(f"An example has the label {example.label!r}. The labels are {allowed}.")
            if not example.text.strip():
                raise DecisionInvalid(f"An example of {example.label!r} has no text. Write one, or remove it.")
            _check_length("text of an example", example.text, EXAMPLE_LENGTH)
            counts[example.label] += 1
        if max(counts.values()) - min(counts.values()) > 1:
            listed = ", ".join(f"{count} of {label!r}" for label, count in counts.items())
            problem = "The examples are not balanced, which would bias the model"
            raise DecisionInvalid(f"{problem}: {listed}. Give each label the same number, or one more than others.")

    @property
    def uses_chat_template(self) -> bool:
        """Whether the model's chat template writes the prompt."""
        return self.type != "template"

    @property
    def answers(self) -> tuple[str, ...]:
        """What the model has to write for each label: the label itself, or a letter for an option or a level."""
        if self.type in ("template", "noul"):
            return self.labels
        return tuple(string.ascii_uppercase[: len(self.labels)])

    def prompt(self, text: str) -> str:
        """Return the prompt of a template: the examples with their labels, then `text`. A blank line is between."""
        shown = [self._filled(example.text) + example.label for example in self.examples]
        return _BETWEEN_EXAMPLES.join([*shown, self._filled(text)])

    def turns(self, text: str) -> tuple[Turn, ...]:
        """Return the conversation of the other types: each example with its answer, then `text`."""
        answer_of = dict(zip(self.labels, self.answers, strict=True))
        turns: list[Turn] = []
        for example in self.examples:
            turns += [Turn("user", self._request(example.text)), Turn("assistant", answer_of[example.label])]
        return (*turns, Turn("user", self._request(text)))

    def _filled(self, text: str) -> str:
        before, _, after = self.question.partition(TEXT_PLACE)
        return before + text + after

    def _request(self, text: str) -> str:
        """Return the message that transformers' pipeline "decision" (5.23, DECISION_PROMPT) writes about `text`."""
        if self.type == "noul":
            return f"{text}\n\n{self.question}\nAnswer Yes or No only."
        lines = [f"{letter}. {label}" for letter, label in zip(self.answers, self.labels, strict=True)]
        kind = "option" if self.type == "choice" else "level"
        last = f"Answer with the letter of the {kind} that fits best (A to {self.answers[-1]}) only."
        return "\n".join([f"{text}\n", self.question, *lines, last])

    def options(self) -> dict[str, object]:
        """Return the parts as JSON values."""
        examples = tuple((example.text, example.label) for example in self.examples)
        return {"type": self.type, "question": self.question, "labels": self.labels, "examples": examples}

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """Return the decision of `options`. Raises DecisionInvalid if they are not those of a decision."""
        try:
            type_, question = options["type"], options["question"]
            labels, examples = _texts(options["labels"]), [_texts(pair) for pair in _list(options.get("examples", []))]
            if set(options) - {"type", "question", "labels", "examples"} or not isinstance(question, str):
                raise TypeError
            return cls(type_, question, labels, tuple(Example(*pair) for pair in examples))  # type: ignore[arg-type]  # checked by __post_init__
        except (KeyError, TypeError) as error:
            needed = "type, question, labels, and pairs of text and label as examples"
            raise DecisionInvalid(f"This is not a decision. It needs {needed}.") from error


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How the model scores a label.

    `ids` are the tokens of what the model has to write for it. `log_probability` is the natural logarithm of their
    probability after the prompt, over the whole vocabulary: for several tokens it is the sum. `logit` is None for
    several tokens, or if the engine doesn't know it. `probability` is over the labels: they add up to 1.
    """

    label: str
    ids: tuple[int, ...]
    logit: float | None
    log_probability: float
    probability: float


@dataclass(frozen=True, slots=True)
class DecisionReading:
    """The model's answer to a decision about a text.

    `prompt` is the whole prompt as text, and `input_ids` are its ids. `label_mass` is the probability of all labels
    over the whole vocabulary: the lower it is, the less the model was answering the question.
    """

    prompt: str
    input_ids: tuple[int, ...]
    labels: tuple[LabelScore, ...]
    label_mass: float

    @property
    def best(self) -> LabelScore:
        """The most probable label, the first of equal ones."""
        return max(self.labels, key=lambda score: score.probability)

    @property
    def verdict(self) -> str | None:
        """The most probable label, or None if the model didn't answer the question."""
        return self.best.label if self.label_mass >= LEAST_LABEL_MASS else None

    @property
    def margin(self) -> float:
        """The margin of the first label."""
        return self.margin_of(self.labels[0].label)

    def margin_of(self, label: str) -> float:
        """Return how far `label` leads the most probable other label: the difference of their log-probabilities."""
        own = next(score for score in self.labels if score.label == label)
        others = [score for score in self.labels if score.label != label]
        logits = [score.logit for score in (own, *others) if score.logit is not None]
        if len(logits) == len(self.labels):  # the same difference, rounded less often
            return logits[0] - max(logits[1:])
        return own.log_probability - max(score.log_probability for score in others)


@dataclass(frozen=True, slots=True)
class LabelCalibration:
    """The probabilities of the labels after contextual calibration (Zhao et al. 2021, "Calibrate Before Use").

    `content_free` are the probabilities for texts without content: the mean of the labels' probabilities over
    `CONTENT_FREE`, scaled to add up to 1. `probabilities` are those of the text, divided by these and scaled again (W
    diagonal, b = 0).
    """

    content_free: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DecisionEvidence:
    """A reading, the effect of each word on the margin of `label`, and the calibrated probabilities.

    Words end at white space and include punctuation. `words_together` adjacent words are left out at a time: 1, or more
    if the text has more than `MAX_GROUPS` words.
    """

    reading: DecisionReading
    label: str
    words: tuple[WordEvidence, ...]
    words_together: int
    calibration: LabelCalibration

    @property
    def calibrated_label(self) -> str:
        """The most probable label after calibration."""
        probabilities = self.calibration.probabilities
        return self.reading.labels[max(range(len(probabilities)), key=probabilities.__getitem__)].label


@dataclass(frozen=True, slots=True)
class DecisionQuestion(RepeatableQuestion[DecisionReading]):
    """A decision about `text`."""

    command: ClassVar[str] = "decide"
    decision: Decision
    text: str

    def outcome(self, result: DecisionReading) -> Outcome:
        """Return the tokens of the most probable label, all log-probabilities and the label mass."""
        figures = (*(score.log_probability for score in result.labels), result.label_mass)
        return Outcome(result.input_ids, (result.best.ids,), figures)

    def options(self) -> dict[str, object]:
        """Return the decision's parts and the text."""
        return self.decision.options() | {"text": self.text}

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """Return the question with these options. Raises TypeError and DecisionInvalid."""
        return cls(*_decision_and_text(options))


@dataclass(frozen=True, slots=True)
class DecisionEvidenceQuestion(RepeatableQuestion[DecisionEvidence]):
    """A decision about `text`, and the effect of each word on it."""

    command: ClassVar[str] = "explain_decision"
    decision: Decision
    text: str

    def outcome(self, result: DecisionEvidence) -> Outcome:
        """Return the tokens of the most probable label, the calibrated probabilities, and each word's effect."""
        figures = (*result.calibration.probabilities, *(word.effect for word in result.words))
        return Outcome(result.reading.input_ids, (result.reading.best.ids,), figures)

    def options(self) -> dict[str, object]:
        """Return the decision's parts and the text."""
        return self.decision.options() | {"text": self.text}

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Self:
        """Return the question with these options. Raises TypeError and DecisionInvalid."""
        return cls(*_decision_and_text(options))


@dataclass(frozen=True, slots=True)
class DecisionBatchQuestion(Question[tuple[DecisionReading | BotError, ...]]):
    """A decision about each of many texts. A text that can't be judged has its error as the result."""

    decision: Decision
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContentFreeQuestion(Question[tuple[float, ...]]):
    """The probabilities of a decision's labels for texts without content, as in `LabelCalibration`."""

    decision: Decision


def probabilities_of(scores: Sequence[float]) -> tuple[float, ...]:
    """Return the softmax of `scores`: logits, or log-probabilities."""
    highest = max(scores)
    weights = [math.exp(score - highest) for score in scores]
    return tuple(weight / sum(weights) for weight in weights)


def _decision_and_text(options: Mapping[str, object]) -> tuple[Decision, str]:
    text = options.get("text")
    if not isinstance(text, str):
        raise TypeError("the text is missing")
    return Decision.of({name: value for name, value in options.items() if name != "text"}), text


def _check_length(what: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise DecisionInvalid(f"The {what} has {len(text):,} characters, but the limit is {limit:,}. Shorten it.")


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError("not a list")
    return list(value)


def _texts(value: object) -> tuple[str, ...]:
    texts = tuple(text for text in _list(value) if isinstance(text, str))
    if len(texts) != len(_list(value)):
        raise TypeError("not a list of texts")
    return texts
