"""Edits that leave no text that can be scored: the label is removed, and an open case is withdrawn."""

import discord
import pytest

from bot.features.review.embeds.card import REACTIONS
from bot.storage.records import Due, Label, ShownLabel
from tests.features.review.conftest import BAD, GOOD, ReviewPlace, field, message_ids

PICTURE = ("poster.png", b"a picture")
TOO_LONG = "☃" * 1900  # more tokens than characters


async def test_an_edit_that_removes_the_text_deletes_the_message_s_data_and_label(place: ReviewPlace) -> None:
    await place.go_live(label="react")
    message = await place.member.send(place.channel, GOOD, attachments=[PICTURE])
    assert [str(reaction.emoji) for reaction in place.channel.history()[0].reactions] == [REACTIONS["positive"]]
    await place.member.edit(message, "")
    assert await place.store.privacy.messages_of(place.member.id) == []
    assert place.channel.history()[0].reactions == []
    await place.member.edit(message, BAD)
    assert [str(reaction.emoji) for reaction in place.channel.history()[0].reactions] == [REACTIONS["negative"]]


async def test_a_reply_with_a_label_is_deleted_with_the_text(place: ReviewPlace) -> None:
    await place.go_live(label="reply")
    message = await place.member.send(place.channel, GOOD, attachments=[PICTURE])
    assert len(place.channel.history()) == 2
    await place.member.edit(message, "")
    assert message_ids(place.channel) == [message.id]


@pytest.mark.parametrize("text", ["", TOO_LONG])
async def test_an_open_case_is_withdrawn_and_reopened_with_the_text(place: ReviewPlace, text: str) -> None:
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD, attachments=[PICTURE])
    await place.moderator.click(place.cards[0], label="Claim")
    for _ in range(2):  # Discord sends some events twice
        await place.member.edit(message, text)
    (card,) = place.cards
    assert card.embeds[0].title == "Case 1 · flagged · withdrawn"
    lines = [line.split(" · <t:")[0] for line in field(card, "History").splitlines()]
    assert lines[1:] == [
        f"`2` claimed by <@{place.moderator.id}>",
        "`3` the message was edited: it no longer has text that can be scored",
    ]
    assert await place.store.scores.latest(place.channel.id) == []
    assert await place.store.cases.open_count(place.channel.id) == 0
    await place.member.edit(message, BAD)
    (card,) = place.cards
    assert card.embeds[0].title == "Case 1 · flagged"
    assert "flagged again" in field(card, "History")
    assert len(await place.store.scores.latest(place.channel.id)) == 1


async def test_text_removed_while_its_label_is_added_leaves_neither_label_nor_case(
    place: ReviewPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.start_flagging(label="react")
    labels = place.reader.publisher._labels
    show = labels.show

    async def show_then_stop_tracking(due: Due, kind: Label) -> tuple[ShownLabel | None, int | None]:
        label = await show(due, kind)
        await place.store.messages.stop_tracking(due.message_id, "")
        return label

    monkeypatch.setattr(labels, "show", show_then_stop_tracking)
    await place.member.send(place.channel, BAD, attachments=[PICTURE])
    assert place.channel.history()[0].reactions == []
    assert place.cards == []
    assert await place.store.cases.open_count(place.channel.id) == 0


async def test_an_excerpt_is_removed_with_the_text(place: ReviewPlace) -> None:
    admins = place.guild.create_role("admins", permissions=discord.Permissions(administrator=True))
    admin = place.guild.add_member(place.env.create_user("root"), roles=[admins])
    await admin.slash(place.channel, "review watch", channel=place.channel, excerpts=True, notice=False)
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD, attachments=[PICTURE])
    assert field(place.cards[0], "Excerpt") == f"||{BAD}||"
    await place.member.edit(message, "")
    assert "Excerpt" not in {embed_field.name for embed_field in place.cards[0].embeds[0].fields}


async def test_a_decision_of_moderators_is_kept(place: ReviewPlace) -> None:
    await place.start_flagging()
    message = await place.member.send(place.channel, BAD, attachments=[PICTURE])
    await place.moderator.click(place.cards[0], label="Confirm")
    await place.member.edit(message, "")
    (card,) = place.cards
    assert card.embeds[0].title == "Case 1 · flagged · confirmed"
    assert "no longer has text that can be scored" in field(card, "History")


async def test_a_picture_without_text_is_not_stored(place: ReviewPlace) -> None:
    await place.start_flagging(label="reply")
    await place.member.send(place.channel, attachments=[PICTURE])
    assert await place.store.privacy.messages_of(place.member.id) == []
    assert len(place.channel.history()) == 1
