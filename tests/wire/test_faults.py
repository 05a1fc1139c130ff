"""Faults of Discord: no answer is lost silently or sent twice, and a failing request is not repeated without limit."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.wire.discord_peer import discord_on_loopback
from tests.wire.rest import Fault
from tests.wire.running import (
    PROMPT,
    check_still_serves,
    started,
    until,
    until_loaded,
    wait_for_answer,
    wait_for_end,
    wait_for_final_answer,
)

CALLBACK, EDIT = "POST /interactions", "PATCH /webhooks"


@pytest.mark.parametrize("command", ["topk", "continue"])
async def test_an_interaction_that_arrives_twice_is_answered_once(tmp_path: Path, command: str) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        seen = discord.count(CALLBACK)
        interaction = await wait_for_answer(await discord.slash(command, prompt=PROMPT, times=2))
        await check_still_serves(discord)
        assert discord.count(CALLBACK) == seen + 3
        assert (len(interaction.callbacks), interaction.final_edits, interaction.followups) == (1, 1, [])
        assert discord.refused.pop() == "Interaction has already been acknowledged."
        process.send_signal(signal.SIGTERM)
        assert "Traceback" not in (await wait_for_end(process))[2]


async def test_an_interaction_that_is_too_old_is_left_alone(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        interaction = await discord.slash("topk", prompt=PROMPT, age=4)
        await check_still_serves(discord)
        assert (interaction.callbacks, interaction.edits, interaction.followups) == ([], 0, [])


@pytest.mark.parametrize(
    ("faults", "answers"),
    [
        ([Fault(500)], 1),
        ([Fault(500), Fault(500)], 0),
        ([Fault(hangs=True)], 0),
        ([Fault(400)], 0),
        ([Fault(429, {"Retry-After": "1"})], 0),
        ([Fault(429, {"Via": "1.1 google"}, {"message": "slow down", "retry_after": 0.2, "global": False})], 1),
    ],
    ids=["500", "500 twice", "hangs", "400", "429 from a proxy", "429 from Discord"],
)
async def test_an_acknowledgement_that_fails_is_repeated_in_time_or_given_up(
    tmp_path: Path, faults: list[Fault], answers: int
) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        discord.callback_faults = list(faults)
        seen = discord.count(CALLBACK)
        interaction = await discord.slash("topk", prompt=PROMPT)
        await asyncio.sleep(4)  # longer than Discord waits
        if answers:
            await wait_for_answer(interaction)
        assert len(interaction.callbacks) == interaction.edits == answers
        assert discord.count(CALLBACK) - seen == len(faults) + answers
        await check_still_serves(discord)
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert (code, "Traceback" in err) == (0, False)
    assert ("acknowledged" in err) == (answers == 0)


@pytest.mark.parametrize("private", [False, True])
async def test_an_acknowledgement_whose_response_is_lost_still_gets_an_answer(tmp_path: Path, private: bool) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        discord.callback_faults = [Fault(hangs=True, taken=True)]
        interaction = await wait_for_answer(await discord.slash("topk", prompt=PROMPT, private=private))
        await check_still_serves(discord)
        assert interaction.titles == ["Discord was slow"]
        assert len(interaction.callbacks) == 1


RATE_LIMIT = {"message": "You are being rate limited.", "retry_after": 0.3, "global": False}


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(500)],
        [Fault(502), Fault(503)],
        [Fault(429, {"Via": "1.1 google", "Retry-After": "1"}, RATE_LIMIT)],
        [Fault(429, {"Retry-After": "1"})],
        [Fault(429)],
    ],
    ids=["500", "502 and 503", "429 from Discord", "429 with Retry-After", "429 without"],
)
async def test_an_answer_that_fails_is_sent_again(tmp_path: Path, faults: list[Fault]) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        discord.edit_faults = list(faults)
        seen = discord.count(EDIT)
        interaction = await wait_for_answer(await discord.slash("topk", prompt=PROMPT))
        assert (interaction.titles, interaction.edits) == (["Next token"], 1)
        assert discord.count(EDIT) - seen == len(faults) + 1


async def test_an_answer_that_hangs_is_sent_again_and_does_not_hold_up_others(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path):
        await until_loaded(discord)
        discord.edit_faults = [Fault(hangs=True)]
        interaction = await discord.slash("topk", prompt=PROMPT)
        await until(interaction.acknowledged.is_set)
        await check_still_serves(discord)
        assert not interaction.answered.is_set()
        await wait_for_answer(interaction)
        assert (interaction.titles, interaction.edits) == (["Next token"], 1)


@pytest.mark.parametrize("private", [False, True])
async def test_an_expired_token_is_given_up_at_once_and_logged(tmp_path: Path, private: bool) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        seen = discord.count(EDIT)
        interaction = await discord.slash("continue", prompt=PROMPT, max_new_tokens=20, private=private)
        interaction.expired = True
        await until(interaction.refused.is_set)
        await check_still_serves(discord)
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert (code, "Traceback" in err, interaction.edits, interaction.followups) == (0, False, 0, [])
    assert f"could not deliver the answer to interaction {interaction.id} (expired): 404" in err
    assert len(discord.posted) == (0 if private else 1)
    # The answer, perhaps a draft before it if the machine is slow, and the answer of check_still_serves().
    assert discord.count(EDIT) - seen in {2, 3}


async def test_an_outage_while_answering_ends_after_few_requests(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        discord.edit_faults = [Fault(500)] * 1000
        seen = discord.count(EDIT)
        for user in range(10):
            await discord.slash("tokenize", user=user, text=PROMPT)
        await until(lambda: discord.count(EDIT) - seen >= 10)
        await asyncio.sleep(10)
        assert discord.count(EDIT) - seen <= 10 * 4
        process.send_signal(signal.SIGTERM)
        code, _, err = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in err
    assert "shut down before 10 answers were delivered" in err


@pytest.mark.parametrize("rudely", [False, True], ids=["closed by Discord", "cut"])
async def test_a_dropped_gateway_is_resumed_and_requests_made_meanwhile_are_answered(
    tmp_path: Path, rudely: bool
) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        running = await discord.slash("continue", prompt=PROMPT, max_new_tokens=100)
        await until(running.acknowledged.is_set)
        await discord.gateway.drop(rudely=rudely)
        meanwhile = await discord.slash("topk", prompt=PROMPT)
        await until(discord.gateway.resumed.is_set)
        assert (await wait_for_final_answer(running)).titles == ["Continuation"]
        if rudely:  # discord.py waits before it reconnects, usually longer than Discord waits for an answer
            await check_still_serves(discord)
        else:
            assert (await wait_for_answer(meanwhile)).titles == ["Next token"]
        assert len(meanwhile.callbacks) <= 1
        assert discord.gateway.identified == 1
        process.send_signal(signal.SIGTERM)
        assert (await wait_for_end(process))[0] == 0
