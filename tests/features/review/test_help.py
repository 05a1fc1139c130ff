"""`/help` with review channels switched on: more commands than one menu has room for."""

from typing import Any

from discord import app_commands

from tests.features.messages import parts_of
from tests.features.people import embed_of
from tests.features.review.conftest import ReviewPlace


def options_of(message: Any) -> list[dict[str, Any]]:
    return [option for part in parts_of(message) for option in part["options"]]


async def test_every_command_can_be_reached(place: ReviewPlace) -> None:
    message = (await place.member.slash(place.channel, "help")).response
    tree = place.env.bot.tree  # type: ignore[attr-defined]  # the bot is ours
    commands = {command.qualified_name for command in tree.walk_commands() if isinstance(command, app_commands.Command)}
    assert len(commands) > 25
    assert "More in the menu below: **/privacy**, **/review**" in embed_of(message)["description"]
    paths = {option["value"]: [option["value"]] for option in options_of(message)}
    pages = dict.fromkeys(paths, "")
    while unread := [name for name, title in pages.items() if not title]:
        for name in paths[unread[0]]:
            shown = (await place.member.select(message, [name])).response or message
        pages[unread[0]] = embed_of(shown)["title"]
        assert len(options_of(shown)) <= 25
        for option in options_of(shown):
            if option["value"] not in {"help", *paths}:
                paths[option["value"]] = [*paths[unread[0]], option["value"]]
                pages[option["value"]] = ""
        await place.member.select(message, ["help"])
    assert commands <= {"help", *pages}
    assert all(title == f"/{name}" for name, title in pages.items())
