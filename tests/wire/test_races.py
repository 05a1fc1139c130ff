"""Moderators who press a card at the same moment: one outcome, one refusal, and a card with the right history."""

import asyncio
from pathlib import Path

from bot.storage.records import Case
from tests.features.review.conftest import BAD
from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.objects import GUILD, Json
from tests.wire.people import Interaction
from tests.wire.rest import Fault
from tests.wire.review_server import LOG, MODERATES, MODERATORS, grant_message_content, post_review, store_of, watch
from tests.wire.running import started, until, until_loaded

MORGAN, MIKA = 1, 2
FLAG_BELOW = 0.5


def title(card: Json) -> str:
    return str(card["embeds"][0]["title"])


def events(card: Json) -> list[str]:
    """Return the lines of the card's history, without times."""
    history = next(field["value"] for field in card["embeds"][0]["fields"] if field["name"] == "History")
    return [line.split(" · <t:")[0] for line in history.splitlines()]


def buttons(card: Json) -> list[str]:
    return [button["label"] for row in card["components"] for button in row["components"]]


async def post_flagged(discord: Discord) -> Json:
    """Post a review that is flagged, and return a copy of its card."""
    await discord.gateway.dispatch("MESSAGE_CREATE", post_review(discord, BAD))
    (card,) = await until(lambda: discord.messages_in(LOG))
    return dict(card)


async def press(discord: Discord, card: Json, label: str, user: int) -> Interaction:
    return await discord.press(label, card, user=user, permissions=MODERATES, roles=[MODERATORS])


async def only_case(url: str) -> tuple[Case, list[str], int]:
    """Return the case, the kinds of its events, and the number of outcomes."""
    async with store_of(url) as store:
        case = await store.cases.by_number(int(GUILD), 1)
        assert case is not None
        return (
            case,
            [event.kind for event in await store.cases.history(case.id)],
            len(await store.cases.outcomes(case.place_id)),
        )


async def test_of_two_decisions_at_once_one_counts_and_the_other_is_refused(tmp_path: Path, url: str) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": url}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(url, discord, flag_below=FLAG_BELOW)
        async with started(port, cwd=tmp_path, **settings):
            await until_loaded(discord)
            card = await post_flagged(discord)
            assert buttons(card) == ["Claim", "Confirm", "Dismiss", "Note"]
            interactions = await asyncio.gather(
                press(discord, card, "Confirm", MORGAN), press(discord, card, "Dismiss", MIKA)
            )
            (late,) = await until(lambda: [interaction for interaction in interactions if interaction.followups])
            await until(lambda: buttons(discord.messages_in(LOG)[0]) == ["Note"])
        (card,) = discord.messages_in(LOG)
    by, outcome = (900 + MORGAN, "confirmed") if late.user == MIKA else (900 + MIKA, "dismissed")
    assert [followup["content"] for followup in late.followups] == [f"Case 1 was {outcome} by <@{by}>."]
    assert late.followups[0]["flags"] & 64
    case, kinds, outcomes = await only_case(url)
    assert (case.state, case.decided_by, kinds, outcomes) == (outcome, by, ["opened", outcome], 1)
    assert title(card) == f"Case 1 · flagged · {outcome}"
    assert events(card)[1:] == [f"`2` **{outcome}** by <@{by}>"]


async def test_a_decision_made_before_a_kill_counts_once_and_reaches_the_card(tmp_path: Path, url: str) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": url}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(url, discord, flag_below=FLAG_BELOW)
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            card = await post_flagged(discord)
            discord.message_faults["PATCH"] = [Fault(hangs=True)]
            await press(discord, card, "Confirm", MORGAN)
            await until(lambda: discord.count(f"PATCH /channels/{LOG}"))
            process.kill()
            await process.wait()
        assert title(discord.messages_in(LOG)[0]) == "Case 1 · flagged"  # decided, but the card does not show it yet
        discord.ready.clear()
        async with started(port, cwd=tmp_path, **settings):
            await until_loaded(discord)
            late = await press(discord, card, "Dismiss", MIKA)
            await until(lambda: late.followups)
            await until(lambda: buttons(discord.messages_in(LOG)[0]) == ["Note"])
        (card,) = discord.messages_in(LOG)
    assert [followup["content"] for followup in late.followups] == [f"Case 1 was confirmed by <@{900 + MORGAN}>."]
    case, kinds, outcomes = await only_case(url)
    assert (case.state, case.decided_by, kinds, outcomes) == ("confirmed", 900 + MORGAN, ["opened", "confirmed"], 1)
    assert title(card) == "Case 1 · flagged · confirmed"
    assert events(card)[1:] == [f"`2` **confirmed** by <@{900 + MORGAN}>"]


async def test_a_card_whose_update_failed_is_updated_after_a_restart(tmp_path: Path, sqlite_url: str) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord, flag_below=FLAG_BELOW)
        async with started(port, cwd=tmp_path, **settings) as process:
            await until_loaded(discord)
            card = await post_flagged(discord)
            discord.message_faults["PATCH"] = [Fault(hangs=True)]
            await press(discord, card, "Claim", MORGAN)
            await until(lambda: discord.count(f"PATCH /channels/{LOG}"))
            process.kill()
            await process.wait()
        async with started(port, cwd=tmp_path, **settings):
            (card,) = await until(
                lambda: [message for message in discord.messages_in(LOG) if buttons(message)[0] == "Release"]
            )
    assert events(card)[1:] == [f"`2` claimed by <@{900 + MORGAN}>"]
