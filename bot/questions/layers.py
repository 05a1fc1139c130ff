"""What the model would say after each of its layers: the logit lens (nostalgebraist 2020)."""

from dataclasses import dataclass
from typing import ClassVar

from bot.questions.language_model import RepeatableQuestion
from bot.questions.options import DEFAULT_POSITIONS, given_or
from bot.questions.outcome import Outcome
from bot.questions.tokens import Token, TokenProbability


@dataclass(frozen=True, slots=True)
class LayerPosition:
    """The most probable next tokens after one position, best first, and the entropy of all of them in bits.

    `position` counts the prompt's tokens from 0.
    """

    position: int
    top: tuple[TokenProbability, ...]
    entropy: float


@dataclass(frozen=True, slots=True)
class Layer:
    """What the model would say after a layer, at each position. Layer 0 is the embedding."""

    number: int
    positions: tuple[LayerPosition, ...]


@dataclass(frozen=True, slots=True)
class LayerReadings:
    """What the model would say after each layer, at the last positions of a prompt.

    `tokens` are the prompt's tokens at these positions. The last of `layers` is the model's own answer.
    """

    prompt: str
    input_ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    layers: tuple[Layer, ...]

    @property
    def answers(self) -> tuple[TokenProbability, ...]:
        """The model's own most probable next token after each position."""
        return tuple(position.top[0] for position in self.layers[-1].positions)

    @property
    def leads_from(self) -> int:
        """The layer from which on the model's own answer after the prompt is the most probable token.

        0 means that it leads from the embedding on.
        """
        final = self.answers[-1].token.id
        first = len(self.layers) - 1
        while first and self.layers[first - 1].positions[-1].top[0].token.id == final:
            first -= 1
        return self.layers[first].number


@dataclass(frozen=True, slots=True)
class LayersQuestion(RepeatableQuestion[LayerReadings]):
    """What the model would say after each layer, at the last `positions` of a prompt."""

    command: ClassVar[str] = "layers"
    prompt: str
    positions: int

    @classmethod
    def from_options(cls, prompt: str, positions: int | None = None) -> "LayersQuestion":
        """Fill in the default of a user's option."""
        return cls(prompt, given_or(positions, DEFAULT_POSITIONS))

    def outcome(self, result: LayerReadings) -> Outcome:
        """Return the model's own answers, and every layer's largest probability at each position.

        The tokens of early layers aren't compared: rounding can change the order of almost equal ones.
        """
        figures = tuple(position.top[0].probability for layer in result.layers for position in layer.positions)
        return Outcome(result.input_ids, (tuple(answer.token.id for answer in result.answers),), figures)
