"""`/help` with review channels switched on: more commands than one embed has fields for."""

from discord import app_commands

from tests.features.review.conftest import ReviewPlace


async def test_help_lists_every_command(place: ReviewPlace) -> None:
    embeds = (await place.member.slash(place.channel, "help")).response.embeds
    tree = place.env.bot.tree  # type: ignore[attr-defined]  # the bot is ours
    commands = [command for command in tree.walk_commands() if isinstance(command, app_commands.Command)]
    names = [field.name for embed in embeds for field in embed.fields]
    assert names == [*(f"/{name}" for name in sorted(command.qualified_name for command in commands)), "On a message"]
    assert len(names) > 25
    assert sum(len(embed) for embed in embeds) <= 6000
