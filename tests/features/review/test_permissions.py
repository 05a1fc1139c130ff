"""Every command and button of review channels, used by each kind of person."""

from dataclasses import dataclass
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands

from bot.answers.error_reply import TITLES
from bot.features.review.embeds.status import NONE_WATCHED
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, description

REFUSED = "You need View Channel and Manage Messages in"
# Each command of moderators, with its options. "here" is replaced by the watched channel, "somebody" by a member.
COMMANDS: dict[str, dict[str, Any]] = {
    "review watch": {"channel": "here", "notice": False},
    "review live": {"channel": "here", "on": False},
    "review preview": {"channel": "here"},
    "review stats": {"channel": "here"},
    "review backfill": {"channel": "here", "limit": 1},
    "review export": {"channel": "here"},
    "review case": {"number": 1},
    "review exempt": {"who": "somebody"},
    "review status": {},
    "review unwatch": {"channel": "here"},
}
# Commands about questions, which belong to the server and not to a channel.
QUESTION_COMMANDS: dict[str, dict[str, Any]] = {
    "review question define": {"name": "other"},
    "review question change": {"name": "spam"},
    "review question show": {"name": "spam"},
    "review question list": {},
    "review question delete": {"name": "spam"},
}
# Commands about a question in a channel, and what people who moderate it get without any labels.
MEASURING_COMMANDS = {"review audit": "Nothing to audit", "review measure": "Not possible"}
BUTTONS = ("Claim", "Confirm", "Dismiss", "Note")
MEMBER_COMMANDS = {"privacy info", "privacy export", "privacy delete", "privacy optout", "privacy optin"}


@dataclass(frozen=True)
class People:
    member: Any
    elsewhere: Any  # moderates the server, but not this channel
    admin: Any


@pytest.fixture
async def people(place: ReviewPlace) -> People:
    administrators = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    away = place.guild.create_role("away")
    elsewhere = place.guild.add_member(place.env.create_user("elsa"), roles=[away, place.guild.roles["moderators"]])
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    await channel.set_permissions(channel.guild.get_role(away.id), view_channel=True, manage_messages=False)
    admin = place.guild.add_member(place.env.create_user("root"), roles=[administrators])
    return People(place.member, elsewhere, admin)


def options(place: ReviewPlace, command: str) -> dict[str, Any]:
    replacements = {"here": place.channel, "somebody": place.other}
    return {name: replacements.get(value, value) for name, value in COMMANDS[command].items()}


async def test_the_table_has_every_command(place: ReviewPlace) -> None:
    bot: Any = place.env.bot
    commands = [command for command in bot.tree.walk_commands() if isinstance(command, app_commands.Command)]
    groups = {command.qualified_name for command in commands if command.parent is not None}
    assert groups == set(COMMANDS) | set(QUESTION_COMMANDS) | set(MEASURING_COMMANDS) | MEMBER_COMMANDS


@pytest.mark.parametrize("command", QUESTION_COMMANDS)
async def test_who_can_change_questions(place: ReviewPlace, people: People, command: str) -> None:
    await place.define()
    given = QUESTION_COMMANDS[command]
    with pytest.raises(simcord.SetupError):
        await people.member.slash(place.elsewhere, command, **given)
    overwrites = {people.member: discord.PermissionOverwrite(manage_messages=True)}
    own = place.guild.create_text_channel("own", overwrites=overwrites)
    only_there = await people.member.slash(own, command, **given)
    changes = command.rsplit(" ", maxsplit=1)[-1] in {"define", "change", "delete"}
    if changes:
        assert "Manage Messages in the whole server" in description(only_there)
    else:
        assert only_there.response.embeds[0].title not in TITLES.values(), description(only_there)
    for allowed in (people.admin, people.elsewhere):
        result = await allowed.slash(place.elsewhere, command, **given)
        assert result.response is None or result.response.embeds[0].title not in TITLES.values(), description(result)
        if command == "review question delete":
            await place.define()


@pytest.mark.parametrize("command", MEASURING_COMMANDS)
async def test_who_can_audit_and_measure_questions(place: ReviewPlace, people: People, command: str) -> None:
    await place.watch(notice=False)
    await place.define()
    await place.ask()
    given = {"channel": place.channel, "question": "spam"}
    with pytest.raises(simcord.SetupError):
        await people.member.slash(place.elsewhere, command, **given)
    assert REFUSED in description(await people.elsewhere.slash(place.elsewhere, command, **given))
    for allowed in (people.admin, place.moderator):
        result = await allowed.slash(place.elsewhere, command, **given)
        assert result.response.ephemeral
        assert result.response.embeds[0].title == MEASURING_COMMANDS[command], description(result)


