"""The source tree keeps the structure described in CONTRIBUTING."""

import ast
from collections.abc import Callable
from pathlib import Path

import discord
import pytest
from discord import app_commands

import bot
from bot import errors
from bot.answers.error_reply import TITLES
from bot.app.client import Nightword, add_commands

PACKAGE = Path(bot.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
# A rule that import-linter's contracts don't have: which modules can import a third-party library.
HOME_OF = {
    ("transformers", "huggingface_hub", "safetensors", "tokenizers"): ("bot.engine.",),
    ("sqlalchemy", "alembic", "aiosqlite", "asyncpg"): ("bot.storage.",),
    ("matplotlib", "PIL"): ("bot.rendering.pictures.",),
    ("scipy",): ("bot.decisions.statistics",),
    ("simcord",): ("bot.cli.playground",),
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def imports(path: Path) -> set[str]:
    """Return the modules that a module imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            names.add(str(node.module))
    return names


def roots(path: Path) -> set[str]:
    """Return the packages that a module imports, also inside functions."""
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_each_library_is_imported_only_where_it_belongs(path: Path) -> None:
    for libraries, homes in HOME_OF.items():
        if not name_of(path).startswith(homes):
            assert not roots(path) & set(libraries)
    if name_of(path) != "bot.settings":
        assert "os.environ" not in path.read_text()
        assert "getenv" not in path.read_text()


def test_the_package_has_only_four_modules_at_its_top() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "errors.py", "settings.py"}


def replies_on_errors(callback: Callable[..., object]) -> bool:
    return callback.__code__.co_qualname.startswith("reply_on_error.")


async def test_every_command_is_registered_replies_on_errors_and_has_descriptions(simcord_bot: Nightword) -> None:
    await add_commands(simcord_bot)
    commands = list(simcord_bot.tree.walk_commands())
    menus = simcord_bot.tree.get_commands(type=discord.AppCommandType.message)
    assert {menu.name for menu in menus} == {"Score sentiment", "Tokenize", "X-ray"}
    for menu in menus:
        assert replies_on_errors(menu.callback), "the context menu has no @reply_on_error"
    assert {command.name for command in commands} == {
        "topk", "continue", "sentiment", "tokenize", "model", "help", "xray", "sampler", "compare", "guess", "decide",
        "contrast", "layers", "why",
    }  # fmt: skip
    for command in commands:
        assert isinstance(command, app_commands.Command)
        assert replies_on_errors(command.callback), "the command has no @reply_on_error"
        assert 10 < len(command.description) <= 100
        for parameter in command.parameters:
            assert 10 < len(str(parameter.description)) <= 100


def concrete(error: type[errors.BotError]) -> list[type[errors.BotError]]:
    below = error.__subclasses__()
    return [error] if not below else [leaf for sub in below for leaf in concrete(sub)]


def test_every_error_is_in_the_docstring_s_tree_and_has_a_title() -> None:
    drawn = errors.__doc__ or ""
    only_in_the_terminal = {
        errors.InvalidSettings,
        errors.InputUnreadable,
        errors.DatabaseUnavailable,
        errors.PlaygroundUnavailable,
        errors.TurnNotTaken,
        errors.ShardsTaken,
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


def test_no_todo_is_left_in_the_code() -> None:
    for path in MODULES:
        text = path.read_text()
        assert "TODO" not in text
        assert "FIXME" not in text
        assert "NotImplementedError" not in text


def test_no_test_module_imports_another() -> None:
    names = {f"tests.{'.'.join(path.relative_to(TESTS).with_suffix('').parts)}" for path in TESTS.rglob("test_*.py")}
    importing = {path.name: imports(path) & names for path in TESTS.rglob("*.py")}
    assert {name: imported for name, imported in importing.items() if imported} == {}
