"""The model's answer to a decision, and the evidence for it."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from bot.engine.primitives import Engine, TokenScore
from bot.errors import BotError, EmptyPrompt, LabelsUnsupported, UsageError
from bot.questions.decision import (
    ContentFreeQuestion,
    Decision,
    DecisionBatchQuestion,
    DecisionEvidence,
    DecisionEvidenceQuestion,
    DecisionQuestion,
    DecisionReading,
    LabelCalibration,
    LabelScore,
    probabilities_of,
)
from bot.questions.evidence import CONTENT_FREE, WordGroups

ASKED_KEPT = 64  # decisions whose labels and beginning are kept
TEXTS_AT_A_TIME = 64  # scored in one call: the logits over 151,936 tokens take 39 MB
# Texts of different kinds. Up to where their prompts differ, the prompts of all texts are the same.
_PROBES = ("good", "Bad", " x", "\n", "1", "(", "é")
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class _Asked:
    """A decision as this model's tokens.

    `label_ids` are the ids of each label. `beginning` is what all prompts begin with. `prefixes` are the beginnings of
    labels, after each of which a next token is scored: only () if each label is one token.
    """

    decision: Decision
    label_ids: tuple[tuple[int, ...], ...]
    beginning: tuple[int, ...]
    prefixes: tuple[tuple[int, ...], ...]


class DecisionReader:
    """Asks decisions about texts. What all prompts of a decision begin with is computed once and cached."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._codec = engine.codec
        self._asked: OrderedDict[Decision, _Asked] = OrderedDict()

    def read(self, question: DecisionQuestion) -> DecisionReading:
        """Return the model's answer.

        Raises EmptyPrompt, PromptTooLong, NoChatTemplate, LabelsUnsupported and TokenWithoutWeights.
        """
        self.refuse_empty(question.decision, question.text)
        return self.read_all(question.decision, [question.text])[0]

    def read_batch(self, question: DecisionBatchQuestion) -> tuple[DecisionReading | BotError, ...]:
        """Return the model's answer about each text, or the error of a text that can't be judged."""
        return tuple(self.read_each(question.decision, question.texts))

    def read_each(
        self, decision: Decision, texts: Sequence[str], *, what: str = "text"
    ) -> list[DecisionReading | BotError]:
        """Return the model's answer about each of `texts`, or the error of a text that can't be judged.

        `what` names a text in errors. Raises errors that concern every text.
        """
        asked = self._ask(decision)
        results: dict[int, DecisionReading | BotError] = {}
        prompts: dict[int, list[int]] = {}
        for number, text in enumerate(texts):
            try:
                self.refuse_empty(decision, text, what=what)
                prompts[number] = self._ids(asked, text, what)
            except UsageError as error:
                results[number] = error
        fit = [texts[number] for number in prompts]
        results |= dict(zip(prompts, self._read_prompts(asked, fit, list(prompts.values())), strict=True))
        return [results[number] for number in range(len(texts))]

    def explain(self, question: DecisionEvidenceQuestion) -> DecisionEvidence:
        """Return the model's answer with its evidence. Raises the errors of `read`."""
        self.refuse_empty(question.decision, question.text)
        return self.evidence(question.decision, question.text)

    def content_free(self, question: ContentFreeQuestion) -> tuple[float, ...]:
        """Return the probabilities of the labels for texts without content. Raises the errors of `read`."""
        return _content_free(self.read_all(question.decision, CONTENT_FREE))

    def evidence(
        self, decision: Decision, text: str, label: str | None = None, *, what: str = "text"
    ) -> DecisionEvidence:
        """Return the evidence for `label`, or for the most probable one. All prompts are computed together."""
        groups = WordGroups.of(text)
        whole, *others = self.read_all(decision, [text, *CONTENT_FREE, *groups.reduced], what=what)
        content_free, reduced = others[: len(CONTENT_FREE)], others[len(CONTENT_FREE) :]
        label = label or whole.best.label
        prior = _content_free(content_free)
        return DecisionEvidence(
            reading=whole,
            label=label,
            words=groups.evidence(whole.margin_of(label), [reading.margin_of(label) for reading in reduced]),
            words_together=groups.together,
            calibration=LabelCalibration(
                prior,
                _normalized([score.probability / share for score, share in zip(whole.labels, prior, strict=True)]),
            ),
        )

    def read_all(self, decision: Decision, texts: Sequence[str], *, what: str = "text") -> list[DecisionReading]:
        """Return the model's answer about each of `texts`, which can be empty. They are computed together.

        `what` names a text in errors.
        """
        asked = self._ask(decision)
        return self._read_prompts(asked, texts, [self._ids(asked, text, what) for text in texts])

    def _read_prompts(self, asked: _Asked, texts: Sequence[str], prompts: list[list[int]]) -> list[DecisionReading]:
        rows = [[*ids, *prefix] for ids in prompts for prefix in asked.prefixes]
        chosen = list(dict.fromkeys(id_ for ids in asked.label_ids for id_ in ids))
        scores: list[tuple[TokenScore, ...]] = []
        for start in range(0, len(rows), TEXTS_AT_A_TIME):
            some = rows[start : start + TEXTS_AT_A_TIME]
            scores += self._engine.score_next(some, chosen, beginning=asked.beginning)
        width = len(asked.prefixes)
        return [
            self._reading(asked, text, ids, scores[number * width : (number + 1) * width])
            for number, (text, ids) in enumerate(zip(texts, prompts, strict=True))
        ]

    def refuse_empty(self, decision: Decision, text: str, *, what: str = "text") -> None:
        """Raise EmptyPrompt if `text` has only white space."""
        if not text.strip():
            raise EmptyPrompt(what, self._codec.prompt_limit - len(self._prompt_ids(decision, "")))

    def label_ids(self, decision: Decision) -> tuple[tuple[int, ...], ...]:
        """Return the ids of each label. Raises NoChatTemplate, LabelsUnsupported and TokenWithoutWeights."""
        return self._ask(decision).label_ids

    def _ask(self, decision: Decision) -> _Asked:
        if decision not in self._asked:
            label_ids = self._label_ids(decision)
            self._asked[decision] = _Asked(decision, label_ids, self._beginning(decision), _prefixes(label_ids))
            if len(self._asked) > ASKED_KEPT:
                self._asked.popitem(last=False)
        self._asked.move_to_end(decision)
        return self._asked[decision]

    def _label_ids(self, decision: Decision) -> tuple[tuple[int, ...], ...]:
        if decision.uses_chat_template:
            self._prompt_ids(decision, _PROBES[0])  # raises NoChatTemplate
            found = [self._codec.ids(answer, special_tokens=False) for answer in decision.answers]
            if any(len(ids) != 1 for ids in found):
                self._refuse_labels("Its tokenizer has no single token for Yes and No or a letter.", decision)
        else:
            prompt = decision.prompt(_PROBES[0])
            found = [self._codec.following_ids(prompt, label) for label in decision.labels]
        by_label = dict(zip(decision.labels, map(tuple, found), strict=True))
        for label, ids in by_label.items():
            if not ids:
                self._refuse_labels(f"Its tokenizer has no token for the label {label!r}.", decision)
            for other, other_ids in by_label.items():
                if other != label and other_ids[: len(ids)] == ids:
                    self._refuse_labels(f"The tokens of {label!r} are the beginning of those of {other!r}.", decision)
            self._codec.refuse_unpredicted(ids)
        return tuple(by_label.values())

    def _refuse_labels(self, problem: str, decision: Decision) -> None:
        remedy = "Use type `template`." if decision.uses_chat_template else "Write labels that begin differently."
        raise LabelsUnsupported(self._engine.info.short_name, problem, remedy)

    def _beginning(self, decision: Decision) -> tuple[int, ...]:
        columns = zip(*(self._prompt_ids(decision, probe) for probe in _PROBES), strict=False)
        return tuple(column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns))

    def _ids(self, asked: _Asked, text: str, what: str) -> list[int]:
        room = max(map(len, asked.label_ids)) - 1
        ids = self._prompt_ids(asked.decision, text)
        return self._codec.check_prompt(ids, what=f"{what} with the question around it", room_for=room)

    def _prompt_ids(self, decision: Decision, text: str) -> list[int]:
        if decision.uses_chat_template:
            return self._codec.chat_ids(decision.turns(text))
        return self._codec.ids(decision.prompt(text))

    def _reading(
        self, asked: _Asked, text: str, input_ids: list[int], scores: Sequence[tuple[TokenScore, ...]]
    ) -> DecisionReading:
        """Return the answer from the scores of the labels' tokens after each of the prefixes."""
        after = {prefix: {score.id: score for score in row} for prefix, row in zip(asked.prefixes, scores, strict=True)}
        paths = [[after[ids[:end]][ids[end]] for end in range(len(ids))] for ids in asked.label_ids]
        log_probabilities = [math.fsum(score.log_probability for score in path) for path in paths]
        logits = [path[0].logit if len(path) == 1 else None for path in paths]
        known = [logit for logit in logits if logit is not None]
        probabilities = probabilities_of(known if len(known) == len(paths) else log_probabilities)
        decision = asked.decision
        parts = zip(decision.labels, asked.label_ids, logits, log_probabilities, probabilities, strict=True)
        return DecisionReading(
            prompt=self._codec.decode(input_ids) if decision.uses_chat_template else decision.prompt(text),
            input_ids=tuple(input_ids),
            labels=tuple(LabelScore(*part) for part in parts),
            label_mass=min(1.0, math.fsum(map(math.exp, log_probabilities))),
        )


def _prefixes(label_ids: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Return the distinct proper prefixes of the labels, from () on."""
    return tuple(dict.fromkeys(ids[:end] for ids in label_ids for end in range(len(ids))))


def _content_free(readings: Sequence[DecisionReading]) -> tuple[float, ...]:
    """Return the mean of the labels' probabilities, computed as in the authors' code of contextual calibration."""
    columns = zip(*(reading.labels for reading in readings), strict=True)
    return _normalized(
        [max(_SMALLEST, math.fsum(math.exp(score.log_probability) for score in column)) for column in columns]
    )


def _normalized(weights: Sequence[float]) -> tuple[float, ...]:
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)