async def test_going_back_needs_permissions_in_both_channels(place: ReviewPlace, people: People) -> None:
    await place.go_live_with()
    await place.watch(question="spam", threshold=0.7)
    [notice] = [message for message in place.log.history() if "shadow" in str(message.embeds[0].title)]
    refused = await people.elsewhere.click(notice, label="Back to the previous one")
    assert REFUSED in description(refused)
    assert (await place.question()).rule.threshold == 0.7
    await people.admin.click(notice, label="Back to the previous one")
    assert (await place.question()).rule.threshold == 0.8
    await place.moderator.slash(place.channel, "review unwatch", channel=place.channel, question="spam")
    gone = await people.admin.click(notice, label="Back to the previous one")
    assert "no longer asked" in description(gone)


@pytest.mark.parametrize("command", COMMANDS)
async def test_who_can_use_each_command(place: ReviewPlace, people: People, command: str) -> None:
    await place.start_flagging()
    await place.other.send(place.channel, BAD)
    with pytest.raises(simcord.SetupError):  # Discord does not offer it to members
        await people.member.slash(place.elsewhere, command, **options(place, command))
    result = await people.elsewhere.slash(place.elsewhere, command, **options(place, command))
    assert result.response.ephemeral
    if command == "review status":
        assert description(result) == NONE_WATCHED  # they can moderate no watched channel
    elif command == "review exempt":
        assert "are not read in this server" in description(
            result
        )  # an exemption is for the server, where they have the permission
    else:
        assert REFUSED in description(result)
    for allowed in (people.admin, place.moderator):
        if command == "review unwatch":
            await place.watch(notice=False)
        result = await allowed.slash(place.elsewhere, command, **options(place, command))
        assert result.response.ephemeral
        assert result.response.embeds[0].title not in TITLES.values(), description(result)


@pytest.mark.parametrize("button", BUTTONS)
async def test_who_can_press_each_button(place: ReviewPlace, people: People, button: str) -> None:
    await place.start_flagging()
    for allowed in (people.admin, place.moderator):
        await place.other.send(place.channel, BAD)
        card = place.cards[-1]
        refused = await people.elsewhere.click(card, label=button)
        assert refused.response.ephemeral
        assert REFUSED in description(refused)
        with pytest.raises(simcord.SetupError):  # the log channel is hidden from members
            await people.member.click(card, label=button)
        done = await allowed.click(card, label=button)
        if button == "Note":
            await allowed.submit_modal(done, {"text": "Seen."})
        case = await place.store.cases.by_number(place.guild.id, len(place.cards))
        assert case is not None
        assert len(await place.store.cases.history(case.id)) == 2


async def test_watching_needs_permissions_in_both_channels(place: ReviewPlace, people: People) -> None:
    for channel, log in ((place.channel, place.log), (place.elsewhere, place.channel)):
        refused = await people.elsewhere.slash(
            place.elsewhere, "review watch", channel=channel, log_channel=log, flag_below=0.5
        )
        assert REFUSED in description(refused)
    assert await place.store.places.all() == []


async def test_another_server_sees_no_data_of_this_one(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    other = place.env.create_guild("Elsewhere")
    lobby = other.create_text_channel("lobby")
    admin = other.add_member(place.env.create_user("eve"), roles=[
        other.create_role("admins", permissions=discord.Permissions(administrator=True))
    ])  # fmt: skip
    assert description(await admin.slash(lobby, "review status")) == NONE_WATCHED
    assert "There is no case 1" in description(await admin.slash(lobby, "review case", number=1))
    with pytest.raises(simcord.SetupError):
        await admin.slash(lobby, "review preview", channel=place.channel)


async def test_direct_messages_offer_privacy_but_not_review(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    await place.member.send(place.channel, GOOD)
    user = place.env.create_user("solo")
    assert {name for name in user.available_commands() if name.startswith("review")} == set()
    with pytest.raises(simcord.SetupError):
        await user.slash("review status")
    info = await user.slash("privacy info")
    assert "**The text is not stored**" in description(info)
