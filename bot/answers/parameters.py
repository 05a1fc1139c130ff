"""Discord's parameter types and descriptions, built from the table of options."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from discord import app_commands

from bot.questions.options import (
    COMPARED_TOKENS,
    MIN_P,
    NEW_TOKENS,
    NUM_BEAMS,
    POSITIONS,
    REPETITION_PENALTY,
    SEED,
    TEMPERATURE,
    TEXT_LIMIT,
    TOKEN_LIMIT,
    TOP_H,
    TOP_K,
    TOP_P,
    K,
    options_of,
)

T = TypeVar("T")

Text: TypeAlias = app_commands.Range[str, 1, TEXT_LIMIT]
ChosenToken: TypeAlias = app_commands.Range[str, 1, TOKEN_LIMIT]
ShownTokens: TypeAlias = app_commands.Range[int, K.smallest, K.largest]
NewTokens: TypeAlias = app_commands.Range[int, NEW_TOKENS.smallest, NEW_TOKENS.largest]
ComparedTokens: TypeAlias = app_commands.Range[int, COMPARED_TOKENS.smallest, COMPARED_TOKENS.largest]
Temperature: TypeAlias = app_commands.Range[float, TEMPERATURE.smallest, TEMPERATURE.largest]
TopK: TypeAlias = app_commands.Range[int, TOP_K.smallest, TOP_K.largest]
TopP: TypeAlias = app_commands.Range[float, TOP_P.smallest, TOP_P.largest]
MinP: TypeAlias = app_commands.Range[float, MIN_P.smallest, MIN_P.largest]
TopH: TypeAlias = app_commands.Range[float, TOP_H.smallest, TOP_H.largest]
NumBeams: TypeAlias = app_commands.Range[int, NUM_BEAMS.smallest, NUM_BEAMS.largest]
RepetitionPenalty: TypeAlias = app_commands.Range[float, REPETITION_PENALTY.smallest, REPETITION_PENALTY.largest]
Positions: TypeAlias = app_commands.Range[int, POSITIONS.smallest, POSITIONS.largest]
Seed: TypeAlias = app_commands.Range[int, SEED.smallest, SEED.largest]


def describe_options(command: str) -> Callable[[T], T]:
    """Return a decorator that adds the descriptions of a command's parameters."""
    return app_commands.describe(**{option.name: option.description for option in options_of(command, "discord")})
