"""`/help` as a member meets it: every command, with an example that works."""

import re
from typing import Any

from discord import app_commands

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import parts_of
from tests.features.people import Place, embed_of


def options_of(message: Any) -> dict[str, str]:
    """Return the label of each option of the menu, by its value."""
    return {option["value"]: option["label"] for part in parts_of(message) for option in part["options"]}


async def page_of(place: Place, message: Any, name: str) -> dict[str, Any]:
    """Choose a command in the menu, and return the page that replaces the message's."""
    shown = await place.member.select(message, [name])
    return embed_of(shown.response or message)


async def test_every_command_with_its_options_and_an_example(place: Place) -> None:
    result = await place.member.slash(place.channel, "help")
    assert result.response.ephemeral
    embed = embed_of(result.response)
    commands: dict[str, Any] = {command.name: command for command in place.env.bot.tree.walk_commands()}  # type: ignore[attr-defined]  # the bot is ours
    del commands["help"]
    assert options_of(result.response) == {name: f"/{name}" for name in sorted(commands)}
    introduction, _, *lines = embed["description"].split("\n")
    assert lines == [f"**/{name}** {command.description}" for name, command in sorted(commands.items())]
    assert "option `private`: only you see the answer" in introduction
    assert embed["fields"] == [
        {
            "name": "On a message",
            "value": "Right-click or long-press a message, then *Apps* → *Score sentiment*, *Tokenize* or *X-ray*. "
            "Only you see the answer.",
        }
    ]
    for name, command in commands.items():
        page = await page_of(place, result.response, name)
        assert page["title"] == f"/{name}"
        description, example, *explained = page["description"].split("\n")
        assert description == command.description
        assert re.fullmatch(rf"`/{name}( .*)?`", example)
        names = [parameter.display_name for parameter in command.parameters]
        assert set(re.findall(r"\b(\w+):", example)) <= set(names)
        assert explained[:2] == (["", "**Options**"] if names else [])
        explained = explained[2:]
        assert [line.strip("*").split("`")[1] for line in explained] == names
        assert [line.startswith("**") for line in explained] == [option.required for option in command.parameters]


async def test_the_menu_leads_back_and_works_after_a_restart(
    place: Place, demo_model: EngineModel, settings: Settings
) -> None:
    message = (await place.member.slash(place.channel, "help")).response
    overview = embed_of(message)
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    shown = (await place.member.select(message, ["topk"])).response or message
    assert options_of(shown)["help"] == "All commands"
    assert await page_of(place, shown, "help") == overview
    await bot.close()


async def test_the_examples_work(place: Place) -> None:
    message = (await place.member.slash(place.channel, "help")).response
    for command in place.env.bot.tree.walk_commands():  # type: ignore[attr-defined]  # the bot is ours
        assert isinstance(command, app_commands.Command)
        if command.name == "help":
            continue
        page = await page_of(place, message, command.name)
        name, _, rest = page["description"].split("\n")[1].strip("`/").partition(" ")
        parts = re.split(r"(?:^|\s)(\w+):", rest)[1:]
        given = dict(zip(parts[::2], parts[1::2], strict=True))
        options = {key: int(value) if value.isdigit() else value for key, value in given.items()}
        if "temperature" in given:
            options["temperature"] = float(given["temperature"])
        result = await place.member.slash(place.channel, name, **options)
        assert result.response.embeds, name
