"""A continuation while it is being written: it grows at a steady pace and can be stopped at any time."""

import itertools
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.wire.discord_peer import Discord, discord_on_loopback
from tests.wire.people import MEMBER, Interaction
from tests.wire.running import (
    PROMPT,
    check_still_serves,
    started,
    until,
    until_loaded,
    wait_for_answer,
    wait_for_end,
    wait_for_final_answer,
    wait_for_first_message,
)

MODERATOR = MEMBER | 1 << 13


@asynccontextmanager
async def slow_bot(tmp_path: Path, slow_model: Path, **settings: str) -> AsyncIterator[Discord]:
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_MODEL=str(slow_model), **settings),
    ):
        await until_loaded(discord)
        yield discord


async def first_draft(interaction: Interaction) -> Any:
    await wait_for_first_message(interaction)
    assert interaction.titles == ["Writing …"]
    return interaction.original


SETTLED = ["Continue (20 more)", "Details"]  # the buttons below a finished continuation


def labels(message: Any) -> list[str]:
    """Return the buttons' labels. The menu below a finished continuation has none."""
    return [part["label"] for row in message["components"] for part in row["components"] if "label" in part]


def text(message: Any) -> str:
    return str(message["embeds"][0]["description"])


async def test_a_draft_grows_at_its_pace_and_ends_with_the_whole_text(tmp_path: Path, slow_model: Path) -> None:
    async with slow_bot(tmp_path, slow_model) as discord:
        interaction = await discord.slash("continue", prompt=PROMPT, max_new_tokens=256)
        await first_draft(interaction)
        await wait_for_final_answer(interaction)
    assert interaction.titles == ["Continuation"]
    assert len(interaction.shown) >= 3
    times = [time for time, _ in interaction.shown]
    drafted = times[:-1]
    # Checked on average: on a busy machine a draft can arrive late and the next one in time.
    assert drafted[-1] - drafted[0] > len(drafted) - 1
    drafts = [text(message).rstrip("*") for _, message in interaction.shown]
    assert all(later.startswith(earlier[: len(PROMPT) + 20]) for earlier, later in itertools.pairwise(drafts))
    assert all(len(earlier) < len(later) for earlier, later in itertools.pairwise(drafts))
    assert [labels(message) for _, message in interaction.shown] == [["Stop"]] * (len(drafts) - 1) + [SETTLED]


@pytest.mark.parametrize("strategy", ["greedy", "sample", "beam"])
async def test_stop_keeps_what_is_written_and_says_so(tmp_path: Path, slow_model: Path, strategy: str) -> None:
    options: dict[str, Any] = {"num_beams": 3} if strategy == "beam" else {}
    async with slow_bot(tmp_path, slow_model) as discord:
        interaction = await discord.slash("continue", prompt=PROMPT, strategy=strategy, max_new_tokens=250, **options)
        draft = await first_draft(interaction)
        pressed = await discord.press("Stop", draft)
        await wait_for_final_answer(interaction)
        assert pressed.callbacks[0]["type"] == 6
        fields = {field["name"]: field["value"] for field in interaction.original["embeds"][0]["fields"]}  # type: ignore[index]  # it is there
        assert fields["Stopped"].startswith("by a person, after ")
        # In a beam search, another beam with fewer characters can take the lead.
        shortest = len(f"{PROMPT} **a**") if strategy == "beam" else len(text(draft))
        assert len(text(interaction.original)) >= shortest
        assert labels(interaction.original)[0] == "Continue (20 more)"
        more = await discord.press("Continue", interaction.original, user=2)  # type: ignore[arg-type]  # as above
        assert text((await wait_for_final_answer(more)).original).startswith(
            text(interaction.original).rstrip("*")[:60]
        )
        await check_still_serves(discord)


async def test_a_waiting_request_shows_its_place_in_the_queue_and_can_be_cancelled(
    tmp_path: Path, slow_model: Path
) -> None:
    async with slow_bot(tmp_path, slow_model, BOT_BATCH_SIZE="1") as discord:
        first = await discord.slash("continue", user=1, prompt=PROMPT, max_new_tokens=250)
        second = await discord.slash("continue", user=2, prompt=PROMPT, max_new_tokens=250)
        third = await discord.slash("continue", user=3, prompt=PROMPT, max_new_tokens=250)
        await wait_for_first_message(third)
        assert third.titles == ["Waiting …"]
        assert third.original is not None
        assert third.original["embeds"][0]["footer"]["text"].startswith("1 ahead in the queue")
        await wait_for_answer(await discord.slash("model", user=9))
        await discord.press("Stop", third.original, user=3)
        assert (await wait_for_final_answer(third)).titles == ["Cancelled"]
        await discord.press("Stop", (await wait_for_first_message(first)).original, user=1)  # type: ignore[arg-type]  # it is there
        await wait_for_final_answer(first)
        await until(lambda: second.titles == ["Writing …"])


async def test_only_the_asker_and_moderators_can_stop(tmp_path: Path, slow_model: Path) -> None:
    async with slow_bot(tmp_path, slow_model) as discord:
        interaction = await discord.slash("continue", user=1, prompt=PROMPT, max_new_tokens=250)
        draft = await first_draft(interaction)
        other = await wait_for_answer(await discord.press("Stop", draft, user=2))
        assert (other.titles, other.private) == (["Not yours"], True)
        assert interaction.titles == ["Writing …"]
        await discord.press("Stop", draft, user=3, permissions=MODERATOR)
        await wait_for_final_answer(interaction)
        assert interaction.titles == ["Continuation"]


async def test_after_a_restart_the_buttons_work_and_stop_says_what_happened(tmp_path: Path, slow_model: Path) -> None:
    model = str(slow_model)
    async with discord_on_loopback() as (discord, port):
        async with started(port, cwd=tmp_path, BOT_MODEL=model) as process:
            await until_loaded(discord)
            whole = await discord.slash("continue", prompt=PROMPT, strategy="sample", seed=3, max_new_tokens=5)
            await wait_for_final_answer(whole)
            interaction = await discord.slash("continue", prompt=PROMPT, max_new_tokens=250)
            draft = await first_draft(interaction)
            process.send_signal(signal.SIGKILL)
            await wait_for_end(process)
        discord.gateway.ready.clear()
        async with started(port, cwd=tmp_path, BOT_MODEL=model):
            await until_loaded(discord)
            pressed = await wait_for_answer(await discord.press("Stop", draft))
            assert (pressed.titles, labels(pressed.original)) == (["Cut off"], [])
            assert text(pressed.original) == text(draft)
            more = await discord.press("Continue", whole.original)  # type: ignore[arg-type]  # it is there
            assert text((await wait_for_final_answer(more)).original).startswith(text(whole.original).rstrip("*"))
            retried = await wait_for_answer(await discord.press("Retry", whole.original))  # type: ignore[arg-type]  # as above
            await wait_for_final_answer(retried)
            assert retried.titles == ["Continuation"]


async def test_an_answer_after_the_end_of_its_interaction_is_posted_as_a_reply(
    tmp_path: Path, slow_model: Path
) -> None:
    async with slow_bot(tmp_path, slow_model) as discord:
        interaction = await discord.slash("continue", prompt=PROMPT, max_new_tokens=200)
        draft = await first_draft(interaction)
        interaction.expired = True
        await until(lambda: discord.posted)
        (late,) = discord.posted
    assert (
        late["content"] == "For user1: this answer took longer than the 15 minutes that Discord keeps a command open."
    )
    assert late["embeds"][0]["title"] == "Continuation"
    assert str(late["message_reference"]["message_id"]) == draft["id"]
    assert labels(late) == SETTLED
