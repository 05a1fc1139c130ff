"""Discord and the terminal offer the options of the one table, with its names, ranges, defaults and descriptions."""

import argparse
from typing import Any

import pytest
from discord import app_commands

from bot.app.client import Nightword, add_commands
from bot.cli.main import build_parser
from bot.questions.comparison import ComparisonQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.layers import LayersQuestion
from bot.questions.options import OPTIONS, Option, options_of
from bot.questions.sampler import SamplerQuestion
from bot.questions.topk import TopKQuestion

OF_EVERY_COMMAND = {"help", "json", "png", "model", "dtype"}  # options of the terminal itself, not of a question
NOT_QUESTIONS = {"run", "doctor", "health", "backup", "playground", "bench"}
ONLY_IN_THE_TERMINAL = {"measure", "diff", "replay"}
KINDS = {"string": str, "integer": int, "number": float, "boolean": bool}


def terminal_commands() -> dict[str, argparse.ArgumentParser]:
    actions = build_parser()._actions
    (commands,) = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    return {name: parser for name, parser in commands.choices.items() if name not in NOT_QUESTIONS}


def arguments_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {action.dest: action for action in parser._actions if action.dest not in OF_EVERY_COMMAND}


async def test_discord_has_the_options_of_the_table(simcord_bot: Nightword) -> None:
    await add_commands(simcord_bot)
    registered = {command.name: command for command in simcord_bot.tree.walk_commands()}
    assert set(registered) == set(OPTIONS) - ONLY_IN_THE_TERMINAL
    for name, command in registered.items():
        assert isinstance(command, app_commands.Command)
        expected = options_of(name, "discord")
        assert [parameter.name for parameter in command.parameters] == [option.name for option in expected]
        for option in expected:
            parameter = command.get_parameter(option.name)
            assert parameter is not None
            assert str(parameter.description) == option.description
            assert KINDS[parameter.type.name] is option.kind
            assert (parameter.min_value, parameter.max_value) == (option.smallest, option.largest)
            assert tuple(choice.value for choice in parameter.choices) == option.choices
            assert parameter.required is option.is_required
            if not option.is_required:
                assert parameter.default == (None if option.is_number else option.default)


def test_the_terminal_has_the_options_of_the_table() -> None:
    parsers = terminal_commands()
    assert set(parsers) == {name for name in OPTIONS if name not in ("guess", "model", "help")}
    for name, parser in parsers.items():
        expected = options_of(name, "terminal")
        assert list(arguments_of(parser)) == [option.name for option in expected]
        for option in expected:
            argument = arguments_of(parser)[option.name]
            assert argument.option_strings == ([] if option.is_positional else [option.flag])
            assert argument.help == option.description
            assert tuple(argument.choices or ()) == option.choices
            assert argument.default == (None if option.is_number else option.default)
            if option.is_positional:
                assert argument.required is option.is_required


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("topk", lambda: vars_of(TopKQuestion.from_options("x"))),
        ("sampler", lambda: vars_of(SamplerQuestion.from_options("x"))),
        ("layers", lambda: vars_of(LayersQuestion.from_options("x"))),
        ("compare", lambda: vars_of(ComparisonQuestion.from_options("x"))),
        ("continue", lambda: vars_of(GenerationParameters.from_options(strategy="sample"))),
        ("continue", lambda: vars_of(GenerationParameters.from_options(strategy="beam"))),
    ],
    ids=["topk", "sampler", "layers", "compare", "sample", "beam"],
)
def test_a_question_fills_in_the_defaults_of_the_table(command: str, values: Any) -> None:
    filled = values()
    numbers = [option for option in OPTIONS[command] if option.is_number and option.default is not None]
    compared = [option for option in numbers if option.strategy in (None, filled.get("strategy", option.strategy))]
    assert compared
    for option in compared:
        assert filled[option.name] == option.default


def vars_of(question: Any) -> dict[str, Any]:
    return {name: getattr(question, name) for name in question.__dataclass_fields__}


@pytest.mark.parametrize(
    "option",
    [option for command in OPTIONS for option in options_of(command, "discord")],
    ids=lambda option: option.name,
)
def test_a_description_fits_discord_and_names_range_and_default(option: Option) -> None:
    assert 10 < len(option.description) <= 100
    if option.is_number:
        smallest, largest = option.range
        assert f"{smallest:,} to {largest:,}" in option.description
        assert option.without or f"default {option.default}" in option.description
