"""The tree keeps the shape that CONTRIBUTING draws."""

import ast
import importlib
import pkgutil
from pathlib import Path

import discord
import pytest
from discord import app_commands
from discord.ext import commands as discord_commands

import bot
import bot.commands
from bot import errors
from bot.client import Nightword
from bot.error_reply import TITLES

PACKAGE = Path(bot.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
TERMINAL = {
    "bot.terminal", "bot.terminal_io", "bot.picture_file", "bot.explorer_terminal", "bot.cli_options",
    "bot.cli_questions",
}  # fmt: skip
COMMAND_MODULES = [module.name for module in pkgutil.iter_modules(bot.commands.__path__)]  # the groups are packages


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    """Return the full names that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def files_of(command: str) -> list[Path]:
    """Return the files of a command, or of a group of commands; first the one with its setup."""
    folder = PACKAGE / "commands" / command
    return [folder / "__init__.py", *folder.glob("[a-z]*.py")] if folder.is_dir() else [folder.with_suffix(".py")]


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_has_its_place(path: Path) -> None:
    name = name_of(path)
    if not name.startswith("bot.engine"):
        assert not roots(path) & {"torch", "transformers", "huggingface_hub", "safetensors"}
    if name.startswith("bot.engine") or name in TERMINAL | {"bot.errors", "bot.settings", "bot.cli"}:
        assert not roots(path) & {"discord", "simcord"}
    if not name.startswith("bot.storage"):
        assert not roots(path) & {"sqlalchemy", "alembic", "aiosqlite", "asyncpg"}
    if not name.startswith("bot.rendering.pictures."):
        assert not roots(path) & {"matplotlib", "PIL"}
    if name != "bot.playground":
        assert "simcord" not in roots(path)
    if name != "bot.settings":
        assert "os.environ" not in path.read_text()
        assert "getenv" not in path.read_text()


@pytest.mark.parametrize("module", COMMAND_MODULES)
def test_a_command_knows_no_other_command(module: str) -> None:
    own = f"bot.commands.{module}."
    found = {name for path in files_of(module) for name in imports(path) if name.startswith("bot.commands")}
    assert not {name for name in found if not f"{name}.".startswith(own)}


@pytest.mark.parametrize("module", COMMAND_MODULES)
def test_a_command_file_has_its_cog_then_its_setup(module: str) -> None:
    loaded = importlib.import_module(f"bot.commands.{module}")
    tree = ast.parse(files_of(module)[0].read_text())
    definitions = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.AsyncFunctionDef)]
    cog, *_, last = definitions
    assert issubclass(getattr(loaded, cog), discord_commands.Cog)
    assert last == "setup"


async def test_every_command_is_found_answers_errors_and_describes_itself(simcord_bot: Nightword) -> None:
    await bot.commands.add_commands(simcord_bot, simcord_bot.executor, simcord_bot.settings)
    found = list(simcord_bot.tree.walk_commands())
    menus = simcord_bot.tree.get_commands(type=discord.AppCommandType.message)
    assert {menu.name for menu in menus} == {"Score sentiment", "Tokenize", "X-ray"}
    for menu in menus:
        assert menu.callback.__code__.co_name == "answered", "the context menu lacks @answers_errors"
    assert {command.name for command in found} == {
        "topk", "continue", "sentiment", "tokenize", "model", "help", "xray", "sampler", "compare", "guess",
    }  # fmt: skip
    for command in found:
        assert isinstance(command, app_commands.Command)
        assert command.callback.__code__.co_name == "answered", "the command lacks @answers_errors"
        assert 10 < len(command.description) <= 100
        for parameter in command.parameters:
            assert 10 < len(str(parameter.description)) <= 100


def concrete(error: type[errors.BotError]) -> list[type[errors.BotError]]:
    below = error.__subclasses__()
    return [error] if not below else [leaf for sub in below for leaf in concrete(sub)]


def test_every_failure_stands_in_the_tree_and_has_its_words() -> None:
    drawn = errors.__doc__ or ""
    only_in_the_terminal = {
        errors.InvalidSettings,
        errors.InputUnreadable,
        errors.DatabaseUnavailable,
        errors.PlaygroundUnavailable,
        errors.TokenMissing,
        errors.TokenRejected,
        errors.IntentsMissing,
        errors.DiscordUnreachable,
        errors.Unhealthy,
    }
    for error in concrete(errors.BotError):
        assert error.__name__ in drawn
        assert error in TITLES or error in only_in_the_terminal
    assert set(TITLES) <= {errors.BotError, *concrete(errors.BotError)}


def test_nothing_is_left_for_later() -> None:
    for path in MODULES:
        text = path.read_text()
        assert "TODO" not in text
        assert "FIXME" not in text
        assert "NotImplementedError" not in text
