"""Cards: moderators claim, note on and decide cases; the first decision counts, and buttons work after a restart."""

import asyncio
from typing import Any

import discord

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.review.conftest import BAD, ReviewPlace, description, field


def buttons(message: discord.Message) -> list[str]:
    return [button.label for row in message.components for button in row.children]  # type: ignore[union-attr,misc]  # all are buttons


async def test_claim_note_and_confirm_and_an_action_that_comes_too_late(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    card = place.cards[0]
    await place.moderator.click(card, label="Claim")
    assert buttons(place.cards[0]) == ["Release", "Confirm", "Dismiss", "Note"]
    late = await place.second.click(place.cards[0], label="Release")
    assert f"Case 1 is claimed by <@{place.moderator.id}>." in late.followups[0].content
    form = await place.second.click(place.cards[0], label="Note")
    await place.second.submit_modal(form, {"text": "Seems *fair* to me.\n@everyone"})
    await place.moderator.click(place.cards[0], label="Confirm")
    confirmed = place.cards[0]
    assert confirmed.embeds[0].title == "Case 1 · flagged · confirmed"
    assert buttons(confirmed) == ["Note"]
    lines = field(confirmed, "History").splitlines()
    assert [line.split(" · <t:")[0].split(" at ")[0] for line in lines] == [
        "`1` flagged",
        f"`2` claimed by <@{place.moderator.id}>",
        f"`3` <@{place.second.id}>: Seems \\*fair\\* to me. @\u200beveryone",
        f"`4` **confirmed** by <@{place.moderator.id}>",
    ]
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "1 of 1 decided cases were confirmed (100%) · 0 open" in status


async def test_release_opens_a_case_again(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    await place.moderator.click(place.cards[0], label="Claim")
    await place.moderator.click(place.cards[0], label="Release")
    assert buttons(place.cards[0])[0] == "Claim"
    await place.second.click(place.cards[0], label="Dismiss")
    assert place.cards[0].embeds[0].title == "Case 1 · flagged · dismissed"


async def test_only_one_of_simultaneous_decisions_counts(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    act = place.reader.triage.act
    refusals = await asyncio.gather(
        *(act(("confirm", "dismiss")[user_id % 2], case.id, user_id) for user_id in range(8))
    )
    assert refusals.count(None) == 1
    assert len(await place.store.cases.outcomes(place.channel.id)) == 1
    assert len(field(place.cards[0], "History").splitlines()) == 2


async def test_buttons_need_permissions_in_both_channels(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    own = place.guild.create_role("log readers")
    reader = place.guild.add_member(place.env.create_user("reader"), roles=[own, place.guild.roles["moderators"]])
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    role = channel.guild.get_role(own.id)
    await channel.set_permissions(role, manage_messages=False, view_channel=True)
    for button in ("Claim", "Confirm", "Dismiss", "Note"):
        refused = await reader.click(place.cards[0], label=button)
        assert refused.response.ephemeral
        assert "You need View Channel and Manage Messages in" in description(refused)
    assert place.cards[0].embeds[0].title == "Case 1 · flagged"


async def test_a_button_of_a_deleted_case_says_so(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    await place.store.messages.delete([case.message_id])
    refused = await place.moderator.click(place.cards[0], label="Confirm")
    assert "This case was deleted" in description(refused)


async def test_buttons_work_after_a_restart(place: ReviewPlace, demo_model: EngineModel, settings: Settings) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    await place.moderator.click(place.cards[0], label="Claim")
    form = await place.second.click(place.cards[0], label="Note")
    await place.second.submit_modal(form, {"text": "After the restart."})
    await place.second.click(place.cards[0], label="Dismiss")
    assert place.cards[0].embeds[0].title == "Case 1 · flagged · dismissed"
    assert "After the restart." in field(place.cards[0], "History")
    assert len(place.cards) == 1
    await bot.close()


async def test_a_card_that_was_posted_but_not_recorded_is_found(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    database = place.reader._database  # changed to what a crash between posting and recording leaves
    from sqlalchemy import text

    async with database.session() as session:
        await session.execute(text("UPDATE review_case SET card_message_id = NULL"))
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    bot.executor.start()
    bot.executor.wait_until_loaded()
    await place.env.restart_bot(bot)
    await place.env.advance_time(60)
    assert len(place.cards) == 1
    case = await place.store.cases.by_number(place.guild.id, 1)
    assert case is not None
    assert case.card_message_id == place.cards[0].id
    await bot.close()


async def test_a_case_s_history_is_shown_by_its_number(place: ReviewPlace) -> None:
    await place.start_flagging()
    await place.member.send(place.channel, BAD)
    await place.moderator.click(place.cards[0], label="Dismiss")
    shown = await place.moderator.slash(place.channel, "review case", number=1)
    assert shown.response.ephemeral
    assert "`2` **dismissed** by" in description(shown)
    missing = await place.moderator.slash(place.channel, "review case", number=7)
    assert "There is no case 7" in description(missing)
