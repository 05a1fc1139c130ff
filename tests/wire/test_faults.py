"""Many people at once, and a Discord that stumbles: nothing is answered twice, and what fails harms nobody else."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.wire.discord_peer import Asked, Discord, discord_on_loopback
from tests.wire.running import PATIENCE, answered, started, until_loaded

PROMPT = "It was a dark and stormy"


def titles(asked: Asked) -> list[str]:
    """Return the titles of what the asker sees in the end."""
    messages = [message for message in (asked.original, *asked.followups) if message is not None]
    return [message["embeds"][0]["title"] for message in messages]


async def still_serves(discord: Discord) -> None:
    assert titles(await answered(await discord.slash("topk", user=99, prompt=PROMPT))) == ["Next token"]


async def test_an_interaction_that_arrives_twice_is_answered_once(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        seen = discord.callbacks_seen
        asked = await answered(await discord.slash("topk", prompt=PROMPT, times=2))
        await still_serves(discord)
        assert discord.callbacks_seen == seen + 3
        assert (len(asked.callbacks), asked.edits, asked.followups) == (1, 1, [])


async def test_an_interaction_that_is_too_old_is_left_alone(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        asked = await discord.slash("topk", prompt=PROMPT, age=4)
        await still_serves(discord)
        assert (asked.callbacks, asked.edits, asked.followups) == ([], 0, [])


@pytest.mark.parametrize(
    ("faults", "answers"), [([500], 1), ([500, 500], 0), ([0], 0), ([400], 0)], ids=["500", "500 twice", "hangs", "400"]
)
async def test_an_acknowledgement_that_fails_is_repeated_in_time_or_given_up(
    tmp_path: Path, faults: list[int], answers: int
) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        discord.callback_faults = list(faults)
        seen = discord.callbacks_seen
        asked = await discord.slash("topk", prompt=PROMPT)
        await asyncio.sleep(4)  # longer than Discord waits
        assert len(asked.callbacks) == asked.edits == answers
        assert discord.callbacks_seen - seen == len(faults) + answers  # no storm of failing requests
        await still_serves(discord)


@pytest.mark.parametrize("people", [40, 200])
async def test_many_at_once_are_each_acknowledged_and_end_once(tmp_path: Path, people: int) -> None:
    async with (
        discord_on_loopback() as (discord, port),
        started(port, cwd=tmp_path, BOT_QUEUE_LIMIT="32", BOT_REQUEST_TIMEOUT="60"),
    ):
        await until_loaded(discord)
        everyone = [
            await discord.slash("continue", user=user, prompt=PROMPT, max_new_tokens=10) for user in range(people)
        ]
        await asyncio.wait_for(asyncio.gather(*(asked.answered.wait() for asked in everyone)), 2 * PATIENCE)
        await still_serves(discord)
    outcomes: Counter[str] = Counter()
    for asked in everyone:
        (title,) = titles(asked)
        assert len(asked.callbacks) == 1
        assert asked.callbacks[0]["type"] == (4 if title == "Busy" else 5)
        outcomes[title] += 1
    assert set(outcomes) <= {"Continuation", "Busy"}
    assert outcomes["Continuation"] >= 32
    texts = {asked.original["embeds"][0]["description"] for asked in everyone if asked.original and asked.edits}
    assert len(texts) == 1  # the same prompt, greedily: the same text for everyone
